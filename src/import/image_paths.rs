//! Where the directories of a source tree will be in the image. Must not look at the machine.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::config::{Sources, Tree};

/// The services tree of an image.
pub const SERVICES: &str = "/etc/services.d";
/// The other directories of s6-overlay there.
const DEFINITIONS: &str = "/etc/s6-overlay/s6-rc.d";
const USER_BUNDLES: &str = "/etc/s6-overlay/user-bundles.d";
const INIT_SCRIPTS: &str = "/etc/cont-init.d";
const FINISH_SCRIPTS: &str = "/etc/cont-finish.d";

/// Directories here, and what they are in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePaths(Vec<(PathBuf, PathBuf)>);

impl ImagePaths {
    /// Returns those of all trees, which may lie anywhere here.
    pub fn of(sources: &Sources) -> Self {
        let s6 = &sources.s6;
        let trees = [
            (&s6.definitions, DEFINITIONS),
            (&s6.user_bundles, USER_BUNDLES),
            (&s6.init_scripts, INIT_SCRIPTS),
            (&s6.finish_scripts, FINISH_SCRIPTS),
        ];
        let services = sources.trees.first().map(|tree| (tree, SERVICES));
        let all = trees.into_iter().chain(services).filter(|(tree, _)| !tree.path.as_os_str().is_empty());
        Self(all.map(|(Tree { path, .. }, there)| (path.clone(), PathBuf::from(there))).collect())
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
        match Path::new(word).is_absolute() && self.0.iter().any(|(from, _)| Path::new(word).starts_with(from)) {
            true => self.path(Path::new(word)).into(),
            false => word.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_anywhere_become_those_of_the_image_and_nothing_else_does() {
        let mut sources = Sources::default();
        sources.trees.push(Tree { path: "/home/me/services.d".into(), ..Tree::default() });
        sources.s6.definitions.path = "/home/me/s6-overlay/s6-rc.d".into();
        let image = ImagePaths::of(&sources);
        let of = |word: &str| image.word(OsStr::new(word)).into_string().unwrap();
        assert_eq!(of("/home/me/services.d/web/run"), "/etc/services.d/web/run");
        assert_eq!(of("/home/me/services.d"), "/etc/services.d");
        assert_eq!(of("/home/me/s6-overlay/s6-rc.d/a"), "/etc/s6-overlay/s6-rc.d/a");
        assert_eq!(of("/home/me/app"), "/home/me/app");
        assert_eq!(of("a//b/"), "a//b/");
    }
}
