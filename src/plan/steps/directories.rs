//! `[[directory]]` and the directories of log files: created at boot with their owner and mode. Must not know trees.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use super::inputs::{PlanInputs, as_found, cap_fix, kind_word, lacking, skip};
use crate::config::container::Directory;
use crate::config::service::Service;
use crate::config::values::Capability;
use crate::plan::access::usable;
use crate::plan::facts::{Access, PathFact, PathKind};
use crate::plan::fix::Fix;
use crate::plan::notes::Notes;
use crate::plan::switch::SwitchAbility;
use crate::plan::{Decision, DeclaredBy, MakeDirectory, Owner, PlannedStep, Step, printable};

/// The mode of a new log directory. An existing one keeps its mode, if its owner can use it.
const LOG_MODE: u32 = 0o755;

pub(super) fn steps(inputs: &PlanInputs<'_>, notes: &mut Notes) -> Vec<PlannedStep> {
    let declared = &inputs.config.container.directories;
    let mut steps = Vec::new();
    for directory in declared {
        let owner = inputs.owner(directory.user.as_ref(), directory.group.as_ref(), &directory.at, notes);
        steps.push(step(inputs, directory, owner, DeclaredBy::Directory));
    }
    let mut seen: BTreeSet<_> = declared.iter().map(|directory| directory.path.clone()).collect();
    for service in &inputs.config.services {
        let Some(log) = &service.log.directory else { continue };
        // Problems of its user are reported where the service is planned.
        let runs = inputs.resolver.service(service, &mut Notes::default());
        if runs.skipped.is_none() && seen.insert(log.path.clone()) {
            let mode = match inputs.facts.paths.get(&log.path) {
                Some(PathFact::Found { kind: PathKind::Directory, mode, .. }) => mode | 0o700,
                Some(_) | None => LOG_MODE,
            };
            let (path, at) = (log.path.clone(), service.at.clone());
            let directory = Directory { path, user: None, group: None, mode, clean: Vec::new(), take_over: false, at };
            let owner = Owner { uid: runs.uid, gid: runs.gid };
            let mut planned = step(inputs, &directory, owner, DeclaredBy::Log);
            if let Decision::Skip(why) = &mut planned.decision {
                // A directory that stays root's is useful for a service of root.
                let named: Vec<_> = writers(inputs, &log.path);
                why.consequence = format!(
                    "{}; where its user cannot write it, the lines of {} go to the container's output instead",
                    why.consequence,
                    named.join(", ")
                );
            }
            steps.push(planned);
        }
    }
    steps
}

/// The services with log files in it.
fn writers(inputs: &PlanInputs<'_>, path: &Path) -> Vec<String> {
    let to = |service: &&Rc<Service>| service.log.directory.as_ref().is_some_and(|log| log.path == path);
    inputs.config.services.iter().filter(to).map(|service| format!("`{}`", service.name)).collect()
}

fn step(inputs: &PlanInputs<'_>, directory: &Directory, declared: Owner, declared_by: DeclaredBy) -> PlannedStep {
    let owner = match inputs.switch_ability() {
        SwitchAbility::Root | SwitchAbility::LimitedRoot => declared,
        // A directory created without root belongs to our own user.
        SwitchAbility::User => Owner { uid: inputs.facts.uid, gid: inputs.facts.gid },
    };
    let make = MakeDirectory {
        path: directory.path.clone(),
        owner,
        mode: directory.mode,
        clean: directory.clean.clone(),
        take_over: directory.take_over,
        declared_by,
    };
    let decision = match inputs.switch_ability() {
        SwitchAbility::Root | SwitchAbility::LimitedRoot => as_root(inputs, directory, owner),
        SwitchAbility::User => as_user(inputs, directory),
    };
    PlannedStep { step: Step::MakeDirectory(make), decision }
}

