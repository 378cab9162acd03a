//! `s6-rc`: lists services, and starts and stops them with what they need.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::failed;
use super::supervised::is_up;
use crate::control::client::{ClientError, Incoming, open_connection, send_request};
use crate::control::protocol::{ControlRequest, milliseconds};
use crate::control::responses::{ServiceKind, Snapshot, Waited};
use crate::s6_commands::call::{Argument, Call, CommandResult, number, print};
use crate::s6_commands::failure::Failure;
use crate::supervise::StatusState;

const SYNOPSIS: &str = "s6-rc [ -v verbosity ] [ -n dryruntimeout ] [ -t timeout ] [ -l live ] [ -b ] [ -u | -d | -D ] [ -p ] \
                        [ -a ] help|list|listall|diff|start|stop|change [ servicenames... ]";
/// The exit code if a service could not be started or stopped.
const FAILED: u8 = 1;
/// The exit code of a change that took too long.
const TIMED_OUT: u8 = 2;
/// The exit code for a name that is unknown.
const UNKNOWN: u8 = 3;
/// Directories of definitions, where bundles are.
const DEFINITIONS: [&str; 2] = ["/etc/s6-overlay/s6-rc.d", "/etc/s6-overlay/user-bundles.d"];
/// The protocol has no time without end.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The services that are selected, in the order of PID 1.
struct ServiceSelection {
    all: Snapshot,
    names: BTreeSet<String>,
}

