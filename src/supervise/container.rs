//! [`ContainerState`]: the container's own state, and what its exit code is made of. Must not know services.

use super::budget::Budget;
use super::{EngineTime, Id, StopReason};

/// The container's own state.
#[derive(Clone, Debug)]
pub(super) enum ContainerState {
    /// The boot is not done.
    Booting,
    /// Services are wanted.
    Running,
    /// Nothing starts any more.
    Stopping(StopInProgress),
    /// [`super::Action::Exit`] was returned.
    Over(StopReason),
}

impl ContainerState {
    /// Returns the stop that is under way.
    pub(super) fn stop(&self) -> Option<&StopInProgress> {
        match self {
            Self::Stopping(stop) => Some(stop),
            Self::Booting | Self::Running | Self::Over(_) => None,
        }
    }

    /// Returns whether services are wanted.
    pub(super) fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }
}

/// A stop under way.
#[derive(Clone, Debug)]
pub(super) struct StopInProgress {
    /// Why.
    pub(super) reason: StopReason,
    /// How long.
    pub(super) budget: Budget,
    /// How many stop signals PID 1 got.
    pub(super) requests: u32,
    /// When the container ends whatever is left; set when everything was killed.
    pub(super) end_at: Option<EngineTime>,
}

impl StopInProgress {
    /// Returns when something has to happen to the stop as a whole.
    pub(super) fn limit(&self) -> EngineTime {
        self.end_at.unwrap_or(self.budget.total())
    }
}

/// What the exit code is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExitCodeInputs {
    /// That of a request.
    pub(super) requested: Option<u8>,
    /// The main command's.
    pub(super) main: Option<u8>,
    /// The latest failure's.
    pub(super) failure: Option<u8>,
    /// Whose that was.
    pub(super) failed: Option<Id>,
}
