//! A simulated machine: carries out actions, returns events. Its processes crash, hang, ignore TERM, cannot be started
//! for any errno, become ready late, never or twice, are stopped and need CONT, leave leftovers in their group,
//! or cannot be killed. Time is a number that jumps to the next event or deadline. All of it follows from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use stepdown::config::service::Kind;
use stepdown::config::values::Signal;
use stepdown::supervise::{
    Action, EngineTime, Event, Id, Phase, Pid, Setup, SpawnError, SpawnStep, Spec, Start, Supervisor,
};

use super::behaviour::{
    Behaviour, make_chain, make_crashing, make_unkillable, random_behaviour, random_main, random_rereading,
    random_spec, random_start_limit, remove_programs,
};
use super::external_events::{ExternalEvent, Notification};
use super::oracle::{Oracle, Property};
use super::reloads::Tree;
use super::rng::Rng;
use super::transitions::{Kind as EventKind, Reached};

/// More steps than any simulation needs: reaching it means an endless loop.
const MAX_STEPS: usize = 5_000;

/// A process of the simulated machine.
#[derive(Clone, Debug)]
pub struct Process {
    pub id: Id,
    pub alive: bool,
    pub has_leftovers: bool,
    pub leaves_processes: bool,
    pub ignores_signals: bool,
    pub leftovers_ignore_signals: bool,
    pub frozen: bool,
    /// A stop signal that is pending while it is stopped.
    pub pending: Option<Signal>,
    pub unkillable: bool,
}

/// A machine, an engine on it, and an oracle that judges the engine.
pub struct Simulation {
    pub seed: u64,
    pub engine: Supervisor,
    pub oracle: Oracle,
    pub trace: Vec<String>,
    pub reached: Reached,
    pub rng: Rng,
    pub behaviours: Vec<Behaviour>,
    pub specs: Vec<Spec>,
    pub processes: BTreeMap<Pid, Process>,
    pub queue: BTreeMap<(EngineTime, u64), ExternalEvent>,
    pub now: EngineTime,
    pub order: u64,
    pub next_pid: i32,
    /// Whether answers' actions are carried out before the rest of the list, or after it. A loop may do either.
    pub answers_first: bool,
    pub steps: usize,
    pub signalled: u32,
    /// For each service, the number of the probe under way.
    pub probes: BTreeMap<Id, u64>,
    pub tree: Tree,
}

