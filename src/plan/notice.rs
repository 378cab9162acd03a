//! [`Notice`]: what a boot reports besides its steps: the log, `plan` and `check` print it as a line, `doctor` as a check.
//! Must not know how anything is found.

use std::fmt;

use super::finding::{Area, Check, Issue};

/// A notice for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Information.
    Note(String),
    /// `doctor` reports it with a check of its own.
    CheckedElsewhere(String),
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

impl Notice {
    /// Returns its check for `doctor`.
    pub(super) fn check(&self) -> Option<Check> {
        match self {
            Self::Note(text) => Some(Check::ok(Area::Configuration, "note", text.clone())),
            Self::CheckedElsewhere(_) => None,
            Self::Degraded { area, subject, issue } => Some(Check::degraded(*area, subject.clone(), issue.clone())),
        }
    }
}

/// As a line, without control characters.
impl fmt::Display for Notice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(text) | Self::CheckedElsewhere(text) => out.write_str(text),
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
        assert_eq!(Notice::CheckedElsewhere("x".into()).check(), None);
    }
}
