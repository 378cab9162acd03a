//! Questions: what a service waits for outside the container, whether it is ready, whether it is well.

use std::time::Duration;

use stepdown::config::probe::Then;
use stepdown::config::values::Signal;
use stepdown::supervise::{Report, StopReason};

use super::seconds;
use crate::support::engine::draft::longrun;
use crate::support::engine::scene::Scene;

/// Up, well, and asked so often that it has just become what it was answered to be.
fn answered(scene: &mut Scene, name: &str, answers: &[bool]) {
    for well in answers {
        scene.wait(10.0);
        if *well { scene.well(name) } else { scene.badly(name) }
    }
}

#[test]
fn what_it_waits_for_is_asked_one_after_the_other_before_it_starts() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db").awaits(2)]);
    assert_eq!(scene.questions(), [""; 0]);
    scene.executed("db");
    assert_eq!(scene.questions(), ["web: await 0"]);
    scene.well("web");
    assert_eq!((scene.state("web"), scene.questions()), ("waiting", vec!["web: await 1".to_owned()]));
    scene.well("web");
    assert_eq!(scene.started(), ["web"]);
}

#[test]
fn what_is_not_there_is_asked_for_again_after_a_second_and_named_ever_more_rarely() {
    let mut scene = Scene::begun(&[longrun("web").awaits(1)]);
    scene.look();
    let mut said = 0;
    for _ in 0..41 {
        scene.badly("web");
        said += scene.reports().iter().filter(|report| matches!(report, Report::Awaiting { .. })).count();
        scene.wait(0.9);
        assert_eq!(scene.questions(), [""; 0]);
        scene.wait(0.1);
        assert_eq!(scene.questions(), ["web: await 0"]);
    }
    // At once, and after 5, 10, 20 and 40 s.
    assert_eq!(said, 5);
}

#[test]
fn what_fails_inside_while_it_waits_outside_ends_its_waiting() {
    let mut scene = Scene::begun(&[longrun("db").limit(1), longrun("web").requires("db").awaits(1)]);
    scene.executed("db");
    scene.look();
    scene.exits("db", 1);
    assert_eq!(scene.questions(), ["web: forget"]);
    assert_eq!(scene.state("web"), "failed");
}

#[test]
fn a_requirement_that_is_away_when_all_is_there_outside_is_waited_for() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db").awaits(1)]);
    scene.executed("db");
    scene.exits("db", 1);
    scene.look();
    scene.well("web");
    assert_eq!(scene.started(), [""; 0]);
    scene.wait(1.0);
    scene.executed("db");
    assert_eq!(scene.started(), ["db", "web"]);
}

#[test]
fn whether_it_is_ready_is_asked_at_pauses_that_double_up_to_the_interval() {
    let mut scene = Scene::begun(&[longrun("web").probed(Duration::from_millis(100), None)]);
    assert_eq!(scene.questions(), [""; 0]);
    scene.executed("web");
    let mut pauses = Vec::new();
    for _ in 0..5 {
        assert_eq!(scene.questions(), ["web: Ready"]);
        let asked = scene.now();
        scene.badly("web");
        let due = scene.deadline().expect("a question is due");
        pauses.push(((due - asked) * 1000.0).round());
        scene.wait(due - asked);
    }
    assert_eq!(pauses, [20.0, 40.0, 80.0, 100.0, 100.0]);
    scene.well("web");
    assert_eq!((scene.state("web"), scene.deadline()), ("up", None));
}

#[test]
fn one_that_is_never_answered_to_be_ready_is_stopped_in_time_and_not_asked_any_more() {
    let mut scene = Scene::begun(&[longrun("web").probed(seconds(1), Some(seconds(3)))]);
    scene.executed("web");
    scene.look();
    scene.wait(3.0);
    assert_eq!((scene.state("web"), scene.questions()), ("stopping", vec!["web: forget".to_owned()]));
    scene.well("web");
    assert_eq!(scene.state("web"), "stopping");
}

#[test]
fn one_whose_readiness_is_a_delay_is_up_after_it_and_not_if_it_dies_before() {
    let mut scene = Scene::begun(&[longrun("web").lived(seconds(2))]);
    scene.wait(0.5);
    scene.executed("web");
    scene.wait(1.0);
    scene.exits("web", 1);
    scene.wait(1.0);
    scene.executed("web");
    scene.wait(1.9);
    assert_eq!(scene.state("web"), "starting");
    scene.wait(0.1);
    assert_eq!(scene.state("web"), "up");
}

