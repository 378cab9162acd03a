//! [`TrustCheck`]: checks that users other than root could not have written the files and programs of services that have
//! more rights than the app user. Must not know how owners are read.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::facts::{Facts, FileOwner, ProgramFact};
use super::finding::{Area, Issue};
use super::notes::Notes;
use super::setuid_gain::{self, adds_more_than_no_new_privs, is_kept_from_setuid};
use super::switch::{RunsAs, SwitchAbility};
use super::trusted_writers::{TrustedWriters, entry, of_root, path_of};
use super::{BootPlan, Identity, arguments, printable};
use crate::config::Config;
use crate::config::container::{DropPolicy, UserRef};
use crate::config::service::Service;
use crate::config::values::{Gid, ServiceName, Uid};
use crate::error::Place;
use crate::text::shown;

/// The inputs of the check.
pub(super) struct TrustCheck<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub identity: &'a Identity,
    pub switch_ability: SwitchAbility,
    pub runs: &'a [RunsAs],
}

/// Why a service has more rights than the app user, and how to remove them.
pub(super) struct ExtraRights {
    why: String,
    instead: String,
}

/// A user other than root who controls a file.
#[derive(Clone, Copy)]
pub(super) enum UntrustedWriter<'a> {
    /// The owner of the file, or of a directory or link in its path, or a user who could write it.
    Found(&'a FileOwner),
    /// The user that the boot makes its owner.
    Given { path: &'a Path, key: &'static str },
}

impl UntrustedWriter<'_> {
    /// Returns the controlled path.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Found(found) => &found.path,
            Self::Given { path, .. } => path,
        }
    }
}

impl fmt::Display for UntrustedWriter<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(found) => write!(out, "{found}"),
            Self::Given { path, key } => write!(out, "`{key}` gives {} away", printable::path(path)),
        }
    }
}

impl<'a> TrustCheck<'a> {
    /// Reports every file that others than root could have written, once each.
    pub(super) fn check(&self, notes: &mut Notes) {
        let (mut reported, mut warned) = (BTreeSet::new(), BTreeSet::new());
        let main = self.config.main_service();
        let all = self.config.services.iter().chain(&main).zip(self.runs).filter(|(_, runs)| runs.skipped.is_none());
        let kept = all.filter(|(service, runs)| is_kept_from_setuid(service, runs.uid));
        let kept: Vec<_> = kept.map(|(service, _)| &service.name).collect();
        for (service, runs) in self.config.services.iter().chain(&main).zip(self.runs) {
            let Some(ExtraRights { why, instead }) = self.extra_rights(service, runs) else { continue };
            let name = &service.name;
            let mut own = BTreeSet::new();
            let is_held_back = notes.about(service, self.config);
            // With `drop = "app"` every script of the image runs as the app user without no_new_privs. Whoever can write one has
            // that already, unless something runs that has no_new_privs, such as the main command: it could write the script and
            // end its process, and PID 1 would start what it has written.
            let is_apps = self.config.container.drop == DropPolicy::App
                && service.s6.is_some()
                && !adds_more_than_no_new_privs(service, runs, self.identity);
            let instead = match &kept[..] {
                [] if is_apps => continue,
                kept if is_apps => setuid_gain::fix(kept),
                _ => instead,
            };
            // Each service is held back for all that is its own.
            let reported = if is_held_back { &mut own } else { &mut reported };
            let anyway = if is_held_back { ", which s6-overlay runs all the same" } else { "" };
            if let Some(path) = entry(service)
                && let Some(writer) = self.untrusted_writer(path, self.only_root_writes())
                && reported.insert(writer.path.clone())
            {
                let what = format!("`{name}` {why}, and users other than root could have written it{anyway}: {writer}");
                let tree = path.parent().unwrap_or(path);
                let fix = owner_fix(writer, tree, "/etc/services.d");
                notes.problem(&service.at, what, format!("{fix}, or {instead}"));
            }
            for executed in self.executed(service, runs) {
                let Some(writer) = self.untrusted_writer_of(&executed.path, service, runs) else { continue };
                let fix = fix(writer, &executed.path, name, &instead);
                match executed.is_argument {
                    false if reported.insert(writer.path().to_owned()) => {
                        let what = format!(
                            "`{name}` {why}, and users other than root could have written {executed}{anyway}: {writer}"
                        );
                        notes.problem(&service.at, what, fix);
                    }
                    true if warned.insert(writer.path().to_owned()) => {
                        let cause = format!("{why}, and users other than root could have written {executed}: {writer}");
                        let place = printable::path(writer.path());
                        let consequence = format!("everyone who can write {place} has its rights");
                        let issue = Issue::new(cause, consequence, fix);
                        notes.degraded(Area::Service, format!("`{name}`"), issue);
                    }
                    false | true => {}
                }
            }
            for (script, name) in self.not_by_env(service, runs) {
                let (script, name) = (printable::path(&script), shown(name));
                let what = format!(
                    "`{}` {why}, and env(1) finds no `{name}` for {script} in what is left of PATH",
                    service.name
                );
                let fix = format!("write the path of the interpreter into {script}, such as `#!/usr/bin/{name}`");
                notes.problem(&service.at, what, fix);
            }
            for entry in self.facts.named.search.declared.get(name.as_str()).into_iter().flatten() {
                let Some(unsafe_directory) = self.unsafe_reason(entry, service, runs) else { continue };
                if reported.insert(entry.path.clone()) {
                    let (directory, fix) = unsafe_directory.cause_and_fix(entry);
                    let what =
                        format!("`{name}` {why}, and programs are searched in the PATH of its file: {directory}");
                    let fix = format!("take it out of PATH, or {instead}; {fix}");
                    notes.problem_of(&["environment"], &service.at, what, fix);
                }
            }
            let Some(file) = &service.environment_file else { continue };
            if let Some(writer) = self.untrusted_writer(file, self.trusted_writers_of(service, runs))
                && reported.insert(writer.path.clone())
            {
                let what = format!(
                    "`{name}` {why}, and users other than root could have written its `environment_file` {}: {writer}",
                    printable::path(file)
                );
                let fix = owner_fix(writer, file, "/etc");
                notes.problem_of(&["environment_file"], &service.at, what, format!("{fix}, or {instead}"));
            }
        }
        notes.about_all();
        self.check_container(notes);
    }

