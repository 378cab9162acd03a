//! How long the boot took, and its critical chain: times noted by the event loop in, the response to `timings` out. Values
//! only.

use std::collections::BTreeSet;
use std::time::Duration;

use super::millis::Millis;
use super::responses::{ChainLink, ServiceKind, ServiceTime, Timings, UnfinishedService};
use super::service_index::ServiceIndex;
use crate::supervise::{EngineTime, Id};

/// When events happened to one service for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// Its start was requested.
    pub wanted: Option<EngineTime>,
    /// It began to probe its `wait_for` targets.
    pub wait_for: Option<EngineTime>,
    /// Its process was started.
    pub started: Option<EngineTime>,
    /// It was up, or done.
    pub ready: Option<EngineTime>,
    /// It failed, before it was ever ready.
    pub failed: Option<EngineTime>,
}

impl Moments {
    /// Returns when services after it needed to wait no longer.
    fn settled(&self) -> Option<EngineTime> {
        self.ready.or(self.failed)
    }
}

/// What a service does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootProgress {
    /// Nothing more is to come of it: it is up, done, failed or not wanted.
    Settled,
    /// It waits for other services.
    WaitsFor(Vec<Id>),
    /// It is being started, runs to its end, or pauses after a failure.
    Working,
}

/// Returns the times of all services that were requested, the chain to the last one of the boot that became ready, and what
/// the boot still waits for. `boot` is when the boot requested services: those started manually or by the clock later are
/// not part of it.
pub fn timings(
    service_index: &ServiceIndex,
    moments_of: &[Moments],
    (boot, now): (EngineTime, EngineTime),
    progress: impl Fn(Id) -> BootProgress,
) -> Timings {
    let mut wanted: Vec<(Id, Moments, EngineTime)> =
        service_index.ids().zip(moments_of).filter_map(|(id, moments)| Some((id, *moments, moments.wanted?))).collect();
    let last = wanted.iter().filter(|(_, _, wanted)| *wanted <= boot).max_by_key(|(_, moments, _)| moments.ready);
    let critical_chain = last
        .filter(|(_, moments, _)| moments.ready.is_some())
        .map(|(id, _, _)| critical_chain(service_index, moments_of, *id));
    wanted.sort_by_key(|(id, moments, wanted)| (moments.started.unwrap_or(*wanted), *id));
    Timings {
        steps: Vec::new(),
        services: wanted.iter().map(|(id, moments, wanted)| service(service_index, *id, moments, *wanted)).collect(),
        path: critical_chain.unwrap_or_default(),
        unfinished: unfinished(service_index, moments_of, (boot, now), progress),
    }
}

fn unfinished(
    service_index: &ServiceIndex,
    moments_of: &[Moments],
    (boot, now): (EngineTime, EngineTime),
    progress: impl Fn(Id) -> BootProgress,
) -> Vec<UnfinishedService> {
    let moments = |id: Id| moments_of.get(id.0).copied().unwrap_or_default();
    let is_open = |id: &Id| moments(*id).wanted.is_some_and(|at| at <= boot) && moments(*id).settled().is_none();
    let mut found = BTreeSet::new();
    for id in service_index.ids().filter(is_open) {
        match progress(id) {
            BootProgress::Settled => {}
            BootProgress::Working => drop(found.insert(id)),
            // One that was ready before and has crashed since keeps it waiting, too.
            BootProgress::WaitsFor(ids) => {
                found.extend(ids.into_iter().filter(|id| progress(*id) == BootProgress::Working))
            }
        }
    }
    let waited = |id: Id| now.since(moments(id).started.or(moments(id).wanted).unwrap_or(now));
    let unfinished =
        |id: Id| UnfinishedService { name: service_index.name(id).to_owned(), waited_ms: Millis(waited(id)) };
    found.into_iter().map(unfinished).collect()
}

fn service(service_index: &ServiceIndex, id: Id, moments: &Moments, wanted: EngineTime) -> ServiceTime {
    let since = |moment: Option<EngineTime>| moment.map(|EngineTime(after)| Millis(after));
    let entry = service_index.get(id).filter(|entry| entry.kind != ServiceKind::Main);
    let mut after: Vec<Id> = entry.map(|entry| [&entry.requires[..], &entry.after].concat()).unwrap_or_default();
    after.sort_unstable();
    after.dedup();
    ServiceTime {
        name: service_index.name(id).to_owned(),
        wanted_ms: Millis(wanted.0),
        started_ms: since(moments.started),
        ready_ms: since(moments.ready),
        failed_ms: since(moments.failed.filter(|_| moments.ready.is_none())),
        wait_for_ms: since(moments.wait_for),
        after: after.into_iter().map(|id| service_index.name(id).to_owned()).collect(),
    }
}

/// Follows back what each service waited for: of all that it requires or is after, the last one to settle before it started.
fn critical_chain(service_index: &ServiceIndex, moments_of: &[Moments], last: Id) -> Vec<ChainLink> {
    let mut links = Vec::new();
    let mut at = Some(last);
    while let Some(id) = at
        && links.len() <= moments_of.len()
    {
        let (Some(entry), Some(moments)) = (service_index.get(id), moments_of.get(id.0)) else { break };
        let wanted = moments.wanted.unwrap_or_default();
        let settled = |on: &Id| moments_of.get(on.0).and_then(Moments::settled).map(|when| (when, *on));
        let before = entry.requires.iter().chain(&entry.after).filter(|on| **on != id).filter_map(settled);
        // Later than its own start: it did not wait for that one, which has restarted since.
        let in_time = before.filter(|(when, _)| moments.started.is_none_or(|started| *when <= started));
        let held = in_time.max().filter(|(when, _)| *when > wanted);
        let released_at = held.map_or(wanted, |(when, _)| when);
        let end = moments.settled().unwrap_or(released_at);
        let wait_for = moments.wait_for.zip(moments.started).map_or(Duration::ZERO, |(from, to)| to.since(from));
        links.push(ChainLink {
            name: entry.name.to_string(),
            took_ms: Millis(end.since(released_at)),
            wait_for_ms: Millis(wait_for),
        });
        at = held.map(|(_, on)| on);
    }
    links.reverse();
    links
}

