//! [`NewTree`]: directories, files and links that are created new, by handles, for one owner. Others may be able to write the
//! directory around them: nothing that exists is written or followed. Must not know what the files are for.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, getegid, geteuid, symlinkat, unlinkat};

use crate::config::values::{Gid, Uid};
use crate::plan::Owner;
use crate::sys::files::beneath::{Beneath, MountPolicy};
use crate::sys::files::stat::{FileKind, Stat, mount_of};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::files::umask::Umask;
use crate::sys::files::{change, remove, resolve};

/// What is created is readable by everybody: it holds nothing that the services' environment does not.
const DIRECTORY: u32 = 0o755;
const FILE: u32 = 0o644;

/// Creates entries for one owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewTree {
    beneath: Beneath,
    /// `None`: they are ours, and stay so.
    owner: Option<Owner>,
}

impl NewTree {
    /// Returns one for that owner.
    pub(super) fn new(syscalls: SyscallSupport, owner: Owner) -> Self {
        let ours = Owner { uid: Uid(geteuid().as_raw()), gid: Gid(getegid().as_raw()) };
        Self { beneath: Beneath { syscalls, mounts: MountPolicy::Stay }, owner: (owner != ours).then_some(owner) }
    }

    /// Creates a directory in one that others may be able to write, after removing what an earlier boot left there.
    pub(super) fn replace(&self, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
        self.remove(parent, name)?;
        let made = self.directory(parent, name)?;
        match resolve::is_empty(&made)? {
            true => Ok(made),
            false => Err(io::Error::other("it was replaced by another directory")),
        }
    }

    /// Creates a directory, which stays ours until [`Self::give`].
    pub(super) fn directory(&self, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
        {
            let _all = Umask::clear();
            mkdirat(parent, name, Mode::from_bits_truncate(DIRECTORY))?;
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let made = openat(parent, name, flags, Mode::empty())?;
        let stat = Stat::of(self.beneath.syscalls, made.as_fd())?;
        match stat.uid.0 == geteuid().as_raw() {
            true => Ok(made),
            false => Err(io::Error::other(format!("uid {} has put something in its place", stat.uid))),
        }
    }

    /// Creates a file.
    pub(super) fn file(&self, parent: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let made = {
            let _all = Umask::clear();
            openat(parent, name, flags, Mode::from_bits_truncate(FILE))?
        };
        let mut file = File::from(made);
        file.write_all(bytes)?;
        self.give(file.as_fd())
    }

    /// Creates a link.
    pub(super) fn link(&self, parent: BorrowedFd<'_>, name: &CStr, target: &Path) -> io::Result<()> {
        Ok(symlinkat(target, parent, name)?)
    }

    /// Gives a file or directory to its owner: a directory when it is complete.
    pub(super) fn give(&self, made: BorrowedFd<'_>) -> io::Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        let stat = Stat::of(self.beneath.syscalls, made)?;
        change::owner(self.beneath.syscalls, made, &stat, owner)
    }

    /// Removes an entry with everything below it: never through a link, never on another mount.
    pub(super) fn remove(&self, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EISDIR | Errno::EPERM) => {}
            Err(cause) => return Err(cause.into()),
        }
        if Stat::of_entry(self.beneath.syscalls, parent, name)?.kind != FileKind::Directory {
            return Err(Errno::EPERM.into());
        }
        let old = self.beneath.list(parent, Some(mount_of(self.beneath.syscalls, parent)?), name)?;
        remove::remove_contents(self.beneath, old.as_fd())?;
        Ok(unlinkat(parent, name, UnlinkatFlags::RemoveDir)?)
    }
}

/// Returns a name as a C string.
pub(super) fn name_of(name: impl AsRef<std::ffi::OsStr>) -> io::Result<CString> {
    Ok(CString::new(name.as_ref().as_bytes())?)
}
