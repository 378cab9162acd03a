//! Which (state, event) pairs there are: counted over the simulations, and the table that they are compared with.

use std::collections::BTreeMap;

use stepdown::supervise::{Event, Id, Phase, Request};

/// An event without its facts, but for those that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Begin,
    Spawned,
    SpawnFailed,
    Executed,
    Ready,
    ExitedAlone,
    ExitedLeavingOthers,
    GroupGone,
    Tick,
    StopSignal,
    StopSignalAgain,
    Forward,
    Shutdown,
    Start,
    Stop,
    Restart,
    Once,
    ProbeResult,
    KeepAlive,
    WatchdogTrigger,
    ExtendTimeout,
    Due,
    Reload,
    RereadEnded,
    IdReleased,
}

impl Kind {
    pub const ALL: [Self; 25] = [
        Self::Begin,
        Self::Spawned,
        Self::SpawnFailed,
        Self::Executed,
        Self::Ready,
        Self::ExitedAlone,
        Self::ExitedLeavingOthers,
        Self::GroupGone,
        Self::Tick,
        Self::StopSignal,
        Self::StopSignalAgain,
        Self::Forward,
        Self::Shutdown,
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Once,
        Self::ProbeResult,
        Self::KeepAlive,
        Self::WatchdogTrigger,
        Self::ExtendTimeout,
        Self::Due,
        Self::Reload,
        Self::RereadEnded,
        Self::IdReleased,
    ];

    /// Returns what kind of event it is, after so many stop signals.
    pub fn of_event(event: &Event, signalled: u32) -> Self {
        match event {
            Event::Begin => Self::Begin,
            Event::Spawned { .. } => Self::Spawned,
            Event::SpawnFailed { .. } => Self::SpawnFailed,
            Event::Executed { .. } => Self::Executed,
            Event::Ready { .. } => Self::Ready,
            Event::Exited { group_left: false, .. } => Self::ExitedAlone,
            Event::Exited { group_left: true, .. } => Self::ExitedLeavingOthers,
            Event::GroupGone { .. } => Self::GroupGone,
            Event::Tick => Self::Tick,
            Event::StopSignal(_) if signalled == 0 => Self::StopSignal,
            Event::StopSignal(_) => Self::StopSignalAgain,
            Event::Forward(_) => Self::Forward,
            Event::Request(Request::Shutdown { .. }) => Self::Shutdown,
            Event::Request(Request::Start(_)) => Self::Start,
            Event::Request(Request::Stop(_)) => Self::Stop,
            Event::Request(Request::Restart(_)) => Self::Restart,
            Event::Request(Request::Once { .. }) => Self::Once,
            Event::ProbeResult { .. } => Self::ProbeResult,
            Event::KeepAlive { .. } => Self::KeepAlive,
            Event::WatchdogTrigger { .. } => Self::WatchdogTrigger,
            Event::ExtendTimeout { .. } => Self::ExtendTimeout,
            Event::Due { .. } => Self::Due,
            Event::IdReleased { .. } => Self::IdReleased,
            Event::RereadEnded => Self::RereadEnded,
        }
    }

    /// Returns the service that it is about; `None`: all.
    pub fn service(event: &Event) -> Option<Id> {
        match event {
            Event::Spawned { id, .. } | Event::SpawnFailed { id, .. } | Event::Executed { id } => Some(*id),
            Event::Ready { id } | Event::Exited { id, .. } | Event::GroupGone { id } => Some(*id),
            Event::ProbeResult { id, .. } | Event::KeepAlive { id, .. } | Event::ExtendTimeout { id, .. } => Some(*id),
            Event::WatchdogTrigger { id } | Event::Due { id } | Event::IdReleased { id } => Some(*id),
            Event::Request(Request::Start(id) | Request::Stop(id) | Request::Restart(id)) => Some(*id),
            Event::Request(Request::Once { id, .. }) => Some(*id),
            Event::Begin | Event::RereadEnded | Event::Tick | Event::StopSignal(_) | Event::Forward(_) => None,
            Event::Request(Request::Shutdown { .. }) => None,
        }
    }
}

