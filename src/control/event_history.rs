//! [`EventHistory`]: the last events of services and of the container, and those who follow them. Bounded: typed records
//! without texts, for which memory is taken as they come. Must not know who may see them.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::events::{EndCause, EventFields, EventName, PastEvent, RequestVerb};
use super::protocol::milliseconds;
use crate::config::values::{ServiceName, Signal, Uid};
use crate::log::clock::Timestamp;
use crate::log::followers::{Followed, Followers};
use crate::supervise::{Exit, Id, Pid, Report, StopReason};

/// Most events that are kept.
pub const MAX_EVENTS: usize = 256;

/// What happened, without texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// An event that has nothing but a process, and a duration.
    Plain(EventName, Option<Pid>, Option<Milliseconds>),
    /// A process ended.
    End(EventName, Exit, Milliseconds),
    /// A service could not be started: the kernel's error.
    CannotStart(i32),
    /// A service starts again after this pause, and so many failures.
    Backoff(Milliseconds, u32),
    /// A service is unhealthy after so many failures.
    Unhealthy(u32),
    /// The container begins to stop.
    Stopping(EndCause, Option<Exit>),
    /// A user requested something; the signal is the one that was sent.
    Requested(RequestVerb, Uid, Option<Signal>),
}

/// Milliseconds in four bytes: 49 days, and what is longer counts as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Milliseconds(u32);

impl From<Duration> for Milliseconds {
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(milliseconds(duration)).unwrap_or(u32::MAX))
    }
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Container,
    /// A service by its id.
    Service(u32),
    /// A service that a reload has removed: its key in the list of their names.
    Removed(u32),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    time: Timestamp,
    subject: Subject,
    occurrence: Occurrence,
}

/// Events that an earlier stage has left.
#[derive(Clone, Debug, Default)]
pub struct EarlierEvents(Vec<(Timestamp, Option<ServiceName>, Occurrence)>);

/// Whose events a caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Of everything.
    All,
    /// Of these services.
    Services(BTreeSet<Id>),
}

impl Audience {
    fn has(&self, id: Option<Id>) -> bool {
        match self {
            Self::All => true,
            Self::Services(ids) => id.is_some_and(|id| ids.contains(&id)),
        }
    }
}

/// The last events.
#[derive(Debug, Default)]
pub struct EventHistory {
    records: VecDeque<Record>,
    /// Names of removed services that a record is about.
    removed: Vec<(u32, ServiceName)>,
    next_key: u32,
    followers: Vec<(Audience, Followers<PastEvent>)>,
}

impl EventHistory {
    /// Returns a history that goes on from an earlier stage; `id` is what a service of that has now.
    pub fn resume(earlier: &EarlierEvents, id: impl Fn(&ServiceName) -> Option<Id>) -> Self {
        let mut history = Self::default();
        for (time, name, occurrence) in &earlier.0 {
            let subject = match name {
                None => Subject::Container,
                Some(name) => id(name).map_or_else(|| history.removed_subject(name), service),
            };
            history.records.push_back(Record { time: *time, subject, occurrence: *occurrence });
        }
        history
    }

    /// Returns what the next stage goes on from.
    pub fn earlier_events(&self, name: impl Fn(Id) -> ServiceName) -> EarlierEvents {
        let events = self.records.iter().map(|record| {
            let name = match record.subject {
                Subject::Container => None,
                Subject::Service(id) => Some(name(Id(id as usize))),
                Subject::Removed(key) => self.removed_name(key).cloned(),
            };
            (record.time, name, record.occurrence)
        });
        EarlierEvents(events.collect())
    }

