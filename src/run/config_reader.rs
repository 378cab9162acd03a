//! [`ConfigReader`]: reads the configuration for a reload in a process of its own, so that a tree on a disk or network that
//! hangs delays the callers of that reload only. The process has PID 1's rights, and is reaped like any other child.
#![allow(clippy::disallowed_methods)] // the deadline of the process

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{self, pipe2};

use super::fd_watcher::{FdWatcher, Key};
use super::reload_error::ReloadError;
use crate::supervise::{Pid, SpawnError, SpawnStep};
use crate::sys::process::spawn;

/// Long enough for a disk that has to spin up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes read in one iteration of the loop.
const READ_AT_ONCE: usize = 256 * 1024;
/// Several services trees as large as one may be, and what is found out about what they name.
const MAX_SIZE: usize = 128 * 1024 * 1024;

/// The process that reads, or the result of the last one.
#[derive(Default)]
pub struct ConfigReader {
    process: Option<ReaderProcess>,
    result: Option<Result<Vec<u8>, ReloadError>>,
}

struct ReaderProcess {
    pid: Pid,
    pipe: File,
    key: Key,
    bytes: Vec<u8>,
    deadline: Instant,
}

impl ConfigReader {
    /// Forks a process that calls `read` and writes what it returns into a pipe.
    ///
    /// # Errors
    /// When no process can be forked.
    pub fn start(&mut self, fd_watcher: &mut FdWatcher, read: impl FnOnce() -> Vec<u8>) -> Result<(), ReloadError> {
        let refused = |errno: Errno| SpawnError::new(SpawnStep::Pipe, errno as i32);
        let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC).map_err(refused)?;
        fcntl(&read_end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(refused)?;
        let pid = spawn::fork_worker(write_end, |write_end| {
            // It fails once PID 1 has stopped waiting: the result is not needed then.
            let _unread = File::from(write_end).write_all(&read());
        })?;
        let pipe = File::from(read_end);
        let key = fd_watcher.config_reader(&pipe).map_err(refused).inspect_err(|_| kill_process(pid))?;
        self.process = Some(ReaderProcess { pid, pipe, key, bytes: Vec::new(), deadline: Instant::now() + TIMEOUT });
        Ok(())
    }

    /// Returns whether a process is reading.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Returns the result, once: what was read, or why nothing was.
    pub fn take_result(&mut self) -> Option<Result<Vec<u8>, ReloadError>> {
        self.result.take()
    }

    /// Returns when [`Self::expire`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.process.as_ref().map(|process| process.deadline)
    }

    /// Reads what has arrived.
    pub fn read_ready(&mut self, fd_watcher: &mut FdWatcher) {
        let Some(process) = &mut self.process else { return };
        let before = process.bytes.len();
        let limit = u64::try_from(READ_AT_ONCE).unwrap_or(u64::MAX);
        match (&process.pipe).take(limit).read_to_end(&mut process.bytes) {
            Ok(_) if process.bytes.len() - before == READ_AT_ONCE => {}
            Ok(_) => return self.finish(fd_watcher, None),
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(cause) => {
                return self.finish(fd_watcher, Some(ReloadError::Broken(cause)));
            }
        }
        if process.bytes.len() > MAX_SIZE {
            // It is writing by now, and ends with EPIPE.
            self.finish(fd_watcher, Some(ReloadError::TooLarge(MAX_SIZE / 1024 / 1024)));
        }
    }

    /// Ends the process when its time is over.
    pub fn expire(&mut self, now: Instant, fd_watcher: &mut FdWatcher) {
        if self.process.as_ref().is_some_and(|process| process.deadline <= now) {
            self.cancel(fd_watcher, ReloadError::TimedOut(TIMEOUT));
        }
    }

    /// Ends the process; `why` becomes the result.
    pub fn cancel(&mut self, fd_watcher: &mut FdWatcher, why: ReloadError) {
        // A process that has ended has closed its end of the pipe, and its pid may be another process's.
        self.read_ready(fd_watcher);
        if let Some(process) = &self.process {
            kill_process(process.pid);
            self.finish(fd_watcher, Some(why));
        }
    }

    fn finish(&mut self, fd_watcher: &mut FdWatcher, why: Option<ReloadError>) {
        if let Some(ReaderProcess { pipe, key, bytes, .. }) = self.process.take() {
            fd_watcher.remove(key, &pipe);
            self.result = Some(why.map_or(Ok(bytes), Err));
        }
    }
}

/// Only for a process that is not reaped: it was just forked, or its end of the pipe was open a moment ago.
fn kill_process(pid: Pid) {
    let _gone = kill(unistd::Pid::from_raw(pid.0), Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_configuration_can_have_is_refused() {
        let mut fd_watcher = FdWatcher::default();
        let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        let (pipe, mut write_end) = (File::from(read_end), File::from(write_end));
        let key = fd_watcher.config_reader(&pipe).unwrap();
        // As many bytes as there may be, and then one more.
        let process =
            ReaderProcess { pid: Pid(0), pipe, key, bytes: vec![0; MAX_SIZE], deadline: Instant::now() + TIMEOUT };
        let mut reader = ConfigReader { process: Some(process), result: None };
        reader.read_ready(&mut fd_watcher);
        assert!(reader.is_running());
        write_end.write_all(b".").unwrap();
        reader.read_ready(&mut fd_watcher);
        let why = reader.take_result().expect("it has ended").unwrap_err();
        assert!(why.to_string().contains("more than 128 MiB"), "{why}");
        assert_eq!(write_end.write_all(b".").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
