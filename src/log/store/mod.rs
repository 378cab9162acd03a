//! [`Store`]: one service's lines in a directory: `current`, renamed to a timestamp before it grows too large. Bytes are
//! unchanged, and each line is whole in one file, exactly once, whatever is full, removed or killed in between.
//!
//! While nothing can be written the lines wait here, up to [`BUFFER_SPACE`]; then the service's pipes are not read, and the service
//! blocks. The error is reported once, writing is tried again every second, and success is reported. If waiting cannot help,
//! [`Store::open_first`] says so and nothing waits.

mod compress;
mod directory;
mod names;

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use memchr::{memchr, memrchr};

use self::compress::Compressor;
use self::directory::{StoreDirectory, is_transient};
use super::clock::{Now, Timestamp};
use super::split::MAX_FILE_LINE;
use super::writer_report::WriterReport;
use crate::config::service::LogDirectory;
use crate::error::cause_text;
use crate::sys::file_user::{FileUser, with_file_user};
use crate::text::shown;

/// While more than this waits, the pipes are not read.
pub const BUFFER_SPACE: usize = 64 * 1024;
/// Delay between attempts to write after an error.
const RETRY: Duration = Duration::from_secs(1);
/// Buffer capacity that an idle service may keep.
const MAX_IDLE_CAPACITY: usize = 4 * 1024;
/// How much of an unfinished line is kept for writing it again if its file is removed.
const MAX_REWRITE: usize = 2 * MAX_FILE_LINE;

/// The log files of one service.
#[derive(Debug)]
pub struct Store {
    /// The service's name, for our messages.
    service: String,
    config: LogDirectory,
    user: Rc<FileUser>,
    directory: Option<StoreDirectory>,
    current: Option<Current>,
    /// Bytes to write, from the beginning of the line in which the last write ended.
    waiting: Vec<u8>,
    /// How much of `waiting` is in `current`.
    written: usize,
    write_error: Option<WriteFailure>,
    /// When a file becomes too old and must be removed.
    prune_at: Option<Instant>,
    /// Files to compress, the newest first.
    uncompressed: Vec<Timestamp>,
    compressor: Option<Compressor>,
    /// Messages that are not sent yet.
    reports: Vec<WriterReport>,
}

/// The open file `current`.
#[derive(Debug)]
struct Current {
    file: File,
    size: u64,
    /// The last byte is not a newline.
    mid_line: bool,
}

#[derive(Debug)]
struct WriteFailure {
    what: String,
    since: Instant,
    retry: Instant,
}

impl Store {
    /// Returns a store that has opened nothing yet.
    pub fn new(service: &str, config: LogDirectory, user: FileUser) -> Self {
        Self {
            service: service.to_owned(),
            config,
            user: Rc::new(user),
            directory: None,
            current: None,
            waiting: Vec::new(),
            written: 0,
            write_error: None,
            prune_at: None,
            uncompressed: Vec::new(),
            compressor: None,
            reports: Vec::new(),
        }
    }

    /// Opens the directory and `current`, so that an error is reported before the first line. Only writing
    /// waiting bytes shows whether an error is over.
    pub fn open(&mut self, now: Now) {
        self.attempt(now, if self.pending() > 0 { Self::write_out } else { Self::ensure_open });
    }

    /// Opens them for the first time, as [`Self::open`].
    ///
    /// # Errors
    /// If the error cannot go away by itself: the reason. The files must not be used then. The caller reports it.
    pub fn open_first(&mut self, now: Now) -> Result<(), String> {
        if self.current.is_some() || self.write_error.is_some() {
            self.open(now);
            return Ok(());
        }
        let user = Rc::clone(&self.user);
        match with_file_user(&user, || self.ensure_open(now)).and_then(|done| done) {
            Err(cause) if !is_transient(&cause) => {
                Err(format!("cannot write {}: {}", self.current_path(), cause_text(&cause)))
            }
            Ok(()) | Err(_) => {
                self.open(now);
                Ok(())
            }
        }
    }

    /// Returns which file cannot be written and why, while that is so.
    pub fn write_error(&self) -> Option<&str> {
        self.write_error.as_ref().map(|write_error| write_error.what.as_str())
    }

