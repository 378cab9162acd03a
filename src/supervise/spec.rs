//! [`Setup`]: what the engine is given at its start, names resolved to [`Id`]s. Must not know files or processes.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::{Id, StartLimit, StopShares};
use crate::config::container::MainCommand;
use crate::config::probe::{Health, UnhealthyAction};
use crate::config::restart::{Restart, RestartPolicy};
use crate::config::service::{Command, Kind, Ready, Service, Stop};
use crate::config::success_codes::SuccessCodes;
use crate::config::values::{ServiceName, Signal};

/// Everything that one run of the engine is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The services; an [`Id`] is a place in this list. The main command, if any, is the last one.
    pub specs: Vec<Spec>,
    /// The services' share of the budget of the whole stop (DESIGN §8, [`StopShares`]); also the stop timeout of a service that
    /// has no `stop.timeout` of its own and must end while the container goes on.
    pub stop_timeout: Duration,
    /// How long the services may take to come up; `None`: no limit.
    pub start_limit: Option<StartLimit>,
}

/// One service as the engine sees it: no command, no user, no paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// For `status`; the engine itself only uses ids.
    pub name: ServiceName,
    /// Longrun or oneshot.
    pub kind: Kind,
    /// Whether it runs a program; a oneshot without one is done as soon as it may start.
    pub has_program: bool,
    /// Must be up or done before it starts; stopped after it is down. Unknown ids and its own are ignored.
    pub requires: Vec<Id>,
    /// Order only. The main command is after everything, whatever stands here.
    pub after: Vec<Id>,
    /// When it is started again.
    pub restart: Restart,
    /// Exit codes that are no failure.
    pub success_codes: SuccessCodes,
    /// Whether the container ends when it has ended for good (a oneshot: when it has failed).
    pub essential: bool,
    /// What makes a longrun ready; without meaning for a oneshot, which is done when it ends.
    pub ready: Readiness,
    /// What follows if it was not ready in time and has not been up before.
    pub late_start: LateStart,
    /// How many targets its `wait_for` has: all must be there before it starts.
    pub wait_for_count: usize,
    /// A oneshot that has not ended this long after its start is ended, and has failed.
    pub timeout: Option<Duration>,
    /// A oneshot runs again this long after its last start.
    pub every: Option<Duration>,
    /// A oneshot runs when its time comes ([`super::Event::Due`]), and not at the start.
    pub scheduled: bool,
    /// A longrun sends a watchdog notification at least this often, unless it requests another interval.
    pub watchdog: Option<Duration>,
    /// A longrun's health check, and what follows from it.
    pub health: Option<Box<HealthRule>>,
    /// How it is stopped.
    pub stop: Stop,
    /// Whether its standard input is what other services write (`pipe_to`).
    pub is_consumer: bool,
    /// Whether it has a stop command, which runs at the stop (a oneshot).
    pub has_stop_command: bool,
    /// Whether a script runs after each end.
    pub finish: Option<FinishRule>,
    /// What becomes of it at the beginning.
    pub start: Start,
    /// Whether the main command waits until it is up, done or failed, and not only until it was started.
    pub holds_main: bool,
    /// Whether it runs before or after the definitions are read again.
    pub reread: RereadOrder,
    /// Whether it is the main command.
    pub is_main: bool,
    /// Whether its stop signal is the one that PID 1 got, rather than `stop.signal` (the main command).
    pub forwards_stop_signal: bool,
}

/// What follows from a start that was not ready in time, if the service has not been up since its start was requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LateStart {
    /// What its restart policy says.
    #[default]
    Restart,
    /// It has failed.
    Fail,
    /// It has failed, and the container ends, if this is a part of its start; a start that was requested, or follows from a
    /// reload, has failed alone.
    StopContainer,
}

/// How a service is ordered to the second reading of the definitions, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RereadOrder {
    /// Not at all.
    #[default]
    Independent,
    /// It must have been up, done or failed before: it may write definitions.
    Before,
    /// It starts after it: what it is may depend on what was written.
    After,
}

/// What makes a longrun ready, as far as the engine cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its program was executed.
    Executed,
    /// It notifies so itself (a notification descriptor, or sd_notify(3)).
    Notified {
        /// After this long without a notification the start counts as failed.
        timeout: Option<Duration>,
    },
    /// A probe passes.
    Probed {
        /// The longest pause between two probes.
        interval: Duration,
        /// As above.
        timeout: Option<Duration>,
    },
    /// It has lived this long.
    Delay(Duration),
}

