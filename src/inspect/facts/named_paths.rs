//! The facts that a reload needs besides those of the boot: read by a worker process, combined in PID 1.

use std::collections::BTreeMap;
use std::env::var_os;
use std::path::PathBuf;

use super::{homes, limits, owners, paths, ports, process, programs};
use crate::config::values::Uid;
use crate::config::{Config, s6_overlay};
use crate::plan::facts::{Facts, NamedFiles, PathFact};
use crate::sys::files::owners::OwnerCheck;

/// The facts about the paths that a configuration names.
#[derive(Clone, Debug)]
pub struct NamedPaths {
    /// Its programs and other files.
    pub files: NamedFiles,
    /// Paths without the homes that the boot has read.
    pub paths: BTreeMap<PathBuf, PathFact>,
}

impl NamedPaths {
    /// Reads all of them. Any of them may hang: must not be called by the event loop.
    pub fn read(config: &Config, boot: &Facts) -> Self {
        let files = files(config, boot.uid);
        // Homes keep their state of the boot: after the step down they may not be readable.
        let known = |path: &PathBuf| !boot.paths.contains_key(path);
        let homes = homes::named(config, &boot.accounts).into_iter().filter(known).collect();
        Self { files, paths: paths::read(config, &homes) }
    }

    /// Returns the facts of the boot with these: other facts read after the step down would be wrong for a plan. Accesses no
    /// path.
    pub fn with(self, config: &Config, boot: &Facts) -> Facts {
        let unprivileged_port_start =
            boot.unprivileged_port_start.or_else(|| ports::unprivileged_start(config, &self.files));
        let (nice, oom_score_adj) = (process::nice(config), process::oom_score_adj(config));
        let mut facts = Facts { named: self.files, unprivileged_port_start, nice, oom_score_adj, ..boot.clone() };
        facts.hard_limits.extend(limits::read(config));
        facts.paths.extend(self.paths);
        facts
    }
}

/// Reads the facts about the programs and other files of a configuration.
pub(super) fn files(config: &Config, uid: Uid) -> NamedFiles {
    let path = s6_overlay::container_path(var_os("PATH").as_deref(), config.s6.as_ref());
    let found = programs::read(config, &path, uid);
    let mut check = OwnerCheck::default();
    let file_owners = owners::read(config, &found, uid, &mut check);
    let search = owners::search(config, &path, uid, &mut check);
    let resolved = owners::resolve_links(config, &found, &search, uid, &mut check);
    NamedFiles { file_owners, search, resolved, ..found }
}
