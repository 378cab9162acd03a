//! The runtime directory for control socket, state and compatibility files (DESIGN §3.3): created exclusively at the first
//! candidate path that can be used, locked while this process runs, its owner and mode verified through the handle. An
//! existing directory is replaced if it can only be ours and is not locked, and else never used. Must not know what will be
//! put there. Works with root and without.
//!
//! `/run` may be shared by containers, where a process id means nothing: the lock (flock(2) on the directory) shows that its
//! stepdown still runs, and is released when that process exits.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::statfs::fstatfs;
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat, write};

use crate::config::values::Uid;
use crate::control::directory_lock::DirectoryLock;
use crate::error::cause_text;
use crate::inspect::facts::alternatives;
use crate::sys::files::beneath::{Beneath, MountPolicy};
use crate::sys::files::listing::Listing;
use crate::sys::files::placed_by::PlacedBy;
use crate::sys::files::resolve::{self, Resolved, ResolvedFile};
use crate::sys::files::stat::{FileKind, Stat};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::files::umask::Umask;
use crate::sys::files::{change, remove};
use crate::sys::instance;
use crate::text::{shown, shown_bytes};

/// Anybody may enter, nobody else may list: callers' credentials decide, not modes (DESIGN §3.3).
pub const MODE: u32 = 0o711;
/// A dangling link in it: its target is the mount namespace of the container that the directory belongs to.
pub const CONTAINER_LINK: &CStr = c"container";
/// Names, or prefixes of names, of the sockets in it.
const SOCKETS: [&[u8]; 2] = [b"control", b"notify-"];
/// Names of the directories in it: the state of s6-overlay, where /run cannot be used.
pub const S6_DIRECTORIES: [&CStr; 4] = [c"s6", c"s6-rc", c"s6-linux-init-container-results", c"service"];

/// The runtime directory.
#[derive(Debug)]
pub struct RuntimeDir {
    /// Its path.
    pub path: PathBuf,
    /// The directory itself, even if its name is replaced. Locked while this process runs.
    pub handle: Arc<DirectoryLock>,
    /// Preferred candidates that could not be used.
    pub rejected: Vec<Rejected>,
    parent: OwnedFd,
    name: CString,
}

/// A candidate that could not be used.
#[derive(Debug)]
pub struct Rejected {
    /// Its path.
    pub path: PathBuf,
    /// The reason, in words.
    pub why: String,
}

impl RuntimeDir {
    /// Removes it with its contents, as far as the app user may: where it is shared it outlives this container. The name is
    /// removed only if the directory is empty, because another one may have taken its place meanwhile.
    pub fn remove(self) {
        let beneath = Beneath { syscalls: SyscallSupport::probe(), mounts: MountPolicy::Stay };
        // What only root may remove stays; the next boot removes it.
        let _left = remove_contents(beneath, &self.handle);
        let _left = unlinkat(&self.parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir);
    }
}

/// Creates the runtime directory at the first candidate that can be used; each is the full path of the directory itself
/// (`/run/stepdown`). Its owner is the caller, `uid`.
///
/// # Errors
/// Why each candidate was rejected.
pub fn make(candidates: &[PathBuf], uid: Uid) -> Result<RuntimeDir, Vec<Rejected>> {
    let syscalls = SyscallSupport::probe();
    let mut rejected = Vec::new();
    for path in candidates {
        match create_at(syscalls, path, uid) {
            Ok(made) => return Ok(RuntimeDir { rejected, ..made }),
            Err(why) => rejected.push(Rejected { path: path.clone(), why }),
        }
    }
    // Each may belong to another container of the same pod.
    match candidates.iter().flat_map(|path| alternatives(path)).find_map(|path| create_at(syscalls, &path, uid).ok()) {
        Some(made) => Ok(RuntimeDir { rejected, ..made }),
        None => Err(rejected),
    }
}