    /// Takes bytes of whole lines, and of pieces of long ones, as [`super::files::FileLog`] has laid them out.
    pub fn append(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Returns the messages since the last call.
    pub fn take_reports(&mut self) -> Vec<WriterReport> {
        std::mem::take(&mut self.reports)
    }

    /// Returns whether it takes more bytes.
    pub fn has_room(&self) -> bool {
        self.pending() < BUFFER_SPACE
    }

    /// Returns how many bytes wait.
    pub fn pending(&self) -> usize {
        self.waiting.len() - self.written
    }

    /// Writes what waits, unless the last attempt failed less than a second ago.
    pub fn flush(&mut self, now: Now) {
        if self.pending() > 0 && self.write_error.as_ref().is_none_or(|write_error| write_error.retry <= now.at) {
            self.attempt(now, Self::write_out);
        }
    }

    /// Returns when [`Self::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let retry = self.write_error.as_ref().map(|write_error| write_error.retry);
        retry.into_iter().chain(self.prune_at).min()
    }

    /// Does what is due: writes again after an error, removes files that are too old.
    pub fn on_deadline(&mut self, now: Now) {
        if self.write_error.as_ref().is_some_and(|write_error| write_error.retry <= now.at) {
            self.attempt(now, Self::write_out);
        }
        if self.prune_at.is_some_and(|at| at <= now.at) {
            let user = Rc::clone(&self.user);
            // If that fails, the next write reports the error.
            let _pruned = with_file_user(&user, || self.prune(now));
        }
    }

    /// Returns whether something is left to be compressed.
    pub fn has_compression(&self) -> bool {
        self.directory.is_some() && (self.compressor.is_some() || !self.uncompressed.is_empty())
    }

    /// Compresses the next chunk.
    pub fn compress_piece(&mut self) {
        let user = Rc::clone(&self.user);
        let packed = with_file_user(&user, || {
            let Some(directory) = &self.directory else { return Ok(None) };
            match (self.compressor.take(), self.uncompressed.pop()) {
                (Some(compressor), next) => {
                    self.uncompressed.extend(next);
                    compressor.step(directory)
                }
                (None, Some(stamp)) => Compressor::start(directory, stamp),
                (None, None) => Ok(None),
            }
        });
        match packed.and_then(|packed| packed) {
            Ok(compressor) => self.compressor = compressor,
            Err(cause) => {
                // The next rotation tries them again.
                self.uncompressed.clear();
                let path = shown(&self.config.path);
                let service = &self.service;
                let cause = cause_text(&cause);
                let text = format!("{service}: cannot compress log files in {path}: {cause}; they stay as they are");
                self.reports.push(WriterReport::Warning(text));
            }
        }
    }

    /// Writes a last time, and reports what could not be written.
    pub fn finish(&mut self, now: Now) {
        if self.pending() > 0 {
            self.attempt(now, Self::write_out);
        }
        if let (Some(compressor), Some(directory)) = (self.compressor.take(), &self.directory) {
            let user = Rc::clone(&self.user);
            let _given_up = with_file_user(&user, || compressor.discard(directory));
        }
        let lost = self.waiting.get(self.written..).unwrap_or_default();
        if let Some(write_error) = self.write_error.as_ref().filter(|_| !lost.is_empty()) {
            let lines = memchr::memchr_iter(b'\n', lost).count().max(1);
            let (service, bytes, what) = (&self.service, lost.len(), &write_error.what);
            let text = format!("{service}: the last {lines} lines ({bytes} bytes) are lost: cannot write {what}");
            self.reports.push(WriterReport::Error(text));
        }
    }

    /// Runs `work` with the rights of the service's user, and reports when it begins to fail and when it succeeds again.
    fn attempt(&mut self, now: Now, work: impl FnOnce(&mut Self, Now) -> io::Result<()>) {
        let user = Rc::clone(&self.user);
        let done = with_file_user(&user, || work(self, now)).and_then(|done| done);
        self.compact();
        match (done, &mut self.write_error) {
            (Ok(()), None) => {}
            (Ok(()), write_error @ Some(_)) => {
                let since = write_error.take().map_or(now.at, |write_error| write_error.since);
                let after = now.at.saturating_duration_since(since).as_secs();
                let (service, file) = (&self.service, self.current_path());
                let text = format!("{service}: {file} can be written again after {after} s; nothing was lost");
                self.reports.push(WriterReport::Warning(text));
            }
            (Err(_), Some(write_error)) => write_error.retry = now.at + RETRY,
            (Err(cause), None) => {
                let what = format!("{}: {}", self.current_path(), cause_text(&cause));
                self.reports
                    .push(WriterReport::Error(format!("{}: cannot write {what}; its output waits", self.service)));
                self.write_error = Some(WriteFailure { what, since: now.at, retry: now.at + RETRY });
            }
        }
    }

    fn current_path(&self) -> String {
        shown(&self.config.path.join(Path::new("current")))
    }

