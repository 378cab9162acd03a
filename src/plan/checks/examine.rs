//! [`Examination`]: the findings of the plan itself, and what must be observed on the machine. PID 1 examines its own plan
//! for a query; before a boot the plan of that boot is examined. Must not observe anything.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access_requirements::{AccessRequirement, BootAction, BootState, ProbedUser, RequirementBuilder};
use super::limits;
use super::{Port, ports};
use crate::config::Config;
use crate::config::service::Service;
use crate::config::units::show_duration;
use crate::error::Problems;
use crate::plan::accounts::passwd;
use crate::plan::facts::{AccountFile, Facts};
use crate::plan::finding::{Area, Check, Issue};
use crate::plan::notes::{OnFault, Refusal};
use crate::plan::notice::{Notice, Restriction};
use crate::plan::show::labels;
use crate::plan::{BootPlan, Decision, DropLevel, Mode, PlannedStep, ServicePlan, Step, boot, groups};
use crate::text::shown;

/// The timeout of `docker stop`; a longer stop must be configured in the runtime.
const RUNTIME_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What follows if the kernel does not install the filter.
pub const UNFILTERED: &str = "services of PID 1's user can change its limits and priorities";
/// The fix for that, or how to accept it.
pub const ALLOW_FILTERS: &str = "let the seccomp profile of the container allow `seccomp`, or write `pid1_filter = false` in \
    /etc/stepdown.toml if that is meant";

/// The findings of a plan, and what must be observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// The mode of DESIGN §2; `None` without a plan.
    pub mode: Option<Mode>,
    /// The app user.
    pub app: Option<ProbedUser>,
    /// Findings of the plan itself.
    pub checks: Vec<Check>,
    /// Accesses to observe.
    pub requirements: Vec<AccessRequirement>,
    /// Ports that will be bound.
    pub ports: Vec<Port>,
    /// The ids whose host ids are to be reported.
    pub namespace_of: Option<(u32, u32)>,
}

impl Examination {
    /// Adds the requirement that the app user can read the secrets that the container runtime mounted.
    #[must_use]
    pub fn with_secrets(mut self, secrets: &[PathBuf]) -> Self {
        if let Some(app) = &self.app {
            self.requirements.extend(secrets.iter().map(|path| AccessRequirement::of_secret(path, app)));
        }
        self
    }

    /// Adds the finding that the kernel did not install the filter of services.
    #[must_use]
    pub fn without_filter(mut self, why: &str) -> Self {
        self.checks.retain(|check| check.area != Area::Pid);
        let cause = format!("seccomp(2) was refused: {why}");
        self.checks.push(Check::degraded(Area::Pid, "process", Issue::new(cause, UNFILTERED, ALLOW_FILTERS)));
        self
    }

    /// Converts it for a boot that is over: steps about paths are done or failed.
    #[must_use]
    pub fn after_boot(mut self) -> Self {
        for requirement in &mut self.requirements {
            match requirement.at_boot {
                BootAction::GivenTo(..) | BootAction::Created(..) => requirement.at_boot = BootAction::None,
                BootAction::None | BootAction::Skipped(_) => {}
            }
        }
        self
    }
}

/// Returns the examination of a boot here, also if it would fail.
pub fn examine(config: &Config, facts: &Facts) -> Examination {
    let (mut plan, plan_errors) = boot::whole(config, facts, OnFault::Refuse);
    let mut examination = of_problems(plan_errors.problems);
    for Refusal { area, what, why, cause, fix } in plan_errors.refusals {
        let cause = format!("{what}: {cause}");
        let issue = Issue { why, ..Issue::new(cause, "the container does not start: exit 111", fix) };
        let subject = if area == Area::StepDown { "step down" } else { "boot" };
        examination.checks.push(Check::fatal(area, subject, issue));
    }
    match plan_errors.main {
        Some(fault) if plan.prepare.is_empty() => examination.checks.push(fault.check()),
        Some(fault) => plan.notices.push(fault.notice()),
        None => {}
    }
    // Other findings are reported at the same time.
    let mut plan = of_plan(config, facts, &plan, BootState::Planned);
    if examination.checks.iter().any(|check| check.area == Area::StepDown) {
        // There is no identity, so access cannot be checked.
        let about_mode = [Area::Mode, Area::Identity, Area::Privilege, Area::Accounts];
        plan.checks.retain(|check| check.finding.issue().is_some() || !about_mode.contains(&check.area));
        (plan.app, plan.namespace_of) = (None, None);
        plan.requirements.clear();
        plan.ports.clear();
    }
    examination.checks.append(&mut plan.checks);
    Examination { checks: examination.checks, ..plan }
}

