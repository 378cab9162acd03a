//! Text about processes that are killed or left running: their names, and the key that gives them more time.

use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::config::values::{CapSet, Capability};
use crate::plan::fix::Fix;
use crate::supervise::{Id, Killed, Pid, Supervisor};
use crate::sys::process::permission;
use crate::sys::read_file;
use crate::text::shown_bytes;

/// More are only counted.
const MAX_NAMED: usize = 5;
/// The keys that set the time for the whole stop.
pub const STOP_TIMEOUT_KEYS: &str =
    "`stop_timeout` in /etc/stepdown.toml (or STEPDOWN_STOP_TIMEOUT), and `docker stop -t` above it";

/// Returns processes by number and command: "process 7 (`sleep 600`)".
pub fn named(pids: &[Pid]) -> String {
    let names: Vec<_> =
        pids.iter().take(MAX_NAMED).map(|pid| format!("process {} (`{}`)", pid.0, command_of(*pid))).collect();
    match (names.is_empty(), pids.len().saturating_sub(MAX_NAMED)) {
        (true, _) => "it".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// Returns which key gives it more time; empty where none would.
pub fn fix(id: Id, who: Killed, after: Duration, supervisor: &Supervisor, is_forced: bool) -> String {
    let Some(stop) = supervisor.stop_rule(id).filter(|_| !is_forced) else { return String::new() };
    let stops = supervisor.stop_reason().is_some();
    // In a stop of the container the whole budget bounds it too.
    let is_own_timeout = !stops || stop.timeout.is_some_and(|own| after >= own);
    let timeout = match who {
        Killed::Finish if !stops => "`timeout-finish` in its directory",
        Killed::Command | Killed::StopCommand | Killed::Leftovers if is_own_timeout && supervisor.is_main(id) => {
            "`stop.timeout` in `[main]` of /etc/stepdown.toml"
        }
        Killed::Command | Killed::StopCommand | Killed::Leftovers if is_own_timeout => "`stop.timeout` in its file",
        Killed::Command | Killed::Finish | Killed::StopCommand | Killed::Leftovers => STOP_TIMEOUT_KEYS,
    };
    let signal = match who {
        Killed::Command if !supervisor.is_main(id) => {
            format!("; if it exits on another signal than {}, set `stop.signal`", stop.signal)
        }
        Killed::Command | Killed::Finish | Killed::StopCommand | Killed::Leftovers => String::new(),
    };
    format!("; if it needs longer, set {timeout}{signal}")
}

/// Returns why a signal could not be sent, and what to change.
pub fn refusal(errno: Errno) -> String {
    match errno {
        Errno::EPERM => format!("it is another user's, and {}", no_permission()),
        errno => errno.desc().to_owned(),
    }
}

/// Returns why killed processes are still there.
pub fn survival_reason(pids: &[Pid]) -> String {
    match pids.iter().any(|pid| permission::is_refused(*pid)) {
        true => no_permission(),
        false => "uninterruptible sleep?".to_owned(),
    }
}

/// Without SETUID too, or it would have been sent as that user.
fn no_permission() -> String {
    if geteuid().is_root() {
        let fix = Fix::capabilities(CapSet::EMPTY.with(Capability::KILL));
        format!("PID 1 lacks the capability KILL: {fix}")
    } else {
        "PID 1 lacks the capability KILL: write `drop = \"root\"` in /etc/stepdown.toml and start the container as root"
            .to_owned()
    }
}

/// Returns the command line of a process, shortened; its name in brackets where it has none, as ps(1) has it.
pub fn command_of(pid: Pid) -> String {
    const MAX_LENGTH: usize = 60;
    let line = read_file::read_proc(&format!("/proc/{}/cmdline", pid.0));
    let words: Vec<String> = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(shown_bytes).collect();
    let text = match words.is_empty() {
        false => words.join(" "),
        true => {
            format!("[{}]", String::from_utf8_lossy(&read_file::read_proc(&format!("/proc/{}/comm", pid.0))).trim_end())
        }
    };
    if text.chars().count() <= MAX_LENGTH { text } else { text.chars().take(MAX_LENGTH).chain(['…']).collect() }
}
