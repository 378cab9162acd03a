//! Descriptors that PID 1 was started with, and how many it may have.
#![allow(unsafe_code)] // close_range(2)

use std::fs;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::resource::{Resource as Which, getrlimit, setrlimit};

use crate::config::service::{Limit, Resource};

/// Descriptors that PID 1 needs besides those of services: epoll sets, sockets, files that are open for a moment.
const SPARE: u64 = 64;
/// Descriptors for a service: its two log pipes, its readiness, its verdict.
const EACH: u64 = 4;

/// Marks every descriptor above 2 close-on-exec: what the runtime leaked (CVE-2024-21626) reaches no service.
pub fn close_on_exec() {
    // SAFETY: takes numbers only, and closes nothing.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done != 0 {
        one_by_one();
    }
}

/// Before Linux 5.11, or where a seccomp profile forbids the call.
fn one_by_one() {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // SAFETY: borrowed for this one call; a number that is closed by now is EBADF.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        let _gone = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// Makes room for the descriptors of that many services, and returns the limits that services must get back for it.
pub fn make_room(services: usize) -> Vec<Limit> {
    let needed = SPARE + EACH * u64::try_from(services).unwrap_or(u64::MAX / 8);
    let Ok((soft, hard)) = getrlimit(Which::RLIMIT_NOFILE) else { return Vec::new() };
    if hard < needed {
        let who = if services == 1 { "one program".to_owned() } else { format!("{services} programs") };
        tracing::warn!(
            "{hard} open files are allowed, {who} may need {needed}; fix: compose: `ulimits: {{ nofile: \
             {needed} }}`; docker run: `--ulimit nofile={needed}`"
        );
    }
    if soft >= needed || setrlimit(Which::RLIMIT_NOFILE, needed.min(hard), hard).is_err() {
        return Vec::new();
    }
    vec![Limit { resource: Resource::Nofile, soft: Some(soft), hard: Some(hard) }]
}
