//! What follows from the end of a run: another one after a back-off, a oneshot that is done, or a failure, also of what
//! requires it.

use std::time::Duration;

use stepdown::config::restart::{RestartPause, RestartPolicy};
use stepdown::config::service::Kind;
use stepdown::supervise::{Exit, Id, LateStart, Role};

use super::constants::MIN_RESTART_DELAY;
use super::stop::code_of;
use super::{NEVER, Oracle, ProcessModel, Reason, ServiceModel, ServiceState};

impl Oracle {
    /// The run and its finish script are over: what follows is the restart rule's.
    pub(super) fn conclude(&mut self, id: Id, finish: Option<Exit>) {
        let now = self.now;
        if self.stop.is_some() || !self.services[id.0].wanted {
            self.services[id.0].state = ServiceState::Down;
            return;
        }
        if std::mem::take(&mut self.services[id.0].once) {
            let service = &mut self.services[id.0];
            (service.wanted, service.stopped_manually) = (false, true);
            service.state = ServiceState::Down;
            return;
        }
        let ServiceModel { spec, end, .. } = &mut self.services[id.0];
        if end.is_some_and(|end| end.requested) {
            self.services[id.0].state = ServiceState::Pending(now);
            return self.fail_if_requirement_failed(id);
        }
        let done = end.is_some_and(|end| end.succeeded) && spec.kind == Kind::Oneshot;
        let code = match self.services[id.0].end {
            Some(end) if end.stop_sent => 1,
            Some(end) => code_of(end.exit).max(1),
            None => self.services[id.0].code.unwrap_or(1),
        };
        if self.services[id.0].pending_spec.is_some() && !done {
            self.services[id.0].state = ServiceState::Pending(now);
            return;
        }
        let end = self.services[id.0].end;
        if finish == Some(Exit::Code(125)) {
            return self.failed_for_good(id, ServiceState::Failed);
        }
        let late_start = self.services[id.0].spec.late_start;
        if late_start != LateStart::Restart && end.is_some_and(|end| end.not_ready) {
            self.failed_for_good(id, ServiceState::Failed);
            if late_start == LateStart::StopContainer && !self.services[id.0].was_requested {
                self.obligations.essentials.push(id);
            }
            return;
        }
        let (succeeded, stable) = end.map_or((false, false), |end| (end.succeeded, end.stable));
        let comes_again = done || (stable && succeeded);
        self.services[id.0].failing = (!comes_again).then_some(code);
        let ServiceModel { spec, failures, delays, .. } = &mut self.services[id.0];
        let periodic = spec.kind == Kind::Oneshot && spec.every.is_some();
        if spec.scheduled && succeeded {
            self.services[id.0].state = ServiceState::Resting(NEVER);
            return;
        }
        if spec.scheduled && !spec.essential {
            self.services[id.0].state = ServiceState::Pending(NEVER);
            return self.fail_if_requirement_failed(id);
        }
        if succeeded && spec.kind == Kind::Oneshot {
            // The report says until when.
            self.services[id.0].state = if periodic { ServiceState::Resting(now) } else { ServiceState::Done };
            self.obligations.periodic_ends.extend(periodic.then_some((id, true)));
            return;
        }
        if periodic && !spec.essential {
            self.services[id.0].state = ServiceState::Pending(now);
            self.obligations.periodic_ends.insert(id, false);
            return self.fail_if_requirement_failed(id);
        }
        match spec.restart.policy {
            RestartPolicy::Always => {}
            RestartPolicy::OnFailure if !succeeded => {}
            RestartPolicy::OnFailure | RestartPolicy::Never => {
                return self.failed_for_good(id, if succeeded { ServiceState::Down } else { ServiceState::Failed });
            }
        }
        if stable {
            (*failures, *delays) = (0, 0);
        }
        if !(stable && succeeded) {
            *failures += 1;
        }
        if spec.restart.limit.is_some_and(|limit| *failures >= limit.max(1)) {
            return self.failed_for_good(id, ServiceState::Failed);
        }
        let pause = match spec.restart.pause {
            RestartPause::Backoff { .. } if end.is_some_and(|end| end.came_up) && *failures < 2 => Duration::ZERO,
            RestartPause::Backoff { delay, max_delay } => {
                let first = delay.max(MIN_RESTART_DELAY);
                let cap = max_delay.max(first);
                let doubled = (0..*delays).fold(first, |delay, _| (delay * 2).min(cap));
                *delays += 1;
                doubled
            }
            RestartPause::StartInterval(interval) => {
                interval.saturating_sub(end.map_or(Duration::ZERO, |end| now.since(end.started)))
            }
        };
        self.obligations.backoff.insert(id, (pause, *failures));
        self.services[id.0].state = ServiceState::Pending(now.plus(pause));
        self.fail_if_requirement_failed(id);
    }

