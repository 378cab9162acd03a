//! [`Supervisor`]: dispatches events, then starts processes, and returns the next deadline. Its `impl` blocks are in many
//! files: what a process's events mean is in `process`, how services start in `starting`, how one is ended in `ending`, how
//! the container stops in `shutdown`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::container::{ContainerState, ExitCodeInputs};
use super::graph::Graph;
use super::id_vec::IdVec;
use super::phase::Phase;
use super::reread_state::Rereading;
use super::spec::{Setup, Start};
use super::start_rule::{StartInProgress, StartLimit};
use super::state::{DependencyCounts, ProbeRecord, ServiceRuntime, State};
use super::timers::{TimerKind, Timers};
use super::{Action, EngineTime, Event, FailureReason, Id, MainBlocked, Report, Request, StopReason};
use crate::config::service::Kind;
use crate::config::values::ServiceName;

/// The engine. All that it knows came in by [`Setup`] and [`Event`]s; all that it does is the actions it returns.
///
/// # Starting
/// A service starts when all that it requires is up (oneshots: done) and all that it is after is up, done,
/// failed, or down and not wanted. The main command is after everything. A requirement that has failed, or ended
/// for good, makes those failed that still wait for it, or that would be started again; one that is up stays up, as
/// with systemd's `Requires=`, and so it does while a requirement crashes and comes back. Before its process is started
/// the targets of its `wait_for` are probed.
///
/// # Ending
/// A run has ended when its whole group has: leftovers of the main process are signalled, then killed; only those of
/// a oneshot that succeeds continue. Then the finish script runs (not after a start that failed), then the restart
/// policy decides. An essential service that has ended for good, the main command's end, a signal, a request and having
/// nothing left each end the container.
///
/// # What it counts on
/// A `Spawn` is answered before any other event is given. The events of one process come in their order, and none after
/// its end: a late `Executed` would be taken for the next run's. Where this is broken nothing panics and the container
/// still ends in time, but a service may be shown as what it is not.
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub(super) services: IdVec<ServiceRuntime>,
    pub(super) graph: Graph,
    /// The ids of the services by name, without those whose removal is done.
    pub(super) names: BTreeMap<ServiceName, Id>,
    /// Ids that no service has.
    pub(super) free_ids: BTreeSet<Id>,
    /// For how many services reloads have set the edges, which is what a reload costs.
    pub(super) edge_updates: u64,
    pub(super) main: Option<Id>,
    pub(super) stop_timeout: Duration,
    pub(super) start_limit: Option<StartLimit>,
    /// The start, while it has a limit.
    pub(super) start: Option<StartInProgress>,
    /// Services that the main command does not wait for once they were started.
    pub(super) unawaited: BTreeSet<Id>,
    /// The start took too long: the main command waits for nothing any more.
    pub(super) is_main_released: bool,
    /// The second reading of the definitions.
    pub(super) rereading: Rereading,
    pub(super) container: ContainerState,
    pub(super) now: EngineTime,
    pub(super) timers: Timers,
    pub(super) out: Vec<Action>,
    pub(super) exit_code_inputs: ExitCodeInputs,
    /// What the main command waited for when the container began to stop; `None`: it has run, or there is none.
    pub(super) main_blocked: Option<MainBlocked>,
    /// How many services have a process (`Phase::has_process`).
    pub(super) process_count: usize,
    /// How many services may change by themselves (`Phase::may_change`).
    pub(super) may_change_count: usize,
    /// Services to reevaluate, because they or their neighbours changed.
    pub(super) to_evaluate: VecDeque<Id>,
    /// Services that may start, unless something changes before they are started.
    pub(super) to_start: VecDeque<Id>,
    /// The name that is returned for unknown ids.
    pub(super) unknown_name: ServiceName,
}

impl Supervisor {
    /// Returns an engine that waits for [`Event::Begin`].
    pub fn new(setup: Setup) -> Self {
        let graph = Graph::new(&setup.specs);
        let services = IdVec::new(setup.specs.into_iter().map(ServiceRuntime::new));
        let main = services.ids().next_back().filter(|last| services[*last].spec.is_main);
        let mut supervisor = Self {
            timers: Timers::default(),
            names: services.ids().map(|id| (services[id].spec.name.clone(), id)).collect(),
            free_ids: BTreeSet::new(),
            edge_updates: 0,
            services,
            graph,
            main,
            stop_timeout: setup.stop_timeout,
            start_limit: setup.start_limit,
            start: None,
            unawaited: BTreeSet::new(),
            is_main_released: false,
            rereading: Rereading::default(),
            container: ContainerState::Booting,
            now: EngineTime::default(),
            out: Vec::new(),
            exit_code_inputs: ExitCodeInputs::default(),
            main_blocked: None,
            process_count: 0,
            may_change_count: 0,
            to_evaluate: VecDeque::new(),
            to_start: VecDeque::new(),
            unknown_name: ServiceName::main(),
        };
        let wanted = supervisor.services.ids().filter(|id| supervisor.services[*id].wanted).collect();
        supervisor.want_what_is_required(wanted);
        for id in supervisor.services.ids() {
            // Everything is down: no requirement is satisfied, none can be, and every `after` is satisfied.
            let requires = supervisor.graph.requires(id).len();
            supervisor.services[id].counts = DependencyCounts {
                unsatisfied_requires: requires,
                failed_requirements: requires,
                ..DependencyCounts::default()
            };
        }
        supervisor
    }

