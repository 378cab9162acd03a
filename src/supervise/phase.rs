//! [`Phase`]: the states' names, and what each of them means to others. Must not know facts or transitions.

/// A state's name, finer than the words of `status`.
///
/// | phase | meaning | leaves it by |
/// |---|---|---|
/// | down | not wanted, or ended for good with success; no process | `Begin` |
/// | waiting | wanted; something that it requires or is after is not there yet | the last of these arriving, or one it requires being lost |
/// | spawning | its process was asked for | `Spawned`, `SpawnFailed` |
/// | starting | a process exists; it is not ready (a oneshot: not done) | readiness, its end, its ready timeout, a stop |
/// | up | ready | its end, a stop |
/// | stopping | told to stop, or killed | its end; KILL when patience is over |
/// | draining | the first process ended, others of its group live and were told to stop | `GroupGone`; KILL |
/// | finish spawning | its finish script was asked for | `Spawned`, `SpawnFailed` |
/// | finishing | its finish script runs | the script's end; KILL |
/// | lost | in the stop of the container: KILL did not end it in time, nobody waits for it any more | its end, if it comes |
/// | backoff | it failed and pauses | time; a requirement being lost; a stop |
/// | failed | it will not be started again | never |
/// | done | a oneshot that succeeded | never |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the table above
pub enum Phase {
    Down,
    Waiting,
    Spawning,
    Starting,
    Up,
    Stopping,
    Draining,
    FinishSpawning,
    Finishing,
    Lost,
    Backoff,
    Failed,
    Done,
}

impl Phase {
    /// Every phase, in the order of a life.
    pub const ALL: [Self; 13] = [
        Self::Down,
        Self::Waiting,
        Self::Spawning,
        Self::Starting,
        Self::Up,
        Self::Stopping,
        Self::Draining,
        Self::FinishSpawning,
        Self::Finishing,
        Self::Lost,
        Self::Backoff,
        Self::Failed,
        Self::Done,
    ];

    /// Returns the word that `status` has for it (DESIGN §4).
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Waiting => "waiting",
            Self::Spawning | Self::Starting => "starting",
            Self::Up => "up",
            Self::Stopping | Self::Draining | Self::Lost => "stopping",
            Self::FinishSpawning | Self::Finishing => "finishing",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    /// Whether what requires it may start.
    pub(super) fn met(self) -> bool {
        match self {
            Self::Up | Self::Done => true,
            Self::Down | Self::Waiting | Self::Spawning | Self::Starting | Self::Stopping | Self::Draining => false,
            Self::FinishSpawning | Self::Finishing | Self::Lost | Self::Backoff | Self::Failed => false,
        }
    }

    /// Whether what requires it never may.
    pub(super) fn hopeless(self) -> bool {
        match self {
            Self::Down | Self::Failed => true,
            Self::Waiting | Self::Spawning | Self::Starting | Self::Up | Self::Stopping | Self::Draining => false,
            Self::FinishSpawning | Self::Finishing | Self::Lost | Self::Backoff | Self::Done => false,
        }
    }

    /// Whether what is after it may start.
    pub(super) fn settled(self) -> bool {
        self.met() || self.hopeless()
    }

    /// Whether a process exists, or was asked for, that somebody waits for.
    pub(super) fn alive(self) -> bool {
        match self {
            Self::Spawning | Self::Starting | Self::Up | Self::Stopping | Self::Draining => true,
            Self::FinishSpawning | Self::Finishing => true,
            Self::Down | Self::Waiting | Self::Lost | Self::Backoff | Self::Failed | Self::Done => false,
        }
    }

    /// Whether it is up, or something will happen to it by itself.
    pub(super) fn active(self) -> bool {
        match self {
            Self::Waiting | Self::Backoff => true,
            Self::Down | Self::Lost | Self::Failed | Self::Done => false,
            Self::Spawning | Self::Starting | Self::Up | Self::Stopping | Self::Draining => true,
            Self::FinishSpawning | Self::Finishing => true,
        }
    }
}
