//! Who is in the session or the process group of a service or a look: all that it has started, but what made a session of
//! its own. A shell's jobs have groups of their own, and so has what coreutils' `timeout` runs; the session they keep.
//!
//! Whoever is found by number is pinned and looked at again before it is signalled (SECURITY T26). Where `/proc` says
//! nothing (hidepid, not mounted) nobody is found, and the process group is all that is ended.
#![allow(unsafe_code)] // fcntl(2) F_SETOWN: no wrapper in nix
#![allow(clippy::disallowed_methods)] // how old a census is

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid as Number, getpgid, getsid};

use crate::config::values::Signal;
use crate::supervise::Pid;
use crate::sys::process::pidfd;
use crate::sys::process::stat::{ProcessStat, all_pids};

/// More rounds than it takes: whom KILL reaches forks no more.
const ROUNDS: usize = 8;
/// So long a census is good enough to find whom to signal: they are looked at again before that.
const FRESH: Duration = Duration::from_millis(20);

/// Returns whether anybody at all, a zombie too, is still in the session or group of a leader that was reaped: while
/// one is, the kernel keeps the number. One system call for all that `/proc` could tell in thousands. `any` is an open file
/// that nobody is told about (fcntl(2), F_SETOWN: ESRCH where the number is nobody's, since Linux 4.13).
pub fn is_in_use(leader: Pid, any: BorrowedFd<'_>) -> bool {
    // SAFETY: takes numbers only.
    let owned = unsafe { libc::fcntl(any.as_raw_fd(), libc::F_SETOWN, leader.0) };
    if Errno::result(owned) == Err(Errno::ESRCH) {
        return false;
    }
    // SAFETY: takes numbers only.
    unsafe { libc::fcntl(any.as_raw_fd(), libc::F_SETOWN, 0) };
    true
}

/// Who is there of one leader's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Alive, in its group.
    pub group: Vec<Pid>,
    /// Alive, in its session and not in its group.
    pub others: Vec<Pid>,
    /// Whether any is dead, and whoever has to has not waited for it yet.
    pub dead: bool,
    /// Whether a process has the leader's own number.
    pub leader: bool,
}

/// Everybody's session and group: one walk over `/proc`.
#[derive(Debug)]
struct Census {
    taken: Instant,
    /// Process, session, group.
    rows: Vec<[i32; 3]>,
}

/// The latest census, so that what concerns many services at once does not cost one for each.
#[derive(Debug, Default)]
pub struct Recent(Option<Census>);

impl Census {
    fn take() -> Self {
        let numbers = all_pids().into_iter().flatten();
        let row = |number| {
            let of = Some(Number::from_raw(number));
            Some([number, getsid(of).ok()?.as_raw(), getpgid(of).ok()?.as_raw()])
        };
        Self { taken: Instant::now(), rows: numbers.filter_map(row).collect() }
    }

    /// Of whom is found only these are looked at closely.
    fn members(&self, leader: Pid) -> Members {
        let mut found = Members::default();
        for [number, session, group] in &self.rows {
            if *number == leader.0 {
                found.leader = true;
            } else if *session == leader.0 || *group == leader.0 {
                match is_dead(Pid(*number)) {
                    Some(true) => found.dead = true,
                    Some(false) if *group == leader.0 => found.group.push(Pid(*number)),
                    Some(false) => found.others.push(Pid(*number)),
                    None => {}
                }
            }
        }
        found
    }
}

impl Recent {
    /// Returns who is there of a leader's. A census from before it began, or before it died, is taken again.
    pub fn members(&mut self, leader: Pid, lives: bool) -> Members {
        let recent = self.0.take().filter(|census| census.taken.elapsed() < FRESH);
        let members = recent.as_ref().map(|census| census.members(leader));
        self.0 = recent;
        match members {
            Some(members) if members != Members::default() && members.leader == lives => members,
            Some(_) | None => self.members_now(leader),
        }
    }

    /// The next answer is as of then.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    fn members_now(&mut self, leader: Pid) -> Members {
        self.0.insert(Census::take()).members(leader)
    }

    /// Sends a signal to all of a session that are not in its leader's group; with KILL until there is nobody new. Not where
    /// a leader that was reaped has a successor by that number.
    ///
    /// # Errors
    /// ESRCH when there is none, EPERM when one is another user's.
    pub fn signal_others(&mut self, leader: Pid, lives: bool, signal: Signal) -> Result<(), Errno> {
        let mut told = BTreeSet::new();
        let mut answer = Err(Errno::ESRCH);
        let mut members = self.members(leader, lives);
        for _ in 0..ROUNDS {
            let new: Vec<Pid> = members.others.iter().copied().filter(|pid| told.insert(*pid)).collect();
            if new.is_empty() || (members.leader && !lives) {
                break;
            }
            for pid in new {
                answer = either(answer, signal_one(pid, leader, signal));
            }
            if signal != Signal::KILL {
                break;
            }
            members = self.members_now(leader);
        }
        answer
    }
}

/// Returns what became of two: it was refused to one, or it reached one, or nobody was there.
pub fn either(one: Result<(), Errno>, other: Result<(), Errno>) -> Result<(), Errno> {
    match (one, other) {
        (Err(Errno::EPERM), _) | (_, Err(Errno::EPERM)) => Err(Errno::EPERM),
        (Ok(()), _) | (_, Ok(())) => Ok(()),
        (Err(errno), Err(_)) => Err(errno),
    }
}

fn signal_one(pid: Pid, leader: Pid, signal: Signal) -> Result<(), Errno> {
    pidfd::send_to(pid, signal, || getsid(at(pid)).map(Number::as_raw) == Ok(leader.0))
}

/// Returns the session of a process; `None`: it is gone.
pub fn of(pid: Pid) -> Option<Pid> {
    getsid(at(pid)).ok().map(|session| Pid(session.as_raw()))
}

/// Returns whether a process is dead and not reaped yet. `None`: it is gone altogether. What cannot be read is taken for alive.
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
        let found = Recent::default().members_now(leader);
        assert_eq!((found.group, found.others, found.leader), (vec![jobs[0]], vec![jobs[1]], true));
        assert_eq!(
            Recent::default().signal_others(leader, false, Signal::KILL),
            Err(Errno::ESRCH),
            "who has the number is another"
        );
        assert_eq!(Recent::default().signal_others(leader, true, Signal::KILL), Ok(()));
        let until_dead = || while is_dead(jobs[1]) == Some(false) {};
        until_dead();
        assert_eq!(Recent::default().members_now(leader).others, []);
        nix::sys::signal::killpg(Number::from_raw(leader.0), nix::sys::signal::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_number_is_in_use_while_anybody_is_in_its_session() {
        let null = File::open("/dev/null").unwrap();
        let (mut child, jobs) = shell("set -m; sleep 600 & echo $!; read line");
        let leader = pid_of(&child);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(is_in_use(leader, null.as_fd()));
        assert_eq!(Recent::default().members_now(leader).others, jobs);
        assert_eq!(Recent::default().signal_others(leader, false, Signal::KILL), Ok(()));

        let mut alone = Command::new("/bin/true").spawn().unwrap();
        alone.wait().unwrap();
        assert!(!is_in_use(pid_of(&alone), null.as_fd()));
    }
}