impl Readiness {
    fn of(ready: &Ready) -> Self {
        match ready {
            Ready::Executed => Self::Executed,
            Ready::Probe { interval, timeout, .. } => Self::Probed { interval: *interval, timeout: *timeout },
            Ready::Delay(time) => Self::Delay(*time),
            Ready::Fd { timeout, .. } | Ready::Notify { timeout, .. } => Self::Notified { timeout: *timeout },
        }
    }
}

/// `health`, as far as the engine cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRule {
    /// From the end of one check to the next.
    pub interval: Duration,
    /// Consecutive failures before it counts as unhealthy; 0 counts as 1.
    pub failures: u32,
    /// Consecutive successes before it counts as healthy again; 0 counts as 1.
    pub successes: u32,
    /// What then happens.
    pub then: UnhealthyAction,
}

impl HealthRule {
    fn of(health: &Health) -> Self {
        let Health { interval, failures, successes, then, .. } = *health;
        Self { interval, failures, successes, then }
    }
}

/// A finish script, as far as the engine cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishRule {
    /// Then it is killed; `None`: no limit of its own.
    pub timeout: Option<Duration>,
}

/// What becomes of a service at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is started.
    Wanted,
    /// It stays down, unless something wanted requires it: then it is started, as systemd starts a disabled unit
    /// that an enabled one requires.
    Down,
    /// An earlier stage did it (a oneshot of *prepare*).
    AlreadyDone,
    /// It is skipped in this mode: failed from the beginning, and never a reason to end the container by itself.
    Skipped,
    /// It failed in an earlier stage (a oneshot of *prepare* that is not essential): failed from the beginning, as a skipped
    /// one.
    Failed,
    /// Its definition may not be used: failed from the beginning, and not started until a reload brings another one.
    HeldBack,
}

impl Setup {
    /// Returns the setup of these services, in their order, and of the main command behind them if there is one.
    ///
    /// `done` are oneshots that the *prepare* stage has done; `skipped` are skipped in this mode. What a service
    /// requires, or is after, outside `services` is ignored, so that a stage can be given its own services only.
    pub fn new(
        services: &[Rc<Service>],
        done: &BTreeSet<ServiceName>,
        skipped: &BTreeSet<ServiceName>,
        main: Option<&MainCommand>,
        stop_timeout: Duration,
    ) -> Self {
        let ids: BTreeMap<&ServiceName, Id> =
            services.iter().enumerate().map(|(at, service)| (&service.name, Id(at))).collect();
        let resolve = |names: &[ServiceName]| names.iter().filter_map(|name| ids.get(name).copied()).collect();
        let consumers: BTreeSet<&ServiceName> =
            services.iter().filter_map(|service| service.pipe_to.as_ref()).collect();
        let start = |service: &Service| {
            if done.contains(&service.name) {
                Start::AlreadyDone
            } else if skipped.contains(&service.name) {
                Start::Skipped
            } else if !service.enabled {
                Start::Down
            } else {
                Start::Wanted
            }
        };
        let mut specs: Vec<Spec> = services
            .iter()
            .map(|service| Spec {
                name: service.name.clone(),
                kind: service.kind,
                has_program: service.command != Command::Nothing,
                requires: resolve(&service.requires),
                after: resolve(&service.after),
                restart: service.restart.clone(),
                success_codes: service.success_codes.clone(),
                essential: service.essential,
                ready: Readiness::of(&service.ready),
                late_start: LateStart::Restart,
                wait_for_count: service.wait_for.len(),
                timeout: service.timeout,
                every: service.every,
                scheduled: service.calendar.is_some() && service.kind == Kind::Oneshot,
                watchdog: watchdog(&service.ready),
                health: service.health.as_deref().map(|health| Box::new(HealthRule::of(health))),
                stop: service.stop.clone(),
                is_consumer: consumers.contains(&service.name),
                has_stop_command: service.stop_command.is_some() && service.kind == Kind::Oneshot,
                finish: finish(service),
                start: start(service),
                holds_main: true,
                reread: RereadOrder::Independent,
                is_main: false,
                forwards_stop_signal: false,
            })
            .collect();
        specs.extend(main.map(Spec::of_main));
        // Outside of a stop nothing is kept of it for others.
        for spec in &mut specs {
            spec.stop.timeout.get_or_insert(stop_timeout);
        }
        Self { specs, stop_timeout: StopShares::of(stop_timeout).services, start_limit: None }
    }
}

