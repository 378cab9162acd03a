//! The report of an ownership walk: counts, and for each cause a few paths and a fix. Never a line for each file. Plain
//! values; must not know how the walk is done.

use std::fmt;
use std::time::Duration;

use nix::errno::Errno;

use super::host_ids::on_host;
use crate::config::values::Uid;
use crate::error::cause_text;
use crate::plan::Owner;

/// The progress of a walk. Reported a few times a second; printed less often.
#[derive(Clone, Copy, Debug)]
pub struct WalkProgress {
    /// Entries checked so far.
    pub entries: u64,
    /// Time since the walk began.
    pub elapsed: Duration,
}

/// The result of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnReport {
    /// Entries checked, including the top.
    pub entries: u64,
    /// Entries whose owner or mode was changed.
    pub changed: u64,
    /// Whether the top was created.
    pub created: bool,
    /// What the system refused, by cause.
    pub failed: Vec<Summary>,
    /// Entries skipped intentionally although their owner differs, by cause.
    pub skipped: Vec<Summary>,
    /// Mounts below that were not entered.
    pub mounts: Paths,
    /// Whether the app user can use the top, checked as that user.
    pub usable: Usability,
    /// Whether the walk was interrupted by a signal.
    pub interrupted: bool,
}

/// Some paths of many: the first ones as examples, escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The number of paths.
    pub count: u64,
    /// At most [`MAX_EXAMPLES`] of them.
    pub examples: Vec<String>,
}

/// How many paths are named for each cause.
pub const MAX_EXAMPLES: usize = 3;

/// All entries that were not changed for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The cause.
    pub cause: UnchangedCause,
    /// The entries.
    pub paths: Paths,
    /// Text to paste, or what to do.
    pub fix: String,
}

/// Why an entry was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnchangedCause {
    /// The kernel refused.
    Refused(Operation, i32),
    /// A symbolic link in its path is where users other than root can create links.
    ForeignLink,
    /// It belongs to this user, and users other than root could have moved it there.
    NotPlacedByRoot(Uid),
    /// It was moved or replaced while it was being walked.
    Moved,
    /// It is deeper than any path can name (2048 levels).
    TooDeep,
    /// It has more than one link (`hard_links`).
    MultiLinked,
    /// It is a device outside `/dev`.
    Device,
    /// It is a kernel file system (procfs, sysfs, cgroup …) below a tree whose mounts are entered.
    KernelMount,
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// To reach the declared path.
    Reach,
    /// To create it.
    Create,
    /// To stat it.
    Stat,
    /// To list a directory.
    List,
    /// To change owner or group.
    Chown,
    /// To change the mode.
    Chmod,
}

/// Whether the app user can use a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usability {
    /// It can read and write it (and search it, a directory).
    Usable,
    /// It can read it and not write it.
    ReadOnly(i32),
    /// It cannot read it.
    Unusable(i32),
    /// The path does not exist.
    Missing,
    /// It could not be checked.
    Unknown,
}

impl UnchangedCause {
    /// Returns whether entries are skipped intentionally, rather than refused by the system.
    pub fn is_deliberate(self) -> bool {
        match self {
            Self::MultiLinked | Self::Device | Self::KernelMount => true,
            Self::Refused(..) | Self::ForeignLink | Self::NotPlacedByRoot(_) | Self::Moved | Self::TooDeep => false,
        }
    }

    /// Returns the fix; `to` is the owner by its ids on the host.
    pub fn fix(self, path: &str, to: Owner) -> String {
        let ids = format!("{}:{}", to.uid, to.gid);
        match self {
            Self::Refused(attempt, errno) => refusal(attempt, Errno::from_raw(errno), path, &ids),
            Self::ForeignLink => "remove the link, or declare the path that it points to".to_owned(),
            Self::NotPlacedByRoot(_) => {
                "if it is the right one, write `take_over = true` below this [[own]]; otherwise move it away".to_owned()
            }
            Self::Moved => "nothing to do if it was deleted; otherwise restart the container".to_owned(),
            Self::TooDeep => "move it up, or add it to `exclude`".to_owned(),
            Self::MultiLinked => format!(
                "if nothing outside {path} has the same inode, set `hard_links = \"allow\"`; or on the host: chown {ids} FILE"
            ),
            Self::Device => "declare it by its own path if the app should own it".to_owned(),
            Self::KernelMount => "add it to `exclude`".to_owned(),
        }
    }
}

