//! What was found about a script that runs once stays what it is while the configuration is read again: the script may have
//! removed itself. Must not know which services are such scripts.

use std::collections::BTreeMap;

use super::facts::NamedFiles;
use super::trusted_writers::path_of;
use crate::config::service::Service;

impl NamedFiles {
    /// Replaces what was found about the file of this service by what was found `before`. Other programs that it executes are
    /// judged as they are now.
    pub fn keep_script(&mut self, script: &Service, before: &Self) {
        let name = script.name.as_str();
        keep(&mut self.programs, &before.programs, name);
        keep(&mut self.candidates, &before.candidates, name);
        keep(&mut self.by_env, &before.by_env, name);
        let Some(file) = path_of(&script.at) else { return };
        keep(&mut self.interpreters, &before.interpreters, file);
        keep(&mut self.executables, &before.executables, file);
        keep(&mut self.restricted_scripts, &before.restricted_scripts, file);
        keep(&mut self.resolved, &before.resolved, file);
        keep(&mut self.file_owners, &before.file_owners, file);
    }
}

fn keep<K, Q, V>(now: &mut BTreeMap<K, V>, before: &BTreeMap<K, V>, key: &Q)
where
    K: Ord + std::borrow::Borrow<Q>,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
    V: Clone,
{
    match before.get(key) {
        Some(found) => now.insert(key.to_owned(), found.clone()),
        None => now.remove(key),
    };
}
