//! The facts that a reload needs besides those of the boot: read by a helper process, combined in PID 1.

use std::collections::BTreeMap;
use std::env::var_os;
use std::path::PathBuf;

use super::programs::{self, ProgramLookups};
use super::{homes, limits, owners, paths};
use crate::config::Config;
use crate::plan::facts::{Candidates, EnvLookup, Executable, Facts, FileOwner, PathFact, ProgramFact, SearchPath};

/// The facts about the paths that a configuration names; each field as in [`Facts`].
#[derive(Clone, Debug)]
#[allow(missing_docs)] // `Facts` has them
pub struct NamedPaths {
    pub programs: BTreeMap<String, ProgramFact>,
    pub helpers: BTreeMap<String, BTreeMap<&'static str, ProgramFact>>,
    pub candidates: Candidates,
    pub interpreters: BTreeMap<PathBuf, Vec<PathBuf>>,
    pub by_env: BTreeMap<String, BTreeMap<PathBuf, EnvLookup>>,
    pub executables: BTreeMap<PathBuf, Executable>,
    pub resolved: BTreeMap<PathBuf, Vec<PathBuf>>,
    pub file_owners: BTreeMap<PathBuf, Vec<FileOwner>>,
    pub search: SearchPath,
    /// Paths without the homes that the boot has read.
    pub paths: BTreeMap<PathBuf, PathFact>,
}

impl NamedPaths {
    /// Reads all of them. Any of them may hang: must not be called by the event loop.
    pub fn read(config: &Config, boot: &Facts) -> Self {
        let path = var_os("PATH");
        let found = programs::read(config, path.as_deref());
        let file_owners = owners::read(config, &found, boot.uid);
        let search = owners::search(config, path.as_deref(), boot.uid);
        let resolved = owners::resolve_links(config, &found, &search);
        let ProgramLookups { programs, helpers, candidates, interpreters, by_env, executables } = found;
        // Homes keep their state of the boot: after the step down they may not be readable.
        let known = |path: &PathBuf| !boot.paths.contains_key(path);
        let homes = homes::named(config, &boot.accounts).into_iter().filter(known).collect();
        let paths = paths::read(config, &homes);
        Self { programs, helpers, candidates, interpreters, by_env, executables, resolved, file_owners, search, paths }
    }

    /// Returns the facts of the boot with these: other facts read after the step down would be wrong for a plan. Accesses no
    /// path.
    pub fn with(self, config: &Config, boot: &Facts) -> Facts {
        let Self {
            programs,
            helpers,
            candidates,
            interpreters,
            by_env,
            executables,
            resolved,
            file_owners,
            search,
            paths,
        } = self;
        let mut facts = Facts {
            programs,
            helpers,
            candidates,
            interpreters,
            by_env,
            executables,
            resolved,
            file_owners,
            search,
            ..boot.clone()
        };
        facts.hard_limits.extend(limits::read(config));
        facts.paths.extend(paths);
        facts
    }
}
