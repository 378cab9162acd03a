//! [`Timers`]: one timer of each [`TimerKind`] per service, and the earliest of all. Must not know what happens then.

use std::collections::{BTreeMap, BTreeSet};

use super::{EngineTime, Id};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKind {
    /// Its state has a time limit.
    State,
    /// What its state has besides: the next probe, the delay after which it is ready, the next report that the main command waits,
    /// or the end of the time that a consumer has to read its input.
    Secondary,
    /// Its watchdog notification is due.
    Watchdog,
}

impl TimerKind {
    const ALL: [Self; 3] = [Self::State, Self::Secondary, Self::Watchdog];
}

/// At most one timer of each kind for a service, ordered.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    times: BTreeMap<(Id, TimerKind), EngineTime>,
    due: BTreeSet<(EngineTime, Id, TimerKind)>,
}

impl Timers {
    /// Arms a service's timer, instead of what was armed; `None` disarms it.
    pub(super) fn set(&mut self, id: Id, kind: TimerKind, at: Option<EngineTime>) {
        let old = match at {
            Some(at) => self.times.insert((id, kind), at),
            None => self.times.remove(&(id, kind)),
        };
        if let Some(old) = old {
            self.due.remove(&(old, id, kind));
        }
        if let Some(new) = at {
            self.due.insert((new, id, kind));
        }
    }

    /// Disarms all timers of a service.
    pub(super) fn clear(&mut self, id: Id) {
        for kind in TimerKind::ALL {
            self.set(id, kind, None);
        }
    }

    /// Returns when a service's timer is due.
    pub(super) fn get(&self, id: Id, kind: TimerKind) -> Option<EngineTime> {
        self.times.get(&(id, kind)).copied()
    }

    /// Returns the earliest moment.
    pub(super) fn first(&self) -> Option<EngineTime> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Takes one timer that is due at `now`, if there is one: the earliest.
    pub(super) fn pop(&mut self, now: EngineTime) -> Option<(EngineTime, Id, TimerKind)> {
        let (at, id, kind) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.set(id, kind, None);
        Some((at, id, kind))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> EngineTime {
        EngineTime(Duration::from_secs(seconds))
    }

    #[test]
    fn the_earliest_comes_first_and_only_when_it_is_due() {
        let mut timers = Timers::default();
        timers.set(Id(0), TimerKind::State, Some(at(5)));
        timers.set(Id(1), TimerKind::Secondary, Some(at(3)));
        assert_eq!(timers.first(), Some(at(3)));
        assert_eq!(timers.pop(at(2)), None);
        assert_eq!(timers.pop(at(3)), Some((at(3), Id(1), TimerKind::Secondary)));
        assert_eq!(timers.pop(at(3)), None);
        assert_eq!(timers.pop(at(9)), Some((at(5), Id(0), TimerKind::State)));
        assert_eq!(timers.first(), None);
    }

    #[test]
    fn setting_again_replaces_and_clearing_disarms_all() {
        let mut timers = Timers::default();
        timers.set(Id(0), TimerKind::State, Some(at(5)));
        timers.set(Id(0), TimerKind::State, Some(at(7)));
        timers.set(Id(0), TimerKind::Watchdog, Some(at(6)));
        assert_eq!((timers.first(), timers.get(Id(0), TimerKind::State)), (Some(at(6)), Some(at(7))));
        timers.clear(Id(0));
        assert_eq!((timers.first(), timers.get(Id(0), TimerKind::State)), (None, None));
    }
}
