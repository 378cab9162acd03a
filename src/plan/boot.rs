//! Configuration + facts → [`BootPlan`]: combines the parts and decides the mode (DESIGN §2). Must not know how anything is
//! done.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::facts::{AccountFile, Facts};
use super::finding::{Area, Issue};
use super::fix::Fix;
use super::inherited::RemovedVariables;
use super::lint;
use super::notes::{Notes, OnFault, PlanErrors};
use super::notice::Restriction;
use super::prepare::PrepareStage;
use super::privilege::PrivilegeInputs;
use super::runs_as::UserResolver;
use super::services::{RunStage, ServiceInputs};
use super::steps::{PlanInputs, accounts::AccountFiles};
use super::switch::{self, PlannedAccounts, RunsAs, SwitchAbility};
use super::trust_check::TrustCheck;
use super::{
    BootPlan, Decision, DropLevel, Identity, Login, Mode, PlannedStep, ServicePlan, accounts, groups, host_ids,
    identity, machine_notices, prepare, privilege, services, steps,
};
use crate::config::container::{LogFormat, OnMissingPrivilege};
use crate::config::service::{Kind, RunAs, Service};
use crate::config::values::{CapSet, Capability, ServiceName, Uid};
use crate::config::{Config, shown_value};
use crate::error::{Error, Problem};

/// Returns the plan of a boot.
///
/// # Errors
/// [`Error::Wrong`] with every problem of the configuration on this machine (exit 100); [`Error::Refused`] if the machine
/// does not allow what is required (exit 111): the drop, root itself, a `required` path, a service that must not be
/// skipped.
pub fn boot(config: &Config, facts: &Facts) -> Result<BootPlan, Error> {
    let (plan, plan_errors) = whole(config, facts, OnFault::Refuse);
    plan_errors.or(plan)
}

/// Returns the plan after the scripts of `cont-init.d`, which may have changed definitions: a problem of a service that
/// [may be held back](Config::may_hold_back) holds that one back ([`ServicePlan::held_back`](super::ServicePlan)).
///
/// # Errors
/// As [`boot`], but for problems of such a service.
pub fn boot_after_scripts(config: &Config, facts: &Facts) -> Result<BootPlan, Error> {
    let (plan, plan_errors) = whole(config, facts, OnFault::HoldBack);
    plan_errors.or(plan)
}

/// Returns the problems for which that plan would hold services back, whatever else prevents it.
pub fn held_back(config: &Config, facts: &Facts) -> BTreeMap<ServiceName, Vec<Problem>> {
    let (plan, _) = whole(config, facts, OnFault::HoldBack);
    let all = plan.services.into_iter().filter(|service| !service.held_back.is_empty());
    all.map(|service| (service.name.clone(), service.held_back.clone())).collect()
}

impl BootPlan {
    /// Returns the services that are held back.
    pub fn held_back(&self) -> BTreeSet<ServiceName> {
        self.services
            .iter()
            .filter(|service| !service.held_back.is_empty())
            .map(|service| service.name.clone())
            .collect()
    }
}

/// Returns the plan before a boot: a main command that cannot be executed, with which the boot would end like a shell, is a
/// problem, as for a service.
///
/// # Errors
/// As [`boot`].
pub fn preview(config: &Config, facts: &Facts) -> Result<BootPlan, Error> {
    let (mut plan, mut plan_errors) = whole(config, facts, OnFault::Refuse);
    match plan_errors.main.take() {
        Some(fault) if plan.prepare.is_empty() => plan_errors.problems.push(fault.problem()),
        Some(fault) => plan.notices.push(fault.notice()),
        None => {}
    }
    plan_errors.or(plan)
}

