//! The request `doctor`: the result of the boot, and the state of each service.

use super::super::event_loop::EventLoop;
use crate::control::doctor::DoctorReport;
use crate::control::responses::ServiceStatus;
use crate::control::service_state::{Condition, DownCause, ServiceState};
use crate::control::snapshot;
use crate::supervise::{Id, Phase};
use crate::sys::process::filter;

impl EventLoop<'_> {
    /// Returns the result of the boot, with the state of each service; `None` while the boot is not over.
    pub(super) fn doctor_report(&self) -> Option<DoctorReport> {
        Some(DoctorReport {
            boot: self.reloader.as_ref()?.examine(),
            services: self.service_states(),
            filter_errno: filter::refused().map(|errno| errno as i32),
        })
    }

    fn service_states(&self) -> Vec<ServiceState> {
        // While the container stops no service is as declared, and that is no problem.
        if self.is_stopping() {
            return Vec::new();
        }
        let ids = self.supervisor.ids();
        let services = self.describe(&ids);
        // What is skipped in this mode has a check of its own.
        let started = ids.iter().zip(&services).filter(|(_, status)| !status.skipped);
        started.map(|(id, status)| self.service_state(*id, status)).collect()
    }

    fn service_state(&self, id: Id, status: &ServiceStatus) -> ServiceState {
        ServiceState {
            name: status.name.clone(),
            kind: status.kind,
            condition: self.condition(id, status),
            has_log_lines: self.processes.logs.last_lines(id, 0).is_some(),
        }
    }

    fn condition(&self, id: Id, status: &ServiceStatus) -> Condition {
        match self.supervisor.phase(id).unwrap_or(Phase::Down) {
            Phase::Down if self.supervisor.is_stopped_manually(id) => Condition::Stopped(reason_or_exit(status)),
            Phase::Down if status.wanted => Condition::Down(reason_or_exit(status)),
            Phase::Down => Condition::Inactive,
            Phase::Waiting => {
                let names = snapshot::waits_for(id, &self.control_handler.service_index, &self.supervisor);
                Condition::WaitsForServices(names)
            }
            Phase::WaitForProbing => {
                let index = self.control_handler.journal.wait_for_index(id);
                Condition::WaitsForAddress(self.processes.records.wait_target(id, index))
            }
            Phase::Spawning | Phase::Starting => Condition::Starting {
                awaited: self.processes.readiness_condition(id),
                last_result: self.supervisor.not_ready(id).map(str::to_owned),
            },
            Phase::Up | Phase::Scheduled | Phase::Resting | Phase::Done => Condition::Up {
                unhealthy: (status.healthy == Some(false)).then(|| self.supervisor.unhealthy_reason(id).to_owned()),
                log_error: status.log_error.clone(),
            },
            Phase::Stopping | Phase::StoppingGroup | Phase::FinishSpawning | Phase::Finishing => Condition::Stopping,
            Phase::Unkillable | Phase::StopCommandSpawning | Phase::StopCommandRunning => Condition::Stopping,
            Phase::Backoff => Condition::Backoff(self.down_cause(id, status)),
            Phase::Failed => Condition::Failed(self.down_cause(id, status)),
        }
    }

    /// Why it is down; what its latest start was refused for comes first.
    fn down_cause(&self, id: Id, status: &ServiceStatus) -> DownCause {
        let refusal = self.supervisor.last_exit(id).is_none().then(|| self.processes.records.refusal(id)).flatten();
        refusal.map_or_else(|| reason_or_exit(status), |error| DownCause::CannotStart(error.clone()))
    }
}

fn reason_or_exit(status: &ServiceStatus) -> DownCause {
    match (&status.why, &status.last_exit) {
        (Some(reason), _) => DownCause::Reason(reason.clone()),
        (None, Some(exit)) => DownCause::Ended(exit.clone()),
        (None, None) => DownCause::Unknown,
    }
}
