//! A scenario of one test: the test sends the events, the oracle judges the actions.
//!
//! A requested process exists at once (`Spawned`), unless [`Scenario::fail_next_spawn`] was called before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use stepdown::config::values::Signal;
use stepdown::supervise::{
    Action, EndedByUs, EngineTime, Event, Exit, Id, Pid, ProbePurpose, ProbeResult, Report, Request, Role, Setup,
    SpawnError, SpawnStep, StartLimit, StartTimeoutAction, Status, Supervisor, Target,
};

use super::oracle::Oracle;
use super::spec_builder::{SpecBuilder, setup};

/// The default budget of a stop.
pub const BUDGET: Duration = Duration::from_secs(8);

/// An engine, and all of its actions.
pub struct Scenario {
    engine: Supervisor,
    oracle: Oracle,
    names: Vec<String>,
    now: EngineTime,
    next_pid: i32,
    refusals: BTreeMap<Id, i32>,
    /// Everything since the actions were last taken.
    actions: Vec<Action>,
    exit: Option<u8>,
}

impl Scenario {
    /// Returns the scenario of these services, with the default budget.
    pub fn new(builders: &[SpecBuilder]) -> Self {
        Self::with_budget(builders, BUDGET)
    }

    pub fn with_budget(builders: &[SpecBuilder], stop_timeout: Duration) -> Self {
        Self::of(setup(builders, stop_timeout))
    }

    /// Returns the scenario of services whose start has a limit, after `Begin`.
    pub fn limited(builders: &[SpecBuilder], timeout: Duration, then: StartTimeoutAction) -> Self {
        let start_limit = Some(StartLimit { timeout, then });
        let mut scenario = Self::of(Setup { start_limit, ..setup(builders, BUDGET) });
        scenario.send(Event::Begin);
        scenario
    }

    fn of(setup: Setup) -> Self {
        Self {
            oracle: Oracle::new(&setup),
            names: setup.specs.iter().map(|spec| spec.name.to_string()).collect(),
            engine: Supervisor::new(setup),
            now: EngineTime::default(),
            next_pid: 100,
            refusals: BTreeMap::new(),
            actions: Vec::new(),
            exit: None,
        }
    }

    /// Returns the scenario after `Begin`.
    pub fn begun(builders: &[SpecBuilder]) -> Self {
        let mut scenario = Self::new(builders);
        scenario.send(Event::Begin);
        scenario
    }

    pub fn id(&self, name: &str) -> Id {
        // A removed service may have been added again with another id.
        Id(self.names.iter().rposition(|other| other == name).unwrap_or_else(|| panic!("no service {name}")))
    }

    /// The next process of this service cannot be started, for that errno.
    pub fn fail_next_spawn(&mut self, name: &str, errno: i32) {
        self.refusals.insert(self.id(name), errno);
    }

    pub fn executed(&mut self, name: &str) {
        self.send(Event::Executed { id: self.id(name) });
    }

    pub fn ready(&mut self, name: &str) {
        self.send(Event::Ready { id: self.id(name) });
    }

    pub fn exits(&mut self, name: &str, code: u8) {
        self.ends(name, Exit::Code(code), false);
    }

    pub fn dies(&mut self, name: &str, signal: Signal) {
        self.ends(name, Exit::Signal(signal), false);
    }

    pub fn ends(&mut self, name: &str, exit: Exit, group_left: bool) {
        self.send(Event::Exited { id: self.id(name), exit, group_left });
    }

    pub fn group_gone(&mut self, name: &str) {
        self.send(Event::GroupGone { id: self.id(name) });
    }

    pub fn cannot_execute(&mut self, name: &str, errno: i32) {
        let why = SpawnError::new(SpawnStep::Exec, errno);
        self.send(Event::SpawnFailed { id: self.id(name), why });
    }

    pub fn stop_signal(&mut self, signal: Signal) {
        self.send(Event::StopSignal(signal));
    }

