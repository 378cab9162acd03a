//! `s6-svstat`, `s6-svok`: what state a service is in, in the form of the originals.
#![allow(clippy::disallowed_methods)] // absolute times

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failed;
use super::supervised::{Supervised, is_up};
use crate::config::values::Signal;
use crate::control::client::ClientError;
use crate::control::reason::LastExit;
use crate::control::responses::ServiceStatus;
use crate::s6_commands::call::{Call, CommandResult, print};
use crate::s6_commands::failure::Failure;
use crate::supervise::StatusState;
use crate::text::{shown, shown_bytes};

/// The exit code for a service that nobody supervises.
const NOT_SUPERVISED: u8 = 1;
/// The original prints no more fields.
const MAX_FIELDS: usize = 16;
/// TAI64 labels: seconds since 1970 TAI, which was 10 seconds ahead of UTC, above 2^62.
const TAI: u64 = (1 << 62) + 10;

/// A field of `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatusField {
    Up,
    WantedUp,
    NormallyUp,
    Ready,
    Paused,
    Pid,
    Pgid,
    ExitCode,
    Signal,
    SigNum,
    UpDownSince,
    ReadySince,
    UpDownFor,
    ReadyFor,
}

const FIELDS: [(&str, StatusField); 14] = [
    ("up", StatusField::Up),
    ("wantedup", StatusField::WantedUp),
    ("normallyup", StatusField::NormallyUp),
    ("ready", StatusField::Ready),
    ("paused", StatusField::Paused),
    ("pid", StatusField::Pid),
    ("pgid", StatusField::Pgid),
    ("exitcode", StatusField::ExitCode),
    ("signal", StatusField::Signal),
    ("signum", StatusField::SigNum),
    ("updownsince", StatusField::UpDownSince),
    ("readysince", StatusField::ReadySince),
    ("updownfor", StatusField::UpDownFor),
    ("readyfor", StatusField::ReadyFor),
];

/// What is printed of a service.
#[derive(Clone, Debug)]
struct PrintedState {
    /// Its process, while it is up.
    pid: Option<i32>,
    is_wanted: bool,
    is_normally_up: bool,
    is_ready: bool,
    is_paused: bool,
    last_exit: Option<LastExit>,
    /// How long it has been up or down.
    lasts: Duration,
    /// How long it has been ready.
    ready_for: Duration,
}

/// Exits with 0 if the service is supervised, else with 1.
pub(in crate::s6_commands) fn s6_svok(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-svok servicedir";
    call.options("", SYNOPSIS)?;
    let service = Supervised::of(&call.argument(SYNOPSIS)?);
    match service.status() {
        Ok(_) => Ok(0),
        Err(ClientError::NoServer(_) | ClientError::BadRequest(_)) => Ok(NOT_SUPERVISED),
        Err(error) => Err(failed(&format!("check {}", shown(&service.directory)), &error)),
    }
}

/// Prints the state of a service: one line for people, or the wanted fields.
pub(in crate::s6_commands) fn s6_svstat(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-svstat [ -uwNrpgest | -o \
                            up,wantedup,normallyup,ready,paused,pid,pgid,exitcode,signal,signum,updownsince,readysince,\
                            updownfor,readyfor ] [ -n ] servicedir";
    let (mut fields, mut in_numbers) = (Vec::new(), false);
    for (letter, value) in call.options("no:uwNrpgest", SYNOPSIS)? {
        match letter {
            b'n' => in_numbers = true,
            b'o' => fields.extend(named(&value)?),
            b'u' => fields.push(StatusField::Up),
            b'w' => fields.push(StatusField::WantedUp),
            b'N' => fields.push(StatusField::NormallyUp),
            b'r' => fields.push(StatusField::Ready),
            b'p' => fields.push(StatusField::Pid),
            b'g' => fields.push(StatusField::Pgid),
            b'e' => fields.push(StatusField::ExitCode),
            b's' => fields.push(StatusField::Signal),
            _ => fields.push(StatusField::UpDownFor),
        }
        if fields.len() > MAX_FIELDS {
            return Err(Failure::wrong("too many option fields"));
        }
    }
    let word = call.argument(SYNOPSIS)?;
    let service = Supervised::of(&word);
    let status = service.status().map_err(|error| match error {
        ClientError::NoServer(_) | ClientError::BadRequest(_) => {
            let what = format!("unable to read status for {}: s6-supervise not running", shown_bytes(&word));
            Failure::fatal(NOT_SUPERVISED, what)
        }
        error => failed(&format!("read status for {}", shown_bytes(&word)), &error),
    })?;
    let state = PrintedState::of(&service, &status);
    let line = match fields.is_empty() {
        true => state.line(in_numbers),
        false => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            fields.iter().map(|field| state.field(*field, now)).collect::<Vec<_>>().join(" ")
        }
    };
    print(format!("{line}\n").as_bytes()).map(|()| 0)
}

