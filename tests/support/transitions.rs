//! Which (state, event) pairs there are: counted over the random worlds, and the table that they are compared with.

use std::collections::BTreeMap;

use stepdown::supervise::{Event, Id, Phase};

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
    Ask,
}

impl Kind {
    pub const ALL: [Self; 13] = [
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
        Self::Ask,
    ];

    /// Returns what kind of event it is, after so many stop signals.
    pub fn of(event: &Event, signalled: u32) -> Self {
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
            Event::Ask(_) => Self::Ask,
        }
    }

    /// Returns the service that it is about; `None`: all.
    pub fn whose(event: &Event) -> Option<Id> {
        match event {
            Event::Spawned { id, .. } | Event::SpawnFailed { id, .. } | Event::Executed { id } => Some(*id),
            Event::Ready { id } | Event::Exited { id, .. } | Event::GroupGone { id } => Some(*id),
            Event::Begin | Event::Tick | Event::StopSignal(_) | Event::Forward(_) | Event::Ask(_) => None,
        }
    }
}

/// How often each transition was seen.
#[derive(Clone, Debug, Default)]
pub struct Reached(pub BTreeMap<(Phase, Kind, Phase), u64>);

impl Reached {
    pub fn note(&mut self, old: Phase, kind: Kind, new: Phase) {
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
    let unanswered = matches!(phase, Spawning | FinishSpawning);
    match kind {
        Kind::Begin => {
            (phase != Down).then_some("Begin is the first event, but for requests to stop; all is down then")
        }
        Kind::Spawned => (!unanswered).then_some("it only answers a Spawn, at once"),
        Kind::SpawnFailed => match phase {
            Spawning | FinishSpawning | Starting | Stopping | Finishing | Lost => None,
            Up => Some("only a program that was executed can say that it is ready"),
            Draining => Some("what has left others behind was executed"),
            Down | Waiting | Backoff | Failed | Done => Some("no process is there that could still execute"),
        },
        Kind::Executed => match phase {
            Starting | Up | Stopping | Finishing | Lost => None,
            Spawning | FinishSpawning => Some("Spawned comes first"),
            Draining => Some("a process is not reaped before its exec was seen"),
            Down | Waiting | Backoff | Failed | Done => Some("no process is there"),
        },
        Kind::Ready => match phase {
            Starting | Up | Stopping | Draining | Lost => None,
            Spawning | FinishSpawning => Some("Spawned comes first"),
            Finishing => Some("a finish script has no descriptor to say it with"),
            Down | Waiting | Backoff | Failed | Done => Some("no process is there"),
        },
        Kind::ExitedAlone | Kind::ExitedLeavingOthers => match phase {
            Starting | Up | Stopping | Finishing | Lost => None,
            Spawning | FinishSpawning => Some("Spawned comes first"),
            Draining => Some("its first process has ended already"),
            Down | Waiting | Backoff | Failed | Done => Some("no process is there"),
        },
        Kind::GroupGone => match phase {
            Draining | Lost => None,
            Starting | Up | Stopping | Finishing => Some("it only follows Exited { group_left: true }"),
            Spawning | FinishSpawning => Some("Spawned comes first"),
            Down | Waiting | Backoff | Failed | Done => Some("no process is there"),
        },
        Kind::Tick | Kind::StopSignal | Kind::Forward | Kind::Ask if unanswered => {
            Some("a Spawn is answered before any other event")
        }
        Kind::Tick | Kind::StopSignal | Kind::Forward | Kind::Ask => None,
        Kind::StopSignalAgain if unanswered => Some("a Spawn is answered before any other event"),
        Kind::StopSignalAgain => {
            matches!(phase, Waiting | Backoff).then_some("the first one has cancelled what had not started")
        }
    }
}
