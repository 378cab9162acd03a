//! Who could have written the configuration, and what services are made of (DESIGN §3.4, SECURITY 1.4). Reports every file
//! that users other than root own or could write; `plan::trusted_writers` decides whether that matters. Must not read the
//! contents of files.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::config::is_read_directory;
use crate::config::values::{Gid, Uid};
use crate::plan::TrustedWriters;
use crate::plan::facts::FileOwner;
use crate::sys::files::xattr;
use crate::sys::id_map::id_map;
use crate::sys::read_file;

/// The id that unmapped ids are shown as (`/proc/sys/kernel/overflowuid`).
const OVERFLOW: u32 = 65_534;

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The level of a file in a services tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TreeLevel {
    /// A services tree, or the container file.
    Tree,
    /// An entry of a tree.
    Entry,
    /// A file of an entry.
    Inner,
    /// A file of a directory in an entry.
    Innermost,
}

/// Returns the paths that are not to be trusted: of these, of their parent directories, and of files read below them.
pub fn untrusted(paths: &[PathBuf], writers: TrustedWriters) -> Vec<FileOwner> {
    let mut check = OwnerCheck::default();
    let found = paths.iter().flat_map(|path| check.tree(path, TreeLevel::Tree)).filter(|found| !writers.allows(found));
    let mut known = BTreeSet::new();
    found.filter(|found| known.insert(found.path.clone())).collect()
}

/// Files that were examined already: paths have their directories in common. For one reading of the facts.
#[derive(Default)]
pub struct OwnerCheck {
    examined: HashMap<PathBuf, Option<Examined>>,
}

/// What a file is.
#[derive(Clone)]
struct Examined {
    kind: FileType,
    /// If users other than root own or could write it.
    owner: Option<FileOwner>,
}

/// The result of resolving a path link by link.
#[derive(Debug)]
pub struct ResolvedPath {
    /// Every directory, link and link target in the path, and the path itself, that users other than root own or could write.
    pub found: Vec<FileOwner>,
    /// The paths of the links.
    pub links: Vec<PathBuf>,
    /// The path with all links resolved, or the last existing part of it.
    pub end: PathBuf,
}

/// Resolves a path link by link, until a missing component.
///
/// A name in a directory that only root can write was put there by root: if nothing is found the path may be opened.
pub fn follow(path: &Path) -> ResolvedPath {
    OwnerCheck::default().follow(path)
}

impl OwnerCheck {
    /// As [`follow`].
    pub fn follow(&mut self, path: &Path) -> ResolvedPath {
        let mut resolved = ResolvedPath { found: Vec::new(), links: Vec::new(), end: PathBuf::from("/") };
        let _whole = self.follow_links(path, &mut resolved);
        resolved
    }

    /// Returns who owns one entry of a services tree, and everything in it.
    pub fn entry(&mut self, entry: &Path) -> Vec<FileOwner> {
        self.tree(entry, TreeLevel::Entry)
    }

    /// Checks `path`, and the files that are read below it as a services tree.
    fn tree(&mut self, path: &Path, level: TreeLevel) -> Vec<FileOwner> {
        let mut found = Vec::new();
        if let Some((end, _)) = self.resolve(path, &mut found).filter(|(_, kind)| kind.is_dir()) {
            self.below(&end, level, &mut found);
        }
        found
    }

    fn below(&mut self, directory: &Path, level: TreeLevel, found: &mut Vec<FileOwner>) {
        let next = match level {
            TreeLevel::Tree => TreeLevel::Entry,
            TreeLevel::Entry => TreeLevel::Inner,
            TreeLevel::Inner => TreeLevel::Innermost,
            TreeLevel::Innermost => return,
        };
        for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            let Some(kind) = self.file(&path, found) else { continue };
            let end = if kind.is_symlink() { self.resolve(&path, found) } else { Some((path, kind)) };
            // `data`, `supervise` and other files of an s6 directory may be the service's own.
            let is_read = level == TreeLevel::Tree || is_read_directory(Some(OsStr::new(&name)));
            if let Some((end, _)) = end.filter(|(_, kind)| kind.is_dir() && is_read) {
                self.below(&end, next, found);
            }
        }
    }

    /// Returns the path with all links resolved.
    fn resolve(&mut self, path: &Path, found: &mut Vec<FileOwner>) -> Option<(PathBuf, FileType)> {
        let mut resolved = ResolvedPath { found: std::mem::take(found), links: Vec::new(), end: PathBuf::from("/") };
        let kind = self.follow_links(path, &mut resolved);
        *found = resolved.found;
        Some((resolved.end, kind?))
    }

    fn follow_links(&mut self, path: &Path, resolved: &mut ResolvedPath) -> Option<FileType> {
        let ResolvedPath { found, links, end: here } = resolved;
        let mut kind = self.file(here, found)?;
        let mut rest: VecDeque<OsString> = components(path).collect();
        while let Some(word) = rest.pop_front() {
            if word == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&word);
            kind = self.file(&next, found)?;
            if !kind.is_symlink() {
                *here = next;
                continue;
            }
            let target = fs::read_link(&next).ok().filter(|_| links.len() < MAX_LINKS)?;
            links.push(next);
            if target.is_absolute() {
                *here = PathBuf::from("/");
            }
            components(&target).collect::<Vec<_>>().into_iter().rev().for_each(|word| rest.push_front(word));
        }
        Some(kind)
    }

    fn file(&mut self, path: &Path, found: &mut Vec<FileOwner>) -> Option<FileType> {
        if !self.examined.contains_key(path) {
            self.examined.insert(path.to_owned(), examine(path));
        }
        let examined = self.examined.get(path)?.as_ref()?;
        found.extend(examined.owner.clone());
        Some(examined.kind)
    }
}

