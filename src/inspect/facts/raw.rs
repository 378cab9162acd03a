//! The few questions that `nix` has no function for: statx(2) with mount ids, getpriority(2), and the standard
//! descriptors by number, which may be closed.
#![allow(unsafe_code)] // three system calls without a wrapper

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// What statx(2) says of an open file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statx {
    /// Type and permission bits.
    pub(super) mode: u32,
    /// Group id.
    pub(super) gid: u32,
    /// In bytes.
    pub(super) size: u64,
    /// The mount that it lies on; `None` before Linux 5.8.
    pub(super) mount: Option<u64>,
    /// `chattr +i` or `+a`: not even root can replace it.
    pub(super) immutable: bool,
}

/// Returns what lies behind `fd`. Where statx(2) is not there (before 4.11) or refused by a seccomp profile older than it,
/// what fstat(2) knows.
pub(super) fn statx(fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
    match by_statx(fd) {
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let plain = fstat(fd.as_raw_fd()).ok_or(Errno::EBADF)?;
            let size = u64::try_from(plain.st_size).unwrap_or_default();
            Ok(Statx { mode: plain.st_mode, gid: plain.st_gid, size, mount: None, immutable: false })
        }
        answer => answer,
    }
}

fn by_statx(fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
    let mask = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let mut buffer = MaybeUninit::<libc::statx>::zeroed();
    let path = c"".as_ptr();
    // SAFETY: the descriptor is open, the path is an empty C string, and the buffer has the size that the call writes.
    // The raw call, because std names glibc's wrapper as a weak symbol, which a static link with LTO leaves null.
    let answer =
        unsafe { libc::syscall(libc::SYS_statx, fd.as_raw_fd(), path, libc::AT_EMPTY_PATH, mask, buffer.as_mut_ptr()) };
    Errno::result(answer)?;
    // SAFETY: every field is a number, so the zeroed and then (partly) written buffer is a value.
    let answer = unsafe { buffer.assume_init() };
    // The attributes are bits of a number of another sign here.
    let frozen = (libc::STATX_ATTR_IMMUTABLE | libc::STATX_ATTR_APPEND) as u64;
    Ok(Statx {
        mode: u32::from(answer.stx_mode),
        gid: answer.stx_gid,
        size: answer.stx_size,
        mount: (answer.stx_mask & libc::STATX_MNT_ID != 0).then_some(answer.stx_mnt_id),
        immutable: answer.stx_attributes & frozen != 0,
    })
}

/// Returns our nice value. The system call answers 20 - nice, so that no answer looks like an error (getpriority(2)).
pub(super) fn nice() -> i32 {
    // SAFETY: takes numbers only.
    let answer = unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) };
    i32::try_from(answer).ok().filter(|answer| (1..=40).contains(answer)).map_or(0, |answer| 20 - answer)
}

/// Returns the state of a descriptor by its number; `None` where it is closed.
pub(super) fn fstat(fd: i32) -> Option<libc::stat> {
    let mut buffer = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: any number may be asked for, and the buffer has the size that the call writes.
    let answer = unsafe { libc::fstat(fd, buffer.as_mut_ptr()) };
    // SAFETY: every field is a number, so the zeroed buffer is a value.
    (answer == 0).then(|| unsafe { buffer.assume_init() })
}

/// Returns whether a descriptor is a terminal.
pub(super) fn isatty(fd: i32) -> bool {
    // SAFETY: any number may be asked for.
    unsafe { libc::isatty(fd) == 1 }
}