    /// Adds an event of now, and passes it on to those who follow.
    pub fn record<'n>(&mut self, id: Option<Id>, occurrence: Occurrence, name: impl Fn(Id) -> &'n str) {
        if self.records.len() >= MAX_EVENTS {
            self.records.pop_front();
        }
        let record = Record { time: Timestamp::now(), subject: id.map_or(Subject::Container, service), occurrence };
        self.records.push_back(record);
        if !self.followers.is_empty() {
            let event = self.past_event(&record, &name);
            self.followers.retain_mut(|(audience, followers)| {
                if audience.has(id) {
                    followers.pass_on(&event);
                }
                !followers.is_empty()
            });
        }
    }

    /// Returns the events that are kept, the oldest first.
    pub fn last<'n>(&self, audience: &Audience, name: impl Fn(Id) -> &'n str) -> Vec<PastEvent> {
        let shown = self.records.iter().filter(|record| audience.has(record.id()));
        shown.map(|record| self.past_event(record, &name)).collect()
    }

    /// Returns the events from now on, of which at most `space` wait: see [`Followers::add`].
    pub fn follow(&mut self, audience: Audience, space: usize) -> Receiver<Followed<PastEvent>> {
        self.followers.retain_mut(|(_, followers)| {
            followers.drop_closed();
            !followers.is_empty()
        });
        let mut followers = Followers::default();
        let events = followers.add(space);
        self.followers.push((audience, followers));
        events
    }

    /// Keeps the name of a service that is removed: its id will be another one's.
    pub fn remove(&mut self, id: Id, name: &ServiceName) {
        let of = service(id);
        if !self.records.iter().any(|record| record.subject == of) {
            return;
        }
        let records = &self.records;
        self.removed.retain(|(key, _)| records.iter().any(|record| record.subject == Subject::Removed(*key)));
        let subject = self.removed_subject(name);
        self.records.iter_mut().filter(|record| record.subject == of).for_each(|record| record.subject = subject);
    }

    fn removed_subject(&mut self, name: &ServiceName) -> Subject {
        if let Some((key, _)) = self.removed.iter().find(|(_, known)| known == name) {
            return Subject::Removed(*key);
        }
        let key = self.next_key;
        self.next_key = key.wrapping_add(1);
        self.removed.push((key, name.clone()));
        Subject::Removed(key)
    }

    fn removed_name(&self, key: u32) -> Option<&ServiceName> {
        self.removed.iter().find(|(known, _)| *known == key).map(|(_, name)| name)
    }

    fn past_event<'n>(&self, record: &Record, name: &impl Fn(Id) -> &'n str) -> PastEvent {
        let service = match record.subject {
            Subject::Container => None,
            Subject::Service(id) => Some(name(Id(id as usize)).to_owned()),
            Subject::Removed(key) => self.removed_name(key).map(|name| name.as_str().to_owned()),
        };
        let time = String::from_utf8_lossy(&record.time.rfc3339()).into_owned();
        PastEvent { time, fields: record.occurrence.fields(service) }
    }
}

impl Record {
    fn id(&self) -> Option<Id> {
        match self.subject {
            Subject::Service(id) => Some(Id(id as usize)),
            Subject::Container | Subject::Removed(_) => None,
        }
    }
}

fn service(id: Id) -> Subject {
    Subject::Service(u32::try_from(id.0).unwrap_or(u32::MAX))
}

