//! The end of logging: what services have written is read and passed on within a time limit, log writers end, and lost lines
//! are reported.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clock::Now;
use super::files::FileLog;
use super::logs::{Logs, MAX_READS_AT_END, OutputKind};
use super::own_messages::{Stream, with_outputs};
use super::pipe_group::{Pipe, ReadResult};
use crate::supervise::Id;

/// How often to check whether everything is written if no log writer reports it.
const STEP: Duration = Duration::from_millis(20);

impl Logs {
    /// Writes everything read until now and lets the log writers exit, before all remaining processes, writers included, are
    /// killed. Later output is written by new writers ([`Self::finish`]).
    pub fn close_writers(&mut self, until: Instant) {
        if self.stores.is_empty() && self.closing_files.is_empty() {
            return;
        }
        self.write_all(until);
        for id in self.stores.clone() {
            if let Some(files) = self.files_mut(id) {
                files.close();
            }
        }
        self.wait_for(until, |logs| {
            let none = |id: &Id| logs.files_of(*id).and_then(FileLog::socket).is_none();
            logs.closing_files.is_empty() && logs.stores.iter().all(none)
        });
    }

    /// Reads what is there and waits until it is written, at most until `until`.
    fn write_all(&mut self, until: Instant) {
        loop {
            let more = self.read_and_write(OutputKind::Files);
            // A full disk is not waited for.
            let over = |files: &FileLog| files.is_written() || files.write_error().is_some();
            let written = |id: &Id| self.files_of(*id).is_none_or(over);
            if !more && self.stores.iter().all(written) || until <= Now::read().at {
                return;
            }
            if !more {
                self.wait_for_writers(until);
            }
        }
    }

    fn wait_for(&mut self, until: Instant, over: impl Fn(&Self) -> bool) {
        while !over(self) && Now::read().at < until {
            self.wait_for_writers(until);
            self.read_and_write(OutputKind::Files);
        }
    }

    fn wait_for_writers(&self, until: Instant) {
        let left = until.saturating_duration_since(Now::read().at).min(STEP);
        let mut wanted: Vec<_> = self.files.fd().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).into_iter().collect();
        let _time_over = poll(&mut wanted, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO));
    }

    /// Returns the pipes to the container's outputs that processes still write to. What was written until now is passed on,
    /// as far as there is space.
    pub fn take_open_pipes(&mut self) -> Vec<Pipe> {
        let mut open = Vec::new();
        for output in [OutputKind::Stdout, OutputKind::Stderr] {
            self.read_and_write(output);
            let group = self.group_mut(output);
            open.extend(group.keys().into_iter().filter_map(|key| group.take(key)));
        }
        open
    }

    /// Reads a pipe of an earlier stage as that of a service of this one. One that cannot be watched is closed.
    pub fn adopt(&mut self, id: Id, mut pipe: Pipe) {
        pipe.service = id;
        let output = match pipe.stream {
            Stream::Stdout => OutputKind::Stdout,
            Stream::Stderr => OutputKind::Stderr,
        };
        let _unwatched = self.group_mut(output).insert(pipe);
    }

    /// Passes on all remaining output, at most until `until`, and reports what was lost.
    pub fn finish(&mut self, until: Instant) {
        for id in self.stores.clone() {
            // A writer that was closed is started again only if something is left to write.
            let any = !self.files.keys_of(id).is_empty() || self.files_of(id).is_some_and(|files| !files.is_written());
            if any {
                self.start_writer(id);
            }
        }
        loop {
            let more = self.read_and_write(OutputKind::Stdout)
                | self.read_and_write(OutputKind::Stderr)
                | self.read_and_write(OutputKind::Files);
            with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.drain(until)));
            if !more || until <= Now::read().at {
                break;
            }
        }
        self.write_all(until);
        // Last attempt for pipes that were paused because their files had no space; what is lost is at least counted.
        for id in self.stores.clone() {
            for key in self.files.keys_of(id) {
                self.files.resume(key);
                let mut left = MAX_READS_AT_END;
                while left > 0 && matches!(self.read_pipe(OutputKind::Files, key), ReadResult::Bytes(_)) {
                    left -= 1;
                }
            }
        }
        for output in [OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files] {
            for key in self.group_mut(output).keys() {
                self.end_pipe(output, key);
            }
        }
        self.close_writers(until);
        for id in self.stores.clone() {
            if let Some(files) = self.files_mut(id) {
                files.discard();
            }
        }
        self.closing_files.drain().for_each(|(_, mut files)| files.discard());
        with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.drain(until)));
    }
}
