//! [`OomTracker`]: which exits the OOM killer may have caused. Must not know why memory ran out.

use crate::config::values::Signal;
use crate::run::cgroup::OomKills;
use crate::supervise::Exit;

/// The exit code of a shell whose last command was killed: 128 + SIGKILL.
const CODE_OF_KILLED_CHILD: u8 = 137;

/// The latest count of OOM kills; none before [`Self::begin`].
#[derive(Default)]
pub struct OomTracker {
    kills: Option<(OomKills, u64)>,
}

impl OomTracker {
    /// Reads the first count, for the exits that are reaped from now on. Not needed before the first process runs.
    pub fn begin(&mut self) {
        let kills = OomKills::find();
        self.kills = kills.count().map(|count| (kills, count));
    }

    /// Returns whether the OOM killer may have caused an exit: the count has grown since the last kill.
    pub fn explains(&mut self, exit: Exit) -> bool {
        let is_killed = exit == Exit::Signal(Signal::KILL) || exit == Exit::Code(CODE_OF_KILLED_CHILD);
        is_killed && self.has_grown()
    }

    fn has_grown(&mut self) -> bool {
        let Some((kills, before)) = &mut self.kills else { return false };
        let now = kills.count().unwrap_or(*before);
        std::mem::replace(before, now) < now
    }
}
