//! Requests of the control socket: one line of JSON. Responses are in [`super::responses`]; server and client use these
//! types. Must not know how a line is sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "control";
/// A longer request is refused unread (SECURITY T32).
pub const MAX_REQUEST: usize = 16 * 1024;
/// A longer response is not read: 10,000 services fit well.
pub const MAX_RESPONSE: usize = 16 * 1024 * 1024;

/// Most lines of all services that `logs` prints where no number is given.
pub const MAX_LINES_OF_ALL: usize = 1000;

/// A request: `{"request":"status"}`, `{"request":"shutdown","code":3}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub enum ControlRequest {
    /// The state of these services, of all if none is named.
    Status {
        /// Their names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
        /// The `revision` of an earlier response: answered when it has changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// Whether services are well, by this criterion.
    Health {
        /// Their names; all that the caller sees if none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
        /// What they are asked for.
        #[serde(default, skip_serializing_if = "HealthCriterion::is_default")]
        criterion: HealthCriterion,
    },
    /// End the container.
    Shutdown {
        /// Its exit code; absent: as DESIGN §8 has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u8>,
    },
    /// Start these services, and what they require.
    Start {
        /// Their names.
        services: Vec<String>,
        /// Answered when they are up, done or failed, at most after this many milliseconds; absent: at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// Stop these services, and first what requires them.
    Stop {
        /// Their names.
        services: Vec<String>,
        /// As above, once they are down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// Stop these services alone and start them again.
    Restart {
        /// Their names.
        services: Vec<String>,
        /// As for `start`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// Do not start a service again when its run ends.
    Once {
        /// Its name.
        service: String,
        /// Start it first, if it is not there; otherwise a start that is still to come is cancelled.
        start: bool,
    },
    /// Have these services re-read what they are configured with; without any, re-read the whole tree.
    Reload {
        /// Their names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
    },
    /// Send a signal.
    Signal {
        /// The service's name.
        service: String,
        /// Its name or number.
        signal: String,
        /// To its whole process group, not only to its main process.
        #[serde(default)]
        group: bool,
    },
    /// Wait for these services.
    Wait {
        /// Their names.
        services: Vec<String>,
        /// The state to wait for.
        until: Until,
        /// Answered at most after this many milliseconds; absent: no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
    },
    /// The environment of a service.
    Env {
        /// The service's name.
        service: String,
        /// Whether to include values of variables whose names look like secrets.
        #[serde(default)]
        show_secrets: bool,
    },
    /// How long the boot took, and its critical chain.
    Timings {},
    /// Numbers for a monitoring system.
    Metrics {},
    /// The findings of the boot, and what must be examined now to update them.
    Doctor {},
    /// The last events; each is a response.
    Events {
        /// Of these services; of all that the caller sees, and of the container, if none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
        /// Whether to send new events too, until the client closes the connection.
        #[serde(default)]
        follow: bool,
    },
    /// The last lines of services, in the order of their times; each is a response.
    Logs {
        /// Their names; all that the caller sees if none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
        /// Most lines, in all; absent: all that are kept of the named services, [`MAX_LINES_OF_ALL`] if none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<usize>,
        /// Only those since then: microseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since_us: Option<u64>,
        /// Whether to send new lines too, until the client closes the connection.
        #[serde(default)]
        follow: bool,
    },
}

/// A state that a client can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// It is up; a oneshot: done.
    Ready,
    /// It is down, or failed.
    Down,
    /// It is a oneshot, and done.
    Done,
}

/// What `health` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthCriterion {
    /// Nothing is wrong: services are as wanted and healthy, and their logs can be written.
    #[default]
    Well,
    /// None has failed and none is unhealthy: a restart of the container would not help.
    Live,
    /// All are up (oneshots: done) and healthy: work can be given to them.
    Ready,
}

impl HealthCriterion {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ControlRequest {
    /// Returns whether the response may have to wait for services: such requests have connection slots of their own.
    pub fn is_long(&self) -> bool {
        match self {
            Self::Status { after, .. } => after.is_some(),
            Self::Start { wait_ms, .. } | Self::Stop { wait_ms, .. } | Self::Restart { wait_ms, .. } => {
                wait_ms.is_some()
            }
            Self::Wait { .. } => true,
            Self::Reload { services } => !services.is_empty(),
            Self::Logs { follow, .. } | Self::Events { follow, .. } => *follow,
            Self::Health { .. }
            | Self::Shutdown { .. }
            | Self::Signal { .. }
            | Self::Once { .. }
            | Self::Env { .. }
            | Self::Timings {}
            | Self::Metrics {}
            | Self::Doctor {} => false,
        }
    }
}

/// Returns whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_documented_and_nothing_else_is_read() {
        let write = |request: &ControlRequest| serde_json::to_string(request).unwrap();
        let all = || ControlRequest::Status { services: vec![], after: None };
        assert_eq!(write(&all()), r#"{"request":"status"}"#);
        assert_eq!(write(&ControlRequest::Shutdown { code: Some(3) }), r#"{"request":"shutdown","code":3}"#);
        assert_eq!(write(&ControlRequest::Shutdown { code: None }), r#"{"request":"shutdown"}"#);
        assert_eq!(write(&ControlRequest::Reload { services: vec![] }), r#"{"request":"reload"}"#);
        let read = |text: &str| serde_json::from_str::<ControlRequest>(text).ok();
        assert_eq!(read(r#"{"request":"status"}"#), Some(all()));
        assert_eq!(read(r#"{"request":"shutdown"}"#), Some(ControlRequest::Shutdown { code: None }));
        let wait = ControlRequest::Wait { services: vec!["db".into()], until: Until::Ready, timeout_ms: None };
        assert_eq!(read(r#"{"request":"wait","services":["db"],"until":"ready"}"#), Some(wait));
        let health = |criterion| ControlRequest::Health { services: vec!["db".into()], criterion };
        assert_eq!(read(r#"{"request":"health","services":["db"]}"#), Some(health(HealthCriterion::Well)));
        let live = r#"{"request":"health","services":["db"],"criterion":"live"}"#;
        assert_eq!(
            (write(&health(HealthCriterion::Live)).as_str(), read(live)),
            (live, Some(health(HealthCriterion::Live)))
        );
        for wrong in [
            r#"{"request":"shutdown","code":256}"#,
            r#"{"request":"status","code":1}"#,
            r#"{"request":"Status"}"#,
            r#"{"request":"start"}"#,
            r#"{"request":"health","criterion":"alive"}"#,
            r#"{"request":"wait","services":["db"],"until":"up"}"#,
            "{}",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_waits_for_services_takes_long() {
        let read = |text: &str| serde_json::from_str::<ControlRequest>(text).unwrap().is_long();
        for long in [
            r#"{"request":"status","after":1}"#,
            r#"{"request":"start","services":["a"],"wait_ms":1}"#,
            r#"{"request":"wait","services":["a"],"until":"done"}"#,
            r#"{"request":"reload","services":["a"]}"#,
            r#"{"request":"logs","services":["a"],"follow":true}"#,
            r#"{"request":"events","follow":true}"#,
        ] {
            assert!(read(long), "{long}");
        }
        for short in [
            r#"{"request":"status"}"#,
            r#"{"request":"stop","services":["a"]}"#,
            r#"{"request":"logs","services":["a"]}"#,
        ] {
            assert!(!read(short), "{short}");
        }
    }
}
