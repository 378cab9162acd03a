//! The loop: events in, actions out, until the engine says exit. One thread, one waiter, one deadline (DESIGN §11).
//!
//! Nothing in here is fatal: what goes wrong comes back to the engine as an event or is said in a line.
#![allow(clippy::disallowed_methods)] // the engine's clock

pub mod boot_context;
mod calendars;
pub mod cgroup;
mod control_handler;
mod detached;
mod end;
mod environment;
mod events;
mod exit_report;
pub mod host_notify;
pub mod init;
mod journal;
mod kill;
mod kill_remaining;
mod needs;
pub mod notify;
pub mod notify_sockets;
mod oom_tracker;
pub mod panic_note;
mod pipes;
pub mod probe;
mod probes;
mod process_manager;
mod process_table;
mod readiness;
mod reading;
mod reload;
mod reports;
pub mod reread;
mod retire;
mod scores;
mod service_entry;
mod signals_received;
mod sources;
pub mod stopwatch;
pub mod terminal;
pub mod termination_log;
mod verdicts;
mod watch;

use std::collections::{BTreeSet, VecDeque};
use std::os::unix::net::UnixListener;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

pub use environment::Environment;
pub use reload::{Origin, ReloadPlan};
pub use service_entry::{LaunchContext, ServiceEntry};

use crate::config::container::SignalRule;
use crate::config::values::{ServiceName, Signal};
use crate::control::server::{self, Call, Callers};
use crate::control::service_index::ServiceIndex;
use crate::control::timings::Moments;
use crate::error::{EXIT_REFUSED, Refused};
use crate::log::logs::OutputKind;
use crate::log::own_messages::with_outputs;
use crate::log::sink::Sink;
use crate::run::host_notify::HostNotify;
use crate::run::termination_log::TerminationLog;
use crate::supervise::{Action, Event, Report, Request, Setup, StopReason, Supervisor, Time};
use crate::sys::descriptors;
use crate::sys::privilege;
use crate::sys::signals::Signals;
use control_handler::ControlHandler;
use journal::Journal;
use process_manager::ProcessManager;
use reports::{Refusals, ReportContext, RunKind};
use sources::{Ready, Sources};

/// Exited children reaped in one turn. Every source has such a bound, so that no turn is long: a signal, an exit, a
/// deadline or a caller waits for one turn at most, whatever else comes without end.
const DEATHS_AT_ONCE: usize = 256;
/// Callers answered in one turn; one answer may be about thousands of services.
const CALLS_AT_ONCE: usize = 8;
/// How long the last lines may take to leave where no stop has a budget.
pub const LAST_LINES: Duration = Duration::from_millis(400);

/// One run of the engine: *prepare* or *serve*.
pub struct Stage<'a> {
    /// What the engine is told.
    pub setup: Setup,
    /// How long its whole stop may take.
    pub stop_timeout: Duration,
    /// Who they are, in the order of the engine's ids.
    pub members: Vec<ServiceEntry>,
    /// What all of them are started in.
    pub surroundings: LaunchContext,
    /// Where services say something of themselves.
    pub sockets: notify_sockets::Sockets,
    /// The handlers.
    pub signals: &'a mut Signals,
    /// The bound control socket.
    pub control: Option<UnixListener>,
    /// What callers are told besides the engine's part.
    pub desk: server::ControlContext,
    /// Whether this is *prepare*.
    pub preparing: bool,
    /// When this life began.
    pub began: Instant,
    /// Whether HUP is a hang-up: standard input is a terminal.
    pub tty: bool,
    /// Who is told outside.
    pub outside: HostChannels,
    /// To whom signals go, instead of the main command.
    pub mapped: Vec<SignalRule>,
    /// What it was made from; `None`: that is not to be asked here.
    pub origin: Option<&'a mut dyn Origin>,
}

/// Who waits for news of the container outside of it. Opened before the drop.
#[derive(Debug, Default)]
pub struct HostChannels {
    /// `NOTIFY_SOCKET` as it was given to the container.
    pub outward: HostNotify,
    /// Kubernetes' file.
    pub termination_log: Option<TerminationLog>,
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// The exit code that it would give the container.
    pub code: u8,
    /// Why it ended.
    pub because: StopReason,
    /// Oneshots that are done.
    pub done: BTreeSet<ServiceName>,
    /// When things happened.
    pub moments: Vec<(ServiceName, Moments)>,
    /// Until when the last lines may leave.
    pub until: Instant,
}