impl Spec {
    /// Returns the main command's: started once, after all services are up, done or failed; its end ends the container.
    ///
    /// It is stopped by a signal to its main process only, as tini does; what it leaves of its group is then
    /// signalled as well.
    pub fn main() -> Self {
        Self {
            name: ServiceName::main(),
            kind: Kind::Longrun,
            has_program: true,
            requires: Vec::new(),
            after: Vec::new(),
            restart: Restart { limit: None, ..Restart::standard(RestartPolicy::Never) },
            success_codes: SuccessCodes::default(),
            essential: false,
            ready: Readiness::Executed,
            late_start: LateStart::Restart,
            wait_for_count: 0,
            timeout: None,
            every: None,
            scheduled: false,
            watchdog: None,
            health: None,
            is_consumer: false,
            has_stop_command: false,
            stop: Stop { signal: Signal::TERM, timeout: None, group: false },
            finish: None,
            start: Start::Wanted,
            holds_main: true,
            reread: RereadOrder::Independent,
            is_main: true,
            forwards_stop_signal: true,
        }
    }

    /// Returns the main command's, as the container file describes it.
    fn of_main(main: &MainCommand) -> Self {
        Self {
            success_codes: main.success_codes.clone(),
            ready: Readiness::of(&main.ready),
            watchdog: watchdog(&main.ready),
            health: main.health.as_ref().map(|health| Box::new(HealthRule::of(health))),
            stop: main.stop.clone(),
            forwards_stop_signal: main.forwards_stop_signal,
            ..Self::main()
        }
    }
}

fn watchdog(ready: &Ready) -> Option<Duration> {
    match ready {
        Ready::Notify { watchdog, .. } => *watchdog,
        Ready::Executed | Ready::Fd { .. } | Ready::Probe { .. } | Ready::Delay(_) => None,
    }
}

/// A finish script belongs to a longrun (s6-supervise); a oneshot has none.
fn finish(service: &Service) -> Option<FinishRule> {
    match service.kind {
        Kind::Longrun => service.finish.as_deref().map(|finish| FinishRule { timeout: finish.timeout }),
        Kind::Oneshot => None,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::service::Finish;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).expect("a service's name")
    }

    fn service(text: &str, kind: Kind, requires: &[&str], after: &[&str]) -> Rc<Service> {
        let command = Command::Argv(vec![OsString::from("true")]);
        Rc::new(Service {
            kind,
            requires: requires.iter().map(|text| name(text)).collect(),
            after: after.iter().map(|text| name(text)).collect(),
            finish: Some(Box::new(Finish { command: command.clone(), timeout: Some(Duration::from_secs(5)) })),
            ..Service::plain(name(text), command)
        })
    }

    #[test]
    fn names_become_ids_and_those_outside_the_stage_are_ignored() {
        let services = [
            service("db", Kind::Longrun, &["prepared"], &[]),
            service("web", Kind::Longrun, &["db", "removed"], &["elsewhere", "db"]),
        ];
        let setup = Setup::new(&services, &BTreeSet::new(), &BTreeSet::new(), None, Duration::from_secs(8));
        let edges: Vec<_> = setup.specs.iter().map(|spec| (spec.requires.clone(), spec.after.clone())).collect();
        assert_eq!(edges, [(vec![], vec![]), (vec![Id(0)], vec![Id(0)])]);
    }

    #[test]
    fn done_goes_before_skipped_and_skipped_before_down() {
        let mut services = ["a", "b", "c", "d"].map(|text| service(text, Kind::Oneshot, &[], &[]));
        for service in &mut services[..3] {
            Rc::make_mut(service).enabled = false;
        }
        let done = BTreeSet::from([name("a")]);
        let skipped = BTreeSet::from([name("a"), name("b")]);
        let setup = Setup::new(&services, &done, &skipped, None, Duration::from_secs(8));
        let starts: Vec<Start> = setup.specs.iter().map(|spec| spec.start).collect();
        assert_eq!(starts, [Start::AlreadyDone, Start::Skipped, Start::Down, Start::Wanted]);
    }

    #[test]
    fn only_a_longrun_has_a_finish_script() {
        let services = [service("run", Kind::Longrun, &[], &[]), service("once", Kind::Oneshot, &[], &[])];
        let setup = Setup::new(&services, &BTreeSet::new(), &BTreeSet::new(), None, Duration::from_secs(8));
        let finish: Vec<_> = setup.specs.iter().map(|spec| spec.finish).collect();
        assert_eq!(finish, [Some(FinishRule { timeout: Some(Duration::from_secs(5)) }), None]);
    }

    #[test]
    fn the_main_command_comes_last() {
        let services = [service("run", Kind::Longrun, &[], &[])];
        let setup = Setup::new(
            &services,
            &BTreeSet::new(),
            &BTreeSet::new(),
            Some(&MainCommand::default()),
            Duration::from_secs(8),
        );
        assert_eq!(setup.specs.iter().map(|spec| spec.is_main).collect::<Vec<_>>(), [false, true]);
        assert_eq!(setup.specs[1].name, ServiceName::main());
    }
}
