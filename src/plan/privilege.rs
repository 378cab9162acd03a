//! The privilege that PID 1 keeps after the drop, and why (DESIGN §3.4): the least that the services need. Must not know
//! steps.

use std::rc::Rc;

use super::accounts::group;
use super::checks::refused_limits;
use super::exec_rights::without_free_ports;
use super::facts::Facts;
use super::finding::{Area, CauseKind, Issue};
use super::fix::Fix;
use super::notes::{Notes, S6_OVERLAY};
use super::notice::Restriction;
use super::prepare::PrepareStage;
use super::switch::{PlannedAccounts, RunsAs, SwitchAbility};
use super::{DropLevel, Identity, Privilege, printable};
use crate::config::container::DropPolicy;
use crate::config::service::{Kind, Service};
use crate::config::values::{CapSet, Capability, Gid, Uid};
use crate::config::{Config, suggest};

/// The highest valid id: above it are `-2` (nobody on some systems) and `-1` ("leave unchanged").
const MAX_ID: u32 = u32::MAX - 2;
/// The overflow id of unmapped ids, and `-1` in 16 bits.
const RESERVED_IDS: [u32; 2] = [65534, 65535];

/// The inputs of the decision.
pub(super) struct PrivilegeInputs<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub identity: &'a Identity,
    pub switch_ability: SwitchAbility,
    pub names: &'a PlannedAccounts,
    /// The main command, if there is one.
    pub main: Option<&'a Rc<Service>>,
    /// The user of each service, in the order of the services, then the main command.
    pub runs: &'a [RunsAs],
    pub stage: &'a PrepareStage,
}

/// The privilege that one service needs of PID 1 after the drop.
enum ServiceNeed {
    /// PID 1 must stay root; the reason.
    Root(String),
    /// These capabilities, each with its reason; usually none.
    Caps(Vec<(CapSet, String)>),
}

/// Returns the privilege that PID 1 keeps.
pub(super) fn decide(inputs: &PrivilegeInputs<'_>, notes: &mut Notes) -> Privilege {
    let mut kept = CapSet::EMPTY;
    let mut reasons = Vec::new();
    let mut stays = Vec::new();
    let mut no_new_privs = true;
    // An image made for s6-overlay may have dozens that all have the same reason: they are named together.
    let (mut s6_roots, mut s6_without): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    match inputs.config.container.drop {
        DropPolicy::Root => stays.push("`drop = \"root\"` in the container file".to_owned()),
        DropPolicy::Auto | DropPolicy::App => {}
    }
    if inputs.switch_ability == SwitchAbility::Root && inputs.identity.uid == Uid::ROOT {
        stays.push("the app user itself is uid 0".to_owned());
        if inputs.config.container.drop == DropPolicy::App {
            let fix = "choose another uid, or remove `drop = \"app\"`";
            notes.problem_of(&["uid"], app_place(inputs), "uid 0 is not possible with `drop = \"app\"`", fix);
        }
    }
    let all = inputs.config.services.iter().chain(inputs.main);
    for (index, (service, runs)) in all.zip(inputs.runs).enumerate() {
        if runs.skipped.is_none() {
            for (subject, issue) in refused_limits(service, inputs.facts) {
                notes.degraded(Area::Limit, subject, issue);
            }
        }
        if inputs.stage.has(index) || runs.skipped.is_some() {
            file_access_notice(inputs, service, runs, notes);
            continue;
        }
        if !service.no_new_privileges {
            no_new_privs = false;
            match service.s6 {
                Some(_) => s6_without.push(service.name.as_str()),
                None => reasons.push(without_no_new_privs(&format!("`{}` has", service.name))),
            }
            if inputs.facts.no_new_privs {
                no_way_back(service, notes);
            }
        }
        let need = need_of(inputs, index, service, runs);
        if inputs.config.container.drop == DropPolicy::App && inputs.switch_ability == SwitchAbility::Root {
            require_full_drop(service, &need, notes);
        }
        match need {
            ServiceNeed::Root(_) if service.s6.is_some() => s6_roots.push(service.name.as_str()),
            ServiceNeed::Root(why) => stays.push(why),
            ServiceNeed::Caps(needs) => {
                let all = needs.iter().fold(CapSet::EMPTY, |all, (caps, _)| all.union(*caps));
                missing(inputs, service, all, notes);
                kept = kept.union(all);
                let granted = |caps: &CapSet| !caps.intersection(inputs.facts.permitted).is_empty();
                reasons.extend(needs.into_iter().filter(|(caps, _)| granted(caps)).map(|(_, why)| why));
            }
        }
    }
    if !s6_roots.is_empty() {
        let names = suggest::list(s6_roots);
        stays.push(format!("this image was made for s6-overlay and runs as root, unless `drop = \"app\"`: {names}"));
    }
    if !s6_without.is_empty() {
        reasons.push(without_no_new_privs("what was made for s6-overlay has"));
    }
    let (drop, kept) = match inputs.switch_ability {
        SwitchAbility::User => (DropLevel::AlreadyUser, kept.intersection(inputs.facts.permitted)),
        SwitchAbility::LimitedRoot => (DropLevel::LimitedRoot, inputs.facts.permitted),
        SwitchAbility::Root if stays.is_empty() => (DropLevel::ToApp, kept.intersection(inputs.facts.permitted)),
        SwitchAbility::Root => (DropLevel::StayRoot, inputs.facts.permitted),
    };
    if drop == DropLevel::StayRoot {
        stays.append(&mut reasons);
        reasons = stays;
    }
    let private_gid = (drop == DropLevel::ToApp).then(|| private_gid(inputs)).flatten();
    Privilege { drop, kept, no_new_privs, private_gid, reasons }
}

