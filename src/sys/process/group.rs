//! The process group of a service with its session, also after its first process was reaped: pinned by a pidfd, so that a number that the
//! kernel gave to somebody else is never signalled (SECURITY T26).
#![allow(unsafe_code)] // kill(2): nix's enum knows no real-time signals

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use crate::config::values::Signal;
use crate::supervise::{Pid, Target};
use crate::sys::process::pidfd;
use crate::sys::process::session::{self, Members, Recent, either};

/// `PIDFD_SIGNAL_PROCESS_GROUP` (Linux 6.9): the group of the process that the pidfd names, not of its number.
const PROCESS_GROUP: libc::c_uint = 1 << 2;

/// What is left of a group and a session whose leader is dead.
#[derive(Debug)]
pub struct Leftover {
    leader: Pid,
    pin: Option<OwnedFd>,
}

impl Leftover {
    /// Pins the group of `leader`. To be called while it is a zombie: its number cannot be another's yet.
    pub fn pin(leader: Pid) -> Self {
        Self { leader, pin: pidfd::open(leader) }
    }

    /// Returns whether anybody of its group or session is left, the dead ones included that nobody has waited for: cheap.
    pub fn may_be_left(&self, any: BorrowedFd<'_>) -> bool {
        session::is_in_use(self.leader, any) || self.group_is_there()
    }

    /// Returns whether anybody alive is left of those who were found. Where nobody was found, `/proc` hides them.
    pub fn is_left(&self, found: &Members) -> bool {
        match found {
            // The number is another's by now, which it can only be once nobody was left.
            Members { leader: true, .. } => false,
            Members { group, others, dead, .. } if *dead || !group.is_empty() || !others.is_empty() => {
                !group.is_empty() || !others.is_empty()
            }
            Members { .. } => self.group_is_there(),
        }
    }

    /// EPERM means that there is one.
    fn group_is_there(&self) -> bool {
        !matches!(self.send(0), Err(Errno::ESRCH))
    }

    /// Sends a signal to all that is left.
    ///
    /// # Errors
    /// ESRCH when nobody is left, EPERM when any of them is another user's.
    pub fn signal(&self, signal: Signal, recent: &mut Recent) -> Result<(), Errno> {
        either(self.send(signal.number()), recent.signal_others(self.leader, false, signal))
    }

    fn send(&self, number: i32) -> Result<(), Errno> {
        if let Some(pin) = &self.pin {
            match pidfd::send(pin, number, PROCESS_GROUP) {
                Ok(()) => return Ok(()),
                // Before 6.9 the flag is EINVAL, and a seccomp profile may say ENOSYS or EPERM: by number then. While
                // anybody is in the group the kernel gives its number to no other.
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {}
                Err(errno) => return Err(errno),
            }
        }
        by_number(self.leader, number)
    }
}

/// Kills a live leader with its whole group and session.
///
/// # Errors
/// ESRCH when there is no such group (yet), EPERM when any is another user's.
pub fn kill_all(leader: Pid, recent: &mut Recent) -> Result<(), Errno> {
    // The group first: whoever is in it makes no new jobs after that.
    let group = by_number(leader, Signal::KILL.number());
    match (group, recent.signal_others(leader, true, Signal::KILL)) {
        (Ok(()), Err(Errno::EPERM)) => Err(Errno::EPERM),
        (group, _) => group,
    }
}

/// Sends a signal to a live leader or to its group.
///
/// # Errors
/// ESRCH when it is gone, EPERM when it is another user's.
pub fn signal(leader: Pid, to: Target, signal: Signal) -> Result<(), Errno> {
    match to {
        Target::Group => by_number(leader, signal.number()),
        Target::Process => {
            // SAFETY: takes numbers only; nix's enum knows no real-time signals.
            Errno::result(unsafe { libc::kill(leader.0, signal.number()) }).map(drop)
        }
    }
}

fn by_number(leader: Pid, number: i32) -> Result<(), Errno> {
    // SAFETY: takes numbers only; `leader` is a child of ours (never 0, 1 or negative).
    Errno::result(unsafe { libc::killpg(leader.0, number) }).map(drop)
}
