//! Evaluates the observation of an [`AccessRequirement`]: the cause, what follows, the fix. Must not know how it was made.

use std::path::Path;

use super::access_requirements::{AccessKind, AccessRequirement, BootAction, ProbedUser, Purpose};
use super::mounts::Mount;
use super::observations::{AccessResult, Denial, HostContext, PathObservation, PathStat};
use crate::config::is_system_directory;
use crate::config::values::{Gid, Uid};
use crate::error::cause_text;
use crate::plan::facts::IdMap;
use crate::plan::finding::{Area, CauseKind, Check, Finding, Issue};
use crate::plan::fix::{Fix, KEEP_GROUPS};
use crate::plan::{Owner, printable};
use crate::text::shown as shown_name;

/// The id that unmapped owners are shown as (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65534;

pub(super) fn evaluate(requirement: &AccessRequirement, observation: &PathObservation, host: &HostContext) -> Check {
    let case = Evaluation { requirement, observation, host, mount: host.mounts.of(&observation.real) };
    let finding = match case.issue() {
        Ok(note) => Finding::Ok { note },
        Err(issue) if requirement.fatal => Finding::Fatal(issue),
        Err(issue) => Finding::Degraded(issue),
    };
    Check { area: area(&requirement.purpose), subject: subject(requirement), finding }
}

fn area(purpose: &Purpose) -> Area {
    match purpose {
        Purpose::Declared | Purpose::Home | Purpose::StartOf(_) => Area::Path,
        Purpose::Device => Area::Device,
        Purpose::Secret => Area::Secret,
        Purpose::Program(_) => Area::Service,
    }
}

fn subject(requirement: &AccessRequirement) -> String {
    let path = printable::path(&requirement.path);
    match &requirement.purpose {
        Purpose::Declared | Purpose::Home | Purpose::Device | Purpose::Secret => path,
        Purpose::Program(service) => format!("`{service}`"),
        Purpose::StartOf(service) => format!("`{service}`: {path}"),
    }
}

/// Returns what follows without the access.
fn consequence(requirement: &AccessRequirement) -> String {
    let who = &requirement.who;
    match &requirement.purpose {
        Purpose::Declared => format!("{} cannot use it", who.shown()),
        Purpose::Home => format!("HOME of {} cannot be written", shown_name(&who.name)),
        Purpose::Device => format!("{} cannot use this device", who.shown()),
        Purpose::Secret => format!("{} cannot read this secret", who.shown()),
        Purpose::Program(service) | Purpose::StartOf(service) => format!("`{service}` cannot start"),
    }
}

struct Evaluation<'a> {
    requirement: &'a AccessRequirement,
    observation: &'a PathObservation,
    host: &'a HostContext,
    mount: Option<&'a Mount>,
}