/// Runs a stage to its end and leaves no process of it behind.
///
/// # Errors
/// Only before the first process is started: no runtime, no epoll set.
pub fn run(stage: Stage<'_>) -> Result<StageResult, Refused> {
    let refused = |cause: std::io::Error| descriptors::explained("cannot set up the event loop", cause);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    let mut turning = {
        let _inside = runtime.enter();
        EventLoop::new(stage).map_err(refused)?
    };
    descriptors::suffice(&turning.hands.needs())?;
    let turned = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(turning.turn())));
    let code = match turned {
        Ok(Ok(code)) => code,
        // An epoll registration that the kernel refuses; nothing runs yet.
        Ok(Err(cause)) => {
            tracing::error!("cannot watch for events: {cause}");
            turning.give_up()
        }
        Err(_) => {
            tracing::error!("{}: stopping every service in order", panic_note::told());
            turning.give_up()
        }
    };
    Ok(turning.end(code))
}

/// The loop's own state.
struct EventLoop<'a> {
    supervisor: Supervisor,
    hands: ProcessManager,
    signals: &'a mut Signals,
    /// `None`: nobody can call.
    calls: Option<mpsc::Receiver<Call>>,
    front: ControlHandler,
    queue: VecDeque<Event>,
    because: StopReason,
    began: Instant,
    tty: bool,
    ends_by: Option<Instant>,
    origin: Option<&'a mut dyn Origin>,
    /// A reload is due, and these want to know what comes of it.
    reload_asked: Option<Vec<Call>>,
    /// Who waits for what is being read.
    reloading: Vec<Call>,
    outward: HostNotify,
    /// Somebody asked for the end a second time.
    hurried: bool,
    termination_log: Option<TerminationLog>,
    mapped: Vec<SignalRule>,
    /// Signals that came and that nobody takes: each is said once.
    untaken: BTreeSet<Signal>,
    manner: RunKind,
    refusals: Refusals,
    stop_timeout: Duration,
    callers: Callers,
}

impl<'a> EventLoop<'a> {
    fn new(stage: Stage<'a>) -> std::io::Result<Self> {
        let callers = Callers::new(stage.desk.app);
        let calls = stage.control.map(|listener| server::open(listener, callers.clone())).transpose()?;
        let roll = ServiceIndex::new(&stage.setup.specs);
        let stop_timeout = stage.stop_timeout;
        let manner = match stage.setup.specs.as_slice() {
            [only] if only.is_main => RunKind::Alone,
            _ if stage.preparing => RunKind::Preparing,
            _ => RunKind::Serving,
        };
        let supervisor = Supervisor::new(stage.setup);
        let journal = Journal::begin(&supervisor, &stage.desk.before, Time(stage.began.elapsed()));
        let turning = Self {
            front: ControlHandler::new(stage.desk.app, stage.desk.fixed, stage.desk.steps, roll, journal),
            supervisor,
            hands: ProcessManager::new(stage.members, stage.surroundings, stage.sockets)?,
            signals: stage.signals,
            calls,
            queue: VecDeque::new(),
            because: StopReason::NothingLeft,
            began: stage.began,
            tty: stage.tty,
            origin: stage.origin,
            reload_asked: None,
            reloading: Vec::new(),
            outward: stage.outside.outward,
            hurried: false,
            termination_log: stage.outside.termination_log,
            mapped: stage.mapped,
            untaken: BTreeSet::new(),
            ends_by: None,
            manner,
            refusals: Refusals::new(),
            stop_timeout,
            callers,
        };
        turning.callers.set(turning.users());
        Ok(turning)
    }

    /// Turns until the engine says exit.
    async fn turn(&mut self) -> std::io::Result<u8> {
        if self.manner == RunKind::Alone {
            self.signals.take_faults()?;
        }
        let sources = Sources::new(self.signals, &self.hands)?;
        self.queue.push_back(Event::Begin);
        // A signal that came during the boot was seen by its flag; it is read here like any other.
        self.hear();
        let mut ready = Ready::default();
        loop {
            if let Some(code) = self.settle() {
                return Ok(code);
            }
            self.attend();
            let deadline = self.next_look();
            let call = sources.wait(&mut ready, &self.hands, &mut self.calls, deadline).await;
            if let Some(code) = self.turn_once(&mut ready, deadline, call) {
                return Ok(code);
            }
        }
    }

