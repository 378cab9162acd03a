//! [`Timers`]: a few moments per service, and the earliest of all. Must not know what happens then.

use std::collections::{BTreeMap, BTreeSet};

use super::{Id, Time};

/// What a moment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// Its state ends by itself.
    State,
    /// It is asked again, or has lived long enough.
    Probe,
    /// It has not said that it is alive.
    Watchdog,
}

impl Slot {
    const ALL: [Self; 3] = [Self::State, Self::Probe, Self::Watchdog];
}

/// At most one moment for each slot of a service, ordered.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    of: BTreeMap<(Id, Slot), Time>,
    due: BTreeSet<(Time, Id, Slot)>,
}

impl Timers {
    /// Arms a service's timer, instead of what was armed; `None` disarms it.
    pub(super) fn set(&mut self, id: Id, slot: Slot, at: Option<Time>) {
        let old = match at {
            Some(at) => self.of.insert((id, slot), at),
            None => self.of.remove(&(id, slot)),
        };
        if let Some(old) = old {
            self.due.remove(&(old, id, slot));
        }
        if let Some(new) = at {
            self.due.insert((new, id, slot));
        }
    }

    /// Disarms all timers of a service.
    pub(super) fn clear(&mut self, id: Id) {
        for slot in Slot::ALL {
            self.set(id, slot, None);
        }
    }

    /// Returns when a service's timer is due.
    pub(super) fn get(&self, id: Id, slot: Slot) -> Option<Time> {
        self.of.get(&(id, slot)).copied()
    }

    /// Returns the earliest moment.
    pub(super) fn first(&self) -> Option<Time> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Takes one timer that is due at `now`, if there is one: the earliest.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, Id, Slot)> {
        let (at, id, slot) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.set(id, slot, None);
        Some((at, id, slot))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time(Duration::from_secs(seconds))
    }

    #[test]
    fn the_earliest_comes_first_and_only_when_it_is_due() {
        let mut timers = Timers::default();
        timers.set(Id(0), Slot::State, Some(at(5)));
        timers.set(Id(1), Slot::Probe, Some(at(3)));
        assert_eq!(timers.first(), Some(at(3)));
        assert_eq!(timers.pop(at(2)), None);
        assert_eq!(timers.pop(at(3)), Some((at(3), Id(1), Slot::Probe)));
        assert_eq!(timers.pop(at(3)), None);
        assert_eq!(timers.pop(at(9)), Some((at(5), Id(0), Slot::State)));
        assert_eq!(timers.first(), None);
    }

    #[test]
    fn setting_again_replaces_and_clearing_disarms_all() {
        let mut timers = Timers::default();
        timers.set(Id(0), Slot::State, Some(at(5)));
        timers.set(Id(0), Slot::State, Some(at(7)));
        timers.set(Id(0), Slot::Watchdog, Some(at(6)));
        assert_eq!((timers.first(), timers.get(Id(0), Slot::State)), (Some(at(6)), Some(at(7))));
        timers.clear(Id(0));
        assert_eq!((timers.first(), timers.get(Id(0), Slot::State)), (None, None));
    }
}
