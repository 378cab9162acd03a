//! [`ProcessTable`]: started processes that are not reaped yet, by pid; and processes that outlived their group's leader.

#![allow(clippy::disallowed_methods)] // when to look again

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::fd_watcher::Key;
use crate::config::values::Signal;
use crate::supervise::{Id, Pid, Role};
use crate::sys::process::detached::Detached;
use crate::sys::process::environment_file::SharedBytes;
use crate::sys::process::group::OrphanedGroup;
use crate::sys::process::mark::Mark;
use crate::sys::process::session::{CensusCache, SessionMembers, combine};
use crate::sys::process::spawn::ExecPipe;

/// How soon leftovers are looked for, then half as often each time, and at least this often.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// A process between its fork and its reaping.
pub struct Process {
    /// Its service.
    pub id: Id,
    /// Run, finish script or stop command.
    pub role: Role,
    /// Open until it has reported whether it executed its program.
    pub exec_pipe: Option<(Key, ExecPipe)>,
    /// Where it leaves what it reads from its `environment_file`.
    pub file: Option<Rc<SharedBytes>>,
    /// Watched until it has said that it is ready.
    pub notify: Option<Key>,
    /// It could not execute its program, and the engine knows: its exit is not reported again.
    pub refused: bool,
    /// Its whole group was killed: so is what is left when it is dead.
    pub killed: bool,
    /// What all that it starts carries.
    pub mark: Mark,
    /// When its `oom_score_adj` is tried to be set next, and how often it may still be tried.
    pub score: Option<(Instant, u32)>,
}

/// The table.
pub struct ProcessTable {
    living: HashMap<Pid, Process>,
    order: Vec<Pid>,
    leftovers: HashMap<Pid, Left>,
    /// What left its session.
    pub detached: Detached,
    /// When leftovers are looked for next, and how long before the time after.
    look_at: Option<Instant>,
    pause: Duration,
    recent: CensusCache,
}

/// What a first process has left.
pub struct Left {
    /// Its service.
    pub id: Id,
    /// Its session and group.
    pub leftover: OrphanedGroup,
    /// What left those.
    pub run: Mark,
}

impl Left {
    /// Sends a signal to all that is left.
    ///
    /// # Errors
    /// ESRCH when nobody is, EPERM when any is another user's.
    pub fn signal(&self, signal: Signal, recent: &mut CensusCache, detached: &Detached) -> Result<(), Errno> {
        combine(self.leftover.signal(signal, recent), detached.signal(self.run, signal))
    }
}

impl ProcessTable {
    /// Returns an empty one.
    pub fn new() -> Self {
        Self {
            living: HashMap::new(),
            order: Vec::new(),
            leftovers: HashMap::new(),
            detached: Detached::lower_our_limit(),
            look_at: None,
            pause: FIRST_LOOK,
            recent: CensusCache::default(),
        }
    }

    /// Looks at what was adopted since. Returns those of whom nothing says whose they are.
    pub fn adopt(&mut self) -> Vec<Pid> {
        let living = &self.living;
        self.detached.scan_children(|pid| living.contains_key(&pid))
    }

    /// Notes what a living first process has started, before it loses that.
    pub fn record_descendants(&mut self, leader: Pid) {
        if let Some(process) = self.living.get(&leader) {
            self.detached.record_descendants(leader, process.mark);
        }
    }

    /// Adds a process that was just forked.
    pub fn insert(&mut self, pid: Pid, process: Process) {
        self.living.insert(pid, process);
        self.order.push(pid);
    }

    /// Returns a process that is not reaped yet.
    pub fn get(&mut self, pid: Pid) -> Option<&mut Process> {
        self.living.get_mut(&pid)
    }

    /// Returns whether a process has not executed its program yet, and reads its file before.
    pub fn is_reading_file(&self, pid: Pid) -> bool {
        self.living.get(&pid).is_some_and(|process| process.file.is_some())
    }

    /// Returns whether a process of that service was not reaped yet, or is waited for in what it left.
    pub fn has(&self, id: Id) -> bool {
        self.living.values().any(|process| process.id == id) || self.leftovers.values().any(|left| left.id == id)
    }

    /// Removes a process that was reaped.
    pub fn remove(&mut self, pid: Pid) -> Option<Process> {
        let process = self.living.remove(&pid)?;
        // Amortised: the order is only read at the very end.
        if self.order.len() > 2 * self.living.len() + 16 {
            self.order.retain(|pid| self.living.contains_key(pid));
        }
        Some(process)
    }

    /// Remembers what outlives its first process; where nobody does (`None`), forgets what was noted of that run.
    pub fn left(&mut self, leader: Pid, run: Mark, left: Option<Left>) {
        let Some(left) = left else { return self.detached.remove_run(run) };
        self.leftovers.insert(leader, left);
        self.pause = FIRST_LOOK;
        self.look_at = Some(Instant::now() + FIRST_LOOK);
    }

