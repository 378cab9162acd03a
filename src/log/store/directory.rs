//! [`StoreDirectory`]: an open log directory. It belongs to the service's user, who may put anything there at any time: no link
//! is followed, only regular files are written, only names of our own pattern are removed. Must not know lines.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::names::{self, CURRENT, FileState, name};
use crate::log::clock::{LAST, Timestamp};
use crate::sys::files::beneath::Beneath;
use crate::sys::files::listing::Listing;
use crate::sys::files::resolve::{self, Resolved, Unreachable};
use crate::sys::files::stat::FileKind;
use crate::sys::files::syscall_support::SyscallSupport;

/// Never follows a link, never blocks on a FIFO, never gets a controlling terminal.
pub const SAFE_FLAGS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);
/// Most entries read from a directory at a time.
const MAX_ENTRIES: usize = 100_000;
/// Most log files taken from a directory at a time; more are not left by rotation.
const MAX_NAMES: usize = 16 * 1024;
/// Most files removed in one call.
const MAX_REMOVED: usize = 256;
/// Attempts to find a name that is not taken.
const MAX_ATTEMPTS: u64 = 64;

/// A log directory.
#[derive(Debug)]
pub struct StoreDirectory {
    handle: OwnedFd,
    newest: Timestamp,
}

/// What [`StoreDirectory::remove_old`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PruneResult {
    /// Not compressed yet, the newest first.
    pub uncompressed: Vec<Timestamp>,
    /// The oldest that is kept.
    pub oldest: Option<Timestamp>,
    /// More files have to be removed than one call may.
    pub more: bool,
}

