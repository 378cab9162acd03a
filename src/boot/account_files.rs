//! Replaces account files, each atomically (DESIGN §3.1): a temporary
//! file next to it, fsync, rename; fsync of the directory. Mode, owner and extended attributes are kept. Must not know
//! what its bytes mean.
//!
//! Lock files are neither created nor respected: no other process writes at boot, and an `/etc/passwd.lock` of an earlier
//! boot names PID 1, which always exists (buildah 2239, SECURITY T15).

use std::ffi::{CStr, CString, NulError, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::libc;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid as NixGid, Uid as NixUid, UnlinkatFlags, fchown, unlinkat};

use crate::error::Refused;
use crate::plan::facts::AccountFile;
use crate::sys::files::beneath::Beneath;
use crate::sys::files::resolve::{self, Resolved};
use crate::sys::files::stat::{FileKind, Stat, mount_of};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::files::xattr;
use crate::sys::privilege::Root;
use crate::text::shown;

/// The temporary file is `.stepdown.` + the file's name, always: a later boot finds and removes what a killed one left.
/// A predictable name is safe: it is created exclusively, an existing file is unlinked and never opened, and a user who can
/// create names in `/etc` (an image with `chmod g=u /etc`) could replace the account file itself.
const PREFIX: &[u8] = b".stepdown.";

/// Replaces an account file by these bytes.
///
/// # Errors
/// If the file is bind-mounted, a link, or not a regular file; if it cannot be written (read-only, full, immutable). The
/// old file is unchanged then.
pub fn replace(file: AccountFile, contents: &[u8]) -> Result<(), Refused> {
    replace_all(&[(file, contents)]).into_iter().collect()
}

/// Replaces several, and returns the result of each. All new files are written before the first is synced, which leaves the
/// others little to do, and the directory is synced once.
pub fn replace_all(files: &[(AccountFile, &[u8])]) -> Vec<Result<(), Refused>> {
    let written = files.iter().map(|(file, contents)| {
        let replacement = Replacement::of(Path::new(file.path()))?;
        let new = replacement.write_new(contents, file.usual_mode())?;
        Ok((replacement, new))
    });
    let written: Vec<_> = written.collect();
    let synced: Vec<_> = written
        .into_iter()
        .map(|written| written.and_then(|(replacement, new)| replacement.sync(&new).map(|()| replacement)))
        .collect();
    let mut directory = None;
    let renamed = synced.into_iter().map(|synced| {
        let replacement = synced?;
        replacement.rename()?;
        directory = Some(replacement.directory);
        Ok(())
    });
    let renamed: Vec<Result<(), NotReplaceable>> = renamed.collect();
    // The new files are in place, all in one directory. One that cannot be synced (EINVAL on some file systems) changes
    // nothing.
    if let Some(directory) = directory {
        nix::unistd::fsync(directory).ok();
    }
    let paths = files.iter().map(|(file, _)| Path::new(file.path()));
    renamed.into_iter().zip(paths).map(|(renamed, path)| renamed.map_err(|why| why.into_refused(path))).collect()
}

/// Removes what a boot that was killed while replacing one of the account files may have left. Every boot as root
/// calls it, also one that has nothing to replace.
pub fn remove_leftovers(_: &Root) {
    let mut directory: Option<(&Path, OwnedFd)> = None;
    for path in AccountFile::ALL.map(|file| Path::new(file.path())) {
        let (Some(parent), Some(Ok(temporary))) = (path.parent(), path.file_name().map(temporary_name)) else {
            continue;
        };
        if directory.as_ref().is_none_or(|(open, _)| *open != parent) {
            directory = open_directory(SyscallSupport::probe(), parent).ok().map(|handle| (parent, handle));
        }
        // If nothing can be removed, nothing can have been left.
        if let Some((_, handle)) = &directory {
            remove_temporary(handle, &temporary).ok();
        }
    }
}

