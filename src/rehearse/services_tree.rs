//! The tree that is rehearsed: which directory it is, and how it is copied to `/etc` inside. Owned by root, as in an image:
//! a Dockerfile's `COPY` makes files root's, regardless of their owner on the host.
#![allow(clippy::disallowed_methods)] // a copy of the tree in a directory of our own

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::Problem;
use crate::inspect::source::{self, CONTAINER_FILE, DEFAULT_TREE, S6_DIRECTORIES};

/// Tells the process inside where its tree was copied from, for commands that the user can paste.
pub const TREE_ORIGIN: &str = "STEPDOWN_TRY_TREE";

/// The tree that is rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicesTree {
    /// Becomes `/etc/services.d`.
    pub services: PathBuf,
    /// Becomes `/etc/stepdown.toml`; `None`: there is none inside.
    pub container: Option<PathBuf>,
    /// What an image made for s6-overlay has beside it, by its name: becomes the same below `/etc`.
    pub s6: Vec<(&'static str, PathBuf)>,
}

impl ServicesTree {
    /// Returns the tree that `given` means: a directory that holds `services.d` (and `stepdown.toml`, if there is one), or a
    /// services tree itself. Nothing given: the current directory if it has a `services.d` or is of an image made for
    /// s6-overlay; else `None`, for `/etc` as it is
    /// inside.
    ///
    /// # Errors
    /// `given` is no directory.
    pub fn find(given: Option<&Path>) -> Result<Option<Self>, Problem> {
        let Some(given) = given else {
            return Ok(Self::in_directory(Path::new(".")));
        };
        source::check_given(given)?;
        let itself = Self { services: given.to_owned(), container: None, s6: Vec::new() };
        Ok(Some(Self::in_directory(given).unwrap_or(itself)))
    }

    /// Returns the tree whose services were copied from that directory.
    pub fn copied_from(services: OsString) -> Self {
        let services = PathBuf::from(services);
        let beside = |name: &str| services.parent().map(|directory| directory.join(name));
        let s6 = S6_DIRECTORIES.iter().filter_map(|name| Some((*name, beside(name)?)));
        Self { container: beside("stepdown.toml"), s6: s6.collect(), services }
    }

    /// Returns where the file is that was copied to a path inside.
    pub fn on_host(&self, inside: &Path) -> Option<PathBuf> {
        let s6 = self.s6.iter().map(|(name, outside)| (Path::new("/etc").join(name), outside));
        let mut all = std::iter::once((PathBuf::from(DEFAULT_TREE), &self.services)).chain(s6);
        let found = all.find_map(|(at, outside)| Some(outside.join(inside.strip_prefix(at).ok()?)));
        found.or_else(|| self.container.clone().filter(|_| inside == Path::new(CONTAINER_FILE)))
    }

    fn in_directory(directory: &Path) -> Option<Self> {
        let services = directory.join("services.d");
        let container = directory.join("stepdown.toml");
        let s6 = S6_DIRECTORIES.iter().map(|name| (*name, directory.join(name))).filter(|(_, path)| path.is_dir());
        let s6: Vec<_> = s6.collect();
        let is_tree = services.is_dir() || !s6.is_empty();
        is_tree.then(|| Self { services, container: container.is_file().then_some(container), s6 })
    }
}

/// Copies `from` to `to`, replacing what is there: directories 0755, files 0644 or, with any execute bit, 0755; links as
/// they are; FIFOs as FIFOs, so that a program that fails on one does so here too. Returns what was not copied.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<Vec<PathBuf>> {
    let mut omitted = Vec::new();
    remove(to)?;
    copy_entry(from, to, &mut omitted)?;
    Ok(omitted)
}

/// Removes a file, a link or a whole directory; it may be missing.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let done = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(cause) => Err(cause),
    };
    match done {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn copy_entry(from: &Path, to: &Path, omitted: &mut Vec<PathBuf>) -> io::Result<()> {
    // The top may be a link (or of /proc/self/fd): it is followed. Links below are not, see the recursion.
    let meta = fs::metadata(from)?;
    if !meta.is_dir() {
        return copy_file(from, to, &meta);
    }
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_fifo() {
            nix::unistd::mkfifo(&target, nix::sys::stat::Mode::from_bits_truncate(0o644))?;
        } else if kind.is_dir() || kind.is_file() {
            match copy_entry(&source, &target, omitted) {
                Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => omitted.push(source),
                other => other?,
            }
        } else {
            omitted.push(source);
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, meta: &fs::Metadata) -> io::Result<()> {
    let mut source = fs::File::open(from)?;
    let mut target = fs::OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut source, &mut target)?;
    let mode = if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
    target.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_services_d_brings_its_container_file() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("services.d")).unwrap();
        fs::write(top.path().join("stepdown.toml"), "").unwrap();
        let tree = ServicesTree::find(Some(top.path())).unwrap().unwrap();
        assert_eq!(tree.services, top.path().join("services.d"));
        assert_eq!(tree.container, Some(top.path().join("stepdown.toml")));
    }

    #[test]
    fn any_other_directory_is_a_services_tree_itself() {
        let top = tempfile::tempdir().unwrap();
        let tree = ServicesTree::find(Some(top.path())).unwrap().unwrap();
        assert_eq!(tree, ServicesTree { services: top.path().to_owned(), container: None, s6: Vec::new() });
    }

    #[test]
    fn a_file_inside_is_known_by_where_it_was_copied_from() {
        let tree = ServicesTree::copied_from("app/services.d".into());
        let on_host = |inside: &str| tree.on_host(Path::new(inside));
        assert_eq!(on_host("/etc/services.d/web/run"), Some("app/services.d/web/run".into()));
        assert_eq!(on_host("/etc/stepdown.toml"), Some("app/stepdown.toml".into()));
        assert_eq!(on_host("/etc/s6-overlay/s6-rc.d/web/run"), Some("app/s6-overlay/s6-rc.d/web/run".into()));
        assert_eq!(on_host("/etc/services.d.old/run"), None);
    }

    #[test]
    fn a_missing_directory_is_a_problem_with_a_remedy() {
        let problem = ServicesTree::find(Some(Path::new("/no/such"))).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "`/no/such`: there is no such directory; give a directory that holds `services.d`, or a services tree itself"
        );
    }

    #[test]
    fn a_copy_keeps_execute_bits_and_links_and_replaces_what_was_there() {
        let top = tempfile::tempdir().unwrap();
        let (from, to) = (top.path().join("from"), top.path().join("to"));
        fs::create_dir_all(from.join("s")).unwrap();
        fs::write(from.join("s/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(from.join("s/run"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(from.join("web.toml"), "x").unwrap();
        fs::set_permissions(from.join("web.toml"), fs::Permissions::from_mode(0o666)).unwrap();
        symlink("../away", from.join("link")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(to.join("old.toml"), "").unwrap();
        assert!(copy(&from, &to).unwrap().is_empty());
        let mode = |path: &str| fs::symlink_metadata(to.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("s"), mode("s/run"), mode("web.toml")), (0o755, 0o755, 0o644));
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("../away"));
        assert!(!to.join("old.toml").exists());
    }
}
