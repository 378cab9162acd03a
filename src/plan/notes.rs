//! [`Notes`]: problems, refusals and notices of planning, collected so that every problem is reported at once. Must not know
//! what is planned.

use std::collections::BTreeMap;

use super::finding::{Area, CauseKind, Check, Issue};
use super::fix::Fix;
use super::notice::{Notice, Restriction};
use crate::config::Config;
use crate::config::service::Service;
use crate::config::values::ServiceName;
use crate::error::{Error, Place, Problem, ProblemFix, Problems, Refused};

/// The subject of what holds for all services of an image made for s6-overlay.
pub(super) const S6_OVERLAY: &str = "what was made for s6-overlay";

/// What follows from a problem of a service that [may be held back](Config::may_hold_back).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OnFault {
    /// There is no plan.
    #[default]
    Refuse,
    /// That service does not start, and all others do.
    HoldBack,
}

/// Problems, refusals and notices of one planning.
#[derive(Debug, Default)]
pub(super) struct Notes {
    problems: Problems,
    on_fault: OnFault,
    /// The service that problems are about and that they hold back.
    subject: Option<ServiceName>,
    held_back: BTreeMap<ServiceName, Vec<Problem>>,
    refusals: Vec<Refusal>,
    notices: Vec<Notice>,
    main: Option<MainFault>,
}

/// Why the main command cannot be executed. A boot starts nothing then and ends like a shell; before a boot it is reported
/// with all other problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MainFault {
    pub what: String,
    pub fix: String,
    pub code: u8,
}

impl MainFault {
    /// Returns it as a problem.
    pub(super) fn problem(self) -> Problem {
        Problem::new(Place::MainCommand, self.what, self.fix)
    }

    /// Returns it as a check.
    pub(super) fn check(self) -> Check {
        let consequence = format!("the container does not start: exit {}, nothing is touched", self.code);
        Check::fatal(Area::Service, "`main`", Issue::new(self.what, consequence, self.fix))
    }

    /// Returns it as a notice, if oneshots may provide the program before it is started.
    pub(super) fn notice(self) -> Notice {
        let consequence = format!("unless a oneshot before it brings it, the container ends with {}", self.code);
        let issue = Issue::new(self.what, consequence, self.fix);
        Notice::Degraded { area: Area::Service, subject: "`main`".to_owned(), issue }
    }
}

/// A requirement of the image that the machine does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub area: Area,
    pub what: String,
    pub why: CauseKind,
    pub cause: String,
    pub fix: Fix,
}

/// What prevents the boot, from [`Notes`].
#[derive(Debug, Default)]
pub(super) struct PlanErrors {
    pub problems: Problems,
    pub refusals: Vec<Refusal>,
    pub main: Option<MainFault>,
}

impl Notes {
    /// Returns none.
    pub(super) fn new(on_fault: OnFault) -> Self {
        Self { on_fault, ..Self::default() }
    }

    /// Problems are about this service from now on. Returns whether they hold it back.
    pub(super) fn about(&mut self, service: &Service, config: &Config) -> bool {
        let is_held_back = self.on_fault == OnFault::HoldBack && config.may_hold_back(service);
        self.subject = is_held_back.then(|| service.name.clone());
        is_held_back
    }

    /// Problems are about no service from now on.
    pub(super) fn about_all(&mut self) {
        self.subject = None;
    }

    /// Returns what holds a service back, once.
    pub(super) fn take_held_back(&mut self, service: &ServiceName) -> Vec<Problem> {
        self.held_back.remove(service).unwrap_or_default()
    }

    fn push(&mut self, problem: Problem) {
        match &self.subject {
            Some(service) => self.held_back.entry(service.clone()).or_default().push(problem),
            None => self.problems.push(problem),
        }
    }

    /// Adds an error of the user's input: exit 100.
    pub(super) fn problem(&mut self, at: &Place, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        self.push(Problem::new(at.clone(), what, fix));
    }

    /// Notes something that the user wrote wrong in one of these keys of the file.
    pub(super) fn problem_of(
        &mut self,
        keys: &[&'static str],
        at: &Place,
        what: impl Into<String>,
        fix: impl Into<ProblemFix>,
    ) {
        self.push(Problem::new(at.clone(), what, fix).about(keys));
    }

    /// Adds a requirement that the machine does not allow: exit 111. The first one is reported.
    pub(super) fn refuse(&mut self, what: impl Into<String>, cause: impl Into<String>, fix: impl Into<Fix>) {
        self.refuse_for(Area::Configuration, what, Issue::new(cause, "", fix));
    }

    /// The same for an existing issue; its consequence is the refusal.
    pub(super) fn refuse_for(&mut self, area: Area, what: impl Into<String>, issue: Issue) {
        let Issue { why, cause, fix, consequence: _ } = issue;
        self.refusals.push(Refusal { area, what: what.into(), why, cause, fix });
    }

    /// Sets why the main command cannot be executed.
    pub(super) fn main_fault(&mut self, fault: Option<MainFault>) {
        self.main = fault;
    }

    /// Adds what the user should know and need not fix.
    pub(super) fn notice(&mut self, text: impl Into<String>) {
        self.add(Notice::Note(text.into()));
    }

    /// Adds something that works with restrictions.
    pub(super) fn degraded(&mut self, area: Area, subject: impl Into<String>, issue: Issue) {
        self.add(Notice::Degraded { area, subject: subject.into(), issue });
    }

    /// Adds something that `doctor` reports with a check of its own.
    pub(super) fn checked_elsewhere(&mut self, restriction: Restriction) {
        self.add(Notice::LogOnly(restriction));
    }

    /// Adds a notice, unless it is there already.
    fn add(&mut self, notice: Notice) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Returns the notices, and what prevents the boot.
    pub(super) fn finish(self) -> (Vec<Notice>, PlanErrors) {
        let Self { problems, refusals, notices, main, .. } = self;
        (notices, PlanErrors { problems, refusals, main })
    }
}

impl PlanErrors {
    /// Returns `value` if nothing prevents it. Errors of input come before refusals: they must be fixed on any machine.
    pub(super) fn or<T>(self, value: T) -> Result<T, Error> {
        match (self.problems.is_empty(), self.refusals.into_iter().next()) {
            (false, _) => Err(Error::Wrong(self.problems)),
            (true, Some(Refusal { what, cause, fix, .. })) => {
                Err(Error::Refused(Refused::new(what, std::io::Error::other(cause)).fix(fix.to_string())))
            }
            (true, None) => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_before_what_is_refused() {
        let mut notes = Notes::default();
        notes.refuse("cannot x", "y", "z");
        notes.problem(&Place::Machine, "a", "b");
        assert_eq!(notes.finish().1.or(()).unwrap_err().exit_code(), 100);
    }
}
