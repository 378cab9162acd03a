//! An s6-style service directory → [`Service`] (s6's servicedir, s6-rc's `type`, `up` and dependencies; FIELD §2.3).
//! Runs as the app user, like every service. Must not know the machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use super::draft::{Draft, Link, Relation};
use super::quote::{quoted, quoted_os};
use super::s6_files::{ServiceDir, make_executable};
use super::s6_up::{self, UpLine};
use super::service::{Command, FINISH_TIMEOUT, Finish, Kind, Ready, Restart, RestartPolicy, Service};
use super::service_parts::SIGNALS;
use super::values::{ServiceName, Signal};
use super::{Content, s6_pipes, suggest};
use crate::error::{Place, Problems};
use crate::text::shown;

/// s6-supervise waits one second between two starts, never more.
const START_INTERVAL: Duration = Duration::from_secs(1);

/// The most deaths that s6-supervise records.
const MAX_TALLY: u32 = 4096;

/// Files that only a longrun uses; without effect for a oneshot.
const LONGRUN_ONLY: [&str; 14] = [
    "consumer-for",
    "down-signal",
    "finish",
    "flag-timeout-killpg",
    "log",
    "max-death-tally",
    "notification-fd",
    "pipeline-name",
    "producer-for",
    "run",
    "timeout-finish",
    "timeout-kill",
    "lock-fd",
    "flag-newpidns",
];

/// Files that are not supported yet, and what to do until then.
const LATER: [(&str, &str); 10] = [
    ("bundle", "require the services themselves"),
    ("contents", "require the services themselves"),
    ("contents.d", "require the services themselves"),
    ("env", "set the variables in `run`, or write a service.toml with `environment`"),
    ("flag-newpidns", "remove it"),
    ("instance", "write one directory for each instance"),
    ("instances", "write one directory for each instance"),
    ("lock-fd", "remove it"),
    ("reload", "remove it"),
    ("reload-signal", "remove it"),
];

/// Supported files, to detect misspelt names; without the shortest ones (`run`, `up`, `log`, `env`), which too many names
/// are like.
const KNOWN: [&str; 17] = [
    "consumer-for",
    "dependencies",
    "dependencies.d",
    "down",
    "down-signal",
    "finish",
    "flag-essential",
    "flag-timeout-killpg",
    "max-death-tally",
    "notification-fd",
    "pipeline-name",
    "producer-for",
    "timeout-finish",
    "timeout-kill",
    "timeout-up",
    "timeout-down",
    "type",
];

/// Returns whether a directory without `service.toml` is an s6-style one.
pub fn is_one(entries: &BTreeMap<OsString, Content>) -> bool {
    ["run", "up", "type"].iter().any(|name| entries.contains_key(std::ffi::OsStr::new(name)))
}

/// Reads one service directory.
pub fn read(name: &ServiceName, mut dir: ServiceDir<'_>) -> (Draft, Problems) {
    let mut notices = Vec::new();
    let (kind, sure) = kind(&mut dir);
    refuse_later(&mut dir);
    notice_slips(name, &dir, &mut notices);
    let mut links = links(&mut dir);
    let mut service = defaults(name, kind, &dir);
    service.essential |= dir.has("flag-essential");
    match kind {
        Kind::Longrun => {
            longrun(&mut service, &mut dir, &mut notices);
            links.extend(s6_pipes::links(name, &mut dir, &mut notices));
        }
        // With an invalid `type` no file is reported as missing.
        Kind::Oneshot if sure => oneshot(&mut service, &mut dir, &mut notices),
        Kind::Oneshot => {}
    }
    (Draft { service, links, stop_timeout_at: None, notices }, dir.finish())
}

