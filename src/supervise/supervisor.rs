//! [`Supervisor`]: the engine's frame. Takes an event, lets requests spread, then touches processes, and says when it
//! wants to be called again. What a process's events mean stands in `process`, how a container stops in `shutdown`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::by_id::Table;
use super::container::{ContainerState, ExitCodeInputs};
use super::graph::Graph;
use super::phase::Phase;
use super::spec::{Setup, Start};
use super::state::{Links, ProbeState, Service, State};
use super::timers::{Slot, Timers};
use super::{Action, Event, FailureReason, Id, MainBlocked, Report, Request, StopReason, Time};
use crate::config::service::Kind;
use crate::config::values::ServiceName;

/// The engine. All that it knows came in by [`Setup`] and [`Event`]s; all that it does is the actions it returns.
///
/// # Starting
/// A service starts when all that it requires is up (oneshots: done) and all that it is after has settled: is up, done,
/// failed, or down and not wanted. The main command is after everything. A requirement that is lost (failed, or ended
/// for good) makes those failed that still wait for it, or that would be started again; one that is up stays up, as
/// with systemd's `Requires=`, and so it does while a requirement crashes and comes back. Before its process is started it
/// asks for what it waits for outside the container.
///
/// # Ending
/// A run has ended when its whole group has: what the first process leaves behind is signalled, then killed; only what
/// a oneshot that succeeds has left goes on. Then the finish script runs (not after a start that failed), then the restart
/// policy decides. An essential service that has ended for good, the main command's end, a signal, a request and having
/// nothing left each end the container.
///
/// # What it counts on
/// A `Spawn` is answered before any other event is given. The events of one process come in their order, and none after
/// its end: a late `Executed` would be taken for the next run's. Where this is broken nothing panics and the container
/// still ends in time, but a service may be shown as what it is not.
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub(super) services: Table<Service>,
    pub(super) graph: Graph,
    /// Who has which name, those that are retired left out.
    pub(super) names: BTreeMap<ServiceName, Id>,
    /// Places that nobody has.
    pub(super) free: BTreeSet<Id>,
    /// For how many services reloads have set the edges.
    pub(super) relinked: u64,
    pub(super) main: Option<Id>,
    pub(super) stop_timeout: Duration,
    pub(super) container: ContainerState,
    pub(super) now: Time,
    pub(super) timers: Timers,
    pub(super) out: Vec<Action>,
    pub(super) exit_code_inputs: ExitCodeInputs,
    /// What the main command waited for when the container began to stop; `None`: it has run, or there is none.
    pub(super) main_blocked: Option<MainBlocked>,
    /// How many are alive, in the sense of `Phase::alive`.
    pub(super) alive: usize,
    /// How many are active, in the sense of `Phase::active`.
    pub(super) active: usize,
    /// Services to consider again, because they or their neighbours changed.
    pub(super) work: VecDeque<Id>,
    /// Services that may start, unless something changes before they are started.
    pub(super) starts: VecDeque<Id>,
    /// For ids that nobody has.
    pub(super) unknown_name: ServiceName,
}

impl Supervisor {
    /// Returns an engine that waits for [`Event::Begin`].
    pub fn new(setup: Setup) -> Self {
        let graph = Graph::new(&setup.specs);
        let services = Table::new(setup.specs.into_iter().map(Service::new));
        let main = services.ids().next_back().filter(|last| services[*last].spec.is_main);
        let mut me = Self {
            timers: Timers::default(),
            names: services.ids().map(|id| (services[id].spec.name.clone(), id)).collect(),
            free: BTreeSet::new(),
            relinked: 0,
            services,
            graph,
            main,
            stop_timeout: setup.stop_timeout,
            container: ContainerState::Booting,
            now: Time::default(),
            out: Vec::new(),
            exit_code_inputs: ExitCodeInputs::default(),
            main_blocked: None,
            alive: 0,
            active: 0,
            work: VecDeque::new(),
            starts: VecDeque::new(),
            unknown_name: ServiceName::main(),
        };
        let wanted = me.services.ids().filter(|id| me.services[*id].wanted).collect();
        me.want_what_is_required(wanted);
        for id in me.services.ids() {
            // Everything is down: nothing is met, everything is hopeless, everything has settled.
            let requires = me.graph.requires(id).len();
            me.services[id].links = Links { unmet: requires, lost: requires, ..Links::default() };
        }
        me
    }

