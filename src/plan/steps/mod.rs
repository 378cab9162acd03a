//! The steps before *prepare*, each with its verdict (DESIGN §3, step 4): one file for each kind. Must not know services.

pub(super) mod accounts;
mod directories;
mod inputs;
mod own;
mod runtime;
mod stdio;

use super::notes::Notes;
use super::{Decision, Planned, Step};
pub(super) use inputs::PlanInputs;

/// Returns every step, in the order of [`super::story()`].
///
/// `accounts` are the account files as they should be; `None` where they stay as they are.
pub(super) fn plan(ground: &PlanInputs<'_>, accounts: Option<&accounts::Files>, notes: &mut Notes) -> Vec<Planned> {
    let mut steps = Vec::new();
    if !ground.facts.pid_one {
        steps.push(Planned { step: Step::BecomeSubreaper, verdict: Decision::Do });
    }
    steps.extend(accounts.iter().flat_map(|files| files.steps(ground)));
    steps.push(runtime::step(ground));
    steps.extend(directories::steps(ground, notes));
    steps.extend(own::steps(ground, notes));
    steps.extend(stdio::steps(ground));
    steps
}
