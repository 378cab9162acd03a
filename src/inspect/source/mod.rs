//! Reads the configuration's files and environment into [`Sources`], as bytes. Must not understand any of it: `config`
//! parses and checks them.

mod entry;
pub mod readable;
mod s6;
mod tree;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::env::MORE_TREES;
use crate::config::{Content, S6Sources, Sources, Tree};
use crate::error::{Place, Problem};
use crate::plan::TrustedWriters;
use crate::plan::facts::FileOwner;
use crate::sys::files::owners;
use crate::text::shown;

use readable::Openness;

pub use entry::KINDS;
pub use s6::DIRECTORIES as S6_DIRECTORIES;

/// The services tree of an image.
pub const DEFAULT_TREE: &str = "/etc/services.d";
/// The container file of an image.
pub const CONTAINER_FILE: &str = "/etc/stepdown.toml";

/// The paths of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigPaths {
    /// The container file; missing is fine.
    pub container_file: PathBuf,
    /// The services trees, the default one first.
    pub trees: Vec<PathBuf>,
    /// Whether the first tree was given explicitly: then a missing one is a problem, else it is empty.
    pub is_explicit: bool,
}

impl ConfigPaths {
    /// Returns the paths in a container.
    pub fn installed() -> Self {
        Self { container_file: CONTAINER_FILE.into(), trees: vec![DEFAULT_TREE.into()], is_explicit: false }
    }

    /// Returns the paths for the argument of `check`, `plan` and `try` (DESIGN §9): a directory that holds
    /// `services.d` (and `stepdown.toml`, if there is one), or a services tree itself. Without an argument: the current
    /// directory if it has a `services.d` or was made for s6-overlay, else `/etc`.
    pub fn from_path(path: Option<PathBuf>) -> Self {
        let Some(path) = path else {
            let here = Path::new("services.d");
            return if here.is_dir() || s6::is_image(Path::new("")) {
                Self::around(Path::new(""))
            } else {
                Self::installed()
            };
        };
        if path.join("services.d").is_dir() || path.join("stepdown.toml").exists() || s6::is_image(&path) {
            return Self::around(&path);
        }
        // A tree with the usual name has its container file next to it, as in an image; any other tree has none, because
        // a file next to it may not belong to it.
        let container_file = match (path.file_name(), path.parent()) {
            (Some(name), Some(parent)) if name == "services.d" => parent.join("stepdown.toml"),
            (Some(_) | None, Some(_) | None) => path.join("stepdown.toml"),
        };
        Self { container_file, trees: vec![path], is_explicit: true }
    }

    fn around(directory: &Path) -> Self {
        let tree = directory.join("services.d");
        Self { container_file: directory.join("stepdown.toml"), is_explicit: tree.is_dir(), trees: vec![tree] }
    }

    /// Returns whether this is the configuration of the present image, so that its services will use this machine's accounts
    /// and programs.
    pub fn is_installed(&self) -> bool {
        self.container_file == Path::new(CONTAINER_FILE)
    }
}

/// Checks a directory that was given to `check`, `plan` or `try`, before it is read.
///
/// # Errors
/// It is no directory, or it has entries and none of them, nor `services.d` or `stepdown.toml`, is of a services tree.
pub fn check_given(path: &Path) -> Result<(), Problem> {
    let what = match path.is_dir() {
        true if holds_no_tree(path) => "there is no services tree: no `services.d`, and no entry is a service",
        true => return Ok(()),
        false if path.exists() => "it is not a directory",
        false => "there is no such directory",
    };
    let fix = match holder_below(path) {
        Some(holder) => format!("give {}, which holds `services.d`", shown(&holder)),
        None => "give a directory that holds `services.d`, or a services tree itself".to_owned(),
    };
    Err(Problem::new(Place::Argument(shown(path)), what, fix))
}

/// Returns the directory in this one that holds `services.d`, if it is the only one.
fn holder_below(path: &Path) -> Option<PathBuf> {
    let entries = path.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut holders = entries.filter(|below| below.join("services.d").is_dir());
    holders.next().filter(|_| holders.next().is_none())
}

