//! [`BootPlan`]: everything that a boot does, as plain values. Must not know how it is decided or done.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::facts::AccountFile;
use super::finding::Issue;
use super::login::Login;
use super::notice::Notice;
use super::owner::Owner;
use super::trusted_writers::TrustedWriters;
use crate::config::container::{LogFormat, OwnOptions};
use crate::config::s6_overlay::{OverlayVersion, S6Origin};
use crate::config::service::Service;
use crate::config::values::{CapSet, Gid, ServiceName, Uid};
use crate::error::Problem;

/// Everything that a boot does, in order.
#[derive(Clone, Debug)]
pub struct BootPlan {
    /// The mode of DESIGN §2 that follows from the facts.
    pub mode: Mode,
    /// The app user: PID 1 and services run as it after the step down.
    pub identity: Identity,
    /// The app user outside of a user namespace, in words.
    pub on_host: Option<String>,
    /// The steps before *prepare*, each with its decision.
    pub steps: Vec<PlannedStep>,
    /// Services that run before the drop, by name: root oneshots and the oneshots which they require.
    pub prepare: Vec<ServiceName>,
    /// The privilege that PID 1 keeps, and why.
    pub privilege: Privilege,
    /// How each service is run.
    pub services: Vec<Rc<ServicePlan>>,
    /// How the main command is run, if there is one.
    pub main: Option<Rc<ServicePlan>>,
    /// The log format; never `Auto`.
    pub log: LogFormat,
    /// What the user should know and need not fix: PUID ignored, a uid clash, not PID 1.
    pub notices: Vec<Notice>,
}

/// The mode of DESIGN §2 that follows from the facts. A result, never a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// euid 0 with everything that the plan needs.
    Root,
    /// euid 0, and something is missing: read-only root, capabilities, mapped ids.
    RootLimited,
    /// euid ≠ 0 with a passwd line.
    User,
    /// euid ≠ 0 without one.
    UserUnknown,
}

/// The app user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// For USER and LOGNAME.
    pub name: String,
    /// User id.
    pub uid: Uid,
    /// Primary group; always also in `groups` (CVE-2022-2989 and similar).
    pub gid: Gid,
    /// Supplementary groups, sorted, without repeats.
    pub groups: Vec<Gid>,
    /// For HOME.
    pub home: PathBuf,
    /// Only for passwd, not for SHELL.
    pub shell: PathBuf,
    /// File mode creation mask of services.
    pub umask: u32,
}

#[cfg(test)]
impl Identity {
    /// Returns the app user of unit tests.
    pub fn of_tests() -> Self {
        let (uid, gid) = (Uid(1000), Gid(1000));
        let (home, shell) = ("/".into(), "/".into());
        Self { name: "app".into(), uid, gid, groups: vec![gid], home, shell, umask: 0o022 }
    }
}

/// One step and the decision about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// Whether it is done.
    pub decision: Decision,
}

/// Whether a step is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It will be done.
    Perform,
    /// There is nothing to do; the reason in a few words ("already 1000:1000").
    AlreadyDone(String),
    /// It cannot be done.
    Skip(Issue),
}

/// One step of a boot before *prepare*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `PR_SET_CHILD_SUBREAPER`, if we are not PID 1.
    BecomeSubreaper,
    /// Replace an account file by these bytes.
    WriteAccounts {
        /// The file.
        file: AccountFile,
        /// The whole new file.
        contents: Vec<u8>,
        /// The changes, in words: "uid of app: 999 → 1000".
        changes: Vec<String>,
        /// How the file is changed.
        how: AccountWrite,
    },
    /// Create the runtime directory at the first of these that is possible.
    RuntimeDirectory {
        /// The preferred one first.
        candidates: Vec<PathBuf>,
    },
    /// Create what scripts written for s6-overlay look for at run time.
    S6Layout(S6Layout),
    /// Read a secret into PID 1's memory.
    ReadSecret(ReadSecret),
    /// Create a directory with its owner and mode, and remove leftovers in it.
    MakeDirectory(MakeDirectory),
    /// Establish ownership of a tree.
    Own(OwnTree),
    /// Allow the app user to reopen this standard descriptor (SECURITY fact 9).
    SetStdioAccess {
        /// 0, 1 or 2.
        fd: i32,
        /// What to change.
        access: StdioAccess,
    },
}

/// How an account file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountWrite {
    /// Replaced atomically by a new file.
    Replace,
    /// A line is appended, if no file can be created next to it (OpenShift: `/etc/passwd` is 0664 and `/etc` is root's).
    Append,
}

/// How the app user gets access to a standard descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdioAccess {
    /// A FIFO gets mode 0622: everybody may write, its owner stays.
    Mode0622,
    /// A terminal gets the app user as its owner.
    Owner(Uid),
}

/// A secret to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSecret {
    /// The variable.
    pub name: String,
    /// The file with its value.
    pub path: PathBuf,
    /// Who reads it.
    pub reader: SecretReader,
    /// Whether the container does not start without it.
    pub is_required: bool,
}

/// With whose rights a secret is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretReader {
    /// PID 1's own.
    PidOne,
    /// The app user's: others than root could lead root to any file.
    App,
}

/// A directory to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeDirectory {
    /// Its absolute path.
    pub path: PathBuf,
    /// Its owner.
    pub owner: Owner,
    /// Its mode.
    pub mode: u32,
    /// Patterns of leftovers to remove.
    pub clean: Vec<String>,
    /// Whether its owner is changed even if another user may have put it there.
    pub take_over: bool,
    /// Where it is declared.
    pub declared_by: DeclaredBy,
}

