//! The oracle's model of requests: start, stop and restart of one service.

use stepdown::supervise::{Id, Role, Start};

use super::{Oracle, ProcessModel, ServiceState};

impl Oracle {
    pub fn start_requested(&mut self, id: Id) {
        if !self.running() {
            return;
        }
        let mut requested = vec![id];
        while let Some(id) = requested.pop() {
            let now = self.now;
            let service = &mut self.services[id.0];
            let idle = matches!(service.state, ServiceState::Down | ServiceState::Failed);
            let start = service.spec.start;
            let never = matches!(start, Start::Skipped | Start::HeldBack);
            if service.removed || never || (idle && start == Start::AlreadyDone) {
                continue;
            }
            let news = idle || !service.wanted;
            (service.wanted, service.stopped_manually, service.once) = (true, false, false);
            if idle {
                (service.failures, service.delays, service.failing) = (0, 0, None);
                (service.was_up, service.was_requested) = (false, true);
                service.state = ServiceState::Pending(now);
            }
            if news {
                requested.extend(service.spec.requires.clone());
            }
        }
        let scheduled = self.services[id.0].spec.scheduled;
        match &mut self.services[id.0].state {
            ServiceState::Pending(from) => *from = (*from).min(self.now),
            state @ ServiceState::Resting(_) if scheduled => *state = ServiceState::Pending(self.now),
            _ => {}
        }
        for id in self.ids() {
            self.fail_if_requirement_failed(id);
        }
    }

    pub fn stop_requested(&mut self, id: Id) {
        if !self.running() || self.main() == Some(id) {
            return;
        }
        let mut requested = vec![id];
        while let Some(id) = requested.pop() {
            let service = &mut self.services[id.0];
            if service.stopped_manually || service.removed || service.spec.start == Start::AlreadyDone {
                continue;
            }
            (service.stopped_manually, service.wanted) = (true, false);
            match service.state {
                ServiceState::Pending(_) | ServiceState::WaitForProbing(_) => service.state = ServiceState::Down,
                _ => {}
            }
            for above in self.ids() {
                let above_it = &self.services[above.0];
                if above_it.spec.requires.contains(&id) && above_it.wanted {
                    requested.push(above);
                }
            }
        }
    }

    pub fn restart_requested(&mut self, id: Id) {
        if !self.running() || self.main() == Some(id) || self.services[id.0].removed {
            return;
        }
        let now = self.now;
        let service = &mut self.services[id.0];
        match &service.state {
            ServiceState::Live(proc)
                if proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.killed_at.is_none() =>
            {
                self.start_requested(id);
                self.obligations.restarts.insert(id);
            }
            ServiceState::Resting(_) | ServiceState::Done if service.spec.start == Start::AlreadyDone => {}
            ServiceState::Resting(_) | ServiceState::Done => {
                self.start_requested(id);
                let service = &mut self.services[id.0];
                if service.spec.has_stop_command {
                    self.obligations.stop_commands.insert(id);
                } else {
                    service.state = ServiceState::Pending(now);
                    self.fail_if_requirement_failed(id);
                }
            }
            ServiceState::Live(ProcessModel { unkillable: true, .. }) => {}
            _ => self.start_requested(id),
        }
    }

    pub fn once_requested(&mut self, id: Id, start: bool) {
        if !self.running() || self.main() == Some(id) || self.services[id.0].removed {
            return;
        }
        if start {
            self.start_requested(id);
        }
        if !self.services[id.0].wanted || self.is_oneshot(id) {
            return;
        }
        let service = &mut self.services[id.0];
        match &service.state {
            ServiceState::Live(proc)
                if proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.killed_at.is_none() =>
            {
                service.once = true;
            }
            ServiceState::Live(ProcessModel { unkillable: true, .. }) => {}
            ServiceState::Pending(_) | ServiceState::WaitForProbing(_) if start => service.once = true,
            ServiceState::Pending(_) | ServiceState::WaitForProbing(_) => {
                service.state = ServiceState::Down;
                (service.wanted, service.stopped_manually) = (false, true);
            }
            ServiceState::Live(_) => (service.wanted, service.stopped_manually, service.once) = (false, true, false),
            ServiceState::Down
            | ServiceState::SpawnRequested(_)
            | ServiceState::FinishDue
            | ServiceState::Resting(_)
            | ServiceState::Done
            | ServiceState::Failed => {}
        }
    }

    /// Its stop command has ended, with all that it left.
    pub fn stop_command_ended(&mut self, id: Id) {
        let again = self.services[id.0].wanted && self.stop.is_none();
        self.services[id.0].state = if again { ServiceState::Pending(self.now) } else { ServiceState::Down };
        self.fail_if_requirement_failed(id);
    }
}
