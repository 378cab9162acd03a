//! A directory of runit's services → [`Imported`]. The directories are those of s6 but for a few files. Must not know how the
//! tree is read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::native::Omission;
use super::s6::{self, Defaults};
use super::{Imported, ImportedService};
use crate::config::probe::{Probe, READY_INTERVAL};
use crate::config::service::Ready;
use crate::config::{Content, Sources};
use crate::error::Problems;

/// Where the directories are in the image then.
const SERVICES: &str = "/etc/services.d";
/// What a directory may have that nothing here reads, and what to write instead.
const NOT_READ: [(&str, &str); 2] = [
    ("control", "its scripts are not called: write `stop`, `reload` or `[signals]`"),
    ("conf", "`run` reads it by itself, if at all"),
];

/// Returns the services of a directory.
///
/// # Errors
/// Every problem of every service.
pub fn import(sources: &Sources) -> Result<Imported, Problems> {
    let mut imported = s6::import_with(sources, Defaults::Runit)?;
    let directories = || sources.trees.iter().flat_map(|tree| &tree.entries);
    for service in &mut imported.services {
        let found = directories().find(|(name, _)| name.to_str() == Some(service.service.name.as_str()));
        if let Some((name, Content::Dir(files))) = found {
            add(service, &Path::new(SERVICES).join(name), files);
        }
    }
    Ok(imported)
}

/// Adds what only runit has.
fn add(imported: &mut ImportedService, directory: &Path, files: &BTreeMap<OsString, Content>) {
    let has = |name: &str| files.contains_key(&OsString::from(name));
    if has("check") {
        let probe = Probe::Command(vec![directory.join("check").into()]);
        imported.service.ready = Ready::Probe { probe: Box::new(probe), interval: READY_INTERVAL, timeout: None };
        imported.has_directory = true;
    }
    if has("finish") {
        let why = "of a service that a signal ended, it gets 256 and the signal here, and not -1 and a wait status";
        imported.omissions.push(Omission::new("finish", why));
    }
    let given = NOT_READ.iter().filter(|(name, _)| has(name));
    imported.omissions.extend(given.map(|(name, why)| Omission::new(*name, *why)));
    let log = files.get(&OsString::from("log"));
    if let Some(Content::Dir(log)) = log
        && let Some(Content::File { bytes, .. }) = log.get(&OsString::from("run"))
        && bytes.windows(6).any(|word| word == b"svlogd")
    {
        let why = "svlogd stays a service of its own: `log = { directory = \"/var/log/…\" }` needs none";
        imported.omissions.push(Omission::new("log/run", why));
    }
}
