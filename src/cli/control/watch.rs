//! `status --watch`: on a terminal the table is redrawn each second, and at once when something changes; else a new table,
//! or line of JSON, is printed each time that something has changed.

use std::io::IsTerminal;
use std::time::Duration;

use super::super::args::StatusArgs;
use super::super::output;
use super::client_error::report_client_error;
use super::table;
use crate::control::client::{ClientError, Incoming, open_connection, send_request};
use crate::control::protocol::ControlRequest;
use crate::control::responses::Snapshot;
use crate::error::EXIT_REFUSED;

/// How often times and usage are redrawn.
const SECOND: Duration = Duration::from_secs(1);
/// A year stands for no limit.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);
/// Moves to the upper left corner and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Runs until our output is closed, or PID 1 does not respond any more.
pub(super) fn run(args: &StatusArgs) -> u8 {
    let is_screen = std::io::stdout().is_terminal() && !args.json;
    let mut seen = None;
    loop {
        let snapshot = match next(args, seen, if is_screen { SECOND } else { NO_LIMIT }) {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return EXIT_REFUSED,
            Err(why) => return report_client_error(&why),
        };
        let text = match (args.json, is_screen) {
            (true, _) => output::json_line(&snapshot),
            (false, true) => format!("{CLEAR}{}", table::status(&snapshot, output::is_colourful())),
            (false, false) if seen.is_some() => format!("\n{}", table::status(&snapshot, false)),
            (false, false) => table::status(&snapshot, false),
        };
        if !output::out(&text) {
            return 0;
        }
        seen = Some(snapshot.revision);
    }
}

/// Returns another revision than `seen`, or after `timeout` the present one; `None` if PID 1 has closed the connection.
fn next(args: &StatusArgs, seen: Option<u64>, timeout: Duration) -> Result<Option<Snapshot>, ClientError> {
    let services = args.services.clone();
    if let Some(seen) = seen {
        match open_connection(&ControlRequest::Status { services: services.clone(), after: Some(seen) })?
            .next(timeout)?
        {
            Incoming::Response(snapshot) => return Ok(Some(snapshot)),
            Incoming::EndOfFile => return Ok(None),
            Incoming::TimedOut => {}
        }
    }
    send_request(&ControlRequest::Status { services, after: None }).map(Some)
}
