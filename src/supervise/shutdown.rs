//! How the container stops (DESIGN §7, §8). What that means for one service stands in `ending`.
//!
//! The stop goes down the dependencies. A service that has no dependents left is sent its stop signal; it counts as a
//! dependent until it has ended and has no dependents left itself: a oneshot that is done between a web server and its
//! database keeps the database up until the web server is down. One whose process KILL does not end in [`REAP_GRACE`] is
//! marked unkillable and counts as ended, so that those below still get their stop signal. When the budget is used up, or a
//! second stop signal comes, every process is killed at once and no finish script starts any more; [`REAP_GRACE`] later the
//! container ends, whatever is left.

use super::budget::{Budget, REAP_GRACE};
use super::container::{ContainerState, StopInProgress};
use super::id_vec::IdVec;
use super::state::{Cause, ServiceRuntime, State, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{Action, EngineTime, Exit, Id, Report, StopReason, Target};
use crate::config::values::Signal;

impl Supervisor {
    pub(super) fn stop_signal(&mut self, signal: Signal) {
        match &mut self.container {
            ContainerState::Booting | ContainerState::Running => self.begin_stop(StopReason::Signal(signal)),
            ContainerState::Stopping(_) | ContainerState::Over(_) => {}
        }
        if let ContainerState::Stopping(stop) = &mut self.container {
            stop.requests = stop.requests.saturating_add(1);
            if stop.requests > 1 {
                self.kill_all();
            }
        }
    }

    pub(super) fn shutdown_requested(&mut self, code: Option<u8>) {
        self.exit_code_inputs.requested = code.or(self.exit_code_inputs.requested);
        self.begin_stop(StopReason::Requested);
    }

    /// The main command has ended by itself, or could not be started.
    pub(super) fn main_ended(&mut self, exit: Exit, code: u8) {
        self.exit_code_inputs.main = Some(code);
        self.begin_stop(StopReason::Main(exit));
    }

    /// Passes a signal on to the main command, while its main process lives.
    pub(super) fn forward(&mut self, signal: Signal) {
        let Some(id) = self.main else { return };
        match self.services[id].state {
            State::Starting { run } | State::Up { run, .. } | State::Stopping { run, .. } => {
                self.out.push(Action::Signal { id, pid: run.pid, to: Target::Process, signal });
            }
            State::StoppingGroup { .. } | State::Unkillable { .. } | State::Finishing { .. } => {}
            State::StopCommandRunning { .. } => {}
            at_rest!() | pending!() | spawning!() => {}
        }
    }

    /// Begins the stop of the container; nothing if it has begun already.
    pub(super) fn begin_stop(&mut self, reason: StopReason) {
        match self.container {
            ContainerState::Booting | ContainerState::Running => {}
            ContainerState::Stopping(_) | ContainerState::Over(_) => return,
        }
        self.report(Report::Stopping { reason: reason.clone() });
        self.main_blocked = self.find_main_blocked();
        let order = self.graph.sorted();
        let later = self
            .graph
            .later_layers(&order, |id| self.services[id].state.phase().has_process() || self.needs_stop_command(id));
        let layers = later.iter().max().map_or(0, |most| most.saturating_add(1));
        let budget = Budget::new(self.now, self.stop_timeout, layers);
        self.container = ContainerState::Stopping(StopInProgress { reason, budget, requests: 0, end_at: None });
        let mut ordered = IdVec::new(self.services.ids().map(|_| false));
        order.into_iter().for_each(|id| ordered[id] = true);
        for id in self.services.ids() {
            // Those of a cycle would wait for each other until the budget is used up, and who is below them with them.
            let dependents_left = if ordered[id] { self.graph.dependents(id).count() } else { 0 };
            let service = &mut self.services[id];
            service.wanted = false;
            service.counts.later_layers = later[id];
            service.counts.dependents_left = dependents_left;
            self.prepare_stop(id);
            self.to_evaluate.push_back(id);
        }
    }

    /// Cancels what has not started, and bounds by the budget what is ending already.
    fn prepare_stop(&mut self, id: Id) {
        let within = |old: Option<EngineTime>, new: EngineTime| Some(old.map_or(new, |old| old.min(new)));
        match self.services[id].state {
            State::Waiting { .. } | State::WaitForProbing { .. } | State::Backoff => self.set(id, State::Down),
            State::Scheduled | State::Resting if !self.services[id].spec.has_stop_command => self.set(id, State::Down),
            State::Scheduled | State::Resting => self.set(id, State::Done),
            // A reload has removed it, and in the same step the container began to stop before this one was handled.
            State::Done if self.services[id].removed && !self.services[id].spec.has_stop_command => {
                self.set(id, State::Down)
            }
            State::Starting { .. } => {
                self.timers.set(id, TimerKind::State, None);
                self.cancel_probe(id);
            }
            State::Up { .. } => self.cancel_probe(id),
            State::Stopping { termination, .. }
            | State::StoppingGroup { termination, .. }
            | State::StopCommandRunning { termination, .. } => {
                let until = if termination.kill_sent { self.now.plus(REAP_GRACE) } else { self.kill_at(id) };
                self.timers.set(id, TimerKind::State, within(self.timers.get(id, TimerKind::State), until));
            }
            State::Finishing { termination, .. } => {
                let until = if termination.kill_sent { Some(self.now.plus(REAP_GRACE)) } else { self.finish_until(id) };
                if let Some(until) = until {
                    self.timers.set(id, TimerKind::State, within(self.timers.get(id, TimerKind::State), until));
                }
            }
            State::Down | State::Unkillable { .. } | State::Done | State::Failed { .. } | spawning!() => {}
        }
    }

    /// Considers a service again during the stop.
    pub(super) fn reevaluate_in_stop(&mut self, id: Id) {
        let over = self.is_stop_timeout_over();
        let time_is_left = self.container.stop().is_some_and(|stop| self.now < stop.budget.total());
        let stop_command_due = self.needs_stop_command(id) && !over && time_is_left;
        let ServiceRuntime { state, counts, .. } = &mut self.services[id];
        match state {
            State::Starting { .. } | State::Up { .. } if over => self.kill(id),
            State::Finishing { termination, .. } | State::StopCommandRunning { termination, .. }
                if over && !termination.kill_sent =>
            {
                self.kill(id);
            }
            State::Starting { .. } | State::Up { .. } if counts.dependents_left == 0 => {
                self.terminate(id, Cause::Shutdown)
            }
            spawning!() | running!() | ending!() => {}
            State::Scheduled | State::Resting | State::Done if stop_command_due => {
                if counts.dependents_left == 0 {
                    self.run_stop_command(id);
                }
            }
            State::Down
            | State::Waiting { .. }
            | State::WaitForProbing { .. }
            | State::Backoff
            | State::Unkillable { .. }
            | State::Failed { .. }
            | State::Scheduled
            | State::Resting
            | State::Done => {
                if counts.dependents_left == 0 && !counts.stopped_with_dependents {
                    counts.stopped_with_dependents = true;
                    self.decrement_dependents_left(id);
                }
            }
        }
    }

    fn decrement_dependents_left(&mut self, id: Id) {
        for dependency in self.graph.dependencies(id) {
            let counts = &mut self.services[dependency].counts;
            counts.dependents_left = counts.dependents_left.saturating_sub(1);
            if counts.dependents_left == 0 {
                self.to_evaluate.push_back(dependency);
            }
        }
    }

    /// Moves the container's own state on; returns whether anything changed.
    pub(super) fn advance_container(&mut self) -> bool {
        match &self.container {
            ContainerState::Running
                if self.may_change_count == 0 && !self.any_stopped_manually() && self.is_rereading_over() =>
            {
                self.begin_stop(StopReason::NothingLeft)
            }
            ContainerState::Stopping(_) if self.process_count == 0 => self.end(),
            ContainerState::Stopping(StopInProgress { end_at: Some(end_at), .. }) if *end_at <= self.now => {
                self.end_despite_unkillable()
            }
            ContainerState::Stopping(StopInProgress { end_at: None, budget, .. }) if budget.total() <= self.now => {
                self.kill_all()
            }
            ContainerState::Booting
            | ContainerState::Running
            | ContainerState::Stopping(_)
            | ContainerState::Over(_) => return false,
        }
        true
    }

    /// Ends the stop timeout now: kills all that lives.
    fn kill_all(&mut self) {
        let ContainerState::Stopping(stop) = &mut self.container else { return };
        if stop.end_at.is_some() {
            return;
        }
        stop.end_at = Some(self.now.plus(REAP_GRACE));
        for id in self.services.ids() {
            match self.services[id].state {
                State::Starting { .. } | State::Up { .. } => self.kill(id),
                State::Stopping { termination, .. }
                | State::StoppingGroup { termination, .. }
                | State::Finishing { termination, .. }
                | State::StopCommandRunning { termination, .. } => {
                    if !termination.kill_sent {
                        self.kill(id);
                    }
                }
                State::Unkillable { .. } | at_rest!() | pending!() | spawning!() => {}
            }
        }
    }

    /// Ends the container without those that KILL did not end.
    fn end_despite_unkillable(&mut self) {
        for id in self.services.ids() {
            if self.services[id].state.phase().has_process() {
                self.mark_unkillable(id);
            }
        }
        self.end();
    }

    fn end(&mut self) {
        let Some(StopInProgress { reason, .. }) = self.container.stop().cloned() else { return };
        let code = self.exit_code(&reason);
        self.container = ContainerState::Over(reason);
        self.to_evaluate.clear();
        self.to_start.clear();
        self.out.push(Action::Exit(code));
    }

    /// Returns whether the stop timeout is over: all get KILL.
    pub fn is_stop_timeout_over(&self) -> bool {
        self.container.stop().is_some_and(|stop| stop.end_at.is_some())
    }
}