/// The run-time state of s6-overlay that its scripts look for (FIELD §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S6Layout {
    /// Where it lies.
    pub base: S6Base,
    /// Its owner: the user of the scripts.
    pub owner: Owner,
    /// Whether `/run` itself becomes that user's, with mode 0755, so that nobody else can replace what root's scripts read.
    pub take_run: bool,
    /// Whether `/var/run` becomes a link to `/run`.
    pub link_var_run: bool,
    /// Whether services get the whole environment, and there is no directory of its variables.
    pub keep_env: bool,
    /// PATH of scripts with more rights than the app user: without the directories that others than root may write. `None`:
    /// the container's.
    pub path: Option<OsString>,
    /// Secrets that become variables of the container environment, by name: no script of the image does it.
    pub secrets: Vec<String>,
    /// The services that have a directory of their own.
    pub services: Vec<S6Directory>,
    /// Which version's paths there are.
    pub version: OverlayVersion,
}

/// Where the state of s6-overlay lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S6Base {
    /// In `/run`, as scripts expect.
    Run,
    /// In the runtime directory, where only our own commands find it.
    RuntimeDirectory,
}

/// The directory of a service at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S6Directory {
    /// The service.
    pub name: ServiceName,
    /// Which kind of service it is.
    pub kind: S6DirectoryKind,
    /// The directory of its definition.
    pub definition: PathBuf,
    /// The service in its directory `log`.
    pub log: Option<ServiceName>,
    /// The names in that directory; `None`: it is read when they are needed.
    pub names: Option<S6DirectoryNames>,
}

/// The names in the directory of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S6DirectoryNames {
    /// In itself.
    pub own: Vec<OsString>,
    /// In its directory `log`.
    pub log: Vec<OsString>,
}

impl S6Directory {
    /// Returns the directory of one of these services, if it has one.
    pub fn of(service: &Service, all: &[Rc<Service>]) -> Option<Self> {
        let (kind, definition) = match service.s6.as_ref()? {
            S6Origin::Longrun(definition) => (S6DirectoryKind::Longrun, definition),
            S6Origin::Legacy(definition) => (S6DirectoryKind::Legacy, definition),
            S6Origin::LegacyLog(_) | S6Origin::InitScript | S6Origin::Script => return None,
        };
        let is_its_log =
            |other: &&Rc<Service>| matches!(&other.s6, Some(S6Origin::LegacyLog(of)) if *of == service.name);
        let log = all.iter().find(is_its_log).map(|log| log.name.clone());
        Some(Self { name: service.name.clone(), kind, definition: definition.clone(), log, names: None })
    }
}

/// Kinds of services by the place of their directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S6DirectoryKind {
    /// Of s6-rc.
    Longrun,
    /// Of `/etc/services.d`.
    Legacy,
}

impl S6DirectoryKind {
    /// Returns the directory that contains it, relative to the base.
    pub fn parent(self) -> &'static str {
        match self {
            Self::Longrun => "s6-rc/servicedirs",
            Self::Legacy => "s6/legacy-services",
        }
    }
}

/// Where a directory is declared.
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
    /// Its absolute path.
    pub path: PathBuf,
    /// The wanted owner.
    pub owner: Owner,
    /// How it is established.
    pub options: OwnOptions,
}

/// The privilege of PID 1 after the drop (DESIGN §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// How far it drops.
    pub drop: DropLevel,
    /// Capabilities kept in *permitted* only. Usually empty.
    pub kept: CapSet,
    /// Whether no_new_privs is set on PID 1 (otherwise in each child that does not opt out).
    pub no_new_privs: bool,
    /// The saved gid that services do not have; `None` if there is none (user mode, one mapped gid).
    pub private_gid: Option<Gid>,
    /// Why privilege is kept, by service: printed by report, `status` and `check`.
    pub reasons: Vec<String>,
}

/// How far PID 1 drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropLevel {
    /// To the app user.
    ToApp,
    /// Not at all: it stays root, each service still drops.
    StayRoot,
    /// It was never root.
    AlreadyUser,
    /// Root without SETUID or SETGID, and allowed to continue as root.
    LimitedRoot,
}

/// How one service (or the main command) is run: everything is resolved, nothing is looked up after the fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Its name.
    pub name: ServiceName,
    /// Its ids and capabilities.
    pub credentials: Credentials,
    /// The path of the program that is executed.
    pub program: PathBuf,
    /// Arguments, the first being the name.
    pub argv: Vec<OsString>,
    /// Its other programs that are run by their interpreters, because its user may not execute them: the arguments, by key.
    pub interpreted: BTreeMap<&'static str, Vec<OsString>>,
    /// What the environment says of its user; shared by all services of the app user.
    pub login: Rc<Login>,
    /// Why it is not run in this mode (`without_root = "skip"`).
    pub skipped: Option<Box<Issue>>,
    /// Why its definition may not be used ([`super::boot_after_scripts`]): it is failed then, and does not start.
    pub held_back: Vec<Problem>,
    /// Who may own its `environment_file`.
    pub file_writers: TrustedWriters,
    /// The variables that it inherits from the container.
    pub inherited: Inherited,
    /// The secrets that it gets, by name.
    pub secrets: Box<[String]>,
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

/// The variables that a service inherits from the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// All.
    All,
    /// Those for which [`super::code_variables::names_code`] is false, and this PATH.
    Safe {
        /// The directories of the container's PATH that only root can write.
        path: OsString,
    },
}
