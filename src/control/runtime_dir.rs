//! The directory of our own for control socket, state and compatibility files (DESIGN §3.3): made exclusively in the
//! first place that lets us, locked for life, its owner and mode verified through the handle. What already stands there is
//! removed if it can only be ours and nobody who lives holds it, and else never used. Must not know what will be put there.
//! Works with root and without.
//!
//! `/run` may be shared by containers, where a process id means nothing: the lock (flock(2) on the directory) is the
//! kernel's word that its stepdown lives, and ends with it.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, symlinkat, unlinkat, write};

use crate::config::values::Uid;
use crate::error::Refused;
use crate::inspect::facts::alternatives;
use crate::plan::Owner;
use crate::sys::files::beneath::{Beneath, Mounts};
use crate::sys::files::change;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::listing::Listing;
use crate::sys::files::placed::PlacedBy;
use crate::sys::files::remove;
use crate::sys::files::resolve::{self, Found, Reached};
use crate::sys::files::stat::{Kind, Stat};
use crate::sys::files::umask::Umask;
use crate::sys::instance;
use crate::sys::privilege::Root;
use crate::text::{shown, shown_bytes};

/// Anybody may enter, nobody else may list: callers' credentials decide, not modes (DESIGN §3.3).
pub const MODE: u32 = 0o711;
/// A link in it that leads nowhere: its text is the mount namespace of the container that it belongs to.
pub const OF_CONTAINER: &CStr = c"container";
/// What else we leave in it.
const SOCKETS: [&[u8]; 2] = [b"control", b"notify-"];

/// The directory of our own.
#[derive(Debug)]
pub struct RuntimeDir {
    /// Its path.
    pub path: PathBuf,
    /// `O_PATH`: the directory itself, whatever becomes of its name.
    pub handle: Arc<OwnedFd>,
    /// Better places that could not be used.
    pub rejected: Vec<Rejected>,
    parent: OwnedFd,
    name: CString,
    /// Held for life.
    lock: Lock,
}

/// A candidate that could not be used.
#[derive(Debug)]
pub struct Rejected {
    /// Which.
    pub path: PathBuf,
    /// Why, in words.
    pub why: String,
}

/// The directory, open for listing; locked, but for file systems that know no locks (NFS).
#[derive(Debug)]
enum Lock {
    Held(Flock<OwnedFd>),
    Unknown(OwnedFd),
}

impl Lock {
    /// Returns `None` where somebody who lives has it.
    fn take(handle: OwnedFd) -> Option<Self> {
        match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Some(Self::Held(held)),
            Err((_, Errno::EWOULDBLOCK)) => None,
            Err((handle, _)) => Some(Self::Unknown(handle)),
        }
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Held(handle) => handle.as_fd(),
            Self::Unknown(handle) => handle.as_fd(),
        }
    }
}

impl RuntimeDir {
    /// Gives the directory to whom PID 1 becomes, so that it can make its socket after the drop.
    pub fn give(&self, _: &Root, to: Owner) -> Result<(), Refused> {
        let kernel = Kernel::probe();
        let given = Stat::of(kernel, self.handle.as_fd())
            .and_then(|stat| change::directory(kernel, self.handle.as_fd(), &stat, to, Some(MODE)));
        given.map(drop).map_err(|cause| {
            let what = format!("cannot give {} to {}:{}", shown(&self.path), to.uid, to.gid);
            Refused::new(what, cause).help("cap_add: [CHOWN]")
        })
    }

    /// Removes it with all that is in it, as far as whom we became may: somebody else outlives us there. By its name only
    /// if it is empty, because somebody may have put theirs in its place meanwhile.
    pub fn leave(self) {
        let beneath = Beneath { kernel: Kernel::probe(), mounts: Mounts::Stay };
        // What root keeps to itself stays; the next boot removes it.
        let _left = emptied(beneath, &self.lock);
        let _left = unlinkat(&self.parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir);
    }
}

/// Makes the runtime directory at the first candidate that can be used; each is the full path of the directory itself
/// (`/run/stepdown`). Its owner is who calls.
///
/// # Errors
/// Why each candidate was rejected.
pub fn make(candidates: &[PathBuf]) -> Result<RuntimeDir, Vec<Rejected>> {
    let kernel = Kernel::probe();
    let mut rejected = Vec::new();
    for path in candidates {
        match attempt(kernel, path) {
            Ok(made) => return Ok(RuntimeDir { rejected, ..made }),
            Err(why) => rejected.push(Rejected { path: path.clone(), why }),
        }
    }
    // Each may belong to another container of the same pod.
    match candidates.iter().flat_map(|path| alternatives(path)).find_map(|path| attempt(kernel, &path).ok()) {
        Some(made) => Ok(RuntimeDir { rejected, ..made }),
        None => Err(rejected),
    }
}

