//! `s6-rc`: lists services, and starts and stops them with what they need.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::failed;
use super::rc_definitions::{contents, requirements};
use super::supervised::is_up;
use super::svc::reload;
use crate::control::client::{ClientError, Incoming, open_connection, send_request};
use crate::control::protocol::{ControlRequest, milliseconds};
use crate::control::reason::{LastExit, Reason};
use crate::control::responses::{ServiceKind, ServiceResult, ServiceStatus, Snapshot, Waited};
use crate::error::EXIT_WRONG;
use crate::s6_commands::call::{Argument, Call, CommandResult, number, print, print_error};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::options::LongOption;
use crate::supervise::StatusState;
use crate::text::shown_bytes;

const SYNOPSIS: &str = "s6-rc [ -v verbosity ] [ -n dryrunthrottle ] [ -t timeout ] [ -l live ] [ -b ] [ -E | -e ] [ -u | -d | -D ] \
                        [ -p ] [ -a ] help|list|listall|diff|start|stop|change [ servicenames... ]";
const HELP: &str = "s6-rc help
s6-rc [ -l live ] [ -a ] list [ servicenames... ]
s6-rc [ -l live ] [ -a ] [ -u | -d ] listall [ servicenames... ]
s6-rc [ -l live ] diff
s6-rc [ -l live ] [ -a ] [ -u | -d | -D ] [ -p ] [ -v verbosity ] [ -t timeout ] [ -n dryrunthrottle ] change [ servicenames... ]
";
/// Says what fails; 0 says nothing, 2 also what is done, 3 also what is so already.
const VERBOSITY: u32 = 1;
/// The exit code if a service could not be started or stopped.
const FAILED: u8 = 1;
/// The exit code of a change that took too long.
const TIMED_OUT: u8 = 2;
/// The exit code for a name that is unknown.
const UNKNOWN: u8 = 3;
/// The protocol has no time without end.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The state that is asked for.
    fn state(self) -> &'static str {
        if self == Self::Up { "up" } else { "down" }
    }

    /// What is done, what is being done, what was done.
    fn verbs(self) -> [&'static str; 3] {
        if self == Self::Up { ["start", "starting", "started"] } else { ["stop", "stopping", "stopped"] }
    }
}

/// How a change is carried out.
#[derive(Clone, Copy)]
struct ChangeOptions {
    direction: Direction,
    /// Whether all else is stopped.
    prunes: bool,
    /// Whether it is only said.
    is_dry: bool,
    limit: Duration,
    verbosity: u32,
}

/// The services that are selected, in the order of PID 1.
struct ServiceSelection {
    all: Snapshot,
    names: BTreeSet<String>,
}

const LONG: [LongOption; 13] = [
    ("up", b'u'),
    ("down", b'd'),
    ("all-down", b'D'),
    ("prune", b'p'),
    ("add", b'a'),
    ("block", b'b'),
    ("with-essentials", b'E'),
    ("without-essentials", b'e'),
    // There is no lock to do without.
    ("no-lock", b'b'),
    ("verbosity", b'v'),
    ("dry-run", b'n'),
    ("timeout", b't'),
    ("livedir", b'l'),
];