    /// Stops tracking what that leader left.
    pub fn abandon(&mut self, leader: Pid) {
        if let Some(Left { run, .. }) = self.leftovers.remove(&leader) {
            self.detached.remove_run(run);
        }
        self.rest();
    }

    /// Returns what a dead leader left, and what is known of all processes.
    pub fn leftover(&mut self, leader: Pid) -> (Option<&Left>, &mut CensusCache, &Detached) {
        (self.leftovers.get(&leader), &mut self.recent, &self.detached)
    }

    /// Returns when to look for leftovers again: somebody else may wait for them without a word to us, or nobody ever does.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// What was left got a signal: it may be gone soon, so look again quickly.
    pub fn signalled(&mut self) {
        if self.look_at.is_some() {
            self.pause = FIRST_LOOK;
            self.look_at = Some(Instant::now() + FIRST_LOOK);
        }
    }

    /// Forgets those of whom nobody is left and returns whose they were. When it is time it looks closely: zombies that
    /// nobody waits for count as gone.
    pub fn gone(&mut self, any: BorrowedFd<'_>) -> Vec<Id> {
        let now = Instant::now();
        let closely = self.look_at.is_some_and(|at| at <= now);
        let mut gone = Vec::new();
        let (recent, detached, living) = (&mut self.recent, &mut self.detached, &self.living);
        if closely {
            recent.invalidate();
        }
        let mut is_fresh = false;
        self.leftovers.retain(|leader, Left { id, leftover, run }| {
            let mut left =
                leftover.may_have_members(any) && (!closely || leftover.has_members(&recent.members(*leader, false)));
            if !left {
                // The children of who has just ended have become ours.
                if !detached.has(*run) && !std::mem::replace(&mut is_fresh, true) {
                    detached.scan_children(|pid| living.contains_key(&pid));
                }
                left = detached.has(*run);
                if !left {
                    detached.remove_run(*run);
                }
            }
            if !left {
                gone.push(*id);
            }
            left
        });
        if closely {
            self.pause = (self.pause * 2).min(LAST_LOOK);
            self.look_at = Some(now + self.pause);
        }
        self.rest();
        gone
    }

    fn rest(&mut self) {
        if self.leftovers.is_empty() {
            self.look_at = None;
        }
    }

    /// Returns who is left of what a dead leader started.
    pub fn rest_of(&mut self, leader: Pid) -> Vec<Pid> {
        let SessionMembers { group, outside_group, .. } = self.recent.members(leader, false);
        let run = self.leftovers.get(&leader).map(|left| left.run);
        let detached = run.map(|run| self.detached.processes_of(run)).unwrap_or_default();
        let mut all: Vec<Pid> = group.into_iter().chain(outside_group).chain(detached).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns when the score of a process is to be set next.
    pub fn scores_due(&self) -> Option<Instant> {
        self.living.values().filter_map(|process| process.score).map(|(at, _)| at).min()
    }

    /// Returns the processes whose scores are due, their services, and how often each may be tried.
    pub fn take_due_scores(&mut self, now: Instant) -> Vec<(Pid, Id, u32)> {
        let due = self.living.iter_mut().filter_map(|(pid, process)| {
            let (_, tries) = process.score.take_if(|(at, _)| *at <= now)?;
            Some((*pid, process.id, tries))
        });
        due.collect()
    }

    /// Has the score of a process tried to be set at that time.
    pub fn set_score_later(&mut self, pid: Pid, at: Instant, tries: u32) {
        if let Some(process) = self.living.get_mut(&pid) {
            process.score = Some((at, tries));
        }
    }

    /// Returns the leaders that live, the youngest first.
    pub fn youngest_first(&self) -> Vec<Pid> {
        self.order.iter().rev().copied().filter(|pid| self.living.contains_key(pid)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // a test runs programs and waits for them
mod tests {
    use super::*;
    use std::process::Command;

    use crate::sys::process::{children, session};

    #[test]
    fn nothing_is_known_of_a_run_that_left_nobody() {
        let mut table = ProcessTable::new();
        let mark = table.detached.next_mark();
        let mut child = Command::new("sh").args(["-c", "setsid sleep 600 & wait"]).spawn().unwrap();
        let leader = Pid(i32::try_from(child.id()).unwrap());
        let until = Instant::now() + Duration::from_secs(30);
        let below = loop {
            let below = children::descendants_of(leader.0).unwrap_or_default();
            match below.first().filter(|pid| session::session_of(Pid(**pid)) == Some(Pid(**pid))) {
                Some(pid) => break nix::unistd::Pid::from_raw(*pid),
                None => assert!(Instant::now() < until, "nobody leaves the session"),
            }
        };
        table.detached.record_descendants(leader, mark);
        assert!(table.detached.has_noted(mark));
        nix::sys::signal::kill(below, nix::sys::signal::Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        table.left(leader, mark, None);
        assert!(!table.detached.has_noted(mark));
    }
}
