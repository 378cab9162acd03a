//! [`HealthReport`]: the response to `health`, as values, and the text for each problem. Must not know how states come about.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::protocol::HealthCriterion;
use super::reason::Reason;
use super::responses::ServiceStatus;
use super::{snapshot, state_name};
use crate::supervise::StatusState;

/// The response to `health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Every problem; none: the services are as asked for.
    pub problems: Vec<HealthProblem>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum HealthProblem {
    /// The container is stopping.
    ContainerStopping,
    /// A service that should be running, or that was named, is not up, or has failed.
    NotUp {
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

/// Which services are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All: those that should not run now are no problem.
    All,
    /// By name: each of them has to be there.
    Named,
}

impl HealthReport {
    /// Returns the problems of these services.
    pub fn new(criterion: HealthCriterion, asked: Asked, services: &[ServiceStatus], is_stopping: bool) -> Self {
        // A stop is in order: what judges life would end the container before it is over.
        let stopping = is_stopping && criterion != HealthCriterion::Live;
        let stopping = stopping.then_some(HealthProblem::ContainerStopping);
        let problems = services.iter().filter_map(|status| match criterion {
            HealthCriterion::Well => {
                not_up(status, asked).or_else(|| unhealthy(status)).or_else(|| log_problem(status))
            }
            HealthCriterion::Ready => not_up(status, asked).or_else(|| unhealthy(status)),
            HealthCriterion::Live => failed(status).or_else(|| unhealthy(status)),
        });
        Self { problems: stopping.into_iter().chain(problems).collect() }
    }
}

fn not_up(status: &ServiceStatus, asked: Asked) -> Option<HealthProblem> {
    let is_up = match asked {
        Asked::All => status.is_as_wanted(),
        Asked::Named => matches!(status.state, StatusState::Up | StatusState::Scheduled | StatusState::Done),
    };
    (!is_up).then(|| state_problem(status))
}

/// A service that pauses before its next start is alive: PID 1 is about to start it.
fn failed(status: &ServiceStatus) -> Option<HealthProblem> {
    (status.state == StatusState::Failed && !status.skipped).then(|| state_problem(status))
}

fn state_problem(status: &ServiceStatus) -> HealthProblem {
    let why = snapshot::service_result(status, false).why;
    HealthProblem::NotUp { service: status.name.clone(), state: status.state, why }
}

fn unhealthy(status: &ServiceStatus) -> Option<HealthProblem> {
    (status.healthy == Some(false)).then(|| HealthProblem::Unhealthy { service: status.name.clone() })
}

fn log_problem(status: &ServiceStatus) -> Option<HealthProblem> {
    let error = status.log_error.clone()?;
    Some(HealthProblem::LogNotWritten { service: status.name.clone(), error })
}

impl fmt::Display for HealthProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContainerStopping => out.write_str("the container is stopping"),
            Self::NotUp { service, state, why: None } => write!(out, "{service}: {state}"),
            Self::NotUp { service, state, why: Some(why) } => write!(out, "{service}: {state} ({why})"),
            Self::Unhealthy { service } => write!(out, "{service}: unhealthy"),
            Self::LogNotWritten { service, error } => write!(out, "{service}: its log cannot be written: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::reason::LastExit;

    const CRITERIA: [HealthCriterion; 3] = [HealthCriterion::Well, HealthCriterion::Live, HealthCriterion::Ready];

    fn status(state: StatusState) -> ServiceStatus {
        ServiceStatus { name: "web".into(), state, wanted: true, ..ServiceStatus::default() }
    }

    /// The texts that the client prints, from what was sent.
    fn texts(criterion: HealthCriterion, asked: Asked, status: ServiceStatus, is_stopping: bool) -> Vec<String> {
        let report = HealthReport::new(criterion, asked, &[status], is_stopping);
        let sent = serde_json::to_string(&report).unwrap();
        let received: HealthReport = serde_json::from_str(&sent).unwrap();
        assert_eq!(received, report, "{sent}");
        received.problems.iter().map(ToString::to_string).collect()
    }

    fn lines(status: ServiceStatus, is_stopping: bool) -> Vec<String> {
        texts(HealthCriterion::Well, Asked::All, status, is_stopping)
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

    #[test]
    fn only_what_has_failed_or_is_unhealthy_is_not_live() {
        let live = |status: ServiceStatus| texts(HealthCriterion::Live, Asked::All, status, true).is_empty();
        for state in StatusState::ALL {
            assert_eq!(live(status(state)), state != StatusState::Failed, "{state}");
        }
        assert!(live(ServiceStatus { skipped: true, ..status(StatusState::Failed) }));
        assert!(live(ServiceStatus { log_error: Some("no".into()), ..status(StatusState::Up) }));
        assert!(!live(ServiceStatus { healthy: Some(false), ..status(StatusState::Up) }));
    }

    #[test]
    fn only_what_is_up_or_done_and_healthy_is_ready() {
        let ready = |status: ServiceStatus| texts(HealthCriterion::Ready, Asked::All, status, false).is_empty();
        let there = [StatusState::Up, StatusState::Scheduled, StatusState::Done];
        for state in StatusState::ALL {
            assert_eq!(ready(status(state)), there.contains(&state), "{state}");
        }
        assert!(!ready(ServiceStatus { healthy: Some(false), ..status(StatusState::Up) }));
        assert!(ready(ServiceStatus { log_error: Some("no".into()), ..status(StatusState::Up) }));
        let stopping = texts(HealthCriterion::Ready, Asked::All, status(StatusState::Up), true);
        assert_eq!(stopping, ["the container is stopping"]);
    }

    #[test]
    fn a_service_that_should_not_run_is_a_problem_only_where_it_is_named() {
        let down = || ServiceStatus { wanted: false, ..status(StatusState::Down) };
        let skipped = || ServiceStatus { wanted: false, skipped: true, ..status(StatusState::Failed) };
        for criterion in CRITERIA {
            for status in [down(), skipped()] {
                assert_eq!(texts(criterion, Asked::All, status.clone(), false).len(), 0, "{criterion:?} {status:?}");
                let named = usize::from(criterion != HealthCriterion::Live);
                assert_eq!(
                    texts(criterion, Asked::Named, status.clone(), false).len(),
                    named,
                    "{criterion:?} {status:?}"
                );
            }
        }
    }
}
