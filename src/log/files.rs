//! [`FileLog`]: one service's lines on their way to its log writer. They wait here, up to [`ROOM`], until they are written;
//! then the service's pipes are not read, and it waits itself. A writer that was killed is started again and gets what it
//! had not written once more. Never touches a file.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd;

use super::clock::Now;
use super::split::{Piece, StreamJoiner};
use super::store::{ROOM, Store};
use super::writer::{Heard, Note, Writer};
use crate::config::service::LogDirectory;
use crate::sys::files::name::shown_path;
use crate::sys::privilege::FilesOf;

/// A writer that cannot be started, or was killed, is started again this often.
const RETRY: Duration = Duration::from_secs(1);
/// What an idle service may keep of a burst's memory.
const KEPT: usize = 4 * 1024;

/// The lines of one service.
#[derive(Debug)]
pub struct FileLog {
    who: String,
    asked: LogDirectory,
    user: FilesOf,
    writer: Option<Writer>,
    /// Whether the writer has its files open, or waits for them.
    opened: bool,
    closed: bool,
    /// What is not written yet, the oldest first; so much of it the writer has.
    waiting: Vec<u8>,
    sent: usize,
    joiner: StreamJoiner,
    trouble: Option<String>,
    /// The last error that was said: the next writer has the same to say.
    said: Option<String>,
    retry: Option<Instant>,
}

/// What came of listening to the writer.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that matters to others.
    None,
    /// Its files can never be written, and why.
    Never(String),
    /// It has ended.
    Ended,
}

impl FileLog {
    /// Returns a log without a writer.
    pub fn new(who: &str, asked: LogDirectory, user: FilesOf) -> Self {
        Self {
            who: who.to_owned(),
            asked,
            user,
            writer: None,
            opened: false,
            closed: false,
            waiting: Vec::new(),
            sent: 0,
            joiner: StreamJoiner::default(),
            trouble: None,
            said: None,
            retry: None,
        }
    }

    /// Starts a writer, if there is none. Returns whether one was started.
    pub fn begin(&mut self, now: Now) -> bool {
        if self.writer.is_some() {
            return false;
        }
        let store = Store::new(&self.who, self.asked.clone(), self.user.clone());
        match Writer::start(store, self.opened) {
            Ok(writer) => {
                (self.writer, self.sent, self.retry, self.closed) = (Some(writer), 0, None, false);
                self.flush();
                true
            }
            Err(why) => {
                let errno = nix::errno::Errno::from_raw(why.errno).desc();
                let what = format!("{}: {}: {errno}", self.shown(), why.what);
                if self.trouble.is_none() {
                    tracing::error!("{}: cannot write {what}; its output waits", self.who);
                }
                (self.trouble, self.retry) = (Some(what), Some(now.at + RETRY));
                false
            }
        }
    }

    /// Returns the writer's socket.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.writer.as_ref().map(AsFd::as_fd)
    }

    /// Takes a piece of the stream with that number.
    pub fn push(&mut self, stream: u64, piece: Piece<'_>) {
        self.joiner.append(stream, piece, &mut self.waiting);
    }

    /// Sends what waits, as far as the writer takes it.
    pub fn flush(&mut self) {
        if let Some(writer) = &self.writer {
            self.sent += writer.send(self.waiting.get(self.sent..).unwrap_or_default());
        }
    }

    /// Returns whether more may be read for it.
    pub fn has_room(&self) -> bool {
        self.opened && self.waiting.len() < ROOM
    }

    /// Returns whether all is written.
    pub fn is_written(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns which file cannot be written and why, while that is so.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Returns when [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry
    }

    /// Starts a writer again, when it is time. Returns whether one was started.
    pub fn tick(&mut self, now: Now) -> bool {
        self.retry.is_some_and(|at| at <= now.at) && self.begin(now)
    }

    /// Listens to the writer, and says what it has to say.
    pub fn listen(&mut self, now: Now) -> Change {
        loop {
            let Some(writer) = &self.writer else { return Change::None };
            let note = match writer.listen() {
                Heard::Nothing => return Change::None,
                Heard::End => {
                    self.has_ended(now);
                    return Change::Ended;
                }
                Heard::Note(note) => note,
            };
            match note {
                Note::Opened => self.opened = true,
                Note::Never(why) => return Change::Never(why),
                Note::Done(count) => {
                    let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.sent);
                    self.waiting.drain(..count);
                    self.sent -= count;
                    // A burst must not be remembered in memory for good.
                    if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
                        self.waiting = Vec::new();
                    }
                    self.flush();
                }
                Note::Trouble(what) => {
                    self.said = self.said.take().filter(|_| what.is_some());
                    self.trouble = what;
                }
                Note::Warning(text) => tracing::warn!("{text}"),
                Note::Error(text) if self.said.as_ref() == Some(&text) => {}
                Note::Error(text) => {
                    tracing::error!("{text}");
                    self.said = Some(text);
                }
            }
        }
    }

    fn has_ended(&mut self, now: Now) {
        let pid = self.writer.take().map_or(0, |writer| writer.pid.0);
        // What it had and has not written goes to the next one.
        self.sent = 0;
        if !self.closed {
            tracing::warn!("{}: its log writer (process {pid}) was killed; another one is started", self.who);
            self.retry = Some(now.at + RETRY);
        }
    }

    /// Sends all that waits, and lets the writer end when that is written.
    pub fn close(&mut self) {
        self.flush();
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.closed = true;
    }

    /// The end of the last chance: what is not written is lost, and said.
    pub fn give_up(&mut self) {
        // One that has ended, and may be reaped, has closed its side: its number could be another's.
        let ended = matches!(self.listen(Now::read()), Change::Ended);
        if let Some(writer) = self.writer.take().filter(|_| !ended) {
            // It waits for a disk that hangs: nobody waits for it.
            let _gone = kill(unistd::Pid::from_raw(writer.pid.0), Signal::SIGKILL);
        }
        if !self.waiting.is_empty() {
            let lines = memchr::memchr_iter(b'\n', &self.waiting).count().max(1);
            let what =
                self.trouble.clone().unwrap_or_else(|| format!("{}: it did not take them in time", self.shown()));
            let bytes = self.waiting.len();
            tracing::error!("{}: the last {lines} lines ({bytes} bytes) are lost: cannot write {what}", self.who);
            self.waiting.clear();
        }
    }

    fn shown(&self) -> String {
        shown_path(&self.asked.path.join("current"))
    }
}