impl StoreDirectory {
    /// Opens the directory; creates it if it is missing and this user may.
    ///
    /// # Errors
    /// The system call's error, or a message that says what else is wrong with the path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let syscalls = SyscallSupport::probe();
        let error_of = |lost: Unreachable| match lost.why {
            Some(why) => io::Error::other(format!("{}: {why}", lost.at)),
            None => lost.cause,
        };
        let found = match resolve::resolve(syscalls, path).map_err(error_of)? {
            Resolved::Found(found) => found,
            Resolved::Missing(parent, names) => resolve::create_missing(syscalls, parent, &names).map_err(error_of)?,
        };
        if found.stat.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let handle = Beneath::list_pinned(&found.handle)?;
        let mut directory = Self { handle, newest: Timestamp(0) };
        directory.newest = directory.list()?.iter().map(|(stamp, _)| *stamp).max().unwrap_or_default();
        Ok(directory)
    }

    /// Opens `current`, which is created if it is missing and never truncated.
    ///
    /// # Errors
    /// The system call's error; also when it is not a regular file.
    pub fn current(&self) -> io::Result<File> {
        let flags = SAFE_FLAGS | OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        let file = match openat(&self.handle, CURRENT, flags, Mode::from_bits_truncate(0o644)) {
            Ok(file) => File::from(file),
            Err(Errno::ELOOP) => return Err(io::Error::other("it is a symbolic link")),
            Err(Errno::ENXIO | Errno::EISDIR) => return Err(io::Error::other("it is not a regular file")),
            Err(errno) => return Err(errno.into()),
        };
        if !is_regular(&file)? {
            return Err(io::Error::other("it is not a regular file"));
        }
        // Another link to it may be any file. No link: it was removed since; `is_current` detects that.
        if fstat(&file)?.st_nlink > 1 {
            return Err(io::Error::other("it has more than one link; remove it and a new one is created"));
        }
        Ok(file)
    }

    /// Opens a rotated file for reading; `None` if it is gone or not a regular file.
    pub fn open_rotated(&self, stamp: Timestamp) -> Option<File> {
        let name = name(stamp, FileState::Plain);
        let file = File::from(openat(&self.handle, name.as_c_str(), SAFE_FLAGS | OFlag::O_RDONLY, Mode::empty()).ok()?);
        is_regular(&file).ok()?.then_some(file)
    }

    /// Creates the file into which a rotated one is compressed; a leftover of the same name is removed.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn create_compressed(&self, stamp: Timestamp) -> io::Result<File> {
        let name = name(stamp, FileState::Partial);
        self.remove(stamp, FileState::Partial);
        let flags = SAFE_FLAGS | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(File::from(openat(&self.handle, name.as_c_str(), flags, Mode::from_bits_truncate(0o644))?))
    }

    /// Replaces the original by the compressed file, which is on the disk.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn commit_compressed(&self, stamp: Timestamp) -> io::Result<()> {
        let (begun, packed) = (name(stamp, FileState::Partial), name(stamp, FileState::Compressed));
        renameat(&self.handle, begun.as_c_str(), &self.handle, packed.as_c_str())?;
        self.remove(stamp, FileState::Plain);
        Ok(())
    }

    /// Removes a log file. If that fails it stays until the next rotation.
    pub fn remove(&self, stamp: Timestamp, state: FileState) {
        let _left = unlinkat(&self.handle, name(stamp, state).as_c_str(), UnlinkatFlags::NoRemoveDir);
    }

    /// Returns whether `current` still names this file.
    ///
    /// # Errors
    /// The system call's error, except ENOENT.
    pub fn is_current(&self, file: &File) -> io::Result<bool> {
        let ours = fstat(file)?;
        match fstatat(&self.handle, CURRENT, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns whether the directory itself was removed: nothing can be created in it any more.
    pub fn is_gone(&self) -> bool {
        fstat(&self.handle).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Renames `current` to the current time, or to the next microseconds if that name is taken. Never replaces a file.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        let first = now.max(Timestamp(self.newest.0.saturating_add(1))).0;
        // The clock was far ahead, or the name was not given by us.
        let first = if first + MAX_ATTEMPTS > LAST.0 { now.0 } else { first };
        for stamp in (first..first + MAX_ATTEMPTS).map(Timestamp) {
            match self.rename(stamp) {
                Ok(()) => {
                    self.newest = stamp;
                    return Ok(());
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::EEXIST.into())
    }

    fn rename(&self, stamp: Timestamp) -> Result<(), Errno> {
        let to = name(stamp, FileState::Plain);
        // The name is also taken if its compressed state exists.
        match fstatat(&self.handle, name(stamp, FileState::Compressed).as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => {}
            Ok(_) => return Err(Errno::EEXIST),
            Err(errno) => return Err(errno),
        }
        match renameat2(&self.handle, CURRENT, &self.handle, to.as_c_str(), RenameFlags::RENAME_NOREPLACE) {
            // A file system (or a seccomp profile) without it: check first. The race is harmless: the owner could remove
            // the file anyway.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {
                match fstatat(&self.handle, to.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
                    Err(Errno::ENOENT) => renameat(&self.handle, CURRENT, &self.handle, to.as_c_str()),
                    Ok(_) => Err(Errno::EEXIST),
                    Err(errno) => Err(errno),
                }
            }
            done => done,
        }
    }

    /// Removes files beyond `keep` or older than `max_age`, and partial files of compressions other than `in_progress`.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn remove_old(
        &self,
        keep: u32,
        max_age: Option<Duration>,
        now: Timestamp,
        in_progress: Option<Timestamp>,
    ) -> io::Result<PruneResult> {
        let mut all = self.list()?;
        // The newest first; for one timestamp the original comes after the compressed file that replaces it.
        all.sort_unstable_by_key(|entry| std::cmp::Reverse(*entry));
        let limit = max_age.map(|age| now.0.saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX)));
        let mut old = PruneResult::default();
        let (mut kept, mut removed) = (0, 0);
        let mut last_kept = None;
        for (stamp, state) in all {
            let goes = match state {
                FileState::Partial => in_progress != Some(stamp),
                FileState::Plain if last_kept == Some(stamp) => true,
                FileState::Plain | FileState::Compressed => kept >= keep || limit.is_some_and(|limit| stamp.0 <= limit),
            };
            match goes {
                true if removed == MAX_REMOVED => old.more = true,
                true => {
                    self.remove(stamp, state);
                    removed += 1;
                }
                false if state == FileState::Partial => {}
                false => {
                    kept += 1;
                    last_kept = Some(stamp);
                    old.oldest = Some(stamp);
                    if state == FileState::Plain {
                        old.uncompressed.push(stamp);
                    }
                }
            }
        }
        Ok(old)
    }

    fn list(&self) -> io::Result<Vec<(Timestamp, FileState)>> {
        let handle = Beneath::list_pinned(&self.handle)?;
        let mut listing = Listing::new();
        let mut all = Vec::new();
        let mut seen = 0;
        // The directory may belong to the app, with anything in it.
        while all.len() < MAX_NAMES && seen < MAX_ENTRIES && listing.read(handle.as_fd())? {
            seen += listing.entries().count();
            all.extend(listing.entries().filter_map(|entry| names::parse(entry.name)));
        }
        Ok(all)
    }
}

impl AsFd for StoreDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

fn is_regular(file: &File) -> io::Result<bool> {
    Ok(SFlag::from_bits_truncate(fstat(file)?.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG)
}

/// Returns whether the error may go away by itself. Errors of our own, without an errno, do not.
pub fn is_transient(cause: &io::Error) -> bool {
    let lasting = [
        Errno::EACCES,
        Errno::EPERM,
        Errno::EROFS,
        Errno::ENOENT,
        Errno::ENOTDIR,
        Errno::EISDIR,
        Errno::ELOOP,
        Errno::ENAMETOOLONG,
    ];
    cause.raw_os_error().is_some_and(|errno| !lasting.contains(&Errno::from_raw(errno)))
}