fn create_at(syscalls: SyscallSupport, path: &Path, uid: Uid) -> Result<RuntimeDir, String> {
    use std::os::unix::ffi::OsStrExt;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("it is not the path of a directory".to_owned());
    };
    let name = CString::new(name.as_bytes()).map_err(|_| "it contains a NUL byte".to_owned())?;
    let beneath = Beneath { syscalls, mounts: MountPolicy::Stay };
    let location = |parent| Location { beneath, parent, name: name.clone(), uid };
    // Where nothing is in the way, only that no link leads there has to be known of its parent.
    if let Some(parent) = resolve::directory_without_links(parent, OFlag::O_PATH) {
        let location = location(parent);
        match location.create() {
            Ok(handle) => return location.lock_new(handle).and_then(|locked| location.verify(path, locked)),
            Err(Errno::EEXIST) => {}
            Err(cause) => return Err(failure("cannot create it", cause)),
        }
    }
    let ResolvedFile { handle, stat, placed_by_root, placed_by } = match resolve::resolve(syscalls, parent) {
        Ok(Resolved::Found(parent)) if parent.stat.kind == FileKind::Directory => parent,
        Ok(Resolved::Found(_)) => return Err("its parent is not a directory".to_owned()),
        Ok(Resolved::Missing(..)) => return Err(format!("there is no {}", shown(parent))),
        Err(lost) => {
            let why = lost.why.map_or_else(|| cause_text(&lost.cause), ToOwned::to_owned);
            return Err(format!("{}: {why}", lost.at));
        }
    };
    let parent = Parent { stat, placed_by_root, placed_by };
    let location = location(handle);
    let locked = match location.create() {
        Ok(handle) => location.lock_new(handle)?,
        Err(Errno::EEXIST) => location.replace(&parent)?,
        Err(cause) => return Err(failure("cannot create it", cause)),
    };
    location.verify(path, locked)
}

/// The reason for a directory that is locked.
const IN_USE: &str = "it belongs to another running stepdown";

/// The directory around it, as far as what may be removed from it depends on it.
struct Parent {
    stat: Stat,
    placed_by_root: bool,
    placed_by: PlacedBy,
}

struct Location {
    beneath: Beneath,
    parent: OwnedFd,
    name: CString,
    /// Our own.
    uid: Uid,
}

