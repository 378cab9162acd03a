//! When services start: requirements, order, what is left out.

use stepdown::supervise::{FailureReason, Report, Start, StatusReason};

use crate::support::engine::draft::{longrun, oneshot};
use crate::support::engine::scene::Scene;

#[test]
fn services_without_dependencies_start_together() {
    let mut scene = Scene::begun(&[longrun("a"), longrun("b"), oneshot("c")]);
    assert_eq!(scene.started(), ["a", "b", "c"]);
}

#[test]
fn a_longrun_is_up_once_its_program_was_executed() {
    let mut scene = Scene::begun(&[longrun("web")]);
    assert_eq!(scene.state("web"), "starting");
    scene.executed("web");
    assert_eq!(scene.state("web"), "up");
    assert!(scene.status("web").pid.is_some());
}

#[test]
fn a_service_waits_for_what_it_requires_to_be_up_or_done() {
    let mut scene =
        Scene::begun(&[longrun("db"), oneshot("migrate").requires("db"), longrun("web").requires("migrate")]);
    assert_eq!(scene.started(), ["db"]);
    assert_eq!((scene.state("migrate"), scene.state("web")), ("waiting", "waiting"));
    scene.executed("db");
    assert_eq!(scene.started(), ["migrate"]);
    scene.executed("migrate");
    assert_eq!(scene.started(), [""; 0]);
    scene.exits("migrate", 0);
    assert_eq!(scene.started(), ["web"]);
    assert_eq!(scene.state("migrate"), "done");
}

#[test]
fn what_it_waits_for_is_named_once() {
    let mut scene = Scene::begun(&[longrun("a"), longrun("b").says_ready(None), longrun("c").requires("a").after("b")]);
    let (a, b, c) = (scene.id("a"), scene.id("b"), scene.id("c"));
    assert!(scene.reports().contains(&Report::Waiting { id: c, on: vec![a, b] }));
    scene.executed("a");
    assert!(!scene.reports().iter().any(|report| matches!(report, Report::Waiting { .. })));
}

#[test]
fn order_alone_waits_for_the_other_to_settle_and_not_to_succeed() {
    let mut scene = Scene::begun(&[oneshot("first"), longrun("second").after("first")]);
    assert_eq!(scene.started(), ["first"]);
    scene.exits("first", 1);
    assert_eq!(scene.started(), ["second"]);
}

#[test]
fn order_after_something_that_is_not_wanted_waits_for_nothing() {
    let mut scene = Scene::begun(&[longrun("manual").start(Start::Down), longrun("web").after("manual")]);
    assert_eq!(scene.started(), ["web"]);
    assert_eq!((scene.state("manual"), scene.status("manual").wanted), ("down", false));
}

#[test]
fn a_service_that_stays_down_is_started_if_something_wanted_requires_it() {
    let mut scene = Scene::begun(&[
        longrun("deep").start(Start::Down),
        longrun("manual").start(Start::Down).requires("deep"),
        longrun("web").requires("manual"),
    ]);
    assert_eq!(scene.started(), ["deep"]);
    assert!(scene.status("manual").wanted);
}

#[test]
fn what_prepare_has_done_counts_as_done() {
    let mut scene = Scene::begun(&[oneshot("init").start(Start::AlreadyDone), longrun("web").requires("init")]);
    assert_eq!(scene.started(), ["web"]);
    assert_eq!(scene.state("init"), "done");
}

fn why(name: &str, scene: &Scene) -> FailureReason {
    match scene.status(name).why {
        Some(StatusReason::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_requires_a_service_that_was_left_out_is_failed_and_says_so() {
    let mut scene = Scene::begun(&[
        oneshot("mount").start(Start::Skipped).essential(),
        longrun("web").requires("mount"),
        longrun("other"),
    ]);
    assert_eq!(scene.started(), ["other"]);
    assert_eq!(why("web", &scene), FailureReason::Requirement(scene.id("mount")));
    assert_eq!(why("mount", &scene), FailureReason::Skipped);
    assert_eq!(scene.exit(), None);
}

#[test]
fn what_failed_before_the_step_down_says_so_and_ends_nothing() {
    let scene = Scene::begun(&[
        oneshot("mount").start(Start::Failed).essential(),
        longrun("web").requires("mount"),
        longrun("other"),
    ]);
    assert_eq!(why("mount", &scene), FailureReason::FailedBefore);
    assert_eq!(why("web", &scene), FailureReason::Requirement(scene.id("mount")));
    assert_eq!(scene.exit(), None);
}

#[test]
fn a_failed_requirement_fails_what_waits_for_it_down_the_line() {
    let mut scene =
        Scene::begun(&[oneshot("a"), longrun("b").requires("a"), longrun("c").requires("b"), longrun("other")]);
    scene.exits("a", 1);
    let (a, b) = (scene.id("a"), scene.id("b"));
    let why = |why| move |report: &Report| matches!(report, Report::Failed { why: other, .. } if *other == why);
    let reports = scene.reports();
    assert!(reports.iter().any(why(FailureReason::Requirement(a))));
    assert!(reports.iter().any(why(FailureReason::Requirement(b))));
    assert_eq!((scene.state("b"), scene.state("c"), scene.state("other")), ("failed", "failed", "starting"));
}

#[test]
fn a_requirement_that_crashes_and_comes_back_leaves_running_dependents_alone() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db")]);
    scene.executed("db");
    scene.executed("web");
    scene.look();
    scene.exits("db", 1);
    scene.wait(1.0);
    scene.executed("db");
    assert_eq!((scene.state("db"), scene.state("web")), ("up", "up"));
    assert!(scene.signals().is_empty());
}

#[test]
fn a_requirement_that_fails_for_good_leaves_running_dependents_up_but_not_started_again() {
    let mut scene = Scene::begun(&[longrun("db").limit(1), longrun("web").requires("db"), longrun("other")]);
    scene.executed("db");
    scene.executed("web");
    scene.exits("db", 1);
    assert_eq!((scene.state("db"), scene.state("web")), ("failed", "up"));
    scene.exits("web", 1);
    assert_eq!(scene.state("web"), "failed");
}

#[test]
fn a_dependent_that_crashes_waits_for_its_requirement_to_be_up_again() {
    let mut scene = Scene::begun(&[longrun("db").says_ready(None), longrun("web").requires("db")]);
    scene.ready("db");
    scene.executed("web");
    scene.exits("db", 1);
    scene.exits("web", 1);
    scene.look();
    scene.wait(5.0);
    assert_eq!(scene.started(), ["db"]);
    assert_eq!(scene.state("web"), "waiting");
    scene.ready("db");
    assert_eq!(scene.started(), ["web"]);
}
