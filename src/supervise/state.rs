//! What a service *is*: [`State`] holds the facts of each state. What is *wanted* is kept apart, next to it. Must not know
//! transitions.

use std::time::Duration;

use super::phase::Phase;
use super::restart::RestartHistory;
use super::spec::{Spec, Start};
use super::{EndedByUs, EngineTime, Exit, FailureReason, Id, LastFailure, Pid, Role};

/// A service: its definition, its state, its history.
#[derive(Clone, Debug)]
pub(super) struct ServiceRuntime {
    pub(super) spec: Spec,
    /// Only changed by `Supervisor::set`.
    pub(super) state: State,
    /// Since when it is in this state.
    pub(super) since: EngineTime,
    /// Whether it should run.
    pub(super) wanted: bool,
    /// How often its command was started.
    pub(super) starts: u32,
    /// How often it was started again after an end without a request.
    pub(super) restarts: u32,
    /// Whether the next start is counted in `restarts`.
    pub(super) next_start_is_restart: bool,
    /// Why the engine ended its last run without a request.
    pub(super) ended_by_us: Option<Box<EndedByUs>>,
    /// How its last run failed, until one comes up: it is tried again.
    pub(super) failing: Option<Box<LastFailure>>,
    /// How its command last ended.
    pub(super) last_exit: Option<Exit>,
    /// How long it ran then.
    pub(super) last_ran: Option<Duration>,
    /// The exit code that its last end amounts to; once it is failed, never 0 for a failure.
    pub(super) code: Option<u8>,
    /// Its latest ends.
    pub(super) history: RestartHistory,
    /// What its probes have found.
    pub(super) probe_state: ProbeRecord,
    /// The watchdog interval that holds now: the configured one, or the one that it requested.
    pub(super) watchdog: Option<Duration>,
    /// It has been up since its start was requested.
    pub(super) was_up: bool,
    /// Its start was requested, or follows from a reload: it is no part of the container's start.
    pub(super) was_requested: bool,
    /// It was stopped manually, and may be started again: the container waits for that.
    pub(super) stopped_manually: bool,
    /// Its run is the last one until a start is requested: then it is as stopped manually.
    pub(super) once: bool,
    /// Which one was stopped manually, where it was stopped because it requires that one.
    pub(super) stopped_with: Option<Id>,
    /// Its new definition after a reload, applied once its process has ended.
    pub(super) pending_spec: Option<Box<Spec>>,
    /// A reload has removed it.
    pub(super) removed: bool,
    /// It is removed and has ended: another service gets its id after `Event::IdReleased`.
    pub(super) removal_done: bool,
    /// What keeps it waiting, and its place in the order of a stop.
    pub(super) counts: DependencyCounts,
}

impl ServiceRuntime {
    /// Returns a service that has never been started.
    pub(super) fn new(spec: Spec) -> Self {
        Self {
            state: State::Down,
            since: EngineTime::default(),
            wanted: spec.start == Start::Wanted,
            starts: 0,
            restarts: 0,
            next_start_is_restart: false,
            ended_by_us: None,
            failing: None,
            last_exit: None,
            last_ran: None,
            code: None,
            history: RestartHistory::default(),
            probe_state: ProbeRecord::default(),
            watchdog: spec.watchdog,
            was_up: false,
            was_requested: false,
            stopped_manually: false,
            once: false,
            stopped_with: None,
            pending_spec: None,
            removed: false,
            removal_done: false,
            counts: DependencyCounts::default(),
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
    /// Consecutive results that would change `healthy`.
    pub(super) consecutive: u32,
    /// Whether it is healthy; `None`: not probed.
    pub(super) healthy: Option<bool>,
    /// What made it unhealthy, while it is.
    pub(super) unhealthy_reason: Option<String>,
    /// Why it is not ready, and when a report last said so.
    pub(super) not_ready: Option<String>,
    pub(super) reported: Option<EngineTime>,
}

/// The [`ProbeState`] of a service: most are never probed, and have none.
#[derive(Clone, Debug, Default)]
pub(super) struct ProbeRecord(Option<Box<ProbeState>>);

impl ProbeRecord {
    /// Returns it, unless nothing was noted yet.
    pub(super) fn get(&self) -> Option<&ProbeState> {
        self.0.as_deref()
    }

    /// Returns it to note something.
    pub(super) fn get_mut(&mut self) -> &mut ProbeState {
        self.0.get_or_insert_default()
    }

    /// Notes that no probe is under way. Returns whether one was.
    pub(super) fn close(&mut self) -> bool {
        self.0.as_mut().is_some_and(|noted| std::mem::take(&mut noted.open))
    }
}

/// Counts over a service's neighbours, kept up to date by every change of state, so that an event costs as much as the
/// service has dependents, not as much as there are services.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DependencyCounts {
    /// How many that it requires are not up or done.
    pub(super) unsatisfied_requires: usize,
    /// How many that it requires will not be up or done by themselves.
    pub(super) failed_requirements: usize,
    /// How many that it is after are not up, done, failed or down.
    pub(super) unsatisfied_after: usize,
    /// In a stop: how many dependents have not ended, or have dependents left themselves.
    pub(super) dependents_left: usize,
    /// In a stop: it has ended, and so has everything that depends on it, directly or not.
    pub(super) stopped_with_dependents: bool,
    /// In a stop: how many layers come later than its own.
    pub(super) later_layers: u32,
}

impl DependencyCounts {
    /// Whether all that it requires is up or done, and all that it is after is up, done, failed or down.
    pub(super) fn may_start(self) -> bool {
        self.unsatisfied_requires == 0 && self.unsatisfied_after == 0
    }
}

/// A state with its facts. A pid is only where a process (or a leftover of its group) exists.
#[derive(Clone, Debug)]
pub(super) enum State {
    Down,
    Waiting {
        /// Whether a report has said so.
        reported: bool,
    },
    WaitForProbing {
        /// The next target of its `wait_for`; all are there where there is none with this index.
        at: usize,
        /// Since when.
        began: EngineTime,
        /// When a report last said so.
        reported: Option<EngineTime>,
    },
    Spawning,
    Starting {
        run: Run,
    },
    Up {
        run: Run,
        ready: EngineTime,
    },
    Stopping {
        run: Run,
        ready: Option<EngineTime>,
        cause: Cause,
        termination: Termination,
    },
    StoppingGroup {
        pid: Pid,
        ended_role: EndedRole,
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
    Unkillable {
        pid: Pid,
        /// Whether its main process is still there, not only leftovers of its group.
        has_main_process: bool,
        /// What it was.
        role: Role,
    },
    Backoff,
    Failed {
        why: FailureReason,
    },
    Scheduled,
    Resting,
    Done,
    StopCommandSpawning,
    StopCommandRunning {
        pid: Pid,
        termination: Termination,
    },
}

/// Patterns of states that a transition treats alike, so that what does nothing is one short arm. Together they are all
/// states but `Unkillable`: a new one belongs to a group, or breaks every match.
///
/// No process, and none is requested.
macro_rules! at_rest {
    () => {
        State::Down | State::Failed { .. } | State::Scheduled | State::Resting | State::Done
    };
}
/// No process yet: it waits for something, or pauses.
macro_rules! pending {
    () => {
        State::Waiting { .. } | State::WaitForProbing { .. } | State::Backoff
    };
}
/// A process was requested.
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
        State::Stopping { .. }
            | State::StoppingGroup { .. }
            | State::Finishing { .. }
            | State::StopCommandRunning { .. }
    };
}
pub(super) use {at_rest, ending, pending, running, spawning};

