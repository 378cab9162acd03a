//! Who could have written the configuration, and what services are made of (DESIGN §3.4, SECURITY 1.4). Reports every place
//! that others than root own or could write; whether that matters is judged by `plan::trust`. Must not read what is in the
//! files.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::config::has_meaning;
use crate::config::values::{Gid, Uid};
use crate::plan::Trust;
use crate::plan::facts::FileOwner;
use crate::sys::files::xattr;
use crate::sys::id_map::id_map;
use crate::sys::read_file;

/// As what ids show that are not mapped (`/proc/sys/kernel/overflowuid`).
const OVERFLOW: u32 = 65_534;

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Where something lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// A services tree, or the container file.
    Tree,
    /// An entry of a tree.
    Entry,
    /// What an entry holds.
    Inner,
    /// What a directory in it holds.
    Innermost,
}

/// Returns the first of these paths, of what lies on the way to them, and of what is read below them, that is not to be
/// trusted.
pub fn not_roots(paths: &[PathBuf], trust: Trust) -> Option<PathBuf> {
    let found = paths.iter().flat_map(|path| read_from(path, Level::Tree)).find(|found| !trust.allows(found));
    found.map(|found| found.path)
}

/// The same of an entry of a services tree, all of it.
pub fn whole(entry: &Path) -> Vec<FileOwner> {
    read_from(entry, Level::Entry)
}

/// A path that was followed link by link.
#[derive(Debug)]
pub struct ResolvedPath {
    /// Every directory on the way, every link and what it leads to, and the path itself, where others than root own it or
    /// could write it.
    pub found: Vec<FileOwner>,
    /// Where the links on the way stand.
    pub links: Vec<PathBuf>,
    /// Where it ends: the path with all links resolved, or the last that there is of it.
    pub end: PathBuf,
}

/// Goes along the way to a path. What is missing ends the way.
///
/// A name in a directory that only root can write is what root made of it: whoever finds nothing here may open the path.
pub fn way(path: &Path) -> ResolvedPath {
    let mut way = ResolvedPath { found: Vec::new(), links: Vec::new(), end: PathBuf::from("/") };
    let _whole = walk_along(path, &mut way);
    way
}

/// Returns where the way ends, all links resolved.
fn walk(path: &Path, found: &mut Vec<FileOwner>) -> Option<(PathBuf, Metadata)> {
    let mut way = ResolvedPath { found: std::mem::take(found), links: Vec::new(), end: PathBuf::from("/") };
    let meta = walk_along(path, &mut way);
    *found = way.found;
    Some((way.end, meta?))
}

fn walk_along(path: &Path, way: &mut ResolvedPath) -> Option<Metadata> {
    let ResolvedPath { found, links, end: here } = way;
    let mut meta = look(here, found)?;
    let mut rest: VecDeque<OsString> = words(path).collect();
    while let Some(word) = rest.pop_front() {
        if word == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&word);
        meta = look(&next, found)?;
        if !meta.is_symlink() {
            *here = next;
            continue;
        }
        let target = fs::read_link(&next).ok().filter(|_| links.len() < MAX_LINKS)?;
        links.push(next);
        if target.is_absolute() {
            *here = PathBuf::from("/");
        }
        words(&target).collect::<Vec<_>>().into_iter().rev().for_each(|word| rest.push_front(word));
    }
    Some(meta)
}

fn words(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(word) => Some(word.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn look(path: &Path, found: &mut Vec<FileOwner>) -> Option<Metadata> {
    let meta = fs::symlink_metadata(path).ok()?;
    // A link's mode says nothing.
    let mode = if meta.is_symlink() { 0 } else { meta.mode() & 0o7777 };
    if meta.uid() != 0 || mode & 0o022 != 0 {
        found.push(FileOwner {
            path: path.to_owned(),
            uid: Uid(meta.uid()),
            gid: Gid(meta.gid()),
            outsiders: [(meta.uid(), "/proc/self/uid_map"), (meta.gid(), "/proc/self/gid_map")].map(is_outsider),
            mode,
            directory: meta.is_dir(),
            more_users: mode & 0o020 != 0 && xattr::has_more_users(path),
            read_only: statvfs(path).is_ok_and(|vfs| vfs.flags().contains(FsFlags::ST_RDONLY)),
        });
    }
    Some(meta)
}

/// Whether an id stands for all that are not mapped here. One map has a `nobody` of its own with that number: then it is
/// taken for that one.
fn is_outsider((id, map): (u32, &str)) -> bool {
    id == OVERFLOW && id_map(&read_file::proc(map)).outside(id).is_none()
}

/// The way to `path`, and what the reader of trees reads below it.
fn read_from(path: &Path, level: Level) -> Vec<FileOwner> {
    let mut found = Vec::new();
    if let Some((end, _)) = walk(path, &mut found).filter(|(_, meta)| meta.is_dir()) {
        below(&end, level, &mut found);
    }
    found
}

fn below(directory: &Path, level: Level, found: &mut Vec<FileOwner>) {
    let next = match level {
        Level::Tree => Level::Entry,
        Level::Entry => Level::Inner,
        Level::Inner => Level::Innermost,
        Level::Innermost => return,
    };
    for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let Some(meta) = look(&path, found) else { continue };
        let end = if meta.is_symlink() { walk(&path, found) } else { Some((path, meta)) };
        // `data`, `supervise` and whatever else an s6 directory holds may be the service's own.
        let is_read = level == Level::Tree || has_meaning(Some(OsStr::new(&name)));
        if let Some((end, _)) = end.filter(|(_, meta)| meta.is_dir() && is_read) {
            below(&end, next, found);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // of a tree that the test has just made
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
        let not_roots =
            |all: &[PathBuf]| super::not_roots(all, Trust::Root { or: None, unpacked: None, shared_group: false });
        assert_eq!(not_roots(&all), None);
        fs::set_permissions(&run, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(not_roots(&all), None, "its group is root's, as with a umask of 002");
        chown(&run, None, Some(50)).unwrap();
        assert_eq!(not_roots(&all), Some(run.clone()));
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&web, Some(1234), None).unwrap();
        assert_eq!(not_roots(&all), Some(web.clone()));
        chown(&web, Some(0), None).unwrap();
        chown(place.path(), Some(1234), None).unwrap();
        assert_eq!(not_roots(&all), Some(place.path().to_owned()), "it could put another tree there");
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
        let trust = Trust::Root { or: None, unpacked: None, shared_group: false };
        let found =
            |name: &str| way(&at(name)).found.into_iter().find(|found| !trust.allows(found)).map(|found| found.path);
        assert_eq!(found("good/file"), None);
        assert_eq!(found("good/to-good"), None);
        assert_eq!(found("bad/to-good"), Some(at("bad")));
        assert_eq!(found("good/to-bad"), Some(at("bad")));
        assert_eq!(found("good/none/deeper"), None);
    }
}
