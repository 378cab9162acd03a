//! What undoes a oneshot that is done (`stop_command`).

use stepdown::config::values::Signal;
use stepdown::supervise::{Exit, Report};

use super::seconds;
use crate::support::engine::draft::{longrun, oneshot};
use crate::support::engine::scene::Scene;

/// A mount between a database and a web server, all up.
fn mounted() -> Scene {
    let drafts = [longrun("db"), oneshot("mount").requires("db").undo(), longrun("web").requires("mount")];
    let mut scene = Scene::begun(&drafts);
    scene.executed("db");
    scene.exits("mount", 0);
    scene.executed("web");
    scene.look();
    scene
}

#[test]
fn it_is_undone_after_what_requires_it_and_before_what_it_requires() {
    let mut scene = mounted();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.processes(), [""; 0]);
    scene.exits("web", 0);
    assert_eq!((scene.state("mount"), scene.processes()), ("stopping", vec!["mount: StopCommand".to_owned()]));
    let id = scene.id("mount");
    scene.wait(1.0);
    scene.exits("mount", 7);
    let undone = Report::Undone { id, exit: Exit::Code(7), took: seconds(1) };
    let actions = scene.look();
    assert!(actions.contains(&stepdown::supervise::Action::Report(undone)));
    assert_eq!((scene.state("db"), scene.exit()), ("stopping", None));
    scene.exits("db", 0);
    assert_eq!((scene.exit(), scene.processes()), (Some(0), vec![]));
}

#[test]
fn its_layer_is_counted_and_one_that_hangs_is_killed_in_its_time() {
    let mut scene = mounted();
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.wait(7.4);
    assert!(scene.signals().is_empty());
    scene.wait(0.1);
    assert_eq!(scene.signals(), ["mount group: SIGKILL"]);
    scene.dies("mount", Signal::KILL);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
}

#[test]
fn what_it_leaves_behind_is_ended_before_the_stop_goes_on() {
    let mut scene = mounted();
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.ends("mount", Exit::Code(0), true);
    assert_eq!(scene.signals(), ["mount group: SIGTERM", "mount group: SIGCONT"]);
    scene.group_gone("mount");
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
}

#[test]
fn one_that_cannot_be_undone_holds_nobody() {
    let mut scene = mounted();
    scene.refuse("mount", 2);
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    assert_eq!((scene.state("mount"), scene.state("db")), ("down", "stopping"));
}

#[test]
fn a_second_signal_skips_it() {
    let mut scene = mounted();
    scene.stop_signal(Signal::TERM);
    scene.stop_signal(Signal::TERM);
    scene.dies("web", Signal::KILL);
    scene.dies("db", Signal::KILL);
    assert_eq!((scene.exit(), scene.processes()), (Some(0), vec![]));
}

#[test]
fn what_is_not_done_is_not_undone() {
    let mut scene = Scene::begun(&[oneshot("mount").undo(), longrun("web"), oneshot("failed").undo()]);
    scene.exits("failed", 1);
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    scene.exits("mount", 0);
    scene.exits("web", 0);
    assert_eq!((scene.exit(), scene.processes().len()), (Some(0), 3));
}

#[test]
fn a_periodic_one_is_undone_between_its_turns() {
    let mut scene = Scene::begun(&[oneshot("mount").undo().every(seconds(100))]);
    scene.exits("mount", 0);
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.processes(), ["mount: StopCommand"]);
    scene.exits("mount", 0);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn restarted_by_hand_it_is_undone_first() {
    let mut scene = mounted();
    scene.ask_restart("mount");
    assert_eq!(scene.processes(), ["mount: StopCommand"]);
    scene.exits("mount", 0);
    assert_eq!((scene.processes(), scene.state("web")), (vec!["mount: Run".to_owned()], "up"));
}
