//! An event as the protocol, `events --json` and the JSON log have it: flat fields, those that say nothing left out. Must not
//! know how events are kept.

use serde::{Deserialize, Serialize};

/// One response to `events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventResponse {
    /// An event.
    Event(PastEvent),
    /// The number of events lost because the client did not read them in time.
    Lost(u64),
}

/// An event with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastEvent {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// What.
    #[serde(flatten)]
    pub fields: EventFields,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFields {
    /// Its name.
    pub event: EventName,
    /// The service that it is about; absent: the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The code that its process exited with, or that the container is to exit with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// The signal that ended its process; that was sent on request; that ends the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// How long it took, ran, or was waited for, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// After which pause it starts again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_ms: Option<u64>,
    /// Consecutive failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// The kernel's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<RequestVerb>,
    /// The user who requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Why the container ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<EndCause>,
}

/// The name of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventName {
    /// Its process was started.
    #[default]
    Started,
    /// A longrun is ready.
    Ready,
    /// A oneshot has succeeded.
    Done,
    /// Its process ended by itself.
    Exited,
    /// Its process ended after its stop signal.
    Stopped,
    /// It could not be started.
    CannotStart,
    /// It starts again after a pause.
    Backoff,
    /// It will not be started again.
    Failed,
    /// It did not stop in time, and was sent SIGKILL.
    Killed,
    /// It was not ready in time, and is stopped.
    NotReady,
    /// A oneshot did not end in time, and is stopped.
    TimedOut,
    /// Its health check failed too often.
    Unhealthy,
    /// Its health check passes again.
    Healthy,
    /// Its watchdog expired, or it notified WATCHDOG=trigger.
    Watchdog,
    /// Its stop command ended.
    StopCommandEnded,
    /// SIGKILL did not end it.
    Unkillable,
    /// Not every service was up in time; the main command starts without them.
    StartTimedOut,
    /// The container begins to stop.
    ContainerStopping,
    /// Somebody requested something.
    Requested,
    /// The tree was read again.
    Reloaded,
    /// The tree was read again and refused, or could not be read.
    ReloadRefused,
}

/// What was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the verbs
pub enum RequestVerb {
    Start,
    Stop,
    Restart,
    Once,
    Reload,
    Signal,
    Shutdown,
}

/// Why the container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// PID 1 got a signal.
    Signal,
    /// It was requested.
    Requested,
    /// The main command ended.
    MainEnded,
    /// An essential service ended for good.
    EssentialEnded,
    /// A service was not ready in time in the container's start.
    LateStart,
    /// A service is unhealthy.
    Unhealthy,
    /// Not every service was up in time.
    StartTimedOut,
    /// Nothing is up or wanted any more.
    NothingLeft,
}

impl EventFields {
    /// Returns the fields as members of a JSON object, each after a comma, without the service.
    pub fn members(&self) -> Vec<u8> {
        let without_service = Self { service: None, ..self.clone() };
        // Serialising only fails for map keys that are not strings, which none of ours are.
        let object = serde_json::to_vec(&without_service).unwrap_or_default();
        let members = object.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
        if members.is_empty() { Vec::new() } else { [b",", members].concat() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_say_nothing_are_left_out_and_what_is_sent_is_read_back() {
        let fields = EventFields {
            event: EventName::Exited,
            service: Some("web".into()),
            code: Some(1),
            took_ms: Some(1200),
            ..EventFields::default()
        };
        let event = PastEvent { time: "2026-01-01T00:00:00.000000Z".into(), fields };
        let sent = serde_json::to_string(&EventResponse::Event(event.clone())).unwrap();
        let expected = r#"{"event":{"time":"2026-01-01T00:00:00.000000Z","event":"exited","service":"web","code":1,"took_ms":1200}}"#;
        assert_eq!(sent, expected);
        assert_eq!(serde_json::from_str::<EventResponse>(&sent).unwrap(), EventResponse::Event(event.clone()));
        assert_eq!(event.fields.members(), br#","event":"exited","code":1,"took_ms":1200"#);
    }
}