    /// Takes an event and returns what to do, in this order. After [`Action::Exit`] it returns nothing any more.
    ///
    /// `now` never goes back: an earlier one counts as the latest. An event for a service that does not exist, or that
    /// does not fit its state, changes nothing.
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        if !matches!(self.container, ContainerState::Over(_)) {
            self.take(event);
            self.settle();
        }
        std::mem::take(&mut self.out)
    }

    /// Returns when something has to happen next, if nothing else does before; `None` while there is nothing to wait
    /// for. Always later than the last `now`, and an [`Event::Tick`] then always changes something.
    pub fn deadline(&self) -> Option<Time> {
        match &self.container {
            ContainerState::Booting | ContainerState::Running => self.timers.first(),
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

    fn take(&mut self, event: Event) {
        if event.id().is_some_and(|id| !self.services.has(id)) {
            return;
        }
        match event {
            Event::Begin => self.begin(),
            Event::Tick => {}
            Event::StopSignal(signal) => self.stop_signal(signal),
            Event::Ask(Request::Shutdown { code }) => self.shutdown_requested(code),
            Event::Ask(Request::Start(id)) => self.start_requested(id),
            Event::Ask(Request::Stop(id)) => self.stop_requested(id),
            Event::Ask(Request::Restart(id)) => self.restart_requested(id),
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
            Event::Extend { id, by } => self.extend(id, by),
            Event::Due { id } => self.due(id),
            Event::Retired { id } => self.free(id),
        }
    }

    fn begin(&mut self) {
        match self.container {
            ContainerState::Booting => self.container = ContainerState::Running,
            ContainerState::Running | ContainerState::Stopping(_) | ContainerState::Over(_) => return,
        }
        for id in self.services.ids() {
            match (self.services[id].spec.start, self.services[id].wanted) {
                (Start::AlreadyDone, _) => {
                    self.services[id].wanted = true;
                    self.set(id, State::Done);
                }
                (Start::Skipped, _) => self.fail(id, FailureReason::Skipped),
                (Start::Failed, _) => self.fail(id, FailureReason::FailedBefore),
                (Start::Wanted, _) | (Start::Down, true) => self.begin_to_wait(id),
                (Start::Down, false) => {}
            }
        }
    }

    /// Works until nothing is left to do at this moment. What changes spreads first: to whom it concerns, then whose
    /// time has come, then to the container. Only then is anything started: a failure that ends the container must not
    /// find that something has just been started for nothing.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(id) = self.work.pop_front() {
                self.consider(id);
            } else if let Some((due, id, slot)) = self.timers.pop(self.now) {
                match slot {
                    Slot::State => self.expire(id, due),
                    Slot::Probe => self.probe_due(id),
                    Slot::Watchdog => self.watchdog_expired(id, self.services[id].watchdog),
                }
            } else if self.advance_container() {
            } else if let Some(id) = self.starts.pop_front() {
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
        self.services[id].probe_state = ProbeState::default();
        self.work.push_back(id);
        shift(&mut self.alive, old.alive(), new.alive());
        shift(&mut self.active, old.active(), new.active());
        if (old.met(), old.hopeless()) != (new.met(), new.hopeless()) {
            for above in self.graph.required_by(id) {
                let links = &mut self.services[*above].links;
                shift(&mut links.unmet, !old.met(), !new.met());
                shift(&mut links.lost, old.hopeless(), new.hopeless());
                if links.unmet == 0 || new.hopeless() {
                    self.work.push_back(*above);
                }
            }
        }
        let counted = |phase: Phase| phase.alive() || phase.met();
        if counted(old) && !counted(new) && self.container.is_running() {
            // One that somebody stops waits for what requires it.
            let below = self.graph.requires(id).iter();
            self.work.extend(below.filter(|below| !self.services[**below].wanted));
        }
        if old.settled() != new.settled() {
            for above in self.graph.before(id) {
                let links = &mut self.services[*above].links;
                shift(&mut links.unsettled, !old.settled(), !new.settled());
                if links.unsettled == 0 {
                    self.work.push_back(*above);
                }
            }
        }
    }

    pub(super) fn report(&mut self, report: Report) {
        self.out.push(Action::Report(report));
    }

    /// A service that stays down is wanted all the same if something wanted requires it; not one that was started before
    /// and has ended, or was stopped by hand, or is none any more. Returns which are wanted now because of these.
    pub(super) fn want_what_is_required(&mut self, mut wanted: Vec<Id>) -> Vec<Id> {
        let mut more = Vec::new();
        while let Some(id) = wanted.pop() {
            for on in self.graph.requires(id) {
                let service = &mut self.services[*on];
                let untouched = matches!(service.state, State::Down) && service.starts == 0;
                let free = untouched && !service.held && !service.gone;
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

/// Counts a change of a property; neither way can it wrap, because what is subtracted was added before.
fn shift(count: &mut usize, before: bool, after: bool) {
    match (before, after) {
        (false, true) => *count = count.saturating_add(1),
        (true, false) => *count = count.saturating_sub(1),
        (false, false) | (true, true) => {}
    }
}
