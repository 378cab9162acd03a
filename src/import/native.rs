//! What a TOML file can say of a [`Service`]: the nearest service, and what had to be omitted. Must not know where the
//! service comes from, nor how a file is written.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::paths;
use crate::config::restart::{Restart, RestartPause, RestartPolicy};
use crate::config::service::{Command, FINISH_TIMEOUT, Finish, Kind, Limit, Resource, RunAs, Service};
use crate::config::units::show_duration;
use crate::config::values::{ServiceName, Uid};
use crate::text::shown;

/// The program of a service that has nothing to run.
const NOTHING: &str = "true";
/// No duration of a file is longer.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

/// Something that a file cannot say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Omission {
    /// The file, key or line of the source.
    pub what: String,
    /// Why it has no equivalent, and what happens instead.
    pub why: String,
}

impl Omission {
    /// Returns one.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// Returns the nearest service that a file can describe, and what it omits.
pub fn nearest(mut service: Service) -> (Service, Vec<Omission>) {
    let mut left = Vec::new();
    service.s6 = None;
    service.user = user(service.user, &mut left);
    links(&mut service);
    if service.kind == Kind::Oneshot {
        service.restart = Restart::standard(RestartPolicy::Never);
        service.finish = None;
    }
    if let RestartPause::StartInterval(interval) = service.restart.pause {
        service.restart.pause = RestartPause::Backoff { delay: interval, max_delay: interval };
    }
    service.command = command(service.command, &service.name, "command", &mut left);
    let stop_command = service.stop_command.map(|it| command(*it, &service.name, "stop_command", &mut left));
    service.stop_command = stop_command.map(Box::new);
    service.finish = service.finish.map(|it| Box::new(finish(*it, &service.name, &mut left)));
    service.directory = service.directory.and_then(|path| absolute("directory", path, &mut left));
    service.environment_file = service.environment_file.and_then(|path| absolute("environment_file", path, &mut left));
    service.stop.timeout = service.stop.timeout.map(whole);
    service.limits.retain(|limit| fits(limit, &mut left));
    service.limits.sort_by_key(|limit| limit.resource);
    service.limits.dedup_by_key(|limit| limit.resource);
    let mut success_codes = service.success_codes.to_vec();
    success_codes.sort_unstable();
    success_codes.dedup();
    service.success_codes = success_codes.into();
    (service, left)
}

/// Returns the arguments of a command as a file has them.
pub fn argv(command: &Command, name: &ServiceName) -> Vec<OsString> {
    match command {
        Command::Argv(arguments) => arguments.clone(),
        Command::Script(script) => ["/bin/sh", "-e", "-c", script].map(OsString::from).to_vec(),
        Command::File(path) => vec![path.clone().into(), name.as_str().into()],
        Command::Nothing => vec![NOTHING.into()],
    }
}

fn command(command: Command, name: &ServiceName, key: &str, left: &mut Vec<Omission>) -> Command {
    match command {
        Command::Script(script) if key == "command" => Command::Script(script),
        // Of a file, `run` alone gets the service's name.
        Command::File(path) if key == "stop_command" => Command::Argv(vec![text(key, path.into(), left)]),
        other => Command::Argv(argv(&other, name).into_iter().map(|word| text(key, word, left)).collect()),
    }
}

/// A finish program gets its own arguments, not the service's name.
fn finish(finish: Finish, name: &ServiceName, left: &mut Vec<Omission>) -> Finish {
    let Finish { command, timeout } = finish;
    let command = match command {
        Command::File(path) => Command::Argv(vec![path.into()]),
        other @ (Command::Argv(_) | Command::Script(_) | Command::Nothing) => other,
    };
    if timeout != Some(FINISH_TIMEOUT) {
        let given = timeout.map_or_else(|| "no limit".to_owned(), show_duration);
        let has = show_duration(FINISH_TIMEOUT);
        left.push(Omission::new("timeout-finish", format!("`finish` has {has} here, and not {given}")));
    }
    Finish { command: self::command(command, name, "finish", left), timeout: Some(FINISH_TIMEOUT) }
}

/// A file is UTF-8, without NUL.
fn text(key: &str, word: OsString, left: &mut Vec<Omission>) -> OsString {
    let bytes = word.as_bytes();
    if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) {
        return word;
    }
    let why = format!("{} is not text: write the word in another way", shown(&word));
    left.push(Omission::new(key, why));
    OsString::from(word.to_string_lossy().replace('\0', ""))
}

