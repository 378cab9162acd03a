//! What services say about themselves: that they are alive, that they are not well, that they need more time.

use stepdown::config::values::Signal;
use stepdown::supervise::{Event, Report};

use super::seconds;
use crate::support::engine::draft::longrun;
use crate::support::engine::scene::Scene;

#[test]
fn one_that_falls_silent_is_aborted_then_killed_and_that_is_a_failure() {
    let draft = longrun("web").watchdog(seconds(5)).stop(Signal::TERM, Some(seconds(3)), true).limit(1);
    let mut scene = Scene::begun(&[draft, longrun("other")]);
    let id = scene.id("web");
    scene.executed("other");
    scene.executed("web");
    scene.wait(4.0);
    scene.alive("web", None);
    scene.wait(4.9);
    assert_eq!(scene.state("web"), "up");
    scene.look();
    scene.wait(0.1);
    let actions = scene.look();
    assert!(actions.contains(&stepdown::supervise::Action::Report(Report::Silent { id, after: Some(seconds(5)) })));
    assert_eq!(scene.state("web"), "stopping");
    scene.wait(3.0);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.dies("web", Signal::KILL);
    assert_eq!((scene.state("web"), scene.exit()), ("failed", None));
}

#[test]
fn what_hangs_is_told_with_abrt_so_that_it_leaves_a_core() {
    let mut scene = Scene::begun(&[longrun("web").watchdog(seconds(5)).stop(Signal::QUIT, None, false)]);
    scene.executed("web");
    scene.look();
    scene.wait(5.0);
    assert_eq!(scene.signals(), ["web: SIGABRT", "web: SIGCONT"]);
    scene.dies("web", Signal::ABRT);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn the_watchdog_begins_when_it_is_up_and_again_after_a_restart() {
    let mut scene = Scene::begun(&[longrun("web").says_ready(None).watchdog(seconds(5))]);
    scene.executed("web");
    scene.wait(60.0);
    scene.ready("web");
    assert_eq!(scene.deadline(), Some(65.0));
    scene.exits("web", 1);
    scene.wait(1.0);
    scene.ready("web");
    assert_eq!(scene.deadline(), Some(66.0));
}

#[test]
fn it_may_ask_for_another_watchdog_or_for_none() {
    let mut scene = Scene::begun(&[longrun("web")]);
    scene.executed("web");
    scene.alive("web", None);
    assert_eq!(scene.deadline(), None);
    scene.alive("web", Some(seconds(7)));
    assert_eq!(scene.deadline(), Some(7.0));
    scene.wait(2.0);
    scene.alive("web", None);
    assert_eq!(scene.deadline(), Some(9.0));
    scene.alive("web", Some(seconds(0)));
    assert_eq!(scene.deadline(), None);
}

#[test]
fn one_that_says_that_it_is_not_well_is_treated_as_silent() {
    let mut scene = Scene::begun(&[longrun("web")]);
    let id = scene.id("web");
    scene.send(Event::Trouble { id });
    scene.executed("web");
    scene.look();
    scene.send(Event::Trouble { id });
    assert!(scene.look().contains(&stepdown::supervise::Action::Report(Report::Silent { id, after: None })));
    assert_eq!(scene.state("web"), "stopping");
}

#[test]
fn silence_during_the_stop_is_expected() {
    let mut scene = Scene::begun(&[longrun("db").watchdog(seconds(2)), longrun("web").requires("db")]);
    scene.executed("db");
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.wait(5.0);
    assert!(scene.signals().is_empty());
}

#[test]
fn more_time_lengthens_a_start_and_an_end_but_never_shortens_them() {
    let draft = longrun("web").says_ready(Some(seconds(5))).stop(Signal::TERM, Some(seconds(3)), true);
    let mut scene = Scene::begun(&[draft]);
    scene.extend("web", seconds(1));
    assert_eq!(scene.deadline(), Some(5.0));
    scene.wait(4.0);
    scene.extend("web", seconds(6));
    assert_eq!(scene.deadline(), Some(10.0));
    scene.wait(6.0);
    assert_eq!((scene.state("web"), scene.deadline()), ("stopping", Some(13.0)));
    scene.extend("web", seconds(20));
    assert_eq!(scene.deadline(), Some(30.0));
}

#[test]
fn more_time_is_not_given_in_the_stop_of_the_container_nor_after_kill() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::TERM, Some(seconds(2)), true)]);
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    scene.extend("web", seconds(100));
    assert_eq!(scene.deadline(), Some(2.0));
    let mut scene = Scene::begun(&[longrun("web").says_ready(Some(seconds(5)))]);
    scene.wait(13.0);
    scene.extend("web", seconds(100));
    assert_eq!(scene.deadline(), None);
}
