//! [`ServiceState`]: what PID 1 tells `doctor` about a service, as values of the protocol. Must not know what follows from it.

use serde::{Deserialize, Serialize};

use super::reason::{LastExit, Reason, SpawnErrorOnWire};
use super::responses::ServiceKind;
use crate::supervise::SpawnError;

/// The present state of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ServiceKind,
    /// What it is doing.
    pub condition: Condition,
    /// Whether `stepdown logs` can print its last lines.
    pub has_log_lines: bool,
}

/// What a service is doing, with what is known about that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// No process, and none should be started.
    Inactive,
    /// It was stopped manually.
    Stopped(DownCause),
    /// It is down although it should be running.
    Down(DownCause),
    /// It waits for these services.
    WaitsForServices(Vec<String>),
    /// It waits until something responds at this address (`wait_for`).
    WaitsForAddress(String),
    /// Its program runs: a oneshot's is not finished, a longrun is not ready.
    Starting {
        /// What makes it ready, where that is not the start itself.
        awaited: Option<String>,
        /// What the latest readiness check found.
        last_result: Option<String>,
    },
    /// It is up, or done.
    Up {
        /// What the latest health check found, if it is unhealthy.
        unhealthy: Option<String>,
        /// Which of its log files cannot be written, and why.
        log_error: Option<String>,
    },
    /// It is stopping.
    Stopping,
    /// It exited or failed to start, and is started again later.
    Backoff(DownCause),
    /// It has failed and is not started again.
    Failed(DownCause),
}

/// Why a service is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownCause {
    /// Its latest start failed before its program was executed.
    CannotStart(#[serde(with = "SpawnErrorOnWire")] SpawnError),
    /// The engine's reason.
    Reason(Reason),
    /// There is no reason but how it ended.
    Ended(LastExit),
    /// Nothing is known.
    Unknown,
}
