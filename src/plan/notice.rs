//! [`Notice`]: what a boot reports besides its steps: the log, `plan` and `check` print it as a line, `doctor` as a check.
//! Must not know how anything is found.

use std::fmt;
use std::path::PathBuf;

use super::finding::{Area, Check, Issue};
use super::fix::{Fix, KEEP_GROUPS};
use super::printable;
use crate::config::values::{CapSet, ServiceName};

/// A notice for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Information.
    Note(String),
    /// `doctor` reports it with a check of its own.
    LogOnly(Restriction),
    /// It works with restrictions.
    Degraded {
        /// Its area.
        area: Area,
        /// Its subject: "`web`", "group 44".
        subject: String,
        /// What is wrong.
        issue: Issue,
    },
}

/// What a boot lacks that `doctor` examines by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// It is not PID 1.
    NotPidOne,
    /// `pid1_filter = false`.
    NoFilter,
    /// A declared device belongs to group 0, which the app does not join.
    DeviceOfGroupZero(PathBuf),
    /// A declared device belongs to a group that is not mapped.
    DeviceOfUnmappedGroup(PathBuf),
    /// A service lacks what it needs for its ports.
    Ports {
        /// The service.
        service: ServiceName,
        /// The missing capabilities.
        missing: CapSet,
        /// What grants them.
        fix: Fix,
    },
}

impl fmt::Display for Restriction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPidOne => out.write_str(
                "not PID 1 (`--init`, or a shared PID namespace): only processes of our own services are reaped and \
                 signalled",
            ),
            Self::NoFilter => {
                out.write_str("services of its user can change its limits and priorities (`pid1_filter = false`)")
            }
            Self::DeviceOfGroupZero(device) => write!(
                out,
                "{} belongs to group 0, which the app does not join; give the device a group of its own on the host, or \
                 write `groups = [0]` under [app]",
                printable::path(device)
            ),
            Self::DeviceOfUnmappedGroup(device) => write!(
                out,
                "{} belongs to a group of the host that is not mapped here; {KEEP_GROUPS}",
                printable::path(device)
            ),
            Self::Ports { service, missing, fix } => {
                write!(out, "`{service}` runs without {missing}, which the runtime did not grant; {fix}")
            }
        }
    }
}

impl Notice {
    /// Returns its check for `doctor`.
    pub(super) fn check(&self) -> Option<Check> {
        match self {
            Self::Note(text) => Some(Check::ok(Area::Configuration, "note", text.clone())),
            Self::LogOnly(_) => None,
            Self::Degraded { area, subject, issue } => Some(Check::degraded(*area, subject.clone(), issue.clone())),
        }
    }
}

/// As a line, without control characters.
impl fmt::Display for Notice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(text) => out.write_str(text),
            Self::LogOnly(it @ Restriction::NoFilter) => write!(out, "PID 1: {it}"),
            Self::LogOnly(it) => it.fmt(out),
            Self::Degraded { subject, issue: Issue { cause, consequence, fix, .. }, .. } => {
                write!(out, "{subject}: {cause}; {consequence}; {fix}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_and_doctor_tell_the_same() {
        let issue = Issue::new("a", "b", "c");
        let notice = Notice::Degraded { area: Area::Service, subject: "`web`".into(), issue: issue.clone() };
        assert_eq!(notice.to_string(), "`web`: a; b; c");
        assert_eq!(notice.check(), Some(Check::degraded(Area::Service, "`web`", issue)));
        assert_eq!(Notice::LogOnly(Restriction::NotPidOne).check(), None);
    }
}