fn refusal(attempt: Operation, errno: Errno, path: &str, ids: &str) -> String {
    match (attempt, errno) {
        (_, Errno::EROFS) => {
            "mount it read-write (no `:ro`, no `read_only: true`), or remove it from [[own]]".to_owned()
        }
        (Operation::Reach, Errno::ENOENT) => {
            "mount a volume there, or set `create = true` or `optional = true`".to_owned()
        }
        (Operation::Reach | Operation::Stat | Operation::List, Errno::EACCES | Errno::EPERM) => {
            "compose: `cap_add: [DAC_OVERRIDE]`; docker run: `--cap-add DAC_OVERRIDE`; if that is already granted, this is \
             NFS and the server refuses root: set the owner on the server"
                .to_owned()
        }
        (Operation::Chown, Errno::EPERM | Errno::EACCES) => {
            let (uid, gid) = ids.split_once(':').unwrap_or((ids, ids));
            format!(
                "compose: `cap_add: [CHOWN, FOWNER]`; docker run: `--cap-add CHOWN --cap-add FOWNER`; if these are already granted, \
                 the file system refuses: NFS: `chown -R {ids}` on the server, as root; CIFS: mount it with `uid={uid},gid={gid}`; \
                 otherwise on the host: `chown -R {ids}` the source of {path}"
            )
        }
        (Operation::Chmod, Errno::EPERM | Errno::EACCES) => "cap_add: [FOWNER]".to_owned(),
        (_, Errno::EOPNOTSUPP | Errno::ENOSYS) => format!(
            "this file system does not store owners or modes: mount it with uid={},gid={}",
            ids.split(':').next().unwrap_or_default(),
            ids.split(':').next_back().unwrap_or_default()
        ),
        (Operation::Chown, Errno::EINVAL | Errno::EOVERFLOW) => {
            format!(
                "{ids} or the current owner is not mapped in this user namespace: choose ids inside it (see /proc/self/uid_map)"
            )
        }
        (_, Errno::ENOSPC | Errno::EDQUOT) => "free some space: changing a file of the image copies it first".to_owned(),
        (_, Errno::EMFILE | Errno::ENFILE) => "raise the limit: ulimits: { nofile: 1024 }".to_owned(),
        _ => format!("on the host: chown -R {ids} the source of {path}, or exclude it"),
    }
}

impl fmt::Display for UnchangedCause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(attempt, errno) => {
                write!(out, "cannot {attempt}: {}", cause_text(&std::io::Error::from_raw_os_error(*errno)))
            }
            Self::ForeignLink => {
                out.write_str("is a symbolic link in a directory that users other than root can write to")
            }
            Self::NotPlacedByRoot(uid) => {
                write!(out, "belongs to uid {uid}, and users other than root can replace it")
            }
            Self::Moved => out.write_str("was moved or replaced during the walk"),
            Self::TooDeep => out.write_str("is deeper than any path can reach"),
            Self::MultiLinked => out.write_str("has more than one link"),
            Self::Device => out.write_str("is a device"),
            Self::KernelMount => out.write_str("is a file system of the kernel"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Reach => "reach",
            Self::Create => "create",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Chown => "chown",
            Self::Chmod => "chmod",
        })
    }
}

impl OwnReport {
    /// Returns an empty report.
    pub fn empty() -> Self {
        Self {
            entries: 0,
            changed: 0,
            created: false,
            failed: Vec::new(),
            skipped: Vec::new(),
            mounts: Paths::default(),
            usable: Usability::Unknown,
            interrupted: false,
        }
    }

    /// Returns whether every entry is as declared and the app user can use the top.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.usable == Usability::Usable && !self.interrupted
    }
}

/// The counts of one thread of a walk; summed at the end.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub changed: u64,
    pub causes: std::collections::BTreeMap<UnchangedCause, Paths>,
    pub mounts: Paths,
}

impl Paths {
    /// Counts one; its path is built only while examples are needed.
    pub(super) fn count(&mut self, path: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(path());
        }
    }

    fn add(&mut self, more: Self) {
        self.count += more.count;
        self.examples.extend(more.examples);
        self.examples.truncate(MAX_EXAMPLES);
    }
}

impl Tally {
    pub(super) fn record(&mut self, cause: UnchangedCause, path: impl FnOnce() -> String) {
        self.causes.entry(cause).or_default().count(path);
    }

    pub(super) fn add(&mut self, more: Self) {
        self.changed += more.changed;
        self.mounts.add(more.mounts);
        for (cause, paths) in more.causes {
            self.causes.entry(cause).or_default().add(paths);
        }
    }

    pub(super) fn into_report(self, path: &str, to: Owner) -> OwnReport {
        // Looked up only if there is something to fix.
        let there = if self.causes.is_empty() { to } else { on_host(to) };
        let all = self.causes.into_iter().map(|(cause, paths)| Summary { cause, paths, fix: cause.fix(path, there) });
        let (skipped, failed) = all.partition(|summary: &Summary| summary.cause.is_deliberate());
        OwnReport { changed: self.changed, failed, skipped, mounts: self.mounts, ..OwnReport::empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::{Gid, Uid};

    #[test]
    fn few_examples_stand_for_many_paths() {
        let mut tally = Tally::default();
        for number in 0..100 {
            tally.record(UnchangedCause::MultiLinked, || format!("/data/{number}"));
        }
        let report = tally.into_report("/data", Owner { uid: Uid(1), gid: Gid(2) });
        let [only] = report.skipped.as_slice() else { panic!("{report:?}") };
        assert_eq!((only.paths.count, only.paths.examples.len()), (100, MAX_EXAMPLES));
    }

    #[test]
    fn a_refusal_names_its_fix() {
        let to = Owner { uid: Uid(1000), gid: Gid(1001) };
        let fix = |errno: Errno| UnchangedCause::Refused(Operation::Chown, errno as i32).fix("/config", to);
        assert!(fix(Errno::EPERM).contains("cap_add: [CHOWN, FOWNER]"));
        assert!(fix(Errno::EPERM).contains("chown -R 1000:1001"));
        assert!(fix(Errno::EROFS).contains(":ro"));
        assert!(fix(Errno::EOPNOTSUPP).contains("uid=1000,gid=1001"));
    }
}
