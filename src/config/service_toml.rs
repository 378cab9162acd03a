//! `web.toml` → [`Service`] (DESIGN §4, first listing). Must not know files, nor whether what it requires exists.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calendar::Calendar;
use super::cron::Cron;
use super::draft::{Dependency, Draft, DraftSource, Relation};
use super::file_report::FileReport;
use super::probe_toml::{self, HealthKeys, MIN_TIME};
use super::quote::{escaped, quoted, ticked};
use super::service::{Command, FINISH_TIMEOUT, Finish, Kind, Log, RunAs, Service, WithoutRoot};
use super::toml_field::Field;
use super::toml_reader::Document;
use super::toml_table::Table;
use super::values::{CapSet, Capability, ServiceName};
use super::{line_endings, log_toml, paths, secrets, service_keys, service_parts, suggest, units, users};
use crate::error::Place;

/// A shorter period would make a oneshot a busy loop.
const MIN_PERIOD: Duration = Duration::from_secs(1);

/// Parses one service's file. Problems are added to `report`; the draft then has defaults instead.
pub fn read(name: &ServiceName, text: &str, report: &mut FileReport<'_>) -> Draft {
    let unix = line_endings::unix(text);
    let document = Document::parse(&unix, line_endings::windows(text));
    document.walk(&service_keys::SERVICE, report, |table, report| draft(name, table, report))
}

fn draft(name: &ServiceName, table: &Table<'_>, report: &mut FileReport<'_>) -> Draft {
    let mut notices = Vec::new();
    let kinds = [("longrun", Kind::Longrun), ("oneshot", Kind::Oneshot)];
    let kind = table.get("type").and_then(|field| field.choice(&kinds, report)).unwrap_or(Kind::Longrun);
    if kind == Kind::Oneshot {
        for key in ["restart", "ready", "health", "reload"] {
            if table.get(key).is_some() {
                notices.push(format!("{name}: `{key}` has no effect on a oneshot"));
            }
        }
    }
    refuse_on_the_other_kind(table, kind, report);
    let mut dependencies = dependencies(table, "requires", Relation::Requires, report);
    dependencies.extend(self::dependencies(table, "after", Relation::After, report));
    dependencies.extend(pipe(table, report));
    let log = log_toml::read(table, report);
    notice_log(name, &log, &dependencies, &mut notices);
    let every = every(table, report);
    let calendar = calendar(table, report);
    let runs_again = every.is_some() || table.get("at").is_some();
    let flag = |key: &str, default: bool, report: &mut FileReport<'_>| {
        table.get(key).and_then(|field| field.boolean(report)).unwrap_or(default)
    };
    let enabled = flag("enabled", true, report);
    let stop = service_parts::stop_table(table, &service_keys::STOP, report);
    let service = Service {
        name: name.clone(),
        at: at(table, report),
        kind,
        command: command(table, report),
        requires: Vec::new(),
        after: Vec::new(),
        user: table.get("user").and_then(|field| users::run_as(&field, report)).unwrap_or(RunAs::App),
        groups: table.get("groups").and_then(|field| users::group_refs(&field, report)),
        capabilities: table.get("capabilities").map_or(CapSet::EMPTY, |field| capabilities(&field, report)),
        directory: table.get("directory").and_then(|field| paths::absolute(&field, report)),
        environment: table.get("environment").map_or_else(BTreeMap::new, |field| environment(&field, report)),
        clear_environment: flag("clear_environment", false, report),
        secrets: secrets(table, report),
        environment_file: table.get("environment_file").and_then(|field| paths::absolute(&field, report)),
        restart: service_parts::restart(table, kind, report),
        success_codes: service_parts::success_codes(table, report),
        essential: flag("essential", kind == Kind::Oneshot && !runs_again && enabled, report),
        ready: probe_toml::ready(table, &service_keys::READY, kind, report),
        stop: service_parts::stop(stop.as_ref(), report),
        finish: table.get("finish").and_then(|field| {
            let command = Command::Argv(field.argv(report)?);
            Some(Box::new(Finish { command, timeout: Some(FINISH_TIMEOUT) }))
        }),
        limits: table.get("limits").map_or_else(Vec::new, |field| super::limits::read(&field, report)),
        nice: small(table, "nice", -20, 19, report),
        oom_score_adj: small(table, "oom_score_adj", -1000, 1000, report),
        umask: table.get("umask").and_then(|field| field.octal(0o777, report)),
        no_new_privileges: flag("no_new_privileges", true, report),
        without_root: without_root(table, report),
        wait_for: probe_toml::wait_for(table, report),
        timeout: timeout(table, report).filter(|_| kind == Kind::Oneshot),
        every: every.filter(|_| kind == Kind::Oneshot),
        calendar: calendar.filter(|_| kind == Kind::Oneshot).map(Box::new),
        health: probe_toml::health(table, &HealthKeys::OF_SERVICE, kind, report).map(Box::new),
        reload: service_parts::reload(table, kind, report).map(Box::new),
        pipe_to: None,
        log,
        stop_command: table
            .get("stop_command")
            .and_then(|field| field.argv(report))
            .map(|argv| Box::new(Command::Argv(argv))),
        s6: None,
        enabled,
    };
    let stop_timeout_at = table.get("stop").map(|field| Place::line(report.path(), field.line()));
    Draft { service, dependencies, stop_timeout_at, notices, rows: Vec::new(), source: DraftSource::Tree }
}

