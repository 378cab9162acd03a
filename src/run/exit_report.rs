//! The exit report: which service ended the container, how, and its last lines of output. Logged, and written where
//! Kubernetes looks for it.

use std::time::Duration;

use super::reasons;
use crate::config::units::duration_text;
use crate::log::lines;
use crate::log::tail::TailLine;
use crate::supervise::{Status, StopReason};

/// How many of its last lines are in the report.
pub const LAST: usize = 10;

/// The service that ended the container.
pub struct ResponsibleService {
    /// As it was at the end.
    pub status: Status,
    /// Whether the OOM killer has killed it.
    pub out_of_memory: bool,
    /// How it ended, or why it is failed.
    pub how: String,
    /// Its last lines; `None`: its output does not pass through PID 1.
    pub last: Option<Vec<TailLine>>,
}

/// Returns the report, line by line; empty if the container ended as requested. `never_ran`: why the main command did not
/// run.
pub fn lines(
    stop_reason: &StopReason,
    code: u8,
    responsible: Option<&ResponsibleService>,
    never_ran: Option<&str>,
) -> Vec<String> {
    let Some(responsible) = responsible.filter(|_| code != 0) else { return Vec::new() };
    let reason = match (stop_reason, never_ran) {
        (StopReason::Signal(_) | StopReason::Requested, Some(why)) => why.to_owned(),
        (_, Some(_)) => format!("{}; the main command never ran", subject(stop_reason, responsible)),
        (_, None) => subject(stop_reason, responsible),
    };
    let mut lines = vec![format!("the container ends with code {code}: {reason}")];
    let last = responsible.last.as_deref().unwrap_or_default();
    if !last.is_empty() {
        lines.push("its last lines:".to_owned());
        lines.extend(last.iter().map(|line| format!("  {}", printed(line))));
    }
    lines
}

fn subject(stop_reason: &StopReason, responsible: &ResponsibleService) -> String {
    let ResponsibleService { status, out_of_memory, how, .. } = responsible;
    let name = match stop_reason {
        StopReason::Main(_) => "the main command".to_owned(),
        StopReason::Signal(_)
        | StopReason::Requested
        | StopReason::Essential(..)
        | StopReason::LateStart(..)
        | StopReason::Unhealthy(_)
        | StopReason::StartTimedOut { .. }
        | StopReason::NothingLeft => status.name.to_string(),
    };
    let memory = if *out_of_memory { " (out of memory)" } else { "" };
    let ran = status.last_ran.map(|ran: Duration| format!(", after {}", duration_text(ran))).unwrap_or_default();
    let again = match status.restarts {
        0 => String::new(),
        times => format!(", {}", reasons::count(times, "restart")),
    };
    format!("{name} {how}{memory}{ran}{again}")
}

fn printed(line: &TailLine) -> String {
    let mut text = Vec::new();
    lines::escape(&line.bytes, &mut text);
    String::from_utf8_lossy(&text).into_owned() + if line.cut { " …" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::{ServiceName, Signal};
    use crate::log::clock::Now;
    use crate::log::own_messages::Stream;
    use crate::supervise::{EngineTime, Exit, FailureReason, Id, StatusState};

    fn responsible(how: &str, restarts: u32) -> ResponsibleService {
        let status = Status {
            id: Id(0),
            name: ServiceName::new("db").unwrap(),
            state: StatusState::Failed,
            wanted: false,
            pid: None,
            since: EngineTime::default(),
            restarts,
            last_exit: None,
            last_ran: Some(Duration::from_millis(182_000)),
            why: None,
            healthy: None,
        };
        ResponsibleService { status, out_of_memory: false, how: how.to_owned(), last: None }
    }

    #[test]
    fn the_report_names_service_signal_memory_time_and_restarts_and_quotes_its_last_lines() {
        let killed = Exit::Signal(Signal::KILL);
        let line = TailLine {
            time: Now::read().wall,
            stream: Stream::Stderr,
            bytes: b"loading\x1b[31m 9 GB".to_vec(),
            continued: false,
            more: false,
            cut: false,
        };
        let responsible = ResponsibleService {
            out_of_memory: true,
            last: Some(vec![line]),
            ..responsible("was killed by SIGKILL", 4)
        };
        let stop_reason = StopReason::Essential(Id(0), FailureReason::Ended(killed));
        let expected = [
            "the container ends with code 137: db was killed by SIGKILL (out of memory), after 3m 2s, 4 restarts",
            "its last lines:",
            "  loading\\x1b[31m 9 GB",
        ];
        assert_eq!(lines(&stop_reason, 137, Some(&responsible), None), expected);
    }

    #[test]
    fn a_requested_end_has_no_report() {
        assert!(lines(&StopReason::Requested, 0, Some(&responsible("exited with code 0", 0)), None).is_empty());
        assert!(lines(&StopReason::NothingLeft, 3, None, None).is_empty());
    }
}
