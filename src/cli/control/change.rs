//! `start`, `stop`, `restart`, `reload` and `wait`: sends the request, waits with a line of progress on a terminal, and prints
//! the state that each service reached.
#![allow(clippy::disallowed_methods)] // prints how long it has waited

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::super::args::{ChangeArgs, ReloadArgs, WaitArgs};
use super::super::output;
use super::client_error::{EXIT_NOT_REACHED, report_client_error};
use crate::config::units::duration_text;
use crate::control::client::{ClientError, Incoming, open_connection, send_request};
use crate::control::protocol::{ControlRequest, Until, milliseconds};
use crate::control::responses::{Reloaded, ServiceResult, ServiceStatus, Snapshot, Waited};
use crate::error::EXIT_REFUSED;
use crate::supervise::StatusState;
use crate::text::shown;

/// The interval of progress updates.
const SECOND: Duration = Duration::from_secs(1);
/// Most stages of a boot: a hook, *prepare*, the services. PID 1 closes each connection at the end of a stage.
const STAGES: usize = 3;
/// Moves to the beginning of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// 0 if all are up, or done.
pub(in crate::cli) fn start(args: &ChangeArgs) -> u8 {
    change(args, |services, wait_ms| ControlRequest::Start { services, wait_ms })
}

/// 0 if all are down.
pub(in crate::cli) fn stop(args: &ChangeArgs) -> u8 {
    change(args, |services, wait_ms| ControlRequest::Stop { services, wait_ms })
}

/// 0 if all are up again.
pub(in crate::cli) fn restart(args: &ChangeArgs) -> u8 {
    change(args, |services, wait_ms| ControlRequest::Restart { services, wait_ms })
}

fn change(args: &ChangeArgs, request: impl Fn(Vec<String>, Option<u64>) -> ControlRequest) -> u8 {
    let services = args.services.clone();
    if args.no_wait {
        return match send_request::<Waited>(&request(services, None)) {
            Ok(_) => 0,
            Err(why) => report_client_error(&why),
        };
    }
    wait_for(&request(services, Some(milliseconds(args.timeout))), &args.services)
}

/// 0 if all reached the state.
pub(in crate::cli) fn wait(args: &WaitArgs) -> u8 {
    let until = match (args.down, args.done) {
        (true, _) => Until::Down,
        (_, true) => Until::Done,
        (false, false) => Until::Ready,
    };
    let began = Instant::now();
    let request = |left: Duration| {
        let timeout_ms = Some(milliseconds(left));
        ControlRequest::Wait { services: args.services.clone(), until, timeout_ms }
    };
    let mut answer = send_with_progress::<Waited>(&request(args.timeout), &args.services);
    for _ in 1..STAGES {
        // A connection that was accepted and not read is reset.
        if !matches!(answer, Ok(None) | Err(ClientError::Io(..))) {
            break;
        }
        let left = args.timeout.saturating_sub(began.elapsed());
        match send_with_progress(&request(left), &args.services) {
            // Nobody listens any more.
            Err(ClientError::NoServer(_) | ClientError::Io(..)) => break,
            next => answer = next,
        }
    }
    print_waited(answer, began)
}

/// 0 if all were reloaded.
pub(in crate::cli) fn reload(args: &ReloadArgs) -> u8 {
    let services = args.services.clone();
    let tried = match send_with_progress::<Reloaded>(&ControlRequest::Reload { services }, &args.services) {
        Ok(Some(Reloaded { tree: Some(summary), notices, .. })) => {
            output::out(&format!("{}\n", shown(&summary)));
            for notice in &notices {
                output::out(&format!("note: {}\n", shown(notice)));
            }
            return 0;
        }
        Ok(Some(Reloaded { tree: None, services, .. })) => services,
        Ok(None) => return report_end(),
        Err(why) => return report_client_error(&why),
    };
    for it in &tried {
        let line = format!("{}: {}\n", shown(&it.name), shown(&it.how));
        print_line(&line, it.done);
    }
    if tried.iter().all(|it| it.done) { 0 } else { EXIT_NOT_REACHED }
}

fn wait_for(request: &ControlRequest, names: &[String]) -> u8 {
    let began = Instant::now();
    print_waited(send_with_progress(request, names), began)
}

fn report_end() -> u8 {
    output::err("stepdown: the container has ended\n");
    EXIT_REFUSED
}

