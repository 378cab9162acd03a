//! [`Facts`] about the machine, read once by `inspect::facts`. Plain values; must not know how they are read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub use super::program_fact::{EnvLookup, Executable, ProgramFact, RestrictedScript};
use crate::config::service::{Limit, Resource};
use crate::config::values::{CapSet, Gid, Uid};

/// Facts about this process and its machine.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Effective user id.
    pub uid: Uid,
    /// Effective group id.
    pub gid: Gid,
    /// Supplementary groups as the runtime gave them (`--group-add`).
    pub groups: Vec<Gid>,
    /// Effective capabilities.
    pub effective: CapSet,
    /// Permitted capabilities.
    pub permitted: CapSet,
    /// The bounding set.
    pub bounding: CapSet,
    /// Whether no_new_privs was on from the start.
    pub no_new_privs: bool,
    /// `/proc/self/uid_map`.
    pub uid_map: IdMap,
    /// `/proc/self/gid_map`.
    pub gid_map: IdMap,
    /// `/proc/self/setgroups` says deny (a user namespace without helper).
    pub setgroups_denied: bool,
    /// Whether we are PID 1 of our namespace.
    pub pid_one: bool,
    /// Whether standard input is a terminal.
    pub tty: bool,
    /// The umask that we were started with.
    pub umask: u32,
    /// The niceness that we were started with.
    pub nice: i32,
    /// The `oom_score_adj` that we were started with.
    pub oom_score_adj: i32,
    /// Our hard limits, for the resources that services limit; `None`: infinity. A missing one is not checked.
    pub hard_limits: BTreeMap<Resource, Option<u64>>,
    /// Account files, by kind.
    pub accounts: BTreeMap<AccountFile, AccountState>,
    /// Group and permission bits of those account files that are regular files.
    pub account_modes: BTreeMap<AccountFile, (Gid, u32)>,
    /// Whether a new file can be created in `/etc`.
    pub etc: Access,
    /// Whether a line can be appended to `/etc/passwd`, although no file can be created next to it. Not read as root.
    pub passwd_appendable: bool,
    /// Whether our working directory still has a name.
    pub cwd_exists: bool,
    /// Whether `/proc` is mounted.
    pub proc_mounted: bool,
    /// Whether `/dev/null` is the null device.
    pub dev_null: bool,
    /// Every path that the configuration names: `[[own]]`, `[[directory]]`, `device_groups`, home, directories of services.
    pub paths: BTreeMap<PathBuf, PathFact>,
    /// Candidates for the runtime directory, the preferred one first, each with its access.
    pub runtime: Vec<(PathBuf, Access)>,
    /// Descriptors 0, 1 and 2.
    pub stdio: [StdioFact; 3],
    /// The programs and other files that the configuration names.
    pub named: NamedFiles,
    /// Variables of the container's environment that can name code to run ([`super::inherited`]).
    pub variables: Vec<String>,
    /// Variables of the container whose names are not valid shell names.
    pub no_shell_names: Vec<String>,
    /// `HOME` of the environment.
    pub home: Option<PathBuf>,
    /// Candidates for HOME, and whether files can be created in them. Empty as root.
    pub homes: BTreeMap<PathBuf, Access>,
    /// The lowest port that needs no capability (`net.ipv4.ip_unprivileged_port_start`), if known.
    pub unprivileged_port_start: Option<u16>,
    /// The owner of the root directory: root, in every image.
    pub root_owner: Uid,
    /// The value of `TZ`, if it is not a time zone of this image.
    pub unknown_zone: Option<OsString>,
    /// The files of secrets. A missing one is not checked.
    pub secrets: BTreeMap<PathBuf, SecretFact>,
    /// The directories of s6-overlay's state. Read only in an image made for it.
    pub s6: Option<S6Places>,
}

