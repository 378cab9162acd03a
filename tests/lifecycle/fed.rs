//! Services that read what others write (`pipe_to`).

use stepdown::config::values::Signal;
use stepdown::supervise::Action;

use super::seconds;
use crate::support::engine::draft::longrun;
use crate::support::engine::scene::Scene;

/// A log reader and what writes to it, both up.
fn piped(patience: u64) -> Scene {
    let log = longrun("log").fed().stop(Signal::TERM, Some(seconds(patience)), true);
    let mut scene = Scene::begun(&[log, longrun("web").after("log")]);
    scene.executed("log");
    scene.executed("web");
    scene.look();
    scene
}

#[test]
fn a_reader_reads_the_end_of_its_input_and_is_told_only_if_it_stays() {
    let mut scene = piped(5);
    let id = scene.id("log");
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.exits("web", 0);
    let actions = scene.look();
    assert!(actions.contains(&Action::EndInput { id }));
    assert!(!actions.iter().any(|action| matches!(action, Action::Signal { .. })));
    scene.wait(0.9);
    assert!(scene.signals().is_empty());
    scene.wait(0.1);
    assert_eq!(scene.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
    scene.wait(4.0);
    assert_eq!(scene.signals(), ["log group: SIGKILL"]);
}

#[test]
fn it_has_no_more_than_half_of_its_patience_for_that() {
    let mut scene = piped(1);
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.wait(0.5);
    assert_eq!(scene.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
}

#[test]
fn one_that_ends_by_itself_is_told_nothing() {
    let mut scene = piped(5);
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.wait(0.3);
    scene.exits("log", 0);
    assert_eq!((scene.exit(), scene.signals()), (Some(0), vec![]));
}

#[test]
fn stopped_by_hand_it_is_told_at_once_because_its_writers_live_on() {
    let mut scene = piped(5);
    scene.ask_stop("log");
    assert_eq!(scene.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
}

#[test]
fn a_second_signal_kills_it_although_it_was_not_told() {
    let mut scene = piped(5);
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["log group: SIGKILL"]);
    scene.wait(0.2);
    assert!(scene.signals().is_empty());
}

#[test]
fn what_it_leaves_although_only_its_input_ended_is_told() {
    let mut scene = piped(5);
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.ends("log", stepdown::supervise::Exit::Code(0), true);
    assert_eq!(scene.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
}
