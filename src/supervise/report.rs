//! [`Report`]: what the engine reports, as fields; `run` puts it into words. Must not know how it came to that.

use std::time::Duration;

use super::{Exit, Id, Pid, SpawnError};
use crate::config::values::Signal;

/// One change worth a line, as fields; `run` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It waits for services that are not up yet.
    WaitsForServices {
        /// The service.
        id: Id,
        /// For which services; none: for the definitions to be read again.
        on: Vec<Id>,
    },
    /// The main command still waits for services; repeated after pauses that double.
    MainStillWaits {
        /// The main command.
        id: Id,
        /// For how long.
        since: Duration,
        /// For which services; none: for the definitions to be read again.
        on: Vec<Id>,
    },
    /// Its process was started.
    Starting {
        /// The service.
        id: Id,
        /// Its process.
        pid: Pid,
    },
    /// It is ready (a longrun).
    Up {
        /// The service.
        id: Id,
        /// Its process.
        pid: Pid,
        /// Since its start.
        took: Duration,
    },
    /// It is done (a oneshot).
    Done {
        /// The service.
        id: Id,
        /// Since its start.
        took: Duration,
        /// In how long it runs again, if it is periodic.
        again: Option<Duration>,
    },
    /// Its process ended without a request.
    Ended {
        /// The service.
        id: Id,
        /// How.
        exit: Exit,
        /// How long it ran.
        ran: Duration,
    },
    /// It ended because it was sent its stop signal.
    Stopped {
        /// The service.
        id: Id,
        /// How.
        exit: Exit,
        /// Since the stop signal.
        took: Duration,
    },
    /// It could not be started.
    CannotStart {
        /// The service.
        id: Id,
        /// Why.
        why: SpawnError,
    },
    /// It will be started again after a pause.
    Backoff {
        /// The service.
        id: Id,
        /// The pause.
        pause: Duration,
        /// Consecutive failures.
        failures: u32,
    },
    /// It will not be started again.
    Failed {
        /// The service.
        id: Id,
        /// Why.
        why: FailureReason,
    },
    /// It did not stop in time and is killed.
    Killing {
        /// The service.
        id: Id,
        /// Which of its processes.
        who: Killed,
        /// Its stop timeout, over now.
        after: Duration,
    },
    /// It was not ready within its timeout, and is stopped.
    ReadyTimedOut {
        /// The service.
        id: Id,
        /// How long was waited.
        after: Duration,
        /// What the last probe found, if there was one.
        why: Option<String>,
    },
    /// A oneshot has not ended within its timeout, and is stopped.
    TimedOut {
        /// The service.
        id: Id,
        /// How long it ran.
        after: Duration,
    },
    /// Its readiness check still fails; repeated after pauses that double.
    StillNotReady {
        /// The service.
        id: Id,
        /// Since when.
        since: Duration,
        /// What the last probe found.
        why: String,
    },
    /// A target of its `wait_for` is not there; repeated after pauses that double.
    WaitForFails {
        /// The service.
        id: Id,
        /// Which target.
        at: usize,
        /// Since when.
        since: Duration,
        /// What was found.
        why: String,
    },
    /// Its health check failed too often.
    Unhealthy {
        /// The service.
        id: Id,
        /// Consecutive failures.
        failures: u32,
        /// What was found last.
        why: String,
    },
    /// Its health check passes again.
    Healthy {
        /// The service.
        id: Id,
    },
    /// Its watchdog expired, or it notified WATCHDOG=trigger.
    Watchdog {
        /// The service.
        id: Id,
        /// The watchdog interval; `None`: it notified WATCHDOG=trigger.
        after: Option<Duration>,
    },
    /// A periodic oneshot failed; it runs again when its next run is due.
    PeriodicFailed {
        /// The service.
        id: Id,
        /// In how long.
        pause: Duration,
    },
    /// The stop command of a oneshot ended.
    StopCommandEnded {
        /// The service.
        id: Id,
        /// How that ended.
        exit: Exit,
        /// Since its start.
        took: Duration,
    },
    /// Leftovers of its group outlive its main process and are ended.
    Leftovers {
        /// The service.
        id: Id,
    },
    /// Leftovers of its group outlive a oneshot that succeeded, and continue.
    LeftoversContinue {
        /// The service.
        id: Id,
        /// The main process, which has ended.
        pid: Pid,
    },
    /// It was killed and is still there (uninterruptible sleep): the stop goes on without it.
    Unkillable {
        /// The service.
        id: Id,
        /// Its main process, or the one that its process group had.
        pid: Pid,
    },
    /// Leftovers of its group were killed and are still there: it continues without waiting for them.
    LeftoversAbandoned {
        /// The service.
        id: Id,
        /// The main process.
        pid: Pid,
    },
    /// The services took too long to come up: the main command starts without them.
    StartTimedOut {
        /// The limit.
        after: Duration,
        /// The services that are missing.
        on: Vec<Id>,
    },
    /// The stop began.
    Stopping {
        /// Why.
        reason: StopReason,
    },
}

