//! [`Timers`]: at most one moment per service, and the earliest of all. Must not know what a moment means.

use std::collections::BTreeSet;

use super::table::Table;
use super::{Id, Time};

/// One moment per service, ordered.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    of: Table<Option<Time>>,
    due: BTreeSet<(Time, Id)>,
}

impl Timers {
    /// Returns timers for that many services, none armed.
    pub(super) fn new(services: usize) -> Self {
        Self { of: Table::new(std::iter::repeat_n(None, services)), due: BTreeSet::new() }
    }

    /// Arms the service's timer, instead of what was armed; `None` disarms it.
    pub(super) fn set(&mut self, id: Id, at: Option<Time>) {
        if let Some(old) = self.of[id] {
            self.due.remove(&(old, id));
        }
        self.of[id] = at;
        if let Some(new) = at {
            self.due.insert((new, id));
        }
    }

    /// Returns when the service's timer is due.
    pub(super) fn get(&self, id: Id) -> Option<Time> {
        self.of[id]
    }

    /// Returns the earliest moment.
    pub(super) fn first(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes one timer that is due at `now`, if there is one: the earliest.
    pub(super) fn pop(&mut self, now: Time) -> Option<Id> {
        let (at, id) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.set(id, None);
        Some(id)
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
        let mut timers = Timers::new(3);
        timers.set(Id(0), Some(at(5)));
        timers.set(Id(1), Some(at(3)));
        assert_eq!(timers.first(), Some(at(3)));
        assert_eq!(timers.pop(at(2)), None);
        assert_eq!(timers.pop(at(3)), Some(Id(1)));
        assert_eq!(timers.pop(at(3)), None);
        assert_eq!(timers.pop(at(9)), Some(Id(0)));
        assert_eq!(timers.first(), None);
    }

    #[test]
    fn setting_again_replaces() {
        let mut timers = Timers::new(1);
        timers.set(Id(0), Some(at(5)));
        timers.set(Id(0), Some(at(7)));
        assert_eq!((timers.first(), timers.get(Id(0))), (Some(at(7)), Some(at(7))));
        timers.set(Id(0), None);
        assert_eq!((timers.first(), timers.get(Id(0))), (None, None));
    }
}
