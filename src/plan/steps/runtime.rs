//! The runtime directory (DESIGN §3.3). It is created again at each boot, so it is never "already right".

use std::path::Path;

use super::inputs::{PlanInputs, skip};
use crate::plan::facts::Access;
use crate::plan::fix::Fix;
use crate::plan::switch::SwitchAbility;
use crate::plan::{Decision, Owner, PlannedStep, Step};

pub(super) fn step(inputs: &PlanInputs<'_>) -> PlannedStep {
    let usable = inputs.facts.runtime.iter().filter(|(_, access)| *access == Access::Yes);
    let candidates: Vec<_> = usable.map(|(path, _)| path.clone()).collect();
    let decision = if candidates.is_empty() {
        let owner = match inputs.switch_ability() {
            SwitchAbility::Root | SwitchAbility::LimitedRoot => None,
            // A container runtime creates it for root, with the mode that /run has in the image.
            SwitchAbility::User => Some((Owner { uid: inputs.facts.uid, gid: inputs.facts.gid }, 0o755)),
        };
        skip(
            "no directory for the control socket can be written (/run, /dev/shm, /tmp)",
            "supervision works; `stepdown status`, `health` and the other control commands do not",
            Fix::tmpfs(Path::new("/run"), owner),
        )
    } else {
        Decision::Perform
    };
    PlannedStep { step: Step::RuntimeDirectory { candidates }, decision }
}
