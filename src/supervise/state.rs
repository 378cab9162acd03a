//! What a service *is*: [`State`] holds the facts of each state. What is *wanted* is kept apart, beside it. Must not know
//! transitions.

use std::time::Duration;

use super::phase::Phase;
use super::restart::RestartHistory;
use super::spec::{Spec, Start};
use super::{Exit, FailureReason, GivenUp, Id, LastFailure, Pid, Role, Time};

/// A service: its definition, its state, its history.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) spec: Spec,
    /// Only changed by `Supervisor::set`.
    pub(super) state: State,
    /// Since when it is in this state.
    pub(super) since: Time,
    /// Whether it should run.
    pub(super) wanted: bool,
    /// How often its command was started.
    pub(super) starts: u32,
    /// How often it was started again after an end that nobody asked for.
    pub(super) restarts: u32,
    /// The next start is such a one.
    pub(super) again: bool,
    /// Why its last run was stopped without a request.
    pub(super) given_up: Option<GivenUp>,
    /// How its last run failed, until one comes up: it is tried again.
    pub(super) failing: Option<LastFailure>,
    /// How its command last ended.
    pub(super) last_exit: Option<Exit>,
    /// How long it ran then.
    pub(super) last_ran: Option<Duration>,
    /// The exit code that its last end amounts to; once it is failed, never 0 for a failure.
    pub(super) code: Option<u8>,
    /// Its latest ends.
    pub(super) history: RestartHistory,
    /// What its probes have found.
    pub(super) probe_state: ProbeState,
    /// The watchdog interval that holds now: the configured one, or the one that it asked for.
    pub(super) watchdog: Option<Duration>,
    /// Somebody stopped it by hand, and may start it again: the container waits for that.
    pub(super) held: bool,
    /// … or with this one, which it requires.
    pub(super) held_with: Option<Id>,
    /// What it will be once its process is gone (a reload).
    pub(super) next: Option<Box<Spec>>,
    /// No service any more: a reload has left it out.
    pub(super) gone: bool,
    /// It is gone and has ended: its place is another's once nothing of it is left outside.
    pub(super) retired: bool,
    /// What keeps it waiting, and its place in the order of a stop.
    pub(super) links: Links,
}

impl Service {
    /// Returns a service that has never been started.
    pub(super) fn new(spec: Spec) -> Self {
        Self {
            state: State::Down,
            since: Time::default(),
            wanted: spec.start == Start::Wanted,
            starts: 0,
            restarts: 0,
            again: false,
            given_up: None,
            failing: None,
            last_exit: None,
            last_ran: None,
            code: None,
            history: RestartHistory::default(),
            probe_state: ProbeState::default(),
            watchdog: spec.watchdog,
            held: false,
            held_with: None,
            next: None,
            gone: false,
            retired: false,
            links: Links::default(),
            spec,
        }
    }
}

/// Probes and their results.
#[derive(Clone, Debug, Default)]
pub(super) struct ProbeState {
    /// Whether one is under way.
    pub(super) open: bool,
    /// Failed probes in this state.
    pub(super) tries: u32,
    /// Results in a row that would change `healthy`.
    pub(super) consecutive: u32,
    /// Whether it is healthy; `None`: not probed.
    pub(super) healthy: Option<bool>,
    /// What made it unhealthy, while it is.
    pub(super) unhealthy_reason: Option<String>,
    /// Why it is not ready, and when a report last said so.
    pub(super) not_ready: Option<String>,
    pub(super) reported: Option<Time>,
}

/// Counts over a service's neighbours, kept up to date by every change of state, so that an event costs as much as the
/// service has dependents, not as much as there are services.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    /// How many that it requires are not up or done.
    pub(super) unmet: usize,
    /// How many that it requires will never be.
    pub(super) lost: usize,
    /// How many that it is after have not settled.
    pub(super) unsettled: usize,
    /// In a stop: how many that depend on it have not been released.
    pub(super) holds: usize,
    /// In a stop: it has ended, and so has everything that depends on it, through however many others.
    pub(super) released: bool,
    /// In a stop: how many layers come later than its own.
    pub(super) later: u32,
}

impl Links {
    /// Whether all that it requires is up or done, and all that it is after has settled.
    pub(super) fn may_start(self) -> bool {
        self.unmet == 0 && self.unsettled == 0
    }
}

