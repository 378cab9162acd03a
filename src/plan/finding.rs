//! [`Check`]: what was checked and what came out, as plain values that every part of planning can note. Must not know who
//! finds anything out.

use serde::{Deserialize, Serialize};

use super::fix::Fix;
use crate::config::values::{CapSet, Capability};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// To what it belongs.
    pub area: Area,
    /// What exactly: `/config`, `web: port 80`.
    pub subject: String,
    /// What came out.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What kinds of things are checked, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the words are the meaning
pub enum Area {
    Configuration,
    Mode,
    Identity,
    UserNamespace,
    StepDown,
    Privilege,
    Pid,
    Accounts,
    RuntimeDirectory,
    Path,
    Device,
    Secret,
    Service,
    Port,
    Capability,
    Limit,
    Stdio,
    TimeZone,
    Stop,
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// As it should be.
    Ok {
        /// In a few words.
        note: String,
    },
    /// It works, and less well than it was meant to.
    Degraded(Trouble),
    /// It does not start, or what it is for does not work.
    Fatal(Trouble),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Of which kind the cause is.
    pub why: CauseKind,
    /// The cause: "/config is 0:0 0755", "/etc is read-only".
    pub cause: String,
    /// What follows: "app (1000:1000) cannot write it".
    pub consequence: String,
    /// What helps.
    pub fix: Fix,
}

/// Kinds of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// Owner, group and mode say so.
    OwnerAndMode,
    /// The mount is read-only.
    ReadOnly,
    /// The mount forbids to execute.
    NoExec,
    /// A network file system has its own mind (root_squash).
    Nfs,
    /// A capability is not granted.
    Capability,
    /// no_new_privs is on.
    NoNewPrivs,
    /// An id is not mapped in the user namespace.
    NotMapped,
    /// SELinux or AppArmor.
    Lsm,
    /// The device cgroup.
    DeviceCgroup,
    /// It is not there.
    Missing,
    /// The disk is full.
    Full,
    /// Anything else, as the cause says.
    Other,
}

impl Trouble {
    /// Returns a trouble of no special kind.
    pub fn new(cause: impl Into<String>, consequence: impl Into<String>, fix: impl Into<Fix>) -> Self {
        Self { why: CauseKind::Other, cause: cause.into(), consequence: consequence.into(), fix: fix.into() }
    }

    /// Returns what follows from a capability that was not granted.
    pub(super) fn lacking(capability: Capability, consequence: impl Into<String>, fix: Fix) -> Self {
        Self { why: CauseKind::Capability, ..Self::new(format!("{capability} is not granted"), consequence, fix) }
    }

    /// Returns the same for several.
    pub(super) fn lacking_all(missing: CapSet, consequence: impl Into<String>) -> Self {
        let list: Vec<_> = missing.iter().map(|it| it.to_string()).collect();
        let verb = if list.len() == 1 { "is" } else { "are" };
        let cause = format!("{} {verb} not granted", list.join(" and "));
        Self { why: CauseKind::Capability, ..Self::new(cause, consequence, Fix::capabilities(missing)) }
    }
}

impl Check {
    /// Returns that all is well.
    pub fn ok(area: Area, subject: impl Into<String>, note: impl Into<String>) -> Self {
        Self { area, subject: subject.into(), finding: Finding::Ok { note: note.into() } }
    }

    /// Returns a trouble with which one can live.
    pub fn degraded(area: Area, subject: impl Into<String>, trouble: Trouble) -> Self {
        Self { area, subject: subject.into(), finding: Finding::Degraded(trouble) }
    }

    /// Returns one with which one cannot.
    pub fn fatal(area: Area, subject: impl Into<String>, trouble: Trouble) -> Self {
        Self { area, subject: subject.into(), finding: Finding::Fatal(trouble) }
    }
}

/// How it is, all in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverallResult {
    /// All is well.
    Ok,
    /// Something is degraded.
    Degraded,
    /// It does not work.
    Fatal,
}

impl OverallResult {
    /// Returns the exit code that says so.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Degraded => 1,
            Self::Fatal => 2,
        }
    }
}

impl Finding {
    /// Returns how bad it is.
    pub fn verdict(&self) -> OverallResult {
        match self {
            Self::Ok { .. } => OverallResult::Ok,
            Self::Degraded(_) => OverallResult::Degraded,
            Self::Fatal(_) => OverallResult::Fatal,
        }
    }

    /// Returns what is wrong, if anything is.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Ok { .. } => None,
            Self::Degraded(trouble) | Self::Fatal(trouble) => Some(trouble),
        }
    }
}