#[cfg(test)]
mod tests {
    use super::super::service_index::tests::spec;
    use super::*;
    use crate::supervise::{Spec, Start};

    const BOOT: EngineTime = EngineTime(Duration::from_millis(5));

    fn settled(_: Id) -> BootProgress {
        BootProgress::Settled
    }

    fn at(millis: u64) -> Option<EngineTime> {
        Some(EngineTime(Duration::from_millis(millis)))
    }

    fn moments(wanted: u64, started: u64, ready: u64) -> Moments {
        Moments { wanted: at(wanted), started: at(started), ready: at(ready), ..Moments::default() }
    }

    fn chain(timings: &Timings) -> Vec<(&str, u64)> {
        timings.path.iter().map(|link| (link.name.as_str(), link.took_ms.micros() / 1000)).collect()
    }

    #[test]
    fn the_chain_leads_to_the_last_one_by_those_who_held_it_up() {
        let service_index = ServiceIndex::new(&[
            spec("db", &[], Start::Wanted),
            spec("cache", &[], Start::Wanted),
            spec("migrate", &[0], Start::Wanted),
            spec("web", &[1, 2], Start::Wanted),
            spec("cron", &[], Start::Wanted),
            Spec::main(),
        ]);
        let moments_of = [
            moments(5, 5, 1005),
            moments(5, 5, 105),
            moments(5, 1005, 1305),
            moments(5, 1306, 1355),
            moments(5, 6, 7),
            moments(5, 1356, 1357),
        ];
        let timings = timings(&service_index, &moments_of, (BOOT, BOOT), settled);
        assert_eq!(chain(&timings), [("db", 1000), ("migrate", 300), ("web", 50), ("main", 2)]);
        let names: Vec<_> = timings.services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["db", "cache", "cron", "migrate", "web", "main"]);
        assert_eq!(timings.services[3].started_ms, Some(Millis::from_micros(1_005_000)));
    }

    #[test]
    fn what_failed_held_up_those_who_were_only_after_it() {
        let mut after = spec("web", &[], Start::Wanted);
        after.after = vec![Id(0)];
        let service_index = ServiceIndex::new(&[spec("slow", &[], Start::Wanted), after]);
        let failed = Moments { wanted: at(0), started: at(1), failed: at(500), ..Moments::default() };
        let timings = timings(&service_index, &[failed, moments(0, 501, 510)], (EngineTime::default(), BOOT), settled);
        assert_eq!(chain(&timings), [("slow", 500), ("web", 10)]);
        assert_eq!(
            (timings.services[0].ready_ms, timings.services[0].failed_ms),
            (None, Some(Millis::from_micros(500_000)))
        );
    }

    #[test]
    fn waiting_for_something_outside_is_shown_separately() {
        let service_index = ServiceIndex::new(&[spec("web", &[], Start::Wanted)]);
        let moments_of = [Moments { wait_for: at(2), ..moments(1, 802, 902) }];
        let timings = timings(&service_index, &moments_of, (BOOT, BOOT), settled);
        assert_eq!(
            timings.path,
            [ChainLink {
                name: "web".into(),
                took_ms: Millis::from_micros(901_000),
                wait_for_ms: Millis::from_micros(800_000)
            }]
        );
    }

    #[test]
    fn what_was_started_by_hand_or_not_at_all_is_no_part_of_the_boot() {
        let service_index = ServiceIndex::new(&["a", "b", "c"].map(|name| spec(name, &[], Start::Wanted)));
        let timings = timings(
            &service_index,
            &[moments(5, 5, 13), moments(5000, 5000, 6000), Moments::default()],
            (BOOT, BOOT),
            settled,
        );
        assert_eq!(chain(&timings), [("a", 8)]);
        assert_eq!(timings.services.len(), 2);
        assert_eq!(super::timings(&ServiceIndex::default(), &[], (BOOT, BOOT), settled), Timings::default());
    }

    #[test]
    fn what_the_boot_still_waits_for_is_named_without_those_that_only_wait_for_it() {
        let names = ["up", "starts", "waits", "crashed", "app", "late", "failed"];
        let service_index = ServiceIndex::new(&names.map(|name| spec(name, &[], Start::Wanted)));
        let open = |started| Moments { wanted: at(5), started, ..Moments::default() };
        let failed = Moments { failed: at(9), ..open(at(6)) };
        let late = Moments { wanted: at(50), started: at(50), ..Moments::default() };
        let moments_of = [moments(5, 5, 13), open(at(20)), open(None), moments(5, 5, 30), open(None), late, failed];
        let progress = |id: Id| match id.0 {
            1 | 3 | 5 => BootProgress::Working,
            2 => BootProgress::WaitsFor(vec![Id(1)]),
            4 => BootProgress::WaitsFor(vec![Id(1), Id(2), Id(3)]),
            _ => BootProgress::Settled,
        };
        let now = EngineTime(Duration::from_millis(1_020));
        let unfinished = timings(&service_index, &moments_of, (BOOT, now), progress).unfinished;
        let said: Vec<_> = unfinished.iter().map(|it| (it.name.as_str(), it.waited_ms.micros() / 1000)).collect();
        assert_eq!(said, [("starts", 1000), ("crashed", 1015)]);
    }
}
