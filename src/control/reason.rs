//! Why a service is as it is, as a value of the protocol, and its text. Must not know how the engine came to it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::millis::Millis;
use super::state_name;
use crate::supervise::{Exit, Role, SpawnError, SpawnStep, StatusState};
use crate::sys::process::spawn_message;
use crate::text::shown;

/// Why a service is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is failed or was stopped for this, and the kernel killed it for want of memory.
    OutOfMemory(Box<Reason>),
    /// Its policy is not to start it again after this end.
    Ended {
        /// How it ended.
        exit: LastExit,
        /// Whose `success_codes` do not have that code, where they are set.
        unlisted: Option<Declared>,
    },
    /// Its run was ended for this.
    #[serde(rename = "terminated")]
    EndedByUs(EndedByUs),
    /// Consecutive failures reached the limit.
    Limit {
        /// How many.
        failures: u32,
        /// The last one.
        last: LastRun,
    },
    /// Its finish script ended with 125.
    FinishPermanentFailure,
    /// A service that it requires is not there.
    Requirement {
        /// That service.
        service: String,
        /// Its state.
        #[serde(with = "state_name")]
        state: StatusState,
    },
    /// It could not be started.
    CannotStart(#[serde(with = "SpawnErrorOnWire")] SpawnError),
    /// It is skipped in this mode.
    Skipped,
    /// It failed before the step down.
    FailedBefore,
    /// Its definition may not be used, for this.
    HeldBack(String),
    /// It was stopped manually.
    StoppedManually {
        /// Whether it is not scheduled until it is started again.
        unscheduled: bool,
    },
    /// It was stopped with this service, which it requires.
    StoppedWith(String),
    /// It was taken off its schedule by a stop.
    NoLongerScheduled(String),
    /// It runs next at this time.
    NextRun(String),
    /// It waits for these.
    WaitsFor(Vec<String>),
    /// Nothing more is known than how it last ended.
    LastEnded(LastExit),
}

/// How a process exited: `{"code":0}` or `{"signal":"SIGTERM"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastExit {
    /// Its exit code.
    Code(u8),
    /// The signal that killed it.
    Signal(String),
}

impl From<Exit> for LastExit {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Code(code),
            Exit::Signal(signal) => Self::Signal(signal.to_string()),
        }
    }
}

/// Where a key is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declared {
    /// In the service's file.
    Service,
    /// In `[main]`.
    Main,
}

/// Why a run was ended although nobody asked for that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedByUs {
    /// It was not ready in time.
    NotReady {
        /// For how long was waited.
        after_ms: Millis,
        /// What the last probe found, if there was one.
        last_result: Option<String>,
        /// Where its timeout is declared.
        declared: Declared,
    },
    /// A oneshot did not end in time.
    TimedOut {
        /// For how long it ran.
        after_ms: Millis,
    },
    /// Its health check failed; what that found.
    Unhealthy(String),
    /// It reported its own failure (WATCHDOG=trigger).
    WatchdogTrigger,
    /// It sent no watchdog notification in time (WATCHDOG=1).
    WatchdogTimeout {
        /// How often it had to.
        after_ms: Millis,
    },
}

/// How the last run of several failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastRun {
    /// It was ended for this.
    #[serde(rename = "terminated")]
    EndedByUs(EndedByUs),
    /// It ended so.
    Ended(LastExit),
    /// There was none, for this.
    CannotStart(#[serde(with = "SpawnErrorOnWire")] SpawnError),
    /// There was none.
    NotStarted,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory(why) => write!(out, "{why} (out of memory)"),
            Self::Ended { exit: LastExit::Signal(signal), .. } => write!(out, "was killed by {signal}"),
            Self::Ended { exit: LastExit::Code(code), unlisted: None } => write!(out, "exited with code {code}"),
            Self::Ended { exit: LastExit::Code(code), unlisted: Some(declared) } => {
                write!(out, "exited with code {code}, which `{}` does not include", declared.key("success_codes"))
            }
            Self::EndedByUs(why) => why.fmt(out),
            Self::Limit { failures: 1, last } => write!(out, "1 consecutive failure, last: {last}"),
            Self::Limit { failures, last } => write!(out, "{failures} consecutive failures, last: {last}"),
            Self::FinishPermanentFailure => {
                out.write_str("its finish script exited with code 125, which says not to start it again")
            }
            Self::Requirement { service, state } => write!(out, "requires {service}, which is {state}"),
            Self::CannotStart(why) => out.write_str(&spawn_message::message(why)),
            Self::Skipped => out.write_str("skipped in this mode"),
            Self::FailedBefore => out.write_str("failed before the step down"),
            Self::HeldBack(why) => write!(out, "held back: {why}"),
            Self::StoppedManually { unscheduled: false } => out.write_str("stopped manually"),
            Self::StoppedManually { unscheduled: true } => {
                out.write_str("stopped manually, not scheduled until it is started again")
            }
            Self::StoppedWith(service) => write!(out, "stopped with {service}"),
            Self::NoLongerScheduled(service) => {
                write!(out, "no longer scheduled until `stepdown start {service}`, which runs it at once")
            }
            Self::NextRun(at) => write!(out, "next run {at}"),
            Self::WaitsFor(names) => write!(out, "waits for {}", names.join(", ")),
            Self::LastEnded(LastExit::Code(code)) => write!(out, "last exited with code {code}"),
            Self::LastEnded(LastExit::Signal(signal)) => write!(out, "last killed by {signal}"),
        }
    }
}