fn absolute(key: &str, path: PathBuf, left: &mut Vec<Omission>) -> Option<PathBuf> {
    let normal = path.to_str().and_then(|text| paths::normal(text).ok());
    if normal.is_none() {
        let path = shown(OsStr::new(&path));
        left.push(Omission::new(key, format!("{path} is not an absolute path without `..` in plain letters")));
    }
    normal.map(PathBuf::from)
}

fn user(user: RunAs, left: &mut Vec<Omission>) -> RunAs {
    match user {
        RunAs::Account(name) if name.as_str() == "root" => RunAs::Root,
        RunAs::Account(name) if name.as_str() == "app" => RunAs::App,
        RunAs::Ids(Uid::ROOT, gid) => {
            if gid.0 != 0 {
                left.push(Omission::new("user", format!("root runs with group 0 here, and not {gid}")));
            }
            RunAs::Root
        }
        other @ (RunAs::App | RunAs::Root | RunAs::Account(_) | RunAs::Ids(..)) => other,
    }
}

/// Each name once, and the reader of its output last, which is implied.
fn links(service: &mut Service) {
    for names in [&mut service.requires, &mut service.after] {
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
    }
    if let Some(to) = &service.pipe_to {
        service.after.retain(|name| name != to);
        service.after.push(to.clone());
    }
}

/// In whole milliseconds, and never more than a file may say.
fn whole(duration: Duration) -> Duration {
    let millis = u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    Duration::from_millis(millis).min(MAX_DURATION)
}

fn fits(limit: &Limit, left: &mut Vec<Omission>) -> bool {
    let is_endless = limit.soft.is_none() || limit.hard.is_none();
    if limit.resource == Resource::Nofile && is_endless {
        let why = "the kernel has no limit of open files without an end: write a number such as 1048576";
        left.push(Omission::new("limits.nofile", why));
    }
    limit.resource != Resource::Nofile || !is_endless
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Gid;

    fn service(command: Command) -> Service {
        Service::plain(ServiceName::new("web").unwrap(), command)
    }

    #[test]
    fn a_script_file_gets_its_name_and_those_beside_it_do_not() {
        let file = |path: &str| Command::File(path.into());
        let command = |arguments: &[&str]| Command::Argv(arguments.iter().map(OsString::from).collect());
        let finish = Some(Box::new(Finish { command: file("/s/finish"), timeout: Some(FINISH_TIMEOUT) }));
        let stop_command = Some(Box::new(file("/s/down")));
        let (near, left) = nearest(Service { finish, stop_command, ..service(file("/s/run")) });
        assert_eq!(near.command, command(&["/s/run", "web"]));
        assert_eq!(near.finish.map(|finish| finish.command), Some(command(&["/s/finish"])));
        assert_eq!(near.stop_command.as_deref(), Some(&command(&["/s/down"])));
        assert_eq!(left, []);
    }

    #[test]
    fn what_no_file_can_say_is_left_out_and_named() {
        let finish = Some(Box::new(Finish { command: Command::File("/s/finish".into()), timeout: None }));
        let odd = OsString::from(OsStr::from_bytes(b"a\xff"));
        let given = Service {
            finish,
            user: RunAs::Ids(Uid(0), Gid(5)),
            directory: Some("../up".into()),
            limits: vec![Limit { resource: Resource::Nofile, soft: Some(1), hard: None }],
            ..service(Command::Argv(vec!["x".into(), odd]))
        };
        let (near, left) = nearest(given);
        assert_eq!((near.user, near.directory, near.limits), (RunAs::Root, None, Vec::new()));
        let what: Vec<_> = left.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(what, ["user", "command", "timeout-finish", "directory", "limits.nofile"]);
    }
}