/// How often each transition was seen.
#[derive(Clone, Debug, Default)]
pub struct Reached(pub BTreeMap<(Phase, Kind, Phase), u64>);

impl Reached {
    pub fn record(&mut self, old: Phase, kind: Kind, new: Phase) {
        *self.0.entry((old, kind, new)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// Returns how often the event found a service in that state.
    pub fn pair(&self, old: Phase, kind: Kind) -> u64 {
        Phase::ALL.iter().filter_map(|new| self.0.get(&(old, kind, *new))).sum()
    }
}

/// Returns why the event cannot find a service in that state; `None` where it can.
pub fn impossible(phase: Phase, kind: Kind) -> Option<&'static str> {
    use Phase::*;
    let unanswered = matches!(phase, Spawning | FinishSpawning | StopCommandSpawning);
    let idle = matches!(phase, Down | Waiting | WaitForProbing | Backoff | Failed | Scheduled | Resting | Done);
    match kind {
        Kind::Begin => {
            (phase != Down).then_some("Begin is the first event, but for requests to stop; all is down then")
        }
        Kind::Spawned => (!unanswered).then_some("it only answers a Spawn, at once"),
        Kind::SpawnFailed => match phase {
            Spawning | FinishSpawning | StopCommandSpawning | Starting | Stopping | Finishing | StopCommandRunning
            | Unkillable => None,
            Up => Some("only a program that was executed can say that it is ready"),
            StoppingGroup => Some("what has left others behind was executed"),
            _ => Some("no process is there that could still execute"),
        },
        Kind::Executed => match phase {
            Starting | Up | Stopping | Finishing | StopCommandRunning | Unkillable => None,
            StoppingGroup => Some("a process is not reaped before its exec was seen"),
            _ if unanswered => Some("Spawned comes first"),
            _ => Some("no process is there"),
        },
        Kind::Ready => match phase {
            Starting | Up | Stopping | StoppingGroup | Unkillable => None,
            Finishing | StopCommandRunning => Some("neither script has a descriptor to say it with"),
            _ if unanswered => Some("Spawned comes first"),
            _ => Some("no process is there"),
        },
        Kind::ExitedAlone | Kind::ExitedLeavingOthers => match phase {
            Starting | Up | Stopping | Finishing | StopCommandRunning | Unkillable => None,
            StoppingGroup => Some("its main process has ended already"),
            _ if unanswered => Some("Spawned comes first"),
            _ => Some("no process is there"),
        },
        Kind::GroupGone => match phase {
            StoppingGroup | Unkillable => None,
            Starting | Up | Stopping | Finishing | StopCommandRunning => {
                Some("it only follows Exited { group_left: true }")
            }
            _ if unanswered => Some("Spawned comes first"),
            _ => Some("no process is there"),
        },
        Kind::ProbeResult => match phase {
            WaitForProbing | Starting | Up => None,
            _ => Some("no probe is under way then"),
        },
        Kind::KeepAlive | Kind::WatchdogTrigger | Kind::ExtendTimeout if idle => Some("no process is there"),
        Kind::KeepAlive | Kind::WatchdogTrigger | Kind::ExtendTimeout
            if matches!(phase, Finishing | StopCommandRunning | StoppingGroup) =>
        {
            Some("only notifications of the main process of a command count")
        }
        Kind::IdReleased => (!matches!(phase, Down | Failed)).then_some("only what has ended gives up its place"),
        _ if unanswered => Some("a Spawn is answered before any other event"),
        Kind::Due => None,
        Kind::Tick | Kind::StopSignal | Kind::Forward | Kind::Shutdown => None,
        Kind::Reload | Kind::RereadEnded => {
            (phase == Unkillable).then_some("nothing is reloaded while the container stops")
        }
        Kind::Once => None,
        Kind::Start | Kind::Stop | Kind::Restart | Kind::KeepAlive | Kind::WatchdogTrigger | Kind::ExtendTimeout => {
            None
        }
        Kind::StopSignalAgain if unanswered => Some("a Spawn is answered before any other event"),
        Kind::StopSignalAgain => matches!(phase, Waiting | WaitForProbing | Backoff | Scheduled | Resting)
            .then_some("the first one has cancelled what had not started"),
    }
}
