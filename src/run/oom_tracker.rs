//! [`OomTracker`]: how often the kernel has killed for want of memory. Must not know why memory ran out.

use crate::config::values::Signal;
use crate::run::cgroup::OomKills;
use crate::supervise::Exit;

/// What a shell ends with when its last command was killed: 128 + SIGKILL.
const OF_A_KILLED_CHILD: u8 = 137;

/// Counts them.
#[derive(Default)]
pub struct OomTracker {
    kills: Option<(OomKills, u64)>,
}

impl OomTracker {
    /// Begins to count.
    pub fn watch() -> Self {
        let kills = OomKills::find();
        Self { kills: kills.count().map(|count| (kills, count)) }
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
}