    /// Takes an event and returns what to do, in this order. After [`Action::Exit`] it returns nothing any more.
    ///
    /// `now` never goes back: an earlier one counts as the latest. An event for a service that does not exist, or that
    /// does not fit its state, changes nothing.
    pub fn step(&mut self, now: EngineTime, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        if !matches!(self.container, ContainerState::Over(_)) {
            self.handle(event);
            self.run_to_fixpoint();
        }
        std::mem::take(&mut self.out)
    }

    /// Returns when something has to happen next, if nothing else does before; `None` while there is nothing to wait
    /// for. Always later than the last `now`, and an [`Event::Tick`] then always changes something.
    pub fn deadline(&self) -> Option<EngineTime> {
        match &self.container {
            ContainerState::Booting | ContainerState::Running => {
                self.timers.first().into_iter().chain(self.start_deadline()).min()
            }
            ContainerState::Stopping(stop) => {
                Some(self.timers.first().map_or(stop.limit(), |first| first.min(stop.limit())))
            }
            ContainerState::Over(_) => None,
        }
    }

    /// Returns why the container ends, once it does: with [`StopReason::NothingLeft`] a *prepare* stage went well.
    pub fn stop_reason(&self) -> Option<&StopReason> {
        match &self.container {
            ContainerState::Stopping(stop) => Some(&stop.reason),
            ContainerState::Over(reason) => Some(reason),
            ContainerState::Booting | ContainerState::Running => None,
        }
    }

    fn handle(&mut self, event: Event) {
        if event.id().is_some_and(|id| !self.services.has(id)) {
            return;
        }
        match event {
            Event::Begin => self.begin(),
            Event::Tick => {}
            Event::StopSignal(signal) => self.stop_signal(signal),
            Event::Request(Request::Shutdown { code }) => self.shutdown_requested(code),
            Event::Request(Request::Start(id)) => self.start_requested(id),
            Event::Request(Request::Stop(id)) => self.stop_requested(id),
            Event::Request(Request::Restart(id)) => self.restart_requested(id),
            Event::Request(Request::Once { id, start }) => self.once_requested(id, start),
            Event::Forward(signal) => self.forward(signal),
            Event::Spawned { id, pid } => self.spawned(id, pid),
            Event::SpawnFailed { id, why } => self.spawn_failed(id, why),
            Event::Executed { id } => self.executed(id),
            Event::Ready { id } => self.ready(id),
            Event::Exited { id, exit, group_left } => self.exited(id, exit, group_left),
            Event::GroupGone { id } => self.group_gone(id),
            Event::ProbeResult { id, result } => self.probe_result(id, result),
            Event::KeepAlive { id, within } => self.keep_alive(id, within),
            Event::WatchdogTrigger { id } => self.watchdog_trigger(id),
            Event::ExtendTimeout { id, by } => self.extend(id, by),
            Event::Due { id } => self.due(id),
            Event::IdReleased { id } => self.release_id(id),
            Event::RereadEnded => self.reread_ended(),
        }
    }

    fn begin(&mut self) {
        match self.container {
            ContainerState::Booting => self.container = ContainerState::Running,
            ContainerState::Running | ContainerState::Stopping(_) | ContainerState::Over(_) => return,
        }
        self.begin_start();
        self.begin_rereading();
        let mut held_back = Vec::new();
        for id in self.services.ids() {
            match (self.services[id].spec.start, self.services[id].wanted) {
                (Start::AlreadyDone, _) => {
                    self.services[id].wanted = true;
                    self.set(id, State::Done);
                }
                (Start::Skipped, _) => self.fail(id, FailureReason::Skipped),
                (Start::Failed, _) => self.fail(id, FailureReason::FailedBefore),
                (Start::HeldBack, _) => held_back.push(id),
                (Start::Wanted, _) | (Start::Down, true) => self.begin_to_wait(id),
                (Start::Down, false) => {}
            }
        }
        // An essential one ends the container, when all others have begun.
        for id in held_back {
            self.fail(id, FailureReason::HeldBack);
        }
    }

