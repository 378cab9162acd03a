//! What the main command waits for, as text: for the log while it waits, and for the exit report if it never ran.

use super::reasons;
use crate::config::units::duration_text;
use crate::supervise::{EngineTime, Exit, Id, LastFailure, MainBlocked, Phase, Supervisor};
use crate::sys::process::spawn_message;

/// More are only counted.
const MAX_NAMED: usize = 5;

/// What is waited for where that is no service.
pub const REREADING: &str = "the services that the scripts of cont-init.d have written to be read";

/// Returns whether any of these fails, so that the wait may have no end.
pub fn is_any_failing(on: &[Id], supervisor: &Supervisor) -> bool {
    on.iter().any(|id| supervisor.failing(*id).is_some())
}

/// Returns what it waits for, each with its state: `db (failing: exited with code 1, next try in 8s)`.
pub fn blockers(on: &[Id], supervisor: &Supervisor, now: EngineTime) -> String {
    if on.is_empty() {
        return REREADING.to_owned();
    }
    // Services that only wait for others in the list are omitted.
    let waits = |id: &Id| supervisor.phase(*id) == Some(Phase::Waiting) && supervisor.failing(*id).is_none();
    let all: Vec<Id> = match on.iter().all(waits) {
        true => on.to_vec(),
        false => on.iter().copied().filter(|id| !waits(id)).collect(),
    };
    let text = |id: &Id| format!("{} ({})", supervisor.name(*id), state(*id, supervisor, now));
    listed(all.iter().map(text).collect())
}

fn listed(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

fn state(id: Id, supervisor: &Supervisor, now: EngineTime) -> String {
    if let Some(failure) = supervisor.failing(id) {
        let next = match supervisor.pause_left(id, now) {
            Some(pause) => format!("next try in {}", duration_text(pause)),
            None => "being tried again".to_owned(),
        };
        return format!("failing: {}, {next}", failed_with(id, failure, supervisor));
    }
    let lasts = duration_text(supervisor.since(id).map(|since| now.since(since)).unwrap_or_default());
    match supervisor.phase(id) {
        Some(Phase::Spawning | Phase::Starting) if supervisor.is_oneshot(id) => format!("running for {lasts}"),
        Some(Phase::Spawning | Phase::Starting) => format!("not ready for {lasts}"),
        Some(Phase::WaitForProbing) => format!("waiting for what its `wait_for` names, for {lasts}"),
        Some(phase) => format!("{} for {lasts}", phase.name()),
        None => "unknown".to_owned(),
    }
}

/// Returns how a run failed: "exited with code 1".
fn failed_with(id: Id, failure: &LastFailure, supervisor: &Supervisor) -> String {
    match failure {
        LastFailure::EndedByUs(why) => reasons::ended_by_us(id, why, supervisor).to_string(),
        LastFailure::Ended(Exit::Code(code)) => format!("exited with code {code}"),
        LastFailure::Ended(Exit::Signal(signal)) => format!("killed by {signal}"),
        LastFailure::CannotStart(why) => spawn_message::message(why),
    }
}

/// Returns why the main command never ran.
pub fn never_ran(blocked: &MainBlocked, supervisor: &Supervisor) -> String {
    match (&blocked.failing, blocked.on.is_empty()) {
        (Some((id, failure)), _) => {
            let (name, how) = (supervisor.name(*id), reasons::failed_run(*id, failure, supervisor));
            format!("the main command never ran: it waited for {name}, which {how} and was tried again")
        }
        (None, false) => {
            let names = blocked.on.iter().map(|id| supervisor.name(*id).to_string()).collect();
            format!("the main command never ran: it still waited for {}", listed(names))
        }
        (None, true) => "the main command never ran".to_owned(),
    }
}
