//! `[[own]]`: the owner of trees. As root it is changed, otherwise checked. Must not know how trees are walked.

use super::inputs::{PlanInputs, as_found, cap_fix, kind_word, lacking, skip};
use crate::config::container::{Own, OwnWhen, UnknownOwner};
use crate::config::values::{Capability, Uid};
use crate::plan::access::usable;
use crate::plan::facts::{Access, PathFact, PathKind};
use crate::plan::finding::{Area, Issue};
use crate::plan::fix::Fix;
use crate::plan::notes::Notes;
use crate::plan::switch::SwitchAbility;
use crate::plan::{Decision, DeclaredBy, MakeDirectory, OwnTree, Owner, PlannedStep, Step, printable};

pub(super) fn steps(inputs: &PlanInputs<'_>, notes: &mut Notes) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    for own in &inputs.config.container.own {
        let is_known = inputs.knows(own.user.as_ref(), own.group.as_ref());
        let owner = match own.options.unknown_owner {
            UnknownOwner::Ids(uid, gid) if !is_known => Owner { uid, gid },
            UnknownOwner::Skip if !is_known => {
                let (at, path) = (&own.at, printable::path(&own.path));
                notes.notice(format!("{at}: its account does not exist: the owner of {path} is not changed"));
                continue;
            }
            UnknownOwner::Refuse | UnknownOwner::Skip | UnknownOwner::Ids(..) => {
                inputs.owner(own.user.as_ref(), own.group.as_ref(), &own.at, notes)
            }
        };
        let fact = inputs.facts.paths.get(&own.path);
        let decision = match (inputs.switch_ability(), own.options.when) {
            (
                SwitchAbility::Root | SwitchAbility::LimitedRoot,
                OwnWhen::Always | OwnWhen::Mismatch | OwnWhen::RootMismatch,
            ) => as_root(inputs, own, owner, fact),
            (SwitchAbility::Root | SwitchAbility::LimitedRoot, OwnWhen::Never) | (SwitchAbility::User, _) => {
                checked(inputs, own, owner, fact)
            }
        };
        // The target of a link is not known here.
        let is_link = matches!(fact, Some(PathFact::Found { kind: PathKind::Link, .. }));
        let can_use = !is_link && fact.is_some_and(|it| usable(inputs.identity, it));
        if own.options.required && matches!(decision, Decision::Skip(_)) && !can_use {
            refuse(inputs, own, &decision, notes);
        }
        steps.push(PlannedStep { step: step(inputs, own, owner, &decision), decision });
    }
    limits(inputs, &steps, notes);
    steps
}

/// Without root a missing path to create is a directory; everything else is done by the walk.
fn step(inputs: &PlanInputs<'_>, own: &Own, owner: Owner, decision: &Decision) -> Step {
    if inputs.switch_ability() == SwitchAbility::User && *decision == Decision::Perform {
        let owner = Owner { uid: inputs.facts.uid, gid: inputs.facts.gid };
        let mode = own.options.dir_mode.unwrap_or(0o755);
        return Step::MakeDirectory(MakeDirectory {
            path: own.path.clone(),
            owner,
            mode,
            clean: Vec::new(),
            take_over: own.options.take_over,
            declared_by: DeclaredBy::Own,
        });
    }
    Step::Own(OwnTree { path: own.path.clone(), owner, options: own.options.clone() })
}

