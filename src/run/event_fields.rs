//! Events as `STEPDOWN_LOG=debug` logs them: `event=exited service=web code=3`. Must not know what follows from it.

use std::fmt::Write as _;

use crate::config::quote::quoted;
use crate::supervise::{Event, Exit, Id, ProbeResult, Request};
use crate::sys::process::spawn_message;

/// Returns an event as `key=value`; `name` is what a service is called.
pub fn fields<'n>(event: &Event, name: impl Fn(Id) -> &'n str) -> String {
    let of = |what: &str, id: Id| format!("event={what} service={}", name(id));
    match event {
        Event::Begin => "event=begin".to_owned(),
        Event::Spawned { id, pid } => format!("{} pid={}", of("spawned", *id), pid.0),
        Event::SpawnFailed { id, why } => {
            format!("{} why={}", of("spawn-failed", *id), quoted(&spawn_message::message(why)))
        }
        Event::Executed { id } => of("executed", *id),
        Event::Ready { id } => of("ready", *id),
        Event::Exited { id, exit, group_left } => {
            let how = match exit {
                Exit::Code(code) => format!("code={code}"),
                Exit::Signal(signal) => format!("signal={signal}"),
            };
            format!("{} {how} group_left={}", of("exited", *id), yes_or_no(*group_left))
        }
        Event::GroupGone { id } => of("group-gone", *id),
        Event::ProbeResult { id, result } => match result {
            ProbeResult::Pass => format!("{} result=pass", of("probed", *id)),
            ProbeResult::Fail(why) => format!("{} result=fail why={}", of("probed", *id), quoted(why)),
        },
        Event::KeepAlive { id, within } => {
            let mut text = of("alive", *id);
            if let Some(within) = within {
                // Writing to a String does not fail.
                let _written = write!(text, " within_ms={}", within.as_millis());
            }
            text
        }
        Event::WatchdogTrigger { id } => of("watchdog-trigger", *id),
        Event::ExtendTimeout { id, by } => format!("{} by_ms={}", of("extend", *id), by.as_millis()),
        Event::Due { id } => of("due", *id),
        Event::IdReleased { id } => of("id-released", *id),
        Event::RereadEnded => "event=reread-ended".to_owned(),
        Event::Tick => "event=tick".to_owned(),
        Event::StopSignal(signal) => format!("event=stop-signal signal={signal}"),
        Event::Forward(signal) => format!("event=forward signal={signal}"),
        Event::Request(Request::Shutdown { code: None }) => "event=request verb=shutdown".to_owned(),
        Event::Request(Request::Shutdown { code: Some(code) }) => format!("event=request verb=shutdown code={code}"),
        Event::Request(Request::Start(id)) => format!("{} verb=start", of("request", *id)),
        Event::Request(Request::Stop(id)) => format!("{} verb=stop", of("request", *id)),
        Event::Request(Request::Restart(id)) => format!("{} verb=restart", of("request", *id)),
        Event::Request(Request::Once { id, start }) => {
            format!("{} verb=once start={}", of("request", *id), yes_or_no(*start))
        }
    }
}

const fn yes_or_no(is_true: bool) -> &'static str {
    if is_true { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Signal;
    use crate::supervise::{Pid, SpawnError, SpawnStep};

    #[test]
    fn an_event_is_keys_and_values_and_no_value_of_the_language() {
        let id = Id(0);
        for (event, expected) in [
            (Event::Spawned { id, pid: Pid(42) }, "event=spawned service=web pid=42"),
            (
                Event::Exited { id, exit: Exit::Signal(Signal::KILL), group_left: true },
                "event=exited service=web signal=SIGKILL group_left=yes",
            ),
            (
                Event::SpawnFailed {
                    id,
                    why: SpawnError { object: Some("/a b".into()), ..SpawnError::new(SpawnStep::Exec, 2) },
                },
                "event=spawn-failed service=web why=\"cannot execute `/a b`: No such file or directory\"",
            ),
            (
                Event::ProbeResult { id, result: ProbeResult::Fail("status \"500\"".to_owned()) },
                "event=probed service=web result=fail why=\"status \\\"500\\\"\"",
            ),
            (Event::StopSignal(Signal::TERM), "event=stop-signal signal=SIGTERM"),
            (Event::Request(Request::Shutdown { code: Some(3) }), "event=request verb=shutdown code=3"),
        ] {
            assert_eq!(fields(&event, |_| "web"), expected);
        }
    }
}