    fn check_container(&self, notes: &mut Notes) {
        let at = &self.config.container.app.at;
        let (Some(path), [key, ..]) = (path_of(at), &of_root(&self.config.container)[..]) else { return };
        if self.app_is_root() {
            return;
        }
        if let Some(writer) = self.untrusted_writer(path, self.only_root_writes()) {
            let what =
                format!("root does what `{key}` says, and users other than root could have written it: {writer}");
            let fix = owner_fix(writer, path, "/etc");
            notes.problem(&Place::file(path), what, format!("{fix}, or remove `{key}`"));
        }
    }

    /// Returns who may own this service's `environment_file` and programs: root, or also its own user if that has no extra
    /// rights.
    pub(super) fn trusted_writers_of(&self, service: &Service, runs: &RunsAs) -> TrustedWriters {
        match (self.extra_rights(service, runs), self.only_root_writes()) {
            (None, _) | (_, TrustedWriters::Anybody) => TrustedWriters::Anybody,
            (Some(_), TrustedWriters::Root { unpacked, shared_group, .. }) => {
                let own = runs.uid != self.identity.uid && service.capabilities.is_empty();
                TrustedWriters::Root { or: own.then_some(runs.uid), unpacked, shared_group }
            }
        }
    }

    fn untrusted_writer(&self, path: &Path, writers: TrustedWriters) -> Option<&'a FileOwner> {
        self.facts.named.file_owners.get(path)?.iter().find(|found| !writers.allows(found))
    }

    fn untrusted_writer_of(&self, program: &Path, service: &Service, runs: &RunsAs) -> Option<UntrustedWriter<'a>> {
        let writers = self.trusted_writers_of(service, runs);
        let mut found = self.facts.named.file_owners.get(program).into_iter().flatten();
        let found = found.find(|found| !writers.allows(found) && !self.is_trusted_by_author(&found.path));
        found.map(UntrustedWriter::Found).or_else(|| self.given_away_to(program, service, runs))
    }

    /// Whether the configuration declares it trusted although others could write it.
    pub(super) fn is_trusted_by_author(&self, path: &Path) -> bool {
        self.config.container.trust.iter().any(|trusted| path.starts_with(trusted))
    }

    /// Returns the user that the boot makes the owner of a path that only root controls now.
    pub(super) fn given_away_to(&self, path: &Path, service: &Service, runs: &RunsAs) -> Option<UntrustedWriter<'a>> {
        let TrustedWriters::Root { or, .. } = self.trusted_writers_of(service, runs) else { return None };
        let is_safe = |user: &Option<UserRef>| match user {
            None => false,
            Some(UserRef::Id(uid)) => *uid == Uid::ROOT || Some(*uid) == or,
            Some(UserRef::Name(name)) => name.as_str() == "root" || (or.is_some() && name.as_str() == runs.user),
        };
        let container = &self.config.container;
        // The resolved path and every link in it: the owner of a link controls its target.
        let stands: Vec<_> = std::iter::once(path).chain(self.resolved(path)).collect();
        let lies_in = |given: &Path, is_reached: &dyn Fn(&Path, &Path) -> bool| {
            let given = self.resolved(given).last().unwrap_or(given);
            stands.iter().any(|place| is_reached(place, given))
        };
        let own = container.own.iter().filter(|own| {
            let is_reached = |place: &Path, given: &Path| {
                let excluded = own.options.exclude.iter().any(|name| place.starts_with(given.join(name)));
                !excluded && if own.options.recursive { place.starts_with(given) } else { place == given }
            };
            own.options.when.may_change() && !is_safe(&own.user) && lies_in(&own.path, &is_reached)
        });
        let made = container.directories.iter().filter(|made| {
            !is_safe(&made.user) && lies_in(&made.path, &|place: &Path, given: &Path| place.starts_with(given))
        });
        let own = own.map(|own| UntrustedWriter::Given { path: &own.path, key: "own" });
        let made = made.map(|made| UntrustedWriter::Given { path: &made.path, key: "directory" });
        own.chain(made).find(|given| !self.is_trusted_by_author(given.path()))
    }

    /// Returns the links in a path and the resolved path; nothing if there are no links.
    pub(super) fn resolved(&self, path: &Path) -> impl DoubleEndedIterator<Item = &'a Path> + use<'a> {
        self.facts.named.resolved.get(path).into_iter().flatten().map(PathBuf::as_path)
    }

    /// Returns everything that a service executes, with interpreters.
    pub(super) fn executed(&self, service: &Service, runs: &RunsAs) -> Vec<Executed> {
        let auxiliary = service.auxiliary_commands();
        let all = std::iter::once(("", &service.command)).chain(auxiliary.iter().map(|(key, command)| (*key, command)));
        let mut executed = Vec::new();
        for (key, command) in all {
            let fact = self.found(service, runs, key, command).or_else(|| self.fact(service, key).cloned());
            let Some(path) = fact.as_ref().and_then(ProgramFact::path) else { continue };
            let directory = service.directory.as_deref().unwrap_or(Path::new("/"));
            let reported = arguments::programs(command, directory);
            for (program, is_argument) in
                std::iter::once((path, false)).chain(reported.iter().map(|reported| (reported, true)))
            {
                let why = if is_argument { ExecutedAs::ArgumentOf(path.clone()) } else { ExecutedAs::Named };
                let named = Executed { key, path: program.clone(), why, is_argument };
                self.add_needed(&named, service, runs, &mut executed);
                executed.push(named);
            }
        }
        executed
    }

    /// Returns the result of looking up a program in the whole PATH.
    pub(super) fn fact(&self, service: &Service, key: &str) -> Option<&'a ProgramFact> {
        match key {
            "" => self.facts.named.programs.get(service.name.as_str()),
            key => self.facts.named.auxiliary_programs.get(service.name.as_str())?.get(key),
        }
    }

    fn only_root_writes(&self) -> TrustedWriters {
        let all: Vec<_> = self.runs.iter().map(|runs| (runs.uid, runs.gid, runs.groups.as_deref())).collect();
        only_root_writes(self.identity, self.facts, &all)
    }

    /// Whether no service can have more rights than the app user: it is root, or there is no root here.
    fn app_is_root(&self) -> bool {
        self.switch_ability != SwitchAbility::Root || self.identity.uid == Uid::ROOT
    }

    pub(super) fn extra_rights(&self, service: &Service, runs: &RunsAs) -> Option<ExtraRights> {
        if self.app_is_root() || runs.skipped.is_some() {
            return None;
        }
        let more = |why: String, keys: &str| {
            // Without root the scripts of such an image have no more than the app user.
            let instead = match &service.s6 {
                Some(_) => "write `drop = \"app\"` into /etc/stepdown.toml".to_owned(),
                None => format!("remove {keys}"),
            };
            Some(ExtraRights { why, instead })
        };
        let mut groups = runs.groups.iter().flatten().chain([&runs.gid]);
        if runs.uid == Uid::ROOT {
            more("runs as root".to_owned(), "`user = \"root\"`")
        } else if runs.uid != self.identity.uid {
            more(format!("runs as {} ({}:{})", runs.user, runs.uid, runs.gid), "`user`")
        } else if let Some(gid) = groups.find(|gid| !self.identity.groups.contains(gid)) {
            more(format!("has group {gid}, which the app user does not have"), "`groups` or `user`")
        } else if !service.capabilities.is_empty() {
            more(format!("is given {}", service.capabilities), "`capabilities`")
        } else if !service.no_new_privileges {
            more("is without no_new_privs".to_owned(), "`no_new_privileges = false`")
        } else if let Some(nice) = service.nice.filter(|nice| *nice < self.facts.nice) {
            more(format!("has nice {nice}"), "`nice`")
        } else if let Some(score) = service.oom_score_adj.filter(|score| *score < self.facts.oom_score_adj) {
            more(format!("has oom_score_adj {score}"), "`oom_score_adj`")
        } else if service.limits.iter().any(|limit| self.facts.is_above(limit)) {
            more("raises a hard limit".to_owned(), "`limits`")
        } else {
            None
        }
    }
}

