//! The output of `stepdown plan --json`. Keys are stable: they may be added, never renamed. Must not decide anything.

use serde_json::{Value, json};

use super::{labels, service_details};
use crate::config::Config;
use crate::config::service::{Kind, Service};
use crate::config::values::Gid;
use crate::plan::finding::Issue;
use crate::plan::{BootPlan, Decision, PlannedStep, S6Base, SecretReader, ServicePlan, Step, order};

/// Returns the plan as one JSON object.
pub fn json(plan: &BootPlan, config: &Config) -> Value {
    let app = &plan.identity;
    let privilege = &plan.privilege;
    let services: Vec<_> =
        config.services.iter().zip(&plan.services).map(|(service, how)| service_json(service, how)).collect();
    let name = |at: &usize| config.services.get(*at).map(|service| service.name.to_string());
    let order: Vec<Vec<_>> =
        order::layers(&config.services).iter().map(|layer| layer.iter().filter_map(name).collect()).collect();
    json!({
        "mode": plan.mode,
        "identity": {
            "name": app.name,
            "uid": app.uid.0,
            "gid": app.gid.0,
            "groups": gids(&app.groups),
            "home": labels::path(&app.home),
            "umask": format!("{:03o}", app.umask),
            "outside": plan.on_host,
        },
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "prepare": plan.prepare.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "privilege": {
            "drop": labels::drop(privilege.drop),
            "kept": labels::caps(privilege.kept),
            "no_new_privs": privilege.no_new_privs,
            "private_gid": privilege.private_gid.map(|gid| gid.0),
            "reasons": privilege.reasons,
        },
        "services": services,
        "order": order,
        "main": plan.main.as_ref().zip(config.main_service()).map(|(how, service)| main_json(&service, how)),
        "log": service_details::format(plan.log),
        "stop_timeout": config.container.stop_timeout.as_secs_f64(),
        "notices": plan.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn gids(gids: &[Gid]) -> Vec<u32> {
    gids.iter().map(|gid| gid.0).collect()
}

fn step(planned: &PlannedStep) -> Value {
    let mut value = match &planned.step {
        Step::BecomeSubreaper => json!({ "step": "subreaper" }),
        Step::WriteAccounts { file, changes, .. } => {
            json!({ "step": "accounts", "path": file.path(), "changes": changes })
        }
        Step::RuntimeDirectory { candidates } => {
            let all: Vec<_> = candidates.iter().map(|it| labels::path(it)).collect();
            json!({ "step": "runtime-directory", "candidates": all })
        }
        Step::S6Layout(layout) => json!({
            "step": "s6-layout",
            "path": match layout.base {
                S6Base::Run => Some("/run"),
                S6Base::RuntimeDirectory => None,
            },
            "uid": layout.owner.uid.0,
            "gid": layout.owner.gid.0,
            "take_run": layout.take_run,
            "link_var_run": layout.link_var_run,
            "services": layout.services.iter().map(|it| it.name.to_string()).collect::<Vec<_>>(),
        }),
        Step::ReadSecret(secret) => json!({
            "step": "secret",
            "name": secret.name,
            "path": labels::path(&secret.path),
            "reader": match secret.reader {
                SecretReader::PidOne => "pid-one",
                SecretReader::App => "app",
            },
        }),
        Step::MakeDirectory(make) => json!({
            "step": "directory",
            "path": labels::path(&make.path),
            "uid": make.owner.uid.0,
            "gid": make.owner.gid.0,
            "mode": format!("{:04o}", make.mode),
            "clean": make.clean,
        }),
        Step::Own(own) => json!({
            "step": "own",
            "path": labels::path(&own.path),
            "uid": own.owner.uid.0,
            "gid": own.owner.gid.0,
            "recursive": own.options.recursive,
        }),
        Step::SetStdioAccess { fd, .. } => json!({ "step": "stdio", "fd": fd }),
    };
    let decision = match &planned.decision {
        Decision::Perform => json!({ "verdict": "do" }),
        Decision::AlreadyDone(why) => json!({ "verdict": "right", "why": why }),
        Decision::Skip(why) => {
            let mut value = json!({ "verdict": "skip" });
            merge(&mut value, skipped(why));
            value
        }
    };
    merge(&mut value, decision);
    value
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn skipped(why: &Issue) -> Value {
    json!({ "cause": why.cause, "consequence": why.consequence, "fix": why.fix.to_string() })
}

fn service_json(service: &Service, how: &ServicePlan) -> Value {
    let mut value = program(how);
    let kind = match service.kind {
        Kind::Longrun => "longrun",
        Kind::Oneshot => "oneshot",
    };
    let names = |names: &[_]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let more = json!({
        "kind": kind,
        "requires": names(&service.requires),
        "after": names(&service.after),
        "enabled": service.enabled,
        "skipped": how.skipped.as_deref().map(skipped),
    });
    merge(&mut value, more);
    let parts = service_details::details(service).map(|part| (part.key.to_owned(), json!(part.value)));
    merge(&mut value, Value::Object(parts.into_iter().collect()));
    value
}

/// The keys of the main command: a subset of a service's.
fn main_json(service: &Service, how: &ServicePlan) -> Value {
    let mut value = program(how);
    let parts = service_details::details(service).into_iter().filter(|part| matches!(part.key, "ready" | "health"));
    let parts = parts.map(|part| (part.key.to_owned(), json!(part.value)));
    merge(&mut value, json!({ "success_codes": *service.success_codes }));
    merge(&mut value, Value::Object(parts.collect()));
    value
}

fn program(how: &ServicePlan) -> Value {
    let argv: Vec<_> = how.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    json!({
        "name": how.name.to_string(),
        "user": how.login.user,
        "uid": how.credentials.uid.0,
        "gid": how.credentials.gid.0,
        "groups": how.credentials.groups.as_deref().map(gids),
        "capabilities": labels::caps(how.credentials.ambient),
        "no_new_privs": how.credentials.no_new_privs,
        "program": labels::path(&how.program),
        "argv": argv,
        "home": labels::path(&how.login.home),
        "secrets": how.secrets,
    })
}