/// Why a file cannot be replaced.
enum NotReplaceable {
    /// A reason of our own, with the nearest errno.
    Reason(&'static str, Errno),
    /// A system call failed; in which step.
    System(&'static str, io::Error),
}

impl NotReplaceable {
    fn at(step: &'static str) -> impl Fn(Errno) -> Self {
        move |cause| Self::System(step, cause.into())
    }

    fn into_refused(self, path: &Path) -> Refused {
        let path = shown(path);
        let (what, cause) = match self {
            Self::Reason(words, errno) => (format!("cannot replace {path}: {words}"), errno.into()),
            Self::System(step, cause) => (format!("cannot replace {path}: cannot {step}"), cause),
        };
        let fix = match cause.raw_os_error() {
            Some(libc::EROFS) => "run without `read_only: true`, or set the account up in the image",
            Some(libc::EBUSY) => "remove the bind mount of the file; to change the host's file, change it on the host",
            Some(libc::ENOSPC | libc::EDQUOT) => "free some space on the file system of /etc",
            Some(libc::EACCES) => "cap_add: [DAC_OVERRIDE]",
            Some(libc::EPERM) => "remove the immutable attribute (chattr -i), or cap_add: [CHOWN, FOWNER]",
            _ => "make it a regular file owned by root in the image",
        };
        Refused::new(what, cause).fix(fix)
    }
}

struct Replacement {
    syscalls: SyscallSupport,
    /// Open for reading, because fsync(2) needs that.
    directory: OwnedFd,
    name: CString,
    temporary: CString,
}

impl Replacement {
    fn of(path: &Path) -> Result<Self, NotReplaceable> {
        let syscalls = SyscallSupport::probe();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(NotReplaceable::Reason("it is not the path of a file", Errno::EINVAL));
        };
        let directory = open_directory(syscalls, parent)?;
        let no_name = |_| NotReplaceable::Reason("it is not the path of a file", Errno::EINVAL);
        let temporary = temporary_name(name).map_err(no_name)?;
        Ok(Self { syscalls, directory, name: CString::new(name.as_bytes()).map_err(no_name)?, temporary })
    }

    /// Writes the new file beside the old one.
    fn write_new(&self, contents: &[u8], mode: u32) -> Result<File, NotReplaceable> {
        let old = self.open_old()?;
        self.remove_leftover()
            .map_err(|cause| NotReplaceable::System("remove the leftover of an earlier boot", cause.into()))?;
        self.or_remove(self.write(old.as_ref(), contents, mode))
    }

    fn sync(&self, new: &File) -> Result<(), NotReplaceable> {
        self.or_remove(new.sync_all().map_err(|cause| NotReplaceable::System("write the new file", cause)))
    }

    fn rename(&self) -> Result<(), NotReplaceable> {
        let renamed = renameat(&self.directory, self.temporary.as_c_str(), &self.directory, self.name.as_c_str());
        self.or_remove(renamed.map_err(NotReplaceable::at("rename the new file over it")))
    }

    /// Removes the new file on an error.
    fn or_remove<T>(&self, result: Result<T, NotReplaceable>) -> Result<T, NotReplaceable> {
        if result.is_err() {
            self.remove_leftover().ok();
        }
        result
    }

    /// Opens the present file, if there is one, and checks that it may be replaced.
    fn open_old(&self) -> Result<Option<(OwnedFd, Stat)>, NotReplaceable> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let pin = match openat(&self.directory, self.name.as_c_str(), flags, Mode::empty()) {
            Ok(pin) => pin,
            Err(Errno::ENOENT) => return Ok(None),
            Err(cause) => return Err(NotReplaceable::at("open it")(cause)),
        };
        let look = |cause| NotReplaceable::System("examine it", cause);
        let stat = Stat::of(self.syscalls, pin.as_fd()).map_err(look)?;
        match stat.kind {
            FileKind::Regular => {}
            FileKind::Link => return Err(NotReplaceable::Reason("it is a symbolic link", Errno::ELOOP)),
            FileKind::Directory
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::Block
            | FileKind::Character
            | FileKind::Unknown => {
                return Err(NotReplaceable::Reason("it is not a regular file", Errno::EINVAL));
            }
        }
        // rename(2) would fail with EBUSY too; this check comes before anything is written. Without /proc on an old
        // kernel it is not possible, and rename(2) decides.
        if let (Ok(ours), Ok(its)) = (mount_of(self.syscalls, &self.directory), mount_of(self.syscalls, &pin))
            && ours != its
        {
            return Err(NotReplaceable::Reason("it is bind-mounted and belongs to the host", Errno::EBUSY));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(&self.directory, self.name.as_c_str(), flags, Mode::empty())
            .map_err(NotReplaceable::at("read it"))?;
        let stat = Stat::of(self.syscalls, file.as_fd()).map_err(look)?;
        Ok(Some((file, stat)))
    }

    fn write(&self, old: Option<&(OwnedFd, Stat)>, contents: &[u8], mode: u32) -> Result<File, NotReplaceable> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let private = Mode::from_bits_truncate(0o600); // not readable by others until the old file's mode is set
        let new = openat(&self.directory, self.temporary.as_c_str(), flags, private)
            .map_err(NotReplaceable::at("create a new file"))?;
        let mut new = File::from(new);
        new.write_all(contents).map_err(|cause| NotReplaceable::System("write the new file", cause))?;
        let mode = old.map_or(mode, |(_, stat)| stat.mode);
        if let Some((_, stat)) = old
            && (stat.uid.0, stat.gid.0) != self.owner(&new)?
        {
            let (uid, gid) = (NixUid::from_raw(stat.uid.0), NixGid::from_raw(stat.gid.0));
            fchown(&new, Some(uid), Some(gid))
                .map_err(NotReplaceable::at("give the new file the owner of the old one"))?;
        }
        fchmod(&new, Mode::from_bits_truncate(mode))
            .map_err(NotReplaceable::at("give the new file the mode of the old one"))?;
        if let Some((file, _)) = old {
            // After the mode, which an ACL changes.
            xattr::copy(file.as_fd(), new.as_fd())
                .map_err(|(_, cause)| NotReplaceable::System("copy an extended attribute", cause))?;
        }
        Ok(new)
    }

