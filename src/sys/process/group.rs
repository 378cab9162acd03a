//! The process group of a service with its session, also after its main process was reaped: pinned by a pidfd, so that a
//! reused pid is never signalled (SECURITY T26).
#![allow(unsafe_code)] // kill(2): nix's enum knows no real-time signals

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid as Number, getpgid};

use crate::config::values::Signal;
use crate::supervise::{Pid, Target};
use crate::sys::process::permission::{self, combine};
use crate::sys::process::pidfd;
use crate::sys::process::session::{self, ProcessSnapshotCache, SessionMembers};
use crate::sys::process::stat::all_pids;

/// `PIDFD_SIGNAL_PROCESS_GROUP` (Linux 6.9): the group of the process of the pidfd, not of its number.
const PROCESS_GROUP: libc::c_uint = 1 << 2;

/// The remaining processes of a group and session whose leader has exited.
#[derive(Debug)]
pub struct LeaderlessGroup {
    leader: Pid,
    pin: Option<OwnedFd>,
}

impl LeaderlessGroup {
    /// Pins the group of `leader`. To be called while it is a zombie: its pid cannot be reused yet.
    pub fn hold_pid(leader: Pid) -> Self {
        Self { leader, pin: pidfd::open(leader) }
    }

    /// Returns whether its group or session has members, zombies included. Cheap.
    pub fn may_have_members(&self, probe_fd: BorrowedFd<'_>) -> bool {
        session::is_number_in_use(self.leader, probe_fd) || self.group_exists()
    }

    /// Returns whether it has running members, given those that were found. If none was found, `/proc` may hide them.
    pub fn has_members(&self, found: &SessionMembers) -> bool {
        match found {
            // The pid was reused, which is only possible when no member was left.
            SessionMembers { leader_exists: true, .. } => false,
            SessionMembers { group, outside_group, has_zombies, .. }
                if *has_zombies || !group.is_empty() || !outside_group.is_empty() =>
            {
                !group.is_empty() || !outside_group.is_empty()
            }
            SessionMembers { .. } => self.group_exists(),
        }
    }

    /// EPERM means that it exists.
    fn group_exists(&self) -> bool {
        !matches!(self.send(0), Err(Errno::ESRCH))
    }

    /// Sends a signal to all members.
    ///
    /// # Errors
    /// ESRCH when there is none, EPERM when any of them is another user's.
    pub fn signal(&self, signal: Signal, recent: &mut ProcessSnapshotCache) -> Result<(), Errno> {
        let group = permission::to_many(
            signal,
            || self.send(signal.number()),
            |age| recent.group_of(self.leader, false, age),
            |pid| signal_member(pid, self.leader, signal),
        );
        combine(group, recent.signal_others(self.leader, false, signal))
    }

    fn send(&self, number: i32) -> Result<(), Errno> {
        if let Some(pin) = &self.pin {
            match pidfd::send(pin, number, PROCESS_GROUP) {
                Ok(()) => return Ok(()),
                // Before 6.9 the flag is EINVAL, and a seccomp profile may return ENOSYS or EPERM: by number then. While the
                // group has members its number is not reused.
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {}
                Err(errno) => return Err(errno),
            }
        }
        by_number(self.leader, number)
    }
}

/// Kills a running leader with its whole group and session.
///
/// # Errors
/// ESRCH when there is no such group (yet), EPERM when any is another user's.
pub fn kill_all(leader: Pid, recent: &mut ProcessSnapshotCache) -> Result<(), Errno> {
    // The group first: its members cannot start new jobs after that.
    let group = signal(leader, Target::Group, Signal::KILL, recent);
    match (group, recent.signal_others(leader, true, Signal::KILL)) {
        (Ok(()), Err(Errno::EPERM)) => Err(Errno::EPERM),
        (group, _) => group,
    }
}

/// Sends a signal to a running leader or to its group.
///
/// # Errors
/// ESRCH when it is gone, EPERM when it is another user's.
pub fn signal(leader: Pid, to: Target, signal: Signal, recent: &mut ProcessSnapshotCache) -> Result<(), Errno> {
    match to {
        Target::Group => permission::to_many(
            signal,
            || by_number(leader, signal.number()),
            |age| recent.group_of(leader, true, age),
            |pid| signal_member(pid, leader, signal),
        ),
        Target::Process => signal_child(leader, signal),
    }
}

/// Sends a signal to a child of ours that is not reaped, so that its pid is its own.
///
/// # Errors
/// ESRCH when it is no child any more, EPERM when it is another user's.
pub fn signal_child(pid: Pid, signal: Signal) -> Result<(), Errno> {
    // SAFETY: takes numbers only; nix's enum knows no real-time signals.
    permission::to_one(pid, || Errno::result(unsafe { libc::kill(pid.0, signal.number()) }).map(drop))
}

/// Sends a signal to every process of our PID namespace but ourselves: for its PID 1 alone (kill(2) with -1).
pub fn signal_everything(signal: Signal) {
    let us = i32::try_from(std::process::id()).unwrap_or(1);
    // Whoever has a pid by then is meant too. Nobody is left: the result does not matter.
    let _result = permission::to_many(
        signal,
        // SAFETY: takes numbers only.
        || Errno::result(unsafe { libc::kill(-1, signal.number()) }).map(drop),
        |_| Some(all_pids().into_iter().flatten().filter(|pid| *pid != us).map(Pid).collect()),
        |pid| signal_child(pid, signal),
    );
}

/// Sends a signal to one member of the group of `leader`, which is no child of ours.
fn signal_member(pid: Pid, leader: Pid, signal: Signal) -> Result<(), Errno> {
    let group_of = |pid: Pid| getpgid(Some(Number::from_raw(pid.0))).map(Number::as_raw);
    pidfd::send_to(pid, signal, || group_of(pid) == Ok(leader.0))
}

fn by_number(leader: Pid, number: i32) -> Result<(), Errno> {
    // SAFETY: takes numbers only; `leader` is a child of ours (never 0, 1 or negative).
    Errno::result(unsafe { libc::killpg(leader.0, number) }).map(drop)
}
