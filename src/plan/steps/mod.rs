//! The steps before *prepare*, each with its decision (DESIGN §3, step 4): one file for each kind. Must not know services.

pub(super) mod accounts;
mod directories;
mod inputs;
mod own;
mod runtime;
mod s6_layout;
mod secrets;
mod stdio;

use super::notes::Notes;
use super::{Decision, PlannedStep, Step};
pub(super) use inputs::PlanInputs;

/// Returns every step, in the order of [`super::boot_parts()`].
///
/// `accounts` are the account files as they should be; `None` if they are not changed.
pub(super) fn plan(
    inputs: &PlanInputs<'_>,
    accounts: Option<&accounts::AccountFiles>,
    notes: &mut Notes,
) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    if !inputs.facts.pid_one {
        steps.push(PlannedStep { step: Step::BecomeSubreaper, decision: Decision::Perform });
    }
    steps.extend(accounts.iter().flat_map(|files| files.steps(inputs)));
    steps.push(runtime::step(inputs));
    steps.extend(s6_layout::step(inputs, notes));
    steps.extend(secrets::steps(inputs, notes));
    steps.extend(directories::steps(inputs, notes));
    steps.extend(own::steps(inputs, notes));
    steps.extend(stdio::steps(inputs));
    steps
}