fn components(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(word) => Some(word.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn examine(path: &Path) -> Option<Examined> {
    let meta = fs::symlink_metadata(path).ok()?;
    // A link's mode has no meaning.
    let mode = if meta.is_symlink() { 0 } else { meta.mode() & 0o7777 };
    let is_others = meta.uid() != 0 || mode & 0o022 != 0;
    let owner = is_others.then(|| FileOwner {
        path: path.to_owned(),
        uid: Uid(meta.uid()),
        gid: Gid(meta.gid()),
        unmapped: [(meta.uid(), "/proc/self/uid_map"), (meta.gid(), "/proc/self/gid_map")].map(is_unmapped),
        mode,
        directory: meta.is_dir(),
        has_acl: mode & 0o020 != 0 && xattr::has_acl(path),
        read_only: statvfs(path).is_ok_and(|vfs| vfs.flags().contains(FsFlags::ST_RDONLY)),
    });
    Some(Examined { kind: meta.file_type(), owner })
}

/// Whether an id stands for all unmapped ids. If the map contains that number it is taken for the user `nobody`.
fn is_unmapped((id, map): (u32, &str)) -> bool {
    id == OVERFLOW && id_map(&read_file::read_proc(map)).outside(id).is_none()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // of a tree that the test has just created
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn what_somebody_else_could_have_written_is_found_however_deep() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let web = place.path().join("services.d/web");
        fs::create_dir_all(&web).unwrap();
        let run = web.join("run");
        fs::write(&run, "").unwrap();
        let all = [place.path().join("services.d"), place.path().join("missing")];
        let first_untrusted = |all: &[PathBuf]| {
            let writers = TrustedWriters::Root { or: None, unpacked: None, shared_group: false };
            untrusted(all, writers).into_iter().map(|found| found.path).next()
        };
        assert_eq!(first_untrusted(&all), None);
        fs::set_permissions(&run, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(first_untrusted(&all), None, "its group is root's, as with a umask of 002");
        chown(&run, None, Some(50)).unwrap();
        assert_eq!(first_untrusted(&all), Some(run.clone()));
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&web, Some(1234), None).unwrap();
        assert_eq!(first_untrusted(&all), Some(web.clone()));
        chown(&web, Some(0), None).unwrap();
        chown(place.path(), Some(1234), None).unwrap();
        assert_eq!(first_untrusted(&all), Some(place.path().to_owned()), "it could put another tree there");
    }
    #[test]
    fn a_link_is_as_good_as_its_place_and_as_what_it_leads_to() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["good", "bad"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("file"), "").unwrap();
        }
        chown(at("bad"), Some(1234), None).unwrap();
        symlink("../good/file", at("bad/to-good")).unwrap();
        symlink("../bad/file", at("good/to-bad")).unwrap();
        symlink("./file", at("good/to-good")).unwrap();
        // The directory of temporary files is sticky: nobody replaces what is root's there.
        let writers = TrustedWriters::Root { or: None, unpacked: None, shared_group: false };
        let found = |name: &str| {
            follow(&at(name)).found.into_iter().find(|found| !writers.allows(found)).map(|found| found.path)
        };
        assert_eq!(found("good/file"), None);
        assert_eq!(found("good/to-good"), None);
        assert_eq!(found("bad/to-good"), Some(at("bad")));
        assert_eq!(found("good/to-bad"), Some(at("bad")));
        assert_eq!(found("good/none/deeper"), None);
    }

    #[test]
    fn a_directory_of_many_paths_is_examined_once() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["one", "two"] {
            fs::write(at(name), "").unwrap();
        }
        chown(place.path(), Some(1234), None).unwrap();
        let mut check = OwnerCheck::default();
        let is_found = |resolved: ResolvedPath| resolved.found.iter().any(|found| found.path == place.path());
        assert!(is_found(check.follow(&at("one"))));
        chown(place.path(), Some(0), None).unwrap();
        assert!(is_found(check.follow(&at("two"))), "as it was");
        assert!(!is_found(follow(&at("two"))), "a new check looks again");
    }
}
