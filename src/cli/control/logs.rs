//! `logs`: prints the last lines of services, and new ones.

use std::time::Duration;

use serde::Serialize;

use super::super::output;
use super::super::query_args::LogsArgs;
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
/// The colours of services, in the order in which they first write.
const COLOURS: [&str; 6] = ["\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[31m"];
const NO_COLOUR: &str = "\x1b[0m";

/// A line as `--json` prints it: with the fields of the log where its format is JSON.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: &'a str,
    service: &'a str,
    stream: Stream,
    line: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

/// What a service wrote to its standard error goes to ours.
pub(in crate::cli) fn logs(args: &LogsArgs) -> u8 {
    let LogsArgs { services, lines, since, follow, .. } = args;
    let since_us = since.map(|since| since.0);
    let request = ControlRequest::Logs { services: services.clone(), lines: *lines, since_us, follow: *follow };
    let mut connection = match open_connection(&request) {
        Ok(connection) => connection,
        Err(why) => return report_client_error(&why),
    };
    let mut printer = Printer::new(args, output::is_colourful());
    loop {
        match connection.next::<LogEvent>(if args.follow { NO_LIMIT } else { TIMEOUT }) {
            Ok(Incoming::Response(logged)) if printer.print(&logged) => {}
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

/// How lines are printed.
struct Printer {
    has_names: bool,
    has_times: bool,
    is_json: bool,
    has_colours: bool,
    /// Services in the order in which they first wrote.
    seen: Vec<String>,
}

impl Printer {
    fn new(args: &LogsArgs, has_colours: bool) -> Self {
        let LogsArgs { services, timestamps, json, .. } = args;
        let has_names = services.len() != 1;
        Self { has_names, has_times: *timestamps, is_json: *json, has_colours, seen: Vec::new() }
    }

    /// Returns whether our output is open.
    fn print(&mut self, logged: &LogEvent) -> bool {
        match logged {
            LogEvent::Line(line) => {
                let text = self.text(line);
                if line.stream == Stream::Stdout || self.is_json {
                    return output::out(&text);
                }
                output::err(&text);
            }
            LogEvent::Lost(count) => output::err(&format!("stepdown: {count} lines were lost: they came too fast\n")),
        }
        true
    }

    fn text(&mut self, line: &LogLine) -> String {
        if self.is_json {
            let LogLine { time, service, stream, text, more } = line;
            return output::json_line(&JsonLine { time, service, stream: *stream, line: text, partial: *more });
        }
        // Tabs are printed unchanged.
        let words: Vec<String> = line.text.split('\t').map(shown).collect();
        let time = if self.has_times { format!("{} ", shown(&line.time)) } else { String::new() };
        let name = if self.has_names { self.name(&line.service) } else { String::new() };
        format!("{time}{name}{}\n", words.join("\t"))
    }

    fn name(&mut self, service: &str) -> String {
        let name = shown(service);
        if !self.has_colours {
            return format!("{name} | ");
        }
        let at = self.seen.iter().position(|seen| *seen == name).unwrap_or_else(|| {
            self.seen.push(name.clone());
            self.seen.len() - 1
        });
        let colour = COLOURS.get(at % COLOURS.len()).copied().unwrap_or_default();
        format!("{colour}{name} |{NO_COLOUR} ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(services: &[&str], has_colours: bool) -> Printer {
        let services = services.iter().map(ToString::to_string).collect();
        let args = LogsArgs { services, follow: false, lines: None, since: None, timestamps: false, json: false };
        Printer::new(&args, has_colours)
    }

    fn line(service: &str) -> LogLine {
        let (time, stream) = ("2026-01-01T00:00:00.000000Z".to_owned(), Stream::Stdout);
        LogLine { service: service.into(), time, stream, text: "a\tb\u{1b}[2J".into(), more: false }
    }

    #[test]
    fn a_line_keeps_its_tabs_and_nothing_that_a_terminal_obeys() {
        let mut one = printer(&["web"], true);
        assert_eq!(one.text(&line("web")), "a\tb\\u{1b}[2J\n");
        let mut timed = Printer { has_times: true, ..printer(&["web"], false) };
        assert_eq!(timed.text(&line("web")), "2026-01-01T00:00:00.000000Z a\tb\\u{1b}[2J\n");
    }

    #[test]
    fn of_several_services_each_has_its_name_and_its_colour() {
        assert_eq!(printer(&[], false).text(&line("web")), "web | a\tb\\u{1b}[2J\n");
        let mut coloured = printer(&["web", "db"], true);
        let texts = ["web", "db", "web"].map(|service| coloured.text(&line(service)));
        assert!(texts[0].starts_with("\x1b[36mweb |\x1b[0m a") && texts[1].starts_with("\x1b[33mdb |\x1b[0m a"));
        assert_eq!(texts[0], texts[2]);
    }

    #[test]
    fn as_json_a_line_has_the_fields_of_the_json_log() {
        let mut json = Printer { is_json: true, ..printer(&[], true) };
        let value: serde_json::Value = serde_json::from_str(&json.text(&line("web"))).unwrap();
        let expected = serde_json::json!({
            "version": 1, "time": "2026-01-01T00:00:00.000000Z", "service": "web", "stream": "stdout",
            "line": "a\tb\u{1b}[2J",
        });
        assert_eq!(value, expected);
    }
}
