//! [`Check`]: a subject and the finding about it, as plain values that every part of planning can add. Must not know how
//! anything is found.

use serde::{Deserialize, Serialize};

use super::fix::Fix;
use crate::config::values::{CapSet, Capability};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its area.
    pub area: Area,
    /// What was checked: `/config`, `web: port 80`.
    pub subject: String,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The areas of checks, in the order in which they are printed.
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

/// The finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// As it should be.
    Ok {
        /// Details, in a few words.
        note: String,
    },
    /// It works with restrictions.
    Degraded(Issue),
    /// It does not start or does not work.
    Fatal(Issue),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The kind of the cause.
    pub why: CauseKind,
    /// The cause: "/config is 0:0 0755", "/etc is read-only".
    pub cause: String,
    /// What follows: "app (1000:1000) cannot write it".
    pub consequence: String,
    /// The fix.
    pub fix: Fix,
}

/// Kinds of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// Owner, group and mode.
    OwnerAndMode,
    /// The mount is read-only.
    ReadOnly,
    /// The mount is noexec.
    NoExec,
    /// A network file system refuses it (root_squash).
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
    /// It does not exist.
    Missing,
    /// The disk is full.
    Full,
    /// Anything else, as the cause says.
    Other,
}

impl Issue {
    /// Returns an issue of kind `Other`.
    pub fn new(cause: impl Into<String>, consequence: impl Into<String>, fix: impl Into<Fix>) -> Self {
        Self { why: CauseKind::Other, cause: cause.into(), consequence: consequence.into(), fix: fix.into() }
    }

    /// Returns the issue of a capability that was not granted.
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
    /// Returns an `Ok` check.
    pub fn ok(area: Area, subject: impl Into<String>, note: impl Into<String>) -> Self {
        Self { area, subject: subject.into(), finding: Finding::Ok { note: note.into() } }
    }

    /// Returns a `Degraded` check.
    pub fn degraded(area: Area, subject: impl Into<String>, issue: Issue) -> Self {
        Self { area, subject: subject.into(), finding: Finding::Degraded(issue) }
    }

    /// Returns a `Fatal` check.
    pub fn fatal(area: Area, subject: impl Into<String>, issue: Issue) -> Self {
        Self { area, subject: subject.into(), finding: Finding::Fatal(issue) }
    }
}

/// How bad a finding is; of several, the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Everything is as it should be.
    Ok,
    /// Something is degraded.
    Degraded,
    /// Something does not work.
    Fatal,
}

impl Severity {
    /// Returns its exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Degraded => 1,
            Self::Fatal => 2,
        }
    }
}

impl Finding {
    /// Returns its severity.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Ok { .. } => Severity::Ok,
            Self::Degraded(_) => Severity::Degraded,
            Self::Fatal(_) => Severity::Fatal,
        }
    }

    /// Returns what is wrong, if anything is.
    pub fn issue(&self) -> Option<&Issue> {
        match self {
            Self::Ok { .. } => None,
            Self::Degraded(issue) | Self::Fatal(issue) => Some(issue),
        }
    }
}
