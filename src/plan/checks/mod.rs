//! What is well and what is not, as plain values: the one source of `doctor` and of the boot report. [`examine()`] says what
//! the plan itself shows, and asks [`AccessRequirement`]s that only a look at the machine answers; [`conclude`] judges what was seen.
//! PID 1 examines its own plan when it is asked; whoever asked looks for itself. Must not know how anything is looked at or
//! printed.

mod access_requirements;
mod access_result;
mod examine;
mod host;
mod limits;
pub mod mounts;
pub mod observations;
mod ports;
pub mod states;

use serde::Serialize;

pub use super::finding::{Area, CauseKind, Check, Finding, OverallResult, Trouble};
pub use access_requirements::{AccessKind, AccessRequirement, BootAction, BootState, ProbedUser, SECRETS};
pub use examine::{ALLOW_FILTERS, Examination, UNFILTERED, examine, of_plan, of_problems};
pub use host::{locate_all, located};
pub(super) use limits::refused as refused_limits;
pub use limits::{NO_FILTER, NOT_PID_ONE};
pub use ports::{Port, listening};

/// Everything that came out: the worst first, then by area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// How it is, all in all.
    pub verdict: OverallResult,
    /// Which of DESIGN §2's modes; nothing where there is no plan.
    pub mode: Option<String>,
    /// Whom everything steps down to.
    pub app: Option<ProbedUser>,
    /// Whether PID 1 was asked what the boot did; else it is what a boot here and now would do.
    pub running: bool,
    /// What has to be known of how access was asked for, if it could not be asked as the app user.
    pub remarks: Vec<String>,
    /// Each of them.
    pub checks: Vec<Check>,
}

/// Returns what is to be said, from what the plan shows and what was seen.
pub fn conclude(examination: Examination, seen: &observations::Observations, running: bool) -> Diagnosis {
    let Examination { mode, app, mut checks, requirements, ports, namespace_of } = examination;
    let observations = requirements.iter().zip(&seen.paths);
    checks.extend(
        observations.map(|(requirement, observation)| access_result::evaluate(requirement, observation, &seen.host)),
    );
    checks.extend(ports.iter().map(|port| ports::evaluate(port, seen)));
    checks.extend(namespace_of.map(|id| host::namespace(id, &seen.host)));
    for check in &mut checks {
        if let Finding::Degraded(trouble) | Finding::Fatal(trouble) = &mut check.finding {
            host::locate_in(&mut trouble.cause, &mut trouble.fix, &seen.host);
        }
    }
    checks.sort_by(|one, other| (other.finding.verdict(), one.area).cmp(&(one.finding.verdict(), other.area)));
    let verdict = checks.iter().map(|check| check.finding.verdict()).max().unwrap_or(OverallResult::Ok);
    Diagnosis { verdict, mode, app, running, remarks: seen.remarks.clone(), checks }
}