/// A process that executes the command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) pid: Pid,
    pub(super) started: EngineTime,
}

/// Since when something is being ended, and how. Its timer says when it is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Termination {
    /// Since when.
    pub(super) since: EngineTime,
    /// Whether KILL was sent.
    pub(super) kill_sent: bool,
}

/// How and why a run ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) exit: Exit,
    pub(super) cause: Cause,
    /// When it began.
    pub(super) started: EngineTime,
    /// How long its main process ran.
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
    /// A oneshot that took too long.
    TimedOut,
    /// It was unhealthy.
    Unhealthy,
    /// Its watchdog expired, or it notified WATCHDOG=trigger.
    Watchdog,
    /// It was requested.
    Requested,
    /// The container stops.
    Shutdown,
}

/// Which program of a service the main process of a group executed, and how that ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum EndedRole {
    /// The command.
    Run(End),
    /// The finish script after that end, and how the script ended.
    Finish(End, Exit),
    /// The stop command.
    StopCommand,
}

impl State {
    /// Returns its phase.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Down => Phase::Down,
            Self::Waiting { .. } => Phase::Waiting,
            Self::WaitForProbing { .. } => Phase::WaitForProbing,
            Self::Spawning => Phase::Spawning,
            Self::Starting { .. } => Phase::Starting,
            Self::Up { .. } => Phase::Up,
            Self::Stopping { .. } => Phase::Stopping,
            Self::StoppingGroup { .. } => Phase::StoppingGroup,
            Self::FinishSpawning { .. } => Phase::FinishSpawning,
            Self::Finishing { .. } => Phase::Finishing,
            Self::Unkillable { .. } => Phase::Unkillable,
            Self::Backoff => Phase::Backoff,
            Self::Failed { .. } => Phase::Failed,
            Self::Scheduled => Phase::Scheduled,
            Self::Resting => Phase::Resting,
            Self::Done => Phase::Done,
            Self::StopCommandSpawning => Phase::StopCommandSpawning,
            Self::StopCommandRunning { .. } => Phase::StopCommandRunning,
        }
    }

    /// Returns its process, while that or a leftover of its group lives.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Starting { run } | Self::Up { run, .. } | Self::Stopping { run, .. } => Some(run.pid),
            Self::StoppingGroup { pid, .. } | Self::Finishing { pid, .. } => Some(*pid),
            Self::StopCommandRunning { pid, .. } | Self::Unkillable { pid, .. } => Some(*pid),
            at_rest!() | pending!() | spawning!() => None,
        }
    }

    /// Returns why it is failed, if it is.
    pub(super) fn failure(&self) -> Option<&FailureReason> {
        match self {
            Self::Failed { why } => Some(why),
            Self::Down | Self::Scheduled | Self::Resting | Self::Done | Self::Unkillable { .. } => None,
            pending!() | spawning!() | running!() | ending!() => None,
        }
    }
}
