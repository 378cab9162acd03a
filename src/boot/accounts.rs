//! Replaces an account file so that at every moment the old or the new one is there, whole (DESIGN §3.1): a temporary
//! file beside it, fsync, rename, fsync of the directory. Mode, owner and extended attributes are kept. Must not know
//! what the bytes mean.
//!
//! No lock file is made or heeded: at boot nobody else writes, and `/etc/passwd.lock` of an earlier life names PID 1,
//! which is alive in every life (buildah 2239, SECURITY T15).

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::libc;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid as NixGid, Uid as NixUid, UnlinkatFlags, fchown, unlinkat};

use crate::error::Refused;
use crate::plan::facts::AccountFile;
use crate::sys::files::beneath::Beneath;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::resolve::{self, Reached};
use crate::sys::files::stat::{Kind, Stat, mount_of};
use crate::sys::files::xattr;
use crate::sys::privilege::Root;
use crate::text::shown;

/// The temporary file is `.stepdown.` + the file's name, always: a later boot finds and removes what a killed one left.
/// A name that can be guessed is no danger: it is made exclusively, what stands there is unlinked and never opened, and
/// whoever could play with names in `/etc` (an image with `chmod g=u /etc`) could replace the file itself.
const PREFIX: &[u8] = b".stepdown.";

/// Replaces an account file by these bytes.
///
/// # Errors
/// If the file is bind-mounted, a link, or no regular file; if it cannot be written (read-only, full, immutable). Then
/// the old file is as it was.
pub fn replace(file: AccountFile, contents: &[u8]) -> Result<(), Refused> {
    replace_at(Path::new(file.path()), contents, file.usual_mode())
}

/// As [`replace`], for any path; `mode` is what a file gets that was not there.
pub fn replace_at(path: &Path, contents: &[u8], mode: u32) -> Result<(), Refused> {
    Replacement::of(path).and_then(|replacement| replacement.run(contents, mode)).map_err(|why| why.told(path))
}

/// Removes what a boot that was killed while replacing one of the account files may have left. Every boot as root
/// calls it, also one that has nothing to replace.
pub fn remove_leftovers(_: &Root) {
    for file in AccountFile::ALL {
        // Where nothing can be removed, nothing could be left either.
        if let Ok(replacement) = Replacement::of(Path::new(file.path())) {
            replacement.remove_leftover().ok();
        }
    }
}

