//! What `metrics` is made of: the state of the services, and counts since the start of the container. Must not know how they
//! are printed.

use serde::{Deserialize, Serialize};

use super::responses::{Snapshot, StepTime};
use crate::supervise::{EndedByUs, Exit, Id, Report, Supervisor};

/// The response to `metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The version of PID 1.
    pub version: String,
    /// The state of the services.
    pub status: Snapshot,
    /// Their counts, in the same order.
    pub counts: Vec<ServiceCounts>,
    /// What PID 1 did before the services.
    pub steps: Vec<StepTime>,
}

/// Counts of one service since the start of the container, or since a reload has added it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCounts {
    /// How often its process was started.
    pub starts: u32,
    /// How often it ended, or could not be started, by cause, in the order of [`ExitCause::ALL`].
    pub exits: [u32; ExitCause::ALL.len()],
    /// The bytes that it has written; absent where PID 1 does not read them.
    #[serde(default)]
    pub log_bytes: Option<u64>,
    /// The lines.
    #[serde(default)]
    pub log_lines: Option<u64>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCause {
    /// By itself, with a code that is a success.
    Success,
    /// By itself, with another code.
    Failure,
    /// A signal that PID 1 did not send.
    Signal,
    /// A request, a reload, or the end of the container.
    Stopped,
    /// It could not be started.
    CannotStart,
    /// It was not ready in time.
    NotReady,
    /// A oneshot did not end in time.
    TimedOut,
    /// Its health check failed.
    Unhealthy,
    /// Its watchdog.
    Watchdog,
}

impl ExitCause {
    /// Every cause, in the order of [`ServiceCounts::exits`].
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::Failure,
        Self::Signal,
        Self::Stopped,
        Self::CannotStart,
        Self::NotReady,
        Self::TimedOut,
        Self::Unhealthy,
        Self::Watchdog,
    ];

    /// Returns the value of the label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Signal => "signal",
            Self::Stopped => "stopped",
            Self::CannotStart => "cannot-start",
            Self::NotReady => "not-ready",
            Self::TimedOut => "timed-out",
            Self::Unhealthy => "unhealthy",
            Self::Watchdog => "watchdog",
        }
    }

    fn of(report: &Report, supervisor: &Supervisor) -> Option<(Id, Self)> {
        let (id, otherwise) = match report {
            Report::Ended { id, exit, .. } if supervisor.is_success(*id, *exit) => (*id, Self::Success),
            Report::Ended { id, exit: Exit::Code(_), .. } => (*id, Self::Failure),
            Report::Ended { id, exit: Exit::Signal(_), .. } => (*id, Self::Signal),
            Report::Stopped { id, .. } => (*id, Self::Stopped),
            Report::CannotStart { id, .. } => return Some((*id, Self::CannotStart)),
            _ => return None,
        };
        let cause = match supervisor.ended_by_us(id) {
            Some(EndedByUs::NotReady { .. }) => Self::NotReady,
            Some(EndedByUs::TimedOut(_)) => Self::TimedOut,
            Some(EndedByUs::Unhealthy(_)) => Self::Unhealthy,
            Some(EndedByUs::Watchdog(_)) => Self::Watchdog,
            None => otherwise,
        };
        Some((id, cause))
    }
}

/// The counts of all services, by id.
#[derive(Debug, Default)]
pub struct ExitCounts(Vec<ServiceCounts>);

impl ExitCounts {
    /// Counts what a report says.
    pub fn record(&mut self, report: &Report, supervisor: &Supervisor) {
        if let Report::Starting { id, .. } = report {
            self.entry(*id).starts += 1;
        }
        if let Some((id, cause)) = ExitCause::of(report, supervisor)
            && let Some(count) = self.entry(id).exits.get_mut(cause as usize)
        {
            *count = count.saturating_add(1);
        }
    }

    /// Returns the counts of a service.
    pub fn of(&self, id: Id) -> ServiceCounts {
        self.0.get(id.0).cloned().unwrap_or_default()
    }

    /// Forgets a removed service.
    pub fn forget(&mut self, id: Id) {
        if let Some(counts) = self.0.get_mut(id.0) {
            *counts = ServiceCounts::default();
        }
    }

    fn entry(&mut self, id: Id) -> &mut ServiceCounts {
        if self.0.len() <= id.0 {
            self.0.resize(id.0 + 1, ServiceCounts::default());
        }
        // It was made above.
        &mut self.0[id.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_stand_in_the_order_of_their_counts() {
        for (at, cause) in ExitCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, at, "{cause:?}");
        }
    }
}
