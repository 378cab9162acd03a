//! When services start: requirements, order, skipped services.

use stepdown::supervise::{FailureReason, Report, Start, StatusReason};

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

#[test]
fn services_without_dependencies_start_together() {
    let mut scenario = Scenario::begun(&[longrun("a"), longrun("b"), oneshot("c")]);
    assert_eq!(scenario.started(), ["a", "b", "c"]);
}

#[test]
fn a_longrun_is_up_once_its_program_was_executed() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    assert_eq!(scenario.state("web"), "starting");
    scenario.executed("web");
    assert_eq!(scenario.state("web"), "up");
    assert!(scenario.status("web").pid.is_some());
}

#[test]
fn a_service_waits_for_what_it_requires_to_be_up_or_done() {
    let mut scenario =
        Scenario::begun(&[longrun("db"), oneshot("migrate").requires("db"), longrun("web").requires("migrate")]);
    assert_eq!(scenario.started(), ["db"]);
    assert_eq!((scenario.state("migrate"), scenario.state("web")), ("waiting", "waiting"));
    scenario.executed("db");
    assert_eq!(scenario.started(), ["migrate"]);
    scenario.executed("migrate");
    assert_eq!(scenario.started(), [""; 0]);
    scenario.exits("migrate", 0);
    assert_eq!(scenario.started(), ["web"]);
    assert_eq!(scenario.state("migrate"), "done");
}

#[test]
fn the_services_that_a_service_waits_for_are_reported_once() {
    let mut scenario =
        Scenario::begun(&[longrun("a"), longrun("b").notifies_ready(None), longrun("c").requires("a").after("b")]);
    let (a, b, c) = (scenario.id("a"), scenario.id("b"), scenario.id("c"));
    assert!(scenario.reports().contains(&Report::WaitsForServices { id: c, on: vec![a, b] }));
    scenario.executed("a");
    assert!(!scenario.reports().iter().any(|report| matches!(report, Report::WaitsForServices { .. })));
}

#[test]
fn an_after_waits_until_the_other_is_up_done_or_failed() {
    let mut scenario = Scenario::begun(&[oneshot("first"), longrun("second").after("first")]);
    assert_eq!(scenario.started(), ["first"]);
    scenario.exits("first", 1);
    assert_eq!(scenario.started(), ["second"]);
}

#[test]
fn order_after_something_that_is_not_wanted_waits_for_nothing() {
    let mut scenario = Scenario::begun(&[longrun("manual").start(Start::Down), longrun("web").after("manual")]);
    assert_eq!(scenario.started(), ["web"]);
    assert_eq!((scenario.state("manual"), scenario.status("manual").wanted), ("down", false));
}

#[test]
fn a_service_that_stays_down_is_started_if_something_wanted_requires_it() {
    let mut scenario = Scenario::begun(&[
        longrun("deep").start(Start::Down),
        longrun("manual").start(Start::Down).requires("deep"),
        longrun("web").requires("manual"),
    ]);
    assert_eq!(scenario.started(), ["deep"]);
    assert!(scenario.status("manual").wanted);
}

#[test]
fn a_oneshot_done_by_prepare_counts_as_done() {
    let mut scenario = Scenario::begun(&[oneshot("init").start(Start::AlreadyDone), longrun("web").requires("init")]);
    assert_eq!(scenario.started(), ["web"]);
    assert_eq!(scenario.state("init"), "done");
}

fn why(name: &str, scenario: &Scenario) -> FailureReason {
    match scenario.status(name).why {
        Some(StatusReason::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dependents_of_a_skipped_service_are_failed_and_reported() {
    let mut scenario = Scenario::begun(&[
        oneshot("mount").start(Start::Skipped).essential(),
        longrun("web").requires("mount"),
        longrun("other"),
    ]);
    assert_eq!(scenario.started(), ["other"]);
    assert_eq!(why("web", &scenario), FailureReason::Requirement(scenario.id("mount")));
    assert_eq!(why("mount", &scenario), FailureReason::Skipped);
    assert_eq!(scenario.exit(), None);
}

#[test]
fn a_failure_before_the_step_down_is_reported_and_ends_nothing() {
    let scenario = Scenario::begun(&[
        oneshot("mount").start(Start::Failed).essential(),
        longrun("web").requires("mount"),
        longrun("other"),
    ]);
    assert_eq!(why("mount", &scenario), FailureReason::FailedBefore);
    assert_eq!(why("web", &scenario), FailureReason::Requirement(scenario.id("mount")));
    assert_eq!(scenario.exit(), None);
}

#[test]
fn a_failed_requirement_fails_what_waits_for_it_down_the_line() {
    let mut scenario =
        Scenario::begun(&[oneshot("a"), longrun("b").requires("a"), longrun("c").requires("b"), longrun("other")]);
    scenario.exits("a", 1);
    let (a, b) = (scenario.id("a"), scenario.id("b"));
    let why = |why| move |report: &Report| matches!(report, Report::Failed { why: other, .. } if *other == why);
    let reports = scenario.reports();
    assert!(reports.iter().any(why(FailureReason::Requirement(a))));
    assert!(reports.iter().any(why(FailureReason::Requirement(b))));
    assert_eq!((scenario.state("b"), scenario.state("c"), scenario.state("other")), ("failed", "failed", "starting"));
}

#[test]
fn a_requirement_that_crashes_and_comes_back_leaves_running_dependents_alone() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.take_actions();
    scenario.exits("db", 1);
    scenario.wait(1.0);
    scenario.executed("db");
    assert_eq!((scenario.state("db"), scenario.state("web")), ("up", "up"));
    assert!(scenario.signals().is_empty());
}

#[test]
fn running_dependents_of_a_failed_requirement_stay_up_but_are_not_restarted() {
    let mut scenario = Scenario::begun(&[longrun("db").limit(1), longrun("web").requires("db"), longrun("other")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.exits("db", 1);
    assert_eq!((scenario.state("db"), scenario.state("web")), ("failed", "up"));
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "failed");
}

#[test]
fn a_dependent_that_crashes_waits_for_its_requirement_to_be_up_again() {
    let mut scenario = Scenario::begun(&[longrun("db").notifies_ready(None), longrun("web").requires("db")]);
    scenario.ready("db");
    scenario.executed("web");
    scenario.take_actions();
    scenario.exits("db", 1);
    scenario.exits("web", 1);
    assert_eq!(scenario.started(), ["db"]);
    scenario.wait(5.0);
    assert_eq!(scenario.state("web"), "waiting");
    scenario.ready("db");
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn a_oneshot_without_a_program_is_done_when_it_may_start_and_has_no_process() {
    let mut scenario = Scenario::begun(&[
        oneshot("first"),
        oneshot("group").without_program().requires("first"),
        oneshot("all").without_program().requires("group"),
        longrun("web").requires("all"),
    ]);
    assert_eq!(scenario.started(), ["first"]);
    assert_eq!(scenario.state("group"), "waiting");
    scenario.executed("first");
    scenario.exits("first", 0);
    assert_eq!(scenario.started(), ["web"]);
    assert_eq!((scenario.state("group"), scenario.state("all")), ("done", "done"));
    assert_eq!(scenario.status("group").pid, None);
}

#[test]
fn a_oneshot_without_a_program_fails_with_what_it_requires() {
    let mut scenario =
        Scenario::begun(&[oneshot("first"), oneshot("group").without_program().requires("first"), longrun("other")]);
    scenario.exits("first", 3);
    let (first, group) = (scenario.id("first"), scenario.id("group"));
    let why = FailureReason::Requirement(first);
    assert!(scenario.reports().contains(&Report::Failed { id: group, why }));
}
