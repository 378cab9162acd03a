//! The story of the end: who ended the container, how, and what it last said. Where Kubernetes looks for it, too.

use std::time::Duration;

use super::reports::{self, span, words};
use crate::log::lines;
use crate::log::ring::Line;
use crate::supervise::{Exit, Status, StopReason};

/// So many of its last lines are told.
pub const LAST: usize = 10;

/// Whom the story is about.
pub struct Culprit {
    /// As it was at the end.
    pub status: Status,
    /// Whether it was killed for want of memory.
    pub out_of_memory: bool,
    /// Why it is failed, where more is known than its end.
    pub why: Option<String>,
    /// What it last said; `None`: its output does not pass through us.
    pub last: Option<Vec<Line>>,
}

/// Returns the story, line by line; nothing where all went as asked.
pub fn tell(because: &StopReason, code: u8, culprit: Option<&Culprit>) -> Vec<String> {
    let Some(culprit) = culprit.filter(|_| code != 0) else { return Vec::new() };
    let mut story = vec![format!("the container ends with code {code}: {}", who(because, culprit))];
    let last = culprit.last.as_deref().unwrap_or_default();
    if !last.is_empty() {
        story.push("its last lines:".to_owned());
        story.extend(last.iter().map(|line| format!("  {}", printed(line))));
    }
    story
}

fn who(because: &StopReason, culprit: &Culprit) -> String {
    let Culprit { status, out_of_memory, why, .. } = culprit;
    let name = match because {
        StopReason::Main(_) => "the main command".to_owned(),
        StopReason::Signal(_)
        | StopReason::Asked
        | StopReason::Essential(..)
        | StopReason::Unhealthy(_)
        | StopReason::NothingLeft => status.name.to_string(),
    };
    let how = match (because, why, status.last_exit) {
        (StopReason::Unhealthy(_), ..) => " was unhealthy".to_owned(),
        (_, Some(why), _) => format!(" failed: {why}"),
        (_, None, Some(exit @ Exit::Code(_))) => format!(" ended with {}", words(exit)),
        (_, None, Some(exit @ Exit::Signal(_))) => format!(" was killed by {}", words(exit)),
        (_, None, None) => " could not be started".to_owned(),
    };
    let memory = if *out_of_memory { " (out of memory)" } else { "" };
    let ran = status.last_ran.map(|ran: Duration| format!(", after {}", span(ran))).unwrap_or_default();
    let again = match status.restarts {
        0 => String::new(),
        times => format!(", {}", reports::count(times, "restart")),
    };
    format!("{name}{how}{memory}{ran}{again}")
}

fn printed(line: &Line) -> String {
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
    use crate::supervise::{FailureReason, Id, StatusState, Time};

    fn culprit(last_exit: Option<Exit>, restarts: u32) -> Culprit {
        let status = Status {
            id: Id(0),
            name: ServiceName::new("db").unwrap(),
            state: StatusState::Failed,
            wanted: false,
            pid: None,
            since: Time::default(),
            restarts,
            last_exit,
            last_ran: Some(Duration::from_millis(182_000)),
            why: None,
            healthy: None,
        };
        Culprit { status, out_of_memory: false, why: None, last: None }
    }

    #[test]
    fn the_story_names_service_signal_memory_time_and_restarts_and_quotes_its_last_lines() {
        let killed = Exit::Signal(Signal::KILL);
        let line = Line {
            time: Now::read().wall,
            stream: Stream::Stderr,
            bytes: b"loading\x1b[31m 9 GB".to_vec(),
            continued: false,
            more: false,
            cut: false,
        };
        let culprit = Culprit { out_of_memory: true, last: Some(vec![line]), ..culprit(Some(killed), 4) };
        let because = StopReason::Essential(Id(0), FailureReason::Ended(killed));
        let expected = [
            "the container ends with code 137: db was killed by SIGKILL (out of memory), after 3 min 2 s, 4 restarts",
            "its last lines:",
            "  loading\\x1b[31m 9 GB",
        ];
        assert_eq!(tell(&because, 137, Some(&culprit)), expected);
    }

    #[test]
    fn an_end_that_was_asked_for_has_no_story() {
        assert!(tell(&StopReason::Asked, 0, Some(&culprit(None, 0))).is_empty());
        assert!(tell(&StopReason::NothingLeft, 3, None).is_empty());
    }

    #[test]
    fn a_limit_and_bad_health_are_told_as_such() {
        let limited = Culprit { why: Some("10 failures in a row, last: code 1".to_owned()), ..culprit(None, 9) };
        let told = tell(&StopReason::NothingLeft, 1, Some(&limited));
        assert!(
            told[0].contains("db failed: 10 failures in a row, last: code 1, after 3 min 2 s, 9 restarts"),
            "{told:?}"
        );
        let told = tell(&StopReason::Unhealthy(Id(0)), 1, Some(&culprit(None, 0)));
        assert!(told[0].contains("db was unhealthy, after"), "{told:?}");
    }
}
