//! The stop of the container: order, budget, patience.

use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Report};

use super::seconds;
use crate::support::engine::draft::{longrun, main_command, oneshot};
use crate::support::engine::scene::Scene;

#[test]
fn services_stop_in_reverse_order_one_layer_after_the_other() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db"), longrun("cron").after("web")]);
    for name in ["db", "web", "cron"] {
        scene.executed(name);
    }
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["cron group: SIGTERM", "cron group: SIGCONT"]);
    scene.exits("cron", 0);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    assert_eq!(scene.exit(), None);
    scene.exits("db", 0);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_oneshot_that_is_done_keeps_the_order_between_its_neighbours() {
    let mut scene =
        Scene::begun(&[longrun("db"), oneshot("migrate").requires("db"), longrun("web").requires("migrate")]);
    scene.executed("db");
    scene.exits("migrate", 0);
    scene.executed("web");
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
}

#[test]
fn independent_services_stop_together() {
    let mut scene = Scene::begun(&[longrun("a"), longrun("b")]);
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals().len(), 4);
}

#[test]
fn pending_starts_are_cancelled_and_a_oneshot_that_runs_is_told_to_stop() {
    let mut scene = Scene::begun(&[oneshot("job"), longrun("web").requires("job"), longrun("crashed")]);
    scene.exits("crashed", 1);
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["job group: SIGTERM", "job group: SIGCONT"]);
    assert_eq!((scene.state("web"), scene.state("crashed")), ("down", "down"));
    scene.exits("job", 0);
    assert_eq!((scene.exit(), scene.started()), (Some(0), vec![]));
}

#[test]
fn a_stop_before_the_beginning_ends_at_once() {
    let mut scene = Scene::new(&[longrun("web"), main_command()]);
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.exit(), Some(0));
    let mut scene = Scene::new(&[longrun("web")]);
    scene.shutdown(Some(4));
    assert_eq!(scene.exit(), Some(4));
}

#[test]
fn a_shutdown_has_the_code_that_was_asked_for_else_the_main_commands() {
    for (asked, code) in [(Some(7), 7), (Some(0), 0), (None, 143)] {
        let mut scene = Scene::begun(&[main_command()]);
        scene.shutdown(asked);
        scene.dies("main", Signal::TERM);
        assert_eq!(scene.exit(), Some(code));
    }
}

#[test]
fn each_layer_has_all_that_remains_less_half_a_second_for_each_later_one() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db")]);
    scene.executed("db");
    scene.executed("web");
    scene.look();
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.wait(7.4);
    assert!(scene.signals().is_empty());
    scene.wait(0.1);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.dies("web", Signal::KILL);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scene.wait(0.5);
    assert_eq!(scene.signals(), ["db group: SIGKILL"]);
    scene.dies("db", Signal::KILL);
    assert_eq!((scene.exit(), scene.now()), (Some(0), 8.0));
}

#[test]
fn its_own_timeout_shortens_its_patience_and_never_lengthens_it() {
    let drafts = [
        longrun("short").stop(Signal::TERM, Some(seconds(2)), true),
        longrun("long").stop(Signal::TERM, Some(seconds(60)), true),
    ];
    let mut scene = Scene::begun(&drafts);
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.wait(2.0);
    assert_eq!(scene.signals(), ["short group: SIGKILL"]);
    scene.dies("short", Signal::KILL);
    scene.wait(6.0);
    assert_eq!(scene.signals(), ["long group: SIGKILL"]);
}