    /// It has ended for good.
    fn failed_for_good(&mut self, id: Id, state: ServiceState) {
        let failed = matches!(state, ServiceState::Failed);
        let service = &mut self.services[id.0];
        // Only where its finish script said 125 may a failure keep a code of 0.
        let finish_said = matches!(
            &service.state,
            ServiceState::Live(ProcessModel { role: Role::Finish, exit: Some(Exit::Code(125)), .. })
        );
        if failed && !finish_said {
            let stop_sent = service.end.is_some_and(|end| end.stop_sent);
            service.code = Some(service.code.filter(|code| *code != 0 && !stop_sent).unwrap_or(1));
        }
        service.state = state;
        service.wanted = false;
        if failed {
            self.obligations.failed.insert(id);
            self.last_failure = self.services[id.0].code;
        }
        if self.services[id.0].spec.essential {
            self.obligations.essentials.push(id);
        }
        self.obligations.unpropagated_failures.push_back(id);
    }

    /// Dependents that wait for a failed requirement fail as well, and those that wait for them.
    ///
    /// If several of them are essential, each may be the one that is named; the rest need not be failed any more when
    /// the stop begins.
    pub fn fail_dependents(&mut self) {
        self.propagate_failures();
        if let Some(first) = self.obligations.essentials.first() {
            self.begin_stop(Reason::Essential(*first));
        }
    }

    /// The same without the stop that the failure of an essential one begins.
    pub fn propagate_failures(&mut self) {
        for id in self.ids() {
            self.fail_if_requirement_failed(id);
        }
        while let Some(id) = self.obligations.unpropagated_failures.pop_front() {
            for other in self.ids().filter(|_| self.stop.is_none()).collect::<Vec<_>>() {
                if self.services[other.0].spec.requires.contains(&id) {
                    self.fail_if_requirement_failed(other);
                }
            }
        }
    }

    pub fn fail_if_requirement_failed(&mut self, id: Id) {
        let (ServiceState::Pending(_) | ServiceState::WaitForProbing(_)) = self.services[id.0].state else { return };
        // A pending definition, of it or of others, is not judged yet.
        if self.stop.is_none() && (self.services[id.0].pending_spec.is_some() || self.obligations.definitions_changed) {
            return;
        }
        let cannot_satisfy = |on: &&Id| {
            let on = &self.services[on.0];
            matches!(on.state, ServiceState::Down | ServiceState::Failed) && on.pending_spec.is_none()
        };
        let mut missing = self.services[id.0].spec.requires.iter().filter(cannot_satisfy);
        if missing.clone().next().is_none() {
            return;
        }
        let Some(failed_requirement) = missing.find(|on| !self.services[on.0].stopped_manually).copied() else {
            // Those were stopped manually, and it is stopped with them.
            let service = &mut self.services[id.0];
            (service.wanted, service.stopped_manually, service.once) = (false, true, false);
            service.state = ServiceState::Down;
            return self.obligations.unpropagated_failures.push_back(id);
        };
        self.services[id.0].code = self.services[failed_requirement.0].code;
        self.services[id.0].end = None;
        self.failed_for_good(id, ServiceState::Failed);
    }
}