/// Reports keys that have no effect for this kind of service.
fn refuse_on_the_other_kind(table: &Table<'_>, kind: Kind, report: &mut FileReport<'_>) {
    let (keys, is, other): (&[&str], _, _) = match kind {
        Kind::Longrun => (&["timeout", "every", "at", "stop_command"], "longrun", "oneshot"),
        Kind::Oneshot => (&["pipe_to"], "oneshot", "longrun"),
    };
    for field in keys.iter().filter_map(|key| table.get(key)) {
        let what = format!("{} means nothing on a {is}", field.name());
        report.line(field.line(), what, format!("write `type = \"{other}\"`, or remove it"));
    }
}

/// The secrets that it asks for; none of them is declared in `environment` too.
fn secrets(table: &Table<'_>, report: &mut FileReport<'_>) -> Option<Vec<String>> {
    let field = table.get("secrets")?;
    let names = secrets::names(&field, report);
    let declared = table.get("environment").and_then(|field| field.as_table(&mut FileReport::new(report.path())));
    for name in names.iter().filter(|name| declared.is_some_and(|all| all.contains_key(name.as_str()))) {
        report.line(field.line(), format!("`secrets` and `environment` both set `{name}`"), "keep one of them");
    }
    Some(names)
}

/// How long it may take.
fn timeout(table: &Table<'_>, report: &mut FileReport<'_>) -> Option<Duration> {
    table.get("timeout").and_then(|field| field.duration_from(MIN_TIME, report))
}

/// How often it runs.
fn every(table: &Table<'_>, report: &mut FileReport<'_>) -> Option<Duration> {
    let field = table.get("every")?;
    let text = if field.is_string() { field.string(report)? } else { "" };
    let fix = match Cron::read(text) {
        Some(cron) => Some(format!("this is cron syntax; {}", cron.fix())),
        None => {
            Calendar::parse(text).ok().map(|_| format!("this is a time, not a period; write `at = {}`", quoted(text)))
        }
    };
    match fix {
        Some(fix) => {
            field.refuse(fix, report);
            None
        }
        None => field.duration_from(MIN_PERIOD, report),
    }
}

/// Its calendar times.
fn calendar(table: &Table<'_>, report: &mut FileReport<'_>) -> Option<Calendar> {
    let field = table.get("at")?;
    if table.get("every").is_some() {
        report.line(field.line(), "both `every` and `at` are set", "keep one of them");
        return None;
    }
    if let Some(field) = table.get("stop_command") {
        let what = format!("{} means nothing with `at`: between its times there is nothing to undo", field.name());
        report.line(field.line(), what, "clear up at the end of the command itself, and remove it");
        return None;
    }
    let text = field.string(report)?;
    let fix_for = |fix: String| match (Cron::read(text), units::duration(text)) {
        (Some(cron), _) => format!("this is cron syntax; {}", cron.fix()),
        (None, Ok(_)) => format!("this is a period, not a time; write `every = {}`", quoted(text)),
        (None, Err(_)) => fix,
    };
    Calendar::parse(text).map_err(|fix| field.refuse(fix_for(fix), report)).ok()
}

