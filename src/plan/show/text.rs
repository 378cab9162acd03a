//! The output of `stepdown plan`. Must not decide anything.

use std::fmt::Write as _;

use super::{labels, service_details};
use crate::config::Config;
use crate::config::service::{Kind, Limit, Service, Stop};
use crate::config::units::show_duration;
use crate::config::values::{ServiceName, Signal};
use crate::plan::finding::Issue;
use crate::plan::{BootPlan, Decision, DropLevel, ServicePlan, order};
use crate::text::shown;

/// The column of the text.
const MARGIN: usize = 11;
/// Longer names do not move the columns of the others.
const MAX_WIDTH: usize = 24;

/// Returns the plan as text: mode, steps, privilege, services in order.
pub fn text(plan: &BootPlan, config: &Config) -> String {
    let mut page = PlanPage::default();
    page.line("mode", &labels::headline(plan.mode, &plan.privilege));
    let app = &plan.identity;
    page.line(
        "identity",
        &format!(
            "{} {}:{}, groups {}, home {}, umask {:03o}",
            shown(&app.name),
            app.uid,
            app.gid,
            labels::gids(&app.groups),
            labels::path(&app.home),
            app.umask
        ),
    );
    steps(&mut page, plan);
    if !plan.prepare.is_empty() {
        let who = |name: &ServiceName| {
            plan.services.iter().find(|it| it.name == *name).map_or("", |it| it.login.user.as_str())
        };
        let all: Vec<_> = plan.prepare.iter().map(|name| format!("{name} as {}", shown(&who(name)))).collect();
        page.line("prepare", &all.join(", then "));
    }
    page.line("step down", &drop(plan));
    for reason in &plan.privilege.reasons {
        page.line("", &format!("because {reason}"));
    }
    let layers = order::layers(&config.services);
    serve(&mut page, plan, config, &layers);
    if let Some(main) = &plan.main {
        let who = format!("{} ({}:{})", shown(&main.login.user), main.credentials.uid, main.credentials.gid);
        let mut parts = vec![format!("{} as {who}", labels::command(&main.argv))];
        if !main.secrets.is_empty() {
            parts.push(format!("secrets {}", main.secrets.join(", ")));
        }
        if let Some(service) = config.main_service() {
            parts.extend(described(&service));
            if *service.success_codes != [0] {
                let codes: Vec<_> = service.success_codes.iter().map(u8::to_string).collect();
                parts.push(format!("success codes {}", codes.join(", ")));
            }
        }
        page.line("main", &parts.join("; "));
    }
    stop(&mut page, plan, config, &layers);
    for notice in &plan.notices {
        page.line("note", &notice.to_string());
    }
    page.text
}

#[derive(Default)]
struct PlanPage {
    text: String,
    last: String,
}

