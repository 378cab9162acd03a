//! [`Directory`]: a log directory, held. Its owner is the service's user, who may put anything there at any time: nothing
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

use super::names::{self, CURRENT, Form, name};
use crate::log::clock::{LAST, Stamp};
use crate::sys::files::beneath::Beneath;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::listing::Listing;
use crate::sys::files::resolve::{self, Reached, Unreachable};
use crate::sys::files::stat::Kind;

/// Never a link, never waiting for a FIFO, never a terminal of ours.
pub const SAFE: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);
/// What one look at a directory takes note of; a directory with more of our names is somebody's joke.
const MOST_ENTRIES: usize = 100_000;
/// … and so many of them that are ours.
const MOST_NAMES: usize = 16 * 1024;
/// Files removed in one turn.
const MOST_REMOVED: usize = 256;
/// Tries to find a name that is not taken.
const TRIES: u64 = 64;

/// The handle, and the newest name in it.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
    newest: Stamp,
}

/// What was found while old files were looked through.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Old {
    /// Not compressed yet, the newest first.
    pub plain: Vec<Stamp>,
    /// The oldest that is kept.
    pub oldest: Option<Stamp>,
    /// Not everything that should go could be removed at once.
    pub more: bool,
}

impl Directory {
    /// Opens the directory; makes it if it is missing and this user may.
    ///
    /// # Errors
    /// The kernel's answer, or in words what else is wrong with the path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let kernel = Kernel::probe();
        let told = |lost: Unreachable| match lost.why {
            Some(why) => io::Error::other(format!("{}: {why}", lost.at)),
            None => lost.cause,
        };
        let found = match resolve::reach(kernel, path).map_err(told)? {
            Reached::Found(found) => found,
            Reached::Missing(parent, names) => resolve::make(kernel, parent, &names).map_err(told)?,
        };
        if found.stat.kind != Kind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let handle = Beneath::list_pinned(&found.handle)?;
        let mut directory = Self { handle, newest: Stamp(0) };
        directory.newest = directory.list()?.iter().map(|(stamp, _)| *stamp).max().unwrap_or_default();
        Ok(directory)
    }

    /// Opens `current`, which is made if it is missing and never truncated.
    ///
    /// # Errors
    /// The kernel's answer; also when it is no regular file.
    pub fn current(&self) -> io::Result<File> {
        let flags = SAFE | OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        let file = match openat(&self.handle, CURRENT, flags, Mode::from_bits_truncate(0o644)) {
            Ok(file) => File::from(file),
            Err(Errno::ELOOP) => return Err(io::Error::other("it is a symbolic link")),
            Err(Errno::ENXIO | Errno::EISDIR) => return Err(io::Error::other("it is not a regular file")),
            Err(errno) => return Err(errno.into()),
        };
        if !is_regular(&file)? {
            return Err(io::Error::other("it is not a regular file"));
        }
        // Another name of it may be anybody's file. None: it was removed since, which is looked for elsewhere.
        if fstat(&file)?.st_nlink > 1 {
            return Err(io::Error::other("it has more than one link; remove it, and a new one is made"));
        }
        Ok(file)
    }

    /// Opens an older file for reading; `None` if it is gone or no regular file.
    pub fn older(&self, stamp: Stamp) -> Option<File> {
        let name = name(stamp, Form::Plain);
        let file = File::from(openat(&self.handle, name.as_c_str(), SAFE | OFlag::O_RDONLY, Mode::empty()).ok()?);
        is_regular(&file).ok()?.then_some(file)
    }

    /// Makes the file into which an older one is compressed; a leftover of the same name makes room.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn begin(&self, stamp: Stamp) -> io::Result<File> {
        let name = name(stamp, Form::Begun);
        self.remove(stamp, Form::Begun);
        let flags = SAFE | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(File::from(openat(&self.handle, name.as_c_str(), flags, Mode::from_bits_truncate(0o644))?))
    }

    /// Puts the compressed file, which is on the disk, in the place of the plain one.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn finish(&self, stamp: Stamp) -> io::Result<()> {
        let (begun, packed) = (name(stamp, Form::Begun), name(stamp, Form::Packed));
        renameat(&self.handle, begun.as_c_str(), &self.handle, packed.as_c_str())?;
        self.remove(stamp, Form::Plain);
        Ok(())
    }

    /// Removes one of our files. A failure leaves it, and it is looked at again with the next.
    pub fn remove(&self, stamp: Stamp, form: Form) {
        let _left = unlinkat(&self.handle, name(stamp, form).as_c_str(), UnlinkatFlags::NoRemoveDir);
    }

    /// Returns whether `current` still names this file.
    ///
    /// # Errors
    /// The kernel's answer, unless it is that there is no such name.
    pub fn is_current(&self, file: &File) -> io::Result<bool> {
        let ours = fstat(file)?;
        match fstatat(&self.handle, CURRENT, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns whether the directory itself was removed: nothing can be made in it any more.
    pub fn is_gone(&self) -> bool {
        fstat(&self.handle).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Gives `current` the name of this moment, or of the next ones if it is taken. Never replaces a file.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn rotate(&mut self, now: Stamp) -> io::Result<()> {
        let first = now.max(Stamp(self.newest.0.saturating_add(1))).0;
        // A clock that was far ahead, or a name that somebody made up.
        let first = if first + TRIES > LAST.0 { now.0 } else { first };
        for stamp in (first..first + TRIES).map(Stamp) {
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

    fn rename(&self, stamp: Stamp) -> Result<(), Errno> {
        let to = name(stamp, Form::Plain);
        // The compressed form takes the name as well.
        match fstatat(&self.handle, name(stamp, Form::Packed).as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => {}
            Ok(_) => return Err(Errno::EEXIST),
            Err(errno) => return Err(errno),
        }
        match renameat2(&self.handle, CURRENT, &self.handle, to.as_c_str(), RenameFlags::RENAME_NOREPLACE) {
            // A file system (or a seccomp profile) without it: look first. The owner could remove the file anyway.
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

    /// Removes what is beyond `keep` or older than `max_age`, and leftovers of a compression other than that of `busy`.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn prune(&self, keep: u32, max_age: Option<Duration>, now: Stamp, busy: Option<Stamp>) -> io::Result<Old> {
        let mut all = self.list()?;
        // The newest first; under one stamp the plain file comes after the packed one that replaces it.
        all.sort_unstable_by_key(|entry| std::cmp::Reverse(*entry));
        let limit = max_age.map(|age| now.0.saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX)));
        let mut old = Old::default();
        let (mut kept, mut removed) = (0, 0);
        let mut last_kept = None;
        for (stamp, form) in all {
            let goes = match form {
                Form::Begun => busy != Some(stamp),
                Form::Plain if last_kept == Some(stamp) => true,
                Form::Plain | Form::Packed => kept >= keep || limit.is_some_and(|limit| stamp.0 <= limit),
            };
            match goes {
                true if removed == MOST_REMOVED => old.more = true,
                true => {
                    self.remove(stamp, form);
                    removed += 1;
                }
                false if form == Form::Begun => {}
                false => {
                    kept += 1;
                    last_kept = Some(stamp);
                    old.oldest = Some(stamp);
                    if form == Form::Plain {
                        old.plain.push(stamp);
                    }
                }
            }
        }
        Ok(old)
    }

    fn list(&self) -> io::Result<Vec<(Stamp, Form)>> {
        let handle = Beneath::list_pinned(&self.handle)?;
        let mut listing = Listing::new();
        let mut all = Vec::new();
        let mut seen = 0;
        // The directory may be the app's, with anything in it.
        while all.len() < MOST_NAMES && seen < MOST_ENTRIES && listing.read(handle.as_fd())? {
            seen += listing.entries().count();
            all.extend(listing.entries().filter_map(|entry| names::parse(entry.name)));
        }
        Ok(all)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

fn is_regular(file: &File) -> io::Result<bool> {
    Ok(SFlag::from_bits_truncate(fstat(file)?.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG)
}

/// Whether it may go away while nobody does anything about it. What we refuse in our own words does not.
pub fn heals(cause: &io::Error) -> bool {
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
