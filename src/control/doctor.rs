//! [`DoctorReport`]: the response to `doctor`, and the checks that follow from it, which the client makes. Must not know how
//! PID 1 came to it, nor how checks are printed.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::reason::{LastExit, Reason};
use super::responses::ServiceKind;
use super::service_state::{Condition, DownCause, ServiceState};
use crate::plan::checks::Examination;
use crate::plan::finding::{Area, Check, Issue};
use crate::plan::fix::Fix;
use crate::sys::process::spawn_message;

/// The response to `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// The findings of the boot, and what must be observed.
    pub boot: Examination,
    /// The services, in order of start; none while the container stops.
    pub services: Vec<ServiceState>,
    /// The error number with which the kernel refused the filter of services.
    pub filter_errno: Option<i32>,
}

impl DoctorReport {
    /// Returns the findings of the boot with a check for each service.
    pub fn into_examination(self) -> Examination {
        let Self { boot, services, filter_errno } = self;
        let mut examination = match filter_errno {
            Some(errno) => boot.without_filter(Errno::from_raw(errno).desc()),
            None => boot,
        };
        examination.checks.extend(services.iter().map(service_check));
        examination
    }
}

/// Returns the check of a service: whether it is as declared, why not, and what to do.
fn service_check(service: &ServiceState) -> Check {
    let subject = format!("`{}`: state", service.name);
    let ok = |note: &str| Check::ok(Area::Service, subject.clone(), note);
    let degraded = |issue| Check::degraded(Area::Service, subject.clone(), issue);
    let fatal = |issue| Check::fatal(Area::Service, subject.clone(), issue);
    match (&service.condition, service.kind) {
        (Condition::Failed(cause), _) => fatal(service.down(cause, "is not started again")),
        (Condition::Backoff(cause @ DownCause::CannotStart(_)), _) => {
            fatal(service.down(cause, "cannot run; the start is tried again"))
        }
        (Condition::Backoff(cause), ServiceKind::Oneshot) => {
            degraded(service.down(cause, "has failed in its last run; it runs again by itself"))
        }
        (Condition::Backoff(cause), ServiceKind::Longrun | ServiceKind::Main) => {
            degraded(service.down(cause, "does not stay up; it is started again after a pause"))
        }
        (Condition::WaitsForServices(names), _) => degraded(service.waits_for_services(names)),
        (Condition::WaitsForAddress(address), _) => {
            let fix = format!("start what should respond at {address}, or remove it from its `wait_for`");
            degraded(service.waits_for(address, fix))
        }
        (Condition::Starting { .. }, ServiceKind::Oneshot) => ok("its command runs"),
        (Condition::Starting { awaited, last_result }, ServiceKind::Longrun | ServiceKind::Main) => {
            degraded(service.not_ready(awaited.as_deref(), last_result.as_deref()))
        }
        (Condition::Stopped(cause), _) => degraded(Issue::new(
            cause_text(cause),
            format!("`{}` is down", service.name),
            format!("start it again: `stepdown start {}`", service.name),
        )),
        (Condition::Down(cause), _) => degraded(service.down(cause, "is down")),
        (Condition::Inactive, _) => ok("down, and not to be started by itself"),
        (Condition::Stopping, _) => degraded(Issue::new(
            "it is being stopped",
            format!("`{}` is not up", service.name),
            "wait until it has stopped, and try again: `stepdown status` shows how far it is",
        )),
        (Condition::Up { unhealthy: Some(found), .. }, _) => degraded(service.unhealthy(found)),
        (Condition::Up { unhealthy: None, log_error: Some(error) }, _) => degraded(Issue::new(
            format!("its log cannot be written: {error}"),
            format!("`{}` waits as soon as it has written more than is held in memory", service.name),
            "free space there, or make that directory writable for the service's user",
        )),
        (Condition::Up { unhealthy: None, log_error: None }, _) => ok("as declared"),
    }
}

impl ServiceState {
    fn down(&self, cause: &DownCause, consequence: &str) -> Issue {
        Issue::new(cause_text(cause), format!("`{}` {consequence}", self.name), self.start_again(cause))
    }

    fn waits_for_services(&self, names: &[String]) -> Issue {
        let missing = match names {
            [] => "what it requires".to_owned(),
            names => names.join(", "),
        };
        let fix = format!("see the findings about {missing}; `stepdown timings` shows which service waits for which");
        self.waits_for(&missing, fix)
    }

    fn waits_for(&self, missing: &str, fix: String) -> Issue {
        Issue::new(format!("waits for {missing}"), format!("`{}` is not started", self.name), fix)
    }

    fn not_ready(&self, awaited: Option<&str>, last_result: Option<&str>) -> Issue {
        let cause = match (last_result, awaited) {
            (Some(found), _) => format!("not ready: {found}"),
            (None, Some(awaited)) => format!("not ready: {awaited} has not come yet"),
            (None, None) => "not ready yet".to_owned(),
        };
        let fix = format!("{}; if it is ready anyway, correct `ready` in its file", self.read_log());
        Issue::new(cause, format!("`{}` is not up, and what requires it waits", self.name), fix)
    }

    fn unhealthy(&self, found: &str) -> Issue {
        let (log, name) = (self.read_log(), &self.name);
        let fix = match self.kind {
            ServiceKind::Main => format!("{log}; if it is healthy anyway, correct its `health`"),
            ServiceKind::Longrun | ServiceKind::Oneshot => {
                format!("{log}, then `stepdown restart {name}`; if it is healthy anyway, correct `health` in its file")
            }
        };
        Issue::new(format!("its health check failed: {found}"), format!("`{name}` runs and is unhealthy"), fix)
    }