/// Lists or changes services.
pub(in crate::s6_commands) fn s6_rc(mut call: Call) -> CommandResult {
    let (mut direction, mut takes_live, mut prunes, mut is_dry, mut timeout) =
        (Direction::Up, false, false, false, None);
    for (letter, value) in call.options("v:n:t:l:budDpaeX", SYNOPSIS)? {
        match letter {
            b't' => timeout = Some(number(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?),
            b'n' => is_dry = true,
            b'u' => direction = Direction::Up,
            b'd' | b'D' => direction = Direction::Down,
            b'p' => prunes = true,
            b'a' => takes_live = true,
            // How much is said, where the state is, whether to wait for another s6-rc: all one here.
            _ => {}
        }
    }
    let word = call.argument(SYNOPSIS)?;
    let (command, direction) = match word.as_slice() {
        b"help" => return print(format!("s6-rc: usage: {SYNOPSIS}\n").as_bytes()).map(|()| 0),
        // Those of a compiled database are those that run.
        b"diff" => return Ok(0),
        b"start" => (&b"change"[..], Direction::Up),
        b"stop" => (&b"change"[..], Direction::Down),
        other => (other, direction),
    };
    let selection = select(&call.arguments, takes_live)?;
    match command {
        b"list" => list(selection.printed(direction)),
        b"listall" => list(selection.names),
        b"change" if is_dry => Ok(0),
        b"change" => change(&selection, direction, prunes, timeout),
        _ => Err(Failure::usage(SYNOPSIS)),
    }
}

fn select(arguments: &[Argument], takes_live: bool) -> Result<ServiceSelection, Failure> {
    let everything = ControlRequest::Status { services: Vec::new(), after: None };
    let mut all = send_request::<Snapshot>(&everything).map_err(|error| failed("read the state", &error))?;
    all.services.retain(|service| service.kind != ServiceKind::Main);
    let mut names = BTreeSet::new();
    for word in arguments {
        let name = String::from_utf8_lossy(word).into_owned();
        let mut members = BTreeSet::new();
        if !expand(&all, &name, &mut members, &mut BTreeSet::new()) {
            let what = format!("{name} is not a recognized identifier");
            return Err(Failure::fatal(UNKNOWN, what));
        }
        names.extend(members);
    }
    if takes_live {
        names.extend(all.services.iter().filter(|service| is_up(service)).map(|service| service.name.clone()));
    }
    Ok(ServiceSelection { all, names })
}

/// Adds a service, or the members of a bundle; returns whether there is one of that name.
fn expand(all: &Snapshot, name: &str, into: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) -> bool {
    if all.services.iter().any(|service| service.name == name) {
        into.insert(name.to_owned());
        return true;
    }
    if name == "top" || name == "default" {
        into.extend(all.services.iter().map(|service| service.name.clone()));
        return true;
    }
    // A name is no path.
    if name.is_empty() || name.starts_with('.') || name.contains('/') || !seen.insert(name.to_owned()) {
        return false;
    }
    let bundles: Vec<_> = DEFINITIONS.iter().filter_map(|place| contents(&Path::new(place).join(name))).collect();
    for member in bundles.iter().flatten() {
        expand(all, member, into, seen);
    }
    !bundles.is_empty()
}

fn contents(bundle: &Path) -> Option<Vec<String>> {
    if let Ok(entries) = fs::read_dir(bundle.join("contents.d")) {
        return Some(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect());
    }
    let text = fs::read_to_string(bundle.join("contents")).ok()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(lines.map(str::to_owned).collect())
}

impl ServiceSelection {
    /// With `-d` the others are listed.
    fn printed(self, direction: Direction) -> BTreeSet<String> {
        match direction {
            Direction::Up => self.names,
            Direction::Down => {
                let all = self.all.services.into_iter().map(|service| service.name);
                all.filter(|name| !self.names.contains(name)).collect()
            }
        }
    }
}

fn list(names: BTreeSet<String>) -> CommandResult {
    let text: String = names.into_iter().map(|name| name + "\n").collect();
    print(text.as_bytes()).map(|()| 0)
}

fn change(selection: &ServiceSelection, direction: Direction, prunes: bool, timeout: Option<u32>) -> CommandResult {
    let limit = timeout.filter(|timeout| *timeout > 0).map_or(FOR_EVER, |it| Duration::from_millis(it.into()));
    let named: Vec<_> = selection.names.iter().cloned().collect();
    let others = selection.all.services.iter().filter(|it| is_up(it) && !selection.names.contains(&it.name));
    let others: Vec<_> = others.map(|it| it.name.clone()).collect();
    let mut code = 0;
    if prunes && direction == Direction::Up {
        code = code.max(perform(others, Direction::Down, limit)?);
    }
    code = code.max(perform(named, direction, limit)?);
    if code == 0 { Ok(0) } else { Err(ended(code, direction)) }
}

fn ended(code: u8, direction: Direction) -> Failure {
    let what = match (code, direction) {
        (TIMED_OUT, _) => "timed out",
        (_, Direction::Up) => "unable to start some services",
        (_, Direction::Down) => "unable to stop some services",
    };
    Failure::fatal(code, what)
}

/// Starts or stops services, and waits for it.
fn perform(services: Vec<String>, direction: Direction, limit: Duration) -> Result<u8, Failure> {
    if services.is_empty() {
        return Ok(0);
    }
    let wait_ms = Some(milliseconds(limit));
    let (request, what) = match direction {
        Direction::Up => (ControlRequest::Start { services, wait_ms }, "start services"),
        Direction::Down => (ControlRequest::Stop { services, wait_ms }, "stop services"),
    };
    let response =
        open_connection(&request).and_then(|mut connection| match connection.next::<Waited>(limit + GRACE)? {
            Incoming::Response(waited) => Ok(Some(waited)),
            Incoming::TimedOut => Ok(None),
            Incoming::EndOfFile => Err(connection.protocol_error("it closed the connection without a response")),
        });
    match response {
        Ok(Some(waited)) if waited.services.iter().all(|it| it.reached) => Ok(0),
        Ok(Some(waited)) => {
            let has_failed = waited.services.iter().any(|it| !it.reached && it.state == StatusState::Failed);
            Ok(if has_failed { FAILED } else { TIMED_OUT })
        }
        Ok(None) => Ok(TIMED_OUT),
        Err(ClientError::Refused(why)) => Err(Failure::fatal(FAILED, why)),
        Err(error) => Err(failed(what, &error)),
    }
}

/// PID 1 responds at its own deadline, which is not before ours.
const GRACE: Duration = Duration::from_secs(5);