    fn owner(&self, file: &File) -> Result<(u32, u32), NotReplaceable> {
        let stat = Stat::of(self.syscalls, file.as_fd())
            .map_err(|cause| NotReplaceable::System("examine the new file", cause))?;
        Ok((stat.uid.0, stat.gid.0))
    }

    fn remove_leftover(&self) -> Result<(), Errno> {
        remove_temporary(&self.directory, &self.temporary)
    }
}

/// Opens a directory, which is created if it is missing.
fn open_directory(syscalls: SyscallSupport, path: &Path) -> Result<OwnedFd, NotReplaceable> {
    if let Some(directory) = resolve::directory_without_links(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
        return Ok(directory);
    }
    let reached = resolve::resolve(syscalls, path).and_then(|reached| match reached {
        Resolved::Found(found) => Ok(found),
        Resolved::Missing(above, names) => resolve::create_missing(syscalls, above, &names),
    });
    let found = reached.map_err(|lost| NotReplaceable::System("reach its directory", lost.cause))?;
    if found.stat.kind != FileKind::Directory {
        return Err(NotReplaceable::Reason("its parent is not a directory", Errno::ENOTDIR));
    }
    Beneath::list_pinned(&found.handle).map_err(|cause| NotReplaceable::System("open its directory", cause))
}

fn temporary_name(name: &OsStr) -> Result<CString, NulError> {
    CString::new([PREFIX, name.as_bytes()].concat())
}

fn remove_temporary(directory: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(cause) => Err(cause),
    }
}
