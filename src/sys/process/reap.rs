//! Where PID 1 reaps services and orphans: an exit is first peeked at, then reaped, so that the process group can be pinned
//! while the zombie still has the pid. Children that no service has (access tests, `try`) are waited for where they are made.
#![allow(unsafe_code)] // waitid(2): nix's wrapper returns EINVAL for an exit by a real-time signal

use nix::errno::Errno;
use nix::libc;

use crate::config::values::Signal;
use crate::supervise::{Exit, Pid};
use crate::sys::process::stat::ProcessStat;

/// The result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// A child has exited and is a zombie, for [`reap`].
    Exited(Pid, Exit),
    /// There are children, all running.
    Running,
    /// No child is left (ECHILD).
    NoChild,
}

/// Returns a child that has exited and is not yet reaped, without reaping it.
pub fn peek() -> WaitResult {
    wait(libc::P_ALL, 0, libc::WNOWAIT)
}

/// Reaps a child if it is a zombie, and returns how it exited.
pub fn reap(pid: Pid) -> Option<Exit> {
    match wait(libc::P_PID, libc::id_t::try_from(pid.0).unwrap_or_default(), 0) {
        WaitResult::Exited(_, exit) => Some(exit),
        WaitResult::Running | WaitResult::NoChild => None,
    }
}

/// Returns whether a process is running: neither a zombie nor exiting (`PF_EXITING`), when its descriptors are closed before
/// it can be waited for.
pub fn is_running(pid: Pid) -> bool {
    const EXITING: u32 = 0x4;
    let Some(stat) = ProcessStat::read(pid.0) else { return false };
    !stat.is_dead() && stat.number::<u32>(9).is_some_and(|flags| flags & EXITING == 0)
}

fn wait(which: libc::idtype_t, id: libc::id_t, flags: libc::c_int) -> WaitResult {
    loop {
        let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: `info` outlives the call; zeroed, so that it can be read where the kernel writes nothing.
        let result = unsafe { libc::waitid(which, id, info.as_mut_ptr(), libc::WEXITED | libc::WNOHANG | flags) };
        match Errno::result(result) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(Errno::ECHILD) => return WaitResult::NoChild,
            Err(_) => return WaitResult::Running,
        }
        // SAFETY: zeroed above, and a siginfo is plain numbers.
        let info = unsafe { info.assume_init() };
        // SAFETY: waitid fills the SIGCHLD fields, or leaves zeroes: nobody is dead.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        if pid == 0 {
            return WaitResult::Running;
        }
        let exit = match info.si_code {
            libc::CLD_EXITED => Exit::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
            _ => Exit::Signal(Signal::from_number(status).unwrap_or(Signal::KILL)),
        };
        return WaitResult::Exited(Pid(pid), exit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// Waits for one child of this test by its own number: other tests have children too.
    fn death_of(script: &str) -> Exit {
        #[allow(clippy::disallowed_methods, clippy::zombie_processes)] // waiting for it is what is tested
        let child = Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).spawn().unwrap();
        let id = child.id();
        loop {
            match wait(libc::P_PID, id, 0) {
                WaitResult::Exited(pid, exit) => {
                    assert_eq!(u32::try_from(pid.0), Ok(id));
                    return exit;
                }
                WaitResult::Running => std::thread::yield_now(),
                WaitResult::NoChild => panic!("somebody else reaped it"),
            }
        }
    }

    #[test]
    fn codes_and_signals_are_distinguished_up_to_the_last_real_time_one() {
        assert_eq!(death_of("exit 7"), Exit::Code(7));
        assert_eq!(death_of("kill -TERM $$"), Exit::Signal(Signal::TERM));
        assert_eq!(death_of("kill -64 $$"), Exit::Signal(Signal::from_number(64).unwrap()));
    }
}
