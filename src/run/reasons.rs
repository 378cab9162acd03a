//! The reason for a service's state, and how it ended, as text that names services. Must not know where they are printed.

use std::time::Duration;

use crate::config::units::duration_words;
use crate::supervise::{Exit, FailureReason, GivenUp, Id, LastFailure, Phase, SpawnError, StatusReason, Supervisor};
use crate::sys::process::spawn_words;

/// Returns why a service is failed, as text that names services.
pub fn failure_reason(id: Id, why: &FailureReason, supervisor: &Supervisor, refusal: Option<&SpawnError>) -> String {
    match why {
        FailureReason::Ended(exit) => match supervisor.given_up(id) {
            Some(why) => given_up(id, why, supervisor),
            None => ended(id, *exit, supervisor),
        },
        FailureReason::Limit(times) => {
            let last = match (supervisor.given_up(id), supervisor.last_exit(id), refusal) {
                (Some(why), ..) => given_up(id, why, supervisor),
                (None, Some(exit), _) => words(exit),
                (None, None, Some(why)) => spawn_words::words(why),
                (None, None, None) => "could not be started".to_owned(),
            };
            format!("{} in a row, last: {last}", count(*times, "failure"))
        }
        FailureReason::FinishSaidStop => {
            "its finish script ended with code 125, which says not to start it again".to_owned()
        }
        FailureReason::Requirement(id) => {
            let word = supervisor.phase(*id).map_or("unknown", Phase::word);
            format!("requires {}, which is {word}", supervisor.name(*id))
        }
        FailureReason::CannotStart(why) => spawn_words::words(why),
        FailureReason::Skipped => "left out in this mode".to_owned(),
        FailureReason::FailedBefore => "failed before the step down".to_owned(),
    }
}

/// Returns the reason for a service's state, as text that names services.
pub fn status_reason(id: Id, why: &StatusReason, supervisor: &Supervisor, refusal: Option<&SpawnError>) -> String {
    match why {
        StatusReason::Failed(why) => failure_reason(id, why, supervisor, refusal),
        StatusReason::Held(None) if supervisor.runs_again(id) => {
            "stopped by hand, not scheduled until it is started again".to_owned()
        }
        StatusReason::Held(None) => "stopped by hand".to_owned(),
        StatusReason::Held(Some(with)) => format!("stopped with {}", supervisor.name(*with)),
        StatusReason::GivenUp(why) => given_up(id, why, supervisor),
    }
}

/// Returns why PID 1 ended a run without a request.
pub fn given_up(id: Id, why: &GivenUp, supervisor: &Supervisor) -> String {
    match why {
        GivenUp::NotReady { after, last_result: None } => not_ready(id, *after, supervisor),
        GivenUp::NotReady { after, last_result: Some(answer) } => {
            format!("{}; the last answer: {answer}", not_ready(id, *after, supervisor))
        }
        GivenUp::Unhealthy(found) => format!("unhealthy: {found}"),
        GivenUp::Watchdog(None) => SAYS_NOT_WELL.to_owned(),
        GivenUp::Watchdog(Some(after)) => silent(*after),
    }
}

/// Returns that a service was not ready in time.
pub fn not_ready(id: Id, after: Duration, supervisor: &Supervisor) -> String {
    let key = if supervisor.is_main(id) { "main.ready.timeout" } else { "ready.timeout" };
    format!("not ready within {} (`{key}`)", duration_words(after))
}

/// What `WATCHDOG=trigger` means.
pub const SAYS_NOT_WELL: &str = "said that it is not well (WATCHDOG=trigger)";

/// Returns that the watchdog of a service has run out.
pub fn silent(after: Duration) -> String {
    format!("did not say for {} that it is alive (WATCHDOG=1)", duration_words(after))
}

/// Returns how the run that ended the container ended: the words after the service's name.
pub fn how_it_ended(id: Id, supervisor: &Supervisor, refusal: Option<&SpawnError>) -> String {
    match (supervisor.failed(id), supervisor.given_up(id)) {
        (Some(why), _) if !matches!(why, FailureReason::Ended(_)) => {
            format!("failed: {}", failure_reason(id, why, supervisor, refusal))
        }
        (_, Some(why)) => was_given_up(id, why, supervisor),
        (_, None) => match (supervisor.last_exit(id), refusal) {
            (Some(exit), _) => ended(id, exit, supervisor),
            (None, Some(why)) => not_started(why),
            (None, None) => "could not be started".to_owned(),
        },
    }
}

/// Returns how a run failed: the words after the service's name.
pub fn failed_run(id: Id, failure: &LastFailure, supervisor: &Supervisor) -> String {
    match failure {
        LastFailure::GivenUp(why) => was_given_up(id, why, supervisor),
        LastFailure::Ended(exit) => ended(id, *exit, supervisor),
        LastFailure::CannotStart(why) => not_started(why),
    }
}

fn was_given_up(id: Id, why: &GivenUp, supervisor: &Supervisor) -> String {
    let words = given_up(id, why, supervisor);
    match why {
        GivenUp::NotReady { .. } | GivenUp::Unhealthy(_) => format!("was {words}"),
        GivenUp::Watchdog(_) => words,
    }
}

fn not_started(why: &SpawnError) -> String {
    format!("could not be started: {}", spawn_words::words(why))
}

/// Returns how a run ended by itself, and which key makes that a failure if it is none by default.
fn ended(id: Id, exit: Exit, supervisor: &Supervisor) -> String {
    let codes = supervisor.spec(id).map(|spec| spec.success_codes.as_slice());
    match exit {
        Exit::Signal(signal) => format!("was killed by {signal}"),
        Exit::Code(code) if codes.is_some_and(|codes| codes != [0] && !codes.contains(&code)) => {
            let key = if supervisor.is_main(id) { "main.success_codes" } else { "success_codes" };
            format!("ended with {}, which `{key}` does not include", words(exit))
        }
        Exit::Code(_) => format!("ended with {}", words(exit)),
    }
}

/// Returns an exit in words: "code 3", "SIGKILL".
pub fn words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => signal.to_string(),
    }
}

/// Returns a number of things in words.
pub fn count(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::config::service::{Restart, RestartPolicy};
    use crate::supervise::{Event, Pid, Setup, SpawnStage, Spec, Time};

    #[test]
    fn the_limit_tells_the_last_cause() {
        let spec = Spec {
            restart: Restart { policy: RestartPolicy::Always, limit: Some(1), ..Spec::main().restart },
            is_main: false,
            ..Spec::main()
        };
        let mut engine = Supervisor::new(Setup { specs: vec![spec], stop_timeout: Duration::from_secs(8) });
        let (id, now) = (Id(0), Time::default());
        let why = SpawnError { object: Some("/x".into()), ..SpawnError::new(SpawnStage::Exec, Errno::EACCES as i32) };
        let words_of = |engine: &Supervisor| failure_reason(id, &FailureReason::Limit(1), engine, Some(&why));
        assert_eq!(words_of(&engine), "1 failure in a row, last: cannot execute `/x`: Permission denied");
        engine.step(now, Event::Begin);
        engine.step(now, Event::Spawned { id, pid: Pid(7) });
        engine.step(now, Event::Exited { id, exit: Exit::Code(3), group_left: false });
        assert_eq!(words_of(&engine), "1 failure in a row, last: code 3");
    }
}
