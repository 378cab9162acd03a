//! Which namespaces this user can create: all as root, a user namespace with a range of ids, or one with a single id.
//! Detects it, and maps ids; decides nothing else.
#![allow(clippy::disallowed_methods)] // newuidmap(1) is a program; it is searched in PATH

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Pid, getegid, geteuid};

use crate::config::search_path::directories;
use crate::error::Refused;
use crate::text::shown;

/// The kind of namespaces that can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceSupport {
    /// Root with SYS_ADMIN: no user namespace is needed.
    Root,
    /// A user namespace with a range of subordinate ids (subuid(5)).
    MappedIds(Ranges),
    /// A user namespace with only our own id: the `user` mode.
    SingleId {
        /// Why there is no range, in a few words.
        reason: String,
    },
}

/// The subordinate ids of this user, and the helpers that may map them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    uids: Range,
    gids: Range,
    newuidmap: PathBuf,
    newgidmap: PathBuf,
}

/// A line of subuid(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u32,
    count: u32,
}

impl NamespaceSupport {
    /// Detects it.
    pub fn detect() -> Self {
        let effective = caps::read(None, caps::CapSet::Effective).unwrap_or_default();
        if geteuid().is_root() && effective.contains(&caps::Capability::CAP_SYS_ADMIN) {
            return Self::Root;
        }
        match ranges() {
            Ok(ranges) => Self::MappedIds(ranges),
            Err(reason) => Self::SingleId { reason },
        }
    }

    /// Whether a user namespace is needed.
    pub(super) fn user_namespace(&self) -> bool {
        match self {
            Self::Root => false,
            Self::MappedIds(_) | Self::SingleId { .. } => true,
        }
    }

    /// Whether there is only one id inside, so that no other one can own files of root's in an image.
    pub(super) fn is_single_id(&self) -> bool {
        match self {
            Self::Root | Self::MappedIds(_) => false,
            Self::SingleId { .. } => !geteuid().is_root(),
        }
    }

    /// Returns a description for the first line.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Root => "root, as Docker would start it".to_owned(),
            Self::MappedIds(ranges) => {
                format!("root of a user namespace (ids 0-{}); run it as root to use the real ids", ranges.uids.count)
            }
            Self::SingleId { reason } => {
                format!("uid {} only, in user mode: {reason}; run it as root to rehearse everything", geteuid())
            }
        }
    }

    /// Maps the ids of the process `pid`, which waits in a new user namespace.
    pub(super) fn map(&self, pid: Pid) -> Result<(), Refused> {
        match self {
            Self::Root => Ok(()),
            Self::MappedIds(ranges) => {
                helper(&ranges.newuidmap, pid, geteuid().as_raw(), ranges.uids)?;
                helper(&ranges.newgidmap, pid, getegid().as_raw(), ranges.gids)
            }
            Self::SingleId { .. } => {
                write(pid, "setgroups", "deny")?;
                write(pid, "uid_map", &format!("{0} {0} 1", geteuid()))?;
                write(pid, "gid_map", &format!("{0} {0} 1", getegid()))
            }
        }
    }
}

fn write(pid: Pid, file: &str, text: &str) -> Result<(), Refused> {
    let path = format!("/proc/{pid}/{file}");
    fs::write(&path, text).map_err(|cause| Refused::new(format!("cannot map ids through {path}"), cause))
}

/// `newuidmap PID 0 OURS 1 1 START COUNT`: root inside is this user, so that our files are root's there as in an image.
fn helper(program: &Path, pid: Pid, ours: u32, range: Range) -> Result<(), Refused> {
    let numbers = [0, ours, 1, 1, range.start, range.count].map(|number| number.to_string());
    let said = Command::new(program).arg(pid.to_string()).args(numbers).output();
    let refused = |cause| Refused::new(format!("cannot map ids with {}", shown(program)), cause);
    let said = said.map_err(refused)?;
    if said.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&said.stderr).trim().to_owned();
    Err(refused(std::io::Error::other(words)).fix("check this user's lines in /etc/subuid and /etc/subgid"))
}

fn ranges() -> Result<Ranges, String> {
    let program = |name: &str| {
        let places = std::env::var_os("PATH").unwrap_or_default();
        let all = directories(&places).chain([PathBuf::from("/usr/bin")]);
        let found = all.map(|place| place.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| format!("there is no {name} (package uidmap)"))
    };
    let (newuidmap, newgidmap) = (program("newuidmap")?, program("newgidmap")?);
    let uid = geteuid().as_raw();
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let name = super::process_user::name_of(&passwd, uid);
    let range = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        range_of(&text, uid, name.as_deref()).ok_or_else(|| format!("{file} has no range for this user"))
    };
    Ok(Ranges { uids: range("/etc/subuid")?, gids: range("/etc/subgid")?, newuidmap, newgidmap })
}

/// Returns the first range of `uid` or `name`; lines are `name-or-uid:start:count`.
fn range_of(text: &str, uid: u32, name: Option<&str>) -> Option<Range> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let who = fields.next()?;
        let range = Range { start: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
        let ours = Some(who) == name || who.parse() == Ok(uid);
        (ours && range.count > 0 && range.start.checked_add(range.count).is_some()).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_found_by_name_or_by_number() {
        let text = "# who\nada:100000:65536\n1001:200000:1000\nada:1:1\nodd:x:1\n";
        assert_eq!(range_of(text, 1000, Some("ada")), Some(Range { start: 100_000, count: 65_536 }));
        assert_eq!(range_of(text, 1001, None), Some(Range { start: 200_000, count: 1000 }));
        assert_eq!(range_of(text, 1002, Some("odd")), None);
    }

    #[test]
    fn a_range_past_the_last_id_is_none() {
        assert_eq!(range_of("1:4294967295:2", 1, None), None);
    }
}
