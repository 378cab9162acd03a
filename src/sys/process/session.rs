//! The members of the session or process group of a service or a probe: all processes that it has started, except those with
//! sessions of their own. A shell's jobs have groups of their own, as has what coreutils' `timeout` runs; they stay in the
//! session.
//!
//! A process found by pid is pinned and checked again before it is signalled (SECURITY T26). Without `/proc` (hidepid, not
//! mounted) none is found, and only the process group is killed.
#![allow(unsafe_code)] // fcntl(2) F_SETOWN: no wrapper in nix
#![allow(clippy::disallowed_methods)] // the age of a snapshot

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid as Number, getpgid, getsid};

use crate::config::values::Signal;
use crate::supervise::Pid;
use crate::sys::process::permission::{self, Age, combine};
use crate::sys::process::pidfd;
use crate::sys::process::stat::{ProcessStat, all_pids};

/// More rounds than needed: a killed process does not fork any more.
const MAX_ROUNDS: usize = 8;
/// How old a snapshot may be for finding processes to signal: they are checked again before that.
const MAX_AGE: Duration = Duration::from_millis(20);

/// Returns whether any process, also a zombie, is still in the session or group of a leader that was reaped: while one is,
/// the kernel does not reuse the number. One system call instead of thousands in `/proc`. `probe_fd` is an open file that sends
/// no signals (fcntl(2), F_SETOWN: ESRCH if the number is not in use, since Linux 4.13).
pub fn is_number_in_use(leader: Pid, probe_fd: BorrowedFd<'_>) -> bool {
    // SAFETY: takes numbers only.
    let owned = unsafe { libc::fcntl(probe_fd.as_raw_fd(), libc::F_SETOWN, leader.0) };
    if Errno::result(owned) == Err(Errno::ESRCH) {
        return false;
    }
    // SAFETY: takes numbers only.
    unsafe { libc::fcntl(probe_fd.as_raw_fd(), libc::F_SETOWN, 0) };
    true
}

/// The members of one leader's session and group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionMembers {
    /// Running, in its group.
    pub group: Vec<Pid>,
    /// Running, in its session and not in its group.
    pub outside_group: Vec<Pid>,
    /// Whether any is a zombie that its parent has not reaped yet.
    pub has_zombies: bool,
    /// Whether a process has the leader's own pid.
    pub leader_exists: bool,
}

/// Session and group of all processes: one walk over `/proc`.
#[derive(Debug)]
struct ProcessSnapshot {
    taken: Instant,
    /// Process, session, group.
    rows: Vec<[i32; 3]>,
}

/// The latest snapshot, so that an event of many services does not need one for each.
#[derive(Debug, Default)]
pub struct ProcessSnapshotCache(Option<ProcessSnapshot>);

impl ProcessSnapshot {
    fn take() -> Self {
        let numbers = all_pids().into_iter().flatten();
        let row = |number| {
            let of = Some(Number::from_raw(number));
            Some([number, getsid(of).ok()?.as_raw(), getpgid(of).ok()?.as_raw()])
        };
        Self { taken: Instant::now(), rows: numbers.filter_map(row).collect() }
    }

    /// Only the processes that match are checked further.
    fn members(&self, leader: Pid) -> SessionMembers {
        let mut found = SessionMembers::default();
        for [number, session, group] in &self.rows {
            if *number == leader.0 {
                found.leader_exists = true;
            } else if *session == leader.0 || *group == leader.0 {
                match is_dead(Pid(*number)) {
                    Some(true) => found.has_zombies = true,
                    Some(false) if *group == leader.0 => found.group.push(Pid(*number)),
                    Some(false) => found.outside_group.push(Pid(*number)),
                    None => {}
                }
            }
        }
        found
    }
}

impl ProcessSnapshotCache {
    /// Returns the members of a leader. A snapshot from before its start or exit is taken again.
    pub fn members(&mut self, leader: Pid, lives: bool) -> SessionMembers {
        let recent = self.0.take().filter(|snapshots| snapshots.taken.elapsed() < MAX_AGE);
        let members = recent.as_ref().map(|snapshots| snapshots.members(leader));
        self.0 = recent;
        match members {
            Some(members) if members != SessionMembers::default() && members.leader_exists == lives => members,
            Some(_) | None => self.members_now(leader),
        }
    }

    /// Returns the running members of a leader's group, itself included while it lives. `None`: nothing of it is visible.
    pub fn group_of(&mut self, leader: Pid, lives: bool, age: Age) -> Option<Vec<Pid>> {
        let found = match age {
            Age::Recent => self.members(leader, lives),
            Age::Now => self.members_now(leader),
        };
        if found == SessionMembers::default() {
            return None;
        }
        let SessionMembers { mut group, leader_exists, .. } = found;
        match (leader_exists, lives) {
            (true, true) => group.push(leader),
            // The pid was reused, which is only possible when no member was left.
            (true, false) => group.clear(),
            (false, _) => {}
        }
        Some(group)
    }

    /// Drops the snapshot, so that the next request is current.
    pub fn invalidate(&mut self) {
        self.0 = None;
    }

