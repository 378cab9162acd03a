//! `status --watch`: on a terminal the table drawn anew each second, and at once when something changes; elsewhere a new
//! table, or line of JSON, each time that something has changed.

use std::io::IsTerminal;
use std::time::Duration;

use super::super::args::StatusArgs;
use super::super::output;
use super::client_error::unanswered;
use super::table;
use crate::control::client::{ClientError, Incoming, open_query, query};
use crate::control::protocol::Query;
use crate::control::responses::Snapshot;
use crate::error::EXIT_REFUSED;

/// How often times and usage are drawn anew.
const SECOND: Duration = Duration::from_secs(1);
/// Nobody waits for a year.
const EVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// To the upper left corner, and clear from there.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Goes on until nobody reads it, or nobody answers any more.
pub(super) fn run(args: &StatusArgs) -> u8 {
    let is_screen = std::io::stdout().is_terminal() && !args.json;
    let mut seen = None;
    loop {
        let snapshot = match next(args, seen, if is_screen { SECOND } else { EVER }) {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return EXIT_REFUSED,
            Err(why) => return unanswered(&why),
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

/// Returns another version than `seen`, or after `patience` the same one anew; `None` if PID 1 has gone.
fn next(args: &StatusArgs, seen: Option<u64>, patience: Duration) -> Result<Option<Snapshot>, ClientError> {
    let services = args.services.clone();
    if let Some(seen) = seen {
        match open_query(&Query::Status { services: services.clone(), after: Some(seen) })?.next(patience)? {
            Incoming::Response(snapshot) => return Ok(Some(snapshot)),
            Incoming::EndOfFile => return Ok(None),
            Incoming::TimedOut => {}
        }
    }
    query(&Query::Status { services, after: None }).map(Some)
}
