//! What a reload asks besides the facts of the boot: looked at by a process of PID 1's own, put together in PID 1 itself.

use std::collections::BTreeMap;
use std::env::var_os;
use std::path::PathBuf;

use super::programs::{self, Found};
use super::{homes, limits, owners, paths};
use crate::config::Config;
use crate::plan::facts::{Candidates, EnvLookup, Executable, Facts, FileOwner, PathFact, ProgramFact, Search};

/// What the paths that a configuration names are like; each field as in [`Facts`].
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
    pub search: Search,
    /// Those besides the homes that the boot looked at.
    pub paths: BTreeMap<PathBuf, PathFact>,
}

impl NamedPaths {
    /// Looks at all of them. Any of them may hang: not for the loop of PID 1.
    pub fn look(config: &Config, boot: &Facts) -> Self {
        let path = var_os("PATH");
        let found = programs::read(config, path.as_deref());
        let file_owners = owners::read(config, &found, boot.uid);
        let search = owners::search(config, path.as_deref(), boot.uid);
        let resolved = owners::resolved(config, &found, &search);
        let Found { programs, helpers, candidates, interpreters, by_env, executables } = found;
        // What the homes were like at the boot stays so: who has stepped down cannot look everywhere.
        let known = |path: &PathBuf| !boot.paths.contains_key(path);
        let homes = homes::named(config, &boot.accounts).into_iter().filter(known).collect();
        let paths = paths::read(config, &homes);
        Self { programs, helpers, candidates, interpreters, by_env, executables, resolved, file_owners, search, paths }
    }

    /// Returns the facts of the boot with these: what a process that has stepped down sees now is not what a plan is made
    /// of. Touches no path.
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
