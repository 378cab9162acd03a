//! Why a service is as it is, and how it ended: the engine's values as those of the protocol, which have the words. Must not
//! know where they are printed.

use std::time::Duration;

use crate::control::millis::Millis;
use crate::control::reason::{Declared, EndedByUs, LastRun, Reason};
use crate::error::Problem;
use crate::supervise::{self, Exit, FailureReason, Id, LastFailure, Phase, SpawnError, StatusReason, Supervisor};
use crate::sys::process::spawn_message;

/// What the loop knows of a service's failure besides the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded<'a> {
    /// Why its program could not be executed.
    pub refusal: Option<&'a SpawnError>,
    /// Why its definition may not be used.
    pub held_back: &'a [Problem],
}

/// Returns why a service is failed.
pub fn failure_reason(id: Id, why: &FailureReason, supervisor: &Supervisor, recorded: Recorded<'_>) -> Reason {
    match why {
        FailureReason::Ended(exit) => match supervisor.ended_by_us(id) {
            Some(why) => Reason::EndedByUs(ended_by_us(id, why, supervisor)),
            None => ended(id, *exit, supervisor),
        },
        FailureReason::Limit(failures) => {
            let last = match (supervisor.ended_by_us(id), supervisor.last_exit(id), recorded.refusal) {
                (Some(why), ..) => LastRun::EndedByUs(ended_by_us(id, why, supervisor)),
                (None, Some(exit), _) => LastRun::Ended(exit.into()),
                (None, None, Some(why)) => LastRun::CannotStart(why.clone()),
                (None, None, None) => LastRun::NotStarted,
            };
            Reason::Limit { failures: *failures, last }
        }
        FailureReason::FinishPermanentFailure => Reason::FinishPermanentFailure,
        FailureReason::Requirement(id) => {
            let state = supervisor.phase(*id).unwrap_or(Phase::Down).state();
            Reason::Requirement { service: supervisor.name(*id).to_string(), state }
        }
        FailureReason::CannotStart(why) => Reason::CannotStart(why.clone()),
        FailureReason::Skipped => Reason::Skipped,
        FailureReason::FailedBefore => Reason::FailedBefore,
        FailureReason::HeldBack => {
            let all: Vec<_> = recorded.held_back.iter().map(ToString::to_string).collect();
            Reason::HeldBack(all.join("; and "))
        }
    }
}

/// Returns why a service is as it is.
pub fn status_reason(id: Id, why: &StatusReason, supervisor: &Supervisor, recorded: Recorded<'_>) -> Reason {
    match why {
        StatusReason::Failed(why) => failure_reason(id, why, supervisor, recorded),
        StatusReason::StoppedManually(None) => Reason::StoppedManually { unscheduled: supervisor.runs_again(id) },
        StatusReason::StoppedManually(Some(with)) => Reason::StoppedWith(supervisor.name(*with).to_string()),
        StatusReason::EndedByUs(why) => Reason::EndedByUs(ended_by_us(id, why, supervisor)),
    }
}

/// Returns why a run was ended although nobody asked for that.
pub fn ended_by_us(id: Id, why: &supervise::EndedByUs, supervisor: &Supervisor) -> EndedByUs {
    match why {
        supervise::EndedByUs::NotReady { after, last_result } => not_ready(id, *after, last_result.clone(), supervisor),
        supervise::EndedByUs::TimedOut(after) => timed_out(*after),
        supervise::EndedByUs::Unhealthy(found) => EndedByUs::Unhealthy(found.clone()),
        supervise::EndedByUs::Watchdog(after) => watchdog(*after),
    }
}

/// Returns that a service was not ready in time, and what the last probe found, if there was one.
pub fn not_ready(id: Id, after: Duration, last_result: Option<String>, supervisor: &Supervisor) -> EndedByUs {
    EndedByUs::NotReady { after_ms: Millis(after), last_result, declared: declared(id, supervisor) }
}

/// Returns that a oneshot did not end in time.
pub fn timed_out(after: Duration) -> EndedByUs {
    EndedByUs::TimedOut { after_ms: Millis(after) }
}