impl BootPlan {
    /// Returns who may have written the configuration while PID 1 keeps privilege.
    pub fn only_root_writes(&self, facts: &Facts) -> TrustedWriters {
        let all = self.services.iter().chain(&self.main).map(|it| &it.credentials);
        let all: Vec<_> = all.map(|it| (it.uid, it.gid, it.groups.as_deref())).collect();
        only_root_writes(&self.identity, facts, &all)
    }
}

fn only_root_writes(identity: &Identity, facts: &Facts, all: &[(Uid, Gid, Option<&[Gid]>)]) -> TrustedWriters {
    let mut others = all.iter().filter(|(uid, ..)| *uid != Uid::ROOT);
    let has_zero = |groups: &[Gid]| groups.contains(&Gid::ROOT);
    let in_services = others.any(|(_, gid, groups)| *gid == Gid::ROOT || groups.is_some_and(has_zero));
    let runs = |owner: Uid| owner == identity.uid || all.iter().any(|(uid, ..)| *uid == owner);
    let unpacked = Some(facts.root_owner).filter(|owner| *owner != Uid::ROOT && !runs(*owner));
    TrustedWriters::Root { or: None, unpacked, shared_group: in_services || has_zero(&identity.groups) }
}

/// A program that a service executes.
pub(super) struct Executed {
    /// Its key; `""` for the command.
    pub key: &'static str,
    pub path: PathBuf,
    pub why: ExecutedAs,
    /// Whether it is an argument of another program, which causes a warning and not an error: what a program does with its
    /// arguments is not known.
    pub is_argument: bool,
}

