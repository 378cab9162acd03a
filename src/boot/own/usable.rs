//! Whether the app user can use a path: asked of the kernel *as* that user, by a short-lived child with all its ids and
//! groups. Owners and modes do not tell (ACLs, NFS, read-only mounts, a parent that may not be searched); setfsuid
//! knows no supplementary groups. Must not know what the answer decides.
#![allow(unsafe_code)] // fork(2), and raw calls in the child
#![allow(clippy::disallowed_methods)] // a child that asks as the app user, and is waited for before anything else is started

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, pipe2};

use super::report::Usability;
use crate::plan::Identity;

/// The child could not become the user. No access gives this errno (EKEYREJECTED is for keys).
const CANNOT_BECOME: i32 = 127;
/// A signal may come just before the wait begins: then `stop` is seen so much later.
const LOOK: u8 = 100;
/// Added to the errno if it is writing that is refused; every errno of access(2) is below it.
const WRITING: i32 = 128;

/// Returns whether `identity` can read and write `path`, and search it if it is a directory. The path is looked up as
/// the app will do it: through every parent.
///
/// Where this process may not become the user (no SETUID or SETGID) services run as this process: then it is asked.
///
/// The process must have one thread and must not reap children elsewhere meanwhile: both hold in the root phase. A path on
/// a disk that hangs is waited for until `stop`, and no longer.
pub fn by(identity: &Identity, path: &Path, stop: &AtomicBool) -> Usability {
    let (Ok(name), groups) = (CString::new(path.as_os_str().as_bytes()), raw_groups(identity)) else {
        return Usability::Missing;
    };
    // It is closed when the child ends, and poll(2), unlike wait4(2), returns when a handler ran.
    let Ok((alive, end)) = pipe2(OFlag::O_CLOEXEC) else { return Usability::Unknown };
    // SAFETY: the child makes system calls only, with memory prepared before the fork, and leaves by _exit.
    let child = match unsafe { fork() } {
        Ok(ForkResult::Parent { child }) => child,
        Ok(ForkResult::Child) => {
            let code = ask_as(&name, identity.uid.0, identity.gid.0, &groups);
            // SAFETY: ends the child without running anything of the parent's (exit handlers, destructors).
            unsafe { libc::_exit(code) }
        }
        Err(_) => return Usability::Unknown,
    };
    drop(end);
    loop {
        if stop.load(Ordering::Relaxed) {
            let _gone = kill(child, Signal::SIGKILL);
            return Usability::Unknown;
        }
        match poll(&mut [PollFd::new(alive.as_fd(), PollFlags::empty())], LOOK) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => break,
        }
    }
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, CANNOT_BECOME)) => return by_us(path),
            Ok(WaitStatus::Exited(_, code)) => return understood(code),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return Usability::Unknown,
        }
    }
}

/// Returns whether this process, as it is, can use `path`: the check of a start without root.
pub fn by_us(path: &Path) -> Usability {
    match CString::new(path.as_os_str().as_bytes()) {
        Ok(name) => understood(ask(&name)),
        Err(_) => Usability::Missing,
    }
}

fn raw_groups(identity: &Identity) -> Vec<libc::gid_t> {
    identity.groups.iter().map(|group| group.0).collect()
}

fn understood(code: i32) -> Usability {
    match code {
        0 => Usability::Usable,
        libc::ENOENT => Usability::Missing,
        errno if errno >= WRITING => Usability::ReadOnly(errno - WRITING),
        errno => Usability::Unusable(errno),
    }
}

/// Runs in the child: raw calls, because libc's would ask other threads, which a forked child does not have, to follow.
fn ask_as(name: &CString, uid: u32, gid: u32, groups: &[libc::gid_t]) -> i32 {
    // SAFETY: the groups are as many as told; the rest are integers.
    let became = unsafe {
        libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, gid, gid, gid) == 0
            && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
    };
    if became { ask(name) } else { CANNOT_BECOME }
}

/// Returns 0, an errno, or [`WRITING`] + errno. access(2) asks for the real ids, which are the effective ones here and in
/// the child; `faccessat2`, which asks for the effective ones, is missing behind older seccomp profiles.
fn ask(name: &CString) -> i32 {
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
            return WRITING + Errno::last_raw();
        }
    }
    0
}
