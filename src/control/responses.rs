//! Responses of the control socket: one line of JSON each. Server and client use these types; must not know how they are
//! made.

use serde::{Deserialize, Serialize};

use super::millis::Millis;
use super::reason::{LastExit, Reason};
use super::state_name;
use crate::log::own_messages::Stream;
use crate::plan::Mode;
use crate::supervise::StatusState;

/// A response: `{"ok":…}`, `{"error":"…"}` or `{"wrong":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response<T> {
    /// Done, with the response.
    Ok(T),
    /// Refused or failed; the reason, to be shown to the user.
    Error(String),
    /// The request itself is wrong, such as an unknown service name.
    Wrong(String),
}

/// The response of a command without a result: it was done, or has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {}

/// The response to `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The mode of DESIGN §2, as `plan --json` names it: `root`, `root-limited`, `user`, `user-unknown`.
    pub mode: Mode,
    /// The user that PID 1 and the services run as after the step down.
    pub identity: AppIdentity,
    /// Capabilities that PID 1 keeps, without `CAP_`.
    pub kept: Vec<String>,
    /// Why capabilities are kept, by service.
    pub reasons: Vec<String>,
    /// Since the start of the engine, in milliseconds.
    pub uptime_ms: u64,
    /// Whether the container is stopping.
    pub stopping: bool,
    /// Changes whenever anything but times and usage changes.
    pub revision: u64,
    /// Every service in order of start, the main command last.
    pub services: Vec<ServiceStatus>,
}

/// The user that PID 1 and the services run as after the step down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppIdentity {
    /// For USER and LOGNAME.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

/// The state of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// What kind of service.
    pub kind: ServiceKind,
    /// Its state, as a word.
    #[serde(with = "state_name")]
    pub state: StatusState,
    /// Whether it should be running; not once it has failed.
    pub wanted: bool,
    /// Whether it is skipped in this mode, as its file says: then `failed` is its expected state.
    pub skipped: bool,
    /// Its process, if there is one.
    pub pid: Option<i32>,
    /// Whom that process runs as now: a script may have changed its ids since PID 1 started it, as `s6-setuidgid` does.
    #[serde(default)]
    pub user: Option<ProcessUser>,
    /// Whether its process is stopped by a signal (SIGSTOP).
    #[serde(default)]
    pub paused: bool,
    /// Time in this state, in milliseconds; if it is up, since it was ready.
    pub since_ms: u64,
    /// Time since its process was started, in milliseconds.
    pub uptime_ms: Option<u64>,
    /// How often it was restarted after an exit that was not requested.
    pub restarts: u32,
    /// How its process last exited.
    pub last_exit: Option<LastExit>,
    /// Why it has failed or was stopped.
    pub why: Option<Reason>,
    /// What it waits for: services, `wait_for` addresses, or its readiness.
    pub waits_for: Vec<String>,
    /// When it runs next, if it is scheduled (`at`): RFC 3339, in the container's time zone.
    #[serde(default)]
    pub next_run: Option<String>,
    /// The result of its health check, if it has one.
    pub healthy: Option<bool>,
    /// What its health check found, while it is unhealthy.
    #[serde(default)]
    pub health_result: Option<String>,
    /// The last `STATUS=` that it sent (sd_notify(3)).
    pub status_text: Option<String>,
    /// Which of its log files cannot be written and why, while that is so: it blocks when our buffer is full.
    #[serde(rename = "log_trouble")]
    pub log_error: Option<String>,
    /// Its resource usage.
    pub usage: Option<ResourceUsage>,
}

/// The user of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessUser {
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
}

/// The type of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// It keeps running.
    #[default]
    Longrun,
    /// It runs to its end.
    Oneshot,
    /// The main command.
    Main,
}

/// The resource usage of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// Memory in bytes.
    pub memory: u64,
    /// Whether memory is PSS (shared pages counted in proportion); else RSS.
    pub proportional: bool,
    /// CPU time since its process was started, in milliseconds.
    pub cpu_ms: u64,
    /// The number of its processes.
    pub processes: usize,
}

impl ServiceStatus {
    /// Returns whether it is up (a oneshot: done) if it should be, and has not failed.
    pub fn is_as_wanted(&self) -> bool {
        match self.state {
            StatusState::Up | StatusState::Scheduled | StatusState::Done => true,
            StatusState::Failed => self.skipped,
            StatusState::Down | StatusState::Waiting | StatusState::Starting | StatusState::Stopping => !self.wanted,
            StatusState::Finishing | StatusState::Backoff => !self.wanted,
        }
    }
}

impl Snapshot {
    /// Returns whether every service is as wanted, and the container is not stopping.
    pub fn all_as_wanted(&self) -> bool {
        !self.stopping && self.services.iter().all(ServiceStatus::is_as_wanted)
    }
}

/// The response to `start`, `stop`, `restart` and `wait`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// The named services, in that order; then those that were stopped with them.
    pub services: Vec<ServiceResult>,
}

/// The state that one service reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceResult {
    /// Its name.
    pub name: String,
    /// Its state, as a word.
    #[serde(with = "state_name")]
    pub state: StatusState,
    /// Its process, if there is one.
    pub pid: Option<i32>,
    /// Whether this is the state that was waited for.
    pub reached: bool,
    /// Why not, where more is known than its state.
    pub why: Option<Reason>,
    /// It was not named; it was stopped because it requires this named service.
    #[serde(default)]
    pub requires: Option<String>,
}

/// The response to `reload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What changed, if the whole tree was re-read.
    pub tree: Option<String>,
    /// Further notices.
    #[serde(default)]
    pub notices: Vec<String>,
    /// The named services, in that order.
    pub services: Vec<ReloadedService>,
}