impl Occurrence {
    /// Returns the event that a report is, and whom it is about; `None`: it repeats what is known, or is said by another one.
    pub fn of_report(report: &Report) -> Option<(Option<Id>, Self)> {
        let plain = |id: &Id, name, pid: Option<&Pid>, took: Option<&Duration>| {
            Some((Some(*id), Self::Plain(name, pid.copied(), took.map(|took| Milliseconds::from(*took)))))
        };
        match report {
            Report::Starting { id, pid } => plain(id, EventName::Started, Some(pid), None),
            Report::Up { id, pid, took } => plain(id, EventName::Ready, Some(pid), Some(took)),
            Report::Done { id, took, .. } => plain(id, EventName::Done, None, Some(took)),
            Report::Ended { id, exit, ran } => Some((Some(*id), Self::End(EventName::Exited, *exit, (*ran).into()))),
            Report::Stopped { id, exit, took } => {
                Some((Some(*id), Self::End(EventName::Stopped, *exit, (*took).into())))
            }
            Report::StopCommandEnded { id, exit, took } => {
                Some((Some(*id), Self::End(EventName::StopCommandEnded, *exit, (*took).into())))
            }
            Report::CannotStart { id, why } => Some((Some(*id), Self::CannotStart(why.errno))),
            Report::Backoff { id, pause, failures } => Some((Some(*id), Self::Backoff((*pause).into(), *failures))),
            Report::Failed { id, .. } => plain(id, EventName::Failed, None, None),
            Report::Killing { id, after, .. } => plain(id, EventName::Killed, None, Some(after)),
            Report::ReadyTimedOut { id, after, .. } => plain(id, EventName::NotReady, None, Some(after)),
            Report::TimedOut { id, after } => plain(id, EventName::TimedOut, None, Some(after)),
            Report::Unhealthy { id, failures, .. } => Some((Some(*id), Self::Unhealthy(*failures))),
            Report::Healthy { id } => plain(id, EventName::Healthy, None, None),
            Report::Watchdog { id, after } => plain(id, EventName::Watchdog, None, after.as_ref()),
            Report::Unkillable { id, pid } => plain(id, EventName::Unkillable, Some(pid), None),
            Report::StartTimedOut { after, .. } => {
                Some((None, Self::Plain(EventName::StartTimedOut, None, Some((*after).into()))))
            }
            Report::Stopping { reason } => Some(Self::of_stop(reason)),
            Report::WaitsForServices { .. }
            | Report::MainStillWaits { .. }
            | Report::StillNotReady { .. }
            | Report::WaitForFails { .. }
            | Report::PeriodicFailed { .. }
            | Report::Leftovers { .. }
            | Report::LeftoversContinue { .. }
            | Report::LeftoversAbandoned { .. } => None,
        }
    }

    fn of_stop(reason: &StopReason) -> (Option<Id>, Self) {
        let (id, cause, exit) = match reason {
            StopReason::Signal(signal) => (None, EndCause::Signal, Some(Exit::Signal(*signal))),
            StopReason::Requested => (None, EndCause::Requested, None),
            StopReason::Main(exit) => (None, EndCause::MainEnded, Some(*exit)),
            StopReason::Essential(id, _) => (Some(*id), EndCause::EssentialEnded, None),
            StopReason::LateStart(id) => (Some(*id), EndCause::LateStart, None),
            StopReason::Unhealthy(id) => (Some(*id), EndCause::Unhealthy, None),
            StopReason::StartTimedOut { .. } => (None, EndCause::StartTimedOut, None),
            StopReason::NothingLeft => (None, EndCause::NothingLeft, None),
        };
        (id, Self::Stopping(cause, exit))
    }

