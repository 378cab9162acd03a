//! Standard descriptors that the app could not reopen by `/dev/stdout` after the drop (SECURITY fact 9). Must not know the
//! services.
//!
//! A FIFO on descriptor 0 is not changed: mode 0622 allows others to write, not to read.

use super::inputs::{PlanInputs, cap_fix, lacking, skip};
use crate::config::values::{Capability, Uid};
use crate::plan::facts::StdioKind;
use crate::plan::switch::SwitchAbility;
use crate::plan::{Decision, PlannedStep, StdioAccess, Step};

pub(super) fn steps(inputs: &PlanInputs<'_>) -> Vec<PlannedStep> {
    let to = inputs.identity.uid;
    if inputs.switch_ability() != SwitchAbility::Root || to == Uid::ROOT {
        return Vec::new();
    }
    let mut steps = Vec::new();
    for (fd, fact) in (0..).zip(inputs.facts.stdio) {
        let lost = |capability| {
            let consequence = format!("a program that reopens /dev/fd/{fd} gets EACCES; writing to it works");
            lacking(capability, consequence, cap_fix(capability))
        };
        let (access, decision) = match fact.kind {
            StdioKind::Fifo if fd == 0 => continue,
            StdioKind::Fifo if fact.mode == 0o622 => {
                (StdioAccess::Mode0622, Decision::AlreadyDone("already 0622".to_owned()))
            }
            // `--userns=auto`: capabilities apply only to files of mapped ids.
            StdioKind::Fifo if inputs.facts.uid_map.outside(fact.uid.0).is_none() => {
                let consequence = format!("a program that reopens /dev/fd/{fd} gets EACCES; writing to it works");
                let fix = format!(
                    "have programs write to descriptor {fd}, not to a path; or map its owner, who started the container"
                );
                (StdioAccess::Mode0622, skip("its owner is not mapped in this user namespace", consequence, fix))
            }
            StdioKind::Fifo if fact.uid != inputs.facts.uid && !inputs.has(Capability::FOWNER) => {
                (StdioAccess::Mode0622, lost(Capability::FOWNER))
            }
            StdioKind::Fifo => (StdioAccess::Mode0622, Decision::Perform),
            StdioKind::Terminal if fact.uid == to => {
                (StdioAccess::Owner(to), Decision::AlreadyDone(format!("already that of {to}")))
            }
            StdioKind::Terminal if !inputs.has(Capability::CHOWN) => (StdioAccess::Owner(to), lost(Capability::CHOWN)),
            StdioKind::Terminal => (StdioAccess::Owner(to), Decision::Perform),
            StdioKind::Closed | StdioKind::Device | StdioKind::File | StdioKind::Socket => continue,
        };
        steps.push(PlannedStep { step: Step::SetStdioAccess { fd, access }, decision });
    }
    steps
}
