//! Descriptors that PID 1 was started with, by number, and the limit on them.
#![allow(unsafe_code)] // close_range(2); numbers that may be closed have no safe handle

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{OFlag, open};
use nix::libc::{self, c_int, c_uint};
use nix::sys::resource::{Resource as Which, getrlimit, setrlimit};
use nix::sys::stat::Mode;

use crate::config::service::{Limit, Resource};
use crate::error::Refused;
use crate::sys::files::descriptors::open_below;

/// Descriptors that PID 1 needs besides those of services: epoll sets, sockets, files that are open for a moment.
const RESERVED: u64 = 64;
/// Descriptors for a service: its two log pipes, its readiness and exec pipes.
const PER_SERVICE: u64 = 4;

/// The descriptors that one program of a stage needs in PID 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramNeeds {
    /// The number that is open while it is started, including those that stay open.
    pub start: usize,
    /// The number that stays open while it runs; 0 if it has exited before others are started.
    pub kept: usize,
}

/// The descriptors that the programs of a stage need in PID 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescriptorNeeds {
    /// The services that are started automatically, and the main command.
    pub programs: Vec<ProgramNeeds>,
    /// Whether one of them is the main command, which is started when the others run.
    pub has_main: bool,
}

/// Returns the limit on open files, if it is so low that descriptors have to be counted.
pub fn low_limit() -> Option<usize> {
    let limit = match LIMIT.load(Ordering::Relaxed) {
        0 => getrlimit(Which::RLIMIT_NOFILE).ok()?.0,
        known => known,
    };
    // Open descriptors are counted one by one; no boot has nearly this many.
    usize::try_from(limit).ok().filter(|limit| *limit <= ENOUGH)
}

/// Refuses to start anything if the main command, or no program at all, could ever be started. Without a main command some
/// services run, and the others report why they do not. To be called when everything else that the event loop needs is open.
///
/// # Errors
/// When `limit` is lower than that.
pub fn check_limit(limit: usize, needs: &DescriptorNeeds) -> Result<(), Refused> {
    let least = open_below(limit) + needs.peak();
    if least <= limit {
        return Ok(());
    }
    let count = needs.programs.len();
    let programs = if count == 1 { "one program".to_owned() } else { format!("{count} programs") };
    let why = format!("{limit} open files are allowed, and at least {least} are needed");
    Err(Refused::new(format!("cannot run {programs}"), io::Error::other(why)).fix(fix(recommended(count))))
}

/// The limit on open files since [`raise_limit`]; 0 before.
static LIMIT: AtomicU64 = AtomicU64::new(0);

/// A limit that needs no counting.
const ENOUGH: usize = 4096;

impl DescriptorNeeds {
    /// Returns how many descriptors must be available: for the start of the main command and of each service, besides those
    /// that all others keep; without a main command, for at least one start.
    fn peak(&self) -> usize {
        let kept: usize = self.programs.iter().map(|program| program.kept).sum();
        let beside = |program: &ProgramNeeds| kept.saturating_sub(program.kept) + program.start;
        match self.has_main {
            true => self.programs.iter().map(beside).max(),
            false => self.programs.iter().map(|program| program.start).min(),
        }
        .unwrap_or_default()
    }
}

fn recommended(programs: usize) -> u64 {
    RESERVED + PER_SERVICE * u64::try_from(programs).unwrap_or(u64::MAX / 8)
}

fn fix(needed: u64) -> String {
    format!("compose: `ulimits: {{ nofile: {needed} }}`; docker run: `--ulimit nofile={needed}`")
}

/// Returns an error that names the limit, if that is the cause.
pub fn refused_at_limit(what: &str, cause: io::Error) -> Refused {
    let is_limit = matches!(cause.raw_os_error(), Some(libc::EMFILE));
    let refused = Refused::new(what, cause);
    if is_limit { refused.fix(fix(recommended(1))) } else { refused }
}

/// Returns descriptor 0, 1 or 2; 2 for any higher number.
pub fn standard(fd: i32) -> BorrowedFd<'static> {
    // SAFETY: std opens 0 to 2 at the start where they were closed, and nothing here closes them.
    unsafe { BorrowedFd::borrow_raw(fd.clamp(0, 2)) }
}

/// Returns the state of a descriptor by its number; `None` where it is closed.
pub fn stat_of(fd: i32) -> Option<libc::stat> {
    let mut buffer = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: any number may be asked for, and the buffer has the size that the call writes.
    let result = unsafe { libc::fstat(fd, buffer.as_mut_ptr()) };
    // SAFETY: every field is a number, so the zeroed buffer is a value.
    (result == 0).then(|| unsafe { buffer.assume_init() })
}