/// Returns the problems of the configuration as findings.
pub fn of_problems(problems: Problems) -> Examination {
    let fatal = |problem: crate::error::Problem| {
        let issue = Issue::new(
            problem.what,
            "the container does not start: exit 100, nothing is touched",
            problem.fix.to_string(),
        );
        Check::fatal(Area::Configuration, problem.at.to_string(), issue)
    };
    Examination { checks: problems.into_sorted().into_iter().map(fatal).collect(), ..Examination::default() }
}

/// Returns the examination of a plan.
pub fn of_plan(config: &Config, facts: &Facts, plan: &BootPlan, state: BootState) -> Examination {
    let builder = RequirementBuilder { config, facts, plan, state };
    let mut checks = vec![
        Check::ok(Area::Mode, "mode", labels::headline(plan.mode, &plan.privilege)),
        Check::ok(Area::Identity, "identity", identity(plan)),
        Check::ok(Area::Privilege, "privilege", privilege(plan)),
        Check::ok(Area::Pid, "process", process(config, facts, plan)),
        Check::ok(Area::Stop, "stop", stop(config.container.stop_timeout)),
    ];
    steps(plan, facts, state, &mut checks);
    checks.extend(plan.notices.iter().filter_map(Notice::check));
    if !checks.iter().any(|check| check.area == Area::TimeZone) {
        checks.push(Check::ok(Area::TimeZone, "TZ", "known, or not set"));
    }
    let (requirements, more) = builder.build();
    checks.extend(more);
    checks.extend(config.services.iter().flat_map(|service| limits::granted(service, facts)));
    let live = config.services.iter().zip(&plan.services).filter(|(_, how)| how.skipped.is_none());
    let of_service = |(service, how): (&Rc<Service>, &Rc<ServicePlan>)| {
        ports::privileged_ports(service, &how.credentials, &builder.service(how), plan.privilege.drop)
    };
    let ports = live.flat_map(of_service).collect();
    let app = builder.app();
    Examination {
        mode: Some(plan.mode),
        namespace_of: Some((app.uid, app.gid)),
        app: Some(app),
        checks,
        requirements,
        ports,
    }
}

/// Also names the services that the filter does not keep from changing PID 1's limits and priorities.
fn process(config: &Config, facts: &Facts, plan: &BootPlan) -> String {
    let process = match facts.pid_one {
        true => "stepdown is PID 1".to_owned(),
        false => Restriction::NotPidOne.to_string(),
    };
    if !config.container.pid1_filter {
        return format!("{process}; {}", Restriction::NoFilter);
    }
    let has_none = |how: &&Rc<ServicePlan>| {
        !how.credentials.no_new_privs && how.skipped.is_none() && how.credentials.uid == plan.identity.uid
    };
    let names: Vec<_> = plan.services.iter().filter(has_none).map(|how| format!("`{}`", how.name)).collect();
    if names.is_empty() {
        return process;
    }
    let names = names.join(", ");
    format!(
        "{process}; {names} can change its limits and priorities: no filter can be set (`no_new_privileges = false`)"
    )
}

fn identity(plan: &BootPlan) -> String {
    let app = &plan.identity;
    let (name, home) = (shown(&app.name), labels::path(&app.home));
    format!(
        "{name} ({}:{}), groups {}, home {home}, umask {:03o}",
        app.uid,
        app.gid,
        labels::gids(&app.groups),
        app.umask
    )
}

