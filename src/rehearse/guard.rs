//! The guard: PID 1 of an outer PID namespace, which the kernel kills when `try` exits, and with it everything below.
//! It forwards signals and returns the exit code of its child; `--init`'s minimal init is the same loop.
#![allow(unsafe_code)] // clone(2) with namespaces, fork and _exit are not safe functions
#![allow(clippy::disallowed_methods)] // another PID 1: it has its own children and waits for them

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, setresgid, setresuid, setsid};

use crate::error::{EXIT_REFUSED, Refused};
use crate::sys::descriptors;
use crate::sys::process::spawn::threads;

/// Signals that are forwarded to the container; blocked in every process of the chain, so that none is lost in between.
pub(super) const FORWARDED: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// The running guard. Dropping it kills everything below.
#[derive(Debug)]
pub(super) struct Guard {
    pid: Pid,
    start_pipe: Option<OwnedFd>,
    code: Option<u8>,
}

/// Returns the signals that the loops of this module wait for.
pub(super) fn blocked_signals() -> SigSet {
    let mut set = SigSet::from_iter(FORWARDED);
    set.add(Signal::SIGCHLD);
    set
}

impl Guard {
    /// Starts the guard, which waits for [`Guard::start_pipe`] and then has `inside` run as PID 1 of the container.
    /// `inside` returns only if it could not execute anything, with the exit code to end with.
    ///
    /// The caller must have only one thread (checked) and have [`blocked_signals`] blocked.
    pub(super) fn start(user_namespace: bool, inside: impl FnOnce() -> u8) -> Result<Self, Refused> {
        if threads() != 1 {
            return Err(Refused::new("cannot rehearse from a process with threads", Errno::EBUSY));
        }
        let pipe = pipe2(OFlag::O_CLOEXEC).map_err(|cause| Refused::new("cannot create a pipe", cause))?;
        match clone_process(user_namespace).map_err(|cause| no_namespace(cause, user_namespace))? {
            Some(pid) => Ok(Self { pid, start_pipe: Some(pipe.1), code: None }),
            None => {
                drop(pipe.1);
                let life = AssertUnwindSafe(move || guard(user_namespace, pipe.0, inside));
                // A panic must not go on into the caller's frames: they belong to `try`.
                exit_now(catch_unwind(life).unwrap_or(EXIT_REFUSED))
            }
        }
    }

    /// Returns its pid; it is our child and not yet reaped, so the pid is not reused.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Lets it continue after its ids were mapped.
    pub(super) fn release(&mut self) -> Result<(), Refused> {
        let Some(start_pipe) = self.start_pipe.take() else { return Ok(()) };
        std::fs::File::from(start_pipe)
            .write_all(b"g")
            .map_err(|cause| Refused::new("cannot start the process inside", cause))
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        if self.code.is_none() {
            let _gone = kill(self.pid, signal);
        }
    }

    /// Returns the exit code if it has ended.
    pub(super) fn try_wait(&mut self) -> Option<u8> {
        if self.code.is_none() {
            self.code = match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(status) => code_of(status),
                Err(_) => Some(EXIT_REFUSED),
            };
        }
        self.code
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.try_wait().is_none() {
            let _gone = kill(self.pid, Signal::SIGKILL);
            let _reaped = waitpid(self.pid, None);
        }
    }
}

/// `fork` into a new PID namespace (and user namespace); `None` in the child.
fn clone_process(user_namespace: bool) -> Result<Option<Pid>, Errno> {
    let mut flags = CloneFlags::CLONE_NEWPID;
    flags.set(CloneFlags::CLONE_NEWUSER, user_namespace);
    // SAFETY: without CLONE_VM and with no stack this is fork(2): the child goes on here with a copy of everything, and
    // there is only this thread, so that no lock is held by another. What libc remembers of the thread's id is stale in
    // the child; nothing there raises signals at itself or uses threads.
    let result =
        unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags.bits() | libc::SIGCHLD), 0, 0, 0, 0) };
    let pid = Errno::result(result)?;
    Ok(i32::try_from(pid).ok().filter(|pid| *pid != 0).map(Pid::from_raw))
}

fn no_namespace(cause: Errno, user_namespace: bool) -> Refused {
    let fix = if user_namespace {
        "run it as root, or allow user namespaces: `sysctl user.max_user_namespaces=15000` \
         (Debian: `kernel.unprivileged_userns_clone=1`)"
    } else {
        "inside a container it needs `--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
    };
    Refused::new("cannot create namespaces", cause).fix(fix)
}