/// Why a file cannot be replaced.
enum NotReplaceable {
    /// In our words, with the nearest errno.
    Words(&'static str, Errno),
    /// At which step, and the kernel's answer.
    Kernel(&'static str, io::Error),
}

impl NotReplaceable {
    fn at(step: &'static str) -> impl Fn(Errno) -> Self {
        move |cause| Self::Kernel(step, cause.into())
    }

    fn told(self, path: &Path) -> Refused {
        let path = shown(path);
        let (what, cause) = match self {
            Self::Words(words, errno) => (format!("cannot replace {path}: {words}"), errno.into()),
            Self::Kernel(step, cause) => (format!("cannot replace {path}: cannot {step}"), cause),
        };
        let help = match cause.raw_os_error() {
            Some(libc::EROFS) => "run without `read_only: true`, or set the account up in the image",
            Some(libc::EBUSY) => "remove the bind mount of the file; to change the host's file, change it on the host",
            Some(libc::ENOSPC | libc::EDQUOT) => "free some space on the file system of /etc",
            Some(libc::EACCES) => "cap_add: [DAC_OVERRIDE]",
            Some(libc::EPERM) => "remove the immutable attribute (chattr -i), or cap_add: [CHOWN, FOWNER]",
            _ => "make it a plain file of root's in the image",
        };
        Refused::new(what, cause).help(help)
    }
}

struct Replacement {
    kernel: Kernel,
    /// Open for reading: only such a one can be synced.
    directory: OwnedFd,
    name: CString,
    temporary: CString,
}

impl Replacement {
    fn of(path: &Path) -> Result<Self, NotReplaceable> {
        use std::os::unix::ffi::OsStrExt;
        let kernel = Kernel::probe();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(NotReplaceable::Words("it is no path of a file", Errno::EINVAL));
        };
        let reached = resolve::reach(kernel, parent).and_then(|reached| match reached {
            Reached::Found(found) => Ok(found),
            Reached::Missing(above, names) => resolve::make(kernel, above, &names),
        });
        let found = reached.map_err(|lost| NotReplaceable::Kernel("reach its directory", lost.cause))?;
        if found.stat.kind != Kind::Directory {
            return Err(NotReplaceable::Words("what holds it is no directory", Errno::ENOTDIR));
        }
        let directory =
            Beneath::list_pinned(&found.handle).map_err(|cause| NotReplaceable::Kernel("open its directory", cause))?;
        let temporary = [PREFIX, name.as_bytes()].concat();
        let no_name = |_| NotReplaceable::Words("it is no path of a file", Errno::EINVAL);
        Ok(Self {
            kernel,
            directory,
            name: CString::new(name.as_bytes()).map_err(no_name)?,
            temporary: CString::new(temporary).map_err(no_name)?,
        })
    }

    fn run(&self, contents: &[u8], mode: u32) -> Result<(), NotReplaceable> {
        let old = self.old()?;
        self.remove_leftover()
            .map_err(|cause| NotReplaceable::Kernel("remove the leftover of an earlier boot", cause.into()))?;
        let written = self.write(old.as_ref(), contents, mode);
        let renamed = written.and_then(|()| {
            renameat(&self.directory, self.temporary.as_c_str(), &self.directory, self.name.as_c_str())
                .map_err(NotReplaceable::at("rename the new file over it"))
        });
        if renamed.is_err() {
            self.remove_leftover().ok();
        }
        renamed?;
        // The new file is in place. A directory that cannot be synced (EINVAL on some file systems) changes nothing.
        nix::unistd::fsync(&self.directory).ok();
        Ok(())
    }

    /// Opens the present file, if there is one, and makes sure that it may be replaced.
    fn old(&self) -> Result<Option<(OwnedFd, Stat)>, NotReplaceable> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let pin = match openat(&self.directory, self.name.as_c_str(), flags, Mode::empty()) {
            Ok(pin) => pin,
            Err(Errno::ENOENT) => return Ok(None),
            Err(cause) => return Err(NotReplaceable::at("open it")(cause)),
        };
        let look = |cause| NotReplaceable::Kernel("look at it", cause);
        let stat = Stat::of(self.kernel, pin.as_fd()).map_err(look)?;
        match stat.kind {
            Kind::Regular => {}
            Kind::Link => return Err(NotReplaceable::Words("it is a symbolic link", Errno::ELOOP)),
            Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Block | Kind::Character | Kind::Unknown => {
                return Err(NotReplaceable::Words("it is not a regular file", Errno::EINVAL));
            }
        }
        // rename(2) would say EBUSY too; this says it before anything is written. Without /proc on an old kernel
        // nobody can tell, and rename(2) has the last word.
        if let (Ok(ours), Ok(its)) = (mount_of(self.kernel, &self.directory), mount_of(self.kernel, &pin))
            && ours != its
        {
            return Err(NotReplaceable::Words("it is bind-mounted and belongs to the host", Errno::EBUSY));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(&self.directory, self.name.as_c_str(), flags, Mode::empty())
            .map_err(NotReplaceable::at("read it"))?;
        let stat = Stat::of(self.kernel, file.as_fd()).map_err(look)?;
        Ok(Some((file, stat)))
    }

    fn write(&self, old: Option<&(OwnedFd, Stat)>, contents: &[u8], mode: u32) -> Result<(), NotReplaceable> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let private = Mode::from_bits_truncate(0o600); // shadow's bytes, until the old file's mode is on
        let new = openat(&self.directory, self.temporary.as_c_str(), flags, private)
            .map_err(NotReplaceable::at("make a new file"))?;
        let mut new = File::from(new);
        new.write_all(contents).map_err(|cause| NotReplaceable::Kernel("write the new file", cause))?;
        let mode = old.map_or(mode, |(_, stat)| stat.mode);
        if let Some((_, stat)) = old
            && (stat.uid.0, stat.gid.0) != self.owner(&new)?
        {
            let (uid, gid) = (NixUid::from_raw(stat.uid.0), NixGid::from_raw(stat.gid.0));
            fchown(&new, Some(uid), Some(gid)).map_err(NotReplaceable::at("give the new file the old one's owner"))?;
        }
        fchmod(&new, Mode::from_bits_truncate(mode))
            .map_err(NotReplaceable::at("give the new file the old one's mode"))?;
        if let Some((file, _)) = old {
            // After the mode: an ACL brings its own.
            xattr::copy(file.as_fd(), new.as_fd())
                .map_err(|(_, cause)| NotReplaceable::Kernel("keep an extended attribute of it", cause))?;
        }
        new.sync_all().map_err(|cause| NotReplaceable::Kernel("write the new file", cause))
    }

    fn owner(&self, file: &File) -> Result<(u32, u32), NotReplaceable> {
        let stat = Stat::of(self.kernel, file.as_fd())
            .map_err(|cause| NotReplaceable::Kernel("look at the new file", cause))?;
        Ok((stat.uid.0, stat.gid.0))
    }

    fn remove_leftover(&self) -> Result<(), Errno> {
        let name: &CStr = &self.temporary;
        match unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(cause) => Err(cause),
        }
    }
}
