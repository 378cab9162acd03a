//! [`Observations`]: what a look at the machine found, as plain values; `inspect::doctor` fills it. Must not know what it means.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::mounts::Mounts;
use crate::plan::facts::IdMap;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// An answer to each question, in their order.
    pub paths: Vec<PathObservation>,
    /// What the container stands on.
    pub host: HostContext,
    /// The lowest port that anybody may bind; nothing where it is not known.
    pub unprivileged_port_start: Option<u16>,
    /// The TCP ports on which something listens here.
    pub listening: BTreeSet<u16>,
    /// Who, if not the app user, was asked for access, and the like.
    pub remarks: Vec<String>,
}

/// What is below the container: mounts, id maps, security modules.
#[derive(Clone, Debug, Default)]
pub struct HostContext {
    /// `/proc/self/mountinfo`.
    pub mounts: Mounts,
    /// `/proc/self/uid_map`.
    pub uid_map: IdMap,
    /// `/proc/self/gid_map`.
    pub gid_map: IdMap,
    /// `/proc/self/attr/current`, where a security module confines us: `docker-default (enforce)`.
    pub label: Option<String>,
}

/// One look at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathObservation {
    /// As it is without its symbolic links; as it was asked for where they cannot be followed.
    pub real: PathBuf,
    /// What is there, as far as we may look ourselves.
    pub found: Option<PathStat>,
    /// What the user was told.
    pub access: AccessResult,
}

/// What is at a path.
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

/// What the kernel answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessResult {
    /// It may.
    #[default]
    Allowed,
    /// There is nothing.
    Missing,
    /// A directory on the way may not be entered.
    Unsearchable(PathBuf, Option<PathStat>),
    /// It may not be read (or entered, or executed).
    NotRead(Denial),
    /// It may be read, and not written.
    NotWritten(Denial),
    /// It may be used itself; below it lies something that may not.
    Below(PathBuf, Denial),
    /// Nobody could be asked.
    Unknown,
}

/// How the kernel refused.
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