/// Returns the kind, and whether it is certain: not if `type` is invalid, which is reported.
fn kind(dir: &mut ServiceDir<'_>) -> (Kind, bool) {
    match dir.word("type") {
        Some("longrun") => (Kind::Longrun, true),
        Some("oneshot") => (Kind::Oneshot, true),
        Some("bundle") => {
            dir.problem("type", "a bundle is not available yet", "require the services themselves");
            (Kind::Oneshot, false)
        }
        Some(other) => {
            dir.problem("type", format!("cannot be {}", quoted(other)), "write longrun or oneshot");
            (Kind::Oneshot, false)
        }
        None if !dir.has("run") && dir.has("up") => {
            dir.problem_of_all("has `up` and no `type`", "write `oneshot` into a file `type` there");
            (Kind::Oneshot, true)
        }
        // Unreadable, which is reported: the kind is unknown.
        None if dir.has("type") => (Kind::Oneshot, false),
        None => (Kind::Longrun, true),
    }
}

fn defaults(name: &ServiceName, kind: Kind, dir: &ServiceDir<'_>) -> Service {
    let (file, policy) = match kind {
        Kind::Longrun => ("run", RestartPolicy::Always),
        Kind::Oneshot => ("up", RestartPolicy::Never),
    };
    Service {
        at: Place::file(dir.path(file)),
        kind,
        directory: Some(dir.itself()),
        restart: Restart { policy, delay: START_INTERVAL, max_delay: START_INTERVAL, limit: None },
        essential: kind == Kind::Oneshot,
        ..Service::plain(name.clone(), s6_up::nothing())
    }
}

fn longrun(service: &mut Service, dir: &mut ServiceDir<'_>, notices: &mut Vec<String>) {
    let name = service.name.clone();
    if !dir.has("run") {
        dir.problem_of_all("is a longrun and has no `run`", "write an executable file `run` there");
    }
    dir.check_program("run");
    service.command = Command::File(dir.path("run"));
    if dir.has("finish") {
        dir.check_program("finish");
        let timeout = dir.millis("timeout-finish").unwrap_or(Some(FINISH_TIMEOUT));
        service.finish = Some(Finish { command: Command::File(dir.path("finish")), timeout });
    }
    if let Some(fd) = dir.number("notification-fd", 3..=1023)
        && let Ok(fd) = i32::try_from(fd)
    {
        service.ready = Ready::Fd { fd, timeout: None };
    }
    if let Some(word) = dir.word("down-signal") {
        match Signal::parse(&word.to_ascii_uppercase()) {
            Some(signal) => service.stop.signal = signal,
            None => dir.problem("down-signal", format!("cannot be {}", quoted(word)), SIGNALS),
        }
    }
    service.stop.timeout = dir.millis("timeout-kill").flatten();
    // s6 only records deaths and the finish script decides to give up; here a tally is a limit.
    service.restart.limit = dir.number("max-death-tally", 0..=MAX_TALLY).filter(|tally| *tally > 0);
    if dir.has("down") {
        service.down = true;
        notices.push(format!("{name}: not started at boot: {} exists", shown(dir.path("down").as_os_str())));
    }
    if dir.has("up") {
        notices.push(format!("{name}: {} has no effect on a longrun", shown(dir.path("up").as_os_str())));
    }
}

fn oneshot(service: &mut Service, dir: &mut ServiceDir<'_>, notices: &mut Vec<String>) {
    if dir.has("run") && !dir.has("up") {
        dir.problem_of_all("is a oneshot and has no `up`", "rename `run` to `up`, or write longrun into `type`");
    }
    for file in LONGRUN_ONLY.iter().filter(|file| dir.has(file)) {
        notices.push(format!("{}: {} has no effect on a oneshot", service.name, shown(dir.path(file).as_os_str())));
    }
    if let Some(command) = line(dir, "up") {
        service.command = command;
    }
    service.stop_command = line(dir, "down").filter(|command| *command != s6_up::nothing());
}

