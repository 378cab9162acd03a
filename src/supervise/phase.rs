//! [`Phase`]: the states' names, and what each of them means to others. Must not know facts or transitions.

use std::fmt;

/// A state's name, finer than the words of `status`.
///
/// | phase | meaning | leaves it by |
/// |---|---|---|
/// | down | not wanted, or ended for good with success; no process | `Begin`; a request |
/// | waiting | wanted; something that it requires or is after is not there yet | each that it requires being up or done, each that it is after being that, failed or down; one that it requires failing |
/// | wait_for probing | wanted; a target of its `wait_for` is not there yet | its probe passing; a requirement failing |
/// | spawning | its process was requested | `Spawned`, `SpawnFailed` |
/// | starting | a process exists; it is not ready (a oneshot: not done) | readiness, its end, its ready timeout, a stop |
/// | up | ready | its end, a stop |
/// | stopping | was sent the stop signal, or killed | its end; KILL at its stop timeout |
/// | stopping group | the main process ended, leftovers of its group live and were signalled | `GroupGone`; KILL, and time after it |
/// | finish spawning | its finish script was requested | `Spawned`, `SpawnFailed` |
/// | finishing | its finish script runs | the script's end; KILL |
/// | unkillable | in the stop of the container: KILL did not end it in time, it is no longer waited for | its end, if it comes |
/// | backoff | it failed and pauses | time (`Due`, if it is scheduled); a requirement failing; a stop |
/// | failed | it will not be started again | a request |
/// | scheduled | a oneshot that runs at a time of day and has not run yet | its time (`Due`); a request; a stop |
/// | resting | a periodic or scheduled oneshot that succeeded | time (`Due`, if it is scheduled); a request; a stop |
/// | done | a oneshot that succeeded | a request; a stop, if it has a stop command |
/// | stop command spawning | its stop command is being spawned | `Spawned`, `SpawnFailed` |
/// | stop command running | its stop command runs | the command's end; KILL |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the table above
pub enum Phase {
    Down,
    Waiting,
    WaitForProbing,
    Spawning,
    Starting,
    Up,
    Stopping,
    StoppingGroup,
    FinishSpawning,
    Finishing,
    Unkillable,
    Backoff,
    Failed,
    Scheduled,
    Resting,
    Done,
    StopCommandSpawning,
    StopCommandRunning,
}

impl Phase {
    /// Every phase, in the order in which a service passes through them.
    pub const ALL: [Self; 18] = [
        Self::Down,
        Self::Waiting,
        Self::WaitForProbing,
        Self::Spawning,
        Self::Starting,
        Self::Up,
        Self::Stopping,
        Self::StoppingGroup,
        Self::FinishSpawning,
        Self::Finishing,
        Self::Unkillable,
        Self::Backoff,
        Self::Failed,
        Self::Scheduled,
        Self::Resting,
        Self::Done,
        Self::StopCommandSpawning,
        Self::StopCommandRunning,
    ];

    /// Returns the state that `status` shows for it (DESIGN §4).
    pub fn state(self) -> StatusState {
        match self {
            Self::Down => StatusState::Down,
            Self::Waiting | Self::WaitForProbing => StatusState::Waiting,
            Self::Spawning | Self::Starting => StatusState::Starting,
            Self::Up => StatusState::Up,
            Self::Stopping
            | Self::StoppingGroup
            | Self::Unkillable
            | Self::StopCommandSpawning
            | Self::StopCommandRunning => StatusState::Stopping,
            Self::FinishSpawning | Self::Finishing => StatusState::Finishing,
            Self::Backoff => StatusState::Backoff,
            Self::Failed => StatusState::Failed,
            Self::Scheduled => StatusState::Scheduled,
            Self::Resting | Self::Done => StatusState::Done,
        }
    }

    /// Returns the name that `status` has for it.
    pub fn name(self) -> &'static str {
        self.state().name()
    }

    /// Whether what requires it may start, as far as it goes.
    pub(super) fn satisfies_requires(self) -> bool {
        match self {
            Self::Up | Self::Scheduled | Self::Resting | Self::Done => true,
            Self::Down | Self::Waiting | Self::WaitForProbing | Self::Spawning | Self::Starting => false,
            Self::Stopping | Self::StoppingGroup | Self::FinishSpawning | Self::Finishing | Self::Unkillable => false,
            Self::Backoff | Self::Failed | Self::StopCommandSpawning | Self::StopCommandRunning => false,
        }
    }

    /// Whether what requires it can never start: it will not be up or done by itself.
    pub(super) fn cannot_satisfy(self) -> bool {
        match self {
            Self::Down | Self::Failed => true,
            Self::Waiting | Self::WaitForProbing | Self::Spawning | Self::Starting | Self::Up | Self::Stopping => false,
            Self::StoppingGroup | Self::FinishSpawning | Self::Finishing | Self::Unkillable | Self::Backoff => false,
            Self::Scheduled | Self::Resting | Self::Done => false,
            Self::StopCommandSpawning | Self::StopCommandRunning => false,
        }
    }

    /// Whether what is after it may start, as far as it goes.
    pub(super) fn satisfies_after(self) -> bool {
        self.satisfies_requires() || self.cannot_satisfy()
    }

    /// Whether a process exists, or was requested, that is waited for.
    pub(super) fn has_process(self) -> bool {
        match self {
            Self::Spawning | Self::Starting | Self::Up | Self::Stopping | Self::StoppingGroup => true,
            Self::FinishSpawning | Self::Finishing | Self::StopCommandSpawning | Self::StopCommandRunning => true,
            Self::Down | Self::Waiting | Self::WaitForProbing | Self::Unkillable | Self::Backoff => false,
            Self::Failed | Self::Scheduled | Self::Resting | Self::Done => false,
        }
    }

    /// Whether it is up, or something will happen to it by itself.
    pub(super) fn may_change(self) -> bool {
        match self {
            Self::Waiting | Self::WaitForProbing | Self::Backoff | Self::Scheduled | Self::Resting => true,
            Self::Down | Self::Unkillable | Self::Failed | Self::Done => false,
            Self::Spawning | Self::Starting | Self::Up | Self::Stopping | Self::StoppingGroup => true,
            Self::FinishSpawning | Self::Finishing | Self::StopCommandSpawning | Self::StopCommandRunning => true,
        }
    }
}

/// A state as `status` shows it: several phases can share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the words of `status`
pub enum StatusState {
    #[default]
    Down,
    Waiting,
    Starting,
    Up,
    Stopping,
    Finishing,
    Backoff,
    Failed,
    Scheduled,
    Done,
}

impl StatusState {
    /// Every state, in the order in which a service passes through them.
    pub const ALL: [Self; 10] = [
        Self::Down,
        Self::Waiting,
        Self::Starting,
        Self::Up,
        Self::Stopping,
        Self::Finishing,
        Self::Backoff,
        Self::Failed,
        Self::Scheduled,
        Self::Done,
    ];

    /// Returns the name that is printed for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Stopping => "stopping",
            Self::Finishing => "finishing",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Scheduled => "scheduled",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for StatusState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
