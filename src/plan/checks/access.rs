//! What an answer to a [`Question`] means: the cause told apart, what follows, what helps. Must not know how it was asked.

use std::path::Path;

use super::mounts::Mount;
use super::questions::{AtBoot, ProbedUser, Question, Want};
use super::seen::{AccessResult, Denial, HostContext, PathObservation, PathStat};
use crate::config::is_systems;
use crate::config::values::{Gid, Uid};
use crate::error::cause_words;
use crate::plan::Owner;
use crate::plan::facts::IdMap;
use crate::plan::finding::Area;
use crate::plan::finding::CauseKind;
use crate::plan::finding::Check;
use crate::plan::finding::Finding;
use crate::plan::finding::Trouble;
use crate::plan::fix::Fix;
use crate::plan::words;

/// What a file shows whose owner has no number here (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65534;

pub(super) fn judge(question: &Question, look: &PathObservation, ground: &HostContext) -> Check {
    let case = Case { question, look, ground, mount: ground.mounts.of(&look.real) };
    let finding = match case.trouble() {
        Ok(note) => Finding::Ok { note },
        Err(trouble) if question.fatal => Finding::Fatal(trouble),
        Err(trouble) => Finding::Degraded(trouble),
    };
    Check { area: question.area, subject: question.subject.clone(), finding }
}

struct Case<'a> {
    question: &'a Question,
    look: &'a PathObservation,
    ground: &'a HostContext,
    mount: Option<&'a Mount>,
}

