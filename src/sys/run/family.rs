//! The processes that the engine started and that were not reaped yet, by pid; and groups whose first process is gone.

use std::collections::HashMap;

use super::watch::Key;
use crate::supervise::{Id, Pid, Role};
use crate::sys::process::group::Leftover;
use crate::sys::process::spawn::VerdictPipe;

/// A process between its fork and its reaping.
pub struct Process {
    /// Whose.
    pub id: Id,
    /// Which of its processes.
    pub role: Role,
    /// Open until it has said whether it executed its program.
    pub verdict: Option<(Key, VerdictPipe)>,
    /// Watched until it has said that it is ready.
    pub notify: Option<Key>,
    /// It could not execute its program, and the engine knows: its end is no news.
    pub refused: bool,
}

/// All of them.
#[derive(Default)]
pub struct Family {
    living: HashMap<Pid, Process>,
    order: Vec<Pid>,
    leftovers: HashMap<Pid, (Id, Leftover)>,
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

    /// Gives up a process that was reaped.
    pub fn died(&mut self, pid: Pid) -> Option<Process> {
        let process = self.living.remove(&pid)?;
        // Amortised: the order is only read at the very end.
        if self.order.len() > 2 * self.living.len() + 16 {
            self.order.retain(|pid| self.living.contains_key(pid));
        }
        Some(process)
    }

    /// Remembers a group that outlives its first process.
    pub fn left(&mut self, id: Id, leader: Pid, leftover: Leftover) {
        self.leftovers.insert(leader, (id, leftover));
    }

    /// Returns the group that a dead leader left.
    pub fn leftover(&self, leader: Pid) -> Option<&Leftover> {
        self.leftovers.get(&leader).map(|(_, leftover)| leftover)
    }

    /// Returns whether any group outlives its first process.
    pub fn has_leftovers(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// Forgets the groups of which nobody is left and returns whose they were.
    pub fn gone(&mut self) -> Vec<Id> {
        let mut gone = Vec::new();
        self.leftovers.retain(|_, (id, leftover)| {
            let left = leftover.is_left();
            if !left {
                gone.push(*id);
            }
            left
        });
        gone
    }

    /// Returns the leaders that live, the youngest first.
    pub fn youngest_first(&self) -> Vec<Pid> {
        self.order.iter().rev().copied().filter(|pid| self.living.contains_key(pid)).collect()
    }
}
