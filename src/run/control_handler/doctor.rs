//! The query `doctor`: the result of the boot, and a check for each service.

use super::super::event_loop::EventLoop;
use crate::control::reason::LastExit;
use crate::control::responses::{ServiceKind, ServiceStatus};
use crate::plan::checks::states::{Condition, ServiceState, of_state};
use crate::plan::checks::{Check, Examination};
use crate::supervise::{FailureReason, Id, Phase};
use crate::sys::process::{filter, spawn_words};

impl EventLoop<'_> {
    /// Returns the result of the boot, with a check for each service; `None` while the boot is not over.
    pub(super) fn doctor_result(&self) -> Option<Examination> {
        let mut examination = self.reloader.as_ref()?.examine();
        if let Some(errno) = filter::refused() {
            examination = examination.without_filter(errno.desc());
        }
        examination.checks.extend(self.service_checks());
        Some(examination)
    }

    fn service_checks(&self) -> Vec<Check> {
        // While the container stops no service is as declared, and that is no problem.
        if self.is_stopping() {
            return Vec::new();
        }
        let ids = self.supervisor.ids();
        let services = self.describe(&ids);
        // What is left out in this mode has a check of its own.
        let started = ids.iter().zip(&services).filter(|(_, it)| !it.left_out);
        started.map(|(id, it)| of_state(&self.state(*id, it))).collect()
    }

    fn state(&self, id: Id, it: &ServiceStatus) -> ServiceState {
        let phase = self.supervisor.phase(id).unwrap_or(Phase::Down);
        let refusal = self.supervisor.last_exit(id).is_none().then(|| self.processes.records.refusal(id)).flatten();
        let is_down = matches!(phase, Phase::Backoff | Phase::Failed);
        let ended = || match it.last_exit.as_ref()? {
            LastExit::Code(code) => Some(format!("it ended with code {code}")),
            LastExit::Signal(signal) => Some(format!("it was killed by {signal}")),
        };
        let why = match matches!(phase, Phase::Spawning | Phase::Starting) {
            true => self.supervisor.not_ready(id).map(str::to_owned),
            false => it.why.as_ref().map(ToString::to_string).or_else(ended),
        };
        ServiceState {
            name: it.name.clone(),
            state: condition(phase, it.kind == ServiceKind::Oneshot),
            is_main: it.kind == ServiceKind::Main,
            wanted: it.wanted,
            stopped_manually: self.supervisor.is_stopped_manually(id),
            why,
            missing_requirement: match self.supervisor.failed(id) {
                Some(FailureReason::Requirement(lost)) => Some(self.supervisor.name(*lost).to_string()),
                Some(_) | None => None,
            },
            waits_for: it.waits_for.clone(),
            start_error: refusal.filter(|_| is_down).map(spawn_words::words),
            unhealthy: (it.healthy == Some(false)).then(|| self.supervisor.unhealthy_reason(id).to_owned()),
            log_trouble: it.log_trouble.clone(),
            has_log_lines: self.processes.logs.last_lines(id, 0).is_some(),
        }
    }
}

fn condition(phase: Phase, is_oneshot: bool) -> Condition {
    match phase {
        Phase::Down => Condition::Down,
        Phase::Waiting | Phase::WaitForProbing => Condition::Waiting,
        Phase::Spawning | Phase::Starting if is_oneshot => Condition::Running,
        Phase::Spawning | Phase::Starting => Condition::NotReady,
        Phase::Up | Phase::Scheduled | Phase::Resting | Phase::Done => Condition::Up,
        Phase::Stopping | Phase::StoppingGroup | Phase::FinishSpawning | Phase::Finishing => Condition::Ending,
        Phase::Unkillable | Phase::StopCommandSpawning | Phase::StopCommandRunning => Condition::Ending,
        Phase::Backoff if is_oneshot => Condition::RunsAgain,
        Phase::Backoff => Condition::BackOff,
        Phase::Failed => Condition::Failed,
    }
}
