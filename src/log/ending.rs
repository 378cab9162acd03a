//! The end of all logs: what services have said is read and written as far as it is taken in time, writers end, and what is
//! lost is said.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clock::Now;
use super::files::FileLog;
use super::logs::{Logs, MOST_AT_END, OutputKind};
use super::own_messages::with_outputs;
use super::pipe_group::Got;
use crate::supervise::Id;

/// It is looked that often whether all is written, should no writer say so.
const STEP: Duration = Duration::from_millis(20);

impl Logs {
    /// Has everything written that was said until now, and the writers end, before whatever is left is killed, and they with
    /// it. What is said later is written by others ([`Self::finish`]).
    pub fn close_writers(&mut self, until: Instant) {
        if self.stores.is_empty() && self.closing.is_empty() {
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
            logs.closing.is_empty() && logs.stores.iter().all(none)
        });
    }

    /// Reads what is there and has it written, as far as that goes until then.
    fn write_all(&mut self, until: Instant) {
        loop {
            let more = self.pump(OutputKind::Files);
            // A disk that is full is not waited for.
            let over = |files: &FileLog| files.is_written() || files.trouble().is_some();
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
            self.pump(OutputKind::Files);
        }
    }

    fn wait_for_writers(&self, until: Instant) {
        let left = until.saturating_duration_since(Now::read().at).min(STEP);
        let mut wanted = [PollFd::new(self.files.as_fd(), PollFlags::POLLIN)];
        let _time_over = poll(&mut wanted, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO));
    }

    /// The end: writes down all that services have said, as far as it is taken until then, and says what was lost.
    pub fn finish(&mut self, until: Instant) {
        for id in self.stores.clone() {
            // Those that were closed before are needed once more only where something is left to be written.
            let any = !self.files.keys_of(id).is_empty() || self.files_of(id).is_some_and(|files| !files.is_written());
            if any {
                self.begin_files(id);
            }
        }
        loop {
            let more = self.pump(OutputKind::Stdout) | self.pump(OutputKind::Stderr) | self.pump(OutputKind::Files);
            with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.drain(until)));
            if !more || until <= Now::read().at {
                break;
            }
        }
        self.write_all(until);
        // What could not be written until now has one more chance; then at least it is counted.
        for id in self.stores.clone() {
            for key in self.files.keys_of(id) {
                self.files.unpark(key);
                let mut left = MOST_AT_END;
                while left > 0 && matches!(self.take(OutputKind::Files, key), Got::Bytes(_)) {
                    left -= 1;
                }
            }
        }
        for way in [OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files] {
            for key in self.of(way).keys() {
                self.end(way, key);
            }
        }
        self.close_writers(until);
        for id in self.stores.clone() {
            if let Some(files) = self.files_mut(id) {
                files.give_up();
            }
        }
        self.closing.drain().for_each(|(_, mut files)| files.give_up());
        with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.drain(until)));
    }
}