fn as_root(inputs: &PlanInputs<'_>, own: &Own, owner: Owner, fact: Option<&PathFact>) -> Decision {
    let path = printable::path(&own.path);
    let to = format!("{}:{}", owner.uid, owner.gid);
    let Some(fact) = fact else { return Decision::Perform };
    let PathFact::Found { kind, uid, gid, mode, read_only } = fact else { return absent(inputs, own, owner, fact) };
    let right_owner = (*uid, *gid) == (owner.uid, owner.gid);
    let wanted_mode = match kind {
        PathKind::Directory => own.options.dir_mode,
        PathKind::File | PathKind::Link | PathKind::Other => own.options.mode,
    };
    let right = right_owner && wanted_mode.is_none_or(|wanted| wanted == *mode);
    let walks = own.options.recursive && *kind == PathKind::Directory;
    let consequence = format!("{path} stays {}", as_found(fact));
    if *kind == PathKind::Link {
        let cause = format!("{path} is a symbolic link, and root follows none");
        skip(cause, "what it leads to stays as it is", "declare the path that it leads to")
    } else if right && *read_only {
        Decision::AlreadyDone(format!("already {to}, read-only"))
    } else if *read_only {
        let fix = Fix::writable(&own.path, *kind != PathKind::Directory, None).or(chown(own, *kind, owner));
        skip(format!("{path} is read-only"), consequence, fix)
    } else if right && (!walks || own.options.when == OwnWhen::RootMismatch) {
        Decision::AlreadyDone(format!("already {to}"))
    } else if !inputs.has(Capability::CHOWN) {
        if right_owner {
            Decision::AlreadyDone(format!("already {to}; nothing below it could be changed without CHOWN"))
        } else {
            let fix = cap_fix(Capability::CHOWN).or(chown(own, *kind, owner));
            lacking(Capability::CHOWN, consequence, fix)
        }
    } else {
        Decision::Perform
    }
}

fn checked(inputs: &PlanInputs<'_>, own: &Own, owner: Owner, fact: Option<&PathFact>) -> Decision {
    let path = printable::path(&own.path);
    let app = inputs.identity;
    let who = format!("{}:{}", app.uid, app.gid);
    let Some(fact) = fact else { return Decision::AlreadyDone("not looked at".to_owned()) };
    let PathFact::Found { kind, uid, gid, mode, read_only } = fact else { return absent(inputs, own, owner, fact) };
    let (is_right, mine) = ((*uid, *gid) == (owner.uid, owner.gid), owner.uid == app.uid || own.user.is_none());
    if mine && usable(app, fact) {
        Decision::AlreadyDone(format!("usable by {who}"))
    } else if is_right && !*read_only {
        Decision::AlreadyDone(format!("already {}", as_found(fact)))
    } else if *read_only {
        let is_file = *kind != PathKind::Directory;
        let on_writable_root = PathFact::Found { kind: *kind, uid: *uid, gid: *gid, mode: *mode, read_only: false };
        let mine = Owner { uid: app.uid, gid: app.gid };
        let fix = match inputs.switch_ability() {
            SwitchAbility::User if usable(app, &on_writable_root) => Fix::writable(&own.path, is_file, Some(mine)),
            SwitchAbility::User => Fix::replaced(&own.path, is_file, mine),
            SwitchAbility::Root | SwitchAbility::LimitedRoot => Fix::writable(&own.path, is_file, None),
        };
        skip(format!("{path} is read-only"), format!("{who} cannot write {path}"), fix)
    } else if mine {
        let other = match (inputs.switch_ability(), own.options.when) {
            (SwitchAbility::Root, _) => "remove `when = \"never\"`",
            (SwitchAbility::LimitedRoot | SwitchAbility::User, _) => "start the container as root",
        };
        let fix = chown(own, *kind, Owner { uid: app.uid, gid: app.gid }).or(Fix::text(other));
        skip(format!("{path} is {}", as_found(fact)), format!("{who} cannot use {path}"), fix)
    } else {
        let consequence = format!("{path} does not become {}:{}", owner.uid, owner.gid);
        let fix = format!("give it to {}:{} in the image or on the host", owner.uid, owner.gid);
        skip(format!("{path} is {} ({})", as_found(fact), kind_word(*kind)), consequence, fix)
    }
}

/// The change of owner on the host.
fn chown(own: &Own, kind: PathKind, to: Owner) -> Fix {
    match kind {
        PathKind::Directory => Fix::chown(&own.path, own.options.recursive, to),
        PathKind::File | PathKind::Link | PathKind::Other => Fix::chown_file(&own.path, to),
    }
}

