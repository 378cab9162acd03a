//! Queries of the control socket: one line of JSON. Responses are in [`super::responses`]; server and client use these
//! types. Must not know how a line is sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "control";
/// A longer request is refused unread (SECURITY T32).
pub const MAX_REQUEST: usize = 16 * 1024;
/// A longer answer is not read: 10,000 services fit well.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A query: `{"ask":"status"}`, `{"ask":"shutdown","code":3}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase", deny_unknown_fields)]
pub enum Query {
    /// The state of these services, of all if none is named.
    Status {
        /// Their names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
        /// The `revision` of an earlier answer: answered when it has changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// Whether all services are as wanted and healthy.
    Health {},
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
        /// To its whole process group, not only to its first process.
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
    /// The findings of the boot, and what must be examined now to update them.
    Doctor {},
    /// The last lines of a service; each is a response.
    Logs {
        /// The service's name.
        service: String,
        /// Most lines; absent: all that are kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<usize>,
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

impl Query {
    /// Returns whether the answer may have to wait for services: such queries have connection slots of their own.
    pub fn is_long(&self) -> bool {
        match self {
            Self::Status { after, .. } => after.is_some(),
            Self::Start { wait_ms, .. } | Self::Stop { wait_ms, .. } | Self::Restart { wait_ms, .. } => {
                wait_ms.is_some()
            }
            Self::Wait { .. } => true,
            Self::Reload { services } => !services.is_empty(),
            Self::Logs { follow, .. } => *follow,
            Self::Health {}
            | Self::Shutdown { .. }
            | Self::Signal { .. }
            | Self::Env { .. }
            | Self::Timings {}
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
        let write = |ask: &Query| serde_json::to_string(ask).unwrap();
        let all = || Query::Status { services: vec![], after: None };
        assert_eq!(write(&all()), r#"{"ask":"status"}"#);
        assert_eq!(write(&Query::Shutdown { code: Some(3) }), r#"{"ask":"shutdown","code":3}"#);
        assert_eq!(write(&Query::Shutdown { code: None }), r#"{"ask":"shutdown"}"#);
        assert_eq!(write(&Query::Reload { services: vec![] }), r#"{"ask":"reload"}"#);
        let read = |text: &str| serde_json::from_str::<Query>(text).ok();
        assert_eq!(read(r#"{"ask":"status"}"#), Some(all()));
        assert_eq!(read(r#"{"ask":"shutdown"}"#), Some(Query::Shutdown { code: None }));
        let wait = Query::Wait { services: vec!["db".into()], until: Until::Ready, timeout_ms: None };
        assert_eq!(read(r#"{"ask":"wait","services":["db"],"until":"ready"}"#), Some(wait));
        for wrong in [
            r#"{"ask":"shutdown","code":256}"#,
            r#"{"ask":"status","code":1}"#,
            r#"{"ask":"Status"}"#,
            r#"{"ask":"start"}"#,
            r#"{"ask":"wait","services":["db"],"until":"up"}"#,
            "{}",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_waits_for_services_takes_long() {
        let read = |text: &str| serde_json::from_str::<Query>(text).unwrap().is_long();
        for long in [
            r#"{"ask":"status","after":1}"#,
            r#"{"ask":"start","services":["a"],"wait_ms":1}"#,
            r#"{"ask":"wait","services":["a"],"until":"done"}"#,
            r#"{"ask":"reload","services":["a"]}"#,
            r#"{"ask":"logs","service":"a","follow":true}"#,
        ] {
            assert!(read(long), "{long}");
        }
        for short in [r#"{"ask":"status"}"#, r#"{"ask":"stop","services":["a"]}"#, r#"{"ask":"logs","service":"a"}"#] {
            assert!(!read(short), "{short}");
        }
    }
}
