//! [`FileLog`]: one service's lines on their way to its log writer. They wait here, up to [`BUFFER_SPACE`], until they are written;
//! then the service's pipes are not read, and it waits itself. A writer that was killed is started again and gets what it
//! had not written once more. Never touches a file.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd;

use super::clock::Now;
use super::split::{Piece, StreamJoiner};
use super::store::{BUFFER_SPACE, Store};
use super::writer::{Received, Writer};
use super::writer_report::WriterReport;
use crate::config::service::LogDirectory;
use crate::sys::file_user::FileUser;
use crate::sys::process::spawn_message;
use crate::text::shown;

/// Delay before a writer that was killed or could not be started is started again.
const RETRY: Duration = Duration::from_secs(1);
/// Buffer capacity that an idle service may keep.
const MAX_IDLE_CAPACITY: usize = 4 * 1024;

/// The lines of one service, on their way to its log writer.
#[derive(Debug)]
pub struct FileLog {
    service: String,
    config: LogDirectory,
    user: FileUser,
    writer: Option<Writer>,
    /// Whether the writer has its files open, or waits for them.
    is_open: bool,
    is_closed: bool,
    /// Bytes that are not confirmed as written; the first `sent` of them were sent to the writer.
    unwritten: Vec<u8>,
    sent: usize,
    joiner: StreamJoiner,
    write_error: Option<String>,
    /// The last error that was logged, so that the next writer's same error is not logged again.
    last_error: Option<String>,
    retry_at: Option<Instant>,
}

/// What the writer's messages mean for the log.
#[derive(Debug, PartialEq, Eq)]
pub enum WriterEvent {
    /// Nothing for the caller to do.
    None,
    /// The files cannot be written, and waiting does not change that; the reason.
    Unwritable(String),
    /// The writer has exited.
    Exited,
}

impl FileLog {
    /// Returns a log without a writer.
    pub fn new(service: &str, config: LogDirectory, user: FileUser) -> Self {
        Self {
            service: service.to_owned(),
            config,
            user,
            writer: None,
            is_open: false,
            is_closed: false,
            unwritten: Vec::new(),
            sent: 0,
            joiner: StreamJoiner::default(),
            write_error: None,
            last_error: None,
            retry_at: None,
        }
    }

    /// Starts a writer, if there is none. Returns whether one was started.
    pub fn start_writer(&mut self, now: Now) -> bool {
        if self.writer.is_some() {
            return false;
        }
        let store = Store::new(&self.service, self.config.clone(), self.user.clone());
        match Writer::start(store, self.is_open) {
            Ok(writer) => {
                (self.writer, self.sent, self.retry_at, self.is_closed) = (Some(writer), 0, None, false);
                self.flush();
                true
            }
            Err(why) => {
                let what = format!("{}: {}", self.current_path(), spawn_message::message(&why));
                if self.write_error.is_none() {
                    tracing::error!("{}: cannot write {what}; its output waits", self.service);
                }
                (self.write_error, self.retry_at) = (Some(what), Some(now.at + RETRY));
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
        self.joiner.append(stream, piece, &mut self.unwritten);
    }

    /// Sends what waits, as far as it fits into the writer's socket.
    pub fn flush(&mut self) {
        if let Some(writer) = &self.writer {
            self.sent += writer.send(self.unwritten.get(self.sent..).unwrap_or_default());
        }
    }

    /// Returns whether more may be read from the service's pipes.
    pub fn has_room(&self) -> bool {
        self.is_open && self.unwritten.len() < BUFFER_SPACE
    }

    /// Returns whether everything is written.
    pub fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Returns which file cannot be written and why, while that is so.
    pub fn write_error(&self) -> Option<&str> {
        self.write_error.as_deref()
    }

    /// Returns when [`Self::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Starts a writer again when it is due. Returns whether one was started.
    pub fn on_deadline(&mut self, now: Now) -> bool {
        self.retry_at.is_some_and(|at| at <= now.at) && self.start_writer(now)
    }

    /// Receives the writer's reports, and logs its messages.
    pub fn receive(&mut self, now: Now) -> WriterEvent {
        loop {
            let Some(writer) = &self.writer else { return WriterEvent::None };
            let report = match writer.receive() {
                Received::Nothing => return WriterEvent::None,
                Received::EndOfFile => {
                    self.writer_exited(now);
                    return WriterEvent::Exited;
                }
                Received::Report(report) => report,
            };
            match report {
                WriterReport::Opened => self.is_open = true,
                WriterReport::Unwritable(why) => return WriterEvent::Unwritable(why),
                WriterReport::Written(count) => {
                    let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.sent);
                    self.unwritten.drain(..count);
                    self.sent -= count;
                    // Give the memory of a burst back.
                    if self.unwritten.is_empty() && self.unwritten.capacity() > MAX_IDLE_CAPACITY {
                        self.unwritten = Vec::new();
                    }
                    self.flush();
                }
                WriterReport::WriteError(what) => {
                    self.last_error = self.last_error.take().filter(|_| what.is_some());
                    self.write_error = what;
                }
                WriterReport::Warning(text) => tracing::warn!("{text}"),
                WriterReport::Error(text) if self.last_error.as_ref() == Some(&text) => {}
                WriterReport::Error(text) => {
                    tracing::error!("{text}");
                    self.last_error = Some(text);
                }
            }
        }
    }

    fn writer_exited(&mut self, now: Now) {
        let pid = self.writer.take().map_or(0, |writer| writer.pid.0);
        // What was sent and not confirmed is sent again to the next one.
        self.sent = 0;
        if !self.is_closed {
            tracing::warn!("{}: its log writer (process {pid}) was killed; another one is started", self.service);
            self.retry_at = Some(now.at + RETRY);
        }
    }

    /// Sends what fits, and closes the socket, so that the writer exits when all is written.
    pub fn close(&mut self) {
        self.flush();
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.is_closed = true;
    }

    /// Kills the writer. What is not written is lost, which is reported.
    pub fn discard(&mut self) {
        // If the writer has exited it may have been reaped, and its pid may belong to another process.
        let ended = matches!(self.receive(Now::read()), WriterEvent::Exited);
        if let Some(writer) = self.writer.take().filter(|_| !ended) {
            // It hangs on a disk.
            let _gone = kill(unistd::Pid::from_raw(writer.pid.0), Signal::SIGKILL);
        }
        if !self.unwritten.is_empty() {
            let lines = memchr::memchr_iter(b'\n', &self.unwritten).count().max(1);
            let what = self
                .write_error
                .clone()
                .unwrap_or_else(|| format!("{}: writing them took too long", self.current_path()));
            let bytes = self.unwritten.len();
            tracing::error!("{}: the last {lines} lines ({bytes} bytes) are lost: cannot write {what}", self.service);
            self.unwritten.clear();
        }
    }

    fn current_path(&self) -> String {
        shown(&self.config.path.join("current"))
    }
}