/// Returns the fields of a list. The beginning of a name is enough, and a comma may end the list, as for the original.
fn named(list: &[u8]) -> Result<Vec<StatusField>, Failure> {
    let list = list.strip_suffix(b",").filter(|list| !list.is_empty()).unwrap_or(list);
    let field =
        |word: &[u8]| FIELDS.iter().find(|(name, _)| name.as_bytes().starts_with(word)).map(|(_, field)| *field);
    let wrong = |word: &[u8]| match word {
        [] => Failure::wrong("invalid null option field"),
        word => Failure::wrong(format!("invalid option field: {}", shown_bytes(word))),
    };
    let found = |word: &[u8]| field(word).filter(|_| !word.is_empty()).ok_or_else(|| wrong(word));
    if list.is_empty() { Ok(Vec::new()) } else { list.split(|byte| *byte == b',').map(found).collect() }
}

impl PrintedState {
    fn of(service: &Supervised, status: &ServiceStatus) -> Self {
        let since = Duration::from_millis(status.since_ms);
        let is_up = is_up(status);
        let is_ready = match status.state {
            StatusState::Up | StatusState::Done => service.announces_readiness(),
            // It is ready to be started again, once `finish` has ended.
            StatusState::Down | StatusState::Backoff | StatusState::Failed => status.last_exit.is_some(),
            StatusState::Waiting
            | StatusState::Starting
            | StatusState::Stopping
            | StatusState::Finishing
            | StatusState::Scheduled => false,
        };
        Self {
            pid: status.pid.filter(|_| is_up),
            is_wanted: status.wanted,
            is_normally_up: !service.directory.join("down").exists(),
            is_ready,
            is_paused: is_up && status.paused,
            last_exit: status.last_exit.clone(),
            lasts: status.uptime_ms.filter(|_| is_up).map_or(since, Duration::from_millis),
            ready_for: since,
        }
    }

    fn line(&self, in_numbers: bool) -> String {
        let mut line = match (self.pid, &self.last_exit) {
            (Some(pid), _) => format!("up (pid {pid} pgid {pid})"),
            (None, Some(LastExit::Signal(_))) => {
                let signal = self.signal(in_numbers);
                format!("down (signal {signal})")
            }
            (None, Some(LastExit::Code(code))) => format!("down (exitcode {code})"),
            (None, None) => "down (exitcode 0)".to_owned(),
        };
        line += &format!(" {} seconds", self.lasts.as_secs());
        let is_up = self.pid.is_some();
        // In the order of the original.
        let notes = [
            (is_up && !self.is_normally_up, ", normally down"),
            (!is_up && self.is_normally_up, ", normally up"),
            (is_up && self.is_paused, ", paused"),
            (!is_up && self.is_wanted, ", want up"),
            (is_up && !self.is_wanted, ", want down"),
        ];
        notes.iter().filter(|(applies, _)| *applies).for_each(|(_, note)| line += note);
        if self.is_ready {
            line += &format!(", ready {} seconds", self.ready_for.as_secs());
        }
        line
    }

