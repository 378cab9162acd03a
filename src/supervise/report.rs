//! [`Report`]: what the engine reports, as fields; `run` puts it into words. Must not know how it came to that.

use std::time::Duration;

use super::{Exit, Id, Pid, SpawnError};
use crate::config::values::Signal;

/// One change worth a line, as fields; `run` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It waits for something that is not up yet.
    Waiting {
        /// The service.
        id: Id,
        /// For which services.
        on: Vec<Id>,
    },
    /// The main command still waits for services; reported again after longer and longer pauses.
    MainWaits {
        /// The main command.
        id: Id,
        /// For how long.
        since: Duration,
        /// For which services.
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
    /// Its process ended without being asked to.
    Ended {
        /// The service.
        id: Id,
        /// How.
        exit: Exit,
        /// How long it ran.
        ran: Duration,
    },
    /// It ended because it was asked to.
    Stopped {
        /// The service.
        id: Id,
        /// How.
        exit: Exit,
        /// Since it was asked.
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
        /// Failures in a row.
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
    /// It was not ready in time.
    NotReady {
        /// The service.
        id: Id,
        /// How long was waited.
        after: Duration,
        /// What the last probe found, if there was one.
        why: Option<String>,
    },
    /// It still is not ready; reported again after longer and longer pauses.
    NotYet {
        /// The service.
        id: Id,
        /// Since when.
        since: Duration,
        /// What the last probe found.
        why: String,
    },
    /// Something that it waits for is not there; reported again after longer and longer pauses.
    Awaiting {
        /// The service.
        id: Id,
        /// Which of them.
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
        /// Failures in a row.
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
    /// Processes of its group outlive its first one and are ended.
    Leftovers {
        /// The service.
        id: Id,
    },
    /// Processes of its group outlive a oneshot that succeeded, and go on.
    LeftRunning {
        /// The service.
        id: Id,
        /// The dead leader of the group.
        pid: Pid,
    },
    /// It was killed and is still there (uninterruptible sleep): the stop goes on without it.
    Unkillable {
        /// The service.
        id: Id,
        /// Its process, or the leader of what is left of its group.
        pid: Pid,
    },
    /// What its first process left was killed and is still there: it goes on without.
    LeftBehind {
        /// The service.
        id: Id,
        /// The leader of the group.
        pid: Pid,
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
    /// What the first process of any left of its group.
    RestOfGroup,
}

/// Why a service is failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// Its policy is not to start it again after this end.
    Ended(Exit),
    /// Failures in a row reached the limit.
    Limit(u32),
    /// Its finish script returned 125 (s6).
    FinishSaidStop,
    /// Something that it requires is failed.
    Requirement(Id),
    /// It could not be started at all.
    CannotStart(SpawnError),
    /// It was left out in this mode.
    Skipped,
    /// An earlier stage could not do it.
    FailedBefore,
}

/// Why a run was ended although nobody asked for that: how it ended then is our doing, and its code is none of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// It was not ready in time.
    NotReady {
        /// How long was waited.
        after: Duration,
        /// What the last probe found, if there was one.
        last_result: Option<String>,
    },
    /// Its health check failed; what that found.
    Unhealthy(String),
    /// No watchdog notification for that long; `None`: it notified WATCHDOG=trigger.
    Watchdog(Option<Duration>),
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastFailure {
    /// It was ended for this.
    GivenUp(GivenUp),
    /// It ended so.
    Ended(Exit),
    /// There was none.
    CannotStart(SpawnError),
}

/// What the main command waited for when the container began to stop, although it had never run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainBlocked {
    /// The services that had not settled.
    pub on: Vec<Id>,
    /// The first of them that kept failing, and how.
    pub failing: Option<(Id, LastFailure)>,
}

/// Why a service is as it is, where that is more than how it last ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusReason {
    /// It is failed.
    Failed(FailureReason),
    /// Somebody stopped it by hand; or another one, which it requires.
    Held(Option<Id>),
    /// It pauses after a run that was ended for this.
    GivenUp(GivenUp),
}

/// Why the container ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// PID 1 was told to.
    Signal(Signal),
    /// `stepdown shutdown`.
    Asked,
    /// The main command ended.
    Main(Exit),
    /// An essential service ended for good.
    Essential(Id, FailureReason),
    /// A service is unhealthy, and the container is to end then.
    Unhealthy(Id),
    /// Nothing is up or wanted any more.
    NothingLeft,
}