/// Returns whether a directory has entries and none of them is of a services tree. One that is called `services.d` is a tree
/// whatever it holds.
fn holds_no_tree(path: &Path) -> bool {
    let Ok(entries) = path.read_dir() else { return false };
    let names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    let mut seen = names.iter().filter(|name| !name.as_bytes().starts_with(b".")).peekable();
    let is_service = |name: &OsString| {
        let inner = ["service.toml", "run", "up", "type"].map(|file| path.join(name).join(file));
        name.as_bytes().ends_with(b".toml") || inner.iter().any(|file| file.exists())
    };
    let named = path.file_name().is_some_and(|name| name == "services.d") || path.join("services.d").is_dir();
    let named = named || s6::is_image(path);
    !named && seen.peek().is_some() && !seen.any(is_service)
}

/// Reads everything at `config_paths`, and the trees of [`MORE_TREES`]. Never fails and never blocks: what cannot be read is
/// returned as such, with the reason.
pub fn read(config_paths: &ConfigPaths, env: BTreeMap<OsString, OsString>, main: Vec<OsString>) -> Sources {
    let openness = Openness::default();
    let (container, trees, s6) = read_files(config_paths, &env, &openness);
    Sources { env, container, trees, s6, main, open_to_all: openness.is_open_to_all() }
}

/// The sources that a worker process reads for a reload ([`super::wire`]).
#[derive(Clone, Debug, Default)]
pub struct ReloadSources {
    /// Paths that others than root can write: of any of them nothing was read.
    pub untrusted: Vec<FileOwner>,
    /// As in [`Sources`].
    pub container: Option<(PathBuf, Content)>,
    /// As in [`Sources`].
    pub trees: Vec<Tree>,
    /// As in [`Sources`].
    pub s6: S6Sources,
}

/// What is read again only if nobody but root could have written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedSources {
    /// Everything.
    All,
    /// Everything but the services trees, where whoever plans judges each service by itself.
    AllButTrees,
}

impl ReloadSources {
    /// Reads the same as [`read`]; with `writers`, only if nobody else could have written what is checked, of which the scripts
    /// of `cont-init.d` are no part: they stay those of the boot.
    pub fn read(
        config_paths: &ConfigPaths,
        env: &BTreeMap<OsString, OsString>,
        writers: Option<(TrustedWriters, CheckedSources)>,
    ) -> Self {
        let scripts = image_paths(config_paths, env).init_scripts();
        let trees = trees_of(config_paths, env);
        let untrusted = writers.map(|(writers, checked)| {
            let is_checked =
                |path: &PathBuf| *path != scripts && (checked == CheckedSources::All || !trees.contains(path));
            let paths: Vec<_> = paths(config_paths, env).into_iter().filter(is_checked).collect();
            owners::untrusted(&paths, writers)
        });
        let untrusted = untrusted.unwrap_or_default();
        if !untrusted.is_empty() {
            return Self { untrusted, ..Self::default() };
        }
        let (container, trees, s6) = read_files(config_paths, env, &Openness::default());
        Self { untrusted, container, trees, s6 }
    }
}

type Files = (Option<(PathBuf, Content)>, Vec<Tree>, S6Sources);

fn read_files(config_paths: &ConfigPaths, env: &BTreeMap<OsString, OsString>, openness: &Openness) -> Files {
    let container = tree::read_file(&config_paths.container_file, openness)
        .map(|content| (config_paths.container_file.clone(), content));
    let mut trees: Vec<Tree> = Vec::new();
    for (at, path) in trees_of(config_paths, env).iter().enumerate() {
        trees.push(tree::read_tree(path, config_paths.is_explicit || at > 0, openness));
    }
    for path in more_trees(env.get(OsStr::new(MORE_TREES))) {
        if !trees.iter().any(|tree| tree.path == path) {
            trees.push(tree::read_tree(&path, true, openness));
        }
    }
    let s6 = image_paths(config_paths, env).read(container.is_some(), openness);
    (container, trees, s6)
}

