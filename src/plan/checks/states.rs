//! The states of services in a running container for `doctor`: whether each is as declared, why not, and what to do. Must
//! not know how the state came about.

use std::fmt;

use crate::plan::finding::{Area, Check, Issue};
use crate::plan::fix::Fix;

/// The present state of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceState {
    /// Its name.
    pub name: String,
    /// The word of `status`, as a value.
    pub state: Condition,
    /// Whether it is the main command, which cannot be started manually.
    pub is_main: bool,
    /// Whether it should be running.
    pub wanted: bool,
    /// Whether it was stopped manually.
    pub stopped_manually: bool,
    /// The reason of its state, in words.
    pub why: Option<String>,
    /// The required service that is missing, if it failed for that.
    pub missing_requirement: Option<String>,
    /// What it waits for, in words.
    pub waits_for: Vec<String>,
    /// Why its latest start failed before its program was executed.
    pub start_error: Option<String>,
    /// The result of its latest health check, if it is unhealthy.
    pub unhealthy: Option<String>,
    /// Which of its log files cannot be written, and why.
    pub log_trouble: Option<String>,
    /// Whether `stepdown logs` can print its last lines.
    pub has_log_lines: bool,
}

/// The condition of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// No process, and none will be started.
    #[default]
    Down,
    /// It waits for something that it needs.
    Waiting,
    /// A longrun is running and not ready.
    NotReady,
    /// A oneshot is running.
    Running,
    /// It is up, or done.
    Up,
    /// It is stopping.
    Ending,
    /// It exited or failed to start, and is restarted after a back-off.
    BackOff,
    /// A oneshot failed, and runs again after a back-off or at its next time.
    RunsAgain,
    /// It has failed and is not restarted.
    Failed,
}

/// Returns the check of a service.
pub fn of_state(service: &ServiceState) -> Check {
    let subject = format!("`{}`: state", service.name);
    let ok = |note: &str| Check::ok(Area::Service, subject.clone(), note);
    let degraded = |issue| Check::degraded(Area::Service, subject.clone(), issue);
    let fatal = |issue| Check::fatal(Area::Service, subject.clone(), issue);
    let why = || service.why.clone().unwrap_or_else(|| "the reason is not known".to_owned());
    match service.state {
        Condition::Failed => {
            fatal(service.issue(service.start_error.clone().unwrap_or_else(why), "is not started again"))
        }
        Condition::BackOff | Condition::RunsAgain => match (&service.start_error, service.state) {
            (Some(refused), _) => fatal(service.issue(refused.clone(), "cannot run; the start is tried again")),
            (None, Condition::RunsAgain) => {
                degraded(service.issue(why(), "has failed in its last run; it runs again by itself"))
            }
            (None, _) => degraded(service.issue(why(), "does not stay up; it is started again after a pause")),
        },
        Condition::Waiting => degraded(service.waiting()),
        Condition::NotReady => degraded(service.not_ready()),
        Condition::Down if service.stopped_manually => degraded(Issue::new(
            why(),
            format!("{service} is down"),
            format!("start it again: `stepdown start {}`", service.name),
        )),
        Condition::Down if service.wanted => degraded(service.issue(why(), "is down")),
        Condition::Down => ok("down, and not to be started by itself"),
        Condition::Ending => degraded(Issue::new(
            "it is being stopped",
            format!("{service} is not up"),
            "wait until it has stopped, and ask again: `stepdown status` shows how far it is",
        )),
        Condition::Running => ok("its command runs"),
        Condition::Up => match (&service.unhealthy, &service.log_trouble) {
            (Some(found), _) => degraded(service.unhealthy(found)),
            (None, Some(what)) => degraded(Issue::new(
                format!("its log cannot be written: {what}"),
                format!("{service} waits as soon as it has written more than is held in memory"),
                "make room there, or make that directory writable for the service's user",
            )),
            (None, None) => ok("as declared"),
        },
    }
}

impl ServiceState {
    fn issue(&self, cause: String, follows: &str) -> Issue {
        Issue::new(cause, format!("{self} {follows}"), self.start_again())
    }

    fn waiting(&self) -> Issue {
        let missing = match self.waits_for.is_empty() {
            true => "what it requires".to_owned(),
            false => self.waits_for.join(", "),
        };
        let outside = self.waits_for.iter().find(|it| it.contains("://"));
        let fix = match outside {
            Some(it) => format!("start what should answer at {it}, or remove it from its `wait_for`"),
            None => format!("see the findings about {missing}; `stepdown timings` shows which service waits for which"),
        };
        Issue::new(format!("waits for {missing}"), format!("{self} is not started"), fix)
    }

    fn not_ready(&self) -> Issue {
        let missing = self.waits_for.join(", ");
        let cause = match (&self.why, missing.is_empty()) {
            (Some(why), _) => format!("not ready: {why}"),
            (None, false) => format!("not ready: {missing} has not come yet"),
            (None, true) => "not ready yet".to_owned(),
        };
        let fix = Fix::words(format!("{}; if it is ready anyway, correct `ready` in its file", self.read_log()));
        Issue::new(cause, format!("{self} is not up, and what requires it waits"), fix)
    }

    fn unhealthy(&self, found: &str) -> Issue {
        let fix = match self.is_main {
            true => format!("{}; if it is healthy anyway, correct its `health`", self.read_log()),
            false => format!(
                "{}, then `stepdown restart {}`; if it is healthy anyway, correct `health` in its file",
                self.read_log(),
                self.name
            ),
        };
        Issue::new(format!("its health check failed: {found}"), format!("{self} runs and is unhealthy"), fix)
    }

    /// The fix for a service that exited.
    fn start_again(&self) -> Fix {
        if let Some(lost) = &self.missing_requirement {
            return Fix::words(format!("see the findings about `{lost}`; then `stepdown start {}`", self.name));
        }
        let again = match (self.is_main, &self.start_error) {
            (true, _) => return Fix::words(self.read_log()),
            (false, Some(_)) => {
                return Fix::words(format!(
                    "`stepdown check` in the image names what is wrong with the program; after that is corrected: \
                     `stepdown start {}`",
                    self.name
                ));
            }
            (false, None) => format!("once what it names is fixed: `stepdown start {}`", self.name),
        };
        Fix::words(format!("{}; {again}", self.read_log()))
    }

    fn read_log(&self) -> String {
        match self.has_log_lines {
            true => format!("read its last lines: `stepdown logs {}`", self.name),
            false => "read its last lines: `docker logs CONTAINER`".to_owned(),
        }
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "`{}`", self.name)
    }
}
