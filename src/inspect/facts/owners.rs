//! Who besides root could have written files that privileged services consist of. Must not know which services are
//! privileged.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;

use crate::config::Config;
use crate::config::search_path::{DEFAULT_PATH, PathSource, directories};
use crate::config::service::Service;
use crate::config::values::Uid;
use crate::plan::facts::{FileOwner, NamedFiles, PathEntry, SearchPath};
use crate::plan::trusted_writers;
use crate::sys::files::owners::OwnerCheck;
use crate::sys::host;

/// Checks the paths that `plan::trusted_writers` needs, and every program of services that may have more rights than the app user.
/// Nothing is checked without root.
pub(super) fn read(
    config: &Config,
    found: &NamedFiles,
    uid: Uid,
    check: &mut OwnerCheck,
) -> BTreeMap<PathBuf, Vec<FileOwner>> {
    if uid != Uid::ROOT {
        return BTreeMap::new();
    }
    let (whole, files) = trusted_writers::paths_to_check(config);
    let files = files.into_iter().filter(|path| path.exists());
    // Also those that only another user may read: that user may be able to replace them.
    let files: BTreeSet<_> = files.chain(programs(found).cloned()).collect();
    let mut all: Vec<_> = files.into_iter().map(|path| (check.follow(&path).found, path)).collect();
    all.extend(whole.into_iter().map(|path| (check.entry(&path), path)));
    all.into_iter().filter(|(found, _)| !found.is_empty()).map(|(found, path)| (path, found)).collect()
}

/// Resolves the links in the paths of all programs of services that may have more rights than the app user, of the
/// directories in PATH, if there is such a service, and of the paths whose owner the boot changes.
pub(super) fn resolve_links(
    config: &Config,
    found: &NamedFiles,
    search: &SearchPath,
    uid: Uid,
    check: &mut OwnerCheck,
) -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let container = &config.container;
    let own = container.own.iter().map(|own| &own.path);
    let made = container.directories.iter().map(|made| &made.path);
    let declared = search.declared.values().flatten();
    let entries = search.container.iter().chain(&search.default).chain(declared).map(|entry| &entry.path);
    let is_checked = is_search_checked(config, uid);
    let entries = entries.filter(|_| is_checked);
    let all = programs(found).chain(own).chain(made).chain(entries).filter(|path| path.is_absolute());
    let all = all.collect::<BTreeSet<_>>().into_iter();
    let resolved = all.map(|path| (path.clone(), check.follow(path))).filter(|(_, way)| !way.links.is_empty());
    resolved.map(|(path, way)| (path, way.links.into_iter().chain([way.end]).collect())).collect()
}

/// Every program of services that may have more rights than the app user, with its interpreters.
fn programs(found: &NamedFiles) -> impl Iterator<Item = &PathBuf> {
    found.interpreters.iter().flat_map(|(program, needed)| needed.iter().chain([program]))
}

/// Checks the directories in PATH, if any service may have more rights than the app user.
pub(super) fn search(config: &Config, path: &OsStr, uid: Uid, check: &mut OwnerCheck) -> SearchPath {
    let is_needed = is_search_checked(config, uid);
    let mut entry = |path: PathBuf| match is_needed && path.is_absolute() {
        true => {
            let way = check.follow(&path);
            PathEntry { path, file_owners: way.found, end: way.end }
        }
        false => PathEntry { end: path.clone(), path, file_owners: Vec::new() },
    };
    let own = config.services.iter().filter_map(|service: &Rc<Service>| {
        let path = match service.path_source() {
            PathSource::Declared(path) if trusted_writers::may_have_more(service) => path,
            PathSource::Declared(_) | PathSource::Container | PathSource::Default => return None,
        };
        Some((service.name.to_string(), directories(path)))
    });
    SearchPath {
        container: directories(path).map(&mut entry).collect(),
        default: directories(OsStr::new(DEFAULT_PATH)).map(&mut entry).collect(),
        declared: own.map(|(name, places)| (name, places.map(&mut entry).collect())).collect(),
    }
}

/// Returns whether any service may have more rights than the app user: then the directories in PATH have to be checked.
fn is_search_checked(config: &Config, uid: Uid) -> bool {
    // An image made for s6-overlay may get its services from a hook of root.
    let has_more =
        || config.services.iter().chain(&config.main_service()).any(|service| trusted_writers::may_have_more(service));
    uid == Uid::ROOT && (config.s6.is_some() || has_more())
}

/// Returns the owner of the root directory.
pub(super) fn root_owner() -> Uid {
    host::root_directory().map_or(Uid::ROOT, |meta| Uid(meta.uid()))
}
