//! `status --watch`: on a terminal the table is redrawn each second, and at once when something changes, as much of it as the
//! window has room for ([`super::screen`]); else a new table, or line of JSON, is printed each time that something has changed.

use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::super::args::StatusArgs;
use super::super::output;
use super::client_error::report_client_error;
use super::screen::{Key, Screen, keys};
use super::table;
use crate::control::client::{ClientError, Connection, Incoming, open_connection, send_request};
use crate::control::protocol::ControlRequest;
use crate::control::responses::Snapshot;
use crate::error::EXIT_REFUSED;

/// How often times and usage are redrawn.
const SECOND: Duration = Duration::from_secs(1);
const SECOND_IN_MILLISECONDS: u16 = 1000;
/// A year stands for no limit.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Runs until our output is closed, `q` is pressed, or PID 1 does not respond any more.
pub(super) fn run(args: &StatusArgs) -> u8 {
    let outcome = if std::io::stdout().is_terminal() && !args.json { on_terminal(args) } else { print_changes(args) };
    match outcome {
        Ok(Some(code)) => code,
        Ok(None) => EXIT_REFUSED,
        Err(why) => report_client_error(&why),
    }
}

/// `None`: PID 1 has closed the connection.
fn print_changes(args: &StatusArgs) -> Result<Option<u8>, ClientError> {
    let mut seen = None;
    loop {
        let Some(snapshot) = (match seen {
            None => Some(present(args)?),
            Some(seen) => match changed(args, seen)?.next(NO_LIMIT)? {
                Incoming::Response(snapshot) => Some(snapshot),
                Incoming::TimedOut => Some(present(args)?),
                Incoming::EndOfFile => None,
            },
        }) else {
            return Ok(None);
        };
        let text = match (args.json, seen) {
            (true, _) => output::json_line(&snapshot),
            (false, Some(_)) => format!("\n{}", table::status(&snapshot, false)),
            (false, None) => table::status(&snapshot, false),
        };
        if !output::out(&text) {
            return Ok(Some(0));
        }
        seen = Some(snapshot.revision);
    }
}

fn on_terminal(args: &StatusArgs) -> Result<Option<u8>, ClientError> {
    let mut snapshot = present(args)?;
    let mut screen = Screen::open();
    loop {
        if !screen.draw(&table::status(&snapshot, output::is_colourful()), snapshot.services.len()) {
            return Ok(Some(0));
        }
        let mut connection = changed(args, snapshot.revision)?;
        let (has_response, pressed) = wait(&connection, screen.reads_keys());
        if pressed.contains(&Key::Quit) {
            return Ok(Some(0));
        }
        pressed.into_iter().for_each(|key| screen.press(key, snapshot.services.len()));
        snapshot = match has_response.then(|| connection.next(SECOND)).transpose()? {
            Some(Incoming::Response(snapshot)) => snapshot,
            Some(Incoming::EndOfFile) => return Ok(None),
            Some(Incoming::TimedOut) | None => present(args)?,
        };
    }
}

fn present(args: &StatusArgs) -> Result<Snapshot, ClientError> {
    send_request(&ControlRequest::Status { services: args.services.clone(), after: None })
}

/// Returns a connection that is answered when there is another revision.
fn changed(args: &StatusArgs, seen: u64) -> Result<Connection, ClientError> {
    open_connection(&ControlRequest::Status { services: args.services.clone(), after: Some(seen) })
}

/// Waits for a response, a key, or a second. Returns whether there is a response, and what was pressed.
fn wait(connection: &Connection, reads_keys: bool) -> (bool, Vec<Key>) {
    let input = std::io::stdin();
    let mut fds = vec![PollFd::new(connection.as_fd(), PollFlags::POLLIN)];
    if reads_keys {
        fds.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
    }
    // Interrupted by a signal, such as of a resized window: it is drawn again.
    let _interrupted = poll(&mut fds, PollTimeout::from(SECOND_IN_MILLISECONDS));
    let is_ready = |at: usize| fds.get(at).and_then(PollFd::any).unwrap_or(false);
    let (has_response, has_keys) = (is_ready(0), is_ready(1));
    let mut bytes = [0; 64];
    let length = if has_keys { input.lock().read(&mut bytes).unwrap_or(0) } else { 0 };
    // A terminal that is gone.
    let pressed = if has_keys && length == 0 { vec![Key::Quit] } else { keys(bytes.get(..length).unwrap_or_default()) };
    (has_response, pressed)
}