impl Evaluation<'_> {
    fn issue(&self) -> Result<String, Issue> {
        match (&self.observation.access, &self.requirement.at_boot) {
            (AccessResult::Allowed, at_boot) => Ok(self.ok_note(at_boot)),
            (AccessResult::Missing, _) if self.requirement.optional => Ok("missing, and optional".to_owned()),
            (AccessResult::Missing, BootAction::Created(uid, gid)) => Ok(format!("created at boot, {uid}:{gid}")),
            (AccessResult::Missing, _) => Err(self.with_boot_cause(self.missing())),
            (AccessResult::Unsearchable(on_the_way, found), _) => Err(self.unsearchable(on_the_way, *found)),
            (AccessResult::Unknown, BootAction::Skipped(why)) => Err(why.clone()),
            (AccessResult::Unknown, _) => Ok(format!("not checked: nobody here can become {}", self.account())),
            (
                AccessResult::NotRead(Denial::Denied)
                | AccessResult::NotWritten(Denial::Denied)
                | AccessResult::Below(..),
                BootAction::GivenTo(uid, gid),
            ) if self.depends_on_owner() => {
                let is_remote = self.mount.is_some_and(Mount::is_remote);
                let condition = if is_remote { ", if the server lets root do so" } else { "" };
                Ok(format!("given to {uid}:{gid} at boot{condition}"))
            }
            (AccessResult::NotRead(_) | AccessResult::NotWritten(_), BootAction::Created(uid, gid))
                if self.depends_on_owner() =>
            {
                Ok(format!("created {uid}:{gid} at boot"))
            }
            (AccessResult::NotRead(no), _) => Err(self.with_boot_cause(self.refused(*no, "read"))),
            (AccessResult::NotWritten(no), _) => Err(self.with_boot_cause(self.refused(*no, "write"))),
            (AccessResult::Below(path, no), _) => Err(self.below(path, *no)),
        }
    }

    fn account(&self) -> String {
        self.requirement.who.shown()
    }

    fn path(&self) -> String {
        printable::path(&self.requirement.path)
    }

    /// Returns whether another owner would change the result.
    fn depends_on_owner(&self) -> bool {
        let no = match self.observation.access {
            AccessResult::NotRead(no) | AccessResult::NotWritten(no) => no,
            AccessResult::Below(_, no) => return no == Denial::Denied,
            AccessResult::Allowed | AccessResult::Missing | AccessResult::Unsearchable(..) | AccessResult::Unknown => {
                return true;
            }
        };
        no == Denial::Denied && !self.is_allowed_by_permissions()
    }

    fn ok_note(&self, at_boot: &BootAction) -> String {
        let account = self.account();
        let can = match self.requirement.want {
            AccessKind::Use if self.observation.found.is_some_and(|found| !found.is_directory) => {
                format!("{account} can read and write it")
            }
            AccessKind::Use | AccessKind::Device => format!("{account} can use it"),
            AccessKind::Enter => format!("{account} can enter it"),
            AccessKind::Read => format!("{account} can read it"),
            AccessKind::Execute => return format!("{} as {account}", self.path()),
        };
        match at_boot {
            BootAction::GivenTo(uid, gid) => format!("{can}; given to {uid}:{gid} at boot"),
            BootAction::Skipped(Issue { cause, .. }) => format!("{can} now (at the boot: {cause})"),
            BootAction::None | BootAction::Created(..) => can,
        }
    }

    /// If the boot has reported a cause already it is kept: it names what root lacked. The kind of the cause comes from the
    /// observation.
    fn with_boot_cause(&self, found: Issue) -> Issue {
        match (&self.requirement.at_boot, found.why) {
            (BootAction::Skipped(at_boot), CauseKind::OwnerAndMode | CauseKind::Missing) => {
                let why = if at_boot.why == CauseKind::Other { found.why } else { at_boot.why };
                Issue { why, ..at_boot.clone() }
            }
            (BootAction::Skipped(_) | BootAction::None | BootAction::GivenTo(..) | BootAction::Created(..), _) => found,
        }
    }

    fn issue_of(&self, why: CauseKind, cause: String, fix: Fix) -> Issue {
        Issue { why, ..Issue::new(cause, consequence(self.requirement), fix) }
    }

    fn missing(&self) -> Issue {
        let path = self.path();
        let fix = match &self.requirement.purpose {
            Purpose::Declared | Purpose::Home | Purpose::StartOf(_) => {
                let owner = Owner { uid: Uid(self.requirement.who.uid), gid: Gid(self.requirement.who.gid) };
                Fix::volume(&self.requirement.path, Some(owner))
            }
            Purpose::Device | Purpose::Secret | Purpose::Program(_) => Fix::text("put it into the image, or mount it"),
        };
        self.issue_of(CauseKind::Missing, format!("{path} does not exist"), fix)
    }

    fn unsearchable(&self, on_the_way: &Path, found: Option<PathStat>) -> Issue {
        let at = printable::path(on_the_way);
        let cause = match found {
            Some(found) => format!("{at}, on the way, is {}", shown(found)),
            None => format!("{at}, on the way, cannot be entered"),
        };
        let fix = if self.host.mounts.of(on_the_way).is_none_or(Mount::is_image) {
            // Not to change its mode: /root or a home is closed intentionally.
            Fix::text(format!("move {} out of {at}, or let a user need it that may enter {at}", self.path()))
        } else {
            Fix::text(format!("`chmod a+x` on the host what is mounted at {at}"))
        };
        self.issue_of(CauseKind::OwnerAndMode, cause, fix)
    }

    fn below(&self, path: &Path, no: Denial) -> Issue {
        let at = printable::path(path);
        let cause = format!("{at}, below it, cannot be used: {}", denial_text(no));
        self.issue_of(CauseKind::OwnerAndMode, cause, self.chown_fix())
    }

    fn refused(&self, no: Denial, verb: &str) -> Issue {
        let path = self.path();
        match no {
            Denial::ReadOnly => self.read_only(),
            Denial::Full => {
                let source = self.mount.map(|mount| printable::path(Path::new(&mount.source))).unwrap_or_default();
                let fix = "free some space or inodes there, or raise the quota";
                self.issue_of(CauseKind::Full, format!("no space is left on {source}"), fix.into())
            }
            Denial::NotPermitted if self.requirement.want == AccessKind::Device => {
                let fix = Fix::settings(format!("--device {path}"), format!("devices: [{path}]"), "");
                self.issue_of(CauseKind::DeviceCgroup, "the container's device rules forbid it".to_owned(), fix)
            }
            Denial::Denied | Denial::NotPermitted => self.denied(verb),
            Denial::Other(errno) => {
                let words = cause_text(&std::io::Error::from_raw_os_error(errno));
                self.issue_of(CauseKind::Other, format!("cannot {verb} it: {words}"), Fix::text("fix what is there"))
            }
        }
    }

    fn read_only(&self) -> Issue {
        let Some(mount) = self.mount.filter(|mount| !mount.is_image()) else {
            let owner = Owner { uid: Uid(self.requirement.who.uid), gid: Gid(self.requirement.who.gid) };
            let is_file = self.observation.found.is_some_and(|found| !found.is_directory);
            let fix = Fix::writable(&self.requirement.path, is_file, Some(owner));
            return self.issue_of(CauseKind::ReadOnly, "the container's root is read-only".to_owned(), fix);
        };
        self.issue_of(CauseKind::ReadOnly, mount.read_only_cause(), mount.read_write())
    }

    fn denied(&self, verb: &str) -> Issue {
        let (path, who) = (self.path(), &self.requirement.who);
        if let Some(mount) =
            self.mount.filter(|mount| self.requirement.want == AccessKind::Execute && mount.has("noexec"))
        {
            let point = printable::path(&mount.point);
            let fix = if mount.is_memory() {
                Fix::settings(format!("--tmpfs {point}:exec"), format!("tmpfs: [\"{point}:exec\"]"), "")
                    .or(Fix::text("keep the program in the image"))
            } else {
                Fix::text(format!("mount {point} without `noexec`, or keep the program in the image"))
            };
            return self.issue_of(CauseKind::NoExec, format!("{point} is mounted noexec"), fix);
        }
        let found = self.observation.found;
        let of_stranger = |found: &PathStat| {
            (found.uid == NOBODY && self.host.uid_map != IdMap::whole())
                || (found.gid == NOBODY && self.host.gid_map != IdMap::whole())
        };
        if found.as_ref().is_some_and(of_stranger) && !self.is_allowed_by_permissions() {
            let cause = format!("{path} belongs to an id of the host that is not mapped here");
            let fix = match self.requirement.want {
                AccessKind::Device => Fix::text(KEEP_GROUPS),
                _ => self.chown_fix().or(Fix::text("podman: `--userns=keep-id` (files of the user who started it)")),
            };
            return self.issue_of(CauseKind::NotMapped, cause, fix);
        }
        if self.is_allowed_by_permissions() {
            return self.beyond_permissions();
        }
        let cause = match found {
            Some(found) => format!("{path} is {}", shown(found)),
            None => format!("{} may not {verb} it", who.shown()),
        };
        self.issue_of(CauseKind::OwnerAndMode, cause, self.chown_fix())
    }

    /// Owner and mode allow it, and the kernel refuses it.
    fn beyond_permissions(&self) -> Issue {
        let found = self.observation.found.map(|found| format!(" ({})", shown(found))).unwrap_or_default();
        if let Some(mount) = self.mount.filter(|mount| mount.is_remote()) {
            let source = printable::path(Path::new(&mount.source));
            let cause = format!("{source} refuses, although owner and mode{found} allow it (root_squash, all_squash)");
            return self.issue_of(CauseKind::Nfs, cause, self.chown_fix());
        }
        let Some(label) = &self.host.label else {
            let cause = format!("owner and mode{found} allow it, something else refuses: an ACL (getfacl shows it)");
            let fix = Fix::text("fix the ACL on the host: `setfacl -R -b` removes it").or(self.chown_fix());
            return self.issue_of(CauseKind::Other, cause, fix);
        };
        let cause = format!("the security module refuses, although owner and mode{found} allow it: {label}");
        let fix = if label.matches(':').count() >= 2 {
            let point = self.mount.map_or_else(|| self.path(), |mount| printable::path(&mount.point));
            Fix::text(format!("SELinux: relabel the volume: `-v SOURCE:{point}:z` (`:Z` for this container alone)"))
                .or(Fix::settings("--security-opt label=disable", "security_opt: [\"label=disable\"]", ""))
        } else {
            Fix::settings(
                "--security-opt apparmor=unconfined",
                "security_opt: [\"apparmor=unconfined\"]",
                "securityContext: { appArmorProfile: { type: Unconfined } }",
            )
        };
        self.issue_of(CauseKind::Lsm, cause, fix)
    }

    /// The fix that changes its owner.
    fn chown_fix(&self) -> Fix {
        let AccessRequirement { who, want, path, recursive, .. } = self.requirement;
        let owner = Owner { uid: Uid(who.uid), gid: Gid(who.gid) };
        match (want, self.observation.found) {
            (AccessKind::Execute, _) => Fix::text(format!("in the Dockerfile: `RUN chmod a+rx {}`", self.path())),
            (AccessKind::Device, Some(found)) if found.mode & 0o060 == 0o060 && found.gid != 0 => {
                Fix::groups(&[found.gid])
            }
            (AccessKind::Device, Some(found)) if found.mode & 0o060 == 0o060 => {
                Fix::text("give the device a group of its own on the host, or write `groups = [0]` under [app]")
            }
            (AccessKind::Device, _) => Fix::text("give the device a group of its own on the host, mode 0660"),
            (AccessKind::Use | AccessKind::Enter, _) if path.to_str().is_some_and(is_system_directory) => {
                Fix::text(format!("name another directory: {} is the system's", self.path()))
            }
            (AccessKind::Use | AccessKind::Enter | AccessKind::Read, Some(found)) if !found.is_directory => {
                Fix::chown_file(path, owner)
            }
            (AccessKind::Use | AccessKind::Enter | AccessKind::Read, _) => Fix::chown(path, *recursive, owner),
        }
    }

    fn is_allowed_by_permissions(&self) -> bool {
        let Some(found) = self.observation.found else { return false };
        let ProbedUser { uid, gid, groups, .. } = &self.requirement.who;
        let bits = if found.uid == *uid {
            found.mode >> 6
        } else if found.gid == *gid || groups.contains(&found.gid) {
            found.mode >> 3
        } else {
            found.mode
        };
        let wanted = match (self.requirement.want, found.is_directory) {
            (AccessKind::Use, true) => 0o7,
            (AccessKind::Use | AccessKind::Device, _) => 0o6,
            (AccessKind::Enter, _) => 0o1,
            (AccessKind::Execute, _) => 0o1,
            (AccessKind::Read, _) => 0o4,
        };
        *uid == 0 || bits & wanted == wanted
    }
}

fn shown(found: PathStat) -> String {
    format!("{}:{} {:04o}", found.uid, found.gid, found.mode)
}

fn denial_text(no: Denial) -> String {
    match no {
        Denial::Denied | Denial::NotPermitted => "owner and mode".to_owned(),
        Denial::ReadOnly => "read-only".to_owned(),
        Denial::Full => "no space left".to_owned(),
        Denial::Other(errno) => cause_text(&std::io::Error::from_raw_os_error(errno)),
    }
}
