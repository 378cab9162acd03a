//! Who else than root could have written what services with privilege are made of. Must not know which of them have any.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::Config;
use crate::config::values::Uid;
use crate::plan::facts::Whose;
use crate::plan::trust;
use crate::sys::source::whose;

/// Looks at what `trust` asks about and what exists of it; without root, who gains nothing, at nothing.
pub(super) fn read(config: &Config, uid: Uid) -> BTreeMap<PathBuf, Vec<Whose>> {
    if uid != Uid::ROOT {
        return BTreeMap::new();
    }
    let (whole, files) = trust::asked(config);
    let files = files.into_iter().filter(|path| path.exists()).map(|path| (whose::way(&path), path));
    let whole = whole.into_iter().map(|path| (whose::whole(&path), path));
    files.chain(whole).filter(|(found, _)| !found.is_empty()).map(|(found, path)| (path, found)).collect()
}
