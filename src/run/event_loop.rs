//! [`EventLoop`]: events in, actions out, until the engine says exit. One thread, one waiter, one deadline (DESIGN §11). Must not
//! know what an event means: it routes each to the module that handles it. Those modules add `impl EventLoop` blocks:
//! `control_handler`, `detached`, `reload`, `signals_received`, `teardown`.
//!
//! Nothing in here is fatal: what goes wrong comes back to the engine as an event or is logged.
#![allow(clippy::disallowed_methods)] // the engine's clock

use std::collections::{BTreeSet, VecDeque};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::control_handler::ControlHandler;
use super::event_sources::{EventSources, ReadySources};
use super::idle_pages::IdlePages;
use super::journal::Journal;
use super::process_manager::ProcessManager;
use super::reloader::{ReloadRequest, Reloader};
use super::reports::{ReportContext, RunKind};
use super::stage::{LeftoverPolicy, Stage};
use super::{event_fields, kill_report, reports};
use crate::boot::s6_layout::S6State;
use crate::config::container::SignalRule;
use crate::config::values::{ServiceName, Signal};
use crate::control::event_history::{EventHistory, Occurrence};
use crate::control::server::{self, AllowedUsers, PendingRequest};
use crate::control::service_index::ServiceIndex;
use crate::error::EXIT_REFUSED;
use crate::log::logs::OutputKind;
use crate::log::own_messages::{self, with_outputs};
use crate::log::sink::Sink;
use crate::run::host_notify::HostNotify;
use crate::run::termination_log::TerminationLog;
use crate::supervise::{Action, EngineTime, Event, Id, Killed, Report, Request, StopReason, Supervisor};
use crate::sys::privilege;
use crate::sys::signals::{Faults, Signals};

/// Exited children reaped in one iteration. Every source has such a bound, so that no iteration is long: a signal, an exit, a
/// deadline or a caller waits for one iteration at most, even if another source never ends.
const EXITS_AT_ONCE: usize = 256;
/// Callers answered in one iteration; one response may contain thousands of services.
const REQUESTS_AT_ONCE: usize = 8;

/// The loop's own state.
pub(super) struct EventLoop<'a> {
    pub(super) supervisor: Supervisor,
    pub(super) processes: ProcessManager,
    pub(super) signals: &'a mut Signals,
    /// The control socket, until connections to it are accepted.
    pub(super) control: Option<UnixListener>,
    /// `None`: there is no control socket.
    pub(super) requests: Option<mpsc::Receiver<PendingRequest>>,
    pub(super) control_handler: ControlHandler,
    pub(super) queue: VecDeque<Event>,
    pub(super) stop_reason: StopReason,
    pub(super) started_at: Instant,
    pub(super) tty: bool,
    pub(super) stop_deadline: Option<Instant>,
    pub(super) reloader: Option<&'a mut dyn Reloader>,
    /// Requests for the next reload; `Some` when one is due.
    pub(super) next_reload_requests: Option<Vec<ReloadRequest>>,
    /// Requests for the reload that is being read.
    pub(super) current_reload_requests: Vec<ReloadRequest>,
    pub(super) host_notify: HostNotify,
    /// A stop was requested a second time: nothing is waited for any more.
    pub(super) is_forced: bool,
    pub(super) idle_pages: IdlePages,
    pub(super) termination_log: Option<TerminationLog>,
    pub(super) signal_rules: Vec<SignalRule>,
    /// Received signals without an effect: each is logged once.
    pub(super) unhandled_signals: BTreeSet<Signal>,
    pub(super) run_kind: RunKind,
    pub(super) leftovers: LeftoverPolicy,
    pub(super) stop_timeout: Duration,
    pub(super) allowed_users: AllowedUsers,
    /// In an image made for s6-overlay: its state.
    pub(super) s6: Option<S6State>,
    /// Whether signals that stop the container go to the main command instead.
    pub(super) main_receives_signals: bool,
}