    fn members_now(&mut self, leader: Pid) -> SessionMembers {
        self.0.insert(ProcessSnapshot::take()).members(leader)
    }

    /// Sends a signal to the members of a session outside of its leader's group; with KILL until no new one appears. Not if
    /// the pid of a reaped leader was reused.
    ///
    /// # Errors
    /// ESRCH when there is none, EPERM when one is another user's.
    pub fn signal_others(&mut self, leader: Pid, lives: bool, signal: Signal) -> Result<(), Errno> {
        let mut signalled = BTreeSet::new();
        let mut result = Err(Errno::ESRCH);
        let mut members = self.members(leader, lives);
        for _ in 0..MAX_ROUNDS {
            let new: Vec<Pid> = members.outside_group.iter().copied().filter(|pid| signalled.insert(*pid)).collect();
            if new.is_empty() || (members.leader_exists && !lives) {
                break;
            }
            for pid in new {
                result = combine(result, signal_one(pid, leader, signal));
            }
            if signal != Signal::KILL {
                break;
            }
            members = self.members_now(leader);
        }
        result
    }
}

fn signal_one(pid: Pid, leader: Pid, signal: Signal) -> Result<(), Errno> {
    let is_member = || getsid(at(pid)).map(Number::as_raw) == Ok(leader.0);
    permission::to_one(pid, || pidfd::send_to(pid, signal, is_member))
}

/// Returns the session of a process; `None`: it is gone.
pub fn session_of(pid: Pid) -> Option<Pid> {
    getsid(at(pid)).ok().map(|session| Pid(session.as_raw()))
}

/// Returns whether a process is a zombie. `None`: it does not exist. One that cannot be read counts as running.
pub fn is_dead(pid: Pid) -> Option<bool> {
    match ProcessStat::read(pid.0) {
        Some(stat) => Some(stat.is_dead()),
        None => getsid(at(pid)).is_ok().then_some(false),
    }
}

fn at(pid: Pid) -> Option<Number> {
    Some(Number::from_raw(pid.0))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::os::fd::AsFd;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell in a session of its own that has said its jobs' pids.
    fn shell(script: &str) -> (Child, Vec<Pid>) {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // SAFETY: setsid(2) is async-signal-safe.
        unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pids = line.split_whitespace().map(|word| Pid(word.parse().unwrap())).collect();
        (child, pids)
    }

    fn pid_of(child: &Child) -> Pid {
        Pid(i32::try_from(child.id()).unwrap())
    }

    #[test]
    fn a_job_is_of_the_session_and_not_of_the_group() {
        let (mut child, jobs) = shell("sleep 600 & one=$!; set -m; sleep 600 & echo $one $!; read line");
        let leader = pid_of(&child);
        let found = ProcessSnapshotCache::default().members_now(leader);
        assert_eq!((found.group, found.outside_group, found.leader_exists), (vec![jobs[0]], vec![jobs[1]], true));
        assert_eq!(
            ProcessSnapshotCache::default().signal_others(leader, false, Signal::KILL),
            Err(Errno::ESRCH),
            "who has the number is another"
        );
        assert_eq!(ProcessSnapshotCache::default().signal_others(leader, true, Signal::KILL), Ok(()));
        let until_dead = || while is_dead(jobs[1]) == Some(false) {};
        until_dead();
        assert_eq!(ProcessSnapshotCache::default().members_now(leader).outside_group, []);
        nix::sys::signal::killpg(Number::from_raw(leader.0), nix::sys::signal::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_recent_group_is_found_without_another_walk() {
        let (mut child, _) = shell("echo; read line");
        let leader = pid_of(&child);
        // One that does not end as long as this test runs, in a row that the kernel would not give.
        let this = Pid(i32::try_from(std::process::id()).unwrap());
        let rows = [leader, this].map(|pid| [pid.0, leader.0, leader.0]).to_vec();
        let taken = Instant::now() + Duration::from_secs(3600);
        let mut cache = ProcessSnapshotCache(Some(ProcessSnapshot { taken, rows }));
        assert_eq!(cache.group_of(leader, true, Age::Recent), Some(vec![this, leader]));
        assert_eq!(cache.group_of(leader, true, Age::Now), Some(vec![leader]));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(cache.group_of(leader, false, Age::Recent), None);
    }

    #[test]
    fn a_number_is_in_use_while_anybody_is_in_its_session() {
        let null = File::open("/dev/null").unwrap();
        let (mut child, jobs) = shell("set -m; sleep 600 & echo $!; read line");
        let leader = pid_of(&child);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(is_number_in_use(leader, null.as_fd()));
        assert_eq!(ProcessSnapshotCache::default().members_now(leader).outside_group, jobs);
        assert_eq!(ProcessSnapshotCache::default().signal_others(leader, false, Signal::KILL), Ok(()));

        let mut alone = Command::new("/bin/true").spawn().unwrap();
        alone.wait().unwrap();
        assert!(!is_number_in_use(pid_of(&alone), null.as_fd()));
    }
}
