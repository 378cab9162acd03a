//! Oneshots that run again and again (`every`).

use stepdown::config::service::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Report, Start};

use super::seconds;
use crate::support::engine::draft::{longrun, oneshot};
use crate::support::engine::scene::Scene;

/// Whether a moment lies at a turn, or up to a twentieth of the period later.
fn is_turn(at: Option<f64>, turn: f64, period: f64) -> bool {
    at.is_some_and(|at| turn <= at && at <= turn + period / 20.0)
}

#[test]
fn a_periodic_oneshot_runs_again_a_period_after_its_start() {
    let mut scene = Scene::begun(&[oneshot("job").every(seconds(100))]);
    scene.executed("job");
    scene.wait(30.0);
    scene.exits("job", 0);
    assert_eq!((scene.state("job"), scene.exit()), ("done", None));
    assert!(is_turn(scene.deadline(), 100.0, 100.0), "{:?}", scene.deadline());
    scene.look();
    scene.wait(76.0);
    assert_eq!(scene.started(), ["job"]);
}

#[test]
fn turns_missed_by_a_long_run_are_not_caught_up() {
    let mut scene = Scene::begun(&[oneshot("job").every(seconds(100))]);
    scene.wait(350.0);
    scene.exits("job", 0);
    assert!(is_turn(scene.deadline(), 400.0, 100.0), "{:?}", scene.deadline());
    scene.wait(60.0);
    scene.exits("job", 0);
    assert!(scene.deadline().is_some_and(|at| at >= 500.0), "{:?}", scene.deadline());
}

#[test]
fn it_counts_as_done_between_its_turns() {
    let mut scene = Scene::begun(&[oneshot("job").every(seconds(100)), longrun("web").requires("job")]);
    assert_eq!(scene.state("web"), "waiting");
    scene.exits("job", 0);
    assert_eq!(scene.state("web"), "starting");
}

#[test]
fn one_that_fails_runs_again_in_its_turn_whatever_its_policy() {
    let mut scene = Scene::begun(&[oneshot("job").every(seconds(100)), oneshot("refused").every(seconds(100))]);
    scene.exits("job", 1);
    scene.cannot_execute("refused", 13);
    let turns = scene.reports().into_iter().filter(|report| matches!(report, Report::NextTurn { .. })).count();
    assert_eq!((turns, scene.state("job"), scene.exit()), (2, "backoff", None));
    assert!(is_turn(scene.deadline(), 100.0, 100.0), "{:?}", scene.deadline());
    scene.wait(106.0);
    assert_eq!(scene.state("job"), "starting");
    scene.exits("job", 0);
    assert_eq!(scene.state("job"), "done");
}

#[test]
fn an_essential_one_that_fails_ends_the_container() {
    let draft = oneshot("job").every(seconds(100)).essential();
    let mut scene = Scene::begun(&[draft, longrun("web")]);
    scene.exits("job", 0);
    scene.wait(106.0);
    scene.exits("job", 3);
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(3));
}

#[test]
fn an_essential_one_has_its_policys_tries_before() {
    let draft = oneshot("job").every(seconds(100)).essential().restart(RestartPolicy::OnFailure).limit(2);
    let mut scene = Scene::begun(&[draft]);
    scene.exits("job", 3);
    assert_eq!((scene.state("job"), scene.deadline()), ("backoff", Some(1.0)));
    scene.wait(1.0);
    scene.exits("job", 4);
    assert_eq!(scene.exit(), Some(4));
}

#[test]
fn a_container_with_a_periodic_oneshot_alone_lives_on_until_it_is_stopped() {
    let mut scene = Scene::begun(&[oneshot("job").every(seconds(100)), oneshot("once").start(Start::Wanted)]);
    scene.exits("once", 0);
    scene.exits("job", 0);
    assert_eq!(scene.exit(), None);
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.exit(), Some(0));
}