fn without_no_new_privs(who: &str) -> String {
    format!("{who} no_new_privs off, for setuid programs such as sudo: PID 1 has it off too, every other process on")
}

/// Reports that no_new_privs of the runtime cannot be reset.
fn no_way_back(service: &Service, notes: &mut Notes) {
    // Nobody has written it for each service of an image made for s6-overlay: once for all.
    let (subject, cause) = match service.s6 {
        Some(_) => (S6_OVERLAY.to_owned(), "the runtime has set no_new_privs"),
        None => (printable::subject(service), "`no_new_privileges = false` has no effect: the runtime has set it"),
    };
    let issue = Issue {
        why: CauseKind::NoNewPrivs,
        ..Issue::new(
            cause,
            "no setuid program (sudo, cron) gains anything",
            Fix::text(
                "remove `no-new-privileges` from `security_opt`; kubernetes: `securityContext: { \
                 allowPrivilegeEscalation: true }`",
            ),
        )
    };
    notes.degraded(Area::Capability, subject, issue);
}

fn app_place<'a>(inputs: &PrivilegeInputs<'a>) -> &'a crate::error::Place {
    let app = &inputs.config.container.app;
    app.env_uid.as_ref().map_or(&app.at, |requested| &requested.at)
}

/// `drop = "app"` keeps nothing: a service that needs more is a problem, whatever the runtime granted.
fn require_full_drop(service: &Service, need: &ServiceNeed, notes: &mut Notes) {
    let reasons: Vec<&String> = match need {
        ServiceNeed::Root(why) => vec![why],
        ServiceNeed::Caps(needs) => needs.iter().map(|(_, why)| why).collect(),
    };
    for reason in reasons {
        let fix = "remove it, or write `drop = \"auto\"` in the container file";
        notes.problem(&service.at, format!("{reason}, and `drop = \"app\"` keeps nothing"), fix);
    }
}

fn need_of(inputs: &PrivilegeInputs<'_>, index: usize, service: &Service, runs: &RunsAs) -> ServiceNeed {
    let name = &service.name;
    let mut needs = Vec::new();
    let mut need = |caps: CapSet, why: String| needs.push((caps, why));
    if inputs.switch_ability == SwitchAbility::Root && runs.uid == Uid::ROOT && inputs.identity.uid != Uid::ROOT {
        return ServiceNeed::Root(
            match (service.kind, inputs.stage.after_drop.iter().find(|(other, _)| *other == index)) {
                (Kind::Oneshot, Some((_, why))) => format!("`{name}` runs as root after the drop: {why}"),
                (Kind::Oneshot, None) => format!("`{name}` runs as root"),
                (Kind::Longrun, _) => match &service.finish {
                    Some(_) => format!("`{name}` runs as root for good, its finish script too"),
                    None => format!("`{name}` runs as root for good"),
                },
            },
        );
    }
    if inputs.switch_ability == SwitchAbility::Root && runs.uid != Uid::ROOT {
        let subject = format!("`{name}` runs as {} ({}:{})", runs.user, runs.uid, runs.gid);
        let set_groups = CapSet::EMPTY.with(Capability::SETGID);
        if runs.uid != inputs.identity.uid {
            let caps = set_groups.with(Capability::SETUID).with(Capability::KILL);
            need(caps, format!("{subject}: SETUID, SETGID and KILL are as good as root"));
        } else if runs.gid != inputs.identity.gid {
            need(set_groups, format!("{subject}: SETGID lets it join any group"));
        } else if runs.groups.as_deref() != Some(&inputs.identity.groups) {
            need(set_groups, format!("`{name}` has groups of its own: SETGID lets it join any"));
        }
    }
    // Root has all granted capabilities; those not granted are missing for it too.
    if !service.capabilities.is_empty()
        && (runs.uid != Uid::ROOT || inputs.switch_ability == SwitchAbility::LimitedRoot)
    {
        let granted = service.capabilities.intersection(inputs.facts.permitted);
        let given = if granted.is_empty() { service.capabilities } else { granted };
        need(service.capabilities, format!("`{name}` is given {given}"));
    }
    if let Some(nice) = service.nice.filter(|nice| *nice < inputs.facts.nice) {
        need(CapSet::EMPTY.with(Capability::SYS_NICE), format!("`{name}` has nice {nice}: SYS_NICE"));
    }
    if let Some(score) = service.oom_score_adj.filter(|score| *score < inputs.facts.oom_score_adj) {
        let why = format!("`{name}` has oom_score_adj {score}: SYS_RESOURCE");
        need(CapSet::EMPTY.with(Capability::SYS_RESOURCE), why);
    }
    if let Some(limit) = service.limits.iter().find(|limit| inputs.facts.is_above(limit)) {
        let why = format!("`{name}` raises its hard limit of {}: SYS_RESOURCE", limit.resource);
        need(CapSet::EMPTY.with(Capability::SYS_RESOURCE), why);
    }
    ServiceNeed::Caps(needs)
}

