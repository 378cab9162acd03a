//! Words for the plan's values. Must not know whole plans.

use crate::config::values::CapSet;
use crate::plan::finding::Issue;
pub use crate::plan::printable::{command, path};
pub(in crate::plan) use crate::plan::printable::{gids, stream};
use crate::plan::{
    Decision, DropLevel, Mode, Owner, PlannedStep, Privilege, S6Base, S6Layout, SecretReader, StdioAccess, Step,
};
use crate::text::shown;

pub(in crate::plan) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Root => "root",
        Mode::RootLimited => "root, limited",
        Mode::User => "user",
        Mode::UserUnknown => "user, unknown",
    }
}

/// Returns the mode, and how far PID 1 drops in it.
pub(in crate::plan) fn headline(mode: Mode, privilege: &Privilege) -> String {
    let consequence = match (mode, privilege.drop) {
        (Mode::User, _) => "nothing can be changed, only checked",
        (Mode::UserUnknown, _) => "a uid without an account; nothing can be changed, only checked",
        (_, DropLevel::ToApp) if privilege.kept.is_empty() => "steps down for good",
        (_, DropLevel::ToApp) => "steps down, keeps some capabilities",
        (_, DropLevel::StayRoot) => "PID 1 stays root, each service drops",
        (_, DropLevel::LimitedRoot | DropLevel::AlreadyUser) => "cannot step down",
    };
    format!("{}: {consequence}", self::mode(mode))
}

/// Returns the word for programs, as JSON has it.
pub fn mode_key(mode: Mode) -> &'static str {
    match mode {
        Mode::Root => "root",
        Mode::RootLimited => "root-limited",
        Mode::User => "user",
        Mode::UserUnknown => "user-unknown",
    }
}

pub(super) fn drop(drop: DropLevel) -> &'static str {
    match drop {
        DropLevel::ToApp => "to-app",
        DropLevel::StayRoot => "stay-root",
        DropLevel::AlreadyUser => "already-user",
        DropLevel::LimitedRoot => "powerless",
    }
}

pub(super) fn caps(caps: CapSet) -> Vec<String> {
    caps.iter().map(|capability| capability.to_string()).collect()
}

/// Returns the subject of a step: `/etc/passwd`, `own /config`.
pub(in crate::plan) fn subject(step: &Step) -> String {
    match step {
        Step::BecomeSubreaper => "adopt orphans".to_owned(),
        Step::WriteAccounts { file, .. } => file.path().to_owned(),
        Step::RuntimeDirectory { .. } => "runtime directory".to_owned(),
        Step::S6Layout(_) => "s6-overlay files".to_owned(),
        Step::ReadSecret(secret) => format!("secret {}", shown(&secret.name)),
        Step::MakeDirectory(make) => format!("create {}", path(&make.path)),
        Step::Own(own) => format!("own {}", path(&own.path)),
        Step::SetStdioAccess { fd, .. } => stream(*fd).to_owned(),
    }
}

/// Returns the details of a step.
pub(super) fn detail(step: &Step) -> String {
    match step {
        Step::BecomeSubreaper => "become a child subreaper".to_owned(),
        Step::WriteAccounts { changes, .. } => changes.join(", "),
        Step::RuntimeDirectory { candidates } => candidates.first().map(|first| path(first)).unwrap_or_default(),
        Step::S6Layout(layout) => s6_layout(layout),
        Step::ReadSecret(secret) => match secret.reader {
            SecretReader::PidOne => format!("from {}", path(&secret.path)),
            SecretReader::App => format!("from {}, with the app user's rights", path(&secret.path)),
        },
        Step::MakeDirectory(make) => {
            let clean =
                if make.clean.is_empty() { String::new() } else { format!(", clean {}", shown(&make.clean.join(" "))) };
            format!("{}:{} {:04o}{clean}", make.owner.uid, make.owner.gid, make.mode)
        }
        Step::Own(own) => {
            let below = if own.options.recursive { ", with everything below" } else { "" };
            let create = if own.options.create { ", created if missing" } else { "" };
            let mode = |what: &str, mode: Option<u32>| mode.map_or_else(String::new, |it| format!(", {what} {it:04o}"));
            let (files, directories) = (mode("files", own.options.mode), mode("directories", own.options.dir_mode));
            format!("{}:{}{below}{create}{files}{directories}", own.owner.uid, own.owner.gid)
        }
        Step::SetStdioAccess { access: StdioAccess::Mode0622, .. } => {
            "mode 0622, so that the app can reopen it".to_owned()
        }
        Step::SetStdioAccess { access: StdioAccess::Owner(uid), .. } => format!("the terminal becomes that of {uid}"),
    }
}

fn s6_layout(layout: &S6Layout) -> String {
    let base = match layout.base {
        S6Base::Run => "in /run",
        S6Base::RuntimeDirectory => "in the runtime directory",
    };
    let Owner { uid, gid } = layout.owner;
    let run = if layout.take_run { ", /run itself too" } else { "" };
    let link = if layout.link_var_run { ", /var/run becomes a link to /run" } else { "" };
    let services = match layout.services.len() {
        0 => String::new(),
        1 => ", directory of 1 service".to_owned(),
        many => format!(", directories of {many} services"),
    };
    format!("{base}, {uid}:{gid}{run}{link}{services}")
}

/// Steps of one kind with the same decision: `/etc/group, /etc/passwd`.
pub(in crate::plan) struct StepGroup<'a> {
    /// The first of them.
    pub step: &'a Step,
    pub subjects: Vec<String>,
    pub details: Vec<String>,
    pub decision: &'a Decision,
}

/// Returns the steps; adjacent ones of the same part and decision are combined if no information is lost.
pub(in crate::plan) fn step_groups(steps: &[PlannedStep]) -> Vec<StepGroup<'_>> {
    let mut all: Vec<(&'static str, StepGroup<'_>)> = Vec::new();
    for planned in steps {
        let part = planned.step.part();
        match all.last_mut() {
            Some((last, group)) if *last == part && joins(&planned.step, group.decision, &planned.decision) => {
                group.subjects.push(subject(&planned.step));
                group.details.push(detail(&planned.step));
            }
            Some(_) | None => {
                let (subjects, details) = (vec![subject(&planned.step)], vec![detail(&planned.step)]);
                all.push((part, StepGroup { step: &planned.step, subjects, details, decision: &planned.decision }));
            }
        }
    }
    all.into_iter().map(|(_, group)| group).collect()
}

fn joins(step: &Step, one: &Decision, other: &Decision) -> bool {
    match (one, other) {
        (Decision::Perform, Decision::Perform) => matches!(step, Step::SetStdioAccess { .. }),
        (Decision::AlreadyDone(a), Decision::AlreadyDone(b)) => a == b,
        (Decision::Skip(a), Decision::Skip(b)) => a == b,
        (Decision::Perform | Decision::AlreadyDone(_) | Decision::Skip(_), _) => false,
    }
}

/// Returns a skipped step in one line.
pub(super) fn skipped(subject: &str, why: &Issue) -> String {
    format!("skipped {subject}: {}; {}; fix: {}", why.cause, why.consequence, why.fix)
}