    pub fn shutdown(&mut self, code: Option<u8>) {
        self.send(Event::Request(Request::Shutdown { code }));
    }

    pub fn probe_passes(&mut self, name: &str) {
        self.send(Event::ProbeResult { id: self.id(name), result: ProbeResult::Pass });
    }

    pub fn probe_fails(&mut self, name: &str) {
        self.send(Event::ProbeResult { id: self.id(name), result: ProbeResult::Fail("refused".to_owned()) });
    }

    /// Its time has come (`at`).
    pub fn due(&mut self, name: &str) {
        self.send(Event::Due { id: self.id(name) });
    }

    /// It sends a watchdog notification, and perhaps another interval.
    pub fn keep_alive(&mut self, name: &str, within: Option<Duration>) {
        self.send(Event::KeepAlive { id: self.id(name), within });
    }

    pub fn extend(&mut self, name: &str, by: Duration) {
        self.send(Event::ExtendTimeout { id: self.id(name), by });
    }

    pub fn request_start(&mut self, name: &str) {
        self.send(Event::Request(Request::Start(self.id(name))));
    }

    pub fn request_stop(&mut self, name: &str) {
        self.send(Event::Request(Request::Stop(self.id(name))));
    }

    pub fn request_once(&mut self, name: &str, start: bool) {
        self.send(Event::Request(Request::Once { id: self.id(name), start }));
    }

    pub fn request_restart(&mut self, name: &str) {
        self.send(Event::Request(Request::Restart(self.id(name))));
    }

    /// Reloads: these are the services now, and those in `changed` have another definition.
    pub fn reload(&mut self, builders: &[SpecBuilder], changed: &[&str]) {
        let setup = setup(builders, BUDGET);
        let changed: BTreeSet<_> =
            setup.specs.iter().map(|spec| spec.name.clone()).filter(|name| changed.contains(&name.as_str())).collect();
        let names: Vec<_> = setup.specs.iter().map(|spec| spec.name.clone()).collect();
        self.oracle.reload(self.now, &setup, &changed);
        let actions = self.engine.reload(self.now, setup, &changed);
        self.names.resize(self.engine.id_count(), String::new());
        for name in names {
            if let Some(id) = self.engine.id(&name) {
                self.names[id.0] = name.to_string();
            }
        }
        let events = self.record(actions);
        self.run(events);
    }

