//! [`Store`]: one service's lines in a directory: `current`, renamed to its moment before it grows too large. Bytes as they
//! came, each line whole in one file and never twice, whatever is full, gone or killed in between.
//!
//! While nothing can be written the lines wait here, up to [`ROOM`]; then the service's pipes are not read, and it waits
//! itself. That is said once, tried again every second, and said again when it is over. Where nothing could ever be
//! written, and waiting would not change that, nothing waits: [`Store::begin`].

mod directory;
mod names;
mod packing;

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use memchr::{memchr, memrchr};

use self::directory::{Directory, heals};
use self::packing::Packing;
use super::clock::{Now, Stamp};
use super::split::LONGEST_OF_FILE;
use super::writer::Note;
use crate::config::service::LogDirectory;
use crate::sys::privilege::{FilesOf, with_files_of};

/// When more than this waits, the pipes are not read.
pub const ROOM: usize = 64 * 1024;
/// A full disk is asked again this often.
const RETRY: Duration = Duration::from_secs(1);
/// What an idle service may keep of a burst's memory.
const KEPT: usize = 4 * 1024;
/// The part of an unfinished line that is kept for writing it again, should its file vanish.
const AGAIN: usize = 2 * LONGEST_OF_FILE;

/// The log files of one service.
#[derive(Debug)]
pub struct Store {
    /// The service, in our messages.
    who: String,
    asked: LogDirectory,
    user: Rc<FilesOf>,
    directory: Option<Directory>,
    current: Option<Current>,
    /// What is to be written, from the beginning of the line in which the last write ended.
    waiting: Vec<u8>,
    /// So much of it is in `current`.
    written: usize,
    trouble: Option<WriteFailure>,
    /// When a file becomes too old.
    look_again: Option<Instant>,
    /// To be compressed, the newest first.
    plain: Vec<Stamp>,
    packing: Option<Packing>,
    /// Lines of ours that nobody has said yet.
    notes: Vec<Note>,
}

/// The file that is written.
#[derive(Debug)]
struct Current {
    file: File,
    size: u64,
    /// The last byte is not a newline: the line goes on.
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
    pub fn new(who: &str, asked: LogDirectory, user: FilesOf) -> Self {
        Self {
            who: who.to_owned(),
            asked,
            user: Rc::new(user),
            directory: None,
            current: None,
            waiting: Vec::new(),
            written: 0,
            trouble: None,
            look_again: None,
            plain: Vec::new(),
            packing: None,
            notes: Vec::new(),
        }
    }

    /// Opens the directory and `current`, so that what is wrong is said before the first line. Only what waits tells
    /// whether a trouble is over.
    pub fn open(&mut self, now: Now) {
        self.attempt(now, if self.pending() > 0 { Self::write_out } else { Self::ensure });
    }

    /// Opens them for the first time, as [`Self::open`].
    ///
    /// # Errors
    /// When that went wrong in a way that does not heal by itself, why and what helps: they are not to be used. That is
    /// not said here.
    pub fn begin(&mut self, now: Now) -> Result<(), String> {
        if self.current.is_some() || self.trouble.is_some() {
            self.open(now);
            return Ok(());
        }
        let user = Rc::clone(&self.user);
        match with_files_of(&user, || self.ensure(now)).and_then(|done| done) {
            Err(cause) if !heals(&cause) => Err(format!("cannot write {}: {cause}", self.shown())),
            Ok(()) | Err(_) => {
                self.open(now);
                Ok(())
            }
        }
    }