/// The decision about a missing path: create it, nothing to do, or skip.
fn absent(inputs: &PlanInputs<'_>, own: &Own, owner: Owner, fact: &PathFact) -> Decision {
    let path = printable::path(&own.path);
    let without_root = inputs.switch_ability() == SwitchAbility::User;
    let access = match fact {
        PathFact::Missing(_) if !own.options.create && own.options.optional => {
            return Decision::AlreadyDone("missing, and optional".to_owned());
        }
        PathFact::Missing(access) if own.options.create => *access,
        PathFact::Found { .. } | PathFact::Missing(_) => {
            // It cannot be created, so the fix does not say so.
            let can_make = matches!(fact, PathFact::Missing(Access::Yes));
            let create = if can_make { "`create = true` or " } else { "" };
            let owner = without_root.then_some(Owner { uid: inputs.identity.uid, gid: inputs.identity.gid });
            let fix = Fix::volume(&own.path, owner)
                .or(Fix::text(format!("write {create}`optional = true` below this [[own]] ({})", own.at)));
            return skip(format!("{path} does not exist"), "there is nothing to own", fix);
        }
        PathFact::Unknown(access) => *access,
    };
    let mine = without_root.then_some(Owner { uid: inputs.identity.uid, gid: inputs.identity.gid });
    let mount = Fix::volume(&own.path, mine);
    let (cause, fix) = match (fact, access) {
        (PathFact::Missing(_), Access::Yes) => {
            let foreign = inputs.switch_ability() != SwitchAbility::User
                && (owner.uid, owner.gid) != (inputs.facts.uid, inputs.facts.gid);
            if !foreign || inputs.has(Capability::CHOWN) {
                return Decision::Perform;
            }
            let consequence = format!("{path} is not created: it could only be root's");
            return lacking(Capability::CHOWN, consequence, cap_fix(Capability::CHOWN));
        }
        (_, Access::ReadOnly) => (format!("{path} does not exist and its place is read-only"), mount),
        (_, Access::Denied) => {
            let fix = match inputs.switch_ability() {
                SwitchAbility::Root => cap_fix(Capability::DAC_OVERRIDE),
                SwitchAbility::LimitedRoot | SwitchAbility::User => mount,
            };
            (format!("uid {} cannot enter or write the way to {path}", inputs.facts.uid), fix)
        }
        (_, Access::Yes | Access::Missing | Access::Unfit) => {
            (format!("something on the way to {path} is missing or not a directory"), mount)
        }
    };
    skip(cause, "there is nothing to own", fix)
}

fn refuse(inputs: &PlanInputs<'_>, own: &Own, decision: &Decision, notes: &mut Notes) {
    let Decision::Skip(why) = decision else { return };
    let (uid, gid) = (inputs.identity.uid, inputs.identity.gid);
    let what = format!("cannot give {} to {uid}:{gid}, which {} requires", printable::path(&own.path), own.at);
    notes.refuse_for(Area::Configuration, what, why.clone());
}

/// Reports the files that a walk cannot change, because capabilities are missing (SECURITY, matrix).
fn limits(inputs: &PlanInputs<'_>, steps: &[PlannedStep], notes: &mut Notes) {
    let walks = steps.iter().any(|it| matches!(it.step, Step::Own(_)) && it.decision == Decision::Perform);
    if !walks || inputs.facts.uid != Uid::ROOT {
        return;
    }
    let needs = [
        (Capability::FOWNER, "setuid files and modes of other users' files stay as they are"),
        (Capability::DAC_OVERRIDE, "directories that only another user may enter are skipped"),
    ];
    for (capability, what) in needs.into_iter().filter(|(capability, _)| !inputs.has(*capability)) {
        let fix = cap_fix(capability);
        notes.degraded(Area::Capability, "ownership", Issue::lacking(capability, what, fix));
    }
}