/// Returns that there was no watchdog notification for that long; `None`: it reported its own failure.
pub fn watchdog(after: Option<Duration>) -> EndedByUs {
    after.map_or(EndedByUs::WatchdogTrigger, |after| EndedByUs::WatchdogTimeout { after_ms: Millis(after) })
}

/// Returns how the run that ended the container ended, as what is said of a service.
pub fn how_it_ended(id: Id, supervisor: &Supervisor, recorded: Recorded<'_>) -> String {
    match (supervisor.failed(id), supervisor.ended_by_us(id)) {
        (Some(why), _) if !matches!(why, FailureReason::Ended(_)) => {
            format!("failed: {}", failure_reason(id, why, supervisor, recorded))
        }
        (_, Some(why)) => was_ended_by_us(&ended_by_us(id, why, supervisor)),
        (_, None) => match (supervisor.last_exit(id), recorded.refusal) {
            (Some(exit), _) => ended(id, exit, supervisor).to_string(),
            (None, Some(why)) => not_started(why),
            (None, None) => LastRun::NotStarted.to_string(),
        },
    }
}

/// Returns how a run failed, as what is said of a service.
pub fn failed_run(id: Id, failure: &LastFailure, supervisor: &Supervisor) -> String {
    match failure {
        LastFailure::EndedByUs(why) => was_ended_by_us(&ended_by_us(id, why, supervisor)),
        LastFailure::Ended(exit) => ended(id, *exit, supervisor).to_string(),
        LastFailure::CannotStart(why) => not_started(why),
    }
}

fn was_ended_by_us(why: &EndedByUs) -> String {
    match why {
        EndedByUs::NotReady { .. } | EndedByUs::TimedOut { .. } | EndedByUs::Unhealthy(_) => format!("was {why}"),
        EndedByUs::WatchdogTrigger | EndedByUs::WatchdogTimeout { .. } => why.to_string(),
    }
}

fn not_started(why: &SpawnError) -> String {
    format!("could not be started: {}", spawn_message::message(why))
}

/// Returns how a run ended by itself, and where that is a failure only because it was declared one.
fn ended(id: Id, exit: Exit, supervisor: &Supervisor) -> Reason {
    let codes = supervisor.spec(id).map(|spec| &*spec.success_codes);
    let is_unlisted = match exit {
        Exit::Signal(_) => false,
        Exit::Code(code) => codes.is_some_and(|codes| codes != [0] && !codes.contains(&code)),
    };
    Reason::Ended { exit: exit.into(), unlisted: is_unlisted.then(|| declared(id, supervisor)) }
}

fn declared(id: Id, supervisor: &Supervisor) -> Declared {
    if supervisor.is_main(id) { Declared::Main } else { Declared::Service }
}

/// Returns the text of an exit: "exited with code 3", "killed by SIGKILL".
pub fn exit_text(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal(signal) => format!("killed by {signal}"),
    }
}

/// Returns a number of things.
pub fn count(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::config::restart::{Restart, RestartPolicy};
    use crate::supervise::{EngineTime, Event, Pid, Setup, SpawnStep, Spec};

    #[test]
    fn the_limit_tells_the_last_cause() {
        let spec = Spec {
            restart: Restart { policy: RestartPolicy::Always, limit: Some(1), ..Spec::main().restart },
            is_main: false,
            ..Spec::main()
        };
        let mut engine =
            Supervisor::new(Setup { specs: vec![spec], stop_timeout: Duration::from_secs(8), start_limit: None });
        let (id, now) = (Id(0), EngineTime::default());
        let why = SpawnError { object: Some("/x".into()), ..SpawnError::new(SpawnStep::Exec, Errno::EACCES as i32) };
        let said = |engine: &Supervisor| {
            let recorded = Recorded { refusal: Some(&why), held_back: &[] };
            failure_reason(id, &FailureReason::Limit(1), engine, recorded).to_string()
        };
        assert_eq!(said(&engine), "1 consecutive failure, last: cannot execute `/x`: Permission denied");
        engine.step(now, Event::Begin);
        engine.step(now, Event::Spawned { id, pid: Pid(7) });
        engine.step(now, Event::Exited { id, exit: Exit::Code(3), group_left: false });
        assert_eq!(said(&engine), "1 consecutive failure, last: exited with code 3");
    }
}