    fn field(&self, field: StatusField, now: Duration) -> String {
        match field {
            StatusField::Up => self.pid.is_some().to_string(),
            StatusField::WantedUp => self.is_wanted.to_string(),
            StatusField::NormallyUp => self.is_normally_up.to_string(),
            StatusField::Ready => (self.pid.is_some() && self.is_ready).to_string(),
            StatusField::Paused => (self.pid.is_some() && self.is_paused).to_string(),
            StatusField::Pid | StatusField::Pgid => self.pid.unwrap_or(-1).to_string(),
            StatusField::ExitCode => match (self.pid, &self.last_exit) {
                (None, Some(LastExit::Code(code))) => code.to_string(),
                (None, None) => "0".to_owned(),
                (Some(_), _) | (None, Some(LastExit::Signal(_))) => "-1".to_owned(),
            },
            StatusField::Signal => self.signal(false),
            StatusField::SigNum => self.signal(true),
            StatusField::UpDownSince => label(now.saturating_sub(self.lasts)),
            StatusField::ReadySince => label(now.saturating_sub(self.ready_for)),
            StatusField::UpDownFor => self.lasts.as_secs().to_string(),
            StatusField::ReadyFor => self.ready_for.as_secs().to_string(),
        }
    }

    fn signal(&self, in_numbers: bool) -> String {
        match (self.pid, &self.last_exit) {
            (None, Some(LastExit::Signal(name))) => match Signal::parse(name).filter(|_| in_numbers) {
                Some(signal) => signal.number().to_string(),
                None => name.clone(),
            },
            (Some(_), _) | (None, Some(LastExit::Code(_)) | None) if in_numbers => "-1".to_owned(),
            (Some(_), _) | (None, Some(LastExit::Code(_)) | None) => "NA".to_owned(),
        }
    }
}

/// Returns a time since 1970 as a TAI64N label.
fn label(time: Duration) -> String {
    format!("@{:016x}{:08x}", TAI + time.as_secs(), time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up() -> PrintedState {
        PrintedState {
            pid: Some(42),
            is_wanted: true,
            is_normally_up: true,
            is_ready: true,
            is_paused: false,
            last_exit: Some(LastExit::Code(3)),
            lasts: Duration::from_millis(7900),
            ready_for: Duration::from_secs(6),
        }
    }

    fn fields(state: &PrintedState, list: &str) -> String {
        let now = Duration::new(1_000_000_000, 5);
        named(list.as_bytes()).unwrap().into_iter().map(|field| state.field(field, now) + " ").collect()
    }

    #[test]
    fn the_line_is_the_originals() {
        assert_eq!(up().line(false), "up (pid 42 pgid 42) 7 seconds, ready 6 seconds");
        let unwanted = PrintedState { is_wanted: false, is_normally_up: false, is_ready: false, ..up() };
        assert_eq!(unwanted.line(false), "up (pid 42 pgid 42) 7 seconds, normally down, want down");
        let paused = PrintedState { is_paused: true, is_wanted: false, is_ready: false, ..up() };
        assert_eq!(paused.line(false), "up (pid 42 pgid 42) 7 seconds, paused, want down");
        let down = PrintedState { pid: None, is_ready: false, ..up() };
        assert_eq!(down.line(false), "down (exitcode 3) 7 seconds, normally up, want up");
        let killed = PrintedState { last_exit: Some(LastExit::Signal("SIGKILL".into())), is_wanted: false, ..down };
        assert_eq!(killed.line(false), "down (signal SIGKILL) 7 seconds, normally up");
        assert_eq!(killed.line(true), "down (signal 9) 7 seconds, normally up");
        let ready = PrintedState { is_ready: true, ..killed };
        assert_eq!(ready.line(false), "down (signal SIGKILL) 7 seconds, normally up, ready 6 seconds");
    }

    #[test]
    fn fields_are_printed_in_their_order() {
        assert_eq!(fields(&up(), "pid,up,ready,wantedup,exitcode,signal,signum"), "42 true true true -1 NA -1 ");
        let down = PrintedState { pid: None, last_exit: Some(LastExit::Signal("SIGTERM".into())), ..up() };
        assert_eq!(fields(&down, "signum,signal,exitcode,pid,updownfor,"), "15 SIGTERM -1 -1 7 ");
        assert_eq!(fields(&up(), "readysince"), "@400000003b9aca0400000005 ");
        assert_eq!(fields(&down, "updownf,exit,p,readyf"), "7 -1 false 6 ");
        for list in ["up,,pid", ",", ",up"] {
            assert_eq!(named(list.as_bytes()).unwrap_err(), Failure::wrong("invalid null option field"), "{list}");
        }
        assert_eq!(named(b"up,upp").unwrap_err(), Failure::wrong("invalid option field: upp"));
    }
}
