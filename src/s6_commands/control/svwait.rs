//! `s6-svwait`: waits until services are up, ready, down or restarted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failed;
use super::supervised::{Supervised, is_up, wait};
use crate::control::client::ClientError;
use crate::control::responses::ServiceStatus;
use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::failure::Failure;
use crate::supervise::StatusState;

/// The exit code of a wait that took too long.
const TIMED_OUT: u8 = 99;
/// The exit code if PID 1 ends before.
const SUPERVISOR_DIED: u8 = 102;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Up,
    Ready,
    Down,
    /// Down, and its finish script has ended.
    ReallyDown,
    Restarted,
    RestartedAndReady,
}

/// Which of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    All,
    Any,
}

impl Goal {
    /// Returns the goal of a letter of `-w`, `-u` and the like.
    pub(super) fn of(letter: u8) -> Option<Self> {
        match letter {
            b'u' => Some(Self::Up),
            b'U' => Some(Self::Ready),
            b'd' => Some(Self::Down),
            b'D' => Some(Self::ReallyDown),
            b'r' => Some(Self::Restarted),
            b'R' => Some(Self::RestartedAndReady),
            _ => None,
        }
    }

    fn is_reached(self, status: &ServiceStatus, restarts: &mut Restarts) -> bool {
        let is_ready = || matches!(status.state, StatusState::Up | StatusState::Done);
        match self {
            Self::Up => is_up(status),
            Self::Ready => is_ready(),
            Self::Down => !is_up(status),
            Self::ReallyDown => !is_up(status) && status.state != StatusState::Finishing,
            Self::Restarted => restarts.has(status) && is_up(status),
            Self::RestartedAndReady => restarts.has(status) && is_ready(),
        }
    }
}

/// The processes of services before a wait.
#[derive(Debug, Default)]
pub(super) struct Restarts(BTreeMap<String, Option<i32>>);

impl Restarts {
    /// Notes the processes of services.
    pub(super) fn note(&mut self, statuses: &[ServiceStatus]) {
        self.0.extend(statuses.iter().map(|status| (status.name.clone(), status.pid)));
    }

    fn has(&mut self, status: &ServiceStatus) -> bool {
        let before = self.0.entry(status.name.clone()).or_insert(status.pid);
        *before != status.pid
    }
}

/// Waits for services; fails with the exit codes of the original.
pub(super) fn wait_for(
    services: &[Supervised],
    goal: Goal,
    quantity: Quantity,
    timeout: Option<Duration>,
    mut restarts: Restarts,
) -> CommandResult {
    let names: Vec<_> = services.iter().map(|service| service.name.clone()).collect();
    let mut has_failed = false;
    let reached = wait(&names, timeout, |statuses| {
        let reached: Vec<_> = statuses.iter().map(|status| goal.is_reached(status, &mut restarts)).collect();
        let enough = match quantity {
            Quantity::All => reached.iter().all(|reached| *reached),
            Quantity::Any => reached.iter().any(|reached| *reached),
        };
        let down = matches!(goal, Goal::Down | Goal::ReallyDown);
        has_failed = !enough && !down && statuses.iter().any(|status| status.state == StatusState::Failed);
        enough || has_failed
    });
    match reached {
        Ok(true) if has_failed => Err(Failure::fatal(1, "some services reported permanent failure")),
        Ok(true) => Ok(0),
        Ok(false) => Err(Failure::fatal(TIMED_OUT, "timed out")),
        Err(ClientError::Io(..) | ClientError::Protocol(..)) => Err(Failure::fatal(SUPERVISOR_DIED, "supervisor died")),
        Err(error) => Err(failed("wait for services", &error)),
    }
}

/// Waits until services are in a state.
pub(in crate::s6_commands) fn s6_svwait(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-svwait [ -U | -u | -d | -D | -r | -R ] [ -a | -o ] [ -t timeout ] servicedir...";
    let (mut goal, mut quantity, mut timeout) = (Goal::Up, Quantity::All, None);
    for (letter, value) in call.options("UudDrRaot:", SYNOPSIS)? {
        match (letter, Goal::of(letter)) {
            (_, Some(named)) => goal = named,
            (b'a', None) => quantity = Quantity::All,
            (b'o', None) => quantity = Quantity::Any,
            (_, None) => timeout = Some(number(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?),
        }
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let services: Vec<_> = call.arguments.iter().map(|word| Supervised::of(word)).collect();
    wait_for(&services, goal, quantity, milliseconds(timeout), Restarts::default())
}

/// Returns a timeout in milliseconds, of which 0 is none.
pub(super) fn milliseconds(timeout: Option<u32>) -> Option<Duration> {
    timeout.filter(|timeout| *timeout > 0).map(|timeout| Duration::from_millis(timeout.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_another_process_that_is_up() {
        let status = |pid, state| ServiceStatus { name: "web".into(), pid, state, ..ServiceStatus::default() };
        let mut restarts = Restarts::default();
        restarts.note(&[status(Some(7), StatusState::Up)]);
        let mut reached = |goal: Goal, pid, state| goal.is_reached(&status(pid, state), &mut restarts);
        assert!(!reached(Goal::Restarted, Some(7), StatusState::Up));
        assert!(!reached(Goal::Restarted, None, StatusState::Backoff));
        assert!(reached(Goal::Restarted, Some(8), StatusState::Starting));
        assert!(!reached(Goal::RestartedAndReady, Some(8), StatusState::Starting));
        assert!(reached(Goal::RestartedAndReady, Some(8), StatusState::Up));
    }

    #[test]
    fn a_finish_script_that_runs_keeps_a_service_from_being_really_down() {
        let finishing = ServiceStatus { state: StatusState::Finishing, pid: Some(7), ..ServiceStatus::default() };
        let mut none = Restarts::default();
        assert!(Goal::Down.is_reached(&finishing, &mut none));
        assert!(!Goal::ReallyDown.is_reached(&finishing, &mut none));
    }
}