/// Which of a service's processes did not stop in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// Its command.
    Command,
    /// Its finish script.
    Finish,
    /// Its stop command.
    StopCommand,
    /// Leftovers of its group.
    Leftovers,
}

/// Why a service is failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// Its policy is not to start it again after this end.
    Ended(Exit),
    /// Consecutive failures reached the limit.
    Limit(u32),
    /// Its finish script returned 125 (s6: permanent failure).
    FinishPermanentFailure,
    /// Something that it requires is failed.
    Requirement(Id),
    /// It could not be started at all.
    CannotStart(SpawnError),
    /// It was skipped in this mode.
    Skipped,
    /// It failed in an earlier stage.
    FailedBefore,
    /// Its definition may not be used ([`super::Start::HeldBack`]).
    HeldBack,
}

/// Why the engine ended a run without a request: how the process ended then is a result of that, and its code says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedByUs {
    /// It was not ready in time.
    NotReady {
        /// How long was waited.
        after: Duration,
        /// What the last probe found, if there was one.
        last_result: Option<String>,
    },
    /// A oneshot did not end in time; how long it ran.
    TimedOut(Duration),
    /// Its health check failed; what that found.
    Unhealthy(String),
    /// No watchdog notification for that long; `None`: it notified WATCHDOG=trigger.
    Watchdog(Option<Duration>),
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastFailure {
    /// It was ended for this.
    EndedByUs(EndedByUs),
    /// It ended so.
    Ended(Exit),
    /// There was none.
    CannotStart(SpawnError),
}

/// What the main command waited for when the container began to stop, although it had never run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainBlocked {
    /// The services that were not up, done or failed.
    pub on: Vec<Id>,
    /// The first of them that kept failing, and how.
    pub failing: Option<(Id, LastFailure)>,
}

/// Why a service is as it is, where that is more than how it last ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusReason {
    /// It is failed.
    Failed(FailureReason),
    /// It was stopped manually; or another one, which it requires.
    StoppedManually(Option<Id>),
    /// It pauses after a run that was ended for this.
    EndedByUs(EndedByUs),
}

/// Why the container ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// PID 1 got this signal.
    Signal(Signal),
    /// `stepdown shutdown`.
    Requested,
    /// The main command ended.
    Main(Exit),
    /// An essential service ended for good.
    Essential(Id, FailureReason),
    /// A service was not ready in time in the container's start, and that is to end the container.
    LateStart(Id),
    /// A service is unhealthy, and the container is to end then.
    Unhealthy(Id),
    /// The services took too long to come up.
    StartTimedOut {
        /// The limit.
        after: Duration,
        /// The services that are missing.
        on: Vec<Id>,
    },
    /// Nothing is up or wanted any more.
    NothingLeft,
}
