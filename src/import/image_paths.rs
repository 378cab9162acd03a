//! Where files of a source tree will be in the image. Must not look at the machine.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The services tree of an image.
pub const SERVICES: &str = "/etc/services.d";
/// The directory beside it.
const BESIDE: &str = "/etc";

/// Directories here, and what they are in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePaths(Vec<(PathBuf, PathBuf)>);

impl ImagePaths {
    /// Returns those of a services tree, which may have another name here, and of what lies beside it.
    pub fn of_tree(tree: &Path) -> Self {
        let beside = tree.parent().map(|parent| (parent.to_owned(), PathBuf::from(BESIDE)));
        Self([Some((tree.to_owned(), PathBuf::from(SERVICES))), beside].into_iter().flatten().collect())
    }

    /// Returns the path in the image.
    pub fn path(&self, here: &Path) -> PathBuf {
        let there = |(from, to): &(PathBuf, PathBuf)| Some(to.join(here.strip_prefix(from).ok()?));
        match self.0.iter().find_map(there) {
            // `join` with nothing adds a slash.
            Some(there) => there.components().collect(),
            None => here.to_owned(),
        }
    }

    /// Returns a word of a command; one that is no path of these stays as it is.
    pub fn word(&self, word: &OsStr) -> OsString {
        match Path::new(word).is_absolute() {
            true => self.path(Path::new(word)).into(),
            false => word.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_anywhere_becomes_that_of_the_image() {
        let image = ImagePaths::of_tree(Path::new("/home/me/rootfs/etc/services.d"));
        let of = |path: &str| image.path(Path::new(path)).to_string_lossy().into_owned();
        assert_eq!(of("/home/me/rootfs/etc/services.d/web/run"), "/etc/services.d/web/run");
        assert_eq!(of("/home/me/rootfs/etc/s6-overlay/s6-rc.d/a"), "/etc/s6-overlay/s6-rc.d/a");
        assert_eq!(of("/home/me/rootfs/etc/services.d"), "/etc/services.d");
        assert_eq!(of("/usr/bin/web"), "/usr/bin/web");
        let odd = ImagePaths::of_tree(Path::new("/src/mine"));
        assert_eq!(odd.path(Path::new("/src/mine/web/run")), Path::new("/etc/services.d/web/run"));
        assert_eq!(odd.word(OsStr::new("mine")), "mine");
    }
}
