//! [`Calendars`]: when oneshots with an `at` run. One timer on the system clock for all of them, none without any. The timer
//! also expires when that clock is set, so that the next times are computed anew.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::read;

use super::fd_watcher::FdWatcher;
use crate::config::calendar::Calendar;
use crate::config::civil;
use crate::config::values::ServiceName;
use crate::config::zone::Zone;
use crate::log::clock::Timestamp;
use crate::supervise::Id;

/// A time that passed longer ago (seconds) was missed: the machine slept, the container was paused, the clock was set.
const MAX_DELAY: i64 = 60;
/// A clock that is set back by no more than this (seconds) does not make a past time run again.
const SET_BACK: i64 = 3_600;

/// The calendars, and their timer.
pub struct Calendars {
    zone: Zone,
    timer: Option<TimerFd>,
    all: BTreeMap<Id, CalendarEntry>,
}

struct CalendarEntry {
    name: ServiceName,
    calendar: Calendar,
    /// The next run; `None`: never again.
    next: Option<i64>,
    /// The latest run.
    last: Option<i64>,
}

impl CalendarEntry {
    fn plan(&mut self, zone: &Zone, now: i64) {
        let ran = self.last.filter(|last| *last > now && last.saturating_sub(now) <= SET_BACK);
        self.next = self.calendar.next(ran.unwrap_or(now), &|at| zone.offset(at));
    }
}

/// The services with a time that has passed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Elapsed {
    due: Vec<Id>,
    missed: Vec<(Id, i64)>,
}

impl Calendars {
    /// Returns an empty set for that zone.
    pub fn new(zone: Zone) -> Self {
        Self { zone, timer: None, all: BTreeMap::new() }
    }

    /// Sets the calendar of a service, or removes it.
    pub fn put(&mut self, id: Id, name: &ServiceName, calendar: Option<&Calendar>, fd_watcher: &mut FdWatcher) {
        match calendar {
            None if self.all.remove(&id).is_none() => return,
            None => {}
            Some(calendar) => {
                self.insert(id, name, calendar, now());
                match self.next(id) {
                    Some(next) => tracing::info!("{name}: runs at {calendar}, next {next}"),
                    None => {
                        tracing::warn!("{name}: no time to come matches `at = \"{calendar}\"`, it will not run again")
                    }
                }
            }
        }
        if let Err(errno) = self.arm_timer_on(fd_watcher) {
            tracing::error!("cannot watch the clock: {}; what runs at times of the day will not run", errno.desc());
        }
    }

    fn insert(&mut self, id: Id, name: &ServiceName, calendar: &Calendar, now: i64) {
        let last = self.all.remove(&id).filter(|old| old.calendar == *calendar).and_then(|old| old.last);
        let mut entry = CalendarEntry { name: name.clone(), calendar: calendar.clone(), next: None, last };
        entry.plan(&self.zone, now);
        self.all.insert(id, entry);
    }

    fn arm_timer_on(&mut self, fd_watcher: &mut FdWatcher) -> Result<(), Errno> {
        if self.timer.is_none() {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
            fd_watcher.clock(timer.as_fd())?;
            self.timer = Some(timer);
        }
        self.arm()
    }

    fn arm(&self) -> Result<(), Errno> {
        let Some(timer) = &self.timer else { return Ok(()) };
        let Some(first) = self.all.values().filter_map(|entry| entry.next).min() else { return timer.unset() };
        let at = TimeSpec::from_duration(Duration::from_secs(u64::try_from(first).unwrap_or_default()));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        timer.set(Expiration::OneShot(at), flags)
    }

    /// Handles the timer, which is readable: a time has come, or the clock was set. Returns the services that are due.
    pub fn handle_timer(&mut self) -> Vec<Id> {
        let Some(timer) = &self.timer else { return Vec::new() };
        match read(timer, &mut [0; 8]) {
            // The clock was set (ECANCELED), or a time has come: both are handled alike.
            Ok(_) | Err(Errno::ECANCELED) => {}
            Err(_) => return Vec::new(),
        }
        let Elapsed { due, missed } = self.take_elapsed(now());
        for (id, at) in missed {
            let Some(entry) = self.all.get(&id) else { continue };
            let (at, next) = (self.format_time(at), self.next(id).unwrap_or_else(|| "never".to_owned()));
            tracing::warn!("{}: missed {at} (the clock was set, or time stood still), next {next}", entry.name);
        }
        if let Err(errno) = self.arm() {
            tracing::error!("cannot set a timer on the clock: {}", errno.desc());
        }
        due
    }

