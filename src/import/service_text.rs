//! One [`Service`] → its TOML file: the keys that differ from the defaults, in the order of the manual. The service is one
//! that a file can describe ([`super::native`]). Must not know where it comes from.

use std::ffi::OsString;
use std::path::Path;

use super::native::argv;
use super::toml_values::{self as values, PAGE};
use crate::config::probe::{
    HEALTH_FAILURES, HEALTH_INTERVAL, HEALTH_SUCCESSES, HTTP_SUCCESS, Health, Http, PROBE_TIMEOUT, Probe,
    READY_INTERVAL, UnhealthyAction,
};
use crate::config::restart::{RESTART_DELAY, RESTART_LIMIT, RESTART_MAX_DELAY, Restart, RestartPause, RestartPolicy};
use crate::config::service::{
    Command, GroupRef, Kind, LOG_KEEP, LOG_MAX_SIZE, Limit, Log, Ready, Reload, RunAs, Service, Stop, WithoutRoot,
};
use crate::config::values::{LogFormat, ServiceName, Signal};

/// The keys and values of a table.
type InlineEntries = Vec<(&'static str, String)>;

/// Returns the text of its file.
pub fn text(service: &Service) -> String {
    is_complete(service);
    let mut file = File(String::new());
    program(service, &mut file);
    file.names("requires", &service.requires);
    let order: Vec<_> = service.after.iter().filter(|name| Some(*name) != service.pipe_to.as_ref()).cloned().collect();
    file.names("after", &order);
    if !service.wait_for.is_empty() {
        file.key("wait_for", &values::array(service.wait_for.iter().map(|probe| values::string(&target(probe)))));
    }
    credentials(service, &mut file);
    surroundings(service, &mut file);
    supervision(service, &mut file);
    output_and_limits(service, &mut file);
    if service.without_root != WithoutRoot::Run {
        let word = if service.without_root == WithoutRoot::Skip { "skip" } else { "fail" };
        file.key("without_root", &values::string(word));
    }
    file.flag("enabled", service.enabled, true);
    if let Some(timeout) = service.timeout {
        file.key("timeout", &values::duration(timeout));
    }
    if let Some(period) = service.every {
        file.key("every", &values::duration(period));
    }
    if let Some(calendar) = &service.calendar {
        file.key("at", &values::string(&calendar.to_string()));
    }
    file.0
}

/// Every field is written, or does not stand in the file: a new one has to be added here, and to [`text`].
#[rustfmt::skip] // a list
fn is_complete(service: &Service) {
    let Service {
        // The file's name and place, and what a native service is not.
        name: _, at: _, s6: _,
        kind: _, command: _, requires: _, after: _, user: _, groups: _, capabilities: _, directory: _, environment: _,
        clear_environment: _, secrets: _, environment_file: _, restart: _, success_codes: _, essential: _, ready: _,
        wait_for: _, timeout: _, every: _, calendar: _, health: _, reload: _, pipe_to: _, log: _, stop: _, stop_command: _, finish: _,
        limits: _, nice: _, oom_score_adj: _, umask: _, no_new_privileges: _, without_root: _, enabled: _,
    } = service;
}

/// A file while it is written.
struct File(String);

impl File {
    fn key(&mut self, key: &str, value: &str) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    /// Writes a flag if it differs from its default.
    fn flag(&mut self, key: &str, value: bool, default: bool) {
        if value != default {
            self.key(key, &value.to_string());
        }
    }

    fn names(&mut self, key: &str, names: &[ServiceName]) {
        if !names.is_empty() {
            self.key(key, &values::array(names.iter().map(|name| values::string(name.as_str()))));
        }
    }

    /// Writes a table if it has any key.
    fn table(&mut self, key: &str, entries: &InlineEntries) {
        if !entries.is_empty() {
            self.key(key, &values::table(entries));
        }
    }

    fn path(&mut self, key: &str, path: Option<&Path>) {
        if let Some(path) = path {
            self.key(key, &of_path(path));
        }
    }

    fn number(&mut self, key: &str, number: Option<i32>) {
        if let Some(number) = number {
            self.key(key, &number.to_string());
        }
    }
}

fn of_path(path: &Path) -> String {
    values::string(&path.to_string_lossy())
}

fn argv_text(argv: &[OsString]) -> String {
    values::array(argv.iter().map(|word| values::lines(&word.to_string_lossy())))
}

fn program(service: &Service, file: &mut File) {
    match &service.command {
        Command::Script(script) => file.key("script", &values::lines(script)),
        command @ (Command::Argv(_) | Command::File(_) | Command::Nothing) => {
            file.key("command", &argv_text(&argv(command, &service.name)));
        }
    }
    if service.kind == Kind::Oneshot {
        file.key("type", &values::string("oneshot"));
    }
    if let Some(command) = &service.stop_command {
        file.key("stop_command", &argv_text(&argv(command, &service.name)));
    }
}

fn credentials(service: &Service, file: &mut File) {
    let user = match &service.user {
        RunAs::App => None,
        RunAs::Root => Some("root".to_owned()),
        RunAs::Account(name) => Some(name.to_string()),
        RunAs::Ids(uid, gid) => Some(format!("{uid}:{gid}")),
    };
    if let Some(user) = user {
        file.key("user", &values::string(&user));
    }
    if let Some(groups) = &service.groups {
        let group = |group: &GroupRef| match group {
            GroupRef::Name(name) => values::string(name.as_str()),
            GroupRef::Id(gid) => gid.to_string(),
        };
        file.key("groups", &values::array(groups.iter().map(group)));
    }
    if !service.capabilities.is_empty() {
        let names = service.capabilities.iter().map(|capability| values::string(&capability.to_string()));
        file.key("capabilities", &values::array(names));
    }
}

fn surroundings(service: &Service, file: &mut File) {
    file.path("directory", service.directory.as_deref());
    let entries: Vec<_> =
        service.environment.iter().map(|(name, value)| (values::key(name), values::lines(value))).collect();
    let borrowed: Vec<_> = entries.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let line = values::table(&borrowed);
    if line.len() + "environment = ".len() > PAGE || line.contains('\n') {
        entries.iter().for_each(|(name, value)| file.key(&format!("environment.{name}"), value));
    } else if !entries.is_empty() {
        file.key("environment", &line);
    }
    file.flag("clear_environment", service.clear_environment, false);
    file.path("environment_file", service.environment_file.as_deref());
    if let Some(names) = &service.secrets {
        file.key("secrets", &values::array(names.iter().map(|name| values::string(name))));
    }
}

fn supervision(service: &Service, file: &mut File) {
    if service.kind == Kind::Longrun {
        restart(&service.restart, file);
    }
    if *service.success_codes != [0] {
        file.key("success_codes", &values::array(service.success_codes.iter().map(ToString::to_string)));
    }
    let comes_again = service.every.is_some() || service.calendar.is_some();
    let is_essential = service.kind == Kind::Oneshot && !comes_again && service.enabled;
    file.flag("essential", service.essential, is_essential);
    file.table("ready", &ready(&service.ready));
    file.table("health", &service.health.as_deref().map(health).unwrap_or_default());
    file.table("stop", &stop(&service.stop));
    if let Some(reload) = service.reload.as_deref() {
        let entry = match reload {
            Reload::Signal(signal) => ("signal", values::signal(*signal)),
            Reload::Command(command) => ("command", argv_text(command)),
        };
        file.table("reload", &vec![entry]);
    }
    if let Some(finish) = &service.finish {
        file.key("finish", &argv_text(&argv(&finish.command, &service.name)));
    }
}

fn restart(restart: &Restart, file: &mut File) {
    let policy = match restart.policy {
        RestartPolicy::Always => None,
        RestartPolicy::OnFailure => Some(values::string("on-failure")),
        RestartPolicy::Never => Some(values::string("never")),
    };
    let mut entries: InlineEntries = Vec::new();
    let mut pause = |key, value, default| {
        if value != default {
            entries.push((key, values::duration(value)));
        }
    };
    // s6's rule has no keys: `nearest` replaces it.
    if let RestartPause::Backoff { delay, max_delay } = restart.pause {
        pause("delay", delay, RESTART_DELAY);
        pause("max_delay", max_delay, RESTART_MAX_DELAY);
    }
    match restart.limit {
        None => entries.push(("limit", values::string("infinity"))),
        Some(RESTART_LIMIT) => {}
        Some(limit) => entries.push(("limit", limit.to_string())),
    }
    match policy {
        Some(policy) if entries.is_empty() => file.key("restart", &policy),
        policy => {
            entries.splice(0..0, policy.map(|policy| ("policy", policy)));
            file.table("restart", &entries);
        }
    }
}

fn ready(ready: &Ready) -> InlineEntries {
    let limit = |timeout: &Option<std::time::Duration>| timeout.map(|it| ("timeout", values::duration(it)));
    match ready {
        Ready::Executed => Vec::new(),
        Ready::Fd { fd, timeout } => [("fd", fd.to_string())].into_iter().chain(limit(timeout)).collect(),
        Ready::Notify { timeout, watchdog } => {
            let watchdog = watchdog.map(|it| ("watchdog", values::duration(it)));
            [("notify", "true".to_owned())].into_iter().chain(limit(timeout)).chain(watchdog).collect()
        }
        Ready::Probe { probe, interval, timeout } => {
            let interval = (*interval != READY_INTERVAL).then(|| ("interval", values::duration(*interval)));
            check(probe).into_iter().chain(limit(timeout)).chain(interval).collect()
        }
        Ready::Delay(delay) => vec![("delay", values::duration(*delay))],
    }
}

fn health(health: &Health) -> InlineEntries {
    let mut entries = check(&health.probe);
    if health.interval != HEALTH_INTERVAL {
        entries.push(("interval", values::duration(health.interval)));
    }
    if health.timeout != PROBE_TIMEOUT {
        entries.push(("timeout", values::duration(health.timeout)));
    }
    if health.failures != HEALTH_FAILURES {
        entries.push(("failures", health.failures.to_string()));
    }
    if health.successes != HEALTH_SUCCESSES {
        entries.push(("successes", health.successes.to_string()));
    }
    match health.then {
        UnhealthyAction::Restart => {}
        UnhealthyAction::StopContainer => entries.push(("then", values::string("stop-container"))),
        UnhealthyAction::Report => entries.push(("then", values::string("report"))),
    }
    entries
}

/// The keys of a check.
fn check(probe: &Probe) -> InlineEntries {
    match probe {
        Probe::Tcp(to) => vec![("tcp", values::string(&to.to_string()))],
        Probe::Http(http) => {
            let mut entries = vec![("http", values::string(&url(http)))];
            entries.extend(http.socket.as_deref().map(|socket| ("socket", of_path(socket))));
            if http.status != HTTP_SUCCESS {
                let range = match (http.status.start(), http.status.end()) {
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}-{last}"),
                };
                entries.push(("status", values::string(&range)));
            }
            entries
        }
        Probe::Path(path) => vec![("path", of_path(path))],
        Probe::Socket(path) => vec![("socket", of_path(path))],
        Probe::Command(command) => vec![("command", argv_text(command))],
    }
}

