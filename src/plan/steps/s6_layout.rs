//! The run-time state of s6-overlay that scripts of an image made for it look for (FIELD §2.1): where it lies and whose it
//! is. Best effort: what is missing here is a restriction, never a reason not to start. Must not know its files.

use std::path::Path;
use std::rc::Rc;

use super::inputs::{PlanInputs, as_found, lacking, skip};
use crate::config::container::DropPolicy;
use crate::config::service::Service;
use crate::config::values::{CapSet, Capability, Uid};
use crate::plan::facts::{Access, PathFact, PathKind, S6Places, VarRun};
use crate::plan::finding::{Area, Issue};
use crate::plan::fix::Fix;
use crate::plan::notes::Notes;
use crate::plan::switch::SwitchAbility;
use crate::plan::{Decision, Owner, PlannedStep, S6Base, S6Directory, S6Layout, Step};

/// What the scripts of an image name most often.
const NAMED: &str = "/run/s6/container_environment, /run/s6/basedir/bin/halt, /run/service and \
                     /run/s6-linux-init-container-results/exitcode";
/// Scripts of LinuxServer's images that write secrets into the container environment, today's and that of version 2.
const SECRET_SCRIPTS: [&str; 2] = ["init-envfile", "cont-init-01-envfile"];
/// What a step that is skipped leads to.
const WITHOUT: &str =
    "scripts get no environment by with-contenv, and each service runs in the directory of its definition";

/// Returns the step; `None` in an image that was not made for s6-overlay.
pub(super) fn step(inputs: &PlanInputs<'_>, notes: &mut Notes) -> Option<PlannedStep> {
    let (s6, places) = (inputs.config.s6.as_ref()?, inputs.facts.s6?);
    let owner = owner(inputs);
    let is_possible = places.access == Access::Yes;
    let base = if is_possible { S6Base::Run } else { S6Base::RuntimeDirectory };
    let has_runtime = inputs.facts.runtime.iter().any(|(_, access)| *access == Access::Yes);
    let decision = match base {
        S6Base::Run => in_run(inputs, owner),
        S6Base::RuntimeDirectory if has_runtime => {
            let consequence = format!(
                "{NAMED} do not exist, and scripts that name them do not find them; with-contenv, s6-svc and the other \
                 commands of stepdown work"
            );
            notes.degraded(
                Area::Service,
                "s6-overlay files",
                Issue::new(cause(places, owner), consequence, fix(owner)),
            );
            Decision::Perform
        }
        S6Base::RuntimeDirectory => skip(cause(places, owner), WITHOUT, fix(owner)),
    };
    let take_run = is_possible && others_can_write(&places.run, owner) && take_run(inputs, places, notes);
    let link_var_run = is_possible && link_var_run(places.var_run, notes);
    let all = &inputs.config.services;
    let services = all.iter().filter_map(|service| S6Directory::of(service, all)).collect();
    let (version, keep_env, path) = (s6.version, s6.keep_env, inputs.trust.path_of_scripts(inputs.resolver));
    let secrets = secrets(inputs, keep_env);
    let layout = S6Layout { base, owner, take_run, link_var_run, keep_env, path, secrets, services, version };
    Some(PlannedStep { step: Step::S6Layout(layout), decision })
}

/// Returns the secrets that `FILE__NAME` names, if no script of the image reads them, as LinuxServer's have one.
fn secrets(inputs: &PlanInputs<'_>, keep_env: bool) -> Vec<String> {
    let reads_them = |service: &Rc<Service>| SECRET_SCRIPTS.contains(&service.name.as_str());
    if keep_env || inputs.config.services.iter().any(reads_them) {
        return Vec::new();
    }
    let all = inputs.config.container.secrets.iter().filter(|secret| !secret.is_listed);
    all.map(|secret| secret.name.clone()).collect()
}