/// Runs the guard; returns its exit code.
fn guard(user_namespace: bool, start_pipe: OwnedFd, inside: impl FnOnce() -> u8) -> u8 {
    let _leader_already = setsid();
    // Set before the wait: if `try` has exited by then, the pipe is at its end; if it exits later, the kernel kills us.
    let watched = prctl::set_pdeathsig(Signal::SIGKILL);
    let mut byte = [0];
    let length = std::fs::File::from(start_pipe).read(&mut byte);
    if watched.is_err() || !matches!(length, Ok(1)) {
        return EXIT_REFUSED;
    }
    if user_namespace {
        // If a range of ids is mapped we can become root inside; if only our own id is, we are it already. New
        // credentials reset the parent-death signal.
        let _single = setresgid(0.into(), 0.into(), 0.into());
        let _single = setresuid(0.into(), 0.into(), 0.into());
        if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || std::os::unix::process::parent_id() != 0 {
            return EXIT_REFUSED;
        }
    }
    if unshare(CloneFlags::CLONE_NEWPID).is_err() {
        return EXIT_REFUSED;
    }
    // SAFETY: there is only this thread.
    match unsafe { fork() } {
        Err(_) => EXIT_REFUSED,
        Ok(ForkResult::Child) => inside(),
        Ok(ForkResult::Parent { child }) => {
            // A pipe must end with its writers, although this process goes on. SAFETY: `wait_for_child` uses no descriptor,
            // and no return: what is dropped on the way would be closed a second time.
            unsafe { descriptors::close(0, libc::c_int::MAX) };
            exit_now(wait_for_child(child))
        }
    }
}

/// Waits for `child`, reaping all other children and forwarding signals; returns its exit code.
pub(super) fn wait_for_child(child: Pid) -> u8 {
    let blocked_signals = blocked_signals();
    loop {
        match blocked_signals.wait() {
            Ok(Signal::SIGCHLD) => {
                while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                    match status.pid() {
                        Some(pid) if pid == child => {
                            if let Some(code) = code_of(status) {
                                return code;
                            }
                        }
                        Some(_) => {}
                        None => break,
                    }
                }
            }
            Ok(signal) => {
                let _gone = kill(child, signal);
            }
            Err(_) => {}
        }
    }
}

/// Returns the exit code that a shell would give; `None` if it has not exited.
fn code_of(status: WaitStatus) -> Option<u8> {
    match status {
        WaitStatus::Exited(_, code) => Some(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        WaitStatus::Signaled(_, signal, _) => Some(u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)),
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => None,
    }
}

/// Ends this process at once: no destructor, no handler, nothing flushed twice.
pub(super) fn exit_now(code: u8) -> ! {
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Forks; the parent waits for the child and exits with its code, the child returns (`docker run --init`). As tini does, the
/// child leads a process group of its own, in the foreground where there is a terminal.
pub(super) fn become_minimal_init() -> Result<(), Refused> {
    let refused = |cause| Refused::new("cannot start a process under the minimal init", cause);
    // SAFETY: there is only this thread.
    match unsafe { fork() }.map_err(refused)? {
        ForkResult::Parent { child } => {
            // The channel on which the start is reported ends when its last copy is closed.
            // SAFETY: `wait_for_child` uses no descriptor, and this process never returns to code that owns one.
            unsafe { descriptors::close(3, libc::c_int::MAX) };
            exit_now(wait_for_child(child))
        }
        ForkResult::Child => {
            let ours = Pid::from_raw(0);
            nix::unistd::setpgid(ours, ours).map_err(refused)?;
            let mut waits = SigSet::empty();
            waits.add(Signal::SIGTTOU);
            waits.thread_block().map_err(refused)?;
            let _no_terminal = nix::unistd::tcsetpgrp(io::stdin(), nix::unistd::getpid());
            Ok(())
        }
    }
}

/// Resets signals to what an executed program expects: nothing blocked, nothing ignored. By the raw system call, because
/// libc refuses to touch its two internal ones (32 and 33), which its `posix_spawn` leaves ignored in the children of
/// our parent.
pub(super) fn reset_signals() -> Result<(), Refused> {
    // The kernel's `struct sigaction` with SIG_DFL, no flags, an empty mask: nothing but zeros on every architecture.
    let default = [0_u64; 4];
    let none = std::ptr::null_mut::<u64>();
    for signal in 1..=64 {
        // SAFETY: `default` is as long as the longest such struct and outlives the call; the default disposition runs no
        // code of ours. KILL and STOP are refused, which changes nothing.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, size_of::<u64>()) };
    }
    SigSet::empty().thread_set_mask().map_err(|cause| Refused::new("cannot unblock signals", cause))
}

/// Makes descriptor `to` a copy of `from` (dup2).
pub(super) fn duplicate_to(from: &impl AsRawFd, to: i32) -> Result<(), Refused> {
    // SAFETY: 0, 1 and 2 are nobody's `OwnedFd` in this process, which is about to execute another program.
    Errno::result(unsafe { libc::dup2(from.as_raw_fd(), to) })
        .map(|_| ())
        .map_err(|cause| Refused::new(format!("cannot set descriptor {to}"), cause))
}
