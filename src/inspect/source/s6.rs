//! Reads what an image made for s6-overlay has next to its services tree, as bytes. Must not know what the files mean.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::readable::Openness;
use super::tree::{read_file, read_tree};
use crate::config::s6_overlay::VERSION_TWO_LIST;
use crate::config::{Content, S6Sources, Tree, VersionTwoFiles};

/// What such an image may have beside its services tree.
pub const DIRECTORIES: [&str; 6] =
    ["s6-overlay", "cont-init.d", "cont-finish.d", "fix-attrs.d", "cont-profile.d", "s6"];
/// Those by which it is recognised.
const IDENTIFYING_DIRECTORIES: [&str; 2] = ["s6-overlay", "cont-init.d"];
/// Services and scripts of the user of a LinuxServer image.
const CUSTOM: [&str; 2] = ["/custom-services.d", "/custom-cont-init.d"];

/// Chooses another set of directories.
const PROFILE: &str = "S6_RUNTIME_PROFILE";
/// Names another directory of user bundles.
const BUNDLES: &str = "S6_RUNTIME_BUNDLEDIR";

/// The services that s6-overlay 2 has itself.
const OWN_SERVICES: [&str; 2] = ["s6-fdholderd", "s6-svscan-log"];

type Variables = BTreeMap<OsString, OsString>;

/// Where such an image has its files.
pub(super) struct S6Paths {
    /// The directory that contains the services tree: `/etc`.
    beside: PathBuf,
    /// The same, of the profile if there is one.
    etc: PathBuf,
    user_bundles: PathBuf,
    /// Only the image itself has them: they do not lie beside the services tree.
    custom: Option<[PathBuf; 2]>,
}

/// Returns whether the image has the account of LinuxServer's images.
fn has_linuxserver_account() -> bool {
    match read_file(Path::new("/etc/passwd"), &Openness::default()) {
        Some(Content::File { bytes, .. }) => bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"abc:")),
        Some(_) | None => false,
    }
}

/// Returns whether a directory, such as `/etc`, is that of such an image.
pub(super) fn is_image(directory: &Path) -> bool {
    IDENTIFYING_DIRECTORIES.iter().any(|name| directory.join(name).is_dir())
}

/// Returns the directory of the profile that the environment names, as s6-overlay forms it.
pub(super) fn profile(beside: &Path, env: &Variables) -> Option<PathBuf> {
    let name = env.get(OsStr::new(PROFILE)).filter(|name| !name.is_empty() && !name.as_bytes().contains(&b'/'))?;
    Some(beside.join("cont-profile.d").join(name))
}

/// Returns what only s6-overlay 2 reads; `None` where its list of permissions is missing.
fn version_two(beside: &Path) -> Option<VersionTwoFiles> {
    let list = Path::new(VERSION_TWO_LIST).strip_prefix("/etc").ok()?;
    beside.join(list).is_file().then(|| VersionTwoFiles {
        variables: names_in(&beside.join("s6/init/env"), &["PATH"]),
        services: names_in(&beside.join("s6/services"), &OWN_SERVICES),
    })
}

/// Returns the visible names in a directory but for these; none if it cannot be read.
fn names_in(directory: &Path, known: &[&str]) -> Vec<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let is_other = |name: &OsString| !name.as_bytes().starts_with(b".") && !known.iter().any(|it| name == it);
    let mut names: Vec<_> = entries.filter(is_other).collect();
    names.sort();
    names
}

impl S6Paths {
    /// Returns them; `is_installed`: whether this is the configuration of the present image.
    pub(super) fn new(beside: &Path, env: &Variables, is_installed: bool) -> Self {
        let etc = profile(beside, env).unwrap_or_else(|| beside.to_owned());
        let bundles = env.get(OsStr::new(BUNDLES)).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self {
            beside: beside.to_owned(),
            user_bundles: bundles.unwrap_or_else(|| etc.join("s6-overlay/user-bundles.d")),
            etc,
            custom: is_installed.then(|| CUSTOM.map(PathBuf::from)),
        }
    }

    /// Reads all of it; `may_be_declared`: whether the container file may say that it is such an image. One that is not
    /// known by its directories either is none, and nothing else is looked for.
    pub(super) fn read(&self, may_be_declared: bool, openness: &Openness) -> S6Sources {
        let identifying_directories = IDENTIFYING_DIRECTORIES
            .iter()
            .map(|name| self.beside.join(name))
            .filter(|path| path.is_dir())
            .collect::<Vec<_>>();
        if identifying_directories.is_empty() && !may_be_declared {
            return S6Sources::default();
        }
        let tree = |path: &str| read_tree(&self.etc.join(path), false, openness);
        // Where a directory is not there, what would be in it is not looked for.
        let [has_overlay, has_scripts] = IDENTIFYING_DIRECTORIES
            .map(|name| self.etc != self.beside || identifying_directories.contains(&self.beside.join(name)));
        let read_if = |may_exist: bool, path: &Path| match may_exist {
            true => read_tree(path, false, openness),
            false => Tree { path: path.to_owned(), ..Tree::default() },
        };
        let has_bundles = has_overlay || !self.user_bundles.starts_with(self.etc.join("s6-overlay"));
        let [services, scripts] = match &self.custom {
            Some(paths) => paths.each_ref().map(|path| read_tree(path, false, openness)),
            None => Default::default(),
        };
        S6Sources {
            has_linuxserver_account: self.custom.is_some()
                && !identifying_directories.is_empty()
                && has_linuxserver_account(),
            identifying_directories,
            definitions: read_if(has_overlay, &self.etc.join("s6-overlay/s6-rc.d")),
            user_bundles: read_if(has_bundles, &self.user_bundles),
            init_scripts: read_if(has_scripts, &self.init_scripts()),
            finish_scripts: tree("cont-finish.d"),
            fix_attrs: tree("fix-attrs.d"),
            custom_services: services,
            custom_scripts: scripts,
            version_two: version_two(&self.beside),
        }
    }

    /// Returns where the scripts of the start are.
    pub(super) fn init_scripts(&self) -> PathBuf {
        self.etc.join("cont-init.d")
    }

    /// Returns every path that is read.
    pub(super) fn all(&self) -> impl Iterator<Item = PathBuf> {
        let beside = ["s6-overlay/s6-rc.d", "cont-init.d", "cont-finish.d", "fix-attrs.d"];
        let beside = beside.map(|path| self.etc.join(path)).into_iter();
        beside.chain([self.user_bundles.clone()]).chain(self.custom.clone().into_iter().flatten())
    }
}
