//! `events`: prints what has happened, and what happens.

use std::time::Duration;

use super::super::output;
use super::super::query_args::EventsArgs;
use super::client_error::report_client_error;
use crate::config::units::duration_text;
use crate::control::client::{Incoming, open_connection};
use crate::control::events::{EndCause, EventFields, EventName, EventResponse, PastEvent, RequestVerb};
use crate::control::protocol::ControlRequest;
use crate::text::shown;

/// Kept events are sent at once.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A year stands for no limit.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Prints the events; 0 once there are no more, or our output was closed.
pub(in crate::cli) fn events(args: &EventsArgs) -> u8 {
    let request = ControlRequest::Events { services: args.services.clone(), follow: args.follow };
    let mut connection = match open_connection(&request) {
        Ok(connection) => connection,
        Err(why) => return report_client_error(&why),
    };
    loop {
        match connection.next::<EventResponse>(if args.follow { NO_LIMIT } else { TIMEOUT }) {
            Ok(Incoming::Response(event)) if print(&event, args.json) => {}
            Ok(Incoming::Response(_) | Incoming::EndOfFile) => return 0,
            Ok(Incoming::TimedOut) if args.follow => {}
            Ok(Incoming::TimedOut) => {
                return report_client_error(&connection.protocol_error("the events ended too early"));
            }
            Err(why) => return report_client_error(&why),
        }
    }
}

/// Returns whether our output is open.
fn print(event: &EventResponse, as_json: bool) -> bool {
    match event {
        EventResponse::Event(event) if as_json => output::out(&output::json_line(event)),
        EventResponse::Event(event) => output::out(&line(event)),
        EventResponse::Lost(count) => {
            output::err(&format!("stepdown: {count} events were lost: they came too fast\n"));
            true
        }
    }
}

fn line(event: &PastEvent) -> String {
    let about = event.fields.service.as_deref().map_or_else(|| "container".to_owned(), shown);
    format!("{} {about}: {}\n", shown(&event.time), text(&event.fields))
}

fn text(fields: &EventFields) -> String {
    let duration = |milliseconds: Option<u64>| duration_text(Duration::from_millis(milliseconds.unwrap_or_default()));
    let took = fields.took_ms.map(|took| format!(" after {}", duration(Some(took)))).unwrap_or_default();
    let pid = fields.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    match fields.event {
        EventName::Started => format!("started{pid}"),
        EventName::Ready => format!("up{pid}{took}"),
        EventName::Done => format!("done{took}"),
        EventName::Exited => format!("{}{took}", end(fields)),
        EventName::Stopped => format!("stopped, {}{took}", end(fields)),
        EventName::CannotStart => {
            format!("cannot be started: {}", shown(fields.error.as_deref().unwrap_or("an unknown error")))
        }
        EventName::Backoff => {
            format!("starts again in {}, {}", duration(fields.pause_ms), failures(fields))
        }
        EventName::Failed => "failed".to_owned(),
        EventName::Killed => format!("did not stop in time, killed{took}"),
        EventName::NotReady => format!("not ready{took}, stopping it"),
        EventName::TimedOut => format!("not done{took}, stopping it"),
        EventName::Unhealthy => format!("unhealthy, {}", failures(fields)),
        EventName::Healthy => "healthy again".to_owned(),
        EventName::Watchdog if fields.took_ms.is_none() => "triggered its watchdog".to_owned(),
        EventName::Watchdog => format!("no watchdog notification{took}"),
        EventName::StopCommandEnded => format!("its stop command {}{took}", end(fields)),
        EventName::Unkillable => format!("cannot be killed{pid}"),
        EventName::StartTimedOut => format!("not every service is up{took}"),
        EventName::ContainerStopping => stopping(fields),
        EventName::Requested => request(fields),
        EventName::Reloaded => "the tree was read again".to_owned(),
        EventName::ReloadRefused => "the tree was read again and refused".to_owned(),
    }
}

fn end(fields: &EventFields) -> String {
    match (&fields.signal, fields.code) {
        (Some(signal), _) => format!("killed by {}", shown(signal)),
        (None, code) => format!("exited with code {}", code.unwrap_or_default()),
    }
}

fn failures(fields: &EventFields) -> String {
    match fields.failures.unwrap_or_default() {
        1 => "1 consecutive failure".to_owned(),
        count => format!("{count} consecutive failures"),
    }
}

fn stopping(fields: &EventFields) -> String {
    let why = match fields.cause {
        Some(EndCause::Signal) => format!("PID 1 got {}", shown(fields.signal.as_deref().unwrap_or("a signal"))),
        Some(EndCause::Requested) => "it was requested".to_owned(),
        Some(EndCause::MainEnded) => format!("the main command {}", end(fields)),
        Some(EndCause::EssentialEnded) => "it is essential and has ended for good".to_owned(),
        Some(EndCause::LateStart) => "it has failed in the start of the container".to_owned(),
        Some(EndCause::Unhealthy) => "it is unhealthy".to_owned(),
        Some(EndCause::StartTimedOut) => "not every service was up in time".to_owned(),
        Some(EndCause::NothingLeft) => "nothing is up or wanted any more".to_owned(),
        None => return "the container stops".to_owned(),
    };
    format!("the container stops: {why}")
}

fn request(fields: &EventFields) -> String {
    let verb = match fields.verb {
        Some(RequestVerb::Start) => "start",
        Some(RequestVerb::Stop) => "stop",
        Some(RequestVerb::Restart) => "restart",
        Some(RequestVerb::Once) => "once",
        Some(RequestVerb::Reload) => "reload",
        Some(RequestVerb::Signal) => "signal",
        Some(RequestVerb::Shutdown) => "shutdown",
        None => "something",
    };
    let signal = fields.signal.as_deref().map(|signal| format!(" {}", shown(signal))).unwrap_or_default();
    format!("user {} requested {verb}{signal}", fields.uid.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_sentence_with_its_time_and_whom_it_is_about() {
        let event = |service: Option<&str>, fields| PastEvent {
            time: "2026-01-01T00:00:00.000000Z".into(),
            fields: EventFields { service: service.map(str::to_owned), ..fields },
        };
        let exited = EventFields {
            event: EventName::Exited,
            signal: Some("SIGSEGV".into()),
            took_ms: Some(1500),
            ..EventFields::default()
        };
        let web = line(&event(Some("we\u{1b}b"), exited));
        assert_eq!(web, "2026-01-01T00:00:00.000000Z we\\u{1b}b: killed by SIGSEGV after 1.5s\n");
        let requested = EventFields {
            event: EventName::Requested,
            verb: Some(RequestVerb::Shutdown),
            uid: Some(1000),
            ..EventFields::default()
        };
        let container = line(&event(None, requested));
        assert_eq!(container, "2026-01-01T00:00:00.000000Z container: user 1000 requested shutdown\n");
    }
}