fn url(http: &Http) -> String {
    format!("http://{}{}", http.to, http.target)
}

/// A check as `wait_for` has it.
fn target(probe: &Probe) -> String {
    match probe {
        Probe::Tcp(to) => format!("tcp://{to}"),
        Probe::Http(http) => url(http),
        Probe::Path(path) => format!("path:{}", path.to_string_lossy()),
        Probe::Socket(path) => format!("socket:{}", path.to_string_lossy()),
        Probe::Command(command) => command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "),
    }
}

fn stop(stop: &Stop) -> InlineEntries {
    let mut entries = Vec::new();
    if stop.signal != Signal::TERM {
        entries.push(("signal", values::signal(stop.signal)));
    }
    entries.extend(stop.timeout.map(|timeout| ("timeout", values::duration(timeout))));
    if stop.group {
        entries.push(("group", "true".to_owned()));
    }
    entries
}

fn output_and_limits(service: &Service, file: &mut File) {
    if let Some(to) = &service.pipe_to {
        file.key("pipe_to", &values::string(to.as_str()));
    }
    file.table("log", &log(&service.log));
    let side = |limit: Option<u64>| limit.map_or_else(|| values::string("infinity"), |limit| limit.to_string());
    let limits: Vec<(String, String)> = service
        .limits
        .iter()
        .map(|Limit { resource, soft, hard }| match soft == hard {
            true => (resource.to_string(), side(*soft)),
            false => (resource.to_string(), values::table(&[("soft", side(*soft)), ("hard", side(*hard))])),
        })
        .collect();
    if !limits.is_empty() {
        let entries: Vec<_> = limits.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        file.key("limits", &values::table(&entries));
    }
    file.number("nice", service.nice);
    file.number("oom_score_adj", service.oom_score_adj);
    if let Some(umask) = service.umask {
        file.key("umask", &values::string(&format!("{umask:03o}")));
    }
    file.flag("no_new_privileges", service.no_new_privileges, true);
}

fn log(log: &Log) -> InlineEntries {
    let mut entries = Vec::new();
    let format = log.format.and_then(|format| match format {
        LogFormat::Auto => None,
        LogFormat::Inherit => Some("inherit"),
        LogFormat::Tagged => Some("tagged"),
        LogFormat::Json => Some("json"),
    });
    entries.extend(format.map(|word| ("format", values::string(word))));
    if let Some(directory) = &log.directory {
        entries.push(("directory", of_path(&directory.path)));
        if directory.max_size != LOG_MAX_SIZE {
            entries.push(("max_size", values::size(directory.max_size)));
        }
        if directory.keep != LOG_KEEP {
            entries.push(("keep", directory.keep.to_string()));
        }
        entries.extend(directory.max_age.map(|age| ("max_age", values::duration(age))));
        if directory.compress {
            entries.push(("compress", "true".to_owned()));
        }
    }
    entries
}
