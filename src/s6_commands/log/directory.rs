//! A directory of s6-log: `current`, archived files, a lock. Appends lines to `current`. Must not know how it is rotated.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod, umask};

use super::script::LogSettings;
use super::stamp::{Stamp, is_archive};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::lock::lock;
use crate::text::shown;

/// Set on `current` by who has ended in order.
const FINISHED: u32 = 0o100;

/// The place and the files of one directory.
pub(super) struct OpenDirectory {
    pub settings: LogSettings,
    pub path: PathBuf,
    /// `current`.
    pub file: File,
    /// The bytes of `current`.
    pub size: u64,
    /// Permissions of files.
    mode: u32,
    _lock: File,
}

/// How a file got into the archive.
#[derive(Clone, Copy)]
pub(super) enum Suffix {
    /// In order.
    Rotated,
    /// Whoever wrote it was interrupted.
    Interrupted,
}

impl OpenDirectory {
    /// Opens a directory, which is created, and archives what an interrupted process has left.
    ///
    /// # Errors
    /// The system refused it, or another process has its lock.
    pub fn open(settings: LogSettings) -> Result<Self, Failure> {
        let path = PathBuf::from(OsStr::from_bytes(&settings.path));
        let place = shown(&path);
        let refused = |what: String| move |error: io::Error| Failure::unable(what, errno(&error));
        match fs::DirBuilder::new().mode(0o2700).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(refused(format!("mkdir {place}"))(error));
            }
            Ok(()) | Err(_) => {}
        }
        let file = path.join("lock");
        let options =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o666).custom_flags(nonblocking()).clone();
        let held = options.open(&file).map_err(refused(format!("open {}", shown(&file))))?;
        lock(&held, true, false).map_err(|errno| Failure::unable(format!("lock {}", shown(&file)), errno))?;
        let present = umask(Mode::empty());
        umask(present);
        let mode = !present.bits() & 0o666;
        let is_finished = state_of(&path.join("current")).map_err(refused(format!("stat {place}/current")))?;
        if is_finished != Some(true) {
            recover(&settings, &path)?;
            File::create(path.join("state")).map_err(refused(format!("open_trunc {place}/state")))?;
        }
        let file = append(&path.join("current")).map_err(refused(format!("open_append {place}/current")))?;
        let size = file.metadata().map_err(refused(format!("stat {place}/current")))?.len();
        let directory = Self { settings, path, file, size, mode, _lock: held };
        directory.set_finished(false).map_err(refused(format!("fd_chmod {place}/current")))?;
        Ok(directory)
    }

    /// Appends lines; returns how many bytes were written.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole lines, where there are any.
        let lines = bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let written = self.file.write(&bytes[..lines])?;
        self.size += u64::try_from(written).unwrap_or_default();
        Ok(written)
    }

    /// Sets or clears the mark that `current` is whole.
    ///
    /// # Errors
    /// The system's.
    pub fn set_finished(&self, is_finished: bool) -> io::Result<()> {
        let mode = if is_finished { self.mode | FINISHED } else { self.mode };
        Ok(fchmod(&self.file, Mode::from_bits_truncate(mode))?)
    }

    /// Marks another file as whole.
    ///
    /// # Errors
    /// The system's.
    pub fn finish_file(&self, name: &str) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(self.path.join(name))?;
        file.sync_all()?;
        Ok(fchmod(&file, Mode::from_bits_truncate(self.mode | FINISHED))?)
    }

    /// Returns the path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a new `current`.
    ///
    /// # Errors
    /// The system's.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.file = append(&self.path.join("current"))?;
        self.size = 0;
        Ok(())
    }
}

fn nonblocking() -> i32 {
    nix::libc::O_NONBLOCK
}

pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o666).custom_flags(nonblocking()).open(path)
}

/// Whether a file was ended in order; `None`: there is none.
fn state_of(path: &Path) -> io::Result<Option<bool>> {
    match path.metadata() {
        Ok(meta) => Ok(Some(meta.permissions().mode() & FINISHED != 0)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Archives what a process has left that was interrupted, perhaps in a rotation.
fn recover(settings: &LogSettings, path: &Path) -> Result<(), Failure> {
    let place = shown(path);
    let refused = |what: &'static str| {
        let place = place.clone();
        move |error: io::Error| Failure::unable(format!("{what} for logdir {place}"), errno(&error))
    };
    let unlink = |name: &str| {
        let _missing = fs::remove_file(path.join(name));
    };
    unlink("state");
    unlink("newstate");
    if state_of(&path.join("processed")).map_err(refused("stat processed"))? == Some(true) {
        unlink("previous");
        archive(settings, path, "processed", Suffix::Rotated).map_err(refused("finish processed .s"))?;
    } else {
        unlink("processed");
        archive(settings, path, "previous", Suffix::Interrupted).map_err(refused("finish previous .u"))?;
    }
    archive(settings, path, "current", Suffix::Interrupted).map_err(refused("finish current .u"))
}

/// Gives a file the name of an archived one, and removes archived files that are too many.
///
/// # Errors
/// The system's.
pub(super) fn archive(settings: &LogSettings, path: &Path, name: &str, suffix: Suffix) -> io::Result<()> {
    let file = path.join(name);
    let meta = match file.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        result => result?,
    };
    if meta.nlink() == 1 {
        let end = match suffix {
            Suffix::Rotated => "s",
            Suffix::Interrupted => "u",
        };
        fs::hard_link(&file, path.join(format!("{}.{end}", Stamp::now().label())))?;
    }
    fs::remove_file(&file)?;
    trim(settings, path)
}

fn trim(settings: &LogSettings, path: &Path) -> io::Result<()> {
    let mut archives = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if is_archive(name.as_bytes())
            && let Ok(meta) = path.join(&name).metadata()
        {
            archives.push((name, meta.len()));
        }
    }
    archives.sort();
    let mut total: u64 = archives.iter().map(|(_, size)| size).sum();
    let mut left = archives.len();
    for (name, size) in archives {
        if left <= settings.archives && (settings.total == 0 || total <= settings.total) {
            break;
        }
        let _kept = fs::remove_file(path.join(name));
        total -= size;
        left -= 1;
    }
    Ok(())
}
