//! [`BootPlan`]: everything that a boot does, as plain values. Must not know how it is decided or done.

use std::ffi::OsString;
use std::path::PathBuf;

use super::facts::AccountFile;
use super::finding::Trouble;
use super::notice::Notice;
use super::owner::Owner;
use super::trust::Trust;
use crate::config::container::{HardLinks, LogFormat, OwnWhen};
use crate::config::values::{CapSet, Gid, ServiceName, Uid};

/// Everything that a boot does, in order.
#[derive(Clone, Debug)]
pub struct BootPlan {
    /// Which of DESIGN §2's modes the facts amount to.
    pub mode: Mode,
    /// Whom everything steps down to.
    pub identity: Identity,
    /// Who that is outside of a user namespace, in words.
    pub on_host: Option<String>,
    /// The steps before *prepare*, each with its verdict.
    pub steps: Vec<Planned>,
    /// Services that run before the drop, by name: root oneshots and the oneshots which they require.
    pub prepare: Vec<ServiceName>,
    /// What PID 1 keeps, and why.
    pub privilege: Privilege,
    /// How each service is run.
    pub services: Vec<ServicePlan>,
    /// How the main command is run, if there is one.
    pub main: Option<ServicePlan>,
    /// How lines are written, decided: never `Auto`.
    pub log: LogFormat,
    /// What the user should know and need not fix: PUID ignored, a uid clash, not PID 1.
    pub notices: Vec<Notice>,
}

/// Which of DESIGN §2's modes the facts amount to. A result, never a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// euid 0 with all that the plan needs.
    Root,
    /// euid 0, and something is missing: read-only root, capabilities, mapped ids.
    RootLimited,
    /// euid ≠ 0 with a passwd line.
    User,
    /// euid ≠ 0 without one.
    UserUnknown,
}

/// Whom everything steps down to (or already is).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// For USER and LOGNAME.
    pub name: String,
    /// User id.
    pub uid: Uid,
    /// Primary group; always also among `groups` (CVE-2022-2989 and its family).
    pub gid: Gid,
    /// Supplementary groups, sorted, without repeats.
    pub groups: Vec<Gid>,
    /// For HOME.
    pub home: PathBuf,
    /// For SHELL of nobody: only written to passwd.
    pub shell: PathBuf,
    /// File mode creation mask of services.
    pub umask: u32,
}

/// One step and its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What.
    pub step: Step,
    /// Whether.
    pub decision: Decision,
}

/// Whether a step is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It will be done.
    Do,
    /// Nothing is left to do; why in a few words ("already 1000:1000").
    AlreadyDone(String),
    /// It cannot be done.
    Skip(Trouble),
}

/// One thing that a boot does before it prepares and serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `PR_SET_CHILD_SUBREAPER`, where we are not PID 1.
    BecomeSubreaper,
    /// Replace an account file by these bytes.
    WriteAccounts {
        /// Which.
        file: AccountFile,
        /// The whole new file.
        contents: Vec<u8>,
        /// What differs, in words: "uid of app: 999 → 1000".
        changes: Vec<String>,
        /// How they come into the file.
        how: AccountWrite,
    },
    /// Make our own directory in the first of these that lets us.
    RuntimeDirectory {
        /// Best first.
        candidates: Vec<PathBuf>,
    },
    /// Make a directory with its owner and mode, and clean it.
    MakeDirectory(MakeDirectory),
    /// Establish ownership of a tree.
    Own(OwnTree),
    /// Let the app user reopen this standard descriptor (SECURITY fact 9).
    GiveStdio {
        /// 0, 1 or 2.
        fd: i32,
        /// How.
        how: GiveStdio,
    },
}

/// How an account file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountWrite {
    /// By a new file in its place: the old or the new one is there at every moment.
    Replace,
    /// By a line at its end, where no file can be made beside it (OpenShift: `/etc/passwd` is 0664 and `/etc` is root's).
    Append,
}