/// Prints what the services reached.
fn print_waited(answer: Result<Option<Waited>, ClientError>, began: Instant) -> u8 {
    let services = match answer {
        Ok(Some(Waited { services })) => services,
        Ok(None) => return report_end(),
        Err(why) => return report_client_error(&why),
    };
    for it in &services {
        let line = outcome(it, began.elapsed()) + "\n";
        print_line(&line, it.reached);
    }
    if services.iter().all(|it| it.reached) { 0 } else { EXIT_NOT_REACHED }
}

fn print_line(line: &str, all_as_wanted: bool) {
    if all_as_wanted {
        output::out(line);
    } else {
        output::err(line);
    }
}

/// Waits for the response, with progress; `None` if PID 1 has closed the connection.
fn send_with_progress<T: serde::de::DeserializeOwned>(
    request: &ControlRequest,
    names: &[String],
) -> Result<Option<T>, ClientError> {
    let is_screen = std::io::stderr().is_terminal();
    let began = Instant::now();
    let mut connection = open_connection(request)?;
    let mut drawn = false;
    let result = loop {
        match connection.next(SECOND) {
            Ok(Incoming::TimedOut) if is_screen => {
                let now = send_request::<Snapshot>(&ControlRequest::Status { services: names.to_owned(), after: None });
                if let Ok(snapshot) = now {
                    output::err(&format!("{CLEAR}{}", progress(&snapshot.services, began.elapsed())));
                    drawn = true;
                }
            }
            Ok(Incoming::TimedOut) => {}
            other => break other,
        }
    };
    if drawn {
        output::err(CLEAR);
    }
    match result? {
        Incoming::Response(response) => Ok(Some(response)),
        Incoming::TimedOut | Incoming::EndOfFile => Ok(None),
    }
}

/// `web: starting, db: waiting for tcp://x:1 (3s)`, no longer than a narrow terminal.
fn progress(services: &[ServiceStatus], waited: Duration) -> String {
    const MAX_WIDTH: usize = 72;
    let some = services.iter().map(|it| format!("{}: {}", shown(&it.name), it.state));
    let line = format!("{} {}", duration_text(waited), some.collect::<Vec<_>>().join(", "));
    if line.chars().count() <= MAX_WIDTH { line } else { line.chars().take(MAX_WIDTH).chain(['…']).collect() }
}

/// Returns the line about the state that one service reached.
fn outcome(it: &ServiceResult, waited: Duration) -> String {
    let (name, state) = (shown(&it.name), it.state);
    let why = it.why.as_ref().map(|why| format!(": {}", shown(&why.to_string()))).unwrap_or_default();
    let still = || format!("{name}: still {state} after {}{why}", duration_text(waited));
    match (it.reached, it.pid) {
        (true, Some(pid)) => format!("{name}: {state}, pid {pid}"),
        (true, None) => match &it.requires {
            Some(on) => format!("{name}: {state} (requires {}){why}", shown(on)),
            None => format!("{name}: {state}{why}"),
        },
        (false, _) => match state {
            StatusState::Failed | StatusState::Down | StatusState::Backoff => format!("{name}: {state}{why}"),
            StatusState::Waiting | StatusState::Starting | StatusState::Up | StatusState::Scheduled => still(),
            StatusState::Done | StatusState::Stopping | StatusState::Finishing => still(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::reason::Reason;

    #[test]
    fn an_outcome_says_what_it_is_and_why_it_is_not_more() {
        let it = |state, pid, reached, why: Option<Reason>| {
            let it = ServiceResult { name: "web".into(), state, pid, reached, why, requires: None };
            outcome(&it, Duration::from_secs(60))
        };
        assert_eq!(it(StatusState::Up, Some(7), true, None), "web: up, pid 7");
        assert_eq!(it(StatusState::Down, None, true, None), "web: down");
        assert_eq!(it(StatusState::Failed, None, false, Some(Reason::Skipped)), "web: failed: skipped in this mode");
        assert_eq!(
            it(StatusState::Waiting, None, false, Some(Reason::WaitsFor(vec!["db".into()]))),
            "web: still waiting after 1m: waits for db"
        );
    }

    #[test]
    fn progress_is_one_short_line() {
        let service = |name: &str| {
            let state = StatusState::Starting;
            ServiceStatus { name: name.into(), state, ..Default::default() }
        };
        assert_eq!(progress(&[service("web")], Duration::from_secs(3)), "3s web: starting");
        let many: Vec<_> = (0..50).map(|number| service(&format!("s{number}"))).collect();
        assert_eq!(progress(&many, Duration::ZERO).chars().count(), 73);
    }
}
