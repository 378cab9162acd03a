//! What `status` shows. Reads the engine, changes nothing.

use std::time::Duration;

use super::state::ProbeState;
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{EndedByUs, EngineTime, Exit, FailureReason, Id, Phase, Pid, Status, StatusReason, StopReason, exit_code};
use crate::config::service::Stop;
use crate::config::values::ServiceName;

impl Supervisor {
    /// Returns a line for every service, in the order of their ids, the main command last.
    pub fn status(&self) -> Vec<Status> {
        self.ids()
            .into_iter()
            .map(|id| {
                let service = &self.services[id];
                let phase = service.state.phase();
                Status {
                    id,
                    name: service.spec.name.clone(),
                    state: phase.state(),
                    wanted: service.wanted && !service.once,
                    pid: service.state.pid(),
                    since: service.since,
                    restarts: service.restarts,
                    last_exit: service.last_exit,
                    last_ran: service.last_ran,
                    why: self.reason(id),
                    healthy: service.probe_state.get().and_then(|probed| probed.healthy),
                }
            })
            .collect()
    }

    /// Returns its name; the main command's where there is no such service.
    pub fn name(&self, id: Id) -> &ServiceName {
        if self.services.has(id) { &self.services[id].spec.name } else { &self.unknown_name }
    }

    /// Returns whose end explains the container's, once that has begun.
    pub fn responsible(&self) -> Option<Id> {
        match self.stop_reason()? {
            StopReason::Main(_) => self.main,
            StopReason::Essential(id, _) | StopReason::LateStart(id) | StopReason::Unhealthy(id) => Some(*id),
            StopReason::StartTimedOut { .. } => None,
            StopReason::NothingLeft => self.exit_code_inputs.failed,
            StopReason::Signal(_) | StopReason::Requested => {
                self.main_blocked().and_then(|blocked| Some(blocked.failing.as_ref()?.0))
            }
        }
    }

    /// Returns how many of those that should run are up (oneshots: done), and how many should run.
    pub fn up_and_wanted(&self) -> (usize, usize) {
        let wanted = self.services.iter().filter(|service| service.wanted);
        wanted
            .fold((0, 0), |(up, all), service| (up + usize::from(service.state.phase().satisfies_requires()), all + 1))
    }

    /// Returns whether it is the main command.
    pub fn is_main(&self, id: Id) -> bool {
        self.main == Some(id)
    }

    /// Returns whether the main command has to wait until the services are up, done or failed.
    pub fn main_waits(&self) -> bool {
        self.main.is_some_and(|id| self.services[id].state.phase() == Phase::Waiting)
    }

    /// Returns its process, as long as that or a leftover of its group lives: the pid may be signalled (as a process
    /// or as a group) and is not used again.
    pub fn pid(&self, id: Id) -> Option<Pid> {
        self.services.has(id).then(|| self.services[id].state.pid()).flatten()
    }

    /// Returns the name of its state, finer than the word of `status`.
    pub fn phase(&self, id: Id) -> Option<Phase> {
        self.services.has(id).then(|| self.services[id].state.phase())
    }

    /// Returns since when it is in its state.
    pub fn since(&self, id: Id) -> Option<EngineTime> {
        self.services.has(id).then(|| self.services[id].since)
    }

    /// Returns how its last run ended; `None` where the last start was refused, so that there was no run.
    pub fn last_exit(&self, id: Id) -> Option<Exit> {
        let service = self.services.has(id).then(|| &self.services[id])?;
        // A refused start has a code of its own and leaves the exit of the run before; what failed with 0 has 1.
        let fits = |exit: &Exit| {
            let own = exit_code::code(*exit);
            service.code.is_none_or(|code| code == own || code == own.max(1))
        };
        service.last_exit.filter(|exit| service.ended_by_us.is_some() || fits(exit))
    }

    /// Returns whether it ends so when all is well.
    pub fn is_success(&self, id: Id, exit: Exit) -> bool {
        let succeeds = |code: u8| self.services.has(id) && self.services[id].spec.success_codes.contains(&code);
        match exit {
            Exit::Code(code) => succeeds(code),
            Exit::Signal(_) => false,
        }
    }

    /// Returns how it is stopped.
    pub fn stop_rule(&self, id: Id) -> Option<&Stop> {
        self.services.has(id).then(|| &self.services[id].spec.stop)
    }

    /// Returns why it is failed, if it is.
    pub fn failed(&self, id: Id) -> Option<&FailureReason> {
        self.services.has(id).then(|| self.services[id].state.failure()).flatten()
    }

    /// Returns why it is as it is, where that is more than how it last ended.
    fn reason(&self, id: Id) -> Option<StatusReason> {
        let service = &self.services[id];
        let pauses = service.state.phase() == Phase::Backoff;
        match (service.state.failure(), service.stopped_manually && !service.wanted, service.ended_by_us.as_deref()) {
            (Some(why), ..) => Some(StatusReason::Failed(why.clone())),
            (None, true, _) => Some(StatusReason::StoppedManually(service.stopped_with)),
            (None, false, Some(why)) if pauses => Some(StatusReason::EndedByUs(why.clone())),
            (None, false, _) => None,
        }
    }

    /// Returns why the engine ended its last run without a request, if it did.
    pub fn ended_by_us(&self, id: Id) -> Option<&EndedByUs> {
        self.services.has(id).then(|| self.services[id].ended_by_us.as_deref()).flatten()
    }

    /// Returns what the latest readiness check found, while it is not ready.
    pub fn not_ready(&self, id: Id) -> Option<&str> {
        self.probed(id)?.not_ready.as_deref()
    }

    /// Returns what the health check found that made it unhealthy.
    pub fn unhealthy_reason(&self, id: Id) -> &str {
        let found = self.probed(id).and_then(|probed| probed.unhealthy_reason.as_deref());
        found.unwrap_or("its health check fails")
    }

    fn probed(&self, id: Id) -> Option<&ProbeState> {
        self.services.has(id).then(|| self.services[id].probe_state.get()).flatten()
    }

    /// Returns whether it is a oneshot that runs again and again: after a while, or at times of the day.
    pub fn runs_again(&self, id: Id) -> bool {
        self.spec(id).is_some_and(|spec| spec.scheduled || (spec.every.is_some() && self.is_oneshot(id)))
    }

    /// Returns whether it was stopped manually.
    pub fn is_stopped_manually(&self, id: Id) -> bool {
        self.services.has(id) && self.services[id].stopped_manually && !self.services[id].wanted
    }

    /// Returns in how long it is started again, while it pauses.
    pub fn pause_left(&self, id: Id, now: EngineTime) -> Option<Duration> {
        let pauses = self.phase(id) == Some(Phase::Backoff);
        self.timers.get(id, TimerKind::State).filter(|_| pauses).map(|until| until.since(now))
    }
}
