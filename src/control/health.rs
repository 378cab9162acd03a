//! [`HealthReport`]: the response to `health`, as values, and the line for each problem. Must not know how states come about.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use super::responses::ServiceStatus;
use super::{snapshot, state_name};
use crate::supervise::StatusState;

/// The response to `health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Every problem; none: all is well.
    pub problems: Vec<HealthProblem>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthProblem {
    /// The container is stopping.
    ContainerStopping,
    /// A service that should be running is not up, or has failed.
    NotAsWanted {
        /// Its name.
        service: String,
        /// Its state.
        #[serde(with = "state_name")]
        state: StatusState,
        /// Why, where more is known than its state.
        why: Option<Reason>,
    },
    /// The health check of a service fails.
    Unhealthy {
        /// Its name.
        service: String,
    },
    /// The log of a service cannot be written.
    LogNotWritten {
        /// Its name.
        service: String,
        /// Which of its log files cannot be written, and why.
        error: String,
    },
}

impl HealthReport {
    /// Returns the problems of these services.
    pub fn new(services: &[ServiceStatus], is_stopping: bool) -> Self {
        let stopping = is_stopping.then_some(HealthProblem::ContainerStopping);
        Self { problems: stopping.into_iter().chain(services.iter().filter_map(problem_of)).collect() }
    }
}

fn problem_of(status: &ServiceStatus) -> Option<HealthProblem> {
    let service = status.name.clone();
    if !status.is_as_wanted() {
        let why = snapshot::service_result(status, false).why;
        return Some(HealthProblem::NotAsWanted { service, state: status.state, why });
    }
    if status.healthy == Some(false) {
        return Some(HealthProblem::Unhealthy { service });
    }
    status.log_error.clone().map(|error| HealthProblem::LogNotWritten { service, error })
}

impl fmt::Display for HealthProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContainerStopping => out.write_str("the container is stopping"),
            Self::NotAsWanted { service, state, why: None } => write!(out, "{service}: {state}"),
            Self::NotAsWanted { service, state, why: Some(why) } => write!(out, "{service}: {state} ({why})"),
            Self::Unhealthy { service } => write!(out, "{service}: unhealthy"),
            Self::LogNotWritten { service, error } => write!(out, "{service}: its log cannot be written: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::reason::LastExit;

    fn status(state: StatusState) -> ServiceStatus {
        ServiceStatus { name: "web".into(), state, wanted: true, ..ServiceStatus::default() }
    }

    /// The lines that the client prints, from what was sent.
    fn lines(status: ServiceStatus, is_stopping: bool) -> Vec<String> {
        let report = HealthReport::new(&[status], is_stopping);
        let sent = serde_json::to_string(&report).unwrap();
        let received: HealthReport = serde_json::from_str(&sent).unwrap();
        assert_eq!(received, report, "{sent}");
        received.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn health_names_each_service_with_a_problem_and_the_reason() {
        let none: [&str; 0] = [];
        assert_eq!(lines(status(StatusState::Up), false), none);
        assert_eq!(lines(ServiceStatus { wanted: false, ..status(StatusState::Down) }, false), none);
        assert_eq!(lines(ServiceStatus { healthy: Some(true), ..status(StatusState::Up) }, false), none);
        let unhealthy = ServiceStatus { healthy: Some(false), ..status(StatusState::Up) };
        assert_eq!(lines(unhealthy, true), ["the container is stopping", "web: unhealthy"]);
        let full = ServiceStatus { log_error: Some("/l/current: no".into()), ..status(StatusState::Up) };
        assert_eq!(lines(full, false), ["web: its log cannot be written: /l/current: no"]);
        let backoff = ServiceStatus { last_exit: Some(LastExit::Code(3)), ..status(StatusState::Backoff) };
        assert_eq!(lines(backoff, false), ["web: backoff (last exited with code 3)"]);
        let waiting = ServiceStatus { waits_for: vec!["db".into()], ..status(StatusState::Waiting) };
        assert_eq!(lines(waiting, false), ["web: waiting (waits for db)"]);
    }
}
