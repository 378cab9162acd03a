//! Finish scripts.

use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Exit, FailureReason, Report, Role};

use super::seconds;
use crate::support::engine::draft::longrun;
use crate::support::engine::scene::Scene;

#[test]
fn the_finish_script_runs_after_each_end_and_is_told_how_it_was() {
    let mut scene = Scene::begun(&[longrun("web").finish(None)]);
    scene.executed("web");
    scene.look();
    let id = scene.id("web");
    scene.dies("web", Signal::KILL);
    let after = Some(Exit::Signal(Signal::KILL));
    assert!(scene.look().contains(&Action::Spawn { id, role: Role::Finish, after }));
    assert_eq!(scene.state("web"), "finishing");
    scene.exits("web", 0);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn a_finish_script_that_says_125_ends_it_for_good_with_its_own_code() {
    let mut scene = Scene::begun(&[longrun("web").finish(None).essential()]);
    let id = scene.id("web");
    scene.exits("web", 0);
    scene.look();
    scene.exits("web", 125);
    assert!(scene.reports().contains(&Report::Failed { id, why: FailureReason::FinishSaidStop }));
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_command_that_says_125_itself_is_merely_failed() {
    let mut scene = Scene::begun(&[longrun("web").finish(None)]);
    scene.exits("web", 125);
    scene.exits("web", 0);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn a_finish_script_that_hangs_is_killed_after_its_timeout() {
    let mut scene = Scene::begun(&[longrun("web").finish(Some(seconds(5)))]);
    scene.exits("web", 1);
    scene.look();
    scene.wait(4.9);
    assert!(scene.signals().is_empty());
    scene.wait(0.1);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.dies("web", Signal::KILL);
    assert_eq!(scene.state("web"), "backoff");
    assert_eq!(scene.status("web").last_exit, Some(Exit::Code(1)));
}

#[test]
fn no_finish_script_runs_after_a_start_that_failed() {
    let mut scene = Scene::new(&[longrun("web").finish(None)]);
    scene.refuse("web", 2);
    scene.send(Event::Begin);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn a_finish_script_that_cannot_be_started_changes_nothing() {
    let mut scene = Scene::begun(&[longrun("web").finish(None)]);
    scene.refuse("web", 13);
    scene.exits("web", 1);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn finish_scripts_run_during_a_stop_within_the_budget() {
    let mut scene = Scene::begun(&[longrun("web").finish(None)]);
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    assert_eq!(scene.state("web"), "finishing");
    scene.look();
    scene.wait(8.0);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.dies("web", Signal::KILL);
    assert_eq!(scene.exit(), Some(0));
}
