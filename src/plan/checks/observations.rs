//! [`Observations`] of the machine, as plain values; made by `inspect::doctor`. Must not know what they mean.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::mounts::Mounts;
use crate::plan::facts::IdMap;

/// Observations of the machine.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// One for each access requirement, in their order.
    pub paths: Vec<PathObservation>,
    /// Mounts, id maps and security modules.
    pub host: HostContext,
    /// The lowest port that needs no capability; `None` if unknown.
    pub unprivileged_port_start: Option<u16>,
    /// The TCP ports on which something listens here.
    pub listening: BTreeSet<u16>,
    /// Remarks, such as that access was not checked as the app user.
    pub remarks: Vec<String>,
}

/// The context of the container on the host: mounts, id maps, security modules.
#[derive(Clone, Debug, Default)]
pub struct HostContext {
    /// `/proc/self/mountinfo`.
    pub mounts: Mounts,
    /// `/proc/self/uid_map`.
    pub uid_map: IdMap,
    /// `/proc/self/gid_map`.
    pub gid_map: IdMap,
    /// `/proc/self/attr/current`, if a security module confines us: `docker-default (enforce)`.
    pub label: Option<String>,
}

/// The observation of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathObservation {
    /// The path without symbolic links; the original path if they cannot be followed.
    pub real: PathBuf,
    /// The state of the path, if we may read it.
    pub found: Option<PathStat>,
    /// The user's access.
    pub access: AccessResult,
}

/// The state of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStat {
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// The result of checking access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessResult {
    /// It is allowed.
    #[default]
    Allowed,
    /// The path does not exist.
    Missing,
    /// A directory of the path may not be searched.
    Unsearchable(PathBuf, Option<PathStat>),
    /// It may not be read (or entered, or executed).
    NotRead(Denial),
    /// It may be read, and not written.
    NotWritten(Denial),
    /// It may be used itself; something below it may not.
    Below(PathBuf, Denial),
    /// It could not be checked.
    Unknown,
}

/// Why access was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denial {
    /// EACCES.
    Denied,
    /// EPERM, or EACCES of a device that owner and mode would allow.
    NotPermitted,
    /// EROFS.
    ReadOnly,
    /// ENOSPC, EDQUOT.
    Full,
    /// It is not a directory, a loop of links, gone stale, and the like: the errno.
    Other(i32),
}
