//! Rotation of a directory: `current` becomes `previous`, is piped through the processor if there is one, and gets a name in
//! the archive. What fails is tried again after a pause; lines wait meanwhile. Must not know where lines come from.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;

use super::directory::{OpenDirectory, Suffix, archive, errno};
use super::script::{LogSettings, Processor};
use crate::s6_commands::call::{Call, print_error};
use crate::s6_commands::chain;
use crate::s6_commands::failure::{Failure, errno_text};
use crate::s6_commands::waiting::{self, BlockedSignals, Moment};
use crate::sys::exec_chain::{Ended, fork_chain, place};
use crate::text::shown;

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RotationStep {
    /// There is none.
    Writable,
    Sync,
    Rename,
    NewCurrent,
    FinishPrevious,
    ArchivePrevious,
    RunProcessor,
    Processing(i32),
    FinishProcessed,
    SyncState,
    RemovePrevious,
    RenameState,
    ArchiveProcessed,
}

/// A directory that lines are written to, with those that wait.
pub(super) struct RotatedDirectory {
    directory: OpenDirectory,
    pending: Vec<u8>,
    step: RotationStep,
    /// When what failed is tried again.
    pub retry: Moment,
    /// When the file is rotated although it is not full.
    period_end: Moment,
    is_quiet: bool,
}

impl RotatedDirectory {
    /// Opens one.
    ///
    /// # Errors
    /// As [`OpenDirectory::open`].
    pub fn open(settings: LogSettings, is_quiet: bool) -> Result<Self, Failure> {
        let directory = OpenDirectory::open(settings)?;
        let mut opened = Self {
            directory,
            pending: Vec::new(),
            step: RotationStep::Writable,
            retry: Some(0),
            period_end: None,
            is_quiet,
        };
        opened.begin_period();
        Ok(opened)
    }

    fn begin_period(&mut self) {
        let period = self.directory.settings.period;
        self.period_end = if period == 0 { None } else { waiting::after(period).unwrap_or_default() };
    }

    /// Begins a rotation if its period is over.
    pub fn rotate_when_due(&mut self, now: u64) {
        if self.period_end.is_some_and(|end| end <= now) {
            self.begin_period();
            self.force_rotation();
        }
    }

    /// Returns when something has to be done, whatever comes.
    pub fn next_moment(&self) -> Moment {
        waiting::earlier(self.retry.filter(|moment| *moment > 0 && self.is_busy()), self.period_end)
    }

    /// Adds a line to those that wait.
    pub fn put(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
    }