/// Reports the capabilities that a service runs without, because the runtime did not grant them.
fn missing(inputs: &PrivilegeInputs<'_>, service: &Service, wanted: CapSet, notes: &mut Notes) {
    // Capabilities for limits and priorities are reported for each of those.
    let of_limits = CapSet::from_iter([Capability::SYS_NICE, Capability::SYS_RESOURCE]).minus(service.capabilities);
    let wanted = wanted.minus(inputs.facts.permitted).minus(of_limits);
    let missing = without_free_ports(wanted, inputs.facts);
    // With SETUID, processes are signalled as their users.
    let missing = match inputs.facts.permitted.has(Capability::SETUID) && !service.capabilities.has(Capability::KILL) {
        true => missing.minus(CapSet::EMPTY.with(Capability::KILL)),
        false => missing,
    };
    let name = &service.name;
    let granting = |missing: CapSet| match (Fix::capabilities(missing), inputs.switch_ability) {
        (fix, SwitchAbility::Root | SwitchAbility::LimitedRoot) => fix,
        (fix, SwitchAbility::User) => Fix::text(format!("start the container as root, with {fix}")),
    };
    // `doctor` reports it for each port.
    let of_ports = missing.intersection(CapSet::EMPTY.with(Capability::NET_BIND_SERVICE));
    if !of_ports.is_empty() {
        let fix = granting(of_ports);
        notes.checked_elsewhere(Restriction::Ports { service: name.clone(), missing: of_ports, fix });
    }
    let others = missing.minus(of_ports);
    if !others.is_empty() {
        let issue = Issue { fix: granting(others), ..Issue::lacking_all(others, "it runs without that") };
        notes.degraded(Area::Capability, format!("`{name}`"), issue);
    }
}

/// Reports that root without DAC_OVERRIDE cannot write files of the app: an oneshot that prepares them would fail.
fn file_access_notice(inputs: &PrivilegeInputs<'_>, service: &Service, runs: &RunsAs, notes: &mut Notes) {
    let container = &inputs.config.container;
    let given = !container.own.is_empty() || !container.directories.is_empty();
    let (app, all) = (inputs.identity.uid != Uid::ROOT, inputs.facts.effective.has(Capability::DAC_OVERRIDE));
    if runs.skipped.is_some() || runs.uid != Uid::ROOT || !given || !app || all {
        return;
    }
    let fix = Fix::capabilities(CapSet::EMPTY.with(Capability::DAC_OVERRIDE));
    let name = &service.name;
    let what = "it runs as root and cannot write what is the app's";
    let issue = Issue::lacking(Capability::DAC_OVERRIDE, what, fix);
    notes.degraded(Area::Service, format!("`{name}`"), issue);
}

/// The saved gid that only PID 1 has (SECURITY fact 2): the highest mapped gid that is not in use, so that it owns no
/// file, and the same one at every boot. `None` if no other gid is mapped.
fn private_gid(inputs: &PrivilegeInputs<'_>) -> Option<Gid> {
    let used = |gid: Gid| {
        gid == Gid::ROOT
            || RESERVED_IDS.contains(&gid.0)
            || inputs.identity.gid == gid
            || inputs.identity.groups.contains(&gid)
            || inputs.facts.groups.contains(&gid)
            || inputs.runs.iter().any(|runs| runs.gid == gid || runs.groups.iter().flatten().any(|it| *it == gid))
            || group::by_gid(&inputs.names.group, gid).is_some()
    };
    let mut ranges: Vec<_> = inputs.facts.gid_map.0.iter().filter(|range| range.count > 0).collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.inside));
    ranges
        .into_iter()
        .flat_map(|range| {
            let last = range.inside.saturating_add(range.count - 1).min(MAX_ID);
            (range.inside..=last).rev()
        })
        .map(Gid)
        .find(|gid| !used(*gid))
}
