//! [`ReloadError`]: why a reload has changed nothing, and the only words for it. Must not know how anything is read.

use std::fmt;
use std::io;
use std::time::Duration;

use super::reasons::count;
use crate::config::units::duration_text;
use crate::error::{Error, cause_text};
use crate::supervise::SpawnError;
use crate::sys::process::spawn_message;

/// Why a reload has changed nothing.
#[derive(Debug)]
pub enum ReloadError {
    /// The boot is not over.
    NotServing,
    /// The container stops.
    Stopping,
    /// There is no process that could read.
    Spawn(SpawnError),
    /// What the process has read does not arrive.
    Broken(io::Error),
    /// It has read more than so many MiB.
    TooLarge(usize),
    /// It has read for longer than that.
    TimedOut(Duration),
    /// What was read is wrong, or needs what was given up.
    Rejected(Error),
}

impl From<SpawnError> for ReloadError {
    fn from(why: SpawnError) -> Self {
        Self::Spawn(why)
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unchanged = "reload refused, nothing is changed";
        match self {
            Self::NotServing => out.write_str("nothing is supervised yet"),
            Self::Stopping => out.write_str("the container stops"),
            Self::Spawn(why) => out.write_str(&spawn_message::message(why)),
            Self::Broken(cause) => {
                write!(out, "{unchanged}: cannot read from the process that reads: {}", cause_text(cause))
            }
            Self::TooLarge(most) => write!(
                out,
                "{unchanged}: the configuration has more than {most} MiB: move what is none out of the services trees"
            ),
            Self::TimedOut(limit) => write!(
                out,
                "{unchanged}: reading the configuration, and looking at the paths that it names, took longer than {}: a \
                 disk or network that they lie on does not respond; all goes on as it is: reload again once `stepdown \
                 check` in the container ends",
                duration_text(*limit)
            ),
            Self::Rejected(Error::Wrong(problems)) => {
                let all = problems.clone().into_sorted();
                write!(out, "{unchanged}: {}:", count(u32::try_from(all.len()).unwrap_or(u32::MAX), "problem"))?;
                all.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
            }
            Self::Rejected(Error::Refused(refused)) => write!(out, "{unchanged}: {refused}"),
        }
    }
}
