//! Findings as plain values: the only source of `doctor` and of the boot report. [`examine()`] returns the findings of the
//! plan itself and the [`AccessRequirement`]s that must be observed on the machine; [`conclude`] evaluates the
//! observations. PID 1 examines its own plan for a query; the client makes the observations. Must not know how anything is
//! observed or printed.

mod access_requirements;
mod access_result;
mod examine;
mod host;
mod limits;
pub mod mounts;
pub mod observations;
mod ports;

use serde::Serialize;

use super::Mode;
pub use super::finding::{Area, CauseKind, Check, Finding, Issue, Severity};
pub use access_requirements::{AccessKind, AccessRequirement, BootAction, BootState, ProbedUser, Purpose, SECRETS};
pub use examine::{ALLOW_FILTERS, Examination, UNFILTERED, examine, of_plan, of_problems};
pub use host::{locate_all, located};
pub(super) use limits::refused as refused_limits;
pub use ports::{Port, listening};

/// All findings: the worst first, then by area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The overall result.
    pub verdict: Severity,
    /// The mode of DESIGN §2; `None` without a plan.
    pub mode: Option<Mode>,
    /// The app user.
    pub app: Option<ProbedUser>,
    /// Whether it is about the boot of a running PID 1; otherwise about a boot here and now.
    pub running: bool,
    /// Remarks about the observations, if access could not be checked as the app user.
    pub remarks: Vec<String>,
    /// The checks.
    pub checks: Vec<Check>,
}

/// Returns the diagnosis, from an examination and the observations.
pub fn conclude(examination: Examination, seen: &observations::Observations, running: bool) -> Diagnosis {
    let Examination { mode, app, mut checks, requirements, ports, namespace_of } = examination;
    let observations = requirements.iter().zip(&seen.paths);
    checks.extend(
        observations.map(|(requirement, observation)| access_result::evaluate(requirement, observation, &seen.host)),
    );
    checks.extend(ports.iter().map(|port| ports::evaluate(port, seen)));
    checks.extend(namespace_of.map(|id| host::namespace(id, &seen.host)));
    for check in &mut checks {
        if let Finding::Degraded(issue) | Finding::Fatal(issue) = &mut check.finding {
            host::locate_in(&mut issue.cause, &mut issue.fix, &seen.host);
        }
    }
    checks.sort_by(|one, other| (other.finding.severity(), one.area).cmp(&(one.finding.severity(), other.area)));
    let verdict = checks.iter().map(|check| check.finding.severity()).max().unwrap_or(Severity::Ok);
    Diagnosis { verdict, mode, app, running, remarks: seen.remarks.clone(), checks }
}
