//! What is answered over the control socket: one line of JSON for each answer. Both ends use these types; must not know
//! how they come about.

use serde::{Deserialize, Serialize};

use super::state_word;
use crate::log::own_messages::Stream;
use crate::supervise::StatusState;

/// What is answered: `{"ok":…}`, `{"error":"…"}` or `{"wrong":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response<T> {
    /// Done, or the answer.
    Ok(T),
    /// Why not, to be shown to the user.
    Error(String),
    /// What is wrong with the request itself, such as a name that nobody has.
    Wrong(String),
}

/// Nothing more to say: it was done, or has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {}

/// The answer to `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Another one whenever anything but times and usage is another.
    pub revision: u64,
    /// Every service by its order of start, the main command last.
    pub services: Vec<ServiceStatus>,
}

/// Whom everything stepped down to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// What kind of service.
    pub kind: ServiceKind,
    /// Its state, as a word.
    #[serde(with = "state_word")]
    pub state: StatusState,
    /// Whether it shall run; one that is failed shall not any more.
    pub wanted: bool,
    /// Whether it is left out in this mode, as its file says: then it is failed, and that is as it should be.
    pub left_out: bool,
    /// Its process, if there is one.
    pub pid: Option<i32>,
    /// For how long it has been in this state, in milliseconds; where it is up, for how long it has been ready.
    pub since_ms: u64,
    /// For how long its process has lived, in milliseconds.
    pub uptime_ms: Option<u64>,
    /// How often it was started again after an end that nobody asked for.
    pub restarts: u32,
    /// How it last ended.
    pub last_exit: Option<LastExit>,
    /// Why it is failed, or who stopped it.
    pub why: Option<String>,
    /// What it waits for: services, things outside, or a sign that it is ready.
    pub waits_for: Vec<String>,
    /// When it runs next, where that is told by the clock (`at`): RFC 3339, in the container's zone.
    #[serde(default)]
    pub next_run: Option<String>,
    /// Whether it is well, where it is asked.
    pub healthy: Option<bool>,
    /// What it last said of itself (`STATUS=` of sd_notify(3)).
    pub status_text: Option<String>,
    /// Which of its log files cannot be written and why, while that is so: it waits once it has more to say than we hold.
    pub log_trouble: Option<String>,
    /// What it takes of the machine.
    pub usage: Option<ResourceUsage>,
}

/// What kind of service it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// It lives on.
    #[default]
    Longrun,
    /// It is done one day.
    Oneshot,
    /// The main command.
    Main,
}

/// What a service takes of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// Bytes.
    pub memory: u64,
    /// Whether shared pages were counted in shares (PSS), not once for each process (RSS).
    pub proportional: bool,
    /// Of processor time, since its process was started.
    pub cpu_ms: u64,
    /// How many it has.
    pub processes: usize,
}

/// How a process ended: `{"code":0}` or `{"signal":"SIGTERM"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastExit {
    /// It returned this.
    Code(u8),
    /// It was killed by this.
    Signal(String),
}

impl ServiceStatus {
    /// Returns whether it is up (a oneshot: done) if it shall run, and is not failed.
    pub fn is_there(&self) -> bool {
        match self.state {
            StatusState::Up | StatusState::Done => true,
            StatusState::Failed => self.left_out,
            StatusState::Down | StatusState::Waiting | StatusState::Starting | StatusState::Stopping => !self.wanted,
            StatusState::Finishing | StatusState::Backoff => !self.wanted,
        }
    }
}

impl Snapshot {
    /// Returns whether everything that shall run is up (or, a oneshot, done), and nothing is on its way down.
    pub fn is_well(&self) -> bool {
        !self.stopping && self.services.iter().all(ServiceStatus::is_there)
    }
}

/// The answer to `health`: nothing, or who is not well and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// One line each.
    pub ill: Vec<String>,
}

/// The answer to `start`, `stop`, `restart` and `wait`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// Those that were named, in that order; then those that were stopped with them.
    pub services: Vec<ServiceResult>,
}

/// How far one service came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceResult {
    /// Its name.
    pub name: String,
    /// Its state, as a word.
    #[serde(with = "state_word")]
    pub state: StatusState,
    /// Its process, if there is one.
    pub pid: Option<i32>,
    /// Whether it is what was waited for.
    pub reached: bool,
    /// Why not, where more is known than its state.
    pub why: Option<String>,
    /// It was not named: it requires this one, which was stopped.
    #[serde(default)]
    pub requires: Option<String>,
}

/// The answer to `reload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What is different now, if the whole tree was re-read.
    pub tree: Option<String>,
    /// What is to be known besides.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Those that were named, in that order.
    pub services: Vec<ReloadedService>,
}

/// What came of trying something with one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedService {
    /// Its name.
    pub name: String,
    /// Whether it was done.
    pub done: bool,
    /// How, or why not.
    pub how: String,
}

