//! Reads what an image made for s6-overlay has beside its services tree, as bytes. Must not know what the files mean.

use std::path::{Path, PathBuf};

use super::tree::read_tree;
use crate::config::S6Sources;

/// The directories by which such an image is recognised.
const MARKS: [&str; 2] = ["s6-overlay", "cont-init.d"];
/// The definitions of services.
const DEFINITIONS: &str = "s6-overlay/s6-rc.d";
/// More of them.
const USER_BUNDLES: &str = "s6-overlay/user-bundles.d";

/// Returns whether a directory, such as `/etc`, is that of such an image.
pub(super) fn is_image(directory: &Path) -> bool {
    MARKS.iter().any(|mark| directory.join(mark).is_dir())
}

/// Reads all of it, beside the services tree.
pub(super) fn read(beside: &Path) -> S6Sources {
    let marks = MARKS.iter().map(|mark| beside.join(mark)).filter(|path| path.is_dir());
    let tree = |path: &str| read_tree(&beside.join(path), false);
    S6Sources { marks: marks.collect(), definitions: tree(DEFINITIONS), user_bundles: tree(USER_BUNDLES) }
}

/// Returns every path that is read.
pub(super) fn paths(beside: &Path) -> impl Iterator<Item = PathBuf> {
    [DEFINITIONS, USER_BUNDLES].into_iter().map(|path| beside.join(path))
}
