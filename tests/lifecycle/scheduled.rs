//! Oneshots that run when a time of day comes (`at`): the clock is somebody else's, the engine is told.

use stepdown::config::values::Signal;
use stepdown::supervise::Start;

use crate::support::engine::draft::{longrun, oneshot};
use crate::support::engine::scene::Scene;

#[test]
fn it_waits_for_its_time_and_keeps_the_container_and_nobody_else() {
    let mut scene = Scene::begun(&[oneshot("job").scheduled(), longrun("web").after("job")]);
    assert_eq!(scene.started(), ["web"]);
    assert_eq!((scene.state("job"), scene.deadline()), ("done", None));
    scene.exits("web", 0);
    scene.due("job");
    assert_eq!(scene.started(), ["job"]);
    scene.exits("job", 0);
    assert_eq!((scene.state("job"), scene.exit()), ("done", None));
    scene.due("job");
    assert_eq!(scene.started(), ["job"]);
}

#[test]
fn one_that_runs_or_waits_lets_its_time_pass() {
    let mut scene = Scene::begun(&[longrun("db").says_ready(None), oneshot("job").scheduled().requires("db")]);
    assert_eq!(scene.started(), ["db"]);
    scene.due("job");
    scene.due("job");
    assert_eq!(scene.state("job"), "waiting");
    scene.executed("db");
    scene.ready("db");
    assert_eq!(scene.started(), ["job"]);
    scene.due("job");
    scene.exits("job", 0);
    assert_eq!((scene.started().len(), scene.state("job")), (0, "done"));
}

#[test]
fn one_that_fails_runs_again_at_its_next_time_unless_it_is_essential() {
    let mut scene = Scene::begun(&[oneshot("job").scheduled(), oneshot("refused").scheduled(), longrun("web")]);
    scene.look();
    scene.due("job");
    scene.due("refused");
    scene.exits("job", 1);
    scene.cannot_execute("refused", 13);
    assert_eq!((scene.state("job"), scene.state("refused"), scene.deadline()), ("backoff", "backoff", None));
    scene.look();
    scene.due("job");
    scene.due("refused");
    assert_eq!(scene.started(), ["job", "refused"]);

    let mut scene = Scene::begun(&[oneshot("job").scheduled().essential()]);
    scene.due("job");
    scene.exits("job", 3);
    assert_eq!(scene.exit(), Some(3));
}

#[test]
fn a_time_means_nothing_to_what_is_not_wanted_or_not_scheduled_or_in_a_stop() {
    let down = oneshot("off").scheduled().start(Start::Down);
    let mut scene = Scene::begun(&[down, oneshot("once"), oneshot("job").scheduled(), longrun("web")]);
    scene.exits("once", 0);
    scene.look();
    scene.due("off");
    scene.due("once");
    scene.due("web");
    assert_eq!(scene.started(), [""; 0]);
    scene.ask_stop("job");
    scene.due("job");
    assert_eq!((scene.started().len(), scene.state("job")), (0, "down"));
    scene.stop_signal(Signal::TERM);
    scene.due("job");
    assert_eq!(scene.started(), [""; 0]);
}

#[test]
fn somebody_may_start_it_before_its_time() {
    let mut scene = Scene::begun(&[oneshot("job").scheduled(), longrun("web")]);
    scene.look();
    scene.ask_start("job");
    assert_eq!(scene.started(), ["job"]);
    scene.exits("job", 0);
    scene.look();
    scene.ask_restart("job");
    assert_eq!(scene.started(), ["job"]);
}

#[test]
fn what_a_reload_brings_waits_for_its_time_as_well() {
    let mut scene = Scene::begun(&[longrun("web")]);
    scene.look();
    scene.reload(&[longrun("web"), oneshot("job").scheduled()], &[]);
    assert_eq!((scene.started().len(), scene.state("job")), (0, "done"));
    scene.due("job");
    assert_eq!(scene.started(), ["job"]);
    scene.exits("job", 0);
    scene.reload(&[longrun("web"), oneshot("job").scheduled().success_codes(&[0, 1])], &["job"]);
    assert_eq!((scene.started().len(), scene.state("job")), (0, "done"));
}
