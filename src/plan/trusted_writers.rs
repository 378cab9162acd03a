//! Who may have written the files of a service. For a service with more rights than the app user, who is the main adversary
//! (SECURITY §4, A1), only root may have written its files in the tree, its programs there and its `environment_file`. The
//! same holds for what the container file tells root to do. Must not know how owners are read.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::facts::FileOwner;
use super::printable;
use crate::config::Config;
use crate::config::container::{Container, DropPolicy};
use crate::config::service::{RunAs, Service};
use crate::config::values::{Gid, Uid};
use crate::error::Place;

/// Who may have written a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedWriters {
    /// Anybody: the service has no more rights than the app user.
    Anybody,
    /// Only root, and this user.
    Root {
        /// The other user.
        or: Option<Uid>,
        /// The owner of the root directory, if that is not root and nothing runs as that user: a root directory unpacked by
        /// a user (`try --root`), whose files count as root's.
        unpacked: Option<Uid>,
        /// Whether a user other than root is in group 0, so that its members count as others.
        shared_group: bool,
    },
}

impl TrustedWriters {
    /// Returns whether no other user could have written this.
    pub fn allows(self, found: &FileOwner) -> bool {
        let Self::Root { or, unpacked, shared_group } = self else { return true };
        let [foreign_owner, foreign_group] = found.unmapped;
        let owner = found.uid == Uid::ROOT || [or, unpacked].contains(&Some(found.uid)) || foreign_owner;
        // An ACL shows as the group's bits (acl(5)).
        let others_group = !foreign_group && (found.gid != Gid::ROOT || shared_group);
        let group = found.mode & 0o020 != 0 && (others_group || found.has_acl);
        // In a sticky directory users cannot replace files of others, and their own files show their owner.
        let kept = found.read_only || (found.directory && found.mode & 0o1000 != 0);
        owner && (kept || !(group || found.mode & 0o002 != 0))
    }

    /// Returns whether no other user could add a name to this directory.
    pub fn allows_names(self, found: &FileOwner) -> bool {
        self.allows(&FileOwner { mode: found.mode & !0o1000, ..found.clone() })
    }
}

impl fmt::Display for FileOwner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, uid, gid, mode, .. } = self;
        write!(out, "{} is {uid}:{gid} {mode:04o}", printable::path(path))
    }
}

/// Returns the paths to check besides programs: paths only, and paths with everything below them.
pub fn paths_to_check(config: &Config) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    let (mut whole, mut files) = (BTreeSet::new(), BTreeSet::new());
    for service in config.services.iter().filter(|service| may_have_more(service)) {
        whole.extend(entry(service).map(Path::to_owned));
        files.extend(service.environment_file.clone());
    }
    if !of_root(&config.container).is_empty() {
        files.extend(path_of(&config.container.app.at).map(Path::to_owned));
    }
    (whole, files)
}

/// Returns whether a service may have more rights than the app user, without resolving accounts. Every key is named, so that
/// a new one is judged: what gives rights belongs here and into `TrustCheck::extra_rights`.
pub fn may_have_more(service: &Service) -> bool {
    #[rustfmt::skip] // those that give rights, and the others
    let Service {
        user, groups, capabilities, no_new_privileges, nice, oom_score_adj, limits,
        name: _, at: _, kind: _, command: _, requires: _, after: _, directory: _, environment: _, clear_environment: _,
        environment_file: _, restart: _, success_codes: _, essential: _, ready: _, wait_for: _, timeout: _, every: _, calendar: _,
        health: _, reload: _, pipe_to: _, log: _, stop: _, stop_command: _, finish: _, umask: _, without_root: _, s6: _,
        enabled: _, secrets: _,
    } = service;
    *user != RunAs::App
        || groups.is_some()
        || !capabilities.is_empty()
        || !no_new_privileges
        || nice.is_some()
        || oom_score_adj.is_some()
        || !limits.is_empty()
}

/// Returns the keys of the container file that make root do something.
pub(super) fn of_root(container: &Container) -> Vec<&'static str> {
    let Container { drop, app, own, directories, main, trust, secrets, .. } = container;
    let all = [
        ("trust", !trust.is_empty()),
        ("own", !own.is_empty()),
        ("directory", !directories.is_empty()),
        ("secrets", secrets.iter().any(|secret| secret.is_listed)),
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

/// Returns the entry of a service in its tree: `web.toml` or the directory `web`.
pub(super) fn entry(service: &Service) -> Option<&Path> {
    let (name, file) = (service.name.as_str(), format!("{}.toml", service.name));
    let of = |path: &&Path| path.file_name().is_some_and(|last| last == name || last == file.as_str());
    let at = path_of(&service.at)?;
    at.ancestors().find(of).or(Some(at))
}

pub(super) fn path_of(place: &Place) -> Option<&Path> {
    match place {
        Place::File { path, .. } => Some(path),
        Place::Variable { .. } | Place::Argument(_) | Place::MainCommand | Place::Machine => None,
    }
}
