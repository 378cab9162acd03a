//! [`Journal`]: the times at which services changed, for `status` and `timings`. Records; decides nothing.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::values::ServiceName;
use crate::control::timings::Moments;
use crate::log::clock::Timestamp;
use crate::supervise::{EngineTime, Id, ProbePurpose, Report, Supervisor};

/// The times.
#[derive(Debug, Default)]
pub struct Journal {
    /// The first times, by id.
    pub moments: Vec<Moments>,
    /// When the present process of a service was started.
    started: HashMap<Id, EngineTime>,
    /// When a periodic oneshot runs next, in seconds since 1970.
    next_runs: HashMap<Id, i64>,
    /// Which of its `wait_for` a service waits for.
    wait_for_index: HashMap<Id, usize>,
    /// When the services of the boot were requested.
    pub boot: EngineTime,
}

impl Journal {
    /// Returns an empty journal of a boot that requests its services now.
    pub fn new(boot: EngineTime) -> Self {
        Self { boot, ..Self::default() }
    }

    /// Begins to record: everything that is wanted is requested now; `earlier` was recorded in an earlier stage.
    pub fn begin(supervisor: &Supervisor, earlier: &[(ServiceName, Moments)], now: EngineTime) -> Self {
        let mut journal = Self::new(now);
        let all = supervisor.status();
        journal.moments.reserve_exact(all.len());
        for (at, status) in all.iter().enumerate() {
            // One with a time of day is not started by the boot.
            let scheduled = supervisor.spec(status.id).is_some_and(|spec| spec.scheduled);
            if status.wanted && !scheduled {
                journal.record_request(Id(at), now);
            } else if let Some((_, moments)) = earlier.iter().find(|(name, _)| *name == status.name) {
                journal.restore(Id(at), *moments);
            }
        }
        journal
    }

    /// Records that it was requested.
    pub fn record_request(&mut self, id: Id, now: EngineTime) {
        self.record_first(id, |moments| &mut moments.wanted, now);
    }

    /// Sets the times of an earlier stage.
    pub fn restore(&mut self, id: Id, moments: Moments) {
        self.make_room(id);
        if let Some(recorded) = self.moments.get_mut(id.0) {
            *recorded = moments;
        }
    }

    /// Records what a report says.
    pub fn record(&mut self, report: &Report, now: EngineTime) {
        match report {
            Report::Starting { id, .. } => {
                self.wait_for_index.remove(id);
                self.started.insert(*id, now);
                self.record_request(*id, now);
                self.record_first(*id, |moments| &mut moments.started, now);
            }
            Report::Done { id, again, .. } => {
                self.record_first(*id, |moments| &mut moments.ready, now);
                self.set_next_run(*id, *again);
            }
            Report::PeriodicFailed { id, pause } => self.set_next_run(*id, Some(*pause)),
            Report::Up { id, .. } => self.record_first(*id, |moments| &mut moments.ready, now),
            Report::Failed { id, .. } => self.record_first(*id, |moments| &mut moments.failed, now),
            _ => {}
        }
    }

    /// Records that a probe is started.
    pub fn record_probe(&mut self, id: Id, purpose: ProbePurpose, now: EngineTime) {
        if let ProbePurpose::WaitFor(at) = purpose {
            self.wait_for_index.insert(id, at);
            self.record_first(id, |moments| &mut moments.wait_for, now);
        }
    }

    /// Forgets a removed service.
    pub fn forget(&mut self, id: Id) {
        self.started.remove(&id);
        self.wait_for_index.remove(&id);
        self.next_runs.remove(&id);
        if let Some(moments) = self.moments.get_mut(id.0) {
            *moments = Moments::default();
        }
    }

    /// Returns when its process was started.
    pub fn started(&self, id: Id) -> Option<EngineTime> {
        self.started.get(&id).copied()
    }

    /// Returns which of its `wait_for` it waits for.
    pub fn wait_for_index(&self, id: Id) -> usize {
        self.wait_for_index.get(&id).copied().unwrap_or_default()
    }

    /// Returns when a periodic oneshot runs next, in seconds since 1970.
    pub fn next_run(&self, id: Id) -> Option<i64> {
        self.next_runs.get(&id).copied()
    }

    fn set_next_run(&mut self, id: Id, pause: Option<Duration>) {
        let at = |pause: Duration| i64::try_from(Timestamp::now().0 / 1_000_000 + pause.as_secs()).unwrap_or(i64::MAX);
        match pause {
            Some(pause) => drop(self.next_runs.insert(id, at(pause))),
            None => drop(self.next_runs.remove(&id)),
        }
    }

    /// Records a time, unless an earlier one is recorded.
    fn record_first(&mut self, id: Id, what: impl FnOnce(&mut Moments) -> &mut Option<EngineTime>, now: EngineTime) {
        self.make_room(id);
        if let Some(moments) = self.moments.get_mut(id.0) {
            what(moments).get_or_insert(now);
        }
    }

    fn make_room(&mut self, id: Id) {
        if self.moments.len() <= id.0 {
            self.moments.resize(id.0 + 1, Moments::default());
        }
    }
}
