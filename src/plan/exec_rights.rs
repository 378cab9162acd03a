//! Checks whether a service's user may execute its programs, and whether no_new_privs disables the rights of their files
//! (setuid, file capabilities; execve(2), capabilities(7)). A program that works elsewhere would otherwise fail with an errno.
//! Must not know how files are read.

use std::path::Path;

use super::exec_failure::{ExecFailure, FilePermissions};
use super::facts::{Executable, Facts, ProgramFact};
use super::finding::{Area, CauseKind, Issue};
use super::fix::Fix;
use super::notes::Notes;
use super::printable;
use super::switch::{RunsAs, SwitchAbility};
use crate::config::Config;
use crate::config::service::{Command, Service};
use crate::config::values::{CapSet, Capability, Gid, Uid};

/// The service that executes programs, and its user.
pub(super) struct Executor<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub switch_ability: SwitchAbility,
    /// `None`: the main command.
    pub service: Option<&'a Service>,
    pub runs: &'a RunsAs,
}

/// What a user may do with a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// Read it.
    Read,
    /// Execute or search it.
    Execute,
}

impl Permission {
    fn bit(self) -> u32 {
        match self {
            Self::Read => 0o4,
            Self::Execute => 0o1,
        }
    }
}

impl Executor<'_> {
    /// Checks a program of the service; `key`: its key, `""` for the command.
    pub(super) fn check(&self, key: &str, command: &Command, fact: Option<&ProgramFact>, notes: &mut Notes) {
        let Some(ProgramFact::Found(program)) = fact else { return };
        let Some(executable) = self.facts.named.executables.get(program) else { return };
        let name = self.service.map_or("main", |service| service.name.as_str());
        let subject = if key.is_empty() { format!("`{name}`") } else { format!("`{name}`: `{key}`") };
        // Without root access was checked by the kernel; in PATH a later directory may contain it.
        if self.switch_ability == SwitchAbility::Root
            && is_named_by_path(command)
            && let Some(seen) = executable.restricted.iter().find(|seen| self.is_refused(seen, program))
        {
            let failure = match seen.path == *program {
                true => ExecFailure::NotForThisUser(seen.clone()),
                false => ExecFailure::UnsearchableDirectory(seen.clone()),
            };
            if let Some((what, fix)) = failure.cause_and_fix(program) {
                let (path, who) =
                    (printable::path(program), format!("{} ({}:{})", self.runs.user, self.runs.uid, self.runs.gid));
                let issue = Issue {
                    why: CauseKind::OwnerAndMode,
                    ..Issue::new(format!("{path}: {what}"), format!("{who} cannot execute it"), Fix::text(fix))
                };
                notes.degraded(Area::Service, subject.clone(), issue);
            }
        }
        let sets = self.service.is_none_or(|service| service.no_new_privileges) || self.facts.no_new_privs;
        if self.runs.uid != Uid::ROOT && sets {
            self.notice_void(&subject, executable, notes);
        }
    }

    /// Whether this user may not search or execute it.
    fn is_refused(&self, seen: &FilePermissions, program: &Path) -> bool {
        self.lacks(Permission::Execute, seen, program)
    }

    /// Whether this user lacks a permission for the program or a directory of its path. Paths that the boot changes are not
    /// checked.
    pub(super) fn lacks(&self, wanted: Permission, seen: &FilePermissions, program: &Path) -> bool {
        let container = &self.config.container;
        let changed =
            container.own.iter().map(|own| &own.path).chain(container.directories.iter().map(|made| &made.path));
        if changed.into_iter().any(|path| seen.path.starts_with(path)) {
            return false;
        }
        let RunsAs { uid, gid, groups, .. } = self.runs;
        if *uid == Uid::ROOT && self.facts.effective.has(Capability::DAC_OVERRIDE) {
            return wanted == Permission::Execute && seen.path == program && seen.mode & 0o111 == 0;
        }
        let is_member = |group: Gid| *gid == group || groups.iter().flatten().any(|it| *it == group);
        let bits = match () {
            () if *uid == seen.uid => seen.mode >> 6,
            () if is_member(seen.gid) => seen.mode >> 3,
            () => seen.mode,
        };
        bits & wanted.bit() == 0
    }

    fn notice_void(&self, subject: &str, executable: &Executable, notes: &mut Notes) {
        let file = printable::path(&executable.file);
        let given = self.service.map_or(CapSet::EMPTY, |service| service.capabilities);
        let lost = without_free_ports(executable.capabilities.minus(given), self.facts);
        if !lost.is_empty() {
            let what = format!("{file} has file capabilities ({lost}), which have no effect under no_new_privs");
            self.add_notice(subject, what, Some(lost), notes);
        }
        let other_user = executable.setuid.filter(|uid| *uid != self.runs.uid);
        let member = |gid: &Gid| *gid == self.runs.gid || self.runs.groups.iter().flatten().any(|it| it == gid);
        let other_group = executable.setgid.filter(|gid| !member(gid));
        let what = match (other_user, other_group) {
            (Some(uid), _) => format!("{file} is setuid (user {uid}), which has no effect under no_new_privs"),
            (None, Some(gid)) => format!("{file} is setgid (group {gid}), which has no effect under no_new_privs"),
            (None, None) => return,
        };
        self.add_notice(subject, what, None, notes);
    }

    fn add_notice(&self, subject: &str, what: String, lost: Option<CapSet>, notes: &mut Notes) {
        let who = &self.runs.user;
        let consequence = format!("it has only what {who} has");
        let issue = Issue { why: CauseKind::NoNewPrivs, ..Issue::new(what, consequence, self.fix(lost)) };
        notes.degraded(Area::Capability, subject, issue);
    }

    /// Returns the fix that enables these capabilities of the file, or all of its rights: runtime settings and keys.
    fn fix(&self, lost: Option<CapSet>) -> String {
        let facts = self.facts;
        // Without root PID 1 has no capabilities, and the kernel grants the file's if nothing forbids it.
        let is_given = |lost: &CapSet| {
            let (ours, reachable) = (lost.minus(facts.permitted), lost.minus(facts.bounding));
            ours.is_empty() || self.switch_ability != SwitchAbility::User || !reachable.is_empty()
        };
        let given = lost.filter(is_given);
        let (granted, key) = match given {
            Some(lost) => {
                let list: Vec<_> = lost.iter().map(|it| format!("\"{it}\"")).collect();
                (self.granting(lost.minus(facts.permitted)), format!("`capabilities = [{}]`", list.join(", ")))
            }
            None => {
                let forbidden = "remove `no-new-privileges` from the runtime's `security_opt`";
                (facts.no_new_privs.then(|| forbidden.to_owned()), "`no_new_privileges = false`".to_owned())
            }
        };
        let written = match self.service {
            Some(service) if given.is_none() && !service.no_new_privileges => None,
            Some(_) => Some(format!("write {key} into the service's file")),
            None => Some(format!("make it a service of the tree, with {key} in its file")),
        };
        granted.into_iter().chain(written).collect::<Vec<_>>().join(", and ")
    }

    fn granting(&self, missing: CapSet) -> Option<String> {
        let fix = Fix::capabilities(missing);
        (!missing.is_empty()).then(|| match self.switch_ability {
            SwitchAbility::Root | SwitchAbility::LimitedRoot => fix.to_string(),
            SwitchAbility::User => format!("start the container as root, with {fix}"),
        })
    }
}

/// Returns these capabilities without NET_BIND_SERVICE if low ports can be bound without it.
pub(super) fn without_free_ports(capabilities: CapSet, facts: &Facts) -> CapSet {
    match facts.unprivileged_port_start {
        Some(..=1) => capabilities.minus(CapSet::EMPTY.with(Capability::NET_BIND_SERVICE)),
        Some(_) | None => capabilities,
    }
}

fn is_named_by_path(command: &Command) -> bool {
    match command {
        Command::Argv(argv) => argv.first().is_some_and(|word| word.as_encoded_bytes().contains(&b'/')),
        Command::Script(_) | Command::File(_) => true,
        Command::Nothing => false,
    }
}
