//! How the container stops (DESIGN §7, §8). What that means for one service stands in `ending`.
//!
//! The stop goes down the dependencies. A service is *released* when it has ended and everything that depends on it is
//! released, through however many others: a oneshot that is done between a web server and its database keeps the
//! database up until the web server is down. What is released releases what it depends on; what is then still alive is
//! sent its stop signal. One whose process KILL does not end in [`REAP_GRACE`] is given up, so that those below still get
//! theirs. When the budget is used up, or somebody asks a second time, all that lives is killed at once and no
//! finish script starts any more; [`REAP_GRACE`] later the container ends, whatever is left.

use super::budget::{Budget, REAP_GRACE};
use super::by_id::Table;
use super::container::{ContainerState, Stop};
use super::state::{Cause, Service, State, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::timers::Slot;
use super::{Action, Exit, Id, Report, StopReason, Target, Time};
use crate::config::values::Signal;

impl Supervisor {
    pub(super) fn stop_signal(&mut self, signal: Signal) {
        match &mut self.container {
            ContainerState::Booting | ContainerState::Running => self.begin_stop(StopReason::Signal(signal)),
            ContainerState::Stopping(_) | ContainerState::Over(_) => {}
        }
        if let ContainerState::Stopping(stop) = &mut self.container {
            stop.asked = stop.asked.saturating_add(1);
            if stop.asked > 1 {
                self.end_stop_timeout();
            }
        }
    }

    pub(super) fn shutdown_requested(&mut self, code: Option<u8>) {
        self.exit_code_inputs.asked = code.or(self.exit_code_inputs.asked);
        self.begin_stop(StopReason::Asked);
    }

    /// The main command has ended by itself, or could not be started.
    pub(super) fn main_ended(&mut self, exit: Exit, code: u8) {
        self.exit_code_inputs.main = Some(code);
        self.begin_stop(StopReason::Main(exit));
    }

    /// Passes a signal on to the main command, while its first process lives.
    pub(super) fn forward(&mut self, signal: Signal) {
        let Some(id) = self.main else { return };
        match self.services[id].state {
            State::Starting { run } | State::Up { run, .. } | State::Stopping { run, .. } => {
                self.out.push(Action::Signal { id, pid: run.pid, to: Target::Process, signal });
            }
            State::Draining { .. } | State::Lost { .. } | State::Finishing { .. } => {}
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
        self.main_blocked = self.blocked_main();
        let order = self.graph.sorted();
        let later = self
            .graph
            .later_layers(&order, |id| self.services[id].state.phase().alive() || self.needs_stop_command(id));
        let layers = later.iter().max().map_or(0, |most| most.saturating_add(1));
        let budget = Budget::new(self.now, self.stop_timeout, layers);
        self.container = ContainerState::Stopping(Stop { reason, budget, asked: 0, end_at: None });
        let mut ordered = Table::new(self.services.ids().map(|_| false));
        order.into_iter().for_each(|id| ordered[id] = true);
        for id in self.services.ids() {
            // Those of a cycle would wait for each other until the budget is used up, and who is below them with them.
            let holds = if ordered[id] { self.graph.above(id).count() } else { 0 };
            let service = &mut self.services[id];
            service.wanted = false;
            service.links.later = later[id];
            service.links.holds = holds;
            self.prepare_stop(id);
            self.work.push_back(id);
        }
    }

    /// Cancels what has not started, and bounds by the budget what is ending already.
    fn prepare_stop(&mut self, id: Id) {
        let within = |old: Option<Time>, new: Time| Some(old.map_or(new, |old| old.min(new)));
        match self.services[id].state {
            State::Waiting { .. } | State::Awaiting { .. } | State::Backoff => self.set(id, State::Down),
            State::Resting { .. } if !self.services[id].spec.has_stop_command => self.set(id, State::Down),
            State::Resting { .. } => self.set(id, State::Done),
            // A reload has left it out, and in the same step the container began to stop before this one was handled.
            State::Done if self.services[id].gone && !self.services[id].spec.has_stop_command => {
                self.set(id, State::Down)
            }
            State::Starting { .. } => {
                self.timers.set(id, Slot::State, None);
                self.cancel_probe(id);
            }
            State::Up { .. } => self.cancel_probe(id),
            State::Stopping { termination, .. }
            | State::Draining { termination, .. }
            | State::StopCommandRunning { termination, .. } => {
                let until = if termination.kill_sent { self.now.plus(REAP_GRACE) } else { self.kill_at(id) };
                self.timers.set(id, Slot::State, within(self.timers.get(id, Slot::State), until));
            }
            State::Finishing { termination, .. } => {
                let until = if termination.kill_sent { Some(self.now.plus(REAP_GRACE)) } else { self.finish_until(id) };
                if let Some(until) = until {
                    self.timers.set(id, Slot::State, within(self.timers.get(id, Slot::State), until));
                }
            }
            State::Down | State::Lost { .. } | State::Done | State::Failed { .. } | spawning!() => {}
        }
    }

    /// Considers a service again during the stop.
    pub(super) fn consider_stopping(&mut self, id: Id) {
        let over = self.is_stop_timeout_over();
        let time_is_left = self.container.stop().is_some_and(|stop| self.now < stop.budget.total());
        let stop_command_due = self.needs_stop_command(id) && !over && time_is_left;
        let Service { state, links, .. } = &mut self.services[id];
        match state {
            State::Starting { .. } | State::Up { .. } if over => self.kill(id),
            State::Finishing { termination, .. } | State::StopCommandRunning { termination, .. }
                if over && !termination.kill_sent =>
            {
                self.kill(id);
            }
            State::Starting { .. } | State::Up { .. } if links.holds == 0 => self.terminate(id, Cause::Shutdown),
            spawning!() | running!() | ending!() => {}
            State::Resting { .. } | State::Done if stop_command_due => {
                if links.holds == 0 {
                    self.run_stop_command(id);
                }
            }
            State::Down
            | State::Waiting { .. }
            | State::Awaiting { .. }
            | State::Backoff
            | State::Lost { .. }
            | State::Failed { .. }
            | State::Resting { .. }
            | State::Done => {
                if links.holds == 0 && !links.released {
                    links.released = true;
                    self.release_below(id);
                }
            }
        }
    }

    fn release_below(&mut self, id: Id) {
        for below in self.graph.below(id) {
            let links = &mut self.services[below].links;
            links.holds = links.holds.saturating_sub(1);
            if links.holds == 0 {
                self.work.push_back(below);
            }
        }
    }

    /// Moves the container's own state on; returns whether anything changed.
    pub(super) fn advance_container(&mut self) -> bool {
        match &self.container {
            ContainerState::Running if self.active == 0 && !self.anything_held() => {
                self.begin_stop(StopReason::NothingLeft)
            }
            ContainerState::Stopping(_) if self.alive == 0 => self.end(),
            ContainerState::Stopping(Stop { end_at: Some(end_at), .. }) if *end_at <= self.now => self.give_up(),
            ContainerState::Stopping(Stop { end_at: None, budget, .. }) if budget.total() <= self.now => {
                self.end_stop_timeout()
            }
            ContainerState::Booting
            | ContainerState::Running
            | ContainerState::Stopping(_)
            | ContainerState::Over(_) => return false,
        }
        true
    }

    /// Kills all that lives, now.
    fn end_stop_timeout(&mut self) {
        let ContainerState::Stopping(stop) = &mut self.container else { return };
        if stop.end_at.is_some() {
            return;
        }
        stop.end_at = Some(self.now.plus(REAP_GRACE));
        for id in self.services.ids() {
            match self.services[id].state {
                State::Starting { .. } | State::Up { .. } => self.kill(id),
                State::Stopping { termination, .. }
                | State::Draining { termination, .. }
                | State::Finishing { termination, .. }
                | State::StopCommandRunning { termination, .. } => {
                    if !termination.kill_sent {
                        self.kill(id);
                    }
                }
                State::Lost { .. } | at_rest!() | pending!() | spawning!() => {}
            }
        }
    }

    /// Ends the container without those that KILL did not end.
    fn give_up(&mut self) {
        for id in self.services.ids() {
            if self.services[id].state.phase().alive() {
                self.give_up_on(id);
            }
        }
        self.end();
    }

    fn end(&mut self) {
        let Some(Stop { reason, .. }) = self.container.stop().cloned() else { return };
        let code = self.exit_code(&reason);
        self.container = ContainerState::Over(reason);
        self.work.clear();
        self.starts.clear();
        self.out.push(Action::Exit(code));
    }

    /// Returns whether the container kills rather than tells.
    pub fn is_stop_timeout_over(&self) -> bool {
        self.container.stop().is_some_and(|stop| stop.end_at.is_some())
    }
}