/// The answer to `env`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variables {
    /// By name.
    pub variables: Vec<Variable>,
}

/// One variable, its control characters spelled out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; `None`: not to be shown.
    pub value: Option<String>,
}

/// The answer to `timings`; all times in microseconds, moments since the start of PID 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// What PID 1 did before the services, in its order.
    pub steps: Vec<StepTime>,
    /// Every service that was asked for, in the order in which they were started.
    pub services: Vec<ServiceTime>,
    /// For whom the boot waited, up to the last service that became ready.
    pub path: Vec<Link>,
}

/// One step of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTime {
    /// Its name.
    pub name: String,
    /// When it began.
    pub at_us: u64,
    /// How long it took.
    pub took_us: u64,
}

/// One service's first start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTime {
    /// Its name.
    pub name: String,
    /// When it was asked for.
    pub asked_us: u64,
    /// When its process was started.
    pub started_us: Option<u64>,
    /// When it was up, or done.
    pub ready_us: Option<u64>,
    /// When it was failed, where it was before it was ever ready.
    pub failed_us: Option<u64>,
}

/// A link of the chain for which the boot waited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The service.
    pub name: String,
    /// From the moment at which nothing held it back to its readiness.
    pub took_us: u64,
    /// How much of that it waited for things outside the container.
    pub outside_us: u64,
}

/// One answer to `logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// So many were lost, because the caller did not read them in time.
    Lost(u64),
}

/// A line of a service, its control characters spelled out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was read: RFC 3339, UTC.
    pub time: String,
    /// Where it was written.
    pub stream: Stream,
    /// Without its newline.
    pub text: String,
    /// The next one goes on where it ends, or there was more of it that was not kept.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_documented() {
        let text = r#"{"ok":{"mode":"root","identity":{"name":"app","uid":1000,"gid":1000,"groups":[1000]},
            "kept":["NET_BIND_SERVICE"],"reasons":["web binds port 80"],"uptime_ms":123,"stopping":false,"revision":7,
            "services":[
            {"name":"web","kind":"longrun","state":"up","wanted":true,"left_out":false,"pid":42,"since_ms":1200,"uptime_ms":1300,
             "restarts":0,"last_exit":{"code":0},"why":null,"waits_for":[],"next_run":null,"healthy":true,"status_text":"serving","log_trouble":null,
             "usage":{"memory":4096,"proportional":true,"cpu_ms":10,"processes":2}},
            {"name":"db","kind":"longrun","state":"failed","wanted":false,"left_out":false,"pid":null,"since_ms":1,"uptime_ms":null,
             "restarts":9,"last_exit":{"signal":"SIGTERM"},"why":"it said 125","waits_for":[],"next_run":null,"healthy":null,
             "status_text":null,"log_trouble":"/l/current: no","usage":null}]}}"#;
        let Ok(Response::<Snapshot>::Ok(snapshot)) = serde_json::from_str(text) else { panic!("it is an answer") };
        assert_eq!(snapshot.services[0].last_exit, Some(LastExit::Code(0)));
        assert_eq!(snapshot.services[1].last_exit, Some(LastExit::Signal("SIGTERM".into())));
        let back = serde_json::to_value(Response::Ok(snapshot)).unwrap();
        assert_eq!(back, serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert!(serde_json::from_str::<Response<Snapshot>>(&text.replace("\"up\"", "\"asleep\"")).is_err());
        let refusal = serde_json::from_str::<Response<Accepted>>(r#"{"error":"no"}"#).unwrap();
        assert_eq!(refusal, Response::Error("no".into()));
        assert_eq!(serde_json::to_string(&Response::Ok(Accepted {})).unwrap(), r#"{"ok":{}}"#);
    }

    #[test]
    fn all_is_well_when_what_is_wanted_is_up_or_done() {
        let service = |state, wanted| ServiceStatus { state, wanted, ..ServiceStatus::default() };
        let snapshot = |services, stopping| Snapshot {
            mode: "root".into(),
            identity: Identity { name: "app".into(), uid: 1, gid: 1, groups: vec![1] },
            kept: vec![],
            reasons: vec![],
            uptime_ms: 0,
            stopping,
            revision: 0,
            services,
        };
        let well = [(StatusState::Up, true), (StatusState::Done, true), (StatusState::Down, false)];
        assert!(snapshot(well.map(|(state, wanted)| service(state, wanted)).into(), false).is_well());
        assert!(!snapshot(vec![service(StatusState::Up, true)], true).is_well());
        for state in StatusState::ALL.into_iter().filter(|it| !matches!(it, StatusState::Up | StatusState::Done)) {
            assert!(!snapshot(vec![service(state, true)], false).is_well(), "{state}");
        }
        assert!(!snapshot(vec![service(StatusState::Failed, false)], false).is_well());
        let left_out = ServiceStatus { left_out: true, ..service(StatusState::Failed, false) };
        assert!(snapshot(vec![left_out], false).is_well());
    }
}
