//! What a program that runs another one in its place does to itself (a chain, as execline calls it): descriptors by number, a
//! child that goes on from here, waiting for it. Not for PID 1: nothing here knows its services.
#![allow(unsafe_code)] // fork(2), waitpid(2) with any signal number, descriptors by number
#![allow(clippy::disallowed_methods)] // this process is not PID 1

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::unistd::{ForkResult, fork, pipe2, read, write};

use crate::supervise::Pid;
use crate::sys::process::pidfd;
use crate::sys::{descriptors, stdio_at_start};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Exited(u8),
    /// By this signal.
    Killed(u8),
}

impl Ended {
    /// Returns the exit code, or 256 and the signal, as execline's `?` has it.
    pub fn number(self) -> u32 {
        match self {
            Self::Exited(code) => u32::from(code),
            Self::Killed(signal) => 256 + u32::from(signal),
        }
    }

    /// Returns an exit code that says it: 128 and the signal; 128 for an exit code above that.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Exited(code) => code.min(128),
            Self::Killed(signal) => signal.saturating_add(128),
        }
    }
}

/// Undoes what the start of this program changed, for the program that is executed next: the placeholders at descriptors 0
/// to 2 that were closed.
pub fn close_placeholders_on_exec() {
    for fd in (0..3).filter(|fd| stdio_at_start::was_closed(*fd)) {
        let _set = fcntl(descriptors::standard(fd), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// Forks. The child does `work` and exits with the code that it returns. Only for a process of one thread.
///
/// # Errors
/// When no process can be created.
pub fn fork_chain(work: impl FnOnce() -> u8) -> Result<i32, Errno> {
    // SAFETY: this process has one thread, so the child may do all that the parent may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child.as_raw()),
        ForkResult::Child => {
            let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(libc::EXIT_FAILURE as u8);
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(i32::from(code)) }
        }
    }
}

/// Forks twice, so that the process that does `work` is a child of init; returns its process id.
///
/// # Errors
/// When no process can be created.
pub fn fork_twice(work: impl FnOnce() -> u8) -> Result<i32, Errno> {
    let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC)?;
    let child = fork_chain(|| {
        let result = fork_chain(work).unwrap_or_else(|errno| -(errno as i32));
        let _told = write(&write_end, &result.to_ne_bytes());
        0
    })?;
    let _ended = wait(child, true);
    let mut result = [0; 4];
    let length = read(&read_end, &mut result)?;
    match i32::from_ne_bytes(result) {
        pid if length == result.len() && pid > 0 => Ok(pid),
        errno => Err(Errno::from_raw(-errno)),
    }
}

/// Waits for a child (`-1`: for any); without `blocks` it may return `None`: none has ended yet.
///
/// # Errors
/// ECHILD when there is no such child.
pub fn wait(pid: i32, blocks: bool) -> Result<Option<(i32, Ended)>, Errno> {
    let flags = if blocks { 0 } else { libc::WNOHANG };
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes one number.
        match Errno::result(unsafe { libc::waitpid(pid, &raw mut status, flags) }) {
            Ok(0) => return Ok(None),
            Ok(pid) => {
                let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or_default();
                let ended = match libc::WIFSIGNALED(status) {
                    true => Ended::Killed(byte(libc::WTERMSIG(status))),
                    false => Ended::Exited(byte(libc::WEXITSTATUS(status))),
                };
                return Ok(Some((pid, ended)));
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Makes descriptor `to` the file of descriptor `from`, and closes `from` if it is moved.
///
/// # Errors
/// When `from` is not open, or `to` cannot be one.
pub fn copy_fd(to: i32, from: i32, is_moved: bool) -> Result<(), Errno> {
    if to == from {
        // SAFETY: any number may be asked for.
        let flags = Errno::result(unsafe { libc::fcntl(from, libc::F_GETFD) })?;
        // SAFETY: as above; it stays open in the program that is executed.
        return Errno::result(unsafe { libc::fcntl(from, libc::F_SETFD, flags & !libc::FD_CLOEXEC) }).map(drop);
    }
    loop {
        // SAFETY: takes numbers only; a chain has no other owner of its descriptors.
        match Errno::result(unsafe { libc::dup2(from, to) }) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => break,
        }
    }
    stdio_at_start::note_open(to);
    if is_moved {
        close_fd(from);
    }
    Ok(())
}

/// Makes an open file descriptor `to`, which stays open in the program that is executed.
///
/// # Errors
/// When `to` cannot be a descriptor.
pub fn place(file: OwnedFd, to: i32) -> Result<(), Errno> {
    if file.as_raw_fd() == to {
        return copy_fd(file.into_raw_fd(), to, false);
    }
    copy_fd(to, file.as_raw_fd(), false)
}

/// Closes a descriptor, if it is open.
pub fn close_fd(fd: i32) {
    // SAFETY: a chain has no other owner of its descriptors.
    unsafe { libc::close(fd) };
}

/// Returns a new descriptor for the file of one by number, at least `least`; closed on exec.
///
/// # Errors
/// When it is not open.
pub fn duplicate(fd: i32, least: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: any number may be asked for.
    let new = Errno::result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: it was made here, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// Returns a descriptor that is readable when a process has ended; `None` where there are none (before Linux 5.3, seccomp).
pub fn end_of(pid: i32) -> Option<OwnedFd> {
    pidfd::open(Pid(pid))
}

/// Returns a descriptor that this process was started with, by its number; the caller has checked that it is open.
pub fn inherited(fd: i32) -> BorrowedFd<'static> {
    // SAFETY: the caller that names it by number owns it, and closes it by number or not at all.
    unsafe { BorrowedFd::borrow_raw(fd.max(0)) }
}
