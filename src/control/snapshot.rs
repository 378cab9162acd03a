//! The response to `status`: the fixed part from the boot plan, and the current state of the engine.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::protocol::milliseconds;
use super::reason::{LastExit, Reason};
use super::responses::{AppIdentity, ResourceUsage, ServiceResult, ServiceStatus, Snapshot};
use super::service_index::ServiceIndex;
use crate::inspect::usage::Usage;
use crate::plan::BootPlan;
use crate::supervise::{EngineTime, Id, Phase, Status, StatusState, Supervisor};

/// Returns the part that does not change once services run.
pub fn from_plan(plan: &BootPlan) -> Snapshot {
    let identity = &plan.identity;
    Snapshot {
        mode: plan.mode,
        identity: AppIdentity {
            name: identity.name.clone(),
            uid: identity.uid.0,
            gid: identity.gid.0,
            groups: identity.groups.iter().map(|gid| gid.0).collect(),
        },
        kept: plan.privilege.kept.iter().map(|capability| capability.to_string()).collect(),
        reasons: plan.privilege.reasons.clone(),
        uptime_ms: 0,
        stopping: false,
        revision: 0,
        services: Vec::new(),
    }
}

/// Returns a service as the engine sees it; the reason of its state is added by the caller.
pub fn service_status(line: &Status, now: EngineTime) -> ServiceStatus {
    ServiceStatus {
        name: line.name.to_string(),
        state: line.state,
        wanted: line.wanted,
        pid: line.pid.map(|pid| pid.0),
        since_ms: milliseconds(now.since(line.since)),
        restarts: line.restarts,
        last_exit: line.last_exit.map(LastExit::from),
        healthy: line.healthy,
        ..ServiceStatus::default()
    }
}

/// Returns a hash of everything but times and usage. Never 0.
pub fn revision(stopping: bool, services: &[ServiceStatus]) -> u64 {
    let mut hasher = DefaultHasher::new();
    stopping.hash(&mut hasher);
    for it in services {
        (&it.name, it.state, it.wanted, it.pid, it.restarts, &it.last_exit).hash(&mut hasher);
        (&it.why, &it.waits_for, it.healthy, &it.health_result, &it.status_text, &it.log_error, &it.next_run)
            .hash(&mut hasher);
    }
    // 53 bits: exact also where JSON numbers are read as floating point.
    (hasher.finish() >> 11).max(1)
}

/// Returns the services that a waiting service waits for: those it requires that are not up, and those in `after` that
/// have not settled.
pub fn blockers(id: Id, service_index: &ServiceIndex, supervisor: &Supervisor) -> Vec<Id> {
    let Some(entry) = service_index.get(id) else { return Vec::new() };
    let phase = |id: &Id| supervisor.phase(*id).unwrap_or(Phase::Down);
    let there = |phase: Phase| matches!(phase, Phase::Up | Phase::Scheduled | Phase::Resting | Phase::Done);
    let missing = entry.requires.iter().filter(|on| !there(phase(on)));
    let unsettled =
        entry.after.iter().filter(|on| !there(phase(on)) && !matches!(phase(on), Phase::Down | Phase::Failed));
    missing.chain(unsettled).copied().collect()
}

/// The same by their names.
pub fn waits_for(id: Id, service_index: &ServiceIndex, supervisor: &Supervisor) -> Vec<String> {
    let blockers = blockers(id, service_index, supervisor);
    let mut names: Vec<String> = blockers.into_iter().map(|on| service_index.name(on).to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns a service's resource usage for a response.
pub fn resource_usage(usage: &Usage) -> ResourceUsage {
    ResourceUsage {
        memory: usage.memory,
        proportional: usage.is_proportional,
        cpu_ms: milliseconds(usage.cpu),
        processes: usage.processes,
    }
}

/// Returns the state that a service reached, with the reason if it is not the expected one.
pub fn service_result(it: &ServiceStatus, reached: bool) -> ServiceResult {
    let why = match &it.last_exit {
        _ if reached => None,
        _ if it.why.is_some() => it.why.clone(),
        _ if it.state == StatusState::Scheduled => it.next_run.clone().map(Reason::NextRun),
        _ if !it.waits_for.is_empty() => Some(Reason::WaitsFor(it.waits_for.clone())),
        last_exit => last_exit.clone().map(Reason::LastEnded),
    };
    ServiceResult { name: it.name.clone(), state: it.state, pid: it.pid, reached, why, requires: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: StatusState) -> ServiceStatus {
        ServiceStatus { name: "web".into(), state, wanted: true, ..ServiceStatus::default() }
    }

    #[test]
    fn times_and_usage_make_no_new_version() {
        let before = revision(false, &[status(StatusState::Up)]);
        let usage = Some(ResourceUsage { memory: 1, proportional: true, cpu_ms: 2, processes: 1 });
        let later = ServiceStatus { since_ms: 9, uptime_ms: Some(9), usage, ..status(StatusState::Up) };
        assert_eq!(revision(false, &[later]), before);
        assert_ne!(revision(true, &[status(StatusState::Up)]), before);
        for other in [
            ServiceStatus { pid: Some(1), ..status(StatusState::Up) },
            ServiceStatus { restarts: 1, ..status(StatusState::Up) },
            ServiceStatus { healthy: Some(true), ..status(StatusState::Up) },
            ServiceStatus { status_text: Some("x".into()), ..status(StatusState::Up) },
            status(StatusState::Backoff),
        ] {
            assert_ne!(revision(false, &[other]), before);
        }
    }
}
