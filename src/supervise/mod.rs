//! What happens next: [`Event`] in, [`Action`] out, and one deadline. The whole engine, with a number for a clock. Pure.
//!
//! This file is the vocabulary, but for [`Report`]. [`Setup`] is what the engine is given at its start, [`Supervisor`] is the
//! engine; its states and what each of them means stand in [`Phase`].

#![deny(clippy::wildcard_enum_match_arm)]

mod budget;
mod container;
mod ending;
mod exit_code;
mod graph;
mod id_vec;
mod main_waits;
mod phase;
mod probes;
mod process;
mod reload;
mod report;
mod requests;
mod reread;
mod reread_state;
mod restart;
mod s6_setup;
mod schedule;
mod shutdown;
mod spawn_error;
mod spec;
mod start_limit;
mod start_rule;
mod starting;
mod state;
mod status;
mod stop_command;
mod supervisor;
mod timers;

pub use budget::{END_OF_INPUT_TIMEOUT, LAYER_RESERVE, REAP_GRACE, StopShares};
pub use phase::{Phase, StatusState};
pub use probes::{FIRST_READY_PAUSE, MAX_WAIT_REPORT_PAUSE, WAIT_FOR_PAUSE, WAIT_REPORT_PAUSE};
pub use report::{EndedByUs, FailureReason, Killed, LastFailure, MainBlocked, Report, StatusReason, StopReason};
pub use spawn_error::{SpawnError, SpawnStep};
pub use spec::{FinishRule, HealthRule, LateStart, Readiness, RereadOrder, Setup, Spec, Start};
pub use start_rule::{StartLimit, StartTimeoutAction};
pub use supervisor::Supervisor;

use std::time::Duration;

use crate::config::values::{ServiceName, Signal};

/// Time since the engine's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineTime(pub Duration);

impl EngineTime {
    /// Returns the moment `more` later; the end of time where there is none.
    #[must_use]
    pub fn plus(self, more: Duration) -> Self {
        Self(self.0.saturating_add(more))
    }

    /// Returns how long ago `earlier` was; zero where it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub i32);

/// A service's place in the engine's list. The main command, if any, is the last one until a reload adds others. The id
/// of a removed service is given to another one later ([`Action::Remove`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub usize);

/// What a process of a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its command.
    Run,
    /// Its finish script.
    Finish,
    /// A oneshot's `stop_command`.
    StopCommand,
}

impl Role {
    /// Returns the key that its program is configured by.
    pub fn key(self) -> &'static str {
        match self {
            Self::Run => "command",
            Self::Finish => "finish",
            Self::StopCommand => "stop_command",
        }
    }
}

/// What a probe is for (DESIGN §4: `wait_for`, `ready`, `health`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbePurpose {
    /// Whether this target of its `wait_for` is there.
    WaitFor(usize),
    /// Whether it is ready.
    Ready,
    /// Whether it is healthy.
    Health,
}

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// It passed.
    Pass,
    /// It failed or timed out: what was found, in words.
    Fail(String),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this.
    Code(u8),
    /// It was killed by this.
    Signal(Signal),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The boot is done: start what is wanted. The first event, once.
    Begin,
    /// Answer to [`Action::Spawn`]: the process exists (it may not have executed its program yet).
    Spawned {
        /// The service.
        id: Id,
        /// Its pid; it leads a session and process group of its own.
        pid: Pid,
    },
    /// Answer to [`Action::Spawn`], at once or after `Spawned` instead of `Executed`: no program was executed.
    /// After `Spawned` it stands for the end of that process too: no `Exited` follows.
    SpawnFailed {
        /// The service.
        id: Id,
        /// Why.
        why: SpawnError,
    },
    /// The process executed its program.
    Executed {
        /// The service.
        id: Id,
    },
    /// It notified that it is ready.
    Ready {
        /// The service.
        id: Id,
    },
    /// Its main process ended and was reaped.
    Exited {
        /// The service.
        id: Id,
        /// How.
        exit: Exit,
        /// Whether processes of its group are left: until [`Event::GroupGone`] the group may be signalled.
        group_left: bool,
    },
    /// The last process of its group is gone. Only after `Exited { group_left: true }`.
    GroupGone {
        /// The service.
        id: Id,
    },
    /// Answer to [`Action::Probe`], within the probe's own timeout.
    ProbeResult {
        /// The service.
        id: Id,
        /// What was found.
        result: ProbeResult,
    },
    /// It notified that it is alive (sd_notify(3), WATCHDOG=1).
    KeepAlive {
        /// The service.
        id: Id,
        /// From now on it does so at least this often (WATCHDOG_USEC); `None`: as before.
        within: Option<Duration>,
    },
    /// It notified that it has failed (sd_notify(3), WATCHDOG=trigger).
    WatchdogTrigger {
        /// The service.
        id: Id,
    },
    /// It requests more time to become ready, or to stop, from now on (sd_notify(3), EXTEND_TIMEOUT_USEC).
    ExtendTimeout {
        /// The service.
        id: Id,
        /// How much.
        by: Duration,
    },
    /// The clock has come to a time of a oneshot's `at`. One that runs, waits or is not wanted lets it pass.
    Due {
        /// The service.
        id: Id,
    },
    /// Answer to [`Action::Remove`], at any time later: nothing of the service is left, and no event names its id until another
    /// service has it.
    IdReleased {
        /// The id that is free.
        id: Id,
    },
    /// Answer to [`Action::Reread`], at any time later: the definitions were read, and what has changed was applied
    /// ([`Supervisor::reload`]), or they could not be.
    RereadEnded,
    /// A deadline may have passed.
    Tick,
    /// PID 1 got a signal that asks for an end (TERM, INT, QUIT, PWR, RTMIN+3; HUP with a terminal). A second one: everything is killed.
    StopSignal(Signal),
    /// PID 1 got another signal: it goes to the main command, if one runs.
    Forward(Signal),
    /// A request over the control socket.
    Request(Request),
}