impl Location {
    /// Creates it with its mode, as far as the umask allows; fails if the name exists.
    fn create(&self) -> Result<OwnedFd, Errno> {
        mkdirat(&self.parent, self.name.as_c_str(), Mode::from_bits_truncate(MODE))?;
        self.open()
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.parent, self.name.as_c_str(), flags, Mode::empty())
    }

    /// Locks it. If two processes create or replace it at the same time, the one that has locked the directory that has the
    /// name in the end succeeds.
    fn lock(&self, handle: OwnedFd) -> Result<(DirectoryLock, Stat), String> {
        let lock = DirectoryLock::take(handle).ok_or_else(|| IN_USE.to_owned())?;
        let syscalls = self.beneath.syscalls;
        let ours = Stat::of(syscalls, lock.as_fd()).map_err(|cause| failure("cannot examine it", cause))?;
        match Stat::of_entry(syscalls, self.parent.as_fd(), &self.name) {
            Ok(named) if named.id == ours.id => Ok((lock, ours)),
            Ok(_) | Err(_) => Err(IN_USE.to_owned()),
        }
    }

    /// Locks one that [`Self::create`] has created. If the umask has taken of its mode, it is created again without: its mode
    /// is never changed, because a more private directory of ours may have been moved there.
    fn lock_new(&self, handle: OwnedFd) -> Result<(DirectoryLock, Stat), String> {
        let (lock, stat) = self.lock(handle)?;
        if stat.mode == MODE || stat.uid != self.uid {
            return Ok((lock, stat));
        }
        let again = unlinkat(&self.parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir).and_then(|()| {
            let _all = Umask::clear();
            self.create()
        });
        self.lock(again.map_err(|cause| failure("cannot create it again", cause))?)
    }

    /// The name exists: removes it if it is a leftover of an earlier boot, and creates it again.
    ///
    /// It is a leftover if we or root own it, or if only root could have put it there (after a `docker restart` it belongs
    /// to the app user of the earlier boot). In a directory that others can write, what belongs to others is not ours, and
    /// a directory of root's may have been moved there: it is used only if it contains nothing but our files.
    fn replace(&self, around: &Parent) -> Result<(DirectoryLock, Stat), String> {
        let parent = self.parent.as_fd();
        let look = |cause| failure("cannot examine it", cause);
        let stat = Stat::of_entry(self.beneath.syscalls, parent, &self.name).map_err(look)?;
        let ours = stat.uid == self.uid || stat.uid == Uid::ROOT;
        let placed_by_root = around.placed_by_root && around.stat.only_root_writes();
        if !ours && !placed_by_root {
            return Err(format!("uid {} has put something there", stat.uid));
        }
        if stat.kind != FileKind::Directory {
            // Removing a name needs no check: another user who can write there could remove it as well.
            return match unlinkat(parent, self.name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) => self.recreate(),
                Err(cause) => Err(failure("cannot remove what an earlier boot left", cause)),
            };
        }
        let old = DirectoryLock::take(self.open().map_err(|cause| failure("cannot open it", cause))?);
        let old = old.ok_or_else(|| IN_USE.to_owned())?;
        let stat = Stat::of(self.beneath.syscalls, old.as_fd()).map_err(look)?;
        let can_be_moved = around.placed_by.below(&around.stat, &stat) != PlacedBy::Root;
        if can_be_moved && self.uid == Uid::ROOT {
            self.check_is_leftover(&old, &stat)?;
        }
        remove_contents(self.beneath, &old).map_err(|cause| failure("cannot empty it", cause))?;
        let is_named =
            || Stat::of_entry(self.beneath.syscalls, parent, &self.name).is_ok_and(|named| named.id == stat.id);
        // Emptied, one that is as we would create it is as good as new.
        if !can_be_moved && stat.uid == self.uid && stat.mode == MODE && is_named() {
            return Ok((old, stat));
        }
        match unlinkat(parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) => self.recreate(),
            // It is a mount point, or we may not write its parent: emptied, it is as good as new.
            Err(Errno::EBUSY | Errno::EXDEV | Errno::EACCES | Errno::EPERM | Errno::EROFS) if ours => {
                let syscalls = self.beneath.syscalls;
                change::mode(syscalls, old.as_fd(), &stat, MODE)
                    .map_err(|cause| failure("cannot set its mode", cause))?;
                let stat = Stat::of(syscalls, old.as_fd()).map_err(look)?;
                Ok((old, stat))
            }
            Err(cause) => Err(failure("cannot remove what an earlier boot left", cause)),
        }
    }

    fn recreate(&self) -> Result<(DirectoryLock, Stat), String> {
        let handle = self.create().map_err(|cause| failure("cannot create it again", cause))?;
        self.lock_new(handle)
    }

    /// Checks by its contents that a directory is one of ours.
    fn check_is_leftover(&self, old: &DirectoryLock, stat: &Stat) -> Result<(), String> {
        let others = "and users other than root can write to its parent directory";
        if stat.mode != MODE {
            return Err(format!("a directory of root with mode {:04o} is already there, {others}", stat.mode));
        }
        let mut listing = Listing::small();
        let handle = Beneath::list_pinned(old).map_err(|cause| failure("cannot list it", cause))?;
        while listing.read(handle.as_fd()).map_err(|cause| failure("cannot list it", cause))? {
            for entry in listing.entries() {
                let kind = Stat::of_entry(self.beneath.syscalls, handle.as_fd(), entry.name).map(|stat| stat.kind);
                let bytes = entry.name.to_bytes();
                let known = match kind {
                    Ok(FileKind::Socket) => SOCKETS.iter().any(|name| bytes.starts_with(name)),
                    Ok(FileKind::Link) => entry.name == CONTAINER_LINK,
                    Ok(FileKind::Directory) => S6_DIRECTORIES.contains(&entry.name),
                    Ok(_) => entry.name == PROBE,
                    Err(_) => true, // gone
                };
                if !known {
                    return Err(format!("it holds {}, which is not stepdown's, {others}", shown_bytes(bytes)));
                }
            }
        }
        Ok(())
    }

    /// Verifies through the handle that it is ours, empty and can be written.
    fn verify(self, path: &Path, (lock, stat): (DirectoryLock, Stat)) -> Result<RuntimeDir, String> {
        if stat.kind != FileKind::Directory || stat.uid != self.uid {
            return Err(format!("uid {} has put something in its place", stat.uid));
        }
        if stat.mode != MODE {
            return Err("its file system does not store modes".to_owned());
        }
        let handle = lock.as_fd();
        if !resolve::is_empty_unread(handle).map_err(|cause| failure("cannot list it", cause))? {
            return Err("it was replaced by another directory".to_owned());
        }
        // Without the link clients in another container that shares the directory may connect to us; nothing else depends on it.
        let marked = instance::mount_namespace().map(|namespace| symlinkat(namespace, handle, CONTAINER_LINK));
        if (marked != Some(Ok(())) || !has_free_blocks(handle))
            && let Err(cause) = check_can_write(handle)
        {
            // It cannot be used: remove it, if nothing else is in it.
            unlinkat(handle, CONTAINER_LINK, UnlinkatFlags::NoRemoveDir).ok();
            unlinkat(&self.parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir).ok();
            return Err(failure("cannot write to it", cause));
        }
        Ok(RuntimeDir {
            path: path.to_owned(),
            handle: Arc::new(lock),
            rejected: Vec::new(),
            parent: self.parent,
            name: self.name,
        })
    }
}

