//! Who else than root could have written what services with privilege are made of. Must not know which of them have any.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::programs::{DEFAULT_PATH, Found};
use crate::config::Config;
use crate::config::values::Uid;
use crate::plan::facts::{PathEntry, Search, Whose};
use crate::plan::inherited::directories;
use crate::plan::trust;
use crate::sys::source::whose;

/// Looks at what `trust` asks about, at every program of services that may have more rights than the app user, and at what
/// exists of it all; without root, who gains nothing, at nothing.
pub(super) fn read(config: &Config, found: &Found, uid: Uid) -> BTreeMap<PathBuf, Vec<Whose>> {
    if uid != Uid::ROOT {
        return BTreeMap::new();
    }
    let (whole, mut files) = trust::asked(config);
    let programs = found.interpreters.iter().flat_map(|(program, needed)| needed.iter().chain([program]));
    files.extend(programs.cloned().collect::<BTreeSet<_>>());
    let files = files.into_iter().filter(|path| path.exists()).map(|path| (whose::way(&path), path));
    let whole = whole.into_iter().map(|path| (whose::whole(&path), path));
    files.chain(whole).filter(|(found, _)| !found.is_empty()).map(|(found, path)| (path, found)).collect()
}

/// Looks at the directories of PATH, where somebody may have more rights than the app user.
pub(super) fn search(config: &Config, path: Option<&OsStr>, uid: Uid) -> Search {
    let asked = uid == Uid::ROOT && config.services.iter().chain(&config.main_service()).any(trust::may_have_more);
    let entry = |path: PathBuf| match asked && path.is_absolute() {
        true => {
            let (whose, end) = whose::way_and_end(&path);
            PathEntry { path, whose, end }
        }
        false => PathEntry { end: path.clone(), path, whose: Vec::new() },
    };
    let default = OsStr::new(DEFAULT_PATH);
    Search {
        container: directories(path.unwrap_or(default)).map(entry).collect(),
        default: directories(default).map(entry).collect(),
    }
}

/// Returns whose the root directory is.
pub(super) fn root_owner() -> Uid {
    std::fs::metadata("/").map_or(Uid::ROOT, |meta| Uid(meta.uid()))
}