/// How a standard descriptor is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveStdio {
    /// A FIFO gets mode 0622: anybody may write, its owner keeps it.
    Mode0622,
    /// A terminal gets the app user as its owner.
    Owner(Uid),
}

/// A directory to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeDirectory {
    /// Absolute.
    pub path: PathBuf,
    /// Its owner.
    pub owner: Owner,
    /// Its mode.
    pub mode: u32,
    /// Patterns of leftovers to remove.
    pub clean: Vec<String>,
    /// Whether it is taken over whoever may have put it there.
    pub take_over: bool,
    /// What asks for it.
    pub declared_by: DeclaredBy,
}

/// What asks for a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredBy {
    /// A `[[directory]]` of the container file.
    Directory,
    /// An `[[own]]` of the container file.
    Own,
    /// `log.directory` of a service.
    Log,
}

/// A tree whose ownership is established, all names resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTree {
    /// Absolute.
    pub path: PathBuf,
    /// Who shall own it.
    pub owner: Owner,
    /// Whether what lies below is walked.
    pub recursive: bool,
    /// Whether a missing path is made.
    pub create: bool,
    /// Mode of files.
    pub mode: Option<u32>,
    /// Mode of directories.
    pub dir_mode: Option<u32>,
    /// When.
    pub when: OwnWhen,
    /// Whether a missing path is fine.
    pub optional: bool,
    /// Whether a path that the app user cannot use in the end stops the boot.
    pub required: bool,
    /// Whether mounts below are entered.
    pub cross_mounts: bool,
    /// Left alone, relative to `path`.
    pub exclude: Vec<PathBuf>,
    /// Files with more than one link.
    pub hard_links: HardLinks,
    /// Whether it is taken over whoever may have put it there.
    pub take_over: bool,
}

/// What PID 1 is after the drop (DESIGN §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// How far.
    pub drop: DropLevel,
    /// Kept in *permitted* only. Empty in the normal case.
    pub kept: CapSet,
    /// Whether no_new_privs is set on PID 1 (else in each child that does not opt out).
    pub no_new_privs: bool,
    /// The saved gid that services do not have; `None` where none can be had (user mode, one mapped gid).
    pub private_gid: Option<Gid>,
    /// What forces anything to be kept, by service: printed by report, `status` and `check`.
    pub reasons: Vec<String>,
}

/// How far PID 1 drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropLevel {
    /// To the app user.
    ToApp,
    /// Not at all: it stays root, each service still drops.
    StayRoot,
    /// It is not root to begin with.
    AlreadyUser,
    /// Root without SETUID or SETGID, and allowed to run on so.
    Powerless,
}

/// How one service (or the main command) is run: everything resolved, nothing looked up after the fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Its name.
    pub name: ServiceName,
    /// As whom.
    pub credentials: Credentials,
    /// The program as found, the path that is executed.
    pub program: PathBuf,
    /// Arguments, the first being the name.
    pub argv: Vec<OsString>,
    /// HOME, USER, LOGNAME of its user.
    pub home: PathBuf,
    /// See `home`.
    pub user: String,
    /// Not run in this mode, and why (`without_root = "skip"`).
    pub skipped: Option<Trouble>,
    /// Whose its `environment_file` may be.
    pub variables: Trust,
    /// What it gets of the container's environment.
    pub inherited: Inherited,
}

/// Ids and capabilities of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id, all three.
    pub uid: Uid,
    /// Group id, all three.
    pub gid: Gid,
    /// Supplementary groups; `None`: those of PID 1 after the drop, unchanged.
    pub groups: Option<Vec<Gid>>,
    /// Ambient capabilities (uid ≠ 0), or the whole set (uid 0 keeps what PID 1 has).
    pub ambient: CapSet,
    /// Whether no_new_privs is on in it.
    pub no_new_privs: bool,
}

/// What a service gets of the container's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// All of it.
    All,
    /// What [`super::inherited::names_code`] does not name, and this PATH.
    Safe {
        /// The directories of the container's PATH that nobody but root can write.
        path: OsString,
    },
}