fn privilege(plan: &BootPlan) -> String {
    let privilege = &plan.privilege;
    let kept = match privilege.drop {
        DropLevel::ToApp | DropLevel::AlreadyUser if privilege.kept.is_empty() => "PID 1 keeps nothing".to_owned(),
        DropLevel::ToApp | DropLevel::AlreadyUser => format!("PID 1 keeps {}", privilege.kept),
        DropLevel::StayRoot => "PID 1 stays root".to_owned(),
        DropLevel::LimitedRoot => "PID 1 is root without the capabilities to step down".to_owned(),
    };
    let reasons = privilege.reasons.join("; ");
    if reasons.is_empty() { kept } else { format!("{kept}: {reasons}") }
}

fn stop(budget: Duration) -> String {
    let all = format!("{} in all", show_duration(budget));
    if budget < RUNTIME_STOP_TIMEOUT {
        return all;
    }
    let enough = budget.as_secs().saturating_add(2);
    format!(
        "{all}; the runtime must wait as long: `docker run --stop-timeout {enough}`, compose `stop_grace_period: {enough}s`, \
         kubernetes `terminationGracePeriodSeconds: {enough}`"
    )
}

/// Accounts, the runtime directory, standard streams: no observation is needed.
fn steps(plan: &BootPlan, facts: &Facts, state: BootState, checks: &mut Vec<Check>) {
    let mut well = vec![(Area::Accounts, "accounts"), (Area::RuntimeDirectory, "/run"), (Area::Stdio, "stdio")];
    for group in labels::step_groups(&plan.steps) {
        let (Some(area), Decision::Skip(why)) = (area(group.step), group.decision) else { continue };
        well.retain(|(it, _)| *it != area);
        checks.push(Check::degraded(area, group.subjects.join(", "), why.clone()));
    }
    for (area, subject) in well {
        let of_area = |step: &Step| self::area(step) == Some(area);
        let of_area: Vec<_> = plan.steps.iter().filter(|planned| of_area(&planned.step)).collect();
        let subjects: Vec<_> = of_area.iter().map(|planned| labels::subject(&planned.step)).collect();
        let note = match (area, subjects.is_empty()) {
            (Area::Accounts, _) => accounts(plan, facts, &of_area, state),
            (Area::RuntimeDirectory, _) => runtime(plan),
            (_, true) => "nothing to do".to_owned(),
            (_, false) => {
                format!(
                    "the app can reopen {}; /proc/1/fd/1 cannot be opened: write to /dev/stdout",
                    subjects.join(" and ")
                )
            }
        };
        checks.push(Check::ok(area, subject, note));
    }
}

/// The state of the app user in the account files, now or after the boot.
fn accounts(plan: &BootPlan, facts: &Facts, steps: &[&PlannedStep], state: BootState) -> String {
    let name = shown(&plan.identity.name);
    let paths = |wanted: &dyn Fn(&Decision) -> bool| {
        let wanted = steps.iter().filter(|planned| wanted(&planned.decision));
        wanted.map(|planned| labels::subject(&planned.step)).collect::<Vec<_>>().join(", ")
    };
    let (all, written) = (paths(&|_| true), paths(&|decision| *decision == Decision::Perform));
    let known = passwd::by_uid(groups::bytes(facts, AccountFile::Passwd), plan.identity.uid).is_some();
    match state {
        _ if all.is_empty() && known => format!("`{name}` has its line in /etc/passwd"),
        _ if all.is_empty() => format!("uid {} has no line in /etc/passwd", plan.identity.uid),
        BootState::Planned if !written.is_empty() => format!("`{name}` gets its lines in {written} at boot"),
        BootState::Planned | BootState::Done => format!("`{name}` has its lines in {all}"),
    }
}

fn area(step: &Step) -> Option<Area> {
    match step {
        Step::WriteAccounts { .. } => Some(Area::Accounts),
        Step::RuntimeDirectory { .. } => Some(Area::RuntimeDirectory),
        Step::SetStdioAccess { .. } => Some(Area::Stdio),
        Step::S6Layout(_) | Step::ReadSecret(_) => Some(Area::Service),
        Step::BecomeSubreaper | Step::MakeDirectory(_) | Step::Own(_) => None,
    }
}

fn runtime(plan: &BootPlan) -> String {
    let first = plan.steps.iter().find_map(|planned| match &planned.step {
        Step::RuntimeDirectory { candidates } => candidates.first(),
        _ => None,
    });
    first.map(|path| format!("control socket in {}", labels::path(path))).unwrap_or_default()
}