/// The result of reloading one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedService {
    /// Its name.
    pub name: String,
    /// Whether it was done.
    pub done: bool,
    /// How, or why not.
    pub how: String,
}

/// The response to `env`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvResponse {
    /// By name.
    pub variables: Vec<EnvVariable>,
}

/// One variable, its control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVariable {
    /// Its name.
    pub name: String,
    /// Its value; `None`: it looks like a secret and is not shown.
    pub value: Option<String>,
}

/// The response to `timings`; moments are times since the start of PID 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// What PID 1 did before the services, in its order.
    pub steps: Vec<StepTime>,
    /// Every service that was started or requested, in order of start.
    pub services: Vec<ServiceTime>,
    /// The critical chain of the boot, up to the last service that became ready.
    pub path: Vec<ChainLink>,
    /// What the boot still waits for: the services that are not ready, but for those that only wait for these.
    #[serde(default)]
    pub unfinished: Vec<UnfinishedService>,
}

/// A service that the boot still waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedService {
    /// The service.
    pub name: String,
    /// Since its first start, or since it was requested where it has not been started.
    pub waited_ms: Millis,
}

/// One step of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTime {
    /// Its name.
    pub name: String,
    /// When it began.
    pub at_ms: Millis,
    /// How long it took.
    pub took_ms: Millis,
}

impl StepTime {
    /// Returns when it was done.
    pub fn end(&self) -> Millis {
        Millis(self.at_ms.0.saturating_add(self.took_ms.0))
    }
}

/// One service's first start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTime {
    /// Its name.
    pub name: String,
    /// When its start was requested.
    pub wanted_ms: Millis,
    /// When its process was started.
    pub started_ms: Option<Millis>,
    /// When it was up, or done.
    pub ready_ms: Option<Millis>,
    /// When it failed, if it did before it was ever ready.
    pub failed_ms: Option<Millis>,
    /// When it began to wait for `wait_for` addresses outside the container.
    #[serde(default)]
    pub wait_for_ms: Option<Millis>,
    /// The services that it requires or is after; not those of the main command, which is after all.
    #[serde(default)]
    pub after: Vec<String>,
}

impl ServiceTime {
    /// Returns when services after it needed to wait no longer.
    pub fn settled(&self) -> Option<Millis> {
        self.ready_ms.or(self.failed_ms)
    }
}

/// A link of the critical chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLink {
    /// The service.
    pub name: String,
    /// From the time when it could be started to its readiness.
    pub took_ms: Millis,
    /// How much of that it waited for `wait_for` addresses outside the container.
    pub wait_for_ms: Millis,
}

/// One response to `logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// The number of lines lost because the client did not read them in time.
    Lost(u64),
}

/// A line of a service, its control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The service.
    pub service: String,
    /// When it was read: RFC 3339, UTC.
    pub time: String,
    /// Where it was written.
    pub stream: Stream,
    /// Without its newline.
    pub text: String,
    /// The next line continues it, or only its start was kept.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_as_documented() {
        let text = r#"{"ok":{"mode":"root","identity":{"name":"app","uid":1000,"gid":1000,"groups":[1000]},
            "kept":["NET_BIND_SERVICE"],"reasons":["web binds port 80"],"uptime_ms":123,"stopping":false,"revision":7,
            "services":[
            {"name":"web","kind":"longrun","state":"up","wanted":true,"skipped":false,"pid":42,"user":{"uid":1000,"gid":1001},"paused":true,"since_ms":1200,"uptime_ms":1300,
             "restarts":0,"last_exit":{"code":0},"why":null,"waits_for":[],"next_run":null,"healthy":true,"health_result":null,"status_text":"serving","log_trouble":null,
             "usage":{"memory":4096,"proportional":true,"cpu_ms":10,"processes":2}},
            {"name":"db","kind":"longrun","state":"failed","wanted":false,"skipped":false,"pid":null,"user":null,"paused":false,"since_ms":1,"uptime_ms":null,
             "restarts":9,"last_exit":{"signal":"SIGTERM"},"why":"finish-permanent-failure","waits_for":[],"next_run":null,"healthy":null,"health_result":null,
             "status_text":null,"log_trouble":"/l/current: no","usage":null}]}}"#;
        let Ok(Response::<Snapshot>::Ok(snapshot)) = serde_json::from_str(text) else { panic!("it is a response") };
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
            mode: Mode::Root,
            identity: AppIdentity { name: "app".into(), uid: 1, gid: 1, groups: vec![1] },
            kept: vec![],
            reasons: vec![],
            uptime_ms: 0,
            stopping,
            revision: 0,
            services,
        };
        let well = [(StatusState::Up, true), (StatusState::Done, true), (StatusState::Down, false)];
        assert!(snapshot(well.map(|(state, wanted)| service(state, wanted)).into(), false).all_as_wanted());
        assert!(!snapshot(vec![service(StatusState::Up, true)], true).all_as_wanted());
        let there = [StatusState::Up, StatusState::Scheduled, StatusState::Done];
        for state in StatusState::ALL.into_iter().filter(|it| !there.contains(it)) {
            assert!(!snapshot(vec![service(state, true)], false).all_as_wanted(), "{state}");
        }
        assert!(!snapshot(vec![service(StatusState::Failed, false)], false).all_as_wanted());
        let skipped = ServiceStatus { skipped: true, ..service(StatusState::Failed, false) };
        assert!(snapshot(vec![skipped], false).all_as_wanted());
    }
}
