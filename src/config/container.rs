//! [`Container`]: the settings of the container (`/etc/stepdown.toml` and the environment), with every default filled in.
//! Must not know files or formats.

use std::path::PathBuf;
use std::time::Duration;

use super::probe::Health;
use super::service::{Ready, RunAs, Stop};
use super::success_codes::SuccessCodes;
pub use super::values::LogFormat;
use super::values::{Gid, GroupName, GroupRef, ServiceName, Signal, Uid, UserName};
use crate::error::Place;

/// The whole stop; Docker kills at 10 s (DESIGN §8).
pub const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// The container file and the environment, merged: the environment wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// How far PID 1 drops.
    pub drop: DropPolicy,
    /// Whether it starts under `--user`.
    pub without_root: OnMissingPrivilege,
    /// Whether it continues as root without SETUID/SETGID (`STEPDOWN_WITHOUT_DROP`).
    pub without_drop: OnMissingPrivilege,
    /// The budget of the whole stop (`STEPDOWN_STOP_TIMEOUT`).
    pub stop_timeout: Duration,
    /// Whether services get a seccomp filter that keeps them from changing PID 1's limits and priorities.
    pub pid1_filter: bool,
    /// The log format of services.
    pub log: LogFormat,
    /// The level of our own messages (`STEPDOWN_LOG`).
    pub level: Level,
    /// Whether the image was made for s6-overlay; `None`: its directories tell.
    pub s6: Option<bool>,
    /// The app user.
    pub app: App,
    /// Ownership to establish at boot.
    pub own: Vec<Own>,
    /// Directories to create at boot.
    pub directories: Vec<Directory>,
    /// Trusted paths: their programs may have more rights than the users who can write them.
    pub trust: Vec<PathBuf>,
    /// Signals that PID 1 forwards to a service instead of the main command.
    pub signals: Vec<SignalRule>,
    /// Variables whose values are in files, by name.
    pub secrets: Vec<Secret>,
    /// How the main command is run, if there is one.
    pub main: MainCommand,
}

/// A variable whose value is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What names the file.
    pub named_by: NamedBy,
    /// Whether `[secrets]` lists it: then only services that ask for it get it.
    pub is_listed: bool,
}

/// What names the file of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The container file, there.
    ContainerFile(Place),
    /// This variable.
    Variable(String),
}

impl NamedBy {
    /// Returns whether it is the container file.
    pub fn is_container_file(&self) -> bool {
        matches!(self, Self::ContainerFile(_))
    }
}

/// `[main]`: the keys of a service, for the main command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainCommand {
    /// The place of the table; `None`: there is none.
    pub at: Option<Place>,
    /// The user.
    pub user: RunAs,
    /// Exit codes that make the container end with 0; 128+n means signal n, as with tini's `-e`.
    pub success_codes: SuccessCodes,
    /// How it is stopped.
    pub stop: Stop,
    /// Whether it is stopped with the signal that PID 1 received, because `stop.signal` is not set.
    pub forwards_stop_signal: bool,
    /// The place of `stop.timeout`.
    pub stop_timeout_at: Option<Place>,
    /// Its readiness check.
    pub ready: Ready,
    /// Its health check; never with a restart, because its exit ends the container.
    pub health: Option<Health>,
    /// The secrets that it asks for; `None`: it asks for none in particular.
    pub secrets: Option<Vec<String>>,
}

impl Default for MainCommand {
    /// Returns a command of the app user that is stopped by a signal to its main process only, as tini does.
    fn default() -> Self {
        Self {
            at: None,
            user: RunAs::App,
            success_codes: SuccessCodes::default(),
            stop: Stop { signal: Signal::TERM, timeout: None, group: false },
            forwards_stop_signal: true,
            stop_timeout_at: None,
            ready: Ready::Executed,
            health: None,
            secrets: None,
        }
    }
}

/// `[signals]`: one signal that PID 1 forwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRule {
    /// The signal that PID 1 receives.
    pub from: Signal,
    /// The service that gets it.
    pub service: ServiceName,
    /// The signal that is sent.
    pub to: Signal,
    /// Where it is declared.
    pub at: Place,
}

/// How far PID 1 drops (DESIGN §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropPolicy {
    /// Keeps exactly what the declared services need.
    Auto,
    /// Keeps nothing; a service that needs more is an error.
    App,
    /// PID 1 stays root; each service still drops.
    Root,
}

impl DropPolicy {
    /// Returns the user of everything in an image made for s6-overlay.
    pub fn s6_user(self) -> RunAs {
        match self {
            Self::App => RunAs::App,
            Self::Auto | Self::Root => RunAs::Root,
        }
    }
}

/// Whether to continue or to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissingPrivilege {
    /// Continues and reports what is lost.
    Run,
    /// Does not start.
    Refuse,
}

/// The level of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A service is not restarted, or the container stops.
    Error,
    /// Something was skipped or will be retried.
    Warn,
    /// A service changed state.
    Info,
    /// Each event and action.
    Debug,
}