fn as_root(inputs: &PlanInputs<'_>, directory: &Directory, owner: Owner) -> Decision {
    let Some(fact) = inputs.facts.paths.get(&directory.path) else { return Decision::Perform };
    let path = printable::path(&directory.path);
    let foreign = owner.uid != inputs.facts.uid || owner.gid != inputs.facts.gid;
    let stays = format!("{path} stays {}", as_found(fact));
    match fact {
        PathFact::Found { kind: PathKind::Directory, uid, gid, mode, read_only } => {
            let right_owner = (*uid, *gid) == (owner.uid, owner.gid);
            let right = right_owner && *mode == directory.mode;
            if right && (directory.clean.is_empty() || *read_only) {
                Decision::AlreadyDone(format!("already {}", as_found(fact)))
            } else if *read_only {
                skip(
                    format!("{path} is on a read-only filesystem"),
                    stays,
                    tmpfs(inputs, &directory.path, directory.mode),
                )
            } else if !right_owner && !inputs.has(Capability::CHOWN) {
                lacking(Capability::CHOWN, stays, cap_fix(Capability::CHOWN))
            } else if !right && *uid != inputs.facts.uid && !inputs.has(Capability::FOWNER) {
                lacking(Capability::FOWNER, stays, cap_fix(Capability::FOWNER))
            } else {
                Decision::Perform
            }
        }
        PathFact::Found { kind, .. } => not_a_directory(&path, *kind),
        PathFact::Missing(Access::Yes) if foreign && !inputs.has(Capability::CHOWN) => {
            let consequence = format!("{path} is not created: it could only be root's");
            lacking(Capability::CHOWN, consequence, cap_fix(Capability::CHOWN))
        }
        PathFact::Missing(access) | PathFact::Unknown(access) => absent(inputs, directory, *access),
    }
}

fn as_user(inputs: &PlanInputs<'_>, directory: &Directory) -> Decision {
    let Some(fact) = inputs.facts.paths.get(&directory.path) else { return Decision::Perform };
    let path = printable::path(&directory.path);
    let who = format!("{}:{}", inputs.identity.uid, inputs.identity.gid);
    match fact {
        PathFact::Found { kind: PathKind::Directory, .. } if usable(inputs.identity, fact) => {
            if directory.clean.is_empty() {
                Decision::AlreadyDone(format!("already usable by {who}"))
            } else {
                Decision::Perform
            }
        }
        PathFact::Found { kind: PathKind::Directory, .. } => skip(
            format!("{path} is {}", as_found(fact)),
            format!("{who} cannot write {path}"),
            tmpfs(inputs, &directory.path, directory.mode),
        ),
        PathFact::Found { kind, .. } => not_a_directory(&path, *kind),
        PathFact::Missing(access) | PathFact::Unknown(access) => absent(inputs, directory, *access),
    }
}

fn absent(inputs: &PlanInputs<'_>, directory: &Directory, access: Access) -> Decision {
    let path = printable::path(&directory.path);
    let cause = match access {
        Access::Yes => return Decision::Perform,
        Access::ReadOnly => format!("{path} is missing and its place is read-only"),
        Access::Denied => format!("{path} is missing and {} cannot create it", inputs.facts.uid),
        Access::Missing => format!("{path} is missing and so is its place"),
        Access::Unfit => format!("something on the way to {path} is not a directory"),
    };
    skip(cause, format!("{path} is not created"), tmpfs(inputs, &directory.path, directory.mode))
}

fn not_a_directory(path: &str, kind: PathKind) -> Decision {
    let fix = format!("remove it in the image (`RUN rm {path}`), or declare another path");
    skip(format!("{path} is {}", kind_word(kind)), format!("{path} stays as it is"), fix)
}

/// The fix for a directory that cannot be created: a tmpfs with that owner.
fn tmpfs(inputs: &PlanInputs<'_>, path: &Path, mode: u32) -> Fix {
    let owner = Owner { uid: inputs.identity.uid, gid: inputs.identity.gid };
    Fix::tmpfs(path, Some((owner, mode)))
}