impl Event {
    /// Returns which service it is about; `None`: the container.
    pub fn id(&self) -> Option<Id> {
        match self {
            Self::Spawned { id, .. } | Self::SpawnFailed { id, .. } | Self::Executed { id } | Self::Ready { id } => {
                Some(*id)
            }
            Self::Exited { id, .. }
            | Self::GroupGone { id }
            | Self::ProbeResult { id, .. }
            | Self::KeepAlive { id, .. } => Some(*id),
            Self::WatchdogTrigger { id }
            | Self::ExtendTimeout { id, .. }
            | Self::Due { id }
            | Self::IdReleased { id } => Some(*id),
            Self::Request(Request::Start(id) | Request::Stop(id) | Request::Restart(id)) => Some(*id),
            Self::Request(Request::Once { id, .. }) => Some(*id),
            Self::Begin
            | Self::RereadEnded
            | Self::Tick
            | Self::StopSignal(_)
            | Self::Forward(_)
            | Self::Request(Request::Shutdown { .. }) => None,
        }
    }
}

/// What can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// End the container, with this code if one is given (otherwise as DESIGN §8 has it).
    Shutdown {
        /// The requested code.
        code: Option<u8>,
    },
    /// Start it, and what it requires; at once if it pauses, once more if it is failed.
    Start(Id),
    /// Stop it, and first what requires it, until its start is requested. Not for the main command.
    Stop(Id),
    /// Stop it alone and start it again at once; start it if it is not there.
    Restart(Id),
    /// Do not start it again when its run ends (a longrun).
    Once {
        /// The service.
        id: Id,
        /// Whether it is started first if it is not there; otherwise a start that is still to come is cancelled.
        start: bool,
    },
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process; answered by `Spawned` or `SpawnFailed` before any other event.
    Spawn {
        /// The service.
        id: Id,
        /// Which.
        role: Role,
        /// How the command ended, for a finish script's arguments.
        after: Option<Exit>,
    },
    /// Send a signal. Only to a process or group that exists as far as the engine knows.
    Signal {
        /// The service.
        id: Id,
        /// The pid of the main process.
        pid: Pid,
        /// Its main process or the group.
        to: Target,
        /// Which.
        signal: Signal,
    },
    /// Run a probe; answered by `ProbeResult`. At most one for a service at a time.
    Probe {
        /// The service.
        id: Id,
        /// Which.
        purpose: ProbePurpose,
    },
    /// The leftovers of its group are no longer waited for: they continue, or cannot be killed. No `GroupGone` may come: it
    /// would be taken for the next run's.
    UntrackGroup {
        /// The service.
        id: Id,
        /// The pid of the main process, which has ended.
        pid: Pid,
    },
    /// Its probe is not wanted any more: no result may come, and a probe requested before this may not start.
    CancelProbe {
        /// The service.
        id: Id,
    },
    /// What feeds its standard input has ended, and the container stops: let it read the end of its input, at which it
    /// is expected to end by itself.
    EndInput {
        /// The service.
        id: Id,
    },
    /// From now on it is what a reload has made of it ([`Supervisor::reload`]).
    ApplyReload {
        /// The service.
        id: Id,
    },
    /// A reload has removed it, and it has ended. Its id is given to another service only after [`Event::IdReleased`]; until
    /// then nothing names it.
    Remove {
        /// The service.
        id: Id,
    },
    /// Read the definitions again, which services may have changed ([`RereadOrder::Before`]). At most once.
    Reread,
    /// Print what happened.
    Report(Report),
    /// The container ends; exactly once, last.
    Exit(u8),
}

/// Which processes get a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The main process alone.
    Process,
    /// Its whole process group.
    Group,
}

/// A line of `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its place.
    pub id: Id,
    /// Its name.
    pub name: ServiceName,
    /// The state as `status` shows it.
    pub state: StatusState,
    /// Whether it should run.
    pub wanted: bool,
    /// Its process, if there is one.
    pub pid: Option<Pid>,
    /// Since when it is in this state.
    pub since: EngineTime,
    /// How often it was started again after an end without a request.
    pub restarts: u32,
    /// How it last ended.
    pub last_exit: Option<Exit>,
    /// How long it ran then.
    pub last_ran: Option<Duration>,
    /// Why it is as it is.
    pub why: Option<StatusReason>,
    /// Whether its health check passes; `None`: not checked.
    pub healthy: Option<bool>,
}
