//! `check`: every mistake of a tree, and what privilege it needs. In the image itself (`/etc`) its programs and accounts are
//! checked too; a tree elsewhere is assumed to be for an image that has everything it names.

mod assumed;
mod lint;
mod report;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::rc::Rc;

use super::output::Printed;
use crate::config::service::Service;
use crate::config::{self, Config, key_lines};
use crate::error::{Error, Problem};
use crate::inspect::facts;
use crate::inspect::source::{self, ConfigPaths, readable};
use crate::plan::facts::Facts;
use crate::plan::{self, BootPlan, DropLevel};
use crate::run::stage2_hook::{self, NOT_RUN};
use crate::text::shown;
pub(super) use report::CheckFormat;
use report::{CheckReport, count, wrong};

/// Reads and plans, and prints what is wrong, or the privilege that will be kept. Problems are the output, not an error:
/// they go to standard output, with exit code 100.
pub(super) fn run(config_paths: &ConfigPaths, command: Vec<OsString>, format: CheckFormat) -> Result<Printed, Error> {
    let sources = super::source::sources(config_paths, command);
    let installed = config_paths.is_installed();
    let mut of_files = if installed { lint::of_crontabs() } else { Vec::new() };
    of_files.extend(lint::notices(&sources));
    let config = match config::read(&sources) {
        Ok(config) => config,
        Err(problems) => return Ok(wrong(problems, &of_files, format, str::to_owned)),
    };
    let facts = match installed {
        // This process is not the init, so facts about it are irrelevant.
        // Secrets are mounted where the container runs.
        true => Facts { pid_one: true, secrets: BTreeMap::new(), ..facts::read(&config) },
        false => assumed::facts(&config),
    };
    let as_printed = |text: &str| if installed { text.to_owned() } else { assumed::without_ids(text, &config) };
    let mut report = CheckReport { text: headline(config_paths, &config), notes: Vec::new() };
    honoured(&mut report.text, &config);
    let (mut drops, mut identity) = (false, None);
    let (hook, hook_stops) = if installed { stage2_hook::problems(&config) } else { (Vec::new(), false) };
    let planned = match plan::preview(&config, &facts).map_err(|error| key_lines::placed(error, &sources)) {
        Ok(_) | Err(Error::Refused(_)) if hook_stops && !hook.is_empty() => Err(Error::Wrong(hook.clone().into())),
        Err(Error::Wrong(mut problems)) if hook_stops => {
            problems.extend(hook.clone().into());
            Err(Error::Wrong(problems))
        }
        planned => planned,
    };
    match planned {
        Ok(plan) => {
            drops = plan.privilege.drop == DropLevel::ToApp;
            // The account's ids are only known in the image.
            identity = installed.then(|| plan.identity.clone());
            let mut about = CheckReport::default();
            describe(&mut about, &plan, installed);
            report.append(&about, as_printed);
        }
        Err(Error::Wrong(problems)) => {
            let missing = if installed { missing(&config) } else { Vec::new() };
            let notes = [config.notices.clone(), missing, of_files].concat();
            return Ok(wrong(problems, &notes, format, as_printed));
        }
        // A problem of this machine, not of the tree: an image may be checked where it could not run.
        Err(Error::Refused(refused)) => report.note(&format!("a boot here would fail: {refused}")),
    }
    if drops {
        let closed = readable::unreadable_by(&source::paths(config_paths, &sources.env), identity.as_ref());
        closed.iter().for_each(|path| report.note(&readable::message(path)));
    }
    if installed {
        missing(&config).iter().for_each(|notice| report.note(notice));
    }
    hook.iter().for_each(|Problem { what, fix, .. }| report.note(&format!("{NOT_RUN}: {what}; {fix}")));
    plan::undecided_daemons(&config).iter().for_each(|notice| report.note(notice));
    of_files.iter().for_each(|notice| report.note(notice));
    Ok(report.print(format))
}

/// Files that a service needs at its start and that a volume may provide.
fn missing(config: &Config) -> Vec<String> {
    let of = |service: &Rc<Service>| {
        let named =
            [("environment_file", &service.environment_file), ("directory", &service.directory)].map(|(key, path)| {
                let path = path.as_ref().filter(|path| !path.exists())?;
                let (name, path) = (&service.name, shown(path));
                Some(format!("`{name}`: `{key}` {path} is not in this image; `{name}` starts only where it is mounted"))
            });
        named.into_iter().flatten().collect::<Vec<_>>()
    };
    let secrets = config.container.secrets.iter().filter(|secret| !secret.path.exists());
    let secrets = secrets.map(|secret| {
        let (name, path) = (shown(&secret.name), shown(&secret.path));
        match secret.named_by.is_container_file() {
            true => {
                format!("secret `{name}`: {path} is not in this image; the container starts only where it is mounted")
            }
            false => format!("secret `{name}`: {path} is not in this image; services get it only where it is mounted"),
        }
    });
    config.services.iter().flat_map(of).chain(secrets).collect()
}

fn headline(config_paths: &ConfigPaths, config: &Config) -> String {
    let trees: Vec<_> = config_paths.trees.iter().map(shown).collect();
    let main = if config.main.is_empty() { "" } else { " and a main command" };
    format!("{}: {}{main}, no problems\n", trees.join(", "), count(config.services.len(), "service"))
}

/// Which of its files and variables have the effect that they have under s6-overlay; what has none is among the notices.
fn honoured(text: &mut String, config: &Config) {
    if let Some(s6) = config.s6.as_ref().filter(|s6| !s6.honoured.is_empty()) {
        let _ = writeln!(text, "s6-overlay: honoured: {}", s6.honoured.join(", "));
        for (item, difference) in config::differences(&s6.honoured, s6.version) {
            let _ = writeln!(text, "s6-overlay: {item}: {difference}");
        }
    }
}

fn describe(report: &mut CheckReport, plan: &BootPlan, installed: bool) {
    let app = &plan.identity;
    // The account's ids are only known in the image.
    let who = if installed { format!("{} ({}:{})", app.name, app.uid, app.gid) } else { app.name.clone() };
    let stage = if installed { "here" } else { "started as root with Docker's default capabilities" };
    let privilege = &plan.privilege;
    let kept = match privilege.drop {
        DropLevel::ToApp if privilege.kept.is_empty() => format!("PID 1 becomes {who} and keeps nothing"),
        DropLevel::ToApp => format!("PID 1 becomes {who} and keeps {}", privilege.kept),
        DropLevel::StayRoot => format!("PID 1 stays root, services become {who}"),
        DropLevel::AlreadyUser => format!("there is no root, everything runs as {who}"),
        DropLevel::LimitedRoot => format!("root cannot step down, everything runs as {who}"),
    };
    let _ = writeln!(report.text, "privilege: {stage}, {kept}");
    for reason in &privilege.reasons {
        let _ = writeln!(report.text, "  because {reason}");
    }
    if !installed {
        let whose = if plan.main.is_some() { " (the main command's too)" } else { "" };
        report.note(&format!(
            "the image's programs{whose}, accounts and paths were not checked; `RUN stepdown check` in the Dockerfile \
             checks them"
        ));
    }
    for service in &plan.services {
        if let Some(why) = &service.skipped {
            report.note(&format!("`{}` does not run here: {}; {}", service.name, why.cause, why.fix));
        }
    }
    plan.notices.iter().for_each(|notice| report.note(&notice.to_string()));
}
