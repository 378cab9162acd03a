//! `logs`: prints a service's last lines, and new ones.

use std::time::Duration;

use super::super::args::LogsArgs;
use super::super::output;
use super::client_error::report_client_error;
use crate::control::client::{Incoming, open_connection};
use crate::control::protocol::ControlRequest;
use crate::control::responses::{LogEvent, LogLine};
use crate::log::own_messages::Stream;
use crate::text::shown;

/// Kept lines are sent at once.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A year stands for no limit.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the service wrote to its standard error goes to ours.
pub(in crate::cli) fn logs(args: &LogsArgs) -> u8 {
    let request = ControlRequest::Logs { service: args.service.clone(), lines: args.lines, follow: args.follow };
    let mut connection = match open_connection(&request) {
        Ok(connection) => connection,
        Err(why) => return report_client_error(&why),
    };
    loop {
        match connection.next::<LogEvent>(if args.follow { NO_LIMIT } else { TIMEOUT }) {
            Ok(Incoming::Response(logged)) if print(&logged, args.timestamps) => {}
            // Our output was closed, or there are no more lines.
            Ok(Incoming::Response(_) | Incoming::EndOfFile) => return 0,
            Ok(Incoming::TimedOut) if args.follow => {}
            Ok(Incoming::TimedOut) => {
                return report_client_error(&connection.protocol_error("the lines ended too early"));
            }
            Err(why) => return report_client_error(&why),
        }
    }
}

fn print(logged: &LogEvent, timestamps: bool) -> bool {
    match logged {
        LogEvent::Line(line) if line.stream == Stream::Stderr => output::err(&text(line, timestamps)),
        LogEvent::Line(line) => return output::out(&text(line, timestamps)),
        LogEvent::Lost(count) => output::err(&format!("stepdown: {count} lines were lost: they came too fast\n")),
    }
    true
}

fn text(line: &LogLine, timestamps: bool) -> String {
    // Tabs are printed unchanged.
    let words: Vec<String> = line.text.split('\t').map(shown).collect();
    let text = words.join("\t");
    if timestamps { format!("{} {text}\n", shown(&line.time)) } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_tabs_and_nothing_that_a_terminal_obeys() {
        let (time, stream) = ("2026-01-01T00:00:00.000000Z".to_owned(), Stream::Stdout);
        let line = LogLine { time, stream, text: "a\tb\u{1b}[2J".into(), more: false };
        assert_eq!(text(&line, false), "a\tb\\u{1b}[2J\n");
        assert_eq!(text(&line, true), "2026-01-01T00:00:00.000000Z a\tb\\u{1b}[2J\n");
    }
}
