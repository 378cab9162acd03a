//! [`OomTracker`]: how often the kernel has killed for want of memory, and whose processes. Must not know why memory ran out.

use std::collections::BTreeSet;

use super::process_manager::ProcessManager;
use crate::config::values::Signal;
use crate::run::cgroup::OomKills;
use crate::supervise::{Exit, Id};

/// What a shell ends with when its last command was killed: 128 + SIGKILL.
const OF_A_KILLED_CHILD: u8 = 137;

/// Who was killed for want of memory.
#[derive(Default)]
pub struct OomTracker {
    kills: Option<(OomKills, u64)>,
    killed: BTreeSet<Id>,
}

impl OomTracker {
    /// Begins to count.
    pub fn watch() -> Self {
        let kills = OomKills::find();
        Self { kills: kills.count().map(|count| (kills, count)), killed: BTreeSet::new() }
    }

    /// Returns whether a death may be the kernel's work, for want of memory.
    pub fn explains(&mut self, exit: Exit) -> bool {
        let killed = exit == Exit::Signal(Signal::KILL) || exit == Exit::Code(OF_A_KILLED_CHILD);
        killed && self.has_grown()
    }

    fn has_grown(&mut self) -> bool {
        let Some((kills, before)) = &mut self.kills else { return false };
        let now = kills.count().unwrap_or(*before);
        std::mem::replace(before, now) < now
    }

    /// Takes note of whose last process it was.
    pub fn note(&mut self, id: Id, out_of_memory: bool) {
        if out_of_memory {
            self.killed.insert(id);
        } else {
            self.killed.remove(&id);
        }
    }

    /// Returns whether the last process of a service was killed so, or what it had started.
    pub fn has_killed(&self, id: Id) -> bool {
        self.killed.contains(&id)
    }
}

impl ProcessManager {
    /// Returns whether the last process of a service was killed for want of memory, or what it had started.
    pub fn is_out_of_memory(&self, id: Id) -> bool {
        self.memory.has_killed(id)
    }
}