impl<'a> EventLoop<'a> {
    pub(super) fn new(stage: Stage<'a>) -> std::io::Result<Self> {
        let allowed_users = AllowedUsers::new(stage.control_context.app);
        let service_index = ServiceIndex::new(&stage.setup.specs).with_later(stage.control_context.later);
        let stop_timeout = stage.stop_timeout;
        let run_kind = match stage.setup.specs.as_slice() {
            [only] if only.is_main => RunKind::MainOnly,
            _ if stage.preparing => RunKind::Preparing,
            _ => RunKind::Serving,
        };
        let id_of = |name: &ServiceName| stage.setup.specs.iter().position(|spec| spec.name == *name).map(Id);
        let open_pipes = stage.open_pipes.into_iter().filter_map(|(name, pipe)| Some((id_of(&name)?, pipe)));
        let open_pipes: Vec<_> = open_pipes.collect();
        let supervisor = Supervisor::new(stage.setup);
        let journal =
            Journal::begin(&supervisor, &stage.control_context.earlier_moments, EngineTime(stage.started_at.elapsed()));
        let history = EventHistory::resume(&stage.control_context.earlier_events, |name| supervisor.id(name));
        let s6 = stage.launch_context.s6.clone();
        let mut processes = ProcessManager::new(stage.entries, stage.launch_context, stage.sockets)?;
        open_pipes.into_iter().for_each(|(id, pipe)| processes.logs.adopt(id, pipe));
        let event_loop = Self {
            s6,
            main_receives_signals: stage.main_receives_signals,
            control_handler: ControlHandler::new(
                stage.control_context.app,
                stage.control_context.plan_status,
                stage.control_context.steps,
                service_index,
                journal,
                history,
            ),
            supervisor,
            processes,
            signals: stage.signals,
            control: stage.control,
            requests: None,
            queue: VecDeque::new(),
            stop_reason: StopReason::NothingLeft,
            started_at: stage.started_at,
            tty: stage.tty,
            reloader: stage.reloader,
            next_reload_requests: None,
            current_reload_requests: Vec::new(),
            host_notify: stage.host_reporting.host_notify,
            is_forced: false,
            idle_pages: IdlePages::default(),
            termination_log: stage.host_reporting.termination_log,
            signal_rules: stage.signal_rules,
            unhandled_signals: BTreeSet::new(),
            stop_deadline: None,
            run_kind,
            leftovers: stage.leftovers,
            stop_timeout,
            allowed_users,
        };
        event_loop.allowed_users.set(event_loop.find_allowed_users());
        Ok(event_loop)
    }