#[test]
fn health_is_asked_at_its_interval_from_the_end_of_the_last_look() {
    let mut scene = Scene::begun(&[longrun("web").health(Then::Report)]);
    scene.executed("web");
    scene.look();
    scene.wait(10.0);
    assert_eq!(scene.questions(), ["web: Health"]);
    assert_eq!((scene.deadline(), scene.status("web").healthy), (None, None));
    scene.wait(4.0);
    scene.well("web");
    assert_eq!((scene.deadline(), scene.status("web").healthy), (Some(24.0), Some(true)));
}

#[test]
fn so_many_failures_in_a_row_are_said_once_and_so_many_successes_end_them() {
    let mut scene = Scene::begun(&[longrun("web").health(Then::Report)]);
    let id = scene.id("web");
    scene.executed("web");
    answered(&mut scene, "web", &[false, false, true, false, false]);
    assert_eq!(scene.status("web").healthy, Some(true));
    scene.look();
    answered(&mut scene, "web", &[false]);
    assert!(scene.reports().contains(&Report::Unhealthy { id, failures: 3, why: "refused".to_owned() }));
    answered(&mut scene, "web", &[false, false, false, true, false, true]);
    assert_eq!((scene.status("web").healthy, scene.reports()), (Some(false), vec![]));
    answered(&mut scene, "web", &[true]);
    assert_eq!((scene.status("web").healthy, scene.reports()), (Some(true), vec![Report::Healthy { id }]));
    answered(&mut scene, "web", &[false, false, false]);
    assert_eq!((scene.status("web").healthy, scene.state("web")), (Some(false), "up"));
}

#[test]
fn an_unhealthy_service_is_restarted_and_that_counts_as_a_failure() {
    let mut scene = Scene::begun(&[longrun("web").health(Then::Restart).limit(2), longrun("other")]);
    scene.executed("other");
    scene.executed("web");
    scene.look();
    answered(&mut scene, "web", &[false, false, false]);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!(scene.state("web"), "backoff");
    scene.wait(1.0);
    scene.executed("web");
    answered(&mut scene, "web", &[false, false, false]);
    scene.exits("web", 0);
    assert_eq!((scene.state("web"), scene.exit()), ("failed", None));
}

#[test]
fn an_unhealthy_service_may_end_the_container_with_1() {
    let mut scene = Scene::begun(&[longrun("web").health(Then::StopContainer), longrun("other")]);
    let id = scene.id("web");
    scene.executed("other");
    scene.executed("web");
    answered(&mut scene, "web", &[false, false, false]);
    assert!(scene.reports().contains(&Report::Stopping { because: StopReason::Unhealthy(id) }));
    scene.exits("web", 0);
    scene.exits("other", 0);
    assert_eq!(scene.exit(), Some(1));
}

#[test]
fn the_answer_to_a_question_that_nobody_asks_any_more_means_nothing() {
    let mut scene = Scene::begun(&[longrun("web").health(Then::Restart)]);
    scene.executed("web");
    answered(&mut scene, "web", &[false, false]);
    scene.wait(10.0);
    scene.look();
    scene.exits("web", 1);
    assert_eq!(scene.questions(), ["web: forget"]);
    scene.wait(1.0);
    scene.executed("web");
    scene.badly("web");
    assert_eq!((scene.state("web"), scene.status("web").healthy), ("up", None));
}

#[test]
fn nobody_is_asked_while_the_container_stops() {
    let a = longrun("a").health(Then::Report);
    let drafts = [a, longrun("b").awaits(1), longrun("c").probed(seconds(1), None), longrun("top").requires("a")];
    let mut scene = Scene::begun(&drafts);
    scene.executed("a");
    scene.executed("top");
    scene.executed("c");
    scene.wait(10.0);
    scene.look();
    scene.stop_signal(Signal::TERM);
    let mut forgotten = scene.questions();
    forgotten.sort();
    assert_eq!(forgotten, ["a: forget", "b: forget", "c: forget"]);
    scene.wait(7.0);
    assert_eq!(scene.questions(), [""; 0]);
}
