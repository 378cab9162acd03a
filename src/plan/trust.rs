//! Who may have written what a service is made of. One with more rights than the app user, which is the main adversary
//! (SECURITY §4, A1), is made only of what root wrote: its files in the tree, its programs there, its `environment_file`.
//! So is what the container file has root do. Must not know how anybody finds out who wrote what.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::facts::{Facts, Whose};
use super::notes::Notes;
use super::privilege;
use super::runs_as::{RunsAs, Standing};
use super::show::words;
use super::{BootPlan, Identity};
use crate::config::Config;
use crate::config::container::{Container, DropPolicy};
use crate::config::service::{Command, RunAs, Service};
use crate::config::values::{Gid, Uid};
use crate::error::Place;

/// Whose writing is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Anybody's: nothing is gained by it that the app user does not have.
    Anybody,
    /// Root's alone, and this user's.
    Root {
        /// Who else.
        or: Option<Uid>,
        /// Whether somebody other than root is in group 0, so that its members count as others.
        shared_group: bool,
    },
}

impl Trust {
    /// Returns whether nobody else could have written this.
    pub fn allows(self, found: &Whose) -> bool {
        let Self::Root { or, shared_group } = self else { return true };
        let [foreign_owner, foreign_group] = found.outsiders;
        let owner = found.uid == Uid::ROOT || or == Some(found.uid) || foreign_owner;
        // A list of more users shows as the group's bits (acl(5)).
        let others_group = !foreign_group && (found.gid != Gid::ROOT || shared_group);
        let group = found.mode & 0o020 != 0 && (others_group || found.more_users);
        // What somebody puts into a sticky directory is theirs, which shows; what is not theirs they cannot replace there.
        let kept = found.read_only || (found.directory && found.mode & 0o1000 != 0);
        owner && (kept || !(group || found.mode & 0o002 != 0))
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, uid, gid, mode, .. } = self;
        write!(out, "{} is {uid}:{gid} {mode:04o}", words::path(path))
    }
}

impl BootPlan {
    /// Returns what the whole configuration must be while PID 1 keeps privilege.
    pub fn root_alone(&self) -> Trust {
        let all = self.services.iter().chain(&self.main).map(|it| &it.credentials);
        root_alone(&self.identity, all.map(|it| (it.uid, it.gid, it.groups.as_deref())))
    }
}

fn root_alone<'a>(identity: &Identity, all: impl Iterator<Item = (Uid, Gid, Option<&'a [Gid]>)>) -> Trust {
    let mut others = all.filter(|(uid, ..)| *uid != Uid::ROOT);
    let has_zero = |groups: &[Gid]| groups.contains(&Gid::ROOT);
    let in_services = others.any(|(_, gid, groups)| gid == Gid::ROOT || groups.is_some_and(has_zero));
    Trust::Root { or: None, shared_group: in_services || has_zero(&identity.groups) }
}

/// Returns what is to be looked at: paths whose way matters, and whether what they hold matters too.
pub fn asked(config: &Config) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    let (mut whole, mut files) = (BTreeSet::new(), BTreeSet::new());
    for service in config.services.iter().filter(|service| may_have_more(service)) {
        whole.extend(entry(service).map(Path::to_owned));
        files.extend(programs(service));
        files.extend(service.environment_file.clone());
    }
    if !of_root(&config.container).is_empty() {
        files.extend(path_of(&config.container.app.at).map(Path::to_owned));
    }
    (whole, files)
}

/// What the judgement stands on.
pub(super) struct Judge<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub identity: &'a Identity,
    pub standing: Standing,
    pub runs: &'a [RunsAs],
}

/// Why a service has more rights than the app user, and what would take them from it.
struct More {
    why: String,
    without: &'static str,
}