/// Returns the plan and everything that prevents it.
pub(super) fn whole(config: &Config, facts: &Facts, on_fault: OnFault) -> (BootPlan, PlanErrors) {
    let mut notes = Notes::new(on_fault);
    let app = &config.container.app;
    let (switch_ability, identity, files) = resolve_identity(config, facts, &mut notes);
    let mut names = match &files {
        Some(files) => files.names(facts),
        None => PlannedAccounts {
            passwd: groups::bytes(facts, AccountFile::Passwd).to_vec(),
            group: groups::bytes(facts, AccountFile::Group).to_vec(),
            app: None,
        },
    };
    names.app = Some((app.user.clone(), app.group.clone()));

    let resolver = UserResolver { facts, identity: &identity, names: &names, switch_ability };
    let main = config.main_service();
    // The main command is the last one.
    let runs = config.services.iter().chain(&main).map(|service| resolver.service(service, &mut notes));
    let runs: Vec<RunsAs> = runs.collect();
    let declared_root = |(service, runs): (&Rc<Service>, &RunsAs)| service.user != RunAs::App && runs.uid == Uid::ROOT;
    let is_root: Vec<bool> = config.services.iter().zip(&runs).map(declared_root).collect();
    let stage = match switch_ability {
        // s6-overlay starts oneshots and longruns side by side, and its scripts may wait for a longrun that they do not
        // require: where PID 1 stays root anyway only those run before the rest that have nothing beside them.
        SwitchAbility::Root if config.s6.is_some() && has_root_longrun(config, &is_root) => {
            prepare::init_scripts(&config.services)
        }
        SwitchAbility::Root => prepare::stage(&config.services, &is_root),
        SwitchAbility::LimitedRoot | SwitchAbility::User => PrepareStage::default(),
    };
    let privilege_inputs = PrivilegeInputs {
        config,
        facts,
        identity: &identity,
        switch_ability,
        names: &names,
        main: main.as_ref(),
        runs: &runs,
        stage: &stage,
    };
    let privilege = privilege::decide(&privilege_inputs, &mut notes);

    let trust = TrustCheck { config, facts, identity: &identity, switch_ability, runs: &runs };
    let plan_inputs = PlanInputs { config, facts, identity: &identity, resolver: &resolver, trust: &trust };
    let steps = steps::plan(&plan_inputs, files.as_ref(), &mut notes);

    trust.check(&mut notes);
    let app_login = Rc::new(Login { home: identity.home.clone(), user: identity.name.clone() });
    let common = ServiceInputs {
        facts,
        identity: &identity,
        switch_ability,
        privilege: &privilege,
        trust: &trust,
        app_login: &app_login,
    };
    let mut plans = Vec::with_capacity(config.services.len());
    let mut removed = RemovedVariables::default();
    for (at, (service, runs)) in config.services.iter().zip(runs.iter().cloned()).enumerate() {
        let when = if stage.has(at) { RunStage::Prepare } else { RunStage::Serve };
        notes.about(service, config);
        let plan = services::plan(&common, service, runs, when, (&mut notes, &mut removed));
        let of_plan = notes.take_held_back(&service.name);
        // What the definition is made of is not known if that is wrong.
        let held_back = config.held_back.get(&service.name).cloned().unwrap_or(of_plan);
        plans.push(Rc::new(ServicePlan { held_back, ..plan }));
    }
    notes.about_all();
    let main = main.zip(runs.get(config.services.len()));
    let main = main
        .map(|(service, runs)| Rc::new(services::main(&common, &service, runs.clone(), (&mut notes, &mut removed))));
    removed.add_notices(&mut notes);
    add_machine_notices(config, facts, &mut notes);

    let prepare = stage.members().iter().filter_map(|at| config.services.get(*at)).map(|it| it.name.clone()).collect();
    let mode = mode(switch_ability, facts, &identity, privilege.drop, &steps);
    let log = match config.container.log {
        LogFormat::Auto if config.services.len() + usize::from(main.is_some()) == 1 => LogFormat::Inherit,
        LogFormat::Auto => LogFormat::Tagged,
        LogFormat::Inherit => LogFormat::Inherit,
        LogFormat::Tagged => LogFormat::Tagged,
        LogFormat::Json => LogFormat::Json,
    };
    let on_host = host_ids::description((identity.uid, &facts.uid_map), (identity.gid, &facts.gid_map));
    let (notices, plan_errors) = notes.finish();
    let plan = BootPlan { mode, identity, on_host, steps, prepare, privilege, services: plans, main, log, notices };
    (plan, plan_errors)
}

/// Determines whether we can change user, the identity, and the wanted account files.
fn resolve_identity(
    config: &Config,
    facts: &Facts,
    notes: &mut Notes,
) -> (SwitchAbility, Identity, Option<AccountFiles>) {
    let app = &config.container.app;
    identity::check_fields(app, notes);
    if facts.uid != Uid::ROOT {
        if config.container.without_root == OnMissingPrivilege::Refuse {
            let cause = "`without_root = \"refuse\"` in the container file".to_owned();
            let fix = "start the container as root: without `user:` and `--user`; or remove `without_root`";
            notes.refuse(format!("cannot start as {}:{}, without root", facts.uid, facts.gid), cause, fix);
        }
        let identity = identity::without_switch(&config.container, facts, notes);
        let known = accounts::passwd::by_uid(groups::bytes(facts, AccountFile::Passwd), facts.uid).is_some();
        let files = (!known).then(|| AccountFiles::for_unknown(app, &identity, facts));
        return (SwitchAbility::User, identity, files);
    }
    let target = identity::of_root(config, facts, notes);
    match switch_issue(&target.identity, facts) {
        None => {
            let files = AccountFiles::for_root(app, &target, facts, notes);
            (SwitchAbility::Root, target.identity, Some(files))
        }
        Some(issue) => {
            let Identity { name, uid, gid, .. } = &target.identity;
            let what = format!("cannot step down to {name} ({uid}:{gid})");
            match config.container.without_drop {
                OnMissingPrivilege::Refuse => {
                    let fix = issue.fix.or(Fix::text(format!("start as that user: `--user {uid}:{gid}`"))).or(
                        Fix::text("accept running as root without these capabilities: `STEPDOWN_WITHOUT_DROP=run`"),
                    );
                    notes.refuse_for(Area::StepDown, what, Issue { fix, ..issue });
                }
                OnMissingPrivilege::Run => notes.degraded(Area::StepDown, what, issue),
            }
            (SwitchAbility::LimitedRoot, identity::without_switch(&config.container, facts, notes), None)
        }
    }
}

