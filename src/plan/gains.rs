//! What a program is to who executes it: not to be executed by that user, or with rights of its file (setuid, file
//! capabilities) that no_new_privs makes void in silence (execve(2), capabilities(7)). Said, because a program that works
//! elsewhere then fails with an errno. Must not know how a file is looked at.

use std::fmt;
use std::path::Path;

use super::facts::{Executable, Facts, ProgramFact};
use super::finding::{Area, CauseKind, Trouble};
use super::fix::Fix;
use super::notes::Notes;
use super::obstacle::{FilePermissions, Obstacle};
use super::switch::{RunsAs, SwitchAbility};
use super::words;
use crate::config::Config;
use crate::config::service::{Command, Service};
use crate::config::values::{CapSet, Capability, Gid, Uid};

/// Who executes.
pub(super) struct Executor<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub standing: SwitchAbility,
    /// `None`: the main command.
    pub service: Option<&'a Service>,
    pub runs: &'a RunsAs,
}

impl Executor<'_> {
    /// Says what becomes of this program when it is executed; `key`: where it stands, `""`: the command's.
    pub(super) fn judge(&self, key: &str, command: &Command, fact: Option<&ProgramFact>, notes: &mut Notes) {
        let Some(ProgramFact::Found(program)) = fact else { return };
        let Some(executable) = self.facts.executables.get(program) else { return };
        let name = self.service.map_or("main", |service| service.name.as_str());
        let subject = if key.is_empty() { format!("`{name}`") } else { format!("`{name}`: `{key}`") };
        // Without root the kernel was asked itself; what is looked for in PATH may be found later in it.
        if self.standing == SwitchAbility::Root
            && is_named_by_path(command)
            && let Some(seen) = executable.closed.iter().find(|seen| self.is_closed(seen, program))
        {
            let obstacle = match seen.path == *program {
                true => Obstacle::NotForThisUser(seen.clone()),
                false => Obstacle::ClosedDirectory(seen.clone()),
            };
            if let Some((what, help)) = obstacle.words(program) {
                let (path, who) =
                    (words::path(program), format!("{} ({}:{})", self.runs.user, self.runs.uid, self.runs.gid));
                let trouble = Trouble {
                    why: CauseKind::OwnerAndMode,
                    ..Trouble::new(format!("{path}: {what}"), format!("{who} cannot execute it"), Fix::words(help))
                };
                notes.degraded(Area::Service, subject.clone(), trouble);
            }
        }
        let sets = self.service.is_none_or(|service| service.no_new_privileges) || self.facts.no_new_privs;
        if self.runs.uid != Uid::ROOT && sets {
            self.say_void(&subject, executable, notes);
        }
    }

    /// Whether this user may not search or execute it. What the boot changes is not judged.
    fn is_closed(&self, seen: &FilePermissions, program: &Path) -> bool {
        let container = &self.config.container;
        let changed =
            container.own.iter().map(|own| &own.path).chain(container.directories.iter().map(|made| &made.path));
        if changed.into_iter().any(|path| seen.path.starts_with(path)) {
            return false;
        }
        let RunsAs { uid, gid, groups, .. } = self.runs;
        if *uid == Uid::ROOT && self.facts.effective.has(Capability::DAC_OVERRIDE) {
            return seen.path == program && seen.mode & 0o111 == 0;
        }
        let is_member = |group: Gid| *gid == group || groups.iter().flatten().any(|it| *it == group);
        let bits = match () {
            () if *uid == seen.uid => seen.mode >> 6,
            () if is_member(seen.gid) => seen.mode >> 3,
            () => seen.mode,
        };
        bits & 1 == 0
    }

    fn say_void(&self, subject: &str, executable: &Executable, notes: &mut Notes) {
        let file = words::path(&executable.file);
        let given = self.service.map_or(CapSet::EMPTY, |service| service.capabilities);
        let lost = executable.capabilities.minus(given);
        if !lost.is_empty() {
            let what = format!("{file} has file capabilities ({lost}), which are void under no_new_privs");
            self.say(subject, what, KeyThatHelps::Capabilities(lost), notes);
        }
        let other_user = executable.setuid.filter(|uid| *uid != self.runs.uid);
        let member = |gid: &Gid| *gid == self.runs.gid || self.runs.groups.iter().flatten().any(|it| it == gid);
        let other_group = executable.setgid.filter(|gid| !member(gid));
        let what = match (other_user, other_group) {
            (Some(uid), _) => format!("{file} is setuid (user {uid}), which is void under no_new_privs"),
            (None, Some(gid)) => format!("{file} is setgid (group {gid}), which is void under no_new_privs"),
            (None, None) => return,
        };
        self.say(subject, what, KeyThatHelps::NoNewPrivileges, notes);
    }

    fn say(&self, subject: &str, what: String, key: KeyThatHelps, notes: &mut Notes) {
        let help = match (self.service, key) {
            (_, KeyThatHelps::NoNewPrivileges) if self.facts.no_new_privs => {
                "take `no-new-privileges` out of the runtime's `security_opt`".to_owned()
            }
            (Some(_), key) => format!("write {key} into the service's file"),
            (None, key) => format!("make it a service of the tree, with {key} in its file"),
        };
        let who = &self.runs.user;
        let consequence = format!("it has only what {who} has");
        let trouble = Trouble { why: CauseKind::NoNewPrivs, ..Trouble::new(what, consequence, help) };
        notes.degraded(Area::Capability, subject, trouble);
    }
}

/// What a service's file has to say for a program to have its rights.
#[derive(Clone, Copy)]
enum KeyThatHelps {
    Capabilities(CapSet),
    NoNewPrivileges,
}

impl fmt::Display for KeyThatHelps {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capabilities(lost) => {
                let list: Vec<_> = lost.iter().map(|it| format!("\"{it}\"")).collect();
                write!(out, "`capabilities = [{}]`", list.join(", "))
            }
            Self::NoNewPrivileges => out.write_str("`no_new_privileges = false`"),
        }
    }
}

fn is_named_by_path(command: &Command) -> bool {
    match command {
        Command::Argv(words) => words.first().is_some_and(|word| word.as_encoded_bytes().contains(&b'/')),
        Command::Script(_) | Command::File(_) => true,
    }
}