/// `up` or `down`.
fn line(dir: &mut ServiceDir<'_>, name: &str) -> Option<Command> {
    let script = match dir.entry(name)? {
        Content::File { bytes, executable } => bytes.starts_with(b"#!").then_some(*executable),
        Content::TooLarge(_) => Some(true),
        Content::Dir(_) | Content::Unreadable(_) | Content::Other(_) => None,
    };
    if script == Some(true) {
        dir.check_program(name);
        return Some(Command::File(dir.path(name)));
    }
    match s6_up::line(dir.text(name)?) {
        UpLine::Nothing => Some(s6_up::nothing()),
        UpLine::Run(command) => Some(command),
        UpLine::Execline => {
            match script {
                Some(_) => dir.problem(name, "is a script and not executable", make_executable("", dir.path(name))),
                None => dir.problem(
                    name,
                    "needs execline, which is not available: only the absolute path of a program and plain words (letters, \
                     digits, `/._-+=:,@%`) are understood, no quotes, blocks, variables or builtins but `exec`",
                    make_executable(
                        // The path in the image: it becomes the content of the file.
                        format!(
                            "write the path of a script there, such as {}; or make it one: begin it with `#!/bin/sh`, write \
                             the commands as shell, and ",
                            shown(dir.path("script").as_os_str())
                        ),
                        dir.path(name),
                    ),
                ),
            }
            None
        }
    }
}

/// `dependencies.d/NAME`, else the lines of `dependencies` (read only if the directory is absent, as s6-rc does).
fn links(dir: &mut ServiceDir<'_>) -> Vec<Link> {
    let link = |to: &str, at: Place, written: &str| Link {
        relation: Relation::Requires,
        to: to.to_owned(),
        at,
        written: written.to_owned(),
    };
    match dir.entry("dependencies.d") {
        Some(Content::Dir(entries)) => {
            let path = dir.path("dependencies.d");
            let names = entries.keys().map(|name| name.to_string_lossy()).filter(|name| !name.starts_with('.'));
            return names.map(|name| link(&name, Place::file(&path), "dependencies.d")).collect();
        }
        Some(_) => {
            dir.problem(
                "dependencies.d",
                "is not a directory",
                "make it a directory of empty files, one for each service",
            );
            return Vec::new();
        }
        None => {}
    }
    let path = dir.path("dependencies");
    let names = dir.names_in("dependencies").unwrap_or_default();
    names.into_iter().map(|(at, name)| link(name, Place::line(&path, at), "dependencies")).collect()
}

fn refuse_later(dir: &mut ServiceDir<'_>) {
    for (name, remedy) in LATER {
        if dir.has(name) {
            dir.problem(name, "is not available yet", remedy);
        }
    }
    // 0 is s6-rc's default: no limit.
    for name in ["timeout-up", "timeout-down"] {
        if dir.millis(name).flatten().is_some() {
            dir.problem(name, "is not available yet", "remove it");
        }
    }
}

/// Returns the files of an s6-style directory beside a `service.toml`, where they have no effect. Programs are not among
/// them: `service.toml` may name them.
pub fn beside_toml(entries: &BTreeMap<OsString, Content>) -> Vec<&OsString> {
    let settings = || KNOWN.into_iter().filter(|known| known.contains(['-', '.']));
    let is_setting =
        |entry: &&OsString| entry.to_str().is_some_and(|text| suggest::nearest(text, settings()).is_some());
    entries.keys().filter(is_setting).collect()
}

/// s6 ignores unknown files; a misspelt name is reported, because it has no effect.
fn notice_slips(name: &ServiceName, dir: &ServiceDir<'_>, notices: &mut Vec<String>) {
    for entry in dir.names() {
        let Some(text) = entry.to_str().filter(|text| text.len() > 2) else { continue };
        if KNOWN.contains(&text) || LATER.iter().any(|(later, _)| *later == text) {
            continue;
        }
        if let Some(meant) = suggest::nearest(text, KNOWN) {
            notices.push(format!("{name}: {} is ignored; did you mean {meant}?", quoted_os(entry)));
        }
    }
}
