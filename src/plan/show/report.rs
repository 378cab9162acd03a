//! The boot report: one line if there are no findings; else the mode, the identity, the privilege kept and why, and each
//! skipped step with its fix. Must not decide anything.

use super::labels;
use crate::config::container::Level;
use crate::plan::finding::Issue;
use crate::plan::notice::Notice;
use crate::plan::{BootPlan, Decision, DropLevel, Mode, Step};
use crate::text::shown;

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportLine {
    /// Its level.
    pub level: Level,
    /// Its kind.
    pub about: LineKind,
    /// Without newline or control characters.
    pub text: String,
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// What the boot does.
    Plan,
    /// A [`crate::plan::notice::Notice`].
    Notice,
}

/// Returns the lines that are logged at boot.
pub fn report(plan: &BootPlan) -> Vec<ReportLine> {
    let mut lines = Vec::new();
    let mut say = |level, text| lines.push(ReportLine { level, about: LineKind::Plan, text });
    let is_short = match (plan.mode, plan.privilege.drop) {
        (Mode::Root, DropLevel::ToApp) | (Mode::User, _) => {
            plan.privilege.reasons.is_empty() && skipped(plan).is_empty()
        }
        (Mode::Root | Mode::RootLimited | Mode::UserUnknown, _) => false,
    };
    let app = &plan.identity;
    let outside = plan.on_host.as_ref().map_or_else(String::new, |outside| format!(", {outside}"));
    let who = format!("{} ({}:{}){outside}", shown(&app.name), app.uid, app.gid);
    if is_short {
        let verb = match plan.privilege.drop {
            DropLevel::ToApp => "steps down to",
            DropLevel::StayRoot | DropLevel::AlreadyUser | DropLevel::LimitedRoot => "runs as",
        };
        say(Level::Info, format!("{verb} {who}, keeps nothing; {}{}", programs(plan), left(plan)));
    } else {
        let level = match plan.mode {
            // Requested with `--user`; the consequences are reported below, at their own levels.
            Mode::Root | Mode::User | Mode::UserUnknown => Level::Info,
            Mode::RootLimited => Level::Warn,
        };
        say(level, format!("mode: {}; {}{}", labels::mode(plan.mode), programs(plan), left(plan)));
        say(Level::Info, format!("identity: {who}, groups {}", labels::gids(&app.groups)));
        say(kept_level(plan), kept(plan));
    }
    for (subject, why) in skipped(plan) {
        say(Level::Warn, labels::skipped(&subject, why));
    }
    if !skipped(plan).is_empty() {
        say(Level::Info, "`stepdown doctor` in this container tells more, and whether it is fixed".to_owned());
    }
    let notice = |notice: &Notice| ReportLine { level: Level::Info, about: LineKind::Notice, text: notice.to_string() };
    lines.extend(plan.notices.iter().map(notice));
    lines
}

fn kept_level(plan: &BootPlan) -> Level {
    match plan.privilege.drop {
        DropLevel::ToApp | DropLevel::AlreadyUser => Level::Info,
        DropLevel::StayRoot | DropLevel::LimitedRoot => Level::Warn,
    }
}

fn kept(plan: &BootPlan) -> String {
    let privilege = &plan.privilege;
    let what = match privilege.drop {
        DropLevel::ToApp | DropLevel::AlreadyUser if privilege.kept.is_empty() => "keeps nothing".to_owned(),
        DropLevel::ToApp | DropLevel::AlreadyUser => format!("keeps {}", privilege.kept),
        DropLevel::StayRoot => "PID 1 stays root".to_owned(),
        DropLevel::LimitedRoot => "root without the capabilities to step down".to_owned(),
    };
    if privilege.reasons.is_empty() {
        return format!("privilege: {what}");
    }
    format!("privilege: {what}: {}", privilege.reasons.join("; "))
}

fn skipped(plan: &BootPlan) -> Vec<(String, &Issue)> {
    let mut all = Vec::new();
    for bundle in labels::step_groups(&plan.steps) {
        match bundle.decision {
            Decision::Skip(why) => all.push((bundle.subjects.join(", "), why)),
            Decision::Perform | Decision::AlreadyDone(_) => {}
        }
    }
    all.extend(plan.services.iter().filter_map(|it| Some((format!("`{}`", it.name), it.skipped.as_deref()?))));
    all
}

fn programs(plan: &BootPlan) -> String {
    let services = match plan.services.len() {
        0 => "no service".to_owned(),
        1 => "1 service".to_owned(),
        many => format!("{many} services"),
    };
    match (&plan.main, plan.services.len()) {
        (None, _) => services,
        (Some(_), 0) => "the main command".to_owned(),
        (Some(_), _) => format!("{services} and the main command"),
    }
}

/// Steps that every boot does again do not count: a restart has nothing else to do.
fn left(plan: &BootPlan) -> String {
    let lasting = |step: &Step| match step {
        Step::WriteAccounts { .. } | Step::MakeDirectory(_) | Step::Own(_) => true,
        Step::BecomeSubreaper
        | Step::RuntimeDirectory { .. }
        | Step::ReadSecret(_)
        | Step::S6Layout(_)
        | Step::SetStdioAccess { .. } => false,
    };
    let all: Vec<_> = plan.steps.iter().filter(|it| lasting(&it.step)).collect();
    if !all.is_empty() && all.iter().all(|it| matches!(it.decision, Decision::AlreadyDone(_))) {
        return "; nothing left to do".to_owned();
    }
    String::new()
}