impl fmt::Display for EndedByUs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady { after_ms, last_result, declared } => {
                write!(out, "not ready within {} (`{}`)", after_ms, declared.key("ready.timeout"))?;
                last_result.iter().try_for_each(|found| write!(out, "; the last result: {found}"))
            }
            Self::TimedOut { after_ms } => write!(out, "not done within {} (`timeout`)", after_ms),
            Self::Unhealthy(found) => write!(out, "unhealthy: {found}"),
            Self::WatchdogTrigger => out.write_str("reported failure (WATCHDOG=trigger)"),
            Self::WatchdogTimeout { after_ms } => {
                write!(out, "sent no watchdog notification for {} (WATCHDOG=1)", after_ms)
            }
        }
    }
}

impl fmt::Display for LastRun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndedByUs(why) => why.fmt(out),
            Self::Ended(LastExit::Code(code)) => write!(out, "exited with code {code}"),
            Self::Ended(LastExit::Signal(signal)) => write!(out, "killed by {signal}"),
            Self::CannotStart(why) => out.write_str(&spawn_message::message(why)),
            Self::NotStarted => out.write_str("could not be started"),
        }
    }
}

impl Declared {
    /// Returns a key as the file has it.
    fn key(self, key: &str) -> String {
        match self {
            Self::Service => key.to_owned(),
            Self::Main => format!("main.{key}"),
        }
    }
}

/// [`SpawnError`]; the engine knows no serde.
#[derive(Serialize, Deserialize)]
#[serde(remote = "SpawnError")]
pub(super) struct SpawnErrorOnWire {
    #[serde(with = "RoleOnWire")]
    role: Role,
    #[serde(with = "StepOnWire")]
    step: SpawnStep,
    #[serde(serialize_with = "write_path", deserialize_with = "read_path")]
    object: Option<PathBuf>,
    errno: i32,
    explanation: String,
}

/// [`Role`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Role", rename_all = "kebab-case")]
enum RoleOnWire {
    Run,
    Finish,
    StopCommand,
}

/// [`SpawnStep`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "SpawnStep", rename_all = "kebab-case")]
enum StepOnWire {
    FindService,
    FindCommand,
    NulByte,
    AwaitFile,
    Memory,
    Pipe,
    Socket,
    NotifyFd,
    BlockSignals,
    Fork,
    Session,
    Descriptors,
    Limits,
    Nice,
    Capabilities,
    Groups,
    Gid,
    Uid,
    NoNewPrivs,
    Directory,
    EnvironmentFile,
    Exec,
    Unknown,
}

/// JSON has no bytes: what is no text in a path is escaped.
fn write_path<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path: &PathBuf| path.to_str().map_or_else(|| shown(path), str::to_owned)).serialize(to)
}

fn read_path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(|text| Path::new(&text).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn refused(object: &OsStr, step: SpawnStep) -> SpawnError {
        SpawnError { object: Some(object.into()), ..SpawnError::new(step, 13) }
    }

    #[test]
    fn a_reason_arrives_as_it_was_sent_and_has_its_words_there() {
        let (exit, watchdog) =
            (LastExit::Code(3), EndedByUs::WatchdogTimeout { after_ms: Millis::from_micros(2_500_000) });
        let not_ready = EndedByUs::NotReady {
            after_ms: Millis::from_micros(3_000_000),
            last_result: Some("refused".into()),
            declared: Declared::Main,
        };
        let no_exec = refused(OsStr::new("/x"), SpawnStep::Exec);
        for (reason, text) in [
            (Reason::Ended { exit: exit.clone(), unlisted: None }, "exited with code 3"),
            (
                Reason::Ended { exit: exit.clone(), unlisted: Some(Declared::Service) },
                "exited with code 3, which `success_codes` does not include",
            ),
            (
                Reason::OutOfMemory(Box::new(Reason::Ended {
                    exit: LastExit::Signal("SIGKILL".into()),
                    unlisted: None,
                })),
                "was killed by SIGKILL (out of memory)",
            ),
            (Reason::EndedByUs(not_ready), "not ready within 3s (`main.ready.timeout`); the last result: refused"),
            (
                Reason::Limit { failures: 10, last: LastRun::EndedByUs(watchdog) },
                "10 consecutive failures, last: sent no watchdog notification for 2.5s (WATCHDOG=1)",
            ),
            (
                Reason::Limit { failures: 1, last: LastRun::CannotStart(no_exec.clone()) },
                "1 consecutive failure, last: cannot execute `/x`: Permission denied",
            ),
            (Reason::CannotStart(no_exec), "cannot execute `/x`: Permission denied"),
            (Reason::Requirement { service: "db".into(), state: StatusState::Failed }, "requires db, which is failed"),
            (Reason::WaitsFor(vec!["db".into(), "mq".into()]), "waits for db, mq"),
            (Reason::LastEnded(exit), "last exited with code 3"),
        ] {
            let sent = serde_json::to_string(&reason).unwrap();
            let taken: Reason = serde_json::from_str(&sent).unwrap();
            assert_eq!((&taken, taken.to_string().as_str()), (&reason, text), "{sent}");
        }
        assert_eq!(serde_json::to_string(&Reason::FinishPermanentFailure).unwrap(), "\"finish-permanent-failure\"");
    }

    #[test]
    fn every_step_and_a_path_that_is_no_text_can_be_sent() {
        for step in SpawnStep::ALL {
            let reason = Reason::CannotStart(refused(OsStr::from_bytes(b"/\xff"), step));
            let sent = serde_json::to_string(&reason).unwrap();
            let taken: Reason = serde_json::from_str(&sent).unwrap();
            assert!(matches!(taken, Reason::CannotStart(SpawnError { step: found, .. }) if found == step), "{sent}");
            assert!(sent.contains(r"/\\xff"), "{sent}");
        }
    }
}