fn notice_log(name: &ServiceName, log: &Log, dependencies: &[Dependency], notices: &mut Vec<String>) {
    if log.directory.is_none() {
        return;
    }
    if log.format.is_some() {
        notices.push(format!("{name}: `log.format` has no effect with `log.directory`"));
    }
    if let Some(pipe) = dependencies.iter().find(|dependency| dependency.relation == Relation::PipesTo) {
        let to = escaped(&pipe.to);
        notices.push(format!("{name}: `log.directory` gets its standard error only: its output goes to {to}"));
    }
}

/// The place of the command, for later problems (a missing program).
fn at(table: &Table<'_>, report: &FileReport<'_>) -> Place {
    match table.get("command").or_else(|| table.get("script")) {
        Some(field) => Place::line(report.path(), field.line()),
        None => Place::file(report.path()),
    }
}

fn command(table: &Table<'_>, report: &mut FileReport<'_>) -> Command {
    let nothing = Command::Argv(Vec::new());
    match (table.get("command"), table.get("script")) {
        (Some(_), Some(script)) => {
            report.line(script.line(), "both `command` and `script` are set", "keep one of them");
            nothing
        }
        (None, None) if table.has_misspelt(&["command", "script"]) => nothing,
        (None, None) => {
            report.whole(
                "has neither `command` nor `script`",
                "write what to run: `command = [\"nginx\", \"-g\", \"daemon off;\"]`, or `script = \"…\"`",
            );
            nothing
        }
        (Some(command), None) => command.argv(report).map_or(nothing, Command::Argv),
        (None, Some(script)) => match script.string(report) {
            Some(text) if text.trim().is_empty() => {
                script.refuse("write what to run", report);
                nothing
            }
            Some(text) => {
                script.check_script(text, report);
                Command::Script(text.to_owned())
            }
            None => nothing,
        },
    }
}

fn dependencies(table: &Table<'_>, key: &str, relation: Relation, report: &mut FileReport<'_>) -> Vec<Dependency> {
    let Some(names) = table.get(key).and_then(|field| field.strings(report)) else { return Vec::new() };
    let dependency = |(field, name): (Field<'_>, &str)| Dependency {
        relation,
        to: name.to_owned(),
        at: Place::line(report.path(), field.line()),
        written: format!("`{key}`"),
    };
    names.into_iter().map(dependency).collect()
}

fn pipe(table: &Table<'_>, report: &mut FileReport<'_>) -> Option<Dependency> {
    let field = table.get("pipe_to")?;
    Some(Dependency {
        relation: Relation::PipesTo,
        to: field.string(report)?.to_owned(),
        at: Place::line(report.path(), field.line()),
        written: field.name().to_owned(),
    })
}

fn capabilities(field: &Field<'_>, report: &mut FileReport<'_>) -> CapSet {
    let mut set = CapSet::EMPTY;
    for (field, name) in field.strings(report).unwrap_or_default() {
        match Capability::parse(name) {
            Some(capability) => set = set.with(capability),
            None => {
                let bare = name.to_ascii_uppercase();
                let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
                let fix = match suggest::nearest(bare, Capability::NAMES) {
                    Some(meant) => format!("did you mean {}?", quoted(meant)),
                    None => "write a name of capabilities(7), such as \"NET_BIND_SERVICE\"".to_owned(),
                };
                field.refuse(fix, report);
            }
        }
    }
    set
}

fn environment(field: &Field<'_>, report: &mut FileReport<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, field) in field.entries(report).unwrap_or_default() {
        if name.is_empty() || name.contains(['=', '\0']) || name.contains(|letter: char| letter.is_whitespace()) {
            let what = format!("{} cannot be a variable's name", ticked(name));
            report.line(field.line(), what, "a name is not empty and holds no `=`, no blank and no NUL");
        }
        if field.is_scalar() {
            let what = format!("{} expects a string", field.name());
            report.line(field.line(), what, "put its value in quotes");
        } else if let Some(value) = field.string(report) {
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    all
}

fn small(table: &Table<'_>, key: &str, least: i64, most: i64, report: &mut FileReport<'_>) -> Option<i32> {
    table.get(key)?.integer(least..=most, report).and_then(|number| i32::try_from(number).ok())
}

fn without_root(table: &Table<'_>, report: &mut FileReport<'_>) -> WithoutRoot {
    let choices = [("run", WithoutRoot::Run), ("skip", WithoutRoot::Skip), ("fail", WithoutRoot::Fail)];
    table.get("without_root").and_then(|field| field.choice(&choices, report)).unwrap_or(WithoutRoot::Run)
}
