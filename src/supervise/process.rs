//! What the events of one service's processes mean: one method per event, each a match over every state. Where a state
//! does nothing, the pair cannot occur or does not matter; `tests/support/engine/transitions.rs` says which.

use std::time::Duration;

use super::budget::REAP_GRACE;
use super::restart::RunResult;
use super::spec::Readiness;
use super::state::{Cause, End, EndedRole, Run, State, Termination, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{
    Action, EndedByUs, EngineTime, Exit, FailureReason, Id, Pid, ProbePurpose, Report, Role, SpawnError, Target,
    exit_code,
};
use crate::config::restart::CAME_UP_AFTER;
use crate::config::values::Signal;

/// How a finish script ends after which the service is not started again (s6-supervise, "permanent failure").
const FINISH_PERMANENT_FAILURE: Exit = Exit::Code(125);

/// The signal for the leftovers of a group. Not the service's own stop signal, which is meant for its main
/// process: what a shell runs in the background ignores INT and QUIT (POSIX, asynchronous lists).
const LEFTOVER_SIGNAL: Signal = Signal::TERM;

/// What a run came to.
#[derive(Clone, Debug)]
pub(super) enum RunEnd {
    /// It ended by itself with a success code.
    Success(End),
    /// It ended in any other way.
    Failure(End),
    /// There was none.
    CannotStart(SpawnError),
}

/// A group whose main process ended.
struct LeftoverGroup {
    pid: Pid,
    termination: Termination,
    /// Whether the whole group was sent the same signal before.
    signalled: bool,
}

impl RunEnd {
    /// Returns what the restart rule needs to know now about a run of a service with this readiness.
    pub(super) fn for_restart_rule(&self, ready: Readiness, now: EngineTime) -> RunResult {
        let (succeeded, end) = match self {
            Self::Success(end) => (true, Some(end)),
            Self::Failure(end) => (false, Some(end)),
            Self::CannotStart(_) => (false, None),
        };
        let up = end.and_then(|end| end.up);
        let came_up = up.is_some_and(|up| ready != Readiness::Executed || up >= CAME_UP_AFTER);
        let since_start = end.map_or(Duration::ZERO, |end| now.since(end.started));
        RunResult { succeeded, since_start, up, came_up }
    }

    /// Returns when the run began that ended so; there may have been none.
    pub(super) fn started(&self) -> Option<EngineTime> {
        match self {
            Self::Success(end) | Self::Failure(end) => Some(end.started),
            Self::CannotStart(_) => None,
        }
    }
}

impl Supervisor {
    pub(super) fn spawned(&mut self, id: Id, pid: Pid) {
        match self.services[id].state {
            State::Spawning => {
                self.set(id, State::Starting { run: Run { pid, started: self.now } });
                self.report(Report::Starting { id, pid });
                if self.services[id].wanted {
                    let until = self.start_timeout(id).map(|timeout| self.now.plus(timeout));
                    self.timers.set(id, TimerKind::State, until);
                }
            }
            State::FinishSpawning { end } => {
                let termination = Termination { since: self.now, kill_sent: false };
                self.set(id, State::Finishing { pid, end, termination });
                self.timers.set(id, TimerKind::State, self.finish_until(id));
            }
            State::StopCommandSpawning => {
                let termination = Termination { since: self.now, kill_sent: false };
                self.set(id, State::StopCommandRunning { pid, termination });
                self.timers.set(id, TimerKind::State, Some(self.kill_at(id)));
            }
            State::Unkillable { .. } | at_rest!() | pending!() | running!() | ending!() => {}
        }
    }

    pub(super) fn spawn_failed(&mut self, id: Id, why: SpawnError) {
        match self.services[id].state {
            // `Up` only if it said that it is ready without having executed anything; its process has ended nevertheless.
            State::Spawning | State::Starting { .. } | State::Up { .. } | State::Stopping { .. } => {
                self.run_failed(id, why);
            }
            State::Unkillable { has_main_process: true, role: Role::Run, .. } => self.run_failed(id, why),
            State::Unkillable { has_main_process: true, role: Role::Finish | Role::StopCommand, .. } => {
                self.set(id, State::Down)
            }
            State::StopCommandSpawning | State::StopCommandRunning { .. } => {
                self.report(Report::CannotStart { id, why });
                self.stop_command_ended(id);
            }
            State::FinishSpawning { end } | State::Finishing { end, .. } => {
                self.report(Report::CannotStart { id, why });
                self.after_end(id, end, None);
            }
            State::StoppingGroup { .. }
            | State::Unkillable { has_main_process: false, .. }
            | at_rest!()
            | pending!() => {}
        }
    }

    pub(super) fn executed(&mut self, id: Id) {
        match self.services[id].state {
            State::Starting { .. } if self.is_oneshot(id) => {}
            State::Starting { run } => match self.services[id].spec.ready {
                Readiness::Executed => self.up(id, run),
                Readiness::Notified { .. } => {}
                // One that is about to be stopped is not probed.
                Readiness::Probed { .. } | Readiness::Delay(_) if !self.services[id].wanted => {}
                Readiness::Probed { .. } => self.probe(id, ProbePurpose::Ready),
                Readiness::Delay(time) => {
                    self.timers.set(id, TimerKind::Secondary, Some(run.started.plus(time).max(self.now)))
                }
            },
            State::Up { .. } | State::Unkillable { .. } | at_rest!() | pending!() | spawning!() | ending!() => {}
        }
    }

    pub(super) fn ready(&mut self, id: Id) {
        match self.services[id].state {
            State::Starting { run } => match self.services[id].spec.ready {
                Readiness::Notified { .. } if !self.is_oneshot(id) => self.up(id, run),
                Readiness::Executed | Readiness::Notified { .. } | Readiness::Probed { .. } | Readiness::Delay(_) => {}
            },
            State::Up { .. } | State::Unkillable { .. } | at_rest!() | pending!() | spawning!() | ending!() => {}
        }
    }

    pub(super) fn exited(&mut self, id: Id, exit: Exit, group_left: bool) {
        match self.services[id].state {
            State::Starting { run } => self.run_exited(id, run, None, exit, group_left),
            State::Up { run, ready } => {
                let up = self.now.since(ready);
                self.run_exited(id, run, Some(up), exit, group_left);
            }
            State::Stopping { run, ready, cause, termination } => {
                self.note_exit(id, exit, Some(run));
                self.report(Report::Stopped { id, exit, took: self.now.since(termination.since) });
                let (ran, up) = (self.now.since(run.started), ready.map(|ready| self.now.since(ready)));
                let end = End { exit, cause, started: run.started, ran, up };
                let ended_by_us = self.is_main(id) && self.services[id].wanted && cause != Cause::Requested;
                if ended_by_us {
                    self.services[id].wanted = false;
                }
                if group_left {
                    let signal_is_pending = self.timers.get(id, TimerKind::Secondary).is_some();
                    let signal = self.stop_signal_for(id, cause);
                    let signalled =
                        self.services[id].spec.stop.group && signal == LEFTOVER_SIGNAL && !signal_is_pending;
                    let until = self.timers.get(id, TimerKind::State);
                    let group = LeftoverGroup { pid: run.pid, termination, signalled };
                    self.stop_group(id, group, EndedRole::Run(end), until);
                } else {
                    self.run_ended(id, end);
                }
                if ended_by_us {
                    self.main_ended(exit, exit_code::FAILURE);
                }
            }
            State::Finishing { pid, end, termination } => {
                if group_left {
                    let kill_at = || (!termination.kill_sent).then(|| self.kill_at(id));
                    let until = self.timers.get(id, TimerKind::State).or_else(kill_at);
                    let group = LeftoverGroup { pid, termination, signalled: false };
                    self.stop_group(id, group, EndedRole::Finish(end, exit), until);
                } else {
                    self.after_end(id, end, Some(exit));
                }
            }
            State::StopCommandRunning { pid, termination } => {
                let took = self.now.since(termination.since);
                self.report(Report::StopCommandEnded { id, exit, took });
                if group_left {
                    let until = self.timers.get(id, TimerKind::State);
                    let group = LeftoverGroup { pid, termination, signalled: false };
                    self.stop_group(id, group, EndedRole::StopCommand, until);
                } else {
                    self.stop_command_ended(id);
                }
            }
            State::Unkillable { pid, has_main_process: true, role } => {
                match role {
                    Role::Run => self.note_exit(id, exit, None),
                    Role::Finish | Role::StopCommand => {}
                }
                let leftover = State::Unkillable { pid, has_main_process: false, role };
                self.set(id, if group_left { leftover } else { State::Down });
            }
            State::Unkillable { has_main_process: false, .. }
            | State::StoppingGroup { .. }
            | at_rest!()
            | pending!()
            | spawning!() => {}
        }
    }

    pub(super) fn group_gone(&mut self, id: Id) {
        match self.services[id].state {
            State::StoppingGroup { ended_role: EndedRole::Run(end), .. } => self.run_ended(id, end),
            State::StoppingGroup { ended_role: EndedRole::Finish(end, exit), .. } => {
                self.after_end(id, end, Some(exit))
            }
            State::StoppingGroup { ended_role: EndedRole::StopCommand, .. } => self.stop_command_ended(id),
            State::Unkillable { has_main_process: false, .. } => self.set(id, State::Down),
            State::Unkillable { has_main_process: true, .. } | State::Finishing { .. } | State::Stopping { .. } => {}
            State::StopCommandRunning { .. } => {}
            at_rest!() | pending!() | spawning!() | running!() => {}
        }
    }

    /// Its time has come; it was due then.
    pub(super) fn expire(&mut self, id: Id, due: EngineTime) {
        match self.services[id].state {
            State::Starting { run } if self.is_oneshot(id) => {
                let after = due.since(run.started);
                self.report(Report::TimedOut { id, after });
                self.end_run(id, EndedByUs::TimedOut(after));
            }
            State::Starting { run } => {
                let probe_state = self.services[id].probe_state.get_mut();
                let no_result = probe_state.open.then(|| "no result yet".to_owned());
                let last_result = probe_state.not_ready.take().or(no_result);
                let after = due.since(run.started);
                self.report(Report::ReadyTimedOut { id, after, why: last_result.clone() });
                self.end_run(id, EndedByUs::NotReady { after, last_result });
            }
            State::Stopping { termination, .. }
            | State::StoppingGroup { termination, .. }
            | State::Finishing { termination, .. }
            | State::StopCommandRunning { termination, .. } => {
                if termination.kill_sent {
                    self.abandon_kill(id);
                } else {
                    self.kill(id);
                }
            }
            State::Backoff | State::Scheduled | State::Resting => self.set(id, State::Waiting { reported: false }),
            State::Down
            | State::Waiting { .. }
            | State::WaitForProbing { .. }
            | State::Up { .. }
            | State::Unkillable { .. } => {}
            State::Failed { .. } | State::Done => {}
            spawning!() => {}
        }
    }

    /// A run ended by itself. What a oneshot that succeeds has left is what it was for (a daemon, say),
    /// and goes on. Whether that has already left the process group must not matter: it is a race.
    fn run_exited(&mut self, id: Id, run: Run, up: Option<Duration>, exit: Exit, group_left: bool) {
        let ran = self.now.since(run.started);
        self.note_exit(id, exit, Some(run));
        self.report(Report::Ended { id, exit, ran });
        let main = self.is_main(id);
        if main {
            self.services[id].wanted = false;
        }
        let end = End { exit, cause: Cause::Itself, started: run.started, ran, up };
        let leftovers_continue = group_left && self.is_oneshot(id) && self.succeeded(id, end);
        if leftovers_continue {
            self.report(Report::LeftoversContinue { id, pid: run.pid });
            self.out.push(Action::UntrackGroup { id, pid: run.pid });
        }
        if group_left && !leftovers_continue {
            let termination = Termination { since: self.now, kill_sent: false };
            let until = Some(self.kill_at(id));
            let group = LeftoverGroup { pid: run.pid, termination, signalled: false };
            self.stop_group(id, group, EndedRole::Run(end), until);
        } else {
            self.run_ended(id, end);
        }
        if main {
            self.main_ended(exit, self.main_code(id, exit));
        }
    }

    /// Waits for the leftovers of a group until then, and signals them unless they were signalled (or killed) already.
    fn stop_group(&mut self, id: Id, group: LeftoverGroup, ended_role: EndedRole, until: Option<EngineTime>) {
        let LeftoverGroup { pid, termination, signalled } = group;
        // Killed while its main process lived, and the container does not stop: only now does it have a limit.
        let until = until.or_else(|| termination.kill_sent.then(|| self.now.plus(REAP_GRACE)));
        self.set(id, State::StoppingGroup { pid, ended_role, termination });
        self.timers.set(id, TimerKind::State, until);
        if !signalled && !termination.kill_sent {
            self.report(Report::Leftovers { id });
            self.signal_and_continue(id, pid, Target::Group, LEFTOVER_SIGNAL);
        }
    }

    /// The command has ended, with all that it left.
    fn run_ended(&mut self, id: Id, end: End) {
        if self.services[id].spec.finish.is_some() && !self.is_stop_timeout_over() {
            self.set(id, State::FinishSpawning { end });
            self.out.push(Action::Spawn { id, role: Role::Finish, after: Some(end.exit) });
        } else {
            self.after_end(id, end, None);
        }
    }

    /// The command has ended and so has its finish script, if there is one and it could be started.
    fn after_end(&mut self, id: Id, end: End, finish: Option<Exit>) {
        let succeeded = self.succeeded(id, end);
        if self.was_last_run(id) {
            return;
        }
        let service = &self.services[id];
        if !service.wanted {
            self.set(id, State::Down);
        } else if end.cause == Cause::Requested
            || (service.pending_spec.is_some() && !(succeeded && self.is_oneshot(id)))
        {
            self.set(id, State::Waiting { reported: false });
        } else if finish == Some(FINISH_PERMANENT_FAILURE) {
            self.fail(id, FailureReason::FinishPermanentFailure);
        } else if succeeded && self.is_oneshot(id) {
            self.done(id, end);
        } else {
            self.restart_or_fail(id, if succeeded { RunEnd::Success(end) } else { RunEnd::Failure(end) });
        }
    }

    /// Returns whether a run ended by itself, and as it should.
    fn succeeded(&self, id: Id, end: End) -> bool {
        match (end.cause, end.exit) {
            (Cause::Itself, Exit::Code(code)) => self.services[id].spec.success_codes.contains(&code),
            (Cause::Itself, Exit::Signal(_)) => false,
            (Cause::NotReady | Cause::TimedOut | Cause::Unhealthy | Cause::Watchdog, _) => false,
            (Cause::Requested | Cause::Shutdown, _) => false,
        }
    }

    /// No program was executed, and no process is left.
    fn run_failed(&mut self, id: Id, why: SpawnError) {
        let code = exit_code::spawn_code(why.errno);
        self.services[id].code = Some(code);
        // There was no run that could have been ended by us.
        self.services[id].ended_by_us = None;
        self.report(Report::CannotStart { id, why: why.clone() });
        if self.is_main(id) {
            self.set(id, State::Down);
            self.main_ended(Exit::Code(code), code);
        } else if self.was_last_run(id) {
        } else if self.services[id].wanted && self.services[id].pending_spec.is_some() {
            self.set(id, State::Waiting { reported: false });
        } else if self.services[id].wanted {
            self.restart_or_fail(id, RunEnd::CannotStart(why));
        } else {
            self.set(id, State::Down);
        }
    }

    pub(super) fn up(&mut self, id: Id, run: Run) {
        self.set(id, State::Up { run, ready: self.now });
        (self.services[id].failing, self.services[id].was_up) = (None, true);
        if self.services[id].wanted {
            self.begin_health(id);
        }
        self.report(Report::Up { id, pid: run.pid, took: self.now.since(run.started) });
    }

    fn note_exit(&mut self, id: Id, exit: Exit, run: Option<Run>) {
        let code = exit_code::code(exit);
        let ran = run.map(|run| self.now.since(run.started));
        let service = &mut self.services[id];
        service.last_exit = Some(exit);
        service.last_ran = ran;
        service.code = Some(code);
        if self.is_main(id) {
            self.exit_code_inputs.main = Some(self.main_code(id, exit));
        }
    }

    /// How long a longrun may take to become ready, and a oneshot to end.
    fn start_timeout(&self, id: Id) -> Option<Duration> {
        if self.is_oneshot(id) {
            return self.services[id].spec.timeout;
        }
        match self.services[id].spec.ready {
            Readiness::Notified { timeout } | Readiness::Probed { timeout, .. } => timeout,
            Readiness::Executed | Readiness::Delay(_) => None,
        }
    }
}