    /// Blocks the signals that the loop reads.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn begin_signals(&mut self) -> std::io::Result<()> {
        self.signals.begin_loop(match self.run_kind {
            RunKind::MainOnly => Faults::Watched,
            RunKind::Preparing | RunKind::Serving => Faults::Unwatched,
        })
    }

    /// Registers all that it waits for. Must be called inside the runtime.
    ///
    /// # Errors
    /// An epoll registration that the kernel refuses.
    pub(super) fn sources(&mut self) -> std::io::Result<EventSources> {
        if let Some(listener) = self.control.take() {
            self.requests = Some(server::open(listener, self.allowed_users.clone())?);
        }
        EventSources::new(self.signals, &self.processes)
    }

    /// Starts the first processes. Returns the exit code if the engine says so already.
    pub(super) fn begin(&mut self) -> Option<u8> {
        self.queue.push_back(Event::Begin);
        // A signal that came during the boot was seen there, but for CHLD of what an earlier stage has left.
        if self.read_signals() {
            self.processes.reap_children(EXITS_AT_ONCE, &mut self.queue);
        }
        self.process_events()
    }

    /// Runs until the engine says exit, and returns its code. Without `sources` they are registered now: the first processes
    /// need none of them.
    ///
    /// # Errors
    /// As [`Self::sources`]; processes may be running then.
    pub(super) async fn run(&mut self, sources: Option<EventSources>) -> std::io::Result<u8> {
        // For what had exited before this program was executed no signal comes any more.
        let mut ready = ReadySources { exits: true, ..ReadySources::default() };
        self.processes.oom_tracker.begin();
        let sources = sources.map_or_else(|| self.sources(), Ok)?;
        loop {
            self.check_waiters();
            let deadline = self.next_deadline();
            let pending = sources.wait(&mut ready, &self.processes, &mut self.requests, deadline).await;
            let ended = self.dispatch(&mut ready, deadline, pending).or_else(|| self.process_events());
            if let Some(code) = ended {
                return Ok(code);
            }
        }
    }

    /// Gives each source that is ready its share; `ready` says afterwards which may have more. Returns the exit code once the
    /// engine says so.
    pub(super) fn dispatch(
        &mut self,
        ready: &mut ReadySources,
        deadline: Option<Instant>,
        pending: Option<PendingRequest>,
    ) -> Option<u8> {
        if std::mem::take(&mut ready.signals) {
            self.read_signals();
            ready.signals = self.signals.may_have_more();
            ready.exits = true;
        }
        if ready.exits {
            ready.exits = self.processes.reap_children(EXITS_AT_ONCE, &mut self.queue);
        }
        if ready.fds {
            self.control_handler.changed = true;
            ready.fds = self.processes.read_ready(&mut self.queue);
        }
        if ready.probes {
            ready.probes = self.processes.probes.read_ready();
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.processes.check_leftovers(&mut self.queue);
            self.processes.adjust_oom_scores();
            self.processes.expire_probes(Instant::now(), &mut self.queue);
            self.processes.config_reader.expire(Instant::now(), &mut self.processes.fd_watcher);
            self.processes.logs.on_deadline();
            self.idle_pages.release_if_due(Instant::now(), || self.processes.spawner.release_free());
            self.queue.push_back(Event::Tick);
        }
        let code = self.handle_requests(ready, pending);
        if code.is_some() {
            return code;
        }
        if std::mem::take(&mut ready.output) {
            with_outputs(|outputs| outputs.sinks().for_each(Sink::flush));
        }
        for (ready, output) in ready.logs.iter_mut().zip([OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files]) {
            *ready = *ready && self.processes.logs.read_and_write(output);
        }
        None
    }

    /// Returns the next time at which the loop has something to do without an event.
    fn next_deadline(&self) -> Option<Instant> {
        let engine = self.supervisor.deadline().map(|EngineTime(after)| self.started_at + after);
        let leftovers = self.processes.next_check().into_iter().chain(self.processes.process_table.scores_due());
        let others = self
            .processes
            .probes
            .deadline()
            .into_iter()
            .chain(self.processes.logs.deadline())
            .chain(self.control_handler.deadline())
            .chain(self.idle_pages.deadline())
            .chain(self.processes.config_reader.deadline());
        engine.into_iter().chain(leftovers).chain(others).min()
    }

    /// Answers callers, each after the events before it were processed.
    pub(super) fn handle_requests(&mut self, ready: &mut ReadySources, first: Option<PendingRequest>) -> Option<u8> {
        ready.requests = false;
        let mut next = first;
        for _ in 0..REQUESTS_AT_ONCE {
            let pending = next.or_else(|| self.requests.as_mut()?.try_recv().ok())?;
            if let Some(code) = self.process_events() {
                return Some(code);
            }
            self.handle_request(pending);
            self.idle_pages.note_work();
            next = None;
        }
        ready.requests = true;
        None
    }

    /// Passes all queued events to the engine and performs its actions. Returns the exit code once it says so.
    pub(super) fn process_events(&mut self) -> Option<u8> {
        if privilege::take_not_restored() {
            tracing::error!(
                "a privilege that was taken for a moment could not be given back: stopping every service in order"
            );
            self.queue.push_back(Event::Request(Request::Shutdown { code: Some(EXIT_REFUSED) }));
        }
        self.release_ids();
        let _held = (self.queue.len() > 1).then(own_messages::hold);
        // The result of a spawn comes before every other event (`Action::Spawn`).
        let mut spawn_results = VecDeque::new();
        loop {
            while let Some(event) = spawn_results.pop_front().or_else(|| self.queue.pop_front()) {
                tracing::debug!("{}", event_fields::fields(&event, |id| self.supervisor.name(id).as_str()));
                self.control_handler.changed = true;
                let stop_signal = if let Event::StopSignal(signal) = &event { Some(*signal) } else { None };
                let was_waiting = !self.supervisor.is_stop_timeout_over();
                let actions = self.supervisor.step(self.now(), event);
                if let Some(signal) = stop_signal.filter(|_| was_waiting && self.supervisor.is_stop_timeout_over()) {
                    self.is_forced = true;
                    tracing::warn!("got {signal} again: not waiting any longer, killing what is left");
                }
                if let Some(code) = self.perform(actions, &mut spawn_results) {
                    return Some(code);
                }
            }
            let actions = self.continue_reload()?;
            if let Some(code) = self.perform(actions, &mut spawn_results) {
                return Some(code);
            }
        }
    }

    /// Performs the engine's actions, in order. Returns the exit code once there is one.
    pub(super) fn perform(&mut self, actions: Vec<Action>, spawn_results: &mut VecDeque<Event>) -> Option<u8> {
        for action in actions {
            match action {
                Action::Exit(code) => return Some(code),
                Action::Report(report) => {
                    self.control_handler.journal.record(&report, self.now());
                    self.control_handler.exit_counts.record(&report, &self.supervisor);
                    if let Report::Stopping { reason } = &report {
                        self.stop_reason = reason.clone();
                        self.arm_stop_deadline();
                    }
                    if let Report::CannotStart { id, why } = &report
                        && let Some(record) = self.processes.records.get_mut(*id)
                    {
                        record.refusal = Some(Box::new(why.clone()));
                    }
                    let context = ReportContext {
                        processes: &self.named_processes(&report),
                        is_forced: self.is_forced,
                        now: self.now(),
                        run_kind: self.run_kind,
                        records: &self.processes.records,
                    };
                    // When all of *prepare* is done the container goes on.
                    let is_prepared = self.run_kind == RunKind::Preparing
                        && matches!(&report, Report::Stopping { reason: StopReason::NothingLeft });
                    match Occurrence::of_report(&report).filter(|_| !is_prepared) {
                        Some((id, occurrence)) => {
                            let service = id.map(|id| self.supervisor.name(id).as_str().to_owned());
                            let fields = || occurrence.fields(None).members();
                            own_messages::about_event(service.as_deref(), fields, || {
                                reports::log(&report, &self.supervisor, &context)
                            });
                            self.control_handler.record_event(id, occurrence);
                        }
                        None => reports::log(&report, &self.supervisor, &context),
                    }
                    self.notify_host(&report);
                }
                Action::Spawn { id, role, after } => {
                    self.idle_pages.note_work();
                    self.processes.start(id, role, after, spawn_results);
                }
                Action::Signal { id, pid, to, signal } => {
                    self.record_descendants(id, pid, signal);
                    self.processes.signal(pid, to, signal);
                }
                Action::Probe { id, purpose } => {
                    self.control_handler.journal.record_probe(id, purpose, self.now());
                    self.processes.start_probe(id, purpose, Instant::now(), &mut self.queue);
                }
                Action::CancelProbe { id } => self.processes.cancel_probe(id),
                Action::UntrackGroup { pid, .. } => self.processes.untrack(pid),
                Action::ApplyReload { id } => {
                    self.processes.apply_reload(id);
                    if let Some(spec) = self.supervisor.spec(id) {
                        self.control_handler.service_index.set(id, spec);
                    }
                }
                Action::Reread => self.next_reload_requests.get_or_insert_default().push(ReloadRequest::Engine),
                Action::Remove { id } => self.remove_service(id),
                Action::EndInput { id } => self.processes.records.end_input(id),
            }
        }
        None
    }

    /// Returns which processes are killed or left running, where that is what is reported.
    fn named_processes(&mut self, report: &Report) -> String {
        match report {
            Report::Killing { id, who, .. } => match (self.supervisor.pid(*id), who) {
                (None, _) => String::new(),
                (Some(pid), Killed::Command | Killed::Finish | Killed::StopCommand) => kill_report::named(&[pid]),
                (Some(pid), Killed::Leftovers) => {
                    kill_report::named(&self.processes.process_table.remaining_processes(pid))
                }
            },
            Report::LeftoversContinue { pid, .. } => match self.processes.process_table.remaining_processes(*pid) {
                left if left.is_empty() => String::new(),
                left => kill_report::named(&left),
            },
            Report::Unkillable { pid, .. } => kill_report::survival_reason(&[*pid]),
            Report::LeftoversAbandoned { pid, .. } => {
                kill_report::survival_reason(&self.processes.process_table.remaining_processes(*pid))
            }
            _ => String::new(),
        }
    }

    pub(super) fn now(&self) -> EngineTime {
        EngineTime(self.started_at.elapsed())
    }
}