fn attempt(kernel: Kernel, path: &Path) -> Result<RuntimeDir, String> {
    use std::os::unix::ffi::OsStrExt;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("it is no path of a directory".to_owned());
    };
    let name = CString::new(name.as_bytes()).map_err(|_| "it contains a NUL byte".to_owned())?;
    let parent = match resolve::reach(kernel, parent) {
        Ok(Reached::Found(parent)) if parent.stat.kind == Kind::Directory => parent,
        Ok(Reached::Found(_)) => return Err("what would hold it is no directory".to_owned()),
        Ok(Reached::Missing(..)) => return Err(format!("there is no {}", shown(parent))),
        Err(lost) => {
            let why = lost.why.map_or_else(|| lost.cause.to_string(), ToOwned::to_owned);
            return Err(format!("{}: {why}", lost.at));
        }
    };
    let beneath = Beneath { kernel, mounts: Mounts::Stay };
    let place = Place { beneath, parent, name };
    let lock = match place.create() {
        Ok(handle) => place.lock(handle)?,
        Err(Errno::EEXIST) => place.replace()?,
        Err(cause) => return Err(said("cannot make it", cause)),
    };
    let handle = place.prove(&lock)?;
    Ok(RuntimeDir {
        path: path.to_owned(),
        handle: Arc::new(handle),
        rejected: Vec::new(),
        parent: place.parent.handle,
        name: place.name,
        lock,
    })
}

/// A directory that lives in another life.
const TAKEN: &str = "it belongs to another stepdown, which runs";

struct Place {
    beneath: Beneath,
    parent: Found,
    name: CString,
}

