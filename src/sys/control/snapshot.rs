//! The answer to `status`: what does not change any more, and the engine's part as it is now.

use super::protocol::{Identity, LastExit, ServiceStatus, Snapshot};
use crate::plan::{BootPlan, Mode};
use crate::supervise::{Exit, Status, Supervisor, Time};

/// Returns the part that does not change any more once services run.
pub fn of_plan(plan: &BootPlan) -> Snapshot {
    let mode = match plan.mode {
        Mode::Root => "root",
        Mode::RootLimited => "root-limited",
        Mode::User => "user",
        Mode::UserUnknown => "user-unknown",
    };
    let identity = &plan.identity;
    Snapshot {
        mode: mode.to_owned(),
        identity: Identity {
            name: identity.name.clone(),
            uid: identity.uid.0,
            gid: identity.gid.0,
            groups: identity.groups.iter().map(|gid| gid.0).collect(),
        },
        kept: plan.privilege.kept.iter().map(|capability| capability.to_string()).collect(),
        reasons: plan.privilege.reasons.clone(),
        uptime_ms: 0,
        stopping: false,
        services: Vec::new(),
    }
}

/// Returns the whole answer at this moment.
pub fn now(fixed: &Snapshot, supervisor: &Supervisor, now: Time) -> Snapshot {
    Snapshot {
        uptime_ms: milliseconds(now.0),
        stopping: supervisor.because().is_some(),
        services: supervisor.status().iter().map(|line| service(line, now)).collect(),
        ..fixed.clone()
    }
}

fn service(line: &Status, now: Time) -> ServiceStatus {
    ServiceStatus {
        name: line.name.to_string(),
        state: line.state.to_owned(),
        wanted: line.wanted,
        pid: line.pid.map(|pid| pid.0),
        since_ms: milliseconds(now.since(line.since)),
        restarts: line.restarts,
        last_exit: line.last_exit.map(|exit| match exit {
            Exit::Code(code) => LastExit::Code(code),
            Exit::Signal(signal) => LastExit::Signal(signal.to_string()),
        }),
        why: line.why.clone(),
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