/// The user of the scripts: ourselves, or with `drop = "app"` the app user, as which all of them run then.
fn owner(inputs: &PlanInputs<'_>) -> Owner {
    let (facts, identity) = (inputs.facts, inputs.identity);
    match (inputs.switch_ability(), inputs.config.container.drop) {
        (SwitchAbility::Root, DropPolicy::App) => Owner { uid: identity.uid, gid: identity.gid },
        (SwitchAbility::Root, DropPolicy::Auto | DropPolicy::Root)
        | (SwitchAbility::User | SwitchAbility::LimitedRoot, _) => Owner { uid: facts.uid, gid: facts.gid },
    }
}

fn in_run(inputs: &PlanInputs<'_>, owner: Owner) -> Decision {
    let is_foreign = owner.uid != inputs.facts.uid || owner.gid != inputs.facts.gid;
    if is_foreign && !inputs.has(Capability::CHOWN) {
        let fix = Fix::capabilities(CapSet::EMPTY.with(Capability::CHOWN));
        return lacking(
            Capability::CHOWN,
            format!("they could not be given to {}:{}; {WITHOUT}", owner.uid, owner.gid),
            fix,
        );
    }
    Decision::Perform
}

/// Returns whether users besides root and the owner of the state can replace entries of `/run`.
fn others_can_write(run: &PathFact, owner: Owner) -> bool {
    match run {
        PathFact::Found { kind: PathKind::Directory, uid, mode, .. } => {
            let by_mode = mode & 0o022 != 0 && mode & 0o1000 == 0;
            (*uid != Uid::ROOT && *uid != owner.uid) || (by_mode && owner.uid == Uid::ROOT)
        }
        PathFact::Found { .. } | PathFact::Missing(_) | PathFact::Unknown(_) => false,
    }
}

/// Decides whether `/run` becomes root's, as s6-overlay makes it; otherwise everyone who can write it has what the scripts have.
fn take_run(inputs: &PlanInputs<'_>, places: S6Places, notes: &mut Notes) -> bool {
    let needs = CapSet::EMPTY.with(Capability::CHOWN).with(Capability::FOWNER);
    let missing = needs.minus(inputs.facts.effective);
    if inputs.switch_ability() == SwitchAbility::Root && missing.is_empty() {
        return true;
    }
    let cause = format!("/run is {}", as_found(&places.run));
    let consequence = "everyone who can write it can replace what the scripts read there";
    let fix = match inputs.switch_ability() {
        SwitchAbility::Root => Fix::capabilities(missing),
        SwitchAbility::User | SwitchAbility::LimitedRoot => fix(Owner { uid: inputs.facts.uid, gid: inputs.facts.gid }),
    };
    notes.degraded(Area::Service, "s6-overlay files", Issue::new(cause, consequence, fix));
    false
}

fn link_var_run(var_run: VarRun, notes: &mut Notes) -> bool {
    let cause = match var_run {
        VarRun::Link => return false,
        VarRun::Free(Access::Yes) => return true,
        VarRun::Free(_) => "/var/run is no link to /run, and it cannot be made one here",
        VarRun::Used => "/var/run is no link to /run, and not empty",
    };
    let consequence = "scripts that name /var/run/s6 or /var/run/service do not find them";
    let fix = "`RUN rm -rf /var/run && ln -s /run /var/run` in the Dockerfile";
    notes.degraded(Area::Service, "s6-overlay files", Issue::new(cause, consequence, fix));
    false
}

fn cause(places: S6Places, owner: Owner) -> String {
    let Owner { uid, gid } = owner;
    match (places.access, &places.run) {
        (Access::ReadOnly, _) => "/run is read-only".to_owned(),
        (_, PathFact::Missing(_)) => format!("there is no /run, and {uid}:{gid} cannot create it"),
        (_, run) => format!("/run is {}, and {uid}:{gid} cannot write it", as_found(run)),
    }
}

fn fix(owner: Owner) -> Fix {
    Fix::tmpfs(Path::new("/run"), Some((owner, 0o755)))
}