impl Place {
    /// Makes it with its mode, or fails if anything at all stands there.
    fn create(&self) -> Result<OwnedFd, Errno> {
        let made = {
            let _all = Umask::open();
            mkdirat(&self.parent.handle, self.name.as_c_str(), Mode::from_bits_truncate(MODE))
        };
        made.and_then(|()| self.open())
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.parent.handle, self.name.as_c_str(), flags, Mode::empty())
    }

    /// Locks it. Of two who make or replace one at the same time, the one that has the lock of what stands there in the
    /// end has it.
    fn lock(&self, handle: OwnedFd) -> Result<Lock, String> {
        let lock = Lock::take(handle).ok_or_else(|| TAKEN.to_owned())?;
        let kernel = self.beneath.kernel;
        let ours = Stat::of(kernel, lock.as_fd()).map_err(|cause| said("cannot look at it", cause))?;
        match Stat::of_entry(kernel, self.parent.handle.as_fd(), &self.name) {
            Ok(named) if named.id == ours.id => Ok(lock),
            Ok(_) | Err(_) => Err(TAKEN.to_owned()),
        }
    }

    /// Something stands there: removes it if it is an earlier life's, and makes it anew.
    ///
    /// It is, if its owner is who we are or root, or if only root could have put it there (after a `docker restart` it
    /// belongs to whom PID 1 stepped down to). In a directory that others can write, what belongs to others is theirs, and
    /// a directory of root's may be another one that was moved there: it is left unless it holds what we leave.
    fn replace(&self) -> Result<Lock, String> {
        let parent = self.parent.handle.as_fd();
        let look = |cause| said("cannot look at it", cause);
        let stat = Stat::of_entry(self.beneath.kernel, parent, &self.name).map_err(look)?;
        let ours = stat.uid.0 == geteuid().as_raw() || stat.uid == Uid::ROOT;
        let placed_by_root = self.parent.placed_by_root && self.parent.stat.only_root_writes();
        if !ours && !placed_by_root {
            return Err(format!("uid {} has put something there", stat.uid));
        }
        if stat.kind != Kind::Directory {
            // A name alone: who else can write there could take it away as well.
            return match unlinkat(parent, self.name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) => self.anew(),
                Err(cause) => Err(said("cannot remove what an earlier boot left", cause)),
            };
        }
        let old = Lock::take(self.open().map_err(|cause| said("cannot open it", cause))?);
        let old = old.ok_or_else(|| TAKEN.to_owned())?;
        let stat = Stat::of(self.beneath.kernel, old.as_fd()).map_err(look)?;
        let can_be_moved = self.parent.placed_by.below(&self.parent.stat, &stat) != PlacedBy::Root;
        if can_be_moved && geteuid().is_root() {
            self.leftover(&old, &stat)?;
        }
        emptied(self.beneath, &old).map_err(|cause| said("cannot empty it", cause))?;
        match unlinkat(parent, self.name.as_c_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) => self.anew(),
            // A volume of its own is mounted there, or the place around it is closed to us: emptied, it is as good as new.
            Err(Errno::EBUSY | Errno::EXDEV | Errno::EACCES | Errno::EPERM | Errno::EROFS) if ours => {
                let kernel = self.beneath.kernel;
                change::mode(kernel, old.as_fd(), &stat, MODE).map_err(|cause| said("cannot set its mode", cause))?;
                Ok(old)
            }
            Err(cause) => Err(said("cannot remove what an earlier boot left", cause)),
        }
    }

    fn anew(&self) -> Result<Lock, String> {
        let handle = self.create().map_err(|cause| said("cannot make it anew", cause))?;
        self.lock(handle)
    }

    /// Makes sure that a directory is one of ours by what is in it.
    fn leftover(&self, old: &Lock, stat: &Stat) -> Result<(), String> {
        let others = "and others than root can write the directory around it";
        if stat.mode != MODE {
            return Err(format!("a directory of root's with mode {:04o} stands there, {others}", stat.mode));
        }
        let mut listing = Listing::new();
        let handle = Beneath::list_pinned(old).map_err(|cause| said("cannot list it", cause))?;
        while listing.read(handle.as_fd()).map_err(|cause| said("cannot list it", cause))? {
            for entry in listing.entries() {
                let kind = Stat::of_entry(self.beneath.kernel, handle.as_fd(), entry.name).map(|stat| stat.kind);
                let bytes = entry.name.to_bytes();
                let known = match kind {
                    Ok(Kind::Socket) => SOCKETS.iter().any(|name| bytes.starts_with(name)),
                    Ok(Kind::Link) => entry.name == OF_CONTAINER,
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
    fn prove(&self, lock: &Lock) -> Result<OwnedFd, String> {
        let kernel = self.beneath.kernel;
        let handle = lock.as_fd();
        let stat = Stat::of(kernel, handle).map_err(|cause| said("cannot look at it", cause))?;
        if stat.kind != Kind::Directory || stat.uid.0 != geteuid().as_raw() {
            return Err(format!("uid {} has put something in its place", stat.uid));
        }
        if stat.mode != MODE {
            return Err("its file system keeps no modes".to_owned());
        }
        let list = Beneath::list_pinned(lock).map_err(|cause| said("cannot list it", cause))?;
        if !resolve::is_empty(&list).map_err(|cause| said("cannot list it", cause))? {
            return Err("somebody has put another directory in its place".to_owned());
        }
        if let Err(cause) = can_hold_a_file(handle) {
            // Made for nothing: away with it, if nobody has put anything in.
            unlinkat(&self.parent.handle, self.name.as_c_str(), UnlinkatFlags::RemoveDir).ok();
            return Err(said("cannot write to it", cause));
        }
        if let Some(namespace) = instance::mount_namespace() {
            // Without it callers of another container that shares this place find us; more is not lost.
            let _marked = symlinkat(&namespace, handle, OF_CONTAINER);
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(handle, c".", flags, Mode::empty()).map_err(|cause| said("cannot hold it", cause))
    }
}

/// Removes all that is in it. Through a handle of its own: reading moves where the next reader begins.
fn emptied(beneath: Beneath, directory: &Lock) -> io::Result<()> {
    remove::inside(beneath, Beneath::list_pinned(directory)?.as_fd())
}

const PROBE: &CStr = c".probe";

/// A full file system still makes directories: only a written byte tells.
fn can_hold_a_file(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(directory, PROBE, flags, Mode::from_bits_truncate(0o600))?;
    let written = write(&file, b"stepdown\n");
    unlinkat(directory, PROBE, UnlinkatFlags::NoRemoveDir)?;
    written.map(drop)
}

fn said(what: &str, cause: impl Into<io::Error>) -> String {
    format!("{what}: {}", cause.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_left_with_all_that_is_in_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stepdown");
        let made = make(std::slice::from_ref(&path)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(path.join("control")).unwrap());
        made.leave();
        assert!(!path.exists());
    }

    #[test]
    fn what_another_one_put_in_its_place_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stepdown");
        let made = make(std::slice::from_ref(&path)).unwrap();
        std::fs::rename(&path, place.path().join("moved")).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("theirs"), "").unwrap();
        made.leave();
        assert!(path.join("theirs").exists());
    }

    #[test]
    fn that_of_one_who_lives_is_left_alone_and_the_next_place_taken() {
        let place = tempfile::tempdir().unwrap();
        let paths = ["first", "second"].map(|name| place.path().join(name));
        let first = make(&paths).unwrap();
        std::fs::write(first.path.join("kept"), "").unwrap();
        let second = make(&paths).unwrap();
        assert_eq!((&first.path, &second.path), (&paths[0], &paths[1]));
        assert!(second.rejected[0].why.contains("another stepdown, which runs") && first.path.join("kept").exists());
        drop(first);
        assert_eq!(make(&paths).unwrap().path, paths[0], "the lock ends with who has it");
    }
}
