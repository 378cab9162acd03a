//! Descriptors 0 to 2 at the start of this program. If one is closed, the next file that is opened would take its place, and
//! what is printed would go there. Must not allocate or print.
#![allow(unsafe_code)] // raw calls on descriptors by number

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use nix::libc;

use crate::sys::{descriptors, dev_null};

/// The state of each that was open.
static STATES: [OnceLock<libc::stat>; 3] = [const { OnceLock::new() }; 3];

/// Which descriptors were closed: one bit each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Returns whether the descriptor was closed when this process started.
pub fn was_closed(fd: i32) -> bool {
    let bit = u32::try_from(fd).ok().and_then(|fd| 1_u8.checked_shl(fd));
    bit.is_some_and(|bit| CLOSED.load(Ordering::Relaxed) & bit != 0)
}

/// Returns the state that descriptor 0, 1 or 2 had when this process started, or has now, if it was closed then.
pub fn state_of(fd: i32) -> Option<libc::stat> {
    let known = usize::try_from(fd).ok().and_then(|fd| STATES.get(fd)?.get());
    known.copied().or_else(|| descriptors::stat_of(fd))
}

/// Notes that the descriptor has been opened since.
pub fn note_open(fd: i32) {
    if let Some(bit) = u32::try_from(fd).ok().and_then(|fd| 1_u8.checked_shl(fd)) {
        CLOSED.fetch_and(!bit, Ordering::Relaxed);
    }
}

/// Opens `/dev/null` at those that are closed, or something else that is as empty. To be called before any other file is
/// opened.
pub fn open_missing() {
    for (fd, known) in (0..).zip(&STATES) {
        match descriptors::stat_of(fd) {
            Some(state) => known.set(state).unwrap_or_default(),
            None => {
                CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
                open_as(fd);
            }
        }
    }
}

/// The kernel assigns the lowest free number, and those below are open: what is opened here becomes `fd`.
fn open_as(fd: i32) {
    // SAFETY: a NUL-terminated path; O_NONBLOCK, because a FIFO may stand there.
    let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_NONBLOCK | libc::O_NOCTTY) };
    if null == fd && is_null(null) {
        // SAFETY: takes numbers only. A device that is never busy needs no O_NONBLOCK, and its users do not expect it.
        unsafe { libc::fcntl(null, libc::F_SETFL, 0) };
        return;
    }
    if null >= 0 {
        // SAFETY: it was opened here, and nobody else knows it.
        unsafe { libc::close(null) };
    }
    match fd {
        0 => open_empty_pipe(),
        _ => open_unconnected_socket(),
    }
}

/// Opens a pipe without a writer as descriptor 0: end of file at once.
fn open_empty_pipe() {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two numbers.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } == 0 {
        // SAFETY: it was opened here, and nobody else knows it.
        unsafe { libc::close(ends[1]) };
    }
}

/// Opens a socket without a peer: writes to it fail, as to the closed descriptor, and raise no SIGPIPE.
fn open_unconnected_socket() {
    // SAFETY: takes numbers only.
    unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0) };
}

fn is_null(fd: i32) -> bool {
    descriptors::stat_of(fd)
        .is_some_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == dev_null::NUMBER)
}
