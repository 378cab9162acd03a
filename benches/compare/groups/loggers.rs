//! The log programs of s6 and runit, one for each writer, as their supervisors have it.
#![allow(clippy::disallowed_methods)] // runs others to compare with

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, pipe};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::rootfs::installed;
use super::super::workplace::Medium;
use super::logs::Work;

/// Who takes the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Logger {
    /// `s6-log 1`: to its standard output.
    S6Output,
    /// s6-log, to a directory.
    S6Files,
    /// svlogd, to a directory.
    Svlogd,
    /// Nobody: the writers share the output.
    Nobody,
}

/// Writers, each with its logger.
pub struct Pipeline {
    logger: Logger,
    program: PathBuf,
    flood: PathBuf,
    place: PathBuf,
    work: Work,
}

/// Processes, which end with this.
pub struct Children(pub Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|child| _ = child.kill().and_then(|()| child.wait()));
    }
}

impl Pipeline {
    /// Prepares it.
    pub fn new(bench: &Bench, logger: Logger, work: Work) -> Outcome<Self> {
        let program = match logger {
            Logger::S6Output | Logger::S6Files => {
                installed("s6-log").ok_or("s6-log is not installed (apt-get install s6)")?
            }
            Logger::Svlogd => installed("svlogd").ok_or("svlogd is not installed (apt-get install runit)")?,
            Logger::Nobody => PathBuf::new(),
        };
        let place = bench.place.path(Medium::Tmpfs);
        Ok(Self { logger, program, flood: bench.place.programs().join("flood"), place, work })
    }

    /// Lets all lines pass, and returns the milliseconds that the loggers were busy.
    pub fn run(&mut self) -> Outcome<f64> {
        let (mut reader, writer) = pipe()?;
        let share = (self.work.bytes / self.work.writers).to_string();
        let (mut writers, mut loggers) = (Children(Vec::new()), Children(Vec::new()));
        for at in 0..self.work.writers {
            self.start(at, &[&share, &self.work.length.to_string()], &writer, &mut writers, &mut loggers)?;
        }
        drop(writer);
        let mut chunk = vec![0; 1 << 20];
        while reader.read(&mut chunk)? > 0 {}
        // Usage counts who was waited for: the loggers alone.
        let before = children_busy()?;
        for mut child in std::mem::take(&mut loggers.0) {
            child.wait()?;
        }
        let busy = children_busy()? - before;
        fs::remove_dir_all(&self.place).ok();
        Ok(busy)
    }

    /// Starts writers without end and one that writes the time, and returns what comes out.
    pub fn endless(&mut self) -> Outcome<(Children, PipeReader)> {
        let (reader, writer) = pipe()?;
        let (mut writers, mut loggers) = (Children(Vec::new()), Children(Vec::new()));
        for at in 0..self.work.writers {
            self.start(at, &["0", &self.work.length.to_string()], &writer, &mut writers, &mut loggers)?;
        }
        self.start(self.work.writers, &["pulse"], &writer, &mut writers, &mut loggers)?;
        writers.0.append(&mut loggers.0);
        Ok((writers, reader))
    }

    fn start(
        &self,
        at: usize,
        words: &[&str],
        output: &PipeWriter,
        writers: &mut Children,
        loggers: &mut Children,
    ) -> Outcome<()> {
        let mut flood = Command::new(&self.flood);
        flood.args(words).stdin(Stdio::null());
        if self.logger == Logger::Nobody {
            writers.0.push(flood.stdout(output.try_clone()?).spawn()?);
            return Ok(());
        }
        let mut child = flood.stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdout.take().ok_or("a pipe")?;
        writers.0.push(child);
        let directory = self.place.join(at.to_string());
        fs::create_dir_all(&directory)?;
        let mut logger = Command::new(&self.program);
        match self.logger {
            Logger::S6Output => logger.args(["-l", "16384", "1"]),
            Logger::S6Files => logger.args(["-l", "16384", "n2", "s10485760"]).arg(&directory),
            Logger::Svlogd => logger.args(["-l", "16384", "-b", "65536"]).arg(&directory),
            Logger::Nobody => &mut logger,
        };
        let output = if self.logger == Logger::S6Output { Stdio::from(output.try_clone()?) } else { Stdio::null() };
        loggers.0.push(logger.stdin(stdin).stdout(output).stderr(File::create("/dev/null")?).spawn()?);
        Ok(())
    }
}

fn children_busy() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e3)
}