impl Judge<'_> {
    /// Notes everything that somebody else than root could have written, once each.
    pub(super) fn check(&self, notes: &mut Notes) {
        let mut told = BTreeSet::new();
        for (service, runs) in self.config.services.iter().zip(self.runs) {
            let Some(More { why, without }) = self.more(service, runs) else { continue };
            let name = &service.name;
            let made_of = entry(service).map(Path::to_owned).into_iter().chain(programs(service));
            for path in made_of {
                let Some(stranger) = self.stranger(&path, self.root_alone()) else { continue };
                if told.insert(stranger.path.clone()) {
                    let what = format!("`{name}` {why}, and others than root could have written it: {stranger}");
                    let tree = entry(service).and_then(Path::parent).unwrap_or(&path);
                    let help = mend(stranger, tree, "/etc/services.d");
                    notes.problem(&service.at, what, format!("{help}, or take {without} out"));
                }
            }
            let Some(file) = &service.environment_file else { continue };
            if let Some(stranger) = self.stranger(file, self.of_variables(service, runs))
                && told.insert(stranger.path.clone())
            {
                let what = format!(
                    "`{name}` {why}, and others than root could have written its `environment_file` {}: {stranger}",
                    words::path(file)
                );
                let help = mend(stranger, file, "/etc");
                notes.problem(&service.at, what, format!("{help}, or take {without} out"));
            }
        }
        self.check_container(notes);
    }

    fn check_container(&self, notes: &mut Notes) {
        let at = &self.config.container.app.at;
        let (Some(path), [key, ..]) = (path_of(at), &of_root(&self.config.container)[..]) else { return };
        if self.app_is_root() {
            return;
        }
        if let Some(stranger) = self.stranger(path, self.root_alone()) {
            let what = format!("root does what `{key}` says, and others than root could have written it: {stranger}");
            let help = mend(stranger, path, "/etc");
            notes.problem(&Place::file(path), what, format!("{help}, or take `{key}` out"));
        }
    }

    /// Returns whose `environment_file` this service may have: root's, or its own user's where that one has no more.
    pub(super) fn of_variables(&self, service: &Service, runs: &RunsAs) -> Trust {
        match (self.more(service, runs), self.root_alone()) {
            (None, _) | (_, Trust::Anybody) => Trust::Anybody,
            (Some(_), Trust::Root { shared_group, .. }) => {
                let own = runs.uid != self.identity.uid && service.capabilities.is_empty();
                Trust::Root { or: own.then_some(runs.uid), shared_group }
            }
        }
    }

    fn stranger(&self, path: &Path, trust: Trust) -> Option<&Whose> {
        self.facts.whose.get(path)?.iter().find(|found| !trust.allows(found))
    }

    fn root_alone(&self) -> Trust {
        root_alone(self.identity, self.runs.iter().map(|runs| (runs.uid, runs.gid, runs.groups.as_deref())))
    }

    /// Whether nobody can have more than the app user has: it is root, or there is none here.
    fn app_is_root(&self) -> bool {
        self.standing != Standing::Root || self.identity.uid == Uid::ROOT
    }

    fn more(&self, service: &Service, runs: &RunsAs) -> Option<More> {
        if self.app_is_root() || runs.skipped.is_some() {
            return None;
        }
        let more = |why: String, without| Some(More { why, without });
        let mut groups = runs.groups.iter().flatten().chain([&runs.gid]);
        if runs.uid == Uid::ROOT {
            more("runs as root".to_owned(), "`user = \"root\"`")
        } else if runs.uid != self.identity.uid {
            more(format!("runs as {} ({}:{})", runs.user, runs.uid, runs.gid), "`user`")
        } else if let Some(gid) = groups.find(|gid| !self.identity.groups.contains(gid)) {
            more(format!("has group {gid}, which the app user has not"), "`groups` or `user`")
        } else if !service.capabilities.is_empty() {
            more(format!("is given {}", service.capabilities), "`capabilities`")
        } else if !service.no_new_privileges {
            more("is without no_new_privs".to_owned(), "`no_new_privileges = false`")
        } else if let Some(nice) = service.nice.filter(|nice| *nice < self.facts.nice) {
            more(format!("has nice {nice}"), "`nice`")
        } else if let Some(score) = service.oom_score_adj.filter(|score| *score < self.facts.oom_score_adj) {
            more(format!("has oom_score_adj {score}"), "`oom_score_adj`")
        } else if service.limits.iter().any(|limit| privilege::raises(self.facts, limit)) {
            more("raises a hard limit".to_owned(), "`limits`")
        } else {
            None
        }
    }
}

/// Whether a service might turn out to have more than the app user: what needs no look at accounts.
fn may_have_more(service: &Service) -> bool {
    service.user != RunAs::App
        || service.groups.is_some()
        || !service.capabilities.is_empty()
        || !service.no_new_privileges
        || service.nice.is_some()
        || service.oom_score_adj.is_some()
        || !service.limits.is_empty()
}

/// Returns what root does because the container file says so, by key.
fn of_root(container: &Container) -> Vec<&'static str> {
    let Container { drop, app, own, directories, main, .. } = container;
    let all = [
        ("own", !own.is_empty()),
        ("directory", !directories.is_empty()),
        ("app.uid", app.uid.is_some()),
        ("app.gid", app.gid.is_some()),
        ("app.groups", !app.groups.is_empty()),
        ("app.device_groups", !app.device_groups.is_empty()),
        ("app.allow_root", app.allow_root),
        ("drop", *drop == DropPolicy::Root),
        ("main.user", main.user != RunAs::App),
    ];
    all.into_iter().filter(|(_, says)| *says).map(|(key, _)| key).collect()
}

/// Returns the entry of a tree that a service is: `web.toml` or the directory `web`.
fn entry(service: &Service) -> Option<&Path> {
    let (name, file) = (service.name.as_str(), format!("{}.toml", service.name));
    let of = |path: &&Path| path.file_name().is_some_and(|last| last == name || last == file.as_str());
    let at = path_of(&service.at)?;
    at.ancestors().find(of).or(Some(at))
}

/// Returns the programs that it brings along in its tree.
fn programs(service: &Service) -> Vec<PathBuf> {
    let Some(tree) = entry(service).and_then(Path::parent) else { return Vec::new() };
    let helpers = service.helpers().into_iter().map(|(_, command)| command);
    let all = helpers.chain([service.command.clone()]).filter_map(|command| match command {
        Command::File(path) => Some(path),
        Command::Argv(words) => words.first().map(PathBuf::from),
        Command::Script(_) => None,
    });
    all.filter(|path| path.starts_with(tree)).collect()
}

fn path_of(place: &Place) -> Option<&Path> {
    match place {
        Place::File { path, .. } => Some(path),
        Place::Variable { .. } | Place::Argument(_) | Place::Machine => None,
    }
}

/// Returns what helps: of a directory above, which may well be the app's for good, that it is no place for this.
fn mend(found: &Whose, within: &Path, place: &str) -> String {
    if found.path.starts_with(within) {
        let path = words::path(&found.path);
        format!("`COPY --chown=0:0` in the Dockerfile, or `chown 0:0 {path} && chmod go-w {path}`")
    } else {
        format!("move it to where only root can write, such as {place}")
    }
}
