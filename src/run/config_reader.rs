//! A reload's reading, by a process of PID 1's own: a tree on a disk or network that hangs holds up whoever asked for the
//! reload, for a while, and nobody else. It has PID 1's rights, and is reaped with everybody else.
#![allow(clippy::disallowed_methods)] // until when it may read

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{self, pipe2};

use super::fd_watcher::{FdWatcher, Key};
use super::reload_error::ReloadError;
use crate::supervise::{Pid, SpawnError, SpawnStage};
use crate::sys::process::spawn;

/// A disk that was asleep answers within this.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes read in one iteration of the loop.
const SHARE: usize = 256 * 1024;
/// Several services trees as large as one may be, and what is found out about what they name.
const MAX_SIZE: usize = 128 * 1024 * 1024;

/// What is being read, or was.
#[derive(Default)]
pub struct ConfigReader {
    reader: Option<Reader>,
    outcome: Option<Result<Vec<u8>, ReloadError>>,
}

struct Reader {
    pid: Pid,
    from: File,
    key: Key,
    bytes: Vec<u8>,
    until: Instant,
}

impl ConfigReader {
    /// Forks a process that reads; what `read` returns there arrives here.
    ///
    /// # Errors
    /// When no process can be had.
    pub fn begin(&mut self, fd_watcher: &mut FdWatcher, read: impl FnOnce() -> Vec<u8>) -> Result<(), ReloadError> {
        let refused = |errno: Errno| SpawnError::new(SpawnStage::Pipe, errno as i32);
        let (from, to) = pipe2(OFlag::O_CLOEXEC).map_err(refused)?;
        fcntl(&from, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(refused)?;
        let pid = spawn::fork_helper(to, |to| {
            // One that is not waited for any more needs nothing.
            let _unread = File::from(to).write_all(&read());
        })?;
        let from = File::from(from);
        let key = fd_watcher.reader(&from).map_err(refused).inspect_err(|_| end(pid))?;
        self.reader = Some(Reader { pid, from, key, bytes: Vec::new(), until: Instant::now() + LIMIT });
        Ok(())
    }

    /// Returns whether nothing new may be begun.
    pub fn is_under_way(&self) -> bool {
        self.reader.is_some()
    }

    /// Returns what was read, once: or why nothing was.
    pub fn take(&mut self) -> Option<Result<Vec<u8>, ReloadError>> {
        self.outcome.take()
    }

    /// Returns when [`Self::expire`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.reader.as_ref().map(|reader| reader.until)
    }

    /// Reads what has arrived.
    pub fn listen(&mut self, fd_watcher: &mut FdWatcher) {
        let Some(reader) = &mut self.reader else { return };
        let had = reader.bytes.len();
        let limit = u64::try_from(SHARE).unwrap_or(u64::MAX);
        match (&reader.from).take(limit).read_to_end(&mut reader.bytes) {
            Ok(_) if reader.bytes.len() - had == SHARE => {}
            Ok(_) => return self.finish(fd_watcher, None),
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(cause) => {
                return self.finish(fd_watcher, Some(ReloadError::Broken(cause)));
            }
        }
        if reader.bytes.len() > MAX_SIZE {
            // It writes by now, and ends when nobody reads.
            self.finish(fd_watcher, Some(ReloadError::TooLarge(MAX_SIZE / 1024 / 1024)));
        }
    }

    /// Gives up what takes too long.
    pub fn expire(&mut self, now: Instant, fd_watcher: &mut FdWatcher) {
        if self.reader.as_ref().is_some_and(|reader| reader.until <= now) {
            self.give_up(fd_watcher, ReloadError::TimedOut(LIMIT));
        }
    }

    /// Nobody needs it any more, or waits for it.
    pub fn give_up(&mut self, fd_watcher: &mut FdWatcher, why: ReloadError) {
        // One that has ended has closed its side: its number could be another's.
        self.listen(fd_watcher);
        if let Some(reader) = &self.reader {
            end(reader.pid);
            self.finish(fd_watcher, Some(why));
        }
    }

    fn finish(&mut self, fd_watcher: &mut FdWatcher, why: Option<ReloadError>) {
        if let Some(Reader { from, key, bytes, .. }) = self.reader.take() {
            fd_watcher.forget(key, &from);
            self.outcome = Some(why.map_or(Ok(bytes), Err));
        }
    }
}

/// It has not been reaped: it has just been started, or its side of the pipe was open a moment ago.
fn end(pid: Pid) {
    let _gone = kill(unistd::Pid::from_raw(pid.0), Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_configuration_can_have_is_refused() {
        let mut fd_watcher = FdWatcher::new().unwrap();
        let (from, to) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        let (from, mut to) = (File::from(from), File::from(to));
        let key = fd_watcher.reader(&from).unwrap();
        // As many as there may be, and one that comes while more are waited for.
        let reader = Reader { pid: Pid(0), from, key, bytes: vec![0; MAX_SIZE], until: Instant::now() + LIMIT };
        let mut reading = ConfigReader { reader: Some(reader), outcome: None };
        reading.listen(&mut fd_watcher);
        assert!(reading.is_under_way());
        to.write_all(b".").unwrap();
        reading.listen(&mut fd_watcher);
        let why = reading.take().expect("it is over").unwrap_err();
        assert!(why.to_string().contains("more than 128 MiB"), "{why}");
        assert_eq!(to.write_all(b".").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