    fn take_elapsed(&mut self, now: i64) -> Elapsed {
        let mut passed = Elapsed::default();
        for (id, entry) in &mut self.all {
            if let Some(next) = entry.next.filter(|next| *next <= now) {
                match now.saturating_sub(next) <= MAX_DELAY {
                    true => passed.due.push(*id),
                    false => passed.missed.push((*id, next)),
                }
                entry.last = Some(next);
            }
            entry.plan(&self.zone, now);
        }
        passed
    }

    /// Returns when a service runs next, as RFC 3339 has it in the zone.
    pub fn next(&self, id: Id) -> Option<String> {
        self.all.get(&id)?.next.map(|next| self.format_time(next))
    }

    /// Returns a moment as RFC 3339 has it in the zone.
    pub fn format_time(&self, at: i64) -> String {
        civil::rfc3339(at, self.zone.offset(at))
    }
}

/// Returns the system time, in seconds since 1970.
fn now() -> i64 {
    i64::try_from(Timestamp::now().0 / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const THREE: i64 = 3 * 3_600;

    fn nightly(now: i64) -> Calendars {
        let mut all = Calendars::new(Zone::default());
        let name = ServiceName::new("backup").unwrap();
        all.insert(Id(4), &name, &Calendar::parse("03:00").unwrap(), now);
        all
    }

    fn due(all: &mut Calendars, now: i64) -> Vec<Id> {
        let Elapsed { due, missed } = all.take_elapsed(now);
        assert!(missed.is_empty(), "{missed:?}");
        due
    }

    #[test]
    fn a_time_comes_once() {
        let mut all = nightly(0);
        assert_eq!(all.next(Id(4)).unwrap(), "1970-01-01T03:00:00+00:00");
        assert_eq!(due(&mut all, THREE - 1), []);
        assert_eq!(due(&mut all, THREE), [Id(4)]);
        assert_eq!(due(&mut all, THREE), []);
        assert_eq!(due(&mut all, DAY + THREE + 2), [Id(4)]);
    }

    #[test]
    fn a_time_that_was_missed_is_not_caught_up() {
        let mut all = nightly(0);
        assert_eq!(all.take_elapsed(THREE + MAX_DELAY + 1), Elapsed { due: Vec::new(), missed: vec![(Id(4), THREE)] });
        assert_eq!(all.next(Id(4)).unwrap(), "1970-01-02T03:00:00+00:00");
        let mut all = nightly(0);
        assert_eq!(all.take_elapsed(9 * DAY), Elapsed { due: Vec::new(), missed: vec![(Id(4), THREE)] });
        assert_eq!(due(&mut all, 9 * DAY + THREE), [Id(4)]);
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_does_not_bring_a_time_back_and_one_set_back_far_does() {
        let mut all = nightly(0);
        assert_eq!(due(&mut all, THREE), [Id(4)]);
        assert_eq!(due(&mut all, THREE - 30), []);
        assert_eq!(due(&mut all, THREE), []);
        assert_eq!(all.next(Id(4)).unwrap(), "1970-01-02T03:00:00+00:00");
        assert_eq!(due(&mut all, DAY + THREE), [Id(4)]);
        assert_eq!(due(&mut all, 100), []);
        assert_eq!(due(&mut all, THREE), [Id(4)]);
    }

    #[test]
    fn a_clock_that_is_set_forward_before_the_time_moves_nothing_else() {
        let mut all = nightly(0);
        assert_eq!(due(&mut all, THREE - 60), []);
        assert_eq!(due(&mut all, THREE + MAX_DELAY), [Id(4)]);
    }

    #[test]
    fn without_a_calendar_there_is_no_timer_and_with_one_it_is_on_the_clock() {
        let mut fd_watcher = FdWatcher::default();
        let mut all = Calendars::new(Zone::default());
        let name = ServiceName::new("backup").unwrap();
        all.put(Id(1), &name, None, &mut fd_watcher);
        assert!(all.timer.is_none());
        all.put(Id(1), &name, Some(&Calendar::parse("03:00").unwrap()), &mut fd_watcher);
        let armed = all.timer.as_ref().unwrap().get().unwrap();
        assert!(armed.is_some());
        assert_eq!(all.handle_timer(), [], "not readable");
        all.put(Id(1), &name, None, &mut fd_watcher);
        assert_eq!(all.timer.as_ref().unwrap().get().unwrap(), None, "no timer without a calendar");
    }
}