impl PlanPage {
    /// Adds a line; a heading that repeats the one above is omitted.
    fn line(&mut self, heading: &str, text: &str) {
        let shown = if self.last == heading { "" } else { heading };
        if !heading.is_empty() {
            self.last = heading.to_owned();
        }
        let line = format!("{shown:MARGIN$}{text}");
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn skipped(&mut self, heading: &str, mark: &str, subject: &str, why: &Issue) {
        self.line(heading, &format!("{mark}{subject}: {}", why.cause));
        let indent = " ".repeat(mark.chars().count());
        self.line(heading, &format!("{indent}so:  {}", why.consequence));
        self.line(heading, &format!("{indent}fix: {}", why.fix));
    }
}

fn steps(page: &mut PlanPage, plan: &BootPlan) {
    for bundle in labels::step_groups(&plan.steps) {
        let subjects = bundle.subjects.join(", ");
        match bundle.decision {
            Decision::Perform => {
                let mut details = bundle.details;
                details.dedup();
                page.line("boot", &format!("do    {subjects}: {}", details.join(", ")));
            }
            Decision::AlreadyDone(why) => page.line("boot", &format!("right {subjects}: {why}")),
            Decision::Skip(why) => page.skipped("boot", "skip  ", &subjects, why),
        }
    }
}

fn drop(plan: &BootPlan) -> String {
    let privilege = &plan.privilege;
    let app = &plan.identity;
    let who = format!("{} ({}:{})", shown(&app.name), app.uid, app.gid);
    let mut parts = vec![match privilege.drop {
        DropLevel::ToApp if privilege.kept.is_empty() => format!("to {who}; nothing kept"),
        DropLevel::ToApp => format!("to {who}; keeps {}", privilege.kept),
        DropLevel::StayRoot => format!("not PID 1; services become {who}"),
        DropLevel::AlreadyUser if privilege.kept.is_empty() => format!("already {who}; no capability"),
        DropLevel::AlreadyUser => format!("already {who}; has {}", privilege.kept),
        DropLevel::LimitedRoot => format!("impossible; stays {who}"),
    }];
    parts.extend(plan.on_host.clone());
    parts.push(if privilege.no_new_privs { "no_new_privs" } else { "without no_new_privs" }.to_owned());
    parts.extend(privilege.private_gid.map(|gid| format!("private gid {gid}")));
    parts.join(", ")
}

fn serve(page: &mut PlanPage, plan: &BootPlan, config: &Config, layers: &[Vec<usize>]) {
    let width = plan.services.iter().map(|it| it.name.as_str().len()).max().unwrap_or(0).min(MAX_WIDTH);
    for at in layers.iter().flatten() {
        let (Some(service), Some(how)) = (config.services.get(*at), plan.services.get(*at)) else { continue };
        if plan.prepare.contains(&service.name) {
            continue;
        }
        if let Some(why) = &how.skipped {
            page.skipped("serve", "skip  ", service.name.as_str(), why);
            continue;
        }
        page.line("serve", &format!("{:width$}  {}", service.name.as_str(), service_line(service, how)));
    }
}

fn service_line(service: &Service, how: &ServicePlan) -> String {
    let credentials = &how.credentials;
    let mut parts = vec![format!("{} ({}:{})", shown(&how.login.user), credentials.uid, credentials.gid)];
    if credentials.uid.0 != 0 && !credentials.ambient.is_empty() {
        parts.push(format!("+{}", labels::caps(credentials.ambient).join(" +")));
    }
    if !credentials.no_new_privs {
        parts.push("may gain privileges".to_owned());
    }
    if service.kind == Kind::Oneshot {
        parts.push("oneshot".to_owned());
    }
    if !service.enabled {
        parts.push("not enabled".to_owned());
    }
    let list = |names: &[_]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !service.requires.is_empty() {
        parts.push(format!("needs {}", list(&service.requires)));
    }
    if !service.after.is_empty() {
        parts.push(format!("after {}", list(&service.after)));
    }
    if !how.secrets.is_empty() {
        parts.push(format!("secrets {}", how.secrets.join(", ")));
    }
    parts.extend(described(service));
    if !service.limits.is_empty() {
        let all: Vec<_> = service.limits.iter().map(limit).collect();
        parts.push(format!("limits {}", all.join(", ")));
    }
    parts.join("; ")
}

/// Its readiness, health check and stop.
fn described(service: &Service) -> Vec<String> {
    let parts =
        service_details::details(service).into_iter().filter_map(|part| Some(format!("{} {}", part.verb, part.value?)));
    parts.chain(stopped(&service.stop)).collect()
}

/// How it is stopped, if that is not TERM to its main process without a timeout of its own.
fn stopped(stop: &Stop) -> Option<String> {
    let Stop { signal, timeout, group } = stop;
    let mut how = Vec::new();
    if *signal != Signal::TERM {
        how.push(format!("by {signal}"));
    }
    if *group {
        how.push("as a group".to_owned());
    }
    how.extend(timeout.map(|timeout| format!("within {}", show_duration(timeout))));
    (!how.is_empty()).then(|| format!("stops {}", how.join(" ")))
}

fn limit(limit: &Limit) -> String {
    let name = limit.resource.to_string();
    let number = |limit: Option<u64>| limit.map_or_else(|| "infinity".to_owned(), |limit| limit.to_string());
    match limit.soft == limit.hard {
        true => format!("{name} {}", number(limit.soft)),
        false => format!("{name} {}..{}", number(limit.soft), number(limit.hard)),
    }
}

fn stop(page: &mut PlanPage, plan: &BootPlan, config: &Config, layers: &[Vec<usize>]) {
    let names = |layer: Vec<usize>| {
        let all = layer.iter().filter_map(|at| Some((config.services.get(*at)?, plan.services.get(*at)?)));
        let running = all.filter(|(it, how)| it.enabled && how.skipped.is_none());
        let named = running.filter_map(|(it, _)| match (it.kind, &it.stop_command) {
            (Kind::Longrun, _) => Some(it.name.to_string()),
            (Kind::Oneshot, Some(_)) => Some(format!("{} by its stop_command", it.name)),
            (Kind::Oneshot, None) => None,
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let main = plan.main.iter().map(|main| main.name.to_string());
    let stops = order::stop_layers(&config.services, layers);
    let order: Vec<_> = main.chain(stops.into_iter().map(names)).filter(|layer| !layer.is_empty()).collect();
    let budget = format!("{} in all", show_duration(config.container.stop_timeout));
    let order = if order.is_empty() { String::new() } else { format!("{}; ", order.join(", then ")) };
    page.line("stop", &format!("{order}{budget}"));
}
