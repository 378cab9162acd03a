//! Scripts that begin with `#!/usr/bin/env NAME`: env(1) searches the interpreter in the directories of PATH that the
//! service has. Must not know how files are read.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::facts::ProgramFact;
use super::switch::RunsAs;
use super::trust_check::{Executed, ExecutedAs, TrustCheck};
use crate::config::service::Service;

impl<'a> TrustCheck<'a> {
    /// Adds what an executed program needs: its interpreter or loader, theirs, and what env(1) finds for any of them.
    pub(super) fn add_needed(&self, of: &Executed, service: &Service, runs: &RunsAs, executed: &mut Vec<Executed>) {
        let needed: Vec<_> = self.facts.named.interpreters.get(&of.path).into_iter().flatten().collect();
        let needed_by = |path: &PathBuf, by: &PathBuf| Executed {
            path: path.clone(),
            why: ExecutedAs::NeededBy(by.clone()),
            key: of.key,
            is_argument: of.is_argument,
        };
        executed.extend(needed.iter().map(|path| needed_by(path, &of.path)));
        for script in std::iter::once(&of.path).chain(needed) {
            // Also one that is not executable: a user who may change it can make it a program.
            let fact = self.by_env(service, runs, script).map(|(_, fact)| fact);
            let Some(found) = fact.as_ref().and_then(ProgramFact::path) else { continue };
            // env(1) may find the script itself. Programs in arguments only cause a warning, so they do not count here.
            if executed.iter().all(|it| it.path != *found || it.is_argument != of.is_argument) {
                executed.push(needed_by(found, script));
                self.add_needed(&needed_by(found, script), service, runs, executed);
            }
        }
    }

    /// Returns the scripts for which env(1) finds nothing, each with what it looks for.
    pub(super) fn not_by_env(&self, service: &Service, runs: &RunsAs) -> Vec<(PathBuf, &'a OsString)> {
        let executed = self.executed(service, runs).into_iter().filter(|it| !it.is_argument);
        let all = executed.filter_map(|it| Some((self.by_env(service, runs, &it.path)?, it.path)));
        all.filter(|((_, fact), _)| *fact == ProgramFact::NotFound).map(|((name, _), path)| (path, name)).collect()
    }

    /// Returns the name that env(1) searches, if this is such a script, and what is found in the directories of PATH that
    /// the service has.
    fn by_env(&self, service: &Service, runs: &RunsAs, script: &Path) -> Option<(&'a OsString, ProgramFact)> {
        let lookup = self.facts.named.by_env.get(service.name.as_str())?.get(script)?;
        let is_anywhere = service.environment.contains_key("PATH") || lookup.name.as_bytes().contains(&b'/');
        let is_searched = |at: usize| is_anywhere || self.is_open(at, service, runs);
        let found = lookup.found.iter().filter(|(at, _)| is_searched(*at)).map(|(_, fact)| fact.clone());
        Some((&lookup.name, ProgramFact::best(found)))
    }
}