/// Removes its contents. Uses a new handle: a directory offset is shared by copies of a descriptor.
fn remove_contents(beneath: Beneath, directory: &DirectoryLock) -> io::Result<()> {
    remove::remove_contents(beneath, Beneath::list_pinned(directory)?.as_fd())
}

const PROBE: &CStr = c".probe";

/// Returns whether the file system says that something can be written; one that cannot say so is written to.
fn has_free_blocks(directory: BorrowedFd<'_>) -> bool {
    fstatfs(directory).is_ok_and(|found| found.blocks_available() > 0)
}

/// A full file system may still create directories and links: only writing a byte shows it.
fn check_can_write(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(directory, PROBE, flags, Mode::from_bits_truncate(0o600))?;
    let written = write(&file, b"stepdown\n");
    unlinkat(directory, PROBE, UnlinkatFlags::NoRemoveDir)?;
    written.map(drop)
}

fn failure(what: &str, cause: impl Into<io::Error>) -> String {
    format!("{what}: {}", cause_text(&cause.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Uid {
        Uid(nix::unistd::geteuid().as_raw())
    }

    #[test]
    fn what_was_made_is_left_with_all_that_is_in_it() {
        let location = tempfile::tempdir().unwrap();
        let path = location.path().join("stepdown");
        let made = make(std::slice::from_ref(&path), me()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(path.join("control")).unwrap());
        made.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_place_that_cannot_be_had_is_told_in_the_kernels_words() {
        let location = tempfile::tempdir().unwrap();
        let rejected = make(&[location.path().join("x".repeat(300))], me()).unwrap_err();
        assert_eq!(rejected[0].why, "cannot create it: File name too long");
    }

    #[test]
    fn what_another_one_put_in_its_place_stays() {
        let location = tempfile::tempdir().unwrap();
        let path = location.path().join("stepdown");
        let made = make(std::slice::from_ref(&path), me()).unwrap();
        std::fs::rename(&path, location.path().join("moved")).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("theirs"), "").unwrap();
        made.remove();
        assert!(path.join("theirs").exists());
    }

    #[test]
    fn that_of_one_who_lives_is_left_alone_and_the_next_place_taken() {
        let location = tempfile::tempdir().unwrap();
        let paths = ["first", "second"].map(|name| location.path().join(name));
        let first = make(&paths, me()).unwrap();
        std::fs::write(first.path.join("kept"), "").unwrap();
        let second = make(&paths, me()).unwrap();
        assert_eq!((&first.path, &second.path), (&paths[0], &paths[1]));
        assert!(second.rejected[0].why.contains("another running stepdown") && first.path.join("kept").exists());
        drop(first);
        assert_eq!(make(&paths, me()).unwrap().path, paths[0], "the lock ends with who has it");
    }
}