/// What is found of the programs and other files that a configuration names.
#[derive(Clone, Debug, Default)]
pub struct NamedFiles {
    /// The program of every service (by name) and of `main`, looked up in its PATH.
    pub programs: BTreeMap<String, ProgramFact>,
    /// The other programs of services ([`Service::auxiliary_commands`]), by service and key.
    ///
    /// [`Service::auxiliary_commands`]: crate::config::service::Service::auxiliary_commands
    pub auxiliary_programs: BTreeMap<String, BTreeMap<&'static str, ProgramFact>>,
    /// The directories in which programs are searched.
    pub search: SearchPath,
    /// What is found in each directory of PATH (its place in [`SearchPath`]), for services that may have more rights than the
    /// app user, by service and key (`""`: its command). Where nothing is found, nothing.
    pub candidates: Candidates,
    /// The interpreters of programs, by program: the interpreter or loader, and theirs.
    pub interpreters: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// What env(1) finds for scripts that begin with `#!/usr/bin/env NAME`, by service and script, for services that may
    /// have more rights than the app user.
    pub by_env: BTreeMap<String, BTreeMap<PathBuf, EnvLookup>>,
    /// Permissions and capabilities of programs that not everybody may execute, or that give rights, by program.
    pub executables: BTreeMap<PathBuf, Executable>,
    /// Programs among them that are scripts of an image made for s6-overlay, and that not everybody may execute, as far as
    /// they can be read.
    pub restricted_scripts: BTreeMap<PathBuf, RestrictedScript>,
    /// For programs, directories of PATH and declared paths that contain links: the path of each link, and the resolved
    /// path. By the path as written.
    pub resolved: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Files of privileged services ([`super::trusted_writers`]), or directories and links in their paths, that others than root own
    /// or could write, by path. Not read without root.
    pub file_owners: BTreeMap<PathBuf, Vec<FileOwner>>,
}

impl Facts {
    /// Returns whether the limit is above our hard limit; `false` if that is unknown.
    pub(super) fn is_above(&self, limit: &Limit) -> bool {
        match (self.hard_limits.get(&limit.resource), limit.hard) {
            (Some(Some(have)), Some(want)) => want > *have,
            (Some(Some(_)), None) => true,
            (Some(None) | None, _) => false,
        }
    }
}

/// Where s6-overlay keeps its state, and its scripts look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S6Places {
    /// `/run`.
    pub run: PathFact,
    /// Whether files can be created in `/run`.
    pub access: Access,
    /// `/var/run`.
    pub var_run: VarRun,
}

/// What `/var/run` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarRun {
    /// A link to `/run`, as everywhere today.
    Link,
    /// Nothing, or an empty directory; whether a link can take its place.
    Free(Access),
    /// A directory with contents, or something else.
    Used,
}

/// The account files (passwd(5), group(5), shadow(5), gshadow(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountFile {
    /// `/etc/passwd`
    Passwd,
    /// `/etc/group`
    Group,
    /// `/etc/shadow`
    Shadow,
    /// `/etc/gshadow`
    Gshadow,
}

impl AccountFile {
    /// All four, in the order in which they are written.
    pub const ALL: [Self; 4] = [Self::Group, Self::Gshadow, Self::Passwd, Self::Shadow];

    /// Returns its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Passwd => "/etc/passwd",
            Self::Group => "/etc/group",
            Self::Shadow => "/etc/shadow",
            Self::Gshadow => "/etc/gshadow",
        }
    }

    /// Returns the mode that it has in most images.
    pub fn usual_mode(self) -> u32 {
        match self {
            Self::Passwd | Self::Group => 0o644,
            Self::Shadow | Self::Gshadow => 0o600,
        }
    }
}

/// The state of an account file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It does not exist.
    Missing,
    /// A regular file of our own, with its bytes.
    File(Vec<u8>),
    /// A regular file that must not be replaced: bind-mounted from the host, or immutable. Its bytes are still used for
    /// lookups.
    Fixed(Vec<u8>, &'static str),
    /// A symlink, a directory, a FIFO, or unreadable: never changed or read.
    Unfit(String),
}

impl AccountState {
    /// Returns its bytes; empty if they were not read.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::File(bytes) | Self::Fixed(bytes, _) => bytes,
            Self::Missing | Self::Unfit(_) => &[],
        }
    }
}