/// Lists or changes services.
pub(in crate::s6_commands) fn s6_rc(mut call: Call) -> CommandResult {
    let mut takes_live = false;
    let mut change_options =
        ChangeOptions { direction: Direction::Up, prunes: false, is_dry: false, limit: FOR_EVER, verbosity: VERBOSITY };
    for (letter, value) in call.long_options("v:n:t:l:bEeudDpa", &LONG, SYNOPSIS)? {
        let read =
            |what: &str| number(&value).ok_or_else(|| Failure::wrong(format!("{what} must be an unsigned integer")));
        match letter {
            b'v' => change_options.verbosity = read("verbosity")?,
            b't' => {
                change_options.limit = match read("timeout")? {
                    0 => FOR_EVER,
                    timeout => Duration::from_millis(timeout.into()),
                }
            }
            b'n' => change_options.is_dry = read("dry-run").map(|_| true)?,
            b'u' => change_options.direction = Direction::Up,
            b'd' | b'D' => change_options.direction = Direction::Down,
            b'p' => change_options.prunes = true,
            b'a' => takes_live = true,
            // Where the state is, whether to wait for another s6-rc, how the terminal is used: all one here.
            _ => {}
        }
    }
    let word = call.argument(SYNOPSIS)?;
    let (command, direction) = match word.as_slice() {
        b"help" => return print(HELP.as_bytes()).map(|()| 0),
        // Those of a compiled database are those that run.
        b"diff" => return Ok(0),
        b"start" => (&b"change"[..], Direction::Up),
        b"stop" => (&b"change"[..], Direction::Down),
        b"list" | b"listall" | b"change" | b"reload" => (word.as_slice(), change_options.direction),
        other => {
            print_error(&format!("s6-rc: fatal: unknown command: {}\n", shown_bytes(other)));
            return Ok(EXIT_WRONG);
        }
    };
    let selection = select(&call.arguments, takes_live)?;
    match command {
        b"list" => selection.list(&selection.listed(direction)),
        b"listall" => selection.list(&selection.closure(direction)),
        b"reload" => {
            let mut names = selection.names.into_iter();
            names.try_for_each(reload).map(|()| 0).map_err(|error| failed("reload services", &error))
        }
        _ => change(&selection, ChangeOptions { direction, ..change_options }),
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
    let Some(members) = contents(name) else { return false };
    for member in &members {
        expand(all, member, into, seen);
    }
    true
}

impl ServiceSelection {
    /// With `-d` the others are listed.
    fn listed(&self, direction: Direction) -> BTreeSet<String> {
        match direction {
            Direction::Up => self.names.clone(),
            Direction::Down => {
                let all = self.all.services.iter().map(|service| service.name.clone());
                all.filter(|name| !self.names.contains(name)).collect()
            }
        }
    }

    /// Returns the selected services and what they need; with `-d` what needs them.
    fn closure(&self, direction: Direction) -> BTreeSet<String> {
        let names = self.all.services.iter().map(|service| &service.name);
        let edges: Vec<_> = names.map(|name| (name, self.requirements(name))).collect();
        let mut found = self.names.clone();
        loop {
            let more: Vec<String> = match direction {
                Direction::Up => {
                    let inside = edges.iter().filter(|(name, _)| found.contains(*name));
                    inside.flat_map(|(_, needed)| needed).cloned().collect()
                }
                Direction::Down => {
                    let dependents = edges.iter().filter(|(_, needed)| !needed.is_disjoint(&found));
                    dependents.map(|(name, _)| (*name).clone()).collect()
                }
            };
            let before = found.len();
            found.extend(more);
            if found.len() == before {
                return found;
            }
        }
    }

    /// Returns the services that a service needs, by its definition of s6-rc.
    fn requirements(&self, name: &str) -> BTreeSet<String> {
        let mut needed = BTreeSet::new();
        for word in requirements(name) {
            expand(&self.all, &word, &mut needed, &mut BTreeSet::new());
        }
        needed
    }

    /// Prints names in the order of a compiled database: longruns before oneshots.
    fn list(&self, names: &BTreeSet<String>) -> CommandResult {
        let of_kind = |kind| self.all.services.iter().filter(move |service| service.kind == kind);
        let mut lines = String::new();
        for kind in [ServiceKind::Longrun, ServiceKind::Oneshot] {
            let sorted: BTreeSet<_> = of_kind(kind).map(|it| &it.name).filter(|name| names.contains(*name)).collect();
            sorted.into_iter().for_each(|name| lines += &format!("{name}\n"));
        }
        print(lines.as_bytes()).map(|()| 0)
    }

    /// Returns the running services that are not selected.
    fn others(&self) -> Vec<&ServiceStatus> {
        self.all.services.iter().filter(|it| is_up(it) && !self.names.contains(&it.name)).collect()
    }
}

fn change(selection: &ServiceSelection, options: ChangeOptions) -> CommandResult {
    let selected = selection.all.services.iter().filter(|it| selection.names.contains(&it.name)).collect();
    let mut code = 0;
    if options.prunes && options.direction == Direction::Up {
        code = perform(&selection.others(), ChangeOptions { direction: Direction::Down, ..options })?;
    }
    code = code.max(perform(&selected, options)?);
    if code == TIMED_OUT { Err(Failure::fatal(TIMED_OUT, "timed out")) } else { Ok(code) }
}

/// Starts or stops services, and waits for it.
fn perform(services: &Vec<&ServiceStatus>, options: ChangeOptions) -> Result<u8, Failure> {
    let [verb, begins, done] = options.direction.verbs();
    let say = |least: u32, what: String| {
        if options.verbosity >= least {
            print_error(&format!("s6-rc: {what}\n"));
        }
    };
    let dry = if options.is_dry { "dry run: " } else { "" };
    say(3, format!("info: {dry}bringing selected services {}", options.direction.state()));
    let (as_asked, changing): (Vec<&ServiceStatus>, Vec<_>) =
        services.iter().partition(|it| is_up(it) == (options.direction == Direction::Up));
    as_asked.iter().for_each(|it| say(3, format!("info: service {}: already {}", it.name, options.direction.state())));
    changing.iter().for_each(|it| say(2, format!("info: {dry}service {}: {begins}", it.name)));
    if options.is_dry {
        changing.iter().for_each(|it| say(2, format!("info: {dry}service {} successfully {done}", it.name)));
        return Ok(0);
    }
    let named: Vec<_> = services.iter().map(|service| service.name.clone()).collect();
    let Some(results) = request(named, options)? else { return Ok(TIMED_OUT) };
    for result in &results {
        let was_so = as_asked.iter().any(|it| it.name == result.name);
        match (result.reached, result.state) {
            (true, _) if was_so => {}
            (true, _) => say(2, format!("info: service {} successfully {done}", result.name)),
            (false, StatusState::Failed) => {
                say(1, format!("warning: unable to {verb} service {}: {}", result.name, cause_of(result)));
            }
            (false, _) => {}
        }
    }
    // What waits for a service that has failed does not take too long.
    let missed = || results.iter().filter(|it| !it.reached);
    Ok(match (missed().any(|it| it.state == StatusState::Failed), missed().next()) {
        (true, _) => FAILED,
        (false, Some(_)) => TIMED_OUT,
        (false, None) => 0,
    })
}

/// Returns why a service has failed, in the words of s6-rc where it has some.
fn cause_of(result: &ServiceResult) -> String {
    match &result.why {
        Some(Reason::Ended { exit: LastExit::Code(code), .. }) => format!("command exited {code}"),
        Some(Reason::Ended { exit: LastExit::Signal(name), .. }) => {
            let number = Signal::from_str(name).map_or_else(|_| name.clone(), |signal| (signal as i32).to_string());
            format!("command crashed with signal {number}")
        }
        Some(why) => why.to_string(),
        None => "it has failed".to_owned(),
    }
}

/// Asks PID 1 and waits; `None`: not within the limit.
fn request(services: Vec<String>, options: ChangeOptions) -> Result<Option<Vec<ServiceResult>>, Failure> {
    if services.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let wait_ms = Some(milliseconds(options.limit));
    let (request, what) = match options.direction {
        Direction::Up => (ControlRequest::Start { services, wait_ms }, "start services"),
        Direction::Down => (ControlRequest::Stop { services, wait_ms }, "stop services"),
    };
    let response = open_connection(&request).and_then(|mut connection| {
        match connection.next::<Waited>(options.limit + GRACE)? {
            Incoming::Response(waited) => Ok(Some(waited.services)),
            Incoming::TimedOut => Ok(None),
            Incoming::EndOfFile => Err(connection.protocol_error("it closed the connection without a response")),
        }
    });
    match response {
        Ok(results) => Ok(results),
        Err(ClientError::Refused(why)) => Err(Failure::fatal(FAILED, why)),
        Err(error) => Err(failed(what, &error)),
    }
}

/// PID 1 responds at its own deadline, which is not before ours.
const GRACE: Duration = Duration::from_secs(5);
