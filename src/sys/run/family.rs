//! The processes that the engine started and that were not reaped yet, by pid; and what first processes have left.

#![allow(clippy::disallowed_methods)] // when to look again

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::watch::Key;
use crate::supervise::{Id, Pid, Role};
use crate::sys::process::environment_file::SharedBytes;
use crate::sys::process::group::Leftover;
use crate::sys::process::session::Recent;
use crate::sys::process::spawn::VerdictPipe;

/// How soon leftovers are looked for, then half as often each time, and at least this often.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// A process between its fork and its reaping.
pub struct Process {
    /// Whose.
    pub id: Id,
    /// Which of its processes.
    pub role: Role,
    /// Open until it has said whether it executed its program.
    pub verdict: Option<(Key, VerdictPipe)>,
    /// Where it leaves what it reads from its `environment_file`.
    pub file: Option<Rc<SharedBytes>>,
    /// Watched until it has said that it is ready.
    pub notify: Option<Key>,
    /// It could not execute its program, and the engine knows: its end is no news.
    pub refused: bool,
    /// Its whole group was killed: so is what is left when it is dead.
    pub killed: bool,
}

/// All of them.
#[derive(Default)]
pub struct Family {
    living: HashMap<Pid, Process>,
    order: Vec<Pid>,
    leftovers: HashMap<Pid, (Id, Leftover)>,
    /// When leftovers are looked for next, and how long before the time after.
    look_at: Option<Instant>,
    pause: Duration,
    recent: Recent,
}

impl Family {
    /// Takes a process that was just forked.
    pub fn born(&mut self, pid: Pid, process: Process) {
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

    /// Gives up a process that was reaped.
    pub fn died(&mut self, pid: Pid) -> Option<Process> {
        let process = self.living.remove(&pid)?;
        // Amortised: the order is only read at the very end.
        if self.order.len() > 2 * self.living.len() + 16 {
            self.order.retain(|pid| self.living.contains_key(pid));
        }
        Some(process)
    }

    /// Remembers what outlives its first process.
    pub fn left(&mut self, id: Id, leader: Pid, leftover: Leftover) {
        self.leftovers.insert(leader, (id, leftover));
        self.pause = FIRST_LOOK;
        self.look_at = Some(Instant::now() + FIRST_LOOK);
    }

    /// Nobody waits for that any more.
    pub fn abandon(&mut self, leader: Pid) {
        self.leftovers.remove(&leader);
        self.rest();
    }

    /// Returns what a dead leader left, and what is known of all processes.
    pub fn leftover(&mut self, leader: Pid) -> (Option<&Leftover>, &mut Recent) {
        (self.leftovers.get(&leader).map(|(_, leftover)| leftover), &mut self.recent)
    }

    /// Returns when to look for leftovers again: somebody else may wait for them without a word to us, or nobody ever does.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// What was left is told something: it may be gone soon.
    pub fn told(&mut self) {
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
        let recent = &mut self.recent;
        if closely {
            recent.forget();
        }
        self.leftovers.retain(|leader, (id, leftover)| {
            let left = leftover.may_be_left(any) && (!closely || leftover.is_left(&recent.members(*leader, false)));
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

    /// Returns the leaders that live, the youngest first.
    pub fn youngest_first(&self) -> Vec<Pid> {
        self.order.iter().rev().copied().filter(|pid| self.living.contains_key(pid)).collect()
    }
}