impl Case<'_> {
    fn trouble(&self) -> Result<String, Trouble> {
        match (&self.look.told, &self.question.at_boot) {
            (AccessResult::Yes, at_boot) => Ok(self.well(at_boot)),
            (AccessResult::Missing, _) if self.question.optional => Ok("missing, and optional".to_owned()),
            (AccessResult::Missing, AtBoot::Made(to)) => Ok(format!("made at boot, {to}")),
            (AccessResult::Missing, _) => Err(self.told_by_boot(self.missing())),
            (AccessResult::Barred(on_the_way, found), _) => Err(self.barred(on_the_way, *found)),
            (AccessResult::Unknown, AtBoot::Skipped(why)) => Err(why.clone()),
            (AccessResult::Unknown, _) => Ok(format!("not checked: nobody here can become {}", self.who())),
            (
                AccessResult::NotRead(Denial::Denied)
                | AccessResult::NotWritten(Denial::Denied)
                | AccessResult::Below(..),
                AtBoot::Given(to),
            ) if self.is_owners_matter() => {
                let is_remote = self.mount.is_some_and(Mount::is_remote);
                Ok(format!("given to {to} at boot{}", if is_remote { ", if the server lets root do so" } else { "" }))
            }
            (AccessResult::NotRead(_) | AccessResult::NotWritten(_), AtBoot::Made(to)) if self.is_owners_matter() => {
                Ok(format!("made {to} at boot"))
            }
            (AccessResult::NotRead(no), _) => Err(self.told_by_boot(self.refused(*no, "read"))),
            (AccessResult::NotWritten(no), _) => Err(self.told_by_boot(self.refused(*no, "write"))),
            (AccessResult::Below(path, no), _) => Err(self.below(path, *no)),
        }
    }

    fn who(&self) -> String {
        self.question.who.shown()
    }

    fn path(&self) -> String {
        words::path(&self.question.path)
    }

    /// Returns whether a new owner would change the answer.
    fn is_owners_matter(&self) -> bool {
        let no = match self.look.told {
            AccessResult::NotRead(no) | AccessResult::NotWritten(no) => no,
            AccessResult::Below(_, no) => return no == Denial::Denied,
            AccessResult::Yes | AccessResult::Missing | AccessResult::Barred(..) | AccessResult::Unknown => {
                return true;
            }
        };
        no == Denial::Denied && !self.is_allowed_by_mode()
    }

    fn well(&self, at_boot: &AtBoot) -> String {
        let who = self.who();
        let can = match self.question.want {
            Want::Use if self.look.found.is_some_and(|found| !found.is_directory) => {
                format!("{who} can read and write it")
            }
            Want::Use | Want::Device => format!("{who} can use it"),
            Want::Enter => format!("{who} can enter it"),
            Want::Read => format!("{who} can read it"),
            Want::Execute => return format!("{} as {who}", self.path()),
        };
        match at_boot {
            AtBoot::Given(to) => format!("{can}; given to {to} at boot"),
            AtBoot::Skipped(Trouble { cause, .. }) => format!("{can} now (at the boot: {cause})"),
            AtBoot::Nothing | AtBoot::Made(_) => can,
        }
    }

    /// Where the boot has said something about it already, its words stay: they name what root lacked. The kind of the
    /// cause is what the look found out.
    fn told_by_boot(&self, found: Trouble) -> Trouble {
        match (&self.question.at_boot, found.why) {
            (AtBoot::Skipped(at_boot), CauseKind::OwnerAndMode | CauseKind::Missing) => {
                let why = if at_boot.why == CauseKind::Other { found.why } else { at_boot.why };
                Trouble { why, ..at_boot.clone() }
            }
            (AtBoot::Skipped(_) | AtBoot::Nothing | AtBoot::Given(_) | AtBoot::Made(_), _) => found,
        }
    }

    fn lost(&self, why: CauseKind, cause: String, fix: Fix) -> Trouble {
        Trouble { why, ..Trouble::new(cause, self.question.lost.clone(), fix) }
    }

    fn missing(&self) -> Trouble {
        let path = self.path();
        let fix = match self.question.area {
            Area::Path => {
                let owner = Owner { uid: Uid(self.question.who.uid), gid: Gid(self.question.who.gid) };
                Fix::volume(&self.question.path, Some(owner))
            }
            _ => Fix::words("put it into the image, or mount it"),
        };
        self.lost(CauseKind::Missing, format!("{path} does not exist"), fix)
    }

    fn barred(&self, on_the_way: &Path, found: Option<PathStat>) -> Trouble {
        let at = words::path(on_the_way);
        let cause = match found {
            Some(found) => format!("{at}, on the way, is {}", shown(found)),
            None => format!("{at}, on the way, cannot be entered"),
        };
        let fix = if self.ground.mounts.of(on_the_way).is_none_or(Mount::is_image) {
            // Not to open it: whoever closed /root or a home meant to.
            Fix::words(format!("move {} out of {at}, or let a user need it that may enter {at}", self.path()))
        } else {
            Fix::words(format!("`chmod a+x` on the host what is mounted at {at}"))
        };
        self.lost(CauseKind::OwnerAndMode, cause, fix)
    }

    fn below(&self, path: &Path, no: Denial) -> Trouble {
        let at = words::path(path);
        let cause = format!("{at}, below it, cannot be used: {}", words_of(no));
        self.lost(CauseKind::OwnerAndMode, cause, self.give())
    }

    fn refused(&self, no: Denial, verb: &str) -> Trouble {
        let path = self.path();
        match no {
            Denial::ReadOnly => self.read_only(),
            Denial::Full => {
                let source = self.mount.map(|mount| words::path(Path::new(&mount.source))).unwrap_or_default();
                let fix = "free some space or inodes there, or raise the quota";
                self.lost(CauseKind::Full, format!("no space is left on {source}"), fix.into())
            }
            Denial::NotPermitted if self.question.want == Want::Device => {
                let fix = Fix::settings(format!("--device {path}"), format!("devices: [{path}]"), "");
                self.lost(CauseKind::DeviceCgroup, "the container's device rules forbid it".to_owned(), fix)
            }
            Denial::Denied | Denial::NotPermitted => self.denied(verb),
            Denial::Other(errno) => {
                let words = cause_words(&std::io::Error::from_raw_os_error(errno));
                self.lost(CauseKind::Other, format!("cannot {verb} it: {words}"), Fix::words("fix what is there"))
            }
        }
    }

    fn read_only(&self) -> Trouble {
        let Some(mount) = self.mount.filter(|mount| !mount.is_image()) else {
            let owner = Owner { uid: Uid(self.question.who.uid), gid: Gid(self.question.who.gid) };
            let is_file = self.look.found.is_some_and(|found| !found.is_directory);
            let fix = Fix::writable(&self.question.path, is_file, Some(owner));
            return self.lost(CauseKind::ReadOnly, "the container's root is read-only".to_owned(), fix);
        };
        self.lost(CauseKind::ReadOnly, mount.read_only_cause(), mount.read_write())
    }

    fn denied(&self, verb: &str) -> Trouble {
        let (path, who) = (self.path(), &self.question.who);
        if let Some(mount) = self.mount.filter(|mount| self.question.want == Want::Execute && mount.has("noexec")) {
            let point = words::path(&mount.point);
            let fix = if mount.is_memory() {
                Fix::settings(format!("--tmpfs {point}:exec"), format!("tmpfs: [\"{point}:exec\"]"), "")
                    .or(Fix::words("keep the program in the image"))
            } else {
                Fix::words(format!("mount {point} without `noexec`, or keep the program in the image"))
            };
            return self.lost(CauseKind::NoExec, format!("{point} is mounted noexec"), fix);
        }
        let found = self.look.found;
        let of_stranger = |found: &PathStat| {
            (found.uid == NOBODY && self.ground.uid_map != IdMap::whole())
                || (found.gid == NOBODY && self.ground.gid_map != IdMap::whole())
        };
        if found.as_ref().is_some_and(of_stranger) && !self.is_allowed_by_mode() {
            let cause = format!("{path} belongs to an id of the host that is not mapped here");
            let fix = match self.question.want {
                Want::Device => Fix::words("podman: `--group-add keep-groups`"),
                _ => self.give().or(Fix::words("podman: `--userns=keep-id` (files of the user who started it)")),
            };
            return self.lost(CauseKind::NotMapped, cause, fix);
        }
        if self.is_allowed_by_mode() {
            return self.beyond_modes();
        }
        let cause = match found {
            Some(found) => format!("{path} is {}", shown(found)),
            None => format!("{} may not {verb} it", who.shown()),
        };
        self.lost(CauseKind::OwnerAndMode, cause, self.give())
    }

    /// Owner and mode say yes, the kernel says no.
    fn beyond_modes(&self) -> Trouble {
        let found = self.look.found.map(|found| format!(" ({})", shown(found))).unwrap_or_default();
        if let Some(mount) = self.mount.filter(|mount| mount.is_remote()) {
            let source = words::path(Path::new(&mount.source));
            let cause = format!("{source} refuses, although owner and mode{found} allow it (root_squash, all_squash)");
            return self.lost(CauseKind::Nfs, cause, self.give());
        }
        let Some(label) = &self.ground.label else {
            let cause = format!("owner and mode{found} allow it, something else refuses: an ACL (getfacl shows it)");
            let fix = Fix::words("fix the ACL on the host: `setfacl -R -b` removes it").or(self.give());
            return self.lost(CauseKind::Other, cause, fix);
        };
        let cause = format!("the security module refuses, although owner and mode{found} allow it: {label}");
        let fix = if label.matches(':').count() >= 2 {
            let point = self.mount.map_or_else(|| self.path(), |mount| words::path(&mount.point));
            Fix::words(format!("SELinux: relabel the volume: `-v SOURCE:{point}:z` (`:Z` for this container alone)"))
                .or(Fix::settings("--security-opt label=disable", "security_opt: [\"label=disable\"]", ""))
        } else {
            Fix::settings(
                "--security-opt apparmor=unconfined",
                "security_opt: [\"apparmor=unconfined\"]",
                "securityContext: { appArmorProfile: { type: Unconfined } }",
            )
        };
        self.lost(CauseKind::Lsm, cause, fix)
    }

    /// What gives it to who needs it.
    fn give(&self) -> Fix {
        let Question { who, want, path, recursive, .. } = self.question;
        let owner = Owner { uid: Uid(who.uid), gid: Gid(who.gid) };
        match (want, self.look.found) {
            (Want::Execute, _) => Fix::words(format!("in the Dockerfile: `RUN chmod a+rx {}`", self.path())),
            (Want::Device, Some(found)) if found.mode & 0o060 == 0o060 && found.gid != 0 => Fix::groups(&[found.gid]),
            (Want::Device, Some(found)) if found.mode & 0o060 == 0o060 => {
                Fix::words("give the device a group of its own on the host, or write `groups = [0]` under [app]")
            }
            (Want::Device, _) => Fix::words("give the device a group of its own on the host, mode 0660"),
            (Want::Use | Want::Enter, _) if path.to_str().is_some_and(is_systems) => {
                Fix::words(format!("name another directory: {} is the system's", self.path()))
            }
            (Want::Use | Want::Enter | Want::Read, Some(found)) if !found.is_directory => Fix::chown_file(path, owner),
            (Want::Use | Want::Enter | Want::Read, _) => Fix::chown(path, *recursive, owner),
        }
    }

    fn is_allowed_by_mode(&self) -> bool {
        let Some(found) = self.look.found else { return false };
        let ProbedUser { uid, gid, groups, .. } = &self.question.who;
        let bits = if found.uid == *uid {
            found.mode >> 6
        } else if found.gid == *gid || groups.contains(&found.gid) {
            found.mode >> 3
        } else {
            found.mode
        };
        let wanted = match (self.question.want, found.is_directory) {
            (Want::Use, true) => 0o7,
            (Want::Use | Want::Device, _) => 0o6,
            (Want::Enter, _) => 0o1,
            (Want::Execute, _) => 0o1,
            (Want::Read, _) => 0o4,
        };
        *uid == 0 || bits & wanted == wanted
    }
}

fn shown(found: PathStat) -> String {
    format!("{}:{} {:04o}", found.uid, found.gid, found.mode)
}

fn words_of(no: Denial) -> String {
    match no {
        Denial::Denied | Denial::NotPermitted => "owner and mode".to_owned(),
        Denial::ReadOnly => "read-only".to_owned(),
        Denial::Full => "no space left".to_owned(),
        Denial::Other(errno) => cause_words(&std::io::Error::from_raw_os_error(errno)),
    }
}
