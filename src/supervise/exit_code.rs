//! The container's exit code (DESIGN §8). Must not know how a stop goes.
//!
//! 1. The code that a shutdown requested.
//! 2. If an essential service ended the container, its code: the main command was then only stopped, and its 143
//!    (or the 0 of one that handles TERM) would hide what happened.
//!    If an unhealthy one did, 1.
//! 3. The main command's code, if it ran: 128+n for a signal, 127 or 126 where it could not be executed, 137 where KILL
//!    could not end it. One of its `success_codes` is 0, 128+n too, as with tini's `-e`; a 0 that is none of them is 1,
//!    and so is every end of one that was stopped because it was not ready in time or hung.
//! 4. After a requested stop: 0; but where the main command never ran because a service that it waited for kept failing,
//!    that one's code: nothing of what the container is for was done, and a 0 would say that it was.
//! 5. When the start took too long: 2, as of s6-rc.
//! 6. When nothing was left: the last failure's code, or 0 if nothing failed.
//!
//! A failed service has its last end's code; where that is 0 although it failed (it exited with 0 too often) it has 1, and
//! so it has where we stopped it (it was not ready in time, is unhealthy, or sent no watchdog notification in time): a 143
//! would look like a requested stop. One whose requirement is failed has that one's code; one
//! that was skipped in this mode stands for a step that the system refused, 111; one that is held back because of its definition
//! for a configuration that is wrong, 100. One that ended for good without a
//! failure, or that its finish script stopped with 125, keeps its own code, 0 included.

use super::container::{ContainerState, ExitCodeInputs};
use super::supervisor::Supervisor;
use super::{Exit, FailureReason, Id, StopReason};
use crate::error::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_REFUSED, EXIT_WRONG};

/// A failure that has no code of its own.
pub(super) const FAILURE: u8 = 1;

/// The start took too long (`s6-rc -t`).
const START_TIMED_OUT: u8 = 2;

/// errno(3): no such file or directory, the same on x86-64 and arm64.
const ENOENT: i32 = 2;

/// Returns the code that a parent would see: 128+n for a signal, as the shell has it.
pub(super) fn code(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => u8::try_from(signal.number()).map_or(u8::MAX, |number| number.saturating_add(128)),
    }
}

/// Returns the shell's code for a program that could not be executed.
pub(super) fn spawn_code(errno: i32) -> u8 {
    if errno == ENOENT { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE }
}

impl Supervisor {
    /// Returns the code that an end of the main command by itself, or in a stop of the container, gives the container.
    pub(super) fn main_code(&self, id: Id, exit: Exit) -> u8 {
        let code = code(exit);
        match (self.services[id].spec.success_codes.contains(&code), code) {
            (true, _) => 0,
            (false, 0) => FAILURE,
            (false, code) => code,
        }
    }

    /// Returns the code that a service's end for good amounts to; see the module's rules.
    pub(super) fn failure_code(&self, id: Id, why: &FailureReason) -> u8 {
        let own = self.services[id].code.filter(|_| self.services[id].ended_by_us.is_none());
        let failed = |code: Option<u8>| code.filter(|code| *code != 0).unwrap_or(FAILURE);
        match why {
            FailureReason::Ended(_)
            | FailureReason::Limit(_)
            | FailureReason::CannotStart(_)
            | FailureReason::FailedBefore => failed(own),
            FailureReason::FinishPermanentFailure => self.services[id].code.unwrap_or(FAILURE),
            FailureReason::Requirement(requirement) => failed(self.services[*requirement].code),
            FailureReason::Skipped => EXIT_REFUSED,
            FailureReason::HeldBack => EXIT_WRONG,
        }
    }

    /// Returns whether a stop that was requested without a code has ended: an image made for s6-overlay says the code then.
    pub fn ended_on_request(&self) -> bool {
        let is_request = match &self.container {
            ContainerState::Over(StopReason::Signal(_) | StopReason::Requested) => true,
            ContainerState::Over(
                StopReason::Main(_)
                | StopReason::Essential(..)
                | StopReason::LateStart(..)
                | StopReason::Unhealthy(_)
                | StopReason::StartTimedOut { .. }
                | StopReason::NothingLeft,
            )
            | ContainerState::Booting
            | ContainerState::Running
            | ContainerState::Stopping(_) => false,
        };
        is_request && self.exit_code_inputs.requested.is_none()
    }

    /// Returns the code of the container.
    pub(super) fn exit_code(&self, reason: &StopReason) -> u8 {
        let ExitCodeInputs { requested, main, failure, .. } = self.exit_code_inputs;
        requested.unwrap_or_else(|| match reason {
            StopReason::Essential(id, _) | StopReason::LateStart(id) => self.services[*id].code.unwrap_or(FAILURE),
            StopReason::Unhealthy(_) => FAILURE,
            StopReason::Main(exit) => main.unwrap_or_else(|| code(*exit)),
            StopReason::Signal(_) | StopReason::Requested => main.unwrap_or_else(|| {
                let failing = self.main_blocked().and_then(|blocked| blocked.failing.as_ref());
                failing.map_or(0, |(_, how)| how.code())
            }),
            StopReason::StartTimedOut { .. } => START_TIMED_OUT,
            StopReason::NothingLeft => failure.unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Signal;

    #[test]
    fn a_signal_is_128_and_its_number() {
        assert_eq!(code(Exit::Signal(Signal::KILL)), 137);
        assert_eq!(code(Exit::Signal(Signal::TERM)), 143);
        assert_eq!(Signal::from_number(64).map(|signal| code(Exit::Signal(signal))), Some(192));
    }

    #[test]
    fn a_missing_program_is_127_and_any_other_refusal_126() {
        let (eacces, enoexec, enomem) = (13, 8, 12);
        assert_eq!([ENOENT, eacces, enoexec, enomem].map(spawn_code), [127, 126, 126, 126]);
    }
}