pub fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Simulation {
    /// Returns the simulation of that seed; larger seeds have more services.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let most = 1 + seed % 9;
        let count = rng.between(1, most);
        let mut specs: Vec<Spec> = (0..count).map(|at| random_spec(&mut rng, at)).collect();
        let main_only = seed % 8 == 5;
        if main_only || rng.percent(50) {
            // From a stream of its own: its description changes no other service.
            specs.push(random_main(&mut Rng::new(!seed)));
        }
        let mut behaviours: Vec<Behaviour> = specs.iter().map(|_| random_behaviour(&mut rng)).collect();
        let mut stop_timeout = milliseconds(rng.pick(&[0, 600, 2_000, 8_000, 8_000, 8_000]));
        let unkillable_above = seed % 8 == 7;
        if unkillable_above {
            stop_timeout = milliseconds(8_000);
            make_unkillable(&mut rng, &mut specs, &mut behaviours);
        }
        if seed % 8 == 3 {
            make_crashing(&mut rng, &mut specs, &mut behaviours);
        }
        if seed % 8 == 6 {
            make_chain(&mut specs, &mut behaviours);
        }
        if let (true, Some(main)) = (main_only, behaviours.last_mut()) {
            // A main command whose leftovers ignore TERM, while signals for it keep coming.
            *main = Behaviour {
                cannot_spawn: 0,
                cannot_execute: 0,
                crashes: 70,
                leaves_processes: 70,
                ignores_signals: 70,
                ..main.clone()
            };
        }
        // From a stream of its own, as the main command.
        let mut clock = Rng::new(!seed ^ (1 << 40));
        for spec in specs.iter_mut().filter(|spec| spec.kind == Kind::Oneshot && spec.start != Start::AlreadyDone) {
            // The configuration refuses both.
            spec.scheduled = clock.percent(30) && !spec.has_stop_command;
            spec.every = spec.every.filter(|_| !spec.scheduled);
        }
        let mut programs = Rng::new(!seed ^ (1 << 41));
        remove_programs(&mut programs, &mut specs);
        let start_limit = random_start_limit(&mut Rng::new(!seed ^ (1 << 42)), &mut specs);
        let first_after = random_rereading(&mut Rng::new(!seed ^ (1 << 43)), &mut specs);
        let setup = Setup { specs: specs.clone(), stop_timeout, start_limit };
        let mut simulation = Self {
            seed,
            oracle: Oracle::new(&setup),
            engine: Supervisor::new(setup),
            trace: Vec::new(),
            reached: Reached::default(),
            answers_first: rng.percent(50),
            behaviours,
            tree: Tree::new(&specs, programs, first_after),
            specs,
            processes: BTreeMap::new(),
            queue: BTreeMap::new(),
            now: EngineTime::default(),
            order: 0,
            next_pid: 100,
            steps: 0,
            signalled: 0,
            probes: BTreeMap::new(),
            rng,
        };
        simulation.plan_external_events(unkillable_above || main_only);
        simulation.plan_due_times(&mut clock);
        simulation
    }

    /// Runs it to its end.
    pub fn run(&mut self) {
        while self.oracle.exit.is_none() && self.steps < MAX_STEPS {
            let deadline = self.engine.deadline();
            let next = self.queue.keys().next().map(|(at, _)| *at);
            let tick = match (deadline, next) {
                (Some(deadline), Some(next)) => deadline < next || (deadline == next && self.rng.percent(50)),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            if self.rng.percent(3) {
                self.tick_early(deadline, next);
            }
            if let (true, Some(deadline)) = (tick, deadline) {
                self.now = self.now.max(deadline);
                self.tick(deadline);
            } else if let Some(((at, _), external)) = self.queue.pop_first() {
                self.now = self.now.max(at);
                self.apply(external);
            }
        }
        if self.oracle.exit.is_none() {
            let what = format!("{} steps, deadline {:?}", self.steps, self.engine.deadline());
            self.oracle.violate(Property::EverySimulationEnds, what);
        }
        for event in [Event::Tick, Event::StopSignal(Signal::TERM), Event::Begin, Event::Executed { id: Id(0) }] {
            self.deliver(event);
        }
    }

    fn tick(&mut self, deadline: EngineTime) {
        let acted = self.deliver(Event::Tick);
        // At the end of the budget everything may have been killed before.
        let changed = acted || self.oracle.stop.as_ref().is_some_and(|stop| stop.total == deadline);
        self.oracle.check(changed, Property::ATickAtTheDeadlineChangesTheState, || format!("at {deadline:?}"));
    }

    fn tick_early(&mut self, deadline: Option<EngineTime>, next: Option<EngineTime>) {
        let latest = deadline.into_iter().chain(next).min().unwrap_or(self.now).0.saturating_sub(milliseconds(1));
        if latest <= self.now.0 {
            return;
        }
        let ahead = u64::try_from((latest - self.now.0).as_millis()).unwrap_or(u64::MAX);
        self.now = self.now.plus(milliseconds(self.rng.below(ahead.max(1))));
        let acted = self.deliver(Event::Tick);
        let same = self.engine.deadline() == deadline;
        self.oracle.check(!acted && same, Property::AnEarlyTickChangesNothing, || format!("{deadline:?}"));
    }

    fn apply(&mut self, external: ExternalEvent) {
        let (pid, alive) = match &external {
            ExternalEvent::Direct(event) => {
                self.deliver(event.clone());
                return;
            }
            ExternalEvent::Reload => return self.reload(),
            ExternalEvent::RereadEnds if !self.oracle.running() => return,
            ExternalEvent::RereadEnds => {
                if self.rng.percent(70) {
                    self.reload();
                }
                self.deliver(Event::RereadEnded);
                return;
            }
            ExternalEvent::Executes(pid) | ExternalEvent::CannotExecute(pid, _) | ExternalEvent::NotifiesReady(pid) => {
                (*pid, true)
            }
            ExternalEvent::Exits(pid, _) | ExternalEvent::Notifies(pid, _) => (*pid, true),
            ExternalEvent::LeftoversExit(pid) => (*pid, false),
            ExternalEvent::ProbeEnds(id, number, answer) => {
                if self.probes.get(id) == Some(number) {
                    self.probes.remove(id);
                    self.deliver(Event::ProbeResult { id: *id, result: answer.clone() });
                }
                return;
            }
        };
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let (id, leaves_processes) = (process.id, process.leaves_processes);
        // Leftovers of the group may write to the readiness descriptor.
        let sends_notifications = matches!(external, ExternalEvent::NotifiesReady(_)) && process.has_leftovers;
        if process.alive != alive && !sends_notifications {
            return;
        }
        match external {
            ExternalEvent::Executes(_) => drop(self.deliver(Event::Executed { id })),
            ExternalEvent::NotifiesReady(_) => drop(self.deliver(Event::Ready { id })),
            ExternalEvent::CannotExecute(_, errno) => {
                self.processes.remove(&pid);
                self.deliver(Event::SpawnFailed { id, why: SpawnError::new(SpawnStep::Exec, errno) });
            }
            ExternalEvent::Exits(_, exit) => {
                process.alive = false;
                process.has_leftovers = leaves_processes;
                if !leaves_processes {
                    self.processes.remove(&pid);
                } else if self.rng.percent(30) {
                    self.after(0, 3_000, ExternalEvent::LeftoversExit(pid));
                }
                self.deliver(Event::Exited { id, exit, group_left: leaves_processes });
            }
            ExternalEvent::LeftoversExit(_) => {
                self.processes.remove(&pid);
                self.deliver(Event::GroupGone { id });
            }
            ExternalEvent::Notifies(_, notification) => {
                let event = match notification {
                    Notification::KeepAlive(within) => Event::KeepAlive { id, within },
                    Notification::ExtendTimeout(by) => Event::ExtendTimeout { id, by },
                    Notification::WatchdogTrigger => Event::WatchdogTrigger { id },
                };
                self.deliver(event);
                if self.rng.percent(70) {
                    self.after(10, 3_000, ExternalEvent::Notifies(pid, Notification::KeepAlive(None)));
                }
            }
            ExternalEvent::Direct(_) | ExternalEvent::ProbeEnds(..) => {}
            ExternalEvent::Reload | ExternalEvent::RereadEnds => {}
        }
    }

    /// Gives an event to the engine and carries out its actions, those that follow from answers included. Returns whether
    /// there were any.
    fn deliver(&mut self, event: Event) -> bool {
        let actions = self.step(event);
        self.carry_out_all(actions)
    }

    fn carry_out_all(&mut self, actions: Vec<Action>) -> bool {
        let mut actions: VecDeque<Action> = actions.into();
        let acted = !actions.is_empty();
        while let Some(action) = actions.pop_front().filter(|_| self.steps < MAX_STEPS) {
            if let Action::CancelProbe { id: forgotten } = action {
                // Where answers go first, its probe may still be in the list.
                actions.retain(|action| !matches!(action, Action::Probe { id, .. } if *id == forgotten));
            }
            let Some(answer) = self.carry_out(action) else { continue };
            let more = self.step(answer);
            if self.answers_first {
                more.into_iter().rev().for_each(|action| actions.push_front(action));
            } else {
                actions.extend(more);
            }
        }
        acted
    }

    fn step(&mut self, event: Event) -> Vec<Action> {
        let kind = EventKind::of_event(&event, self.signalled);
        if let Event::StopSignal(_) = event {
            self.signalled += 1;
        }
        let (service, text) = (EventKind::service(&event), format!("{event:?}"));
        self.oracle.take_event(self.now, &event);
        self.watch(kind, service, &text, |engine, now| engine.step(now, event))
    }

    /// Gives the engine another set of services.
    fn reload(&mut self) {
        if !self.oracle.running() {
            return;
        }
        let changed = self.tree.change(&mut self.rng);
        let setup = self.tree.setup(self.oracle.stop_timeout);
        let names: Vec<&str> = setup.specs.iter().map(|spec| spec.name.as_str()).collect();
        let text = format!("reload: {names:?}, changed {changed:?}");
        self.oracle.reload(self.now, &setup, &changed);
        let actions = self.watch(EventKind::Reload, None, &text, |engine, now| engine.reload(now, setup, &changed));
        for id in std::mem::take(&mut self.oracle.added) {
            let (spec, behaviour) = (self.oracle.services[id.0].spec.clone(), random_behaviour(&mut self.rng));
            if id.0 < self.specs.len() {
                (self.specs[id.0], self.behaviours[id.0]) = (spec, behaviour);
            } else {
                self.specs.push(spec);
                self.behaviours.push(behaviour);
            }
        }
        self.carry_out_all(actions);
    }

    fn watch(
        &mut self,
        kind: EventKind,
        service: Option<Id>,
        text: &str,
        step: impl FnOnce(&mut Supervisor, EngineTime) -> Vec<Action>,
    ) -> Vec<Action> {
        self.steps += 1;
        let over = self.oracle.exit.is_some();
        let before = self.phases();
        self.trace.push(format!("{:>9.3} > {text}", self.now.0.as_secs_f64()));
        let actions = step(&mut self.engine, self.now);
        for action in &actions {
            self.trace.push(format!("{:>9.3}     {action:?}", self.now.0.as_secs_f64()));
            self.oracle.action(action);
        }
        if over {
            return actions;
        }
        self.oracle.after(&self.engine);
        let after = self.phases();
        for (at, (old, new)) in before.into_iter().zip(after).enumerate() {
            if service.is_none_or(|id| id == Id(at)) {
                self.reached.record(old, kind, new);
            }
        }
        actions
    }

    fn phases(&self) -> Vec<Phase> {
        (0..self.specs.len()).filter_map(|at| self.engine.phase(Id(at))).collect()
    }

    /// Carries out an action; returns the answer that must come before any other event.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Spawn { id, role, .. } => Some(self.spawn(id, role)),
            Action::Signal { pid, to, signal, .. } => {
                self.signal(pid, to, signal);
                None
            }
            Action::Probe { id, .. } => {
                self.start_probe(id);
                None
            }
            Action::CancelProbe { id } => {
                self.probes.remove(&id);
                None
            }
            Action::EndInput { id } => {
                self.end_input(id);
                None
            }
            Action::UntrackGroup { pid, .. } => {
                self.processes.remove(&pid);
                None
            }
            Action::ApplyReload { id } => {
                self.specs[id.0] = self.oracle.services[id.0].spec.clone();
                None
            }
            Action::Remove { id } => {
                let later = self.rng.pick(&[0, 0, 100, 20_000]);
                self.after(0, later, ExternalEvent::Direct(Event::IdReleased { id }));
                None
            }
            Action::Reread => {
                self.after(0, 6_000, ExternalEvent::RereadEnds);
                None
            }
            Action::Report(_) | Action::Exit(_) => None,
        }
    }
}
