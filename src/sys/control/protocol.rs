//! What is said over the control socket: one line of JSON each way. Both ends use these types; must not know how a line
//! is carried.

use serde::{Deserialize, Serialize};

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "control";
/// A longer request is refused unread (SECURITY T32).
pub const MAX_REQUEST: usize = 4 * 1024;
/// A longer answer is not read: 10,000 services fit well.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What may be asked: `{"ask":"status"}`, `{"ask":"shutdown","code":3}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase", deny_unknown_fields)]
pub enum Ask {
    /// Everything about every service.
    Status {},
    /// End the container.
    Shutdown {
        /// Its exit code; absent: as DESIGN §8 has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u8>,
    },
}

/// What is answered: `{"ok":…}` or `{"error":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer<T> {
    /// Done, or the answer.
    Ok(T),
    /// Why not, to be shown to the user.
    Error(String),
}

/// The answer to [`Ask::Shutdown`]: the stop has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {}

/// The answer to [`Ask::Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which of DESIGN §2's modes, as `plan --json` names it: `root`, `root-limited`, `user`, `user-unknown`.
    pub mode: String,
    /// Whom everything stepped down to.
    pub identity: Identity,
    /// Capabilities that PID 1 keeps, without `CAP_`.
    pub kept: Vec<String>,
    /// What forces anything to be kept, by service.
    pub reasons: Vec<String>,
    /// Since the start of the engine, in milliseconds.
    pub uptime_ms: u64,
    /// Whether the container is on its way down.
    pub stopping: bool,
    /// Every service by its order of start, the main command last.
    pub services: Vec<ServiceStatus>,
}

/// Whom everything stepped down to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// For USER and LOGNAME.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

/// One service, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// down, waiting, starting, up, stopping, finishing, backoff, failed, done.
    pub state: String,
    /// Whether it shall run.
    pub wanted: bool,
    /// Its process, if there is one.
    pub pid: Option<i32>,
    /// For how long it has been in this state, in milliseconds.
    pub since_ms: u64,
    /// How often it was started again.
    pub restarts: u32,
    /// How it last ended.
    pub last_exit: Option<LastExit>,
    /// Why it is failed.
    pub why: Option<String>,
}

/// How a process ended: `{"code":0}` or `{"signal":"SIGTERM"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastExit {
    /// It returned this.
    Code(u8),
    /// It was killed by this.
    Signal(String),
}

impl Snapshot {
    /// Returns whether everything that shall run is up (or, a oneshot, done), and nothing is on its way down.
    pub fn is_well(&self) -> bool {
        let is_well = |service: &ServiceStatus| !service.wanted || matches!(service.state.as_str(), "up" | "done");
        !self.stopping && self.services.iter().all(is_well)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_documented_and_nothing_else_is_read() {
        let write = |ask: &Ask| serde_json::to_string(ask).unwrap();
        assert_eq!(write(&Ask::Status {}), r#"{"ask":"status"}"#);
        assert_eq!(write(&Ask::Shutdown { code: Some(3) }), r#"{"ask":"shutdown","code":3}"#);
        assert_eq!(write(&Ask::Shutdown { code: None }), r#"{"ask":"shutdown"}"#);
        let read = |text: &str| serde_json::from_str::<Ask>(text).ok();
        assert_eq!(read(r#"{"ask":"status"}"#), Some(Ask::Status {}));
        assert_eq!(read(r#"{"ask":"shutdown"}"#), Some(Ask::Shutdown { code: None }));
        for wrong in [r#"{"ask":"shutdown","code":256}"#, r#"{"ask":"status","code":1}"#, r#"{"ask":"Status"}"#, "{}"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_read_as_documented() {
        let text = r#"{"ok":{"mode":"root","identity":{"name":"app","uid":1000,"gid":1000,"groups":[1000]},
            "kept":["NET_BIND_SERVICE"],"reasons":["web binds port 80"],"uptime_ms":123,"stopping":false,"services":[
            {"name":"web","state":"up","wanted":true,"pid":42,"since_ms":1200,"restarts":0,"last_exit":{"code":0},"why":null},
            {"name":"db","state":"failed","wanted":false,"pid":null,"since_ms":1,"restarts":9,
             "last_exit":{"signal":"SIGTERM"},"why":"it said 125"}]}}"#;
        let Ok(Answer::<Snapshot>::Ok(snapshot)) = serde_json::from_str(text) else { panic!("it is an answer") };
        assert_eq!(snapshot.services[0].last_exit, Some(LastExit::Code(0)));
        assert_eq!(snapshot.services[1].last_exit, Some(LastExit::Signal("SIGTERM".into())));
        let back = serde_json::to_value(Answer::Ok(snapshot)).unwrap();
        assert_eq!(back, serde_json::from_str::<serde_json::Value>(text).unwrap());
        let refusal = serde_json::from_str::<Answer<Begun>>(r#"{"error":"no"}"#).unwrap();
        assert_eq!(refusal, Answer::Error("no".into()));
        assert_eq!(serde_json::to_string(&Answer::Ok(Begun {})).unwrap(), r#"{"ok":{}}"#);
    }

    #[test]
    fn all_is_well_when_what_is_wanted_is_up_or_done() {
        let service = |state: &str, wanted| ServiceStatus {
            name: "web".into(),
            state: state.into(),
            wanted,
            pid: None,
            since_ms: 0,
            restarts: 0,
            last_exit: None,
            why: None,
        };
        let snapshot = |services, stopping| Snapshot {
            mode: "root".into(),
            identity: Identity { name: "app".into(), uid: 1, gid: 1, groups: vec![1] },
            kept: vec![],
            reasons: vec![],
            uptime_ms: 0,
            stopping,
            services,
        };
        assert!(snapshot(vec![service("up", true), service("done", true), service("down", false)], false).is_well());
        assert!(!snapshot(vec![service("up", true)], true).is_well());
        for state in ["down", "waiting", "starting", "stopping", "finishing", "backoff", "failed"] {
            assert!(!snapshot(vec![service(state, true)], false).is_well(), "{state}");
        }
    }
}