/// Why root cannot change to that user, what follows if that is accepted, and the fix. `None` if the app user is root
/// itself.
fn switch_issue(target: &Identity, facts: &Facts) -> Option<Issue> {
    let accepted = "everything keeps running as root";
    let mut needs = CapSet::EMPTY;
    if target.uid != Uid::ROOT {
        needs = switch::needed();
    } else if target.gid != facts.gid {
        needs = needs.with(Capability::SETGID);
    }
    let missing = needs.minus(facts.effective);
    if !missing.is_empty() {
        return Some(Issue::lacking_all(missing, accepted));
    }
    (facts.setgroups_denied && target.uid != Uid::ROOT).then(|| {
        let cause = "groups cannot be set in this user namespace (/proc/self/setgroups says deny)";
        let fix = "give the runtime subordinate ids (/etc/subuid, /etc/subgid and newgidmap), or set PUID=0";
        Issue::new(cause, accepted, fix)
    })
}

fn add_machine_notices(config: &Config, facts: &Facts, notes: &mut Notes) {
    config.notices.iter().for_each(|notice| notes.notice(notice.clone()));
    lint::add_notices(config, notes);
    machine_notices::of_umasks(config, notes);
    if !facts.pid_one {
        notes.checked_elsewhere(Restriction::NotPidOne);
    }
    if !config.container.pid1_filter {
        notes.checked_elsewhere(Restriction::NoFilter);
    }
    machine_notices::of_machine(facts, notes);
    machine_notices::of_shell_names(config, facts, notes);
    if let Some(zone) = &facts.unknown_zone {
        let cause = format!("TZ={} is not a time zone of this image", shown_value(zone));
        let issue = Issue::new(cause, "times are UTC", "install tzdata in the image, or correct TZ");
        notes.degraded(Area::TimeZone, "TZ", issue);
    }
}

fn mode(
    switch_ability: SwitchAbility,
    facts: &Facts,
    identity: &Identity,
    drop: DropLevel,
    steps: &[PlannedStep],
) -> Mode {
    let known = || accounts::passwd::by_uid(groups::bytes(facts, AccountFile::Passwd), identity.uid).is_some();
    // A file of the user's that is missing says nothing about the machine.
    let of_machine = |it: &&PlannedStep| !matches!(it.step, super::Step::ReadSecret(_));
    let skips = steps.iter().filter(of_machine).any(|it| matches!(it.decision, Decision::Skip(_)));
    match (switch_ability, drop) {
        (SwitchAbility::User, _) if known() => Mode::User,
        (SwitchAbility::User, _) => Mode::UserUnknown,
        (SwitchAbility::LimitedRoot, _) => Mode::RootLimited,
        (SwitchAbility::Root, _) if skips || lacks_capabilities(facts, steps) => Mode::RootLimited,
        (SwitchAbility::Root, _) => Mode::Root,
    }
}

/// Whether capabilities are missing that steps may need for single files.
fn lacks_capabilities(facts: &Facts, steps: &[PlannedStep]) -> bool {
    let mut needs = CapSet::EMPTY;
    if steps.iter().any(|it| matches!(it.step, super::Step::Own(_)) && it.decision == Decision::Perform) {
        needs = needs.with(Capability::CHOWN).with(Capability::FOWNER).with(Capability::DAC_OVERRIDE);
    }
    !needs.minus(facts.effective).is_empty()
}

fn has_root_longrun(config: &Config, is_root: &[bool]) -> bool {
    let longruns = |service: &Service| service.enabled && service.kind == Kind::Longrun;
    config.services.iter().zip(is_root).any(|(service, is_root)| *is_root && longruns(service))
}
