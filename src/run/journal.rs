//! [`Journal`]: when things happened to services, for `status` and `timings`. Records events; decides nothing.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::values::ServiceName;
use crate::control::timings::Moments;
use crate::log::clock::Timestamp;
use crate::supervise::{Id, ProbeKind, Report, Supervisor, Time};

/// What is noted.
#[derive(Debug, Default)]
pub struct Journal {
    /// First times, by id.
    pub moments: Vec<Moments>,
    /// When the process that a service has was started.
    started: HashMap<Id, Time>,
    /// When a periodic oneshot runs next, in seconds since 1970.
    turns: HashMap<Id, i64>,
    /// Which of the things outside the container a service waits for.
    awaits: HashMap<Id, usize>,
    /// When the services of the boot were asked for.
    pub boot: Time,
}

impl Journal {
    /// Returns an empty one, of a boot that asks for its services now.
    pub fn new(boot: Time) -> Self {
        Self { boot, ..Self::default() }
    }

    /// Begins to note what happens: everything that should run is asked for now; `before` happened in an earlier stage.
    pub fn begin(supervisor: &Supervisor, before: &[(ServiceName, Moments)], now: Time) -> Self {
        let mut journal = Self::new(now);
        for (at, line) in supervisor.status().iter().enumerate() {
            // One with a time of day is not started by the boot.
            let scheduled = supervisor.spec(line.id).is_some_and(|spec| spec.scheduled);
            if line.wanted && !scheduled {
                journal.asked(Id(at), now);
            } else if let Some((_, moments)) = before.iter().find(|(name, _)| *name == line.name) {
                journal.before(Id(at), *moments);
            }
        }
        journal
    }

    /// Notes that it was asked for.
    pub fn asked(&mut self, id: Id, now: Time) {
        self.note(id, |moments| &mut moments.asked, now);
    }

    /// Notes what is known from an earlier stage.
    pub fn before(&mut self, id: Id, known: Moments) {
        self.make_room(id);
        if let Some(moments) = self.moments.get_mut(id.0) {
            *moments = known;
        }
    }

    /// Notes what a report says.
    pub fn record(&mut self, report: &Report, now: Time) {
        match report {
            Report::Starting { id, .. } => {
                self.awaits.remove(id);
                self.started.insert(*id, now);
                self.asked(*id, now);
                self.note(*id, |moments| &mut moments.started, now);
            }
            Report::Done { id, again, .. } => {
                self.note(*id, |moments| &mut moments.ready, now);
                self.turn(*id, *again);
            }
            Report::PeriodicFailed { id, pause } => self.turn(*id, Some(*pause)),
            Report::Up { id, .. } => self.note(*id, |moments| &mut moments.ready, now),
            Report::Failed { id, .. } => self.note(*id, |moments| &mut moments.failed, now),
            _ => {}
        }
    }

    /// Notes what is asked about it.
    pub fn record_probe(&mut self, id: Id, look: ProbeKind, now: Time) {
        if let ProbeKind::Await(at) = look {
            self.awaits.insert(id, at);
            self.note(id, |moments| &mut moments.outside, now);
        }
    }

    /// Forgets a service that there is no more.
    pub fn forget(&mut self, id: Id) {
        self.started.remove(&id);
        self.awaits.remove(&id);
        self.turns.remove(&id);
        if let Some(moments) = self.moments.get_mut(id.0) {
            *moments = Moments::default();
        }
    }

    /// Returns when its process was started.
    pub fn started(&self, id: Id) -> Option<Time> {
        self.started.get(&id).copied()
    }

    /// Returns which of the things outside it waits for.
    pub fn awaits(&self, id: Id) -> usize {
        self.awaits.get(&id).copied().unwrap_or_default()
    }

    /// Returns when a periodic oneshot runs next, in seconds since 1970.
    pub fn next_turn(&self, id: Id) -> Option<i64> {
        self.turns.get(&id).copied()
    }

    fn turn(&mut self, id: Id, pause: Option<Duration>) {
        let at = |pause: Duration| i64::try_from(Timestamp::now().0 / 1_000_000 + pause.as_secs()).unwrap_or(i64::MAX);
        match pause {
            Some(pause) => drop(self.turns.insert(id, at(pause))),
            None => drop(self.turns.remove(&id)),
        }
    }

    /// Only the first time counts.
    fn note(&mut self, id: Id, what: impl FnOnce(&mut Moments) -> &mut Option<Time>, now: Time) {
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