/// The result of an access check (`faccessat` with effective ids), never inferred from owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is allowed.
    Yes,
    /// EROFS.
    ReadOnly,
    /// EACCES or EPERM.
    Denied,
    /// ENOENT.
    Missing,
    /// ENOTDIR, ELOOP and the like.
    Unfit,
}

/// One mapping of `/proc/self/uid_map`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// The number of ids.
    pub count: u32,
}

/// All mappings; a container without a user namespace has one, of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdMap(pub Vec<IdRange>);

impl IdMap {
    /// Returns the map of a process without a user namespace of its own.
    pub fn whole() -> Self {
        Self(vec![IdRange { inside: 0, outside: 0, count: u32::MAX }])
    }

    /// Returns the id outside, if `id` is mapped.
    pub fn outside(&self, id: u32) -> Option<u32> {
        self.0
            .iter()
            .find(|range| id >= range.inside && id - range.inside < range.count)
            .and_then(|range| range.outside.checked_add(id - range.inside))
    }
}

/// The state of a declared path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFact {
    /// It does not exist; whether its nearest existing parent can be written.
    Missing(Access),
    /// It exists.
    Found {
        /// Its kind.
        kind: PathKind,
        /// Its owner.
        uid: Uid,
        /// Its group.
        gid: Gid,
        /// Permission bits, with setuid, setgid and sticky.
        mode: u32,
        /// Whether its mount is read-only.
        read_only: bool,
    },
    /// A component of the path is not a directory, or may not be searched.
    Unknown(Access),
}

/// Kinds of files that the plan distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link (never followed by root steps).
    Link,
    /// Device, FIFO, socket.
    Other,
}

/// The owner and permissions of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOwner {
    /// Its path.
    pub path: PathBuf,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
    /// Whether its owner and its group are unmapped ids, which no process in this user namespace can have
    /// (user_namespaces(7)).
    pub unmapped: [bool; 2],
    /// Permission bits, with setuid, setgid and sticky; of a link, which has none, 0.
    pub mode: u32,
    /// Whether it is a directory.
    pub directory: bool,
    /// Whether an access control list names more users (acl(5)).
    pub has_acl: bool,
    /// Whether its mount is read-only, as those of a ConfigMap, whose directories are 0777.
    pub read_only: bool,
}

/// The file of a secret, links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFact {
    /// It can be read.
    File {
        /// What users other than root own or could write in its path, without the file itself. Not read without root.
        placed_by: Vec<FileOwner>,
    },
    /// It does not exist.
    Missing,
    /// It is something else.
    NotAFile,
    /// It cannot be read; the reason.
    Refused(String),
}

/// Programs found in directories of PATH, by service and key.
pub type Candidates = BTreeMap<String, BTreeMap<&'static str, Vec<(usize, ProgramFact)>>>;

/// The directories in which programs are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPath {
    /// The container's PATH.
    pub container: Vec<PathEntry>,
    /// The default without PATH.
    pub default: Vec<PathEntry>,
    /// The PATH that a service's own file declares, by service; of those that may have more rights than the app user.
    pub declared: BTreeMap<String, Vec<PathEntry>>,
}

/// A directory of PATH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// As written.
    pub path: PathBuf,
    /// Files in its path, itself included, that others than root own or could write. Not read without root.
    pub file_owners: Vec<FileOwner>,
    /// The directory with all links resolved, or the last existing part of its path.
    pub end: PathBuf,
}

/// The file of descriptor 0, 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StdioFact {
    /// Its kind.
    pub kind: StdioKind,
    /// Its owner.
    pub uid: Uid,
    /// Permission bits.
    pub mode: u32,
}

/// Kinds of standard descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdioKind {
    /// Not open.
    Closed,
    /// `/dev/null` or another device that is not a terminal: not changed.
    Device,
    /// A pipe.
    Fifo,
    /// A terminal.
    Terminal,
    /// A regular file: not changed.
    File,
    /// A socket, which cannot be reopened.
    Socket,
}