    /// Gives each source that is ready its share; `ready` says afterwards who may have more. Returns the exit code once the
    /// engine says so.
    fn turn_once(&mut self, ready: &mut Ready, deadline: Option<Instant>, call: Option<Call>) -> Option<u8> {
        if std::mem::take(&mut ready.signals) {
            self.hear();
            ready.exits = true;
        }
        if ready.exits {
            ready.exits = self.hands.bury(DEATHS_AT_ONCE, &mut self.queue);
        }
        if ready.watch {
            self.front.changed = true;
            ready.watch = self.hands.listen(&mut self.queue);
        }
        if ready.probes {
            ready.probes = self.hands.probes.listen();
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.hands.count_leftovers(&mut self.queue);
            self.hands.adjust_oom_scores();
            self.hands.expire_looks(Instant::now(), &mut self.queue);
            self.hands.reading.expire(Instant::now(), &mut self.hands.watch);
            self.hands.logs.tick();
            self.queue.push_back(Event::Tick);
        }
        let code = self.answer_some(ready, call);
        if code.is_some() {
            return code;
        }
        if std::mem::take(&mut ready.output) {
            with_outputs(|outputs| outputs.sinks().for_each(Sink::flush));
        }
        for (ready, way) in ready.logs.iter_mut().zip([OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files]) {
            *ready = *ready && self.hands.logs.turn(way);
        }
        None
    }

    /// Answers callers, each knowing what has come of everything before it.
    fn answer_some(&mut self, ready: &mut Ready, first: Option<Call>) -> Option<u8> {
        ready.calls = false;
        let mut next = first;
        for _ in 0..CALLS_AT_ONCE {
            let call = next.or_else(|| self.calls.as_mut()?.try_recv().ok())?;
            if let Some(code) = self.settle() {
                return Some(code);
            }
            self.answer(call);
            next = None;
        }
        ready.calls = true;
        None
    }

    /// Feeds the engine until it has nothing more to say. Returns the exit code once it says so.
    fn settle(&mut self) -> Option<u8> {
        if privilege::take_stuck() {
            tracing::error!(
                "a privilege that was taken for a moment could not be given back: stopping every service in order"
            );
            self.queue.push_back(Event::Ask(Request::Shutdown { code: Some(EXIT_REFUSED) }));
        }
        self.free_places();
        // What a spawn answers comes before everything that happened meanwhile (`Action::Spawn`).
        let mut answers = VecDeque::new();
        loop {
            while let Some(event) = answers.pop_front().or_else(|| self.queue.pop_front()) {
                tracing::debug!("{}", events::fields(&event, |id| self.supervisor.name(id).as_str()));
                self.front.changed = true;
                let told = if let Event::StopSignal(signal) = &event { Some(*signal) } else { None };
                let patient = !self.supervisor.patience_is_over();
                let actions = self.supervisor.step(self.now(), event);
                if let Some(signal) = told.filter(|_| patient && self.supervisor.patience_is_over()) {
                    self.hurried = true;
                    tracing::warn!("got {signal} again: no more patience, killing what is left");
                }
                if let Some(code) = self.carry_out(actions, &mut answers) {
                    return Some(code);
                }
            }
            let actions = self.go_on_reloading()?;
            if let Some(code) = self.carry_out(actions, &mut answers) {
                return Some(code);
            }
        }
    }

    /// Does what the engine says, in its order. Returns the exit code once it says so.
    fn carry_out(&mut self, actions: Vec<Action>, answers: &mut VecDeque<Event>) -> Option<u8> {
        for action in actions {
            match action {
                Action::Exit(code) => return Some(code),
                Action::Report(report) => {
                    self.front.journal.hear(&report, self.now());
                    if let Report::Stopping { because } = &report {
                        self.because = because.clone();
                        self.end_of_budget();
                    }
                    if let Report::CannotStart { id, why } = &report {
                        self.refusals.insert(*id, why.clone());
                    }
                    let killed = self.who_is_killed(&report);
                    let background = ReportContext {
                        killed: &killed,
                        hurried: self.hurried,
                        manner: self.manner,
                        refusals: &self.refusals,
                        awaited: &|id, at| self.hands.awaited(id, at),
                        out_of_memory: &|id| self.hands.is_out_of_memory(id),
                    };
                    reports::say(&report, &self.supervisor, &background);
                    self.tell_outside(&report);
                }
                Action::Spawn { id, role, after } => self.hands.start(id, role, after, answers),
                Action::Signal { id, pid, to, signal } => {
                    self.note_below(id, pid, signal);
                    self.hands.signal(pid, to, signal);
                }
                Action::Probe { id, look } => {
                    self.front.journal.looks(id, look, self.now());
                    self.hands.look(id, look, Instant::now(), &mut self.queue);
                }
                Action::CancelProbe { id } => self.hands.forget(id),
                Action::UntrackGroup { pid, .. } => self.hands.abandon(pid),
                Action::ApplyReload { id } => {
                    self.hands.renew(id);
                    if let Some(spec) = self.supervisor.spec(id) {
                        self.front.roll.put(id, spec);
                    }
                }
                Action::Retire { id } => self.retire(id),
                Action::EndInput { id } => self.hands.pipes.end_input(id),
            }
        }
        None
    }

    fn now(&self) -> Time {
        Time(self.began.elapsed())
    }
}