    /// Returns the fix for a service that is down.
    fn start_again(&self, cause: &DownCause) -> Fix {
        let name = &self.name;
        Fix::text(match (cause, self.kind) {
            (DownCause::Reason(Reason::Requirement { service, .. }), _) => {
                format!("see the findings about `{service}`; then `stepdown start {name}`")
            }
            // It cannot be started manually.
            (_, ServiceKind::Main) => self.read_log(),
            (DownCause::CannotStart(_), ServiceKind::Longrun | ServiceKind::Oneshot) => format!(
                "`stepdown check` in the image names what is wrong with the program; after that is corrected: \
                 `stepdown start {name}`"
            ),
            (_, ServiceKind::Longrun | ServiceKind::Oneshot) => {
                format!("{}; once what it names is fixed: `stepdown start {name}`", self.read_log())
            }
        })
    }

    fn read_log(&self) -> String {
        match self.has_log_lines {
            true => format!("read its last lines: `stepdown logs {}`", self.name),
            false => "read its last lines: `docker logs CONTAINER`".to_owned(),
        }
    }
}

fn cause_text(cause: &DownCause) -> String {
    match cause {
        DownCause::CannotStart(error) => spawn_message::message(error),
        DownCause::Reason(reason) => reason.to_string(),
        DownCause::Ended(LastExit::Code(code)) => format!("it exited with code {code}"),
        DownCause::Ended(LastExit::Signal(signal)) => format!("it was killed by {signal}"),
        DownCause::Unknown => "the reason is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::finding::{Finding, Severity};
    use crate::supervise::{SpawnError, SpawnStep, StatusState};

    /// The check of a service as the client makes it, from what was sent.
    fn received(kind: ServiceKind, condition: Condition) -> Check {
        let state = ServiceState { name: "web".into(), kind, condition, has_log_lines: true };
        let report = DoctorReport { boot: Examination::default(), services: vec![state], filter_errno: None };
        let sent = serde_json::to_string(&report).unwrap();
        let received: DoctorReport = serde_json::from_str(&sent).unwrap();
        assert_eq!(received, report, "{sent}");
        received.into_examination().checks.remove(0)
    }

    fn parts(check: &Check) -> (Severity, String, String) {
        let Issue { cause, fix, .. } = check.finding.issue().unwrap();
        (check.finding.severity(), cause.clone(), fix.to_string())
    }

    fn no_exec() -> DownCause {
        let error = SpawnError { object: Some("/x".into()), ..SpawnError::new(SpawnStep::Exec, Errno::EACCES as i32) };
        DownCause::CannotStart(error)
    }

    #[test]
    fn a_service_whose_program_cannot_be_executed_is_fatal_even_if_it_is_tried_again() {
        for condition in [Condition::Failed(no_exec()), Condition::Backoff(no_exec())] {
            let (severity, cause, fix) = parts(&received(ServiceKind::Longrun, condition));
            assert_eq!((severity, cause.as_str()), (Severity::Fatal, "cannot execute `/x`: Permission denied"));
            assert!(fix.starts_with("`stepdown check` in the image"), "{fix}");
        }
        let (severity, cause, _) =
            parts(&received(ServiceKind::Longrun, Condition::Backoff(DownCause::Ended(LastExit::Code(3)))));
        assert_eq!((severity, cause.as_str()), (Severity::Degraded, "it exited with code 3"));
    }

    #[test]
    fn a_missing_requirement_and_an_address_are_named_in_the_fix() {
        let reason = Reason::Requirement { service: "db".into(), state: StatusState::Failed };
        let (_, cause, fix) = parts(&received(ServiceKind::Longrun, Condition::Failed(DownCause::Reason(reason))));
        assert_eq!(cause, "requires db, which is failed");
        assert_eq!(fix, "see the findings about `db`; then `stepdown start web`");
        let waiting = Condition::WaitsForAddress("tcp://db:5432".into());
        let (_, cause, fix) = parts(&received(ServiceKind::Longrun, waiting));
        assert_eq!(cause, "waits for tcp://db:5432");
        assert_eq!(fix, "start what should respond at tcp://db:5432, or remove it from its `wait_for`");
        // A service may be called as an address is: what it is decides, not its name.
        let waiting = Condition::WaitsForServices(vec!["a://b".into()]);
        let (_, _, fix) = parts(&received(ServiceKind::Longrun, waiting));
        assert!(fix.starts_with("see the findings about a://b"), "{fix}");
    }

    #[test]
    fn a_oneshot_that_runs_is_well_and_a_longrun_that_is_not_ready_is_not() {
        let starting = Condition::Starting { awaited: Some("READY=1".into()), last_result: None };
        let oneshot = received(ServiceKind::Oneshot, starting.clone());
        assert_eq!(oneshot.finding, Finding::Ok { note: "its command runs".into() });
        let (_, cause, _) = parts(&received(ServiceKind::Longrun, starting));
        assert_eq!(cause, "not ready: READY=1 has not come yet");
    }

    #[test]
    fn a_filter_that_the_kernel_refused_is_named_by_the_client() {
        let report = DoctorReport {
            boot: Examination::default(),
            services: Vec::new(),
            filter_errno: Some(Errno::EPERM as i32),
        };
        let check = report.into_examination().checks.remove(0);
        assert_eq!(parts(&check).1, "seccomp(2) was refused: Operation not permitted");
    }
}