    /// Opens `current` unless it is open. A file that was moved or removed is closed, and its unfinished line is written
    /// again.
    fn ensure_open(&mut self, now: Now) -> io::Result<()> {
        if let (Some(directory), Some(current)) = (&self.directory, &self.current)
            && directory.is_current(&current.file)?
        {
            return Ok(());
        }
        self.current = None;
        self.written = 0;
        if self.directory.as_ref().is_some_and(StoreDirectory::is_gone) {
            self.directory = None;
            self.compressor = None;
        }
        let directory = match &self.directory {
            Some(directory) => directory,
            None => self.directory.insert(StoreDirectory::open(&self.config.path)?),
        };
        let mut file = directory.current()?;
        let mut size = file.metadata()?.len();
        let mut last = [b'\n'];
        if size > 0 && file.read_exact_at(&mut last, size - 1).is_ok() && last != *b"\n" {
            // Its writer was killed in the middle of a line.
            file.write_all(b"\n")?;
            size += 1;
        }
        self.current = Some(Current { file, size, mid_line: false });
        self.prune(now);
        Ok(())
    }

    fn write_out(&mut self, now: Now) -> io::Result<()> {
        self.ensure_open(now)?;
        while self.pending() > 0 {
            let rest = self.waiting.get(self.written..).unwrap_or_default();
            let Some(current) = &mut self.current else {
                self.ensure_open(now)?;
                continue;
            };
            let part = current.fitting_length(rest, self.config.max_size);
            if part == 0 {
                self.rotate(now)?;
                continue;
            }
            let length = match current.file.write(rest.get(..part).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => length,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            };
            current.size += length as u64;
            self.written += length;
            current.mid_line = self.waiting.get(self.written - 1) != Some(&b'\n');
        }
        Ok(())
    }

    /// Renames a full `current` to the current time and closes it.
    fn rotate(&mut self, now: Now) -> io::Result<()> {
        let (Some(directory), Some(current)) = (&mut self.directory, &mut self.current) else { return Ok(()) };
        let size = current.file.metadata()?.len();
        if size < current.size {
            // It was truncated in place; the next write goes to its end (O_APPEND).
            (current.size, current.mid_line) = (size, false);
            return Ok(());
        }
        if directory.is_current(&current.file)? {
            directory.rotate(now.wall)?;
        }
        self.current = None;
        // If it ends within a line, that line is as long as a whole file: it continues in the next.
        self.waiting.drain(..std::mem::take(&mut self.written));
        Ok(())
    }

    fn prune(&mut self, now: Now) {
        let Some(directory) = &self.directory else { return };
        let LogDirectory { keep, max_age, compress, .. } = &self.config;
        let in_progress = self.compressor.as_ref().map(Compressor::stamp);
        // A directory that cannot be listed can still be written.
        let old = directory.remove_old(*keep, *max_age, now.wall, in_progress).unwrap_or_default();
        let due = max_age.zip(old.oldest).map(|(age, oldest)| {
            let since = Duration::from_micros(now.wall.0.saturating_sub(oldest.0));
            now.at + age.saturating_sub(since).max(RETRY)
        });
        self.prune_at = if old.more { Some(now.at + RETRY) } else { due };
        self.uncompressed = if *compress { old.uncompressed } else { Vec::new() };
        self.uncompressed.retain(|stamp| Some(*stamp) != in_progress);
    }

    /// Drops lines that are written completely.
    fn compact(&mut self) {
        let done = self.waiting.get(..self.written).unwrap_or_default();
        let whole = memrchr(b'\n', done).map_or(0, |at| at + 1);
        let whole = if self.written - whole > MAX_REWRITE { self.written } else { whole };
        self.waiting.drain(..whole);
        self.written -= whole;
        // Give the memory of a burst back.
        if self.waiting.is_empty() && self.waiting.capacity() > MAX_IDLE_CAPACITY {
            self.waiting = Vec::new();
        }
    }
}

impl Current {
    /// Returns how much of `rest` to write to this file: whole lines as long as they fit, and the first one in any case
    /// if the file is empty; 0 if it is full.
    fn fitting_length(&self, rest: &[u8], max_size: u64) -> usize {
        let first_line = || memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let space = usize::try_from(max_size.saturating_sub(self.size)).unwrap_or(usize::MAX);
        if self.mid_line {
            // Only a line as long as a whole file is ever split.
            let endless = self.size >= max_size.max(MAX_FILE_LINE as u64).saturating_mul(2);
            return if endless { 0 } else { first_line() };
        }
        match rest.get(..space) {
            None => rest.len(),
            Some(fitting) => match memrchr(b'\n', fitting) {
                Some(at) => at + 1,
                None if self.size == 0 => first_line(),
                None => 0,
            },
        }
    }
}

#[cfg(test)]
mod tests;