/// The app user as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name; default `app`.
    pub user: UserName,
    /// Its group's name; default: the user's name.
    pub group: GroupName,
    /// `PUID` (or an alias) if set, with its place for problems.
    pub env_uid: Option<VariableValue<Uid>>,
    /// `PGID` (or an alias) if set.
    pub env_gid: Option<VariableValue<Gid>>,
    /// The container file's `uid`.
    pub uid: Option<Uid>,
    /// The container file's `gid`.
    pub gid: Option<Gid>,
    /// Its home; `None`: the account's own, otherwise `/`.
    pub home: Option<PathBuf>,
    /// Its shell; `None`: the account's own, otherwise `/sbin/nologin`.
    pub shell: Option<PathBuf>,
    /// More groups.
    pub groups: Vec<GroupRef>,
    /// Paths whose owning groups it joins.
    pub device_groups: Vec<PathBuf>,
    /// Whether uid or gid 0 is accepted.
    pub allow_root: bool,
    /// `UMASK`, otherwise the container file's; `None`: as inherited.
    pub umask: Option<u32>,
    /// The place of `user` or `group`, for problems.
    pub at: Place,
}

/// A value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableValue<T> {
    /// The value.
    pub value: T,
    /// The variable.
    pub at: Place,
}

/// `[[own]]`: a path whose owner is established at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Absolute, without `..`, not one of the refused ones.
    pub path: PathBuf,
    /// `None`: the app user.
    pub user: Option<UserRef>,
    /// `None`: the app user's group (or the named user's).
    pub group: Option<GroupRef>,
    /// How its owner is established.
    pub options: OwnOptions,
    /// Where it is declared.
    pub at: Place,
}

/// How the owner of an `[[own]]` path is established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOptions {
    /// Whether the tree below is walked.
    pub recursive: bool,
    /// Whether a missing path is created, as a directory.
    pub create: bool,
    /// Mode of files; `None`: not changed.
    pub mode: Option<u32>,
    /// Mode of directories; `None`: not changed.
    pub dir_mode: Option<u32>,
    /// When owners are changed.
    pub when: OwnWhen,
    /// Whether the path may be missing.
    pub optional: bool,
    /// Whether a path that the app user cannot use in the end stops the boot.
    pub required: bool,
    /// Whether mounts below are entered.
    pub cross_mounts: bool,
    /// Names or paths relative to `path` that are not changed, with everything below them.
    pub exclude: Vec<PathBuf>,
    /// What happens to files with more than one link.
    pub hard_links: HardLinks,
    /// Whether its owner is changed although another user may have moved a file there.
    pub take_over: bool,
    /// What follows if its user or group is in no account file.
    pub unknown_owner: UnknownOwner,
}

/// What follows if the user or group of an `[[own]]` is in no account file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownOwner {
    /// The container does not start.
    Refuse,
    /// The tree is left as it is, which is reported (`fix-attrs.d`).
    Skip,
    /// These ids are its owner (`fix-attrs.d`).
    Ids(Uid, Gid),
}

impl Default for OwnOptions {
    fn default() -> Self {
        Self {
            recursive: true,
            create: false,
            mode: None,
            dir_mode: None,
            when: OwnWhen::Mismatch,
            optional: false,
            required: false,
            cross_mounts: false,
            exclude: Vec::new(),
            hard_links: HardLinks::SameOwner,
            take_over: false,
            unknown_owner: UnknownOwner::Refuse,
        }
    }
}

/// A user by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// Looked up in `/etc/passwd`.
    Name(UserName),
    /// As it is.
    Id(Uid),
}

/// When an `[[own]]` path is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnWhen {
    /// Walk, and set modes also if they are right already; a no-op chown is never issued.
    Always,
    /// Stat first, change only what is wrong.
    Mismatch,
    /// If the top is right, do not walk.
    RootMismatch,
    /// Only checked.
    Never,
}

impl OwnWhen {
    /// Returns whether the boot may change the owner.
    pub fn may_change(self) -> bool {
        match self {
            Self::Always | Self::Mismatch | Self::RootMismatch => true,
            Self::Never => false,
        }
    }
}

/// What happens to files with more than one link (SECURITY 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HardLinks {
    /// Changed only if their owner is not root and is the owner that the declared top had before the walk.
    SameOwner,
    /// Never changed.
    Refuse,
    /// Changed like any other.
    Allow,
}

/// `[[directory]]`: created at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Absolute, without `..`, not one of the refused ones.
    pub path: PathBuf,
    /// `None`: the app user.
    pub user: Option<UserRef>,
    /// `None`: the app user's group (or the named user's).
    pub group: Option<GroupRef>,
    /// Default 0755.
    pub mode: u32,
    /// Names with `*` and `?`; matching leftovers of an earlier boot directly below are removed.
    pub clean: Vec<String>,
    /// As in [`Own`].
    pub take_over: bool,
    /// Where it is declared.
    pub at: Place,
}