#[test]
fn a_second_signal_ends_all_patience() {
    let mut scene = Scene::begun(&[longrun("db").finish(None), longrun("web").requires("db")]);
    scene.executed("db");
    scene.executed("web");
    scene.stop_signal(Signal::INT);
    scene.look();
    scene.stop_signal(Signal::INT);
    assert_eq!(scene.signals(), ["db group: SIGKILL", "web group: SIGKILL"]);
    scene.dies("db", Signal::KILL);
    scene.dies("web", Signal::KILL);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_first_signal_after_another_reason_leaves_patience_as_it_is() {
    let mut scene = Scene::begun(&[longrun("web")]);
    scene.shutdown(None);
    scene.look();
    scene.stop_signal(Signal::TERM);
    assert!(scene.signals().is_empty());
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
}

#[test]
fn a_process_that_cannot_be_killed_does_not_hold_the_container() {
    let mut scene = Scene::begun(&[longrun("stuck")]);
    scene.executed("stuck");
    let id = scene.id("stuck");
    let pid = scene.status("stuck").pid.expect("it lives");
    scene.stop_signal(Signal::TERM);
    scene.wait(8.0);
    assert_eq!(scene.exit(), None);
    scene.look();
    scene.wait(0.25);
    assert_eq!(scene.look(), [Action::Report(Report::Unkillable { id, pid }), Action::Exit(0)]);
}

#[test]
fn what_lies_below_a_process_that_cannot_be_killed_is_still_told_politely() {
    let web = longrun("web").requires("db").stop(Signal::TERM, Some(seconds(1)), true);
    let mut scene = Scene::begun(&[longrun("db"), web]);
    scene.executed("db");
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    scene.wait(1.0);
    scene.look();
    scene.wait(0.25);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scene.exits("db", 0);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_main_command_that_cannot_be_killed_counts_as_killed() {
    let mut scene = Scene::begun(&[main_command()]);
    scene.stop_signal(Signal::TERM);
    scene.stop_signal(Signal::TERM);
    scene.wait(0.25);
    assert_eq!(scene.exit(), Some(137));
}

#[test]
fn a_service_that_crashes_during_the_stop_is_not_started_again() {
    let mut scene = Scene::begun(&[longrun("db"), longrun("web").requires("db")]);
    scene.executed("db");
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.exits("db", 1);
    assert_eq!((scene.state("db"), scene.started()), ("down", vec![]));
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_readiness_timeout_during_the_stop_breaks_no_order() {
    let mut scene =
        Scene::begun(&[longrun("db").says_ready(Some(seconds(2))), longrun("web").after("db").requires("db")]);
    scene.ready("db");
    scene.executed("web");
    scene.exits("db", 1);
    scene.wait(1.0);
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.wait(3.0);
    assert!(scene.look().is_empty());
    assert_eq!(scene.state("db"), "starting");
}

#[test]
fn what_comes_to_life_when_patience_is_over_is_killed_at_once() {
    let mut scene = Scene::with_budget(&[oneshot("init").essential(), longrun("web")], seconds(0));
    scene.refuse("init", 2);
    scene.send(Event::Begin);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.dies("web", Signal::KILL);
    assert_eq!(scene.exit(), Some(127));
}

#[test]
fn a_main_command_that_dies_after_it_was_given_up_still_gives_its_code() {
    let mut scene = Scene::begun(&[longrun("web"), main_command()]);
    scene.executed("web");
    scene.executed("main");
    scene.stop_signal(Signal::TERM);
    scene.wait(7.75);
    assert_eq!(scene.state("web"), "stopping");
    scene.exits("main", 3);
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(3));
}

#[test]
fn cont_comes_before_a_stop_signal_that_it_would_take_away() {
    for (number, name) in [(20, "SIGTSTP"), (21, "SIGTTIN"), (22, "SIGTTOU")] {
        let signal = Signal::from_number(number).unwrap();
        let mut scene = Scene::begun(&[longrun("web").stop(signal, None, false)]);
        scene.executed("web");
        scene.look();
        scene.stop_signal(Signal::TERM);
        assert_eq!(scene.signals(), ["web: SIGCONT".to_owned(), format!("web: {name}")]);
    }
}

#[test]
fn a_power_failure_stops_the_main_command_with_its_own_signal() {
    for signal in [Signal::PWR, Signal::RTMIN_3] {
        let mut scene = Scene::begun(&[main_command()]);
        scene.executed("main");
        scene.look();
        scene.stop_signal(signal);
        assert_eq!(scene.signals(), ["main: SIGTERM", "main: SIGCONT"]);
    }
}