    /// Returns its fields.
    pub fn fields(self, service: Option<String>) -> EventFields {
        let of = |event| EventFields { event, service, ..EventFields::default() };
        let ended = |fields: EventFields, exit: Option<Exit>| match exit {
            Some(Exit::Code(code)) => EventFields { code: Some(code), ..fields },
            Some(Exit::Signal(signal)) => EventFields { signal: Some(signal.to_string()), ..fields },
            None => fields,
        };
        let wide = |Milliseconds(duration)| Some(u64::from(duration));
        match self {
            Self::Plain(name, pid, took) => {
                EventFields { pid: pid.map(|pid| pid.0), took_ms: took.and_then(wide), ..of(name) }
            }
            Self::End(name, exit, took) => ended(EventFields { took_ms: wide(took), ..of(name) }, Some(exit)),
            Self::CannotStart(errno) => {
                let error = nix::errno::Errno::from_raw(errno).desc().to_owned();
                EventFields { error: Some(error), ..of(EventName::CannotStart) }
            }
            Self::Backoff(pause, failures) => {
                EventFields { pause_ms: wide(pause), failures: Some(failures), ..of(EventName::Backoff) }
            }
            Self::Unhealthy(failures) => EventFields { failures: Some(failures), ..of(EventName::Unhealthy) },
            Self::Stopping(cause, exit) => {
                ended(EventFields { cause: Some(cause), ..of(EventName::ContainerStopping) }, exit)
            }
            Self::Requested(verb, caller, signal) => EventFields {
                verb: Some(verb),
                uid: Some(caller.0),
                signal: signal.map(|signal| signal.to_string()),
                ..of(EventName::Requested)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["web", "db"];

    fn name(id: Id) -> &'static str {
        NAMES[id.0]
    }

    fn ready(pid: i32) -> Occurrence {
        Occurrence::Plain(EventName::Ready, Some(Pid(pid)), None)
    }

    fn service_name(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    fn shown(history: &EventHistory, audience: &Audience) -> Vec<(Option<String>, Option<i32>)> {
        history.last(audience, name).into_iter().map(|event| (event.fields.service, event.fields.pid)).collect()
    }

    #[test]
    fn the_last_events_are_kept_in_a_bounded_memory_that_grows_as_they_come() {
        assert!(size_of::<Record>() <= 40, "{}", size_of::<Record>());
        let mut history = EventHistory::default();
        assert_eq!(history.records.capacity(), 0);
        history.record(Some(Id(0)), ready(0), name);
        assert!(history.records.capacity() <= 8);
        for pid in 1..1000 {
            history.record(Some(Id(0)), ready(pid), name);
        }
        assert!(history.records.capacity() <= MAX_EVENTS);
        let all = shown(&history, &Audience::All);
        assert_eq!((all.len(), all.first().unwrap().1, all.last().unwrap().1), (MAX_EVENTS, Some(744), Some(999)));
    }

    #[test]
    fn the_events_of_a_removed_service_keep_its_name_when_its_id_is_another_ones() {
        let mut history = EventHistory::default();
        history.record(Some(Id(0)), ready(1), name);
        history.remove(Id(0), &service_name("old"));
        history.record(Some(Id(0)), ready(2), name);
        let expected = [(Some("old".to_owned()), Some(1)), (Some("web".to_owned()), Some(2))];
        assert_eq!(shown(&history, &Audience::All), expected);
        assert_eq!(shown(&history, &Audience::Services(BTreeSet::from([Id(0)]))), expected[1..]);
        // A name is kept as long as an event is about it.
        for pid in 0..1000 {
            history.record(Some(Id(1)), ready(pid), name);
        }
        history.remove(Id(1), &service_name("other"));
        assert_eq!(history.removed.len(), 1);
    }

    #[test]
    fn the_next_stage_goes_on_with_the_events_of_the_one_before() {
        let mut history = EventHistory::default();
        history.record(Some(Id(0)), ready(1), name);
        history.record(Some(Id(1)), ready(2), name);
        history.record(None, Occurrence::Stopping(EndCause::NothingLeft, None), name);
        let earlier = history.earlier_events(|id| service_name(NAMES[id.0]));
        let next = EventHistory::resume(&earlier, |name| (name.as_str() == "db").then_some(Id(0)));
        let events = next.last(&Audience::All, |id| ["db"][id.0]);
        let services: Vec<_> = events.iter().map(|event| event.fields.service.as_deref()).collect();
        assert_eq!(services, [Some("web"), Some("db"), None]);
    }

    #[test]
    fn a_follower_gets_what_it_may_see() {
        let mut history = EventHistory::default();
        let mut events = history.follow(Audience::Services(BTreeSet::from([Id(1)])), 4);
        history.record(Some(Id(0)), ready(1), name);
        history.record(None, Occurrence::Stopping(EndCause::Requested, None), name);
        history.record(Some(Id(1)), ready(2), name);
        assert!(
            matches!(events.try_recv(), Ok(Followed::Item(event)) if event.fields.service.as_deref() == Some("db"))
        );
        assert!(events.try_recv().is_err());
        drop(events);
        history.record(Some(Id(1)), ready(3), name);
        assert!(history.followers.is_empty());
    }
}
