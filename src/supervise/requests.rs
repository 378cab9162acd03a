//! What is requested over the control socket: start, stop, restart. Ignored once the container stops.

use super::spec::Start;
use super::state::{Cause, ServiceRuntime, State, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::{Id, Phase};
use crate::config::service::Kind;

impl Supervisor {
    /// Starts it and, before it, what it requires.
    pub(super) fn start_requested(&mut self, id: Id) {
        if !self.container.is_running() {
            return;
        }
        let mut to_start = vec![id];
        while let Some(id) = to_start.pop() {
            let service = &mut self.services[id];
            let idle = matches!(service.state, State::Down | State::Failed { .. });
            // A skipped one cannot run here; one that is held back may not; one of *prepare* was done as root; a removed one is
            // none any more.
            if service.removed
                || matches!(service.spec.start, Start::Skipped | Start::HeldBack)
                || (idle && service.spec.start == Start::AlreadyDone)
            {
                continue;
            }
            let is_new = idle || !service.wanted;
            service.wanted = true;
            service.stopped_manually = false;
            service.once = false;
            service.next_start_is_restart = false;
            if idle {
                service.history = Default::default();
                (service.failing, service.was_up, service.was_requested) = (None, false, true);
                self.set(id, State::Waiting { reported: false });
            }
            if is_new {
                to_start.extend(self.graph.requires(id));
            }
        }
        match self.services[id].state {
            State::Backoff => self.set(id, State::Waiting { reported: false }),
            // It is requested now, before its time.
            State::Scheduled | State::Resting if self.services[id].spec.scheduled => {
                self.set(id, State::Waiting { reported: false })
            }
            State::Waiting { .. } | State::WaitForProbing { .. } | State::Unkillable { .. } => {}
            at_rest!() | spawning!() | running!() | ending!() => {}
        }
    }

    /// Stops it and, before it, what requires it.
    pub(super) fn stop_requested(&mut self, first: Id) {
        if !self.container.is_running() || self.is_main(first) {
            return;
        }
        let mut to_stop = vec![first];
        while let Some(id) = to_stop.pop() {
            // What *prepare* did as root cannot be done again.
            if self.services[id].stopped_manually
                || self.services[id].removed
                || self.services[id].spec.start == Start::AlreadyDone
            {
                continue;
            }
            self.services[id].stopped_manually = true;
            self.services[id].stopped_with = (id != first).then_some(first);
            self.services[id].wanted = false;
            self.to_evaluate.push_back(id);
            to_stop.extend(self.graph.required_by(id).iter().filter(|dependent| self.services[**dependent].wanted));
        }
    }

    /// Returns what a manual stop of these stops as well, each with the one that it requires.
    pub fn stops_with(&self, named: &[Id]) -> Vec<(Id, Id)> {
        let mut all: Vec<(Id, Id)> = Vec::new();
        let mut to_visit: Vec<Id> = named.iter().copied().filter(|id| self.services.has(*id)).collect();
        while let Some(id) = to_visit.pop() {
            for dependent in self.graph.required_by(id) {
                let known = named.contains(dependent) || all.iter().any(|(it, _)| it == dependent);
                if !known && self.services[*dependent].wanted && !self.is_main(*dependent) {
                    all.push((*dependent, id));
                    to_visit.push(*dependent);
                }
            }
        }
        all.sort_unstable();
        all
    }

    /// Stops it alone, as a crash would, and starts it again at once.
    pub(super) fn restart_requested(&mut self, id: Id) {
        if !self.container.is_running() || self.is_main(id) || self.services[id].removed {
            return;
        }
        match self.services[id].state {
            State::Starting { .. } | State::Up { .. } => {
                self.start_requested(id);
                self.terminate(id, Cause::Requested);
            }
            State::Scheduled | State::Resting | State::Done if self.services[id].spec.start != Start::AlreadyDone => {
                self.start_requested(id);
                if self.services[id].spec.has_stop_command {
                    self.run_stop_command(id)
                } else {
                    self.set(id, State::Waiting { reported: false })
                }
            }
            State::Down
            | State::Waiting { .. }
            | State::WaitForProbing { .. }
            | State::Backoff
            | State::Failed { .. } => {
                self.start_requested(id);
            }
            State::Spawning | State::Stopping { .. } | State::StoppingGroup { .. } | State::FinishSpawning { .. } => {
                self.start_requested(id);
            }
            State::Finishing { .. } | State::StopCommandSpawning | State::StopCommandRunning { .. } => {
                self.start_requested(id)
            }
            State::Unkillable { .. } | State::Scheduled | State::Resting | State::Done => {}
        }
    }

    /// Its run is the last one: of what runs, or of what is started now.
    pub(super) fn once_requested(&mut self, id: Id, start: bool) {
        if !self.container.is_running() || self.is_main(id) || self.services[id].removed {
            return;
        }
        if start {
            self.start_requested(id);
        }
        let service = &mut self.services[id];
        if !service.wanted || service.spec.kind == Kind::Oneshot {
            return;
        }
        match service.state {
            State::Spawning | State::Starting { .. } | State::Up { .. } => service.once = true,
            pending!() if start => service.once = true,
            pending!() => {
                self.stop_after_run(id);
                self.to_evaluate.push_back(id);
            }
            ending!() | State::FinishSpawning { .. } => self.stop_after_run(id),
            State::StopCommandSpawning | State::Unkillable { .. } | at_rest!() => {}
        }
    }

    /// It is not started again: as if it had been stopped manually.
    fn stop_after_run(&mut self, id: Id) {
        let service = &mut self.services[id];
        (service.wanted, service.once) = (false, false);
        (service.stopped_manually, service.stopped_with) = (true, None);
    }

    /// It was not started yet, and is stopped with a service that was stopped manually.
    pub(super) fn stop_with(&mut self, id: Id, requirement: Id) {
        let first = self.services[requirement].stopped_with.unwrap_or(requirement);
        self.stop_after_run(id);
        self.services[id].stopped_with = Some(first);
        self.set(id, State::Down);
    }

    /// Whether the run that has ended was the last one; it is down then.
    pub(super) fn was_last_run(&mut self, id: Id) -> bool {
        let is_last = self.services[id].once && self.services[id].wanted;
        if is_last {
            self.stop_after_run(id);
            self.set(id, State::Down);
        }
        is_last
    }

    /// It must not run, while the container goes on: it is stopped once nothing that requires it has a process, or is
    /// done and has to run its stop command, or is kept by others that have a process.
    pub(super) fn reevaluate_unwanted(&mut self, id: Id) {
        let needed = self.graph.required_by(id).iter().any(|dependent| {
            let ServiceRuntime { state, wanted, .. } = &self.services[*dependent];
            state.phase().has_process() || (!wanted && state.phase().satisfies_requires())
        });
        match self.services[id].state {
            State::Starting { .. } | State::Up { .. } | State::Scheduled | State::Resting | State::Done if needed => {}
            State::Starting { .. } | State::Up { .. } => self.terminate(id, Cause::Requested),
            State::Scheduled | State::Resting | State::Done if self.needs_stop_command(id) => self.run_stop_command(id),
            State::Scheduled | State::Resting | State::Done => self.set(id, State::Down),
            State::Waiting { .. } | State::WaitForProbing { .. } | State::Backoff => self.set(id, State::Down),
            State::Down | State::Unkillable { .. } | State::Failed { .. } | spawning!() | ending!() => {}
        }
    }

    /// Whether a service is down because it was stopped manually, and may be started again.
    pub(super) fn any_stopped_manually(&self) -> bool {
        self.services.iter().any(|service| service.stopped_manually && service.state.phase() == Phase::Down)
    }
}
