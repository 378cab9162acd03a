//! When nothing is left, and when nothing is to do.

use stepdown::supervise::{Report, Start, StopReason};

use super::seconds;
use crate::support::engine::draft::{longrun, main_command, oneshot};
use crate::support::engine::scene::Scene;

#[test]
fn when_everything_is_done_and_there_is_no_main_command_the_container_ends_with_0() {
    let mut scene = Scene::begun(&[oneshot("a"), oneshot("b").requires("a")]);
    scene.exits("a", 0);
    scene.look();
    scene.exits("b", 0);
    assert!(scene.reports().contains(&Report::Stopping { because: StopReason::NothingLeft }));
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn when_nothing_is_left_the_last_failure_gives_the_code() {
    let mut scene = Scene::begun(&[oneshot("a"), oneshot("b"), oneshot("c")]);
    scene.exits("a", 4);
    scene.exits("b", 6);
    scene.exits("c", 0);
    assert_eq!(scene.exit(), Some(6));
}

#[test]
fn nothing_to_begin_with_ends_at_once() {
    assert_eq!(Scene::begun(&[]).exit(), Some(0));
    assert_eq!(Scene::begun(&[oneshot("a").start(Start::AlreadyDone)]).exit(), Some(0));
}

#[test]
fn a_pause_is_not_the_end() {
    let mut scene = Scene::begun(&[longrun("web")]);
    scene.exits("web", 1);
    assert_eq!(scene.exit(), None);
}

#[test]
fn an_idle_container_asks_for_no_wake_up() {
    let mut scene = Scene::begun(&[longrun("web"), longrun("db").says_ready(Some(seconds(5))), main_command()]);
    scene.executed("web");
    scene.ready("db");
    scene.executed("main");
    assert_eq!(scene.deadline(), None);
}
