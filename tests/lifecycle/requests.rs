//! What somebody asks for by hand.

use stepdown::config::values::Signal;
use stepdown::supervise::{Start, StatusReason};

use crate::support::engine::draft::{longrun, main_command, oneshot};
use crate::support::engine::scene::Scene;

/// A web server on a database, both up.
fn two() -> Scene {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db")]);
    scene.executed("db");
    scene.executed("web");
    scene.look();
    scene
}

#[test]
fn a_stop_takes_dependents_down_first() {
    let mut scene = two();
    scene.ask_stop("db");
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scene.exits("db", 0);
    assert_eq!((scene.state("db"), scene.state("web"), scene.status("db").wanted), ("down", "down", false));
    assert_eq!(scene.status("db").why, Some(StatusReason::Held(None)));
    assert_eq!(scene.status("web").why, Some(StatusReason::Held(Some(scene.id("db")))));
}

#[test]
fn the_container_stays_although_somebody_has_stopped_all_of_it() {
    let mut scene = two();
    scene.ask_stop("db");
    scene.exits("web", 0);
    scene.exits("db", 0);
    assert_eq!((scene.exit(), scene.deadline()), (None, None));
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_stop_goes_through_a_oneshot_that_is_done_and_undoes_it_in_its_turn() {
    for undo in [false, true] {
        let mount = oneshot("mount").requires("db");
        let mount = if undo { mount.undo() } else { mount };
        let mut scene = Scene::begun(&[longrun("db"), mount, longrun("web").requires("mount")]);
        scene.executed("db");
        scene.exits("mount", 0);
        scene.executed("web");
        scene.look();
        scene.ask_stop("db");
        assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
        scene.exits("web", 0);
        if undo {
            assert_eq!((scene.state("db"), scene.processes()), ("up", vec!["mount: StopCommand".to_owned()]));
            scene.exits("mount", 0);
        }
        assert_eq!((scene.state("mount"), scene.state("db")), ("down", "stopping"));
    }
}

#[test]
fn a_stop_cancels_a_pause() {
    let mut scene = Scene::begun(&[longrun("web"), longrun("other")]);
    scene.executed("other");
    scene.exits("web", 1);
    scene.ask_stop("web");
    assert_eq!((scene.state("web"), scene.deadline()), ("down", None));
}

#[test]
fn a_start_brings_what_it_requires() {
    let mut scene = two();
    scene.ask_stop("db");
    scene.exits("web", 0);
    scene.exits("db", 0);
    scene.look();
    scene.ask_start("web");
    assert_eq!(scene.started(), ["db"]);
    scene.executed("db");
    assert_eq!(scene.started(), ["web"]);
}

#[test]
fn a_start_ends_a_pause_and_gives_what_is_failed_another_chance() {
    let mut scene = Scene::begun(&[longrun("web").limit(2), longrun("other")]);
    scene.executed("other");
    scene.exits("web", 1);
    scene.look();
    scene.ask_start("web");
    assert_eq!(scene.started(), ["web"]);
    scene.exits("web", 1);
    assert_eq!(scene.state("web"), "failed");
    scene.ask_start("web");
    assert_eq!(scene.started(), ["web"]);
    scene.exits("web", 1);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn a_service_that_stays_down_starts_when_it_is_asked_for() {
    let mut scene = Scene::begun(&[longrun("manual").start(Start::Down), longrun("other")]);
    scene.look();
    scene.ask_start("manual");
    assert_eq!(scene.started(), ["manual"]);
}

#[test]
fn a_restart_leaves_dependents_up_and_is_no_failure() {
    let mut scene = two();
    for _ in 0..12 {
        scene.ask_restart("db");
        assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
        scene.exits("db", 1);
        assert_eq!(scene.started(), ["db"]);
        scene.executed("db");
        scene.look();
    }
    assert_eq!((scene.state("web"), scene.status("db").restarts), ("up", 0), "only what nobody asked for counts");
    scene.exits("db", 1);
    assert_eq!(scene.deadline(), Some(1.0));
}

#[test]
fn a_restart_of_what_is_being_stopped_brings_its_requirements_back() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db"), longrun("top").requires("web")]);
    for name in ["db", "web", "top"] {
        scene.executed(name);
    }
    scene.ask_stop("db");
    scene.ask_restart("web");
    scene.exits("web", 0);
    assert_eq!((scene.state("db"), scene.state("web")), ("up", "starting"));
    scene.exits("top", 0);
    assert_eq!((scene.state("db"), scene.state("top")), ("up", "down"));
}

#[test]
fn a_start_while_it_stops_starts_it_again() {
    let mut scene = two();
    scene.ask_stop("web");
    scene.look();
    scene.ask_start("web");
    scene.exits("web", 0);
    assert_eq!(scene.started(), ["web"]);
}

#[test]
fn the_main_command_is_neither_stopped_nor_restarted() {
    let mut scene = Scene::begun(&[main_command()]);
    scene.executed("main");
    scene.look();
    scene.ask_stop("main");
    scene.ask_restart("main");
    assert!(scene.signals().is_empty());
}

#[test]
fn nothing_that_is_asked_is_heard_once_the_container_stops() {
    let mut scene = two();
    scene.stop_signal(Signal::TERM);
    scene.exits("web", 0);
    scene.look();
    scene.ask_start("web");
    scene.ask_restart("db");
    assert!(scene.look().is_empty());
}
