//! Readiness: by which notification or check a service is up, and its timeout.

use stepdown::config::restart::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{
    Action, EndedByUs, Event, LateStart, ProbeResult, Readiness, Report, StatusReason, StopReason,
};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

#[test]
fn a_service_that_notifies_readiness_is_not_up_before() {
    let mut scenario = Scenario::begun(&[longrun("db").notifies_ready(None), longrun("web").requires("db")]);
    scenario.take_actions();
    scenario.executed("db");
    assert_eq!(scenario.started(), [""; 0]);
    scenario.ready("db");
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn readiness_reported_before_the_exec_was_seen_counts() {
    let mut scenario = Scenario::begun(&[longrun("db").notifies_ready(Some(seconds(5)))]);
    scenario.ready("db");
    assert_eq!(scenario.state("db"), "up");
    scenario.executed("db");
    scenario.ready("db");
    scenario.wait(10.0);
    assert_eq!(scenario.state("db"), "up");
}

#[test]
fn a_service_that_is_not_ready_in_time_is_stopped_killed_and_counts_as_failed() {
    let draft = longrun("db").notifies_ready(Some(seconds(5))).stop(Signal::INT, Some(seconds(2)), true);
    let mut scenario = Scenario::begun(&[draft]);
    let id = scenario.id("db");
    scenario.executed("db");
    scenario.wait(5.0);
    assert!(scenario.take_actions().contains(&Action::Report(Report::ReadyTimedOut {
        id,
        after: seconds(5),
        why: None
    })));
    assert_eq!(scenario.state("db"), "stopping");
    scenario.ready("db");
    assert_eq!(scenario.state("db"), "stopping");
    scenario.wait(2.0);
    assert_eq!(scenario.signals(), ["db group: SIGKILL"]);
    scenario.dies("db", Signal::KILL);
    assert_eq!(scenario.state("db"), "backoff");
}

#[test]
fn failed_readiness_checks_are_reported_ever_more_rarely_and_at_the_timeout() {
    let ready = Readiness::Probed { interval: seconds(1), timeout: Some(seconds(13)) };
    let mut draft = longrun("db");
    draft.spec.ready = ready;
    let mut scenario = Scenario::begun(&[draft]);
    let id = scenario.id("db");
    scenario.executed("db");
    let (mut reported, mut asks) = (Vec::new(), 0);
    while scenario.state("db") == "starting" {
        for action in scenario.take_actions() {
            match action {
                Action::Probe { .. } => {
                    asks += 1;
                    let why = format!("refused {}", if scenario.now() < 8.0 { "early" } else { "late" });
                    scenario.send(Event::ProbeResult { id, result: ProbeResult::Fail(why) });
                }
                Action::Report(Report::StillNotReady { since, why, .. }) => reported.push((since.as_secs(), why)),
                _ => {}
            }
        }
        scenario.wait(0.1);
    }
    assert!(asks > 13, "{asks}");
    assert_eq!(reported, [(5, "refused early".to_owned()), (11, "refused late".to_owned())]);
    let last = Report::ReadyTimedOut { id, after: seconds(13), why: Some("refused late".to_owned()) };
    assert!(scenario.take_actions().contains(&Action::Report(last)));
    scenario.dies("db", Signal::TERM);
    let why = EndedByUs::NotReady { after: seconds(13), last_result: Some("refused late".to_owned()) };
    assert_eq!((scenario.state("db"), scenario.status("db").why), ("backoff", Some(StatusReason::EndedByUs(why))));
}

#[test]
fn success_after_a_readiness_timeout_is_a_failure() {
    let draft = longrun("db").notifies_ready(Some(seconds(5))).restart(RestartPolicy::OnFailure);
    let mut scenario = Scenario::begun(&[draft]);
    scenario.wait(5.0);
    scenario.exits("db", 0);
    assert_eq!(scenario.state("db"), "backoff");
}

#[test]
fn a_service_without_a_stop_timeout_that_must_end_has_the_whole_budget() {
    let mut scenario = Scenario::begun(&[longrun("db").notifies_ready(Some(seconds(5)))]);
    scenario.wait(5.0);
    assert_eq!(scenario.deadline(), Some(13.0));
}

#[test]
fn a_oneshot_is_done_when_it_ends_whatever_its_readiness() {
    let mut scenario =
        Scenario::begun(&[oneshot("job").notifies_ready(Some(seconds(1))), longrun("web").requires("job")]);
    scenario.ready("job");
    scenario.wait(2.0);
    assert_eq!(scenario.state("job"), "starting");
    scenario.exits("job", 0);
    assert_eq!((scenario.state("job"), scenario.state("web")), ("done", "starting"));
}

#[test]
fn a_service_ended_because_it_was_not_ready_has_no_code_of_an_ordered_stop() {
    let draft = longrun("db").notifies_ready(Some(seconds(5))).restart(RestartPolicy::Never).essential();
    let mut scenario = Scenario::begun(&[draft]);
    scenario.executed("db");
    scenario.wait(5.0);
    scenario.exits("db", 143);
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn a_first_start_that_is_late_may_be_a_failure_for_good_and_a_later_one_is_not() {
    let db = longrun("db").notifies_ready(Some(seconds(5))).late_start(LateStart::Fail);
    let mut scenario = Scenario::begun(&[db, longrun("web").requires("db"), longrun("other")]);
    ["db", "other"].iter().for_each(|name| scenario.executed(name));
    scenario.wait(5.0);
    scenario.exits("db", 0);
    assert_eq!((scenario.state("db"), scenario.state("web"), scenario.state("other")), ("failed", "failed", "up"));
    scenario.request_start("web");
    scenario.ready("db");
    scenario.exits("db", 1);
    scenario.wait(6.0);
    assert_eq!(scenario.state("db"), "stopping");
    scenario.exits("db", 0);
    assert_eq!(scenario.state("db"), "backoff");
}

#[test]
fn a_first_start_that_is_late_may_end_the_container_with_code_1() {
    let db = longrun("db").notifies_ready(Some(seconds(5))).late_start(LateStart::StopContainer);
    let mut scenario = Scenario::begun(&[db, longrun("other")]);
    ["db", "other"].iter().for_each(|name| scenario.executed(name));
    scenario.wait(5.0);
    scenario.exits("db", 0);
    assert_eq!(scenario.state("other"), "stopping");
    let (id, reports) = (scenario.id("db"), scenario.reports());
    let names_it =
        |report: &Report| matches!(report, Report::Stopping { reason: StopReason::LateStart(named) } if *named == id);
    assert!(reports.iter().any(names_it), "{reports:?}");
    scenario.exits("other", 0);
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn a_late_start_on_request_or_after_a_reload_does_not_end_the_container() {
    let late = |name| longrun(name).notifies_ready(Some(seconds(5))).late_start(LateStart::StopContainer);
    let is_late = |scenario: &mut Scenario, name: &str| {
        scenario.executed(name);
        scenario.wait(5.0);
        scenario.exits(name, 0);
        assert_eq!((scenario.state(name), scenario.state("other")), ("failed", "up"));
    };
    let builders = || [late("db"), late("web").requires("db"), longrun("other")];
    let mut scenario = Scenario::begun(&builders());
    ["db", "other"].iter().for_each(|name| scenario.executed(name));
    scenario.ready("db");
    scenario.executed("web");
    scenario.ready("web");
    scenario.request_stop("db");
    scenario.exits("web", 0);
    scenario.exits("db", 0);
    scenario.request_start("web");
    is_late(&mut scenario, "db");
    assert_eq!(scenario.state("web"), "failed");
    // Its definition has changed, and what had failed because of it starts again.
    scenario.reload(&builders(), &["db"]);
    scenario.executed("db");
    scenario.ready("db");
    is_late(&mut scenario, "web");
    scenario.reload(&builders(), &["web"]);
    is_late(&mut scenario, "web");
    let [db, web, other] = builders();
    scenario.reload(&[db, web, other, late("new")], &[]);
    is_late(&mut scenario, "new");
}

#[test]
fn a_dependent_that_never_started_is_late_after_a_reload_and_does_not_end_the_container() {
    let late = |name| longrun(name).notifies_ready(Some(seconds(5))).late_start(LateStart::StopContainer);
    let builders = || [longrun("db").restart(RestartPolicy::Never), late("web").requires("db"), longrun("other")];
    let mut scenario = Scenario::begun(&builders());
    scenario.executed("other");
    scenario.cannot_execute("db", 2);
    assert_eq!((scenario.state("db"), scenario.state("web")), ("failed", "failed"));
    scenario.reload(&builders(), &["db"]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.wait(5.0);
    scenario.exits("web", 0);
    assert_eq!((scenario.state("web"), scenario.state("other")), ("failed", "up"));
}