/// A state with its facts. A pid is only where a process (or the rest of its group) exists.
#[derive(Clone, Debug)]
pub(super) enum State {
    Down,
    Waiting {
        /// Whether a report has said so.
        reported: bool,
    },
    Awaiting {
        /// Which of the things that it waits for, the next one; all are there where it is none.
        at: usize,
        /// Since when.
        began: Time,
        /// When a report last said so.
        reported: Option<Time>,
    },
    Spawning,
    Starting {
        run: Run,
    },
    Up {
        run: Run,
        ready: Time,
    },
    Stopping {
        run: Run,
        ready: Option<Time>,
        cause: Cause,
        termination: Termination,
    },
    Draining {
        pid: Pid,
        of: GroupOwner,
        termination: Termination,
    },
    FinishSpawning {
        end: End,
    },
    Finishing {
        pid: Pid,
        end: End,
        termination: Termination,
    },
    Lost {
        pid: Pid,
        /// Whether its first process is still there, not only the rest of its group.
        first: bool,
        /// What it was.
        role: Role,
    },
    Backoff,
    Failed {
        why: FailureReason,
    },
    Resting {
        /// Whether it has run, as what it is now; one with a time of day has not before that.
        ran: bool,
    },
    Done,
    StopCommandSpawning,
    StopCommandRunning {
        pid: Pid,
        termination: Termination,
    },
}

/// Patterns of states that a transition treats alike, so that what does nothing is one short arm. Together they are all
/// states but `Lost`: a new one belongs to a group, or breaks every match.
///
/// No process, and nothing is asked for.
macro_rules! at_rest {
    () => {
        State::Down | State::Failed { .. } | State::Resting { .. } | State::Done
    };
}
/// No process yet: it waits for something, or pauses.
macro_rules! pending {
    () => {
        State::Waiting { .. } | State::Awaiting { .. } | State::Backoff
    };
}
/// A process was asked for.
macro_rules! spawning {
    () => {
        State::Spawning | State::FinishSpawning { .. } | State::StopCommandSpawning
    };
}
/// Its command runs and has not been stopped.
macro_rules! running {
    () => {
        State::Starting { .. } | State::Up { .. }
    };
}
/// Something of it runs that is to end.
macro_rules! ending {
    () => {
        State::Stopping { .. } | State::Draining { .. } | State::Finishing { .. } | State::StopCommandRunning { .. }
    };
}
pub(super) use {at_rest, ending, pending, running, spawning};

/// A process that executes the command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) pid: Pid,
    pub(super) started: Time,
}

/// Since when something is being ended, and how. Its timer says when it is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Termination {
    /// Since when.
    pub(super) since: Time,
    /// Whether KILL was sent.
    pub(super) kill_sent: bool,
}

/// How and why a run ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) exit: Exit,
    pub(super) cause: Cause,
    /// When it began.
    pub(super) started: Time,
    /// How long its first process ran.
    pub(super) ran: Duration,
    /// How long it was up, if it ever was.
    pub(super) up: Option<Duration>,
}

/// Why a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself.
    Itself,
    /// It was not ready in time and was stopped.
    NotReady,
    /// It was unhealthy.
    Unhealthy,
    /// Its watchdog expired, or it notified WATCHDOG=trigger.
    Watchdog,
    /// Somebody asked for that.
    Asked,
    /// The container stops.
    Shutdown,
}

/// What the rest of a group belonged to.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupOwner {
    /// The command.
    Run(End),
    /// The finish script after that end, and how the script ended.
    Finish(End, Exit),
    /// The stop command.
    StopCommand,
}

impl State {
    /// Returns its name.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Down => Phase::Down,
            Self::Waiting { .. } => Phase::Waiting,
            Self::Awaiting { .. } => Phase::Awaiting,
            Self::Spawning => Phase::Spawning,
            Self::Starting { .. } => Phase::Starting,
            Self::Up { .. } => Phase::Up,
            Self::Stopping { .. } => Phase::Stopping,
            Self::Draining { .. } => Phase::Draining,
            Self::FinishSpawning { .. } => Phase::FinishSpawning,
            Self::Finishing { .. } => Phase::Finishing,
            Self::Lost { .. } => Phase::Lost,
            Self::Backoff => Phase::Backoff,
            Self::Failed { .. } => Phase::Failed,
            Self::Resting { ran: true } => Phase::Resting,
            Self::Resting { ran: false } => Phase::Scheduled,
            Self::Done => Phase::Done,
            Self::StopCommandSpawning => Phase::StopCommandSpawning,
            Self::StopCommandRunning { .. } => Phase::StopCommandRunning,
        }
    }

    /// Returns its process, while that or the rest of its group lives.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Starting { run } | Self::Up { run, .. } | Self::Stopping { run, .. } => Some(run.pid),
            Self::Draining { pid, .. } | Self::Finishing { pid, .. } => Some(*pid),
            Self::StopCommandRunning { pid, .. } | Self::Lost { pid, .. } => Some(*pid),
            at_rest!() | pending!() | spawning!() => None,
        }
    }

    /// Returns why it is failed, if it is.
    pub(super) fn why(&self) -> Option<&FailureReason> {
        match self {
            Self::Failed { why } => Some(why),
            Self::Down | Self::Resting { .. } | Self::Done | Self::Lost { .. } => None,
            pending!() | spawning!() | running!() | ending!() => None,
        }
    }
}
