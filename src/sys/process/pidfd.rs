//! Signals by pidfds, which are not affected by reuse of pids (SECURITY T26).
#![allow(unsafe_code)] // pidfd_open(2), pidfd_send_signal(2): no wrapper in nix

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;

use crate::config::values::Signal;
use crate::supervise::Pid;

/// Opens a pidfd; `None`: the process is gone, or there are no pidfds (before Linux 5.3, seccomp).
pub(in crate::sys) fn open(pid: Pid) -> Option<OwnedFd> {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.0, 0) };
    let fd = RawFd::try_from(result).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel just made it, and nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal by number.
pub(super) fn send(pin: &OwnedFd, number: i32, flags: libc::c_uint) -> Result<(), Errno> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a descriptor that we own, numbers, and no siginfo.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pin.as_raw_fd(), number, none, flags) };
    Errno::result(sent).map(drop)
}

/// Sends a signal to a process that is not our child. It is pinned first, then checked again, because its pid may have been
/// reused before.
pub(super) fn send_to(pid: Pid, signal: Signal, is_the_same: impl FnOnce() -> bool) -> Result<(), Errno> {
    let pin = open(pid).ok_or(Errno::ESRCH)?;
    if is_the_same() { send(&pin, signal.number(), 0) } else { Err(Errno::ESRCH) }
}