/// Returns whether a descriptor is a terminal, by its number.
pub fn is_terminal(fd: i32) -> bool {
    // SAFETY: any number may be asked for.
    unsafe { libc::isatty(fd) == 1 }
}

/// Marks every descriptor above 2 close-on-exec: services do not inherit what the runtime leaked (CVE-2024-21626).
pub fn close_on_exec() {
    // SAFETY: takes numbers only, and closes nothing.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) } != 0 {
        for number in open_numbers(3, c_int::MAX) {
            // SAFETY: only a flag changes; a number that is closed by now is EBADF.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

/// Closes every descriptor from `first` to `last`.
///
/// # Safety
/// Afterwards this process must not use any of them, nor drop an owner of one.
pub unsafe fn close(first: c_int, last: c_int) {
    if first > last {
        return;
    }
    // SAFETY: by this function's contract.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } != 0 {
        for number in open_numbers(first, last) {
            // SAFETY: as above.
            unsafe { libc::close(number) };
        }
    }
}

/// Closes all descriptors but one: the standard ones become `/dev/null`, or are closed if that is missing.
///
/// # Safety
/// As for [`close`].
pub unsafe fn keep_only(kept: BorrowedFd<'_>) {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
    for standard in 0..3 {
        match &null {
            // SAFETY: takes numbers only.
            Ok(null) => unsafe { libc::dup2(null.as_raw_fd(), standard) },
            // SAFETY: by this function's contract.
            Err(_) => unsafe { libc::close(standard) },
        };
    }
    // Its own number is closed below, if it is not a standard one.
    std::mem::forget(null);
    let kept = kept.as_raw_fd();
    for (first, last) in [(3, kept - 1), (kept.max(2) + 1, c_int::MAX)] {
        // SAFETY: by this function's contract.
        unsafe { close(first, last) };
    }
}

/// Returns the numbers of open descriptors from `first` to `last`, for where close_range(2) is missing (Linux before 5.9,
/// its flag before 5.11) or forbidden by a seccomp profile; without `/proc`, all that are likely to be open.
fn open_numbers(first: c_int, last: c_int) -> Vec<c_int> {
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let all: Vec<c_int> =
        fs::read_dir("/proc/self/fd").map_or_else(|_| (0..1024).collect(), |open| open.filter_map(number).collect());
    all.into_iter().filter(|number| (first..=last).contains(number)).collect()
}

/// Raises the limit for the descriptors of that many services, and returns the limits that services must be started with.
pub fn raise_limit(services: usize) -> Vec<Limit> {
    let needed = recommended(services);
    let Ok((soft, hard)) = getrlimit(Which::RLIMIT_NOFILE) else { return Vec::new() };
    if hard < needed {
        let who = if services == 1 { "one program".to_owned() } else { format!("{services} programs") };
        tracing::warn!("{hard} open files are allowed, and {who} may need {needed}; fix: {}", fix(needed));
    }
    if soft >= needed || setrlimit(Which::RLIMIT_NOFILE, needed.min(hard), hard).is_err() {
        LIMIT.store(soft, Ordering::Relaxed);
        return Vec::new();
    }
    LIMIT.store(needed.min(hard), Ordering::Relaxed);
    vec![Limit { resource: Resource::Nofile, soft: Some(soft), hard: Some(hard) }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_open_descriptors_are_found() {
        let file = fs::File::open("/dev/null").unwrap();
        let number = file.as_raw_fd();
        assert_eq!(open_numbers(number, number), [number]);
        assert!(open_numbers(0, c_int::MAX).contains(&number));
        assert!(!open_numbers(number + 1, c_int::MAX).contains(&number));
    }

    #[test]
    fn a_main_command_needs_what_all_before_it_keep_open() {
        let (tagged, bare) = (ProgramNeeds { start: 6, kept: 2 }, ProgramNeeds { start: 2, kept: 0 });
        let peak =
            |programs: &[ProgramNeeds], has_main| DescriptorNeeds { programs: programs.to_vec(), has_main }.peak();
        assert_eq!(peak(&[bare], true), 2);
        assert_eq!(peak(&[tagged, tagged, tagged, tagged], true), 12);
        // Whoever is started last needs most.
        assert_eq!(peak(&[tagged, bare], true), 6);
        assert_eq!(peak(&[tagged, bare], false), 2);
        assert_eq!(peak(&[], false), 0);
    }
}