    /// Returns whether lines wait, or a rotation.
    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty() || self.step != RotationStep::Writable
    }

    /// Goes on with the rotation and writes what waits, as far as that is possible now.
    pub fn advance(&mut self, call: &Call, signals: &BlockedSignals) {
        while self.is_busy() && !self.is_paused() {
            if self.step != RotationStep::Writable {
                if let RotationStep::Processing(_) = self.step {
                    return;
                }
                if let Err((what, error)) = self.rotate(call, signals) {
                    self.fail(&what, &error);
                }
                continue;
            }
            match self.directory.append(&self.pending) {
                Ok(written) => {
                    let ended = self.pending.get(written.wrapping_sub(1)) == Some(&b'\n');
                    self.pending.drain(..written);
                    let LogSettings { size, tolerance, .. } = self.directory.settings;
                    if ended && self.directory.size + tolerance >= size {
                        self.step = RotationStep::Sync;
                    }
                }
                Err(error) => self.fail(&format!("write to {}", shown(&self.directory.file("current"))), &error),
            }
        }
    }

    fn is_paused(&self) -> bool {
        self.retry.is_some_and(|moment| waiting::now().is_ok_and(|now| now < moment))
    }

    /// Begins a rotation, if there is anything in `current`.
    pub fn force_rotation(&mut self) {
        if self.step == RotationStep::Writable && self.directory.size > 0 {
            self.step = RotationStep::Sync;
        }
    }

    /// A child has ended: the processor perhaps.
    pub fn child_ended(&mut self, pid: i32, ended: Ended) {
        if self.step != RotationStep::Processing(pid) {
            return;
        }
        let place = shown(&self.directory.path);
        match ended {
            Ended::Exited(0) => {
                self.step = RotationStep::FinishProcessed;
                self.retry = Some(0);
                return;
            }
            Ended::Exited(_) => self.warn(&format!("processor failed in {place}")),
            Ended::Killed(_) => self.warn(&format!("processor crashed in {place}")),
        }
        self.step = RotationStep::RunProcessor;
        self.pause();
    }

    /// Ends in order: `current` is on the disk, and marked as whole. Returns whether that is so.
    pub fn finish(&mut self) -> bool {
        let done = self.directory.file.sync_all().and_then(|()| self.directory.set_finished(true));
        let is_done = done.is_ok();
        if let Err(error) = done {
            self.fail(&format!("finish {}", shown(&self.directory.file("current"))), &error);
        }
        is_done
    }

    fn rotate(&mut self, call: &Call, signals: &BlockedSignals) -> Result<(), (String, io::Error)> {
        let path = |name: &str| shown(&self.directory.file(name));
        let at = |what: String| move |error: io::Error| (what, error);
        let rename = |from: &str, to: &str| {
            let what = format!("rename {} to {}", path(from), path(to));
            fs::rename(self.directory.file(from), self.directory.file(to)).map_err(at(what))
        };
        let archived = |name: &str| {
            let what = format!("finish {name} .s to logdir {}", shown(&self.directory.path));
            archive(&self.directory.settings, &self.directory.path, name, Suffix::Rotated).map_err(at(what))
        };
        self.step = match self.step {
            RotationStep::Writable | RotationStep::Processing(_) => self.step,
            RotationStep::Sync => {
                self.directory.file.sync_all().map_err(at(format!("fd_sync {}", path("current"))))?;
                RotationStep::Rename
            }
            RotationStep::Rename => {
                rename("current", "previous")?;
                RotationStep::NewCurrent
            }
            RotationStep::NewCurrent => {
                let what = format!("open_append {}", path("current"));
                self.directory.reopen().map_err(at(what))?;
                RotationStep::FinishPrevious
            }
            RotationStep::FinishPrevious => {
                self.directory.finish_file("previous").map_err(at(format!("chmod {}", path("previous"))))?;
                if self.directory.settings.processor.is_some() {
                    RotationStep::RunProcessor
                } else {
                    RotationStep::ArchivePrevious
                }
            }
            RotationStep::ArchivePrevious => {
                archived("previous")?;
                RotationStep::Writable
            }
            RotationStep::RunProcessor => RotationStep::Processing(self.process(call, signals)?),
            RotationStep::FinishProcessed => {
                self.directory.finish_file("processed").map_err(at(format!("fd_chmod {}", path("processed"))))?;
                RotationStep::SyncState
            }
            RotationStep::SyncState => {
                let synced = File::open(self.directory.file("newstate")).and_then(|file| file.sync_all());
                synced.map_err(at(format!("fd_sync {}", path("newstate"))))?;
                RotationStep::RemovePrevious
            }
            RotationStep::RemovePrevious => {
                match fs::remove_file(self.directory.file("previous")) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err((format!("unlink {}", path("previous")), error));
                    }
                    Ok(()) | Err(_) => {}
                }
                RotationStep::RenameState
            }
            RotationStep::RenameState => {
                rename("newstate", "state")?;
                RotationStep::ArchiveProcessed
            }
            RotationStep::ArchiveProcessed => {
                archived("processed")?;
                RotationStep::Writable
            }
        };
        Ok(())
    }

    /// Starts the processor: `previous` is its standard input, `processed` its output, `state` and `newstate` are at
    /// descriptors 4 and 5, and the directory is its own.
    fn process(&self, call: &Call, signals: &BlockedSignals) -> Result<i32, (String, io::Error)> {
        let argv: Vec<Vec<u8>> = match &self.directory.settings.processor {
            Some(Processor::Execline(script)) => vec!["execlineb".into(), "-Pc".into(), script.clone()],
            Some(Processor::Shell(script)) => vec!["/bin/sh".into(), "-c".into(), script.clone()],
            None => Vec::new(),
        };
        let run = || -> Result<u8, Failure> {
            let refused = |what: &'static str| move |error: io::Error| Failure::unable(what, errno(&error));
            nix::unistd::chdir(&self.directory.path).map_err(|errno| Failure::unable("chdir to the logdir", errno))?;
            let files = [
                (File::open("previous").map_err(refused("open previous"))?, 0),
                (File::create("processed").map_err(refused("open_trunc processed"))?, 1),
                (File::open("state").map_err(refused("open state"))?, 4),
                (File::create("newstate").map_err(refused("open_trunc newstate"))?, 5),
            ];
            // Above those that are taken first.
            let files = files.map(|(file, number)| (high(OwnedFd::from(file)), number));
            for (file, number) in files {
                place(file.map_err(|errno| Failure::unable("fd_move", errno))?, number)
                    .map_err(|errno| Failure::unable("fd_move", errno))?;
            }
            signals.restore().map_err(|errno| Failure::unable("restore signals", errno))?;
            crate::sys::exec_chain::close_placeholders_on_exec();
            call.execute(&argv, &call.environment)
        };
        let child = fork_chain(|| match run() {
            Ok(code) => code,
            Err(failure) => {
                chain::report("s6-log (processor child)", &failure);
                failure.code
            }
        });
        child.map_err(|errno| (format!("fork processor for logdir {}", shown(&self.directory.path)), errno.into()))
    }

    fn fail(&mut self, what: &str, error: &io::Error) {
        self.warn(&format!("unable to {what}: {}", errno_text(errno(error))));
        self.pause();
    }

    fn pause(&mut self) {
        self.retry = waiting::after(self.directory.settings.retry).unwrap_or(None);
    }

    fn warn(&self, what: &str) {
        if !self.is_quiet {
            print_error(&format!("s6-log: warning: {what}\n"));
        }
    }
}

fn high(file: OwnedFd) -> Result<OwnedFd, nix::errno::Errno> {
    use std::os::fd::AsRawFd;
    crate::sys::exec_chain::duplicate(file.as_raw_fd(), 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_rotates_a_file_that_is_not_full_and_begins_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("dir").into_os_string().into_encoded_bytes();
        let settings = |period| LogSettings {
            path: path.clone(),
            archives: 10,
            size: 99_999,
            tolerance: 0,
            total: 0,
            retry: 2000,
            period,
            processor: None,
        };
        let mut opened =
            RotatedDirectory::open(settings(1000), true).unwrap_or_else(|failure| panic!("{}", failure.text));
        let end = opened.next_moment().unwrap();
        opened.rotate_when_due(end);
        assert!(!opened.is_busy(), "an empty file is not rotated");
        opened.directory.size = 1;
        opened.rotate_when_due(end - 1000);
        assert!(!opened.is_busy(), "before its time");
        let end = opened.next_moment().unwrap();
        opened.rotate_when_due(end);
        assert!(opened.is_busy() && opened.next_moment().is_some_and(|next| next >= end - 1000));
        drop(opened);
        let never = RotatedDirectory::open(settings(0), true).unwrap_or_else(|failure| panic!("{}", failure.text));
        assert_eq!(never.next_moment(), None);
    }
}