/// Why a program is executed.
pub(super) enum ExecutedAs {
    /// The key names it.
    Named,
    /// It is the interpreter or loader of that program.
    NeededBy(PathBuf),
    /// It is an argument of that program.
    ArgumentOf(PathBuf),
}

impl fmt::Display for Executed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = printable::path(&self.path);
        match (self.key, &self.why) {
            ("", ExecutedAs::Named) => write!(out, "its program {path}"),
            (key, ExecutedAs::Named) => write!(out, "its `{key}` {path}"),
            (_, ExecutedAs::NeededBy(of)) => write!(out, "{path}, which {} needs", printable::path(of)),
            (_, ExecutedAs::ArgumentOf(of)) => write!(out, "{path}, which {} is told to run", printable::path(of)),
        }
    }
}

/// Returns the fix if another user could have written what a service executes.
fn fix(writer: UntrustedWriter<'_>, executed: &Path, name: &ServiceName, instead: &str) -> String {
    let fix = match writer {
        UntrustedWriter::Found(found) => owner_fix(found, executed, "/usr/local/bin"),
        UntrustedWriter::Given { .. } => "move it to where only root can write, such as /usr/local/bin".to_owned(),
    };
    let place = printable::path(writer.path());
    format!(
        "{fix}, or {instead}; if everyone who can write {place} may have what `{name}` has, write \
         `trust = [\"{place}\"]` into /etc/stepdown.toml"
    )
}

/// Returns the fix: for a parent directory, which may belong to the app intentionally, that the program must be moved.
fn owner_fix(found: &FileOwner, within: &Path, place: &str) -> String {
    if found.path.starts_with(within) {
        let path = printable::path(&found.path);
        format!("`COPY --chown=0:0` in the Dockerfile, or `chown 0:0 {path} && chmod go-w {path}`")
    } else {
        format!("move it to where only root can write, such as {place}")
    }
}
