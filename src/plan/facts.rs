//! [`Facts`]: what the machine is like, read once by `inspect::facts`. Plain values; must not know how they are found out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub use super::program_fact::{EnvLookup, Executable, ProgramFact};
use crate::config::service::{Limit, Resource};
use crate::config::values::{CapSet, Gid, Uid};

/// What this process is and what it stands on.
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
    /// The mask we were started with.
    pub umask: u32,
    /// Niceness we were started with.
    pub nice: i32,
    /// `oom_score_adj` we were started with.
    pub oom_score_adj: i32,
    /// Our hard limits, for those resources that a service limits; `None`: infinity. A missing one is not judged.
    pub hard_limits: BTreeMap<Resource, Option<u64>>,
    /// Account files, by kind.
    pub accounts: BTreeMap<AccountFile, AccountState>,
    /// Group and permission bits of those account files that are regular files.
    pub account_modes: BTreeMap<AccountFile, (Gid, u32)>,
    /// Whether a new file can be made in `/etc`.
    pub etc: Access,
    /// Whether a line can be appended to `/etc/passwd`, though no file can be made beside it. Not asked as root.
    pub passwd_appendable: bool,
    /// Whether our working directory still has a name.
    pub cwd_exists: bool,
    /// Whether `/proc` is mounted.
    pub proc_mounted: bool,
    /// Whether `/dev/null` is the device that it should be.
    pub dev_null: bool,
    /// Every path that the configuration names: `[[own]]`, `[[directory]]`, `device_groups`, home, directories of services.
    pub paths: BTreeMap<PathBuf, PathFact>,
    /// Where the runtime directory can be, best first, each with its verdict.
    pub runtime: Vec<(PathBuf, Access)>,
    /// Descriptors 0, 1 and 2.
    pub stdio: [StdioFact; 3],
    /// What became of each program looked up: for every service (by name) and `main`, resolved in its PATH.
    pub programs: BTreeMap<String, ProgramFact>,
    /// What became of what services run beside their command ([`Service::helpers`]), by service and key.
    ///
    /// [`Service::helpers`]: crate::config::service::Service::helpers
    pub helpers: BTreeMap<String, BTreeMap<&'static str, ProgramFact>>,
    /// The directories in which programs are looked for.
    pub search: SearchPath,
    /// What of the container's environment can name code to run ([`super::inherited`]).
    pub variables: Vec<String>,
    /// What is found in each directory of PATH (its place in [`SearchPath`]), for services that may have more rights than the
    /// app user, by service and key (`""`: its command). Where nothing is found, nothing.
    pub candidates: Candidates,
    /// What a program needs to be executed, by the program: its interpreter or loader, and theirs.
    pub interpreters: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// What env(1) finds for scripts that begin with `#!/usr/bin/env NAME`, by service and script, for services that may
    /// have more rights than the app user.
    pub by_env: BTreeMap<String, BTreeMap<PathBuf, EnvLookup>>,
    /// What programs are to who executes them, where that is not the same for everybody, by the program.
    pub executables: BTreeMap<PathBuf, Executable>,
    /// Variables of the container whose names are no names of shell variables.
    pub no_shell_names: Vec<String>,
    /// Where programs, directories of PATH and declared places really are, if the way there leads through links: where
    /// each of those links stands, and the end. By the path as it is written; without links, nothing.
    pub resolved: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// `HOME` as it was given.
    pub home: Option<PathBuf>,
    /// Directories that could be HOME, and whether something can be made in them. Empty as root.
    pub homes: BTreeMap<PathBuf, Access>,
    /// The lowest port that anybody may bind (`net.ipv4.ip_unprivileged_port_start`), where it is known.
    pub unprivileged_port_start: Option<u16>,
    /// Whose the root directory is: root's, in every image.
    pub root_owner: Uid,
    /// Who else than root owns or could write what services with privilege are made of ([`super::trust`]), or a directory or
    /// link on the way there, by its path. Nobody else: nothing. Not asked without root.
    pub file_owners: BTreeMap<PathBuf, Vec<FileOwner>>,
    /// What `TZ` says, if that is not a time zone of this image.
    pub unknown_zone: Option<OsString>,
}

impl Facts {
    /// Returns whether the limit is above the hard limit that we have; one that is not known is not judged.
    pub(super) fn is_above(&self, limit: &Limit) -> bool {
        match (self.hard_limits.get(&limit.resource), limit.hard) {
            (Some(Some(have)), Some(want)) => want > *have,
            (Some(Some(_)), None) => true,
            (Some(None) | None, _) => false,
        }
    }
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

/// What an account file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Not there.
    Missing,
    /// A regular file of our own, with its bytes.
    File(Vec<u8>),
    /// A regular file that must not be replaced: bind-mounted from the host, or immutable. Its bytes still serve lookups.
    Fixed(Vec<u8>, &'static str),
    /// A symlink, a directory, a FIFO, or unreadable: never touched, nothing known.
    Unfit(String),
}

impl AccountState {
    /// Returns its bytes, empty where nothing is known.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::File(bytes) | Self::Fixed(bytes, _) => bytes,
            Self::Missing | Self::Unfit(_) => &[],
        }
    }
}

/// What the kernel said when asked (`faccessat` with effective ids), never inferred from owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be done.
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
    /// How many.
    pub count: u32,
}

/// All mappings; a container without a user namespace has one, of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdMap(pub Vec<IdRange>);

impl IdMap {
    /// Returns the map of a process that is in no user namespace of its own.
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

/// What a declared path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFact {
    /// Not there; whether its nearest parent that exists can be written.
    Missing(Access),
    /// There.
    Found {
        /// Its kind.
        kind: PathKind,
        /// Its owner.
        uid: Uid,
        /// Its group.
        gid: Gid,
        /// Permission bits, with setuid, setgid and sticky.
        mode: u32,
        /// On a mount that is read-only.
        read_only: bool,
    },
    /// Something in between is not a directory, or may not be searched.
    Unknown(Access),
}

/// Kinds of files that matter to the plan.
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

/// Whose a file or a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOwner {
    /// Where it is.
    pub path: PathBuf,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
    /// Whether its owner and its group are nobody of this user namespace: ids that are not mapped, which no process in here
    /// can have (user_namespaces(7)).
    pub unmapped: [bool; 2],
    /// Permission bits, with setuid, setgid and sticky; of a link, which has none, 0.
    pub mode: u32,
    /// Whether it is a directory.
    pub directory: bool,
    /// Whether an access control list names more users (acl(5)).
    pub has_acl: bool,
    /// On a mount that is read-only, as those of a ConfigMap, whose directories are 0777.
    pub read_only: bool,
}

/// What is found where, by service and key.
pub type Candidates = BTreeMap<String, BTreeMap<&'static str, Vec<(usize, ProgramFact)>>>;

/// Where programs are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPath {
    /// In the container's PATH.
    pub container: Vec<PathEntry>,
    /// Where there is no PATH.
    pub default: Vec<PathEntry>,
}

/// A directory of PATH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// As written.
    pub path: PathBuf,
    /// Who else than root owns or could write it or what lies on the way there. Not asked without root.
    pub file_owners: Vec<FileOwner>,
    /// Where the way ends: the directory, all links resolved, or the last one on the way that there is.
    pub end: PathBuf,
}

/// What descriptor 0, 1 or 2 is.
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
    /// `/dev/null` or another device that is no terminal: left alone.
    Device,
    /// A pipe.
    Fifo,
    /// A terminal.
    Terminal,
    /// A regular file: left alone.
    File,
    /// A socket: nothing can be reopened.
    Socket,
}