    /// Lets time pass, with a tick at every deadline.
    pub fn wait(&mut self, seconds: f64) {
        let until = self.now.plus(Duration::from_secs_f64(seconds));
        while let Some(deadline) = self.engine.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            self.send(Event::Tick);
        }
        self.now = until;
    }

    /// Gives an event to the engine, and the answers to its actions.
    pub fn send(&mut self, event: Event) {
        self.run(VecDeque::from([event]));
    }

    fn run(&mut self, mut events: VecDeque<Event>) {
        while let Some(event) = events.pop_front() {
            self.oracle.take_event(self.now, &event);
            let actions = self.engine.step(self.now, event);
            events.extend(self.record(actions));
        }
    }

    /// Records the engine's actions; returns the answers.
    fn record(&mut self, actions: Vec<Action>) -> VecDeque<Event> {
        let mut events = VecDeque::new();
        for action in actions {
            self.oracle.action(&action);
            match &action {
                Action::Spawn { id, .. } => events.push_back(self.spawn_result(*id)),
                Action::Exit(code) => self.exit = Some(*code),
                Action::Signal { .. }
                | Action::Report(_)
                | Action::Probe { .. }
                | Action::CancelProbe { .. }
                | Action::EndInput { .. }
                | Action::UntrackGroup { .. }
                | Action::Remove { .. }
                | Action::Reread
                | Action::ApplyReload { .. } => {}
            }
            self.actions.push(action);
        }
        self.oracle.after(&self.engine);
        assert!(self.oracle.violations.is_empty(), "{:#?}\nafter {:#?}", self.oracle.violations, self.actions);
        events
    }

    fn spawn_result(&mut self, id: Id) -> Event {
        if let Some(errno) = self.refusals.remove(&id) {
            return Event::SpawnFailed { id, why: SpawnError::new(SpawnStep::Fork, errno) };
        }
        self.next_pid += 1;
        Event::Spawned { id, pid: Pid(self.next_pid) }
    }

    pub fn status(&self, name: &str) -> Status {
        let id = self.id(name);
        let status = self.engine.status().into_iter().find(|status| status.id == id);
        status.unwrap_or_else(|| panic!("{name} is not shown"))
    }

    /// Returns how its last run ended, if its last start was not refused.
    pub fn last_exit(&self, name: &str) -> Option<Exit> {
        self.engine.last_exit(self.id(name))
    }

    /// Returns why the engine ended its last run, if it did.
    pub fn ended_by_us(&self, name: &str) -> Option<EndedByUs> {
        self.engine.ended_by_us(self.id(name)).cloned()
    }

    /// Returns the state's word.
    pub fn state(&self, name: &str) -> &'static str {
        self.status(name).state.name()
    }

    pub fn exit(&self) -> Option<u8> {
        self.exit
    }

    pub fn deadline(&self) -> Option<f64> {
        self.engine.deadline().map(|at| at.0.as_secs_f64())
    }

    pub fn now(&self) -> f64 {
        self.now.0.as_secs_f64()
    }

    /// Returns everything that was done since the actions were last taken.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Returns whose commands were started since the actions were last taken.
    pub fn started(&mut self) -> Vec<String> {
        let name = |action| match action {
            Action::Spawn { id, role: Role::Run, .. } => Some(self.names[id.0].clone()),
            _ => None,
        };
        std::mem::take(&mut self.actions).into_iter().filter_map(name).collect()
    }

    /// Returns which signals were sent since the actions were last taken: `web: TERM to its group`.
    pub fn signals(&mut self) -> Vec<String> {
        let text = |action| match action {
            Action::Signal { id, to, signal, .. } => {
                let to = match to {
                    Target::Process => "",
                    Target::Group => " group",
                };
                Some(format!("{}{to}: {signal}", self.names[id.0]))
            }
            _ => None,
        };
        std::mem::take(&mut self.actions).into_iter().filter_map(text).collect()
    }

    /// Returns whether `status` shows it.
    pub fn shows(&self, name: &str) -> bool {
        self.engine.status().iter().any(|status| status.id == self.id(name))
    }

    /// Returns the probes that were started or cancelled since the actions were last taken: `web: Health`, `web: cancel`.
    pub fn probes(&mut self) -> Vec<String> {
        let text = |action| match action {
            Action::Probe { id, purpose: ProbePurpose::WaitFor(at) } => {
                Some(format!("{}: wait_for {at}", self.names[id.0]))
            }
            Action::Probe { id, purpose } => Some(format!("{}: {purpose:?}", self.names[id.0])),
            Action::CancelProbe { id } => Some(format!("{}: cancel", self.names[id.0])),
            _ => None,
        };
        std::mem::take(&mut self.actions).into_iter().filter_map(text).collect()
    }

    /// Returns whose processes were started since the actions were last taken, whatever they are: `web: StopCommand`.
    pub fn processes(&mut self) -> Vec<String> {
        let text = |action| match action {
            Action::Spawn { id, role, .. } => Some(format!("{}: {role:?}", self.names[id.0])),
            _ => None,
        };
        std::mem::take(&mut self.actions).into_iter().filter_map(text).collect()
    }

    /// Returns what was reported since the actions were last taken.
    pub fn reports(&mut self) -> Vec<Report> {
        let report = |action| match action {
            Action::Report(report) => Some(report),
            _ => None,
        };
        std::mem::take(&mut self.actions).into_iter().filter_map(report).collect()
    }
}
