//! The one place that waits (STYLE finding 8). A death is first seen, then reaped, so that the group of its process can
//! be pinned while the zombie still holds the number.
#![allow(unsafe_code)] // waitid(2): nix's wrapper answers EINVAL for a death by a real-time signal

use nix::errno::Errno;
use nix::libc;

use crate::config::values::Signal;
use crate::supervise::{Exit, Pid};
use crate::sys::process::stat::ProcessStat;

/// What waiting found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReapResult {
    /// A child is dead and still a zombie: [`reap`] it.
    Dead(Pid, Exit),
    /// Children are there, all alive.
    Alive,
    /// No child is left (ECHILD).
    NoChild,
}

/// Returns a child that is dead and not yet reaped, without reaping it.
pub fn look() -> ReapResult {
    wait(libc::P_ALL, 0, libc::WNOWAIT)
}

/// Reaps a zombie that [`look`] saw.
pub fn reap(pid: Pid) {
    wait(libc::P_PID, libc::id_t::try_from(pid.0).unwrap_or_default(), 0);
}

/// Returns whether a process goes on: it is neither dead nor on its way out, where its descriptors are closed before
/// anybody can wait for it (`PF_EXITING`).
pub fn goes_on(pid: Pid) -> bool {
    const EXITING: u32 = 0x4;
    let Some(stat) = ProcessStat::read(pid.0) else { return false };
    !stat.is_dead() && stat.number::<u32>(9).is_some_and(|flags| flags & EXITING == 0)
}

fn wait(which: libc::idtype_t, id: libc::id_t, flags: libc::c_int) -> ReapResult {
    loop {
        let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: `info` outlives the call; zeroed, so that it can be read where the kernel writes nothing.
        let answer = unsafe { libc::waitid(which, id, info.as_mut_ptr(), libc::WEXITED | libc::WNOHANG | flags) };
        match Errno::result(answer) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(Errno::ECHILD) => return ReapResult::NoChild,
            Err(_) => return ReapResult::Alive,
        }
        // SAFETY: zeroed above, and a siginfo is plain numbers.
        let info = unsafe { info.assume_init() };
        // SAFETY: waitid fills the SIGCHLD fields, or leaves zeroes: nobody is dead.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        if pid == 0 {
            return ReapResult::Alive;
        }
        let exit = match info.si_code {
            libc::CLD_EXITED => Exit::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
            _ => Exit::Signal(Signal::from_number(status).unwrap_or(Signal::KILL)),
        };
        return ReapResult::Dead(Pid(pid), exit);
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
                ReapResult::Dead(pid, exit) => {
                    assert_eq!(u32::try_from(pid.0), Ok(id));
                    return exit;
                }
                ReapResult::Alive => std::thread::yield_now(),
                ReapResult::NoChild => panic!("somebody else reaped it"),
            }
        }
    }

    #[test]
    fn codes_and_signals_are_told_apart_up_to_the_last_real_time_one() {
        assert_eq!(death_of("exit 7"), Exit::Code(7));
        assert_eq!(death_of("kill -TERM $$"), Exit::Signal(Signal::TERM));
        assert_eq!(death_of("kill -64 $$"), Exit::Signal(Signal::from_number(64).unwrap()));
    }
}
