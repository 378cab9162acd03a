//! The directory of our own for control socket, state and compatibility files (DESIGN §3.3): made exclusively in the
//! first place that lets us, its owner and mode verified through the handle. What already stands there is removed if it
//! can only be ours, and else never used. Must not know what will be put there. Works with root and without.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat, write};

use crate::error::Refused;
use crate::plan::Owner;
use crate::sys::files::beneath::{Beneath, Mounts};
use crate::sys::files::change;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::name::shown_path;
use crate::sys::files::remove;
use crate::sys::files::resolve::{self, Found, Reached};
use crate::sys::files::stat::{Kind, Stat};
use crate::sys::privilege::Root;

/// Anybody may enter, nobody else may list: callers' credentials decide, not modes (DESIGN §3.3).
pub const MODE: u32 = 0o711;

/// The directory of our own.
#[derive(Debug)]
pub struct RuntimeDir {
    /// Its path.
    pub path: PathBuf,
    /// `O_PATH`: the directory itself, whatever becomes of its name.
    pub handle: OwnedFd,
}

/// A candidate that could not be used.
#[derive(Debug)]
pub struct Rejected {
    /// Which.
    pub path: PathBuf,
    /// Why, in words.
    pub why: String,
}

impl RuntimeDir {
    /// Gives the directory to whom PID 1 becomes, so that it can make its socket after the drop.
    pub fn give(&self, _: &Root, to: Owner) -> Result<(), Refused> {
        let kernel = Kernel::probe();
        let given = Stat::of(kernel, self.handle.as_fd())
            .and_then(|stat| change::directory(kernel, self.handle.as_fd(), &stat, to, Some(MODE)));
        given.map(drop).map_err(|cause| {
            let what = format!("cannot give {} to {}:{}", shown_path(&self.path), to.uid, to.gid);
            Refused::new(what, cause).help("cap_add: [CHOWN]")
        })
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
            Ok(handle) => return Ok(RuntimeDir { path: path.clone(), handle }),
            Err(why) => rejected.push(Rejected { path: path.clone(), why }),
        }
    }
    Err(rejected)
}

/// Removes it with all that is in it, as far as whom we became may: somebody else outlives us there.
pub fn leave(path: &Path) {
    use std::os::unix::ffi::OsStrExt;
    let kernel = Kernel::probe();
    let name = path.file_name().and_then(|name| CString::new(name.as_bytes()).ok());
    let parent = path.parent().and_then(|parent| resolve::reach(kernel, parent).ok());
    if let (Some(name), Some(Reached::Found(parent))) = (name, parent) {
        let beneath = Beneath { kernel, mounts: Mounts::Stay };
        // What root keeps to itself stays; the next boot removes it.
        let _left = remove::entry(beneath, parent.handle.as_fd(), &name);
    }
}

fn attempt(kernel: Kernel, path: &Path) -> Result<OwnedFd, String> {
    use std::os::unix::ffi::OsStrExt;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("it is no path of a directory".to_owned());
    };
    let name = CString::new(name.as_bytes()).map_err(|_| "it contains a NUL byte".to_owned())?;
    let parent = match resolve::reach(kernel, parent) {
        Ok(Reached::Found(parent)) if parent.stat.kind == Kind::Directory => parent,
        Ok(Reached::Found(_)) => return Err("what would hold it is no directory".to_owned()),
        Ok(Reached::Missing(..)) => return Err(format!("there is no {}", shown_path(parent))),
        Err(lost) => {
            let why = lost.why.map_or_else(|| lost.cause.to_string(), ToOwned::to_owned);
            return Err(format!("{}: {why}", lost.at));
        }
    };
    let beneath = Beneath { kernel, mounts: Mounts::Stay };
    let place = Place { beneath, parent, name };
    let handle = match place.create() {
        Err(Errno::EEXIST) => place.replace()?,
        answer => answer.map_err(|cause| said("cannot make it", cause))?,
    };
    place.prove(handle)
}

struct Place {
    beneath: Beneath,
    parent: Found,
    name: CString,
}

impl Place {
    /// Makes it, or fails if anything at all stands there.
    fn create(&self) -> Result<OwnedFd, Errno> {
        mkdirat(&self.parent.handle, self.name.as_c_str(), Mode::from_bits_truncate(0o700))?;
        self.open()
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.parent.handle, self.name.as_c_str(), flags, Mode::empty())
    }

    /// Something stands there: removes it if it is an earlier life's, and makes it anew.
    ///
    /// It is, if its owner is who we are or root, or if only root could have put it there (after a `docker restart` it
    /// belongs to whom PID 1 stepped down to). In a directory that others can write, what belongs to others is theirs.
    fn replace(&self) -> Result<OwnedFd, String> {
        let parent = self.parent.handle.as_fd();
        let stat = Stat::of_entry(self.beneath.kernel, parent, &self.name)
            .map_err(|cause| said("cannot look at it", cause))?;
        let ours = stat.uid.0 == geteuid().as_raw() || stat.uid.0 == 0;
        let placed_by_root = self.parent.placed_by_root && self.parent.stat.only_root_writes();
        if !ours && !placed_by_root {
            return Err(format!("uid {} has put something there", stat.uid));
        }
        match remove::entry(self.beneath, parent, &self.name) {
            Ok(()) => self.create().map_err(|cause| said("cannot make it anew", cause)),
            // A volume of its own is mounted there: emptied, it is as good as new.
            Err(cause) if is_mount(&cause) && ours && stat.kind == Kind::Directory => {
                let handle = self.open().map_err(|cause| said("cannot open it", cause))?;
                remove::inside(self.beneath, handle.as_fd()).map_err(|cause| said("cannot empty it", cause))?;
                Ok(handle)
            }
            Err(cause) => Err(said("cannot remove what an earlier boot left", cause)),
        }
    }

    /// Verifies through the handle that it is ours and can be written, and gives it its mode.
    fn prove(&self, handle: OwnedFd) -> Result<OwnedFd, String> {
        let kernel = self.beneath.kernel;
        let look = |handle: BorrowedFd<'_>| Stat::of(kernel, handle).map_err(|cause| said("cannot look at it", cause));
        let stat = look(handle.as_fd())?;
        if stat.kind != Kind::Directory || stat.uid.0 != geteuid().as_raw() {
            return Err(format!("uid {} has put something in its place", stat.uid));
        }
        change::mode(kernel, handle.as_fd(), &stat, MODE).map_err(|cause| said("cannot set its mode", cause))?;
        if look(handle.as_fd())?.mode != MODE {
            return Err("its file system keeps no modes".to_owned());
        }
        if let Err(cause) = can_hold_a_file(handle.as_fd()) {
            // Made for nothing: away with it, if nobody has put anything in.
            unlinkat(&self.parent.handle, self.name.as_c_str(), UnlinkatFlags::RemoveDir).ok();
            return Err(said("cannot write to it", cause));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(&handle, c".", flags, Mode::empty()).map_err(|cause| said("cannot hold it", cause))
    }
}

/// A full file system still makes directories: only a written byte tells.
fn can_hold_a_file(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    const NAME: &CStr = c".probe";
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(directory, NAME, flags, Mode::from_bits_truncate(0o600))?;
    let written = write(&file, b"stepdown\n");
    unlinkat(directory, NAME, UnlinkatFlags::NoRemoveDir)?;
    written.map(drop)
}

fn is_mount(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(libc::EBUSY | libc::EXDEV))
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
        make(std::slice::from_ref(&path)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(path.join("control")).unwrap());
        leave(&path);
        assert!(!path.exists());
        leave(&path);
    }
}