/// Returns the services trees of these paths; the first one is the profile's, if an image made for s6-overlay is to run one.
fn trees_of(config_paths: &ConfigPaths, env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let mut trees = config_paths.trees.clone();
    if let (Some(first), Some(profile)) = (trees.first_mut(), s6::profile(beside(config_paths), env))
        && s6::is_image(beside(config_paths))
    {
        *first = profile.join("services.d");
    }
    trees
}

fn image_paths(config_paths: &ConfigPaths, env: &BTreeMap<OsString, OsString>) -> s6::S6Paths {
    s6::S6Paths::new(beside(config_paths), env, config_paths.is_installed())
}

/// Returns the directory that contains the services tree: `/etc` in an image.
fn beside(config_paths: &ConfigPaths) -> &Path {
    config_paths.trees.first().and_then(|tree| tree.parent()).unwrap_or(Path::new(""))
}

/// Returns everything that [`read`] would read.
pub fn paths(config_paths: &ConfigPaths, env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let more = more_trees(env.get(OsStr::new(MORE_TREES)));
    let all = std::iter::once(config_paths.container_file.clone()).chain(trees_of(config_paths, env)).chain(more);
    all.chain(image_paths(config_paths, env).all()).collect()
}

fn more_trees(value: Option<&OsString>) -> Vec<PathBuf> {
    let words = value.map(|value| value.as_bytes()).unwrap_or_default().split(|byte| *byte == b':');
    words.filter(|word| !word.is_empty()).map(|word| PathBuf::from(OsStr::from_bytes(word))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_here(config_paths: &ConfigPaths) -> Sources {
        read(config_paths, BTreeMap::new(), Vec::new())
    }

    #[test]
    fn a_missing_default_tree_is_empty_and_a_missing_named_one_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut config_paths = ConfigPaths {
            container_file: dir.path().join("stepdown.toml"),
            trees: vec![dir.path().join("services.d")],
            is_explicit: false,
        };
        let sources = read_here(&config_paths);
        assert!(sources.container.is_none());
        assert_eq!(sources.trees[0].unreadable, None);
        assert!(sources.trees[0].entries.is_empty());
        config_paths.is_explicit = true;
        assert_eq!(read_here(&config_paths).trees[0].unreadable.as_deref(), Some("No such file or directory"));
    }

    #[test]
    fn the_variable_adds_trees_once_each_and_they_must_exist() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("one"), dir.path().join("two"));
        fs::create_dir(&first).unwrap();
        let list = format!("{}::{}:{}", first.display(), second.display(), second.display());
        let env = BTreeMap::from([(OsString::from(MORE_TREES), OsString::from(list))]);
        let config_paths =
            ConfigPaths { container_file: dir.path().join("c"), trees: vec![first.clone()], is_explicit: true };
        let trees = read(&config_paths, env, Vec::new()).trees;
        assert_eq!(trees.iter().map(|tree| tree.path.clone()).collect::<Vec<_>>(), [first, second]);
        assert_eq!(trees[1].unreadable.as_deref(), Some("No such file or directory"));
    }

    #[test]
    fn a_path_is_a_directory_that_holds_a_tree_or_the_tree_itself() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("services.d");
        fs::create_dir(&tree).unwrap();
        let around = ConfigPaths::from_path(Some(dir.path().to_owned()));
        assert_eq!((&around.trees[0], around.is_explicit), (&tree, true));
        assert_eq!(around.container_file, dir.path().join("stepdown.toml"));
        let itself = ConfigPaths::from_path(Some(tree.clone()));
        assert_eq!((&itself.trees[0], &itself.container_file), (&tree, &around.container_file));
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        assert_eq!(ConfigPaths::from_path(Some(other.clone())).container_file, other.join("stepdown.toml"));
        fs::write(other.join("stepdown.toml"), "").unwrap();
        let bare = ConfigPaths::from_path(Some(other.clone()));
        assert_eq!((&bare.trees[0], bare.is_explicit), (&other.join("services.d"), false));
        assert!(ConfigPaths::from_path(Some("/etc/services.d".into())).is_installed());
    }
}