    /// Reevaluates until nothing is left to do at this moment: first the services that a change affects, then the limit of the
    /// start, then the services whose timer has expired, then the container. Only then is anything started: a failure that ends the container must not
    /// come after a start in the same step.
    pub(super) fn run_to_fixpoint(&mut self) {
        loop {
            if let Some(id) = self.to_evaluate.pop_front() {
                self.reevaluate(id);
            } else if self.container.is_running() && (self.advance_start() || self.advance_rereading()) {
            } else if let Some((due, id, kind)) = self.timers.pop(self.now) {
                match kind {
                    TimerKind::State => self.expire(id, due),
                    TimerKind::Secondary => self.probe_due(id),
                    TimerKind::Watchdog => self.watchdog_expired(id, self.services[id].watchdog),
                }
            } else if self.advance_container() {
            } else if let Some(id) = self.to_start.pop_front() {
                self.start(id);
            } else {
                return;
            }
        }
    }

    /// The only place where a state changes: keeps the counts, tells the neighbours, forgets the old state's timer.
    pub(super) fn set(&mut self, id: Id, state: State) {
        let (old, new) = (self.services[id].state.phase(), state.phase());
        self.services[id].state = state;
        self.services[id].since = self.now;
        self.timers.clear(id);
        self.cancel_probe(id);
        self.services[id].probe_state = ProbeRecord::default();
        self.to_evaluate.push_back(id);
        adjust_count(&mut self.process_count, old.has_process(), new.has_process());
        adjust_count(&mut self.may_change_count, old.may_change(), new.may_change());
        if (old.satisfies_requires(), old.cannot_satisfy()) != (new.satisfies_requires(), new.cannot_satisfy()) {
            for dependent in self.graph.required_by(id) {
                let counts = &mut self.services[*dependent].counts;
                adjust_count(&mut counts.unsatisfied_requires, !old.satisfies_requires(), !new.satisfies_requires());
                adjust_count(&mut counts.failed_requirements, old.cannot_satisfy(), new.cannot_satisfy());
                if counts.unsatisfied_requires == 0 || new.cannot_satisfy() {
                    self.to_evaluate.push_back(*dependent);
                }
            }
        }
        let counted = |phase: Phase| phase.has_process() || phase.satisfies_requires();
        if counted(old) && !counted(new) && self.container.is_running() {
            // One that was stopped manually waits for what requires it.
            let dependencies = self.graph.requires(id).iter();
            self.to_evaluate.extend(dependencies.filter(|dependency| !self.services[**dependency].wanted));
        }
        if old.satisfies_after() != new.satisfies_after() {
            for dependent in self.graph.ordered_after(id) {
                let counts = &mut self.services[*dependent].counts;
                adjust_count(&mut counts.unsatisfied_after, !old.satisfies_after(), !new.satisfies_after());
                let is_main_free = Some(*dependent) == self.main && !self.unawaited.is_empty();
                if counts.unsatisfied_after == 0 || is_main_free {
                    self.to_evaluate.push_back(*dependent);
                }
            }
        }
    }

    pub(super) fn report(&mut self, report: Report) {
        self.out.push(Action::Report(report));
    }

    /// Makes services wanted that would stay down but are required by something wanted; not one that was started before and
    /// has ended, or was stopped manually, or is removed. Returns which are wanted now because of these.
    pub(super) fn want_what_is_required(&mut self, mut wanted: Vec<Id>) -> Vec<Id> {
        let mut more = Vec::new();
        while let Some(id) = wanted.pop() {
            for on in self.graph.requires(id) {
                let service = &mut self.services[*on];
                let untouched = matches!(service.state, State::Down) && service.starts == 0;
                let free = untouched && !service.stopped_manually && !service.removed;
                if free && service.spec.start == Start::Down && !service.wanted {
                    service.wanted = true;
                    wanted.push(*on);
                    more.push(*on);
                }
            }
        }
        more
    }

    /// Returns whether it is a oneshot.
    pub fn is_oneshot(&self, id: Id) -> bool {
        match self.services[id].spec.kind {
            Kind::Oneshot => true,
            Kind::Longrun => false,
        }
    }
}

/// Adjusts how many services have a property; neither way can it wrap, because what is subtracted was added before.
fn adjust_count(count: &mut usize, before: bool, after: bool) {
    match (before, after) {
        (false, true) => *count = count.saturating_add(1),
        (true, false) => *count = count.saturating_sub(1),
        (false, false) | (true, true) => {}
    }
}