    /// Returns which file cannot be written and why, while that is so.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.what.as_str())
    }

    /// Takes bytes of whole lines, and of pieces of long ones, as [`super::files::FileLog`] has laid them out.
    pub fn append(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Returns what is to be said since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Returns whether more may be read for it.
    pub fn has_room(&self) -> bool {
        self.pending() < ROOM
    }

    /// Returns how many bytes wait.
    pub fn pending(&self) -> usize {
        self.waiting.len() - self.written
    }

    /// Writes what waits, unless it went wrong less than a second ago.
    pub fn flush(&mut self, now: Now) {
        if self.pending() > 0 && self.trouble.as_ref().is_none_or(|trouble| trouble.retry <= now.at) {
            self.attempt(now, Self::write_out);
        }
    }

    /// Returns when it wants to be called again.
    pub fn deadline(&self) -> Option<Instant> {
        let retry = self.trouble.as_ref().map(|trouble| trouble.retry);
        retry.into_iter().chain(self.look_again).min()
    }

    /// Does what is due: tries again, removes what is too old.
    pub fn tick(&mut self, now: Now) {
        if self.trouble.as_ref().is_some_and(|trouble| trouble.retry <= now.at) {
            self.attempt(now, Self::write_out);
        }
        if self.look_again.is_some_and(|at| at <= now.at) {
            let user = Rc::clone(&self.user);
            // Where it cannot be done, the next attempt to write says so.
            let _pruned = with_files_of(&user, || self.prune(now));
        }
    }

    /// Returns whether something is left to be compressed.
    pub fn is_packing(&self) -> bool {
        self.directory.is_some() && (self.packing.is_some() || !self.plain.is_empty())
    }

    /// Compresses the next bounded piece.
    pub fn pack(&mut self) {
        let user = Rc::clone(&self.user);
        let packed = with_files_of(&user, || {
            let Some(directory) = &self.directory else { return Ok(None) };
            match (self.packing.take(), self.plain.pop()) {
                (Some(packing), next) => {
                    self.plain.extend(next);
                    packing.step(directory)
                }
                (None, Some(stamp)) => Packing::begin(directory, stamp),
                (None, None) => Ok(None),
            }
        });
        match packed.and_then(|packed| packed) {
            Ok(packing) => self.packing = packing,
            Err(cause) => {
                // The next rotation tries them again.
                self.plain.clear();
                let path = self.asked.path.display();
                let who = &self.who;
                let text = format!("{who}: cannot compress log files in {path}: {cause}; they stay as they are");
                self.notes.push(Note::Warning(text));
            }
        }
    }

    /// The end: tries a last time, and says what could not be written.
    pub fn finish(&mut self, now: Now) {
        if self.pending() > 0 {
            self.attempt(now, Self::write_out);
        }
        if let (Some(packing), Some(directory)) = (self.packing.take(), &self.directory) {
            let user = Rc::clone(&self.user);
            let _given_up = with_files_of(&user, || packing.give_up(directory));
        }
        let lost = self.waiting.get(self.written..).unwrap_or_default();
        if let Some(trouble) = self.trouble.as_ref().filter(|_| !lost.is_empty()) {
            let lines = memchr::memchr_iter(b'\n', lost).count().max(1);
            let (who, bytes, what) = (&self.who, lost.len(), &trouble.what);
            let text = format!("{who}: the last {lines} lines ({bytes} bytes) are lost: cannot write {what}");
            self.notes.push(Note::Error(text));
        }
    }

    /// Does something with the rights of the service's user, and says when it begins and when it ceases to go wrong.
    fn attempt(&mut self, now: Now, work: impl FnOnce(&mut Self, Now) -> io::Result<()>) {
        let user = Rc::clone(&self.user);
        let done = with_files_of(&user, || work(self, now)).and_then(|done| done);
        self.compact();
        match (done, &mut self.trouble) {
            (Ok(()), None) => {}
            (Ok(()), trouble @ Some(_)) => {
                let since = trouble.take().map_or(now.at, |trouble| trouble.since);
                let after = now.at.saturating_duration_since(since).as_secs();
                let (who, file) = (&self.who, self.shown());
                let text = format!("{who}: writes {file} again, after {after} s; nothing is lost");
                self.notes.push(Note::Warning(text));
            }
            (Err(_), Some(trouble)) => trouble.retry = now.at + RETRY,
            (Err(cause), None) => {
                let what = format!("{}: {cause}", self.shown());
                self.notes.push(Note::Error(format!("{}: cannot write {what}; its output waits", self.who)));
                self.trouble = Some(WriteFailure { what, since: now.at, retry: now.at + RETRY });
            }
        }
    }

    fn shown(&self) -> String {
        crate::sys::files::name::shown_path(&self.asked.path.join(Path::new("current")))
    }

    /// Has `current` open, under its name. A file that was moved or removed is left, and what it had of an unfinished line
    /// is written again.
    fn ensure(&mut self, now: Now) -> io::Result<()> {
        if let (Some(directory), Some(current)) = (&self.directory, &self.current)
            && directory.is_current(&current.file)?
        {
            return Ok(());
        }
        self.current = None;
        self.written = 0;
        if self.directory.as_ref().is_some_and(Directory::is_gone) {
            self.directory = None;
            self.packing = None;
        }
        let directory = match &self.directory {
            Some(directory) => directory,
            None => self.directory.insert(Directory::open(&self.asked.path)?),
        };
        let mut file = directory.current()?;
        let mut size = file.metadata()?.len();
        let mut last = [b'\n'];
        if size > 0 && file.read_exact_at(&mut last, size - 1).is_ok() && last != *b"\n" {
            // Whoever wrote it was killed in the middle of a line.
            file.write_all(b"\n")?;
            size += 1;
        }
        self.current = Some(Current { file, size, mid_line: false });
        self.prune(now);
        Ok(())
    }

    fn write_out(&mut self, now: Now) -> io::Result<()> {
        self.ensure(now)?;
        while self.pending() > 0 {
            let rest = self.waiting.get(self.written..).unwrap_or_default();
            let Some(current) = &mut self.current else {
                self.ensure(now)?;
                continue;
            };
            let part = current.part(rest, self.asked.max_size);
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

    /// Closes a full `current` under the name of this moment.
    fn rotate(&mut self, now: Now) -> io::Result<()> {
        let (Some(directory), Some(current)) = (&mut self.directory, &mut self.current) else { return Ok(()) };
        let size = current.file.metadata()?.len();
        if size < current.size {
            // Somebody emptied it in place; what is written next goes to its end (O_APPEND).
            (current.size, current.mid_line) = (size, false);
            return Ok(());
        }
        if directory.is_current(&current.file)? {
            directory.rotate(now.wall)?;
        }
        self.current = None;
        // The line in which it ended, if it did, is as long as a whole file: it goes on in the next.
        self.waiting.drain(..std::mem::take(&mut self.written));
        Ok(())
    }

    fn prune(&mut self, now: Now) {
        let Some(directory) = &self.directory else { return };
        let LogDirectory { keep, max_age, compress, .. } = &self.asked;
        let busy = self.packing.as_ref().map(Packing::stamp);
        // A directory that cannot be listed is written all the same.
        let old = directory.prune(*keep, *max_age, now.wall, busy).unwrap_or_default();
        let due = max_age.zip(old.oldest).map(|(age, oldest)| {
            let since = Duration::from_micros(now.wall.0.saturating_sub(oldest.0));
            now.at + age.saturating_sub(since).max(RETRY)
        });
        self.look_again = if old.more { Some(now.at + RETRY) } else { due };
        self.plain = if *compress { old.plain } else { Vec::new() };
        self.plain.retain(|stamp| Some(*stamp) != busy);
    }

    /// Forgets the lines that are written whole.
    fn compact(&mut self) {
        let done = self.waiting.get(..self.written).unwrap_or_default();
        let whole = memrchr(b'\n', done).map_or(0, |at| at + 1);
        let whole = if self.written - whole > AGAIN { self.written } else { whole };
        self.waiting.drain(..whole);
        self.written -= whole;
        // A burst must not be remembered in memory for good.
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = Vec::new();
        }
    }
}

impl Current {
    /// Returns how much of `rest` belongs into this file: whole lines as long as they fit, and the first one in any case
    /// if the file is empty; 0 if it is full.
    fn part(&self, rest: &[u8], max_size: u64) -> usize {
        let first_line = || memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let room = usize::try_from(max_size.saturating_sub(self.size)).unwrap_or(usize::MAX);
        if self.mid_line {
            // Only a line as long as a whole file is ever split.
            let endless = self.size >= max_size.max(LONGEST_OF_FILE as u64).saturating_mul(2);
            return if endless { 0 } else { first_line() };
        }
        match rest.get(..room) {
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
