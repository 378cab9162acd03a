//! Whether the app user can use a path: checked with access(2) by a short-lived child with that user's ids and groups.
//! Owners and modes are not enough (ACLs, NFS, read-only mounts, a parent that may not be searched); setfsuid(2) has no
//! supplementary groups. Must not know what the result decides.
#![allow(unsafe_code)] // fork(2), and raw calls in the child
#![allow(clippy::disallowed_methods)] // a child that runs as the app user, and is waited for before anything else is started

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, pipe2};

use super::report::Usability;
use crate::config::values::Signal;
use crate::plan::Identity;
use crate::supervise::Pid;
use crate::sys::process::group;

/// The child could not change to the user. access(2) never returns this errno (EKEYREJECTED is for keys).
const CANNOT_SWITCH: i32 = 127;
/// The poll timeout in milliseconds: a signal may come just before the wait begins, and `stop` is checked then.
const POLL_INTERVAL: u8 = 100;
/// Added to the errno if only writing is refused; every errno of access(2) is smaller.
const WRITE_REFUSED: i32 = 128;

/// Returns whether `identity` can read and write `path`, and search it if it is a directory. The path is resolved as
/// the app will do it: through every parent.
///
/// If this process may not become the user (no SETUID or SETGID) services run as this process: then it checks itself.
///
/// The process must have one thread and must not reap children elsewhere meanwhile: both hold in the root phase. A disk that
/// hangs is waited for until `stop`.
pub fn by_user(identity: &Identity, path: &Path, stop: &AtomicBool) -> Usability {
    let (Ok(name), groups) = (CString::new(path.as_os_str().as_bytes()), raw_groups(identity)) else {
        return Usability::Missing;
    };
    // Closed when the child exits; poll(2), unlike wait4(2), returns after a signal handler with SA_RESTART ran.
    let Ok((alive, end)) = pipe2(OFlag::O_CLOEXEC) else { return Usability::Unknown };
    // SAFETY: the child makes system calls only, with memory prepared before the fork, and leaves by _exit.
    let child = match unsafe { fork() } {
        Ok(ForkResult::Parent { child }) => child,
        Ok(ForkResult::Child) => {
            let code = check_as(&name, identity.uid.0, identity.gid.0, &groups);
            // SAFETY: ends the child without running anything of the parent's (exit handlers, destructors).
            unsafe { libc::_exit(code) }
        }
        Err(_) => return Usability::Unknown,
    };
    drop(end);
    loop {
        if stop.load(Ordering::Relaxed) {
            let _gone = group::signal_child(Pid(child.as_raw()), Signal::KILL);
            return Usability::Unknown;
        }
        match poll(&mut [PollFd::new(alive.as_fd(), PollFlags::empty())], POLL_INTERVAL) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => break,
        }
    }
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, CANNOT_SWITCH)) => return by_this_process(path),
            Ok(WaitStatus::Exited(_, code)) => return usability_of(code),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return Usability::Unknown,
        }
    }
}

/// Returns whether this process, as it is, can use `path`: the check of a start without root.
pub fn by_this_process(path: &Path) -> Usability {
    match CString::new(path.as_os_str().as_bytes()) {
        Ok(name) => usability_of(check_access(&name)),
        Err(_) => Usability::Missing,
    }
}

fn raw_groups(identity: &Identity) -> Vec<libc::gid_t> {
    identity.groups.iter().map(|group| group.0).collect()
}

fn usability_of(code: i32) -> Usability {
    match code {
        0 => Usability::Usable,
        libc::ENOENT => Usability::Missing,
        errno if errno >= WRITE_REFUSED => Usability::ReadOnly(errno - WRITE_REFUSED),
        errno => Usability::Unusable(errno),
    }
}

/// Runs in the child. Raw system calls, because libc's would signal other threads, which a forked child does not have.
fn check_as(name: &CString, uid: u32, gid: u32, groups: &[libc::gid_t]) -> i32 {
    // SAFETY: the groups are as many as told; the rest are integers.
    let became = unsafe {
        libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, gid, gid, gid) == 0
            && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
    };
    if became { check_access(name) } else { CANNOT_SWITCH }
}

/// Returns 0, an errno, or [`WRITE_REFUSED`] + errno. access(2) uses the real ids, which equal the effective ones here and
/// in the child; `faccessat2`, which can use the effective ones, is blocked by older seccomp profiles.
fn check_access(name: &CString) -> i32 {
    // SAFETY: asks about a NUL-terminated path and a buffer of the right size; both outlive the calls.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::stat(name.as_ptr(), &raw mut stat) != 0 {
            return Errno::last_raw();
        }
        let is_directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let read = libc::R_OK | if is_directory { libc::X_OK } else { 0 };
        if libc::access(name.as_ptr(), read) != 0 {
            return Errno::last_raw();
        }
        if libc::access(name.as_ptr(), libc::W_OK) != 0 {
            return WRITE_REFUSED + Errno::last_raw();
        }
    }
    0
}
