//! The main command.

use std::time::Duration;

use stepdown::config::probe::Then;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Exit, Report, Start, StopReason};

use crate::support::engine::draft::{longrun, main_command, oneshot};
use crate::support::engine::scene::Scene;

#[test]
fn the_main_command_starts_when_everything_has_settled() {
    let mut scene = Scene::begun(&[
        longrun("web"),
        oneshot("job"),
        longrun("manual").start(Start::Down),
        oneshot("gone").start(Start::Skipped),
        main_command(),
    ]);
    scene.look();
    scene.executed("web");
    assert_eq!(scene.started(), [""; 0]);
    scene.exits("job", 1);
    assert_eq!(scene.started(), ["main"]);
}

#[test]
fn its_end_ends_the_container_with_its_code() {
    let mut scene = Scene::begun(&[longrun("web"), main_command()]);
    scene.executed("web");
    scene.executed("main");
    scene.look();
    scene.exits("main", 42);
    assert!(scene.look().contains(&Action::Report(Report::Stopping { because: StopReason::Main(Exit::Code(42)) })));
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(42));
}

#[test]
fn killed_by_a_signal_it_ends_as_128_and_the_number() {
    let mut scene = Scene::begun(&[main_command()]);
    scene.dies("main", Signal::KILL);
    assert_eq!(scene.exit(), Some(137));
}

#[test]
fn a_missing_program_is_127_and_one_that_cannot_be_executed_126() {
    for (errno, code) in [(2, 127), (13, 126), (8, 126), (12, 126)] {
        let mut scene = Scene::begun(&[main_command()]);
        scene.cannot_execute("main", errno);
        assert_eq!(scene.exit(), Some(code));
        let mut scene = Scene::new(&[main_command()]);
        scene.refuse("main", errno);
        scene.send(Event::Begin);
        assert_eq!(scene.exit(), Some(code));
    }
}

#[test]
fn it_is_stopped_first_by_the_very_signal_that_came() {
    let mut scene = Scene::begun(&[longrun("web"), main_command()]);
    scene.executed("web");
    scene.executed("main");
    scene.look();
    scene.stop_signal(Signal::INT);
    assert_eq!(scene.signals(), ["main: SIGINT", "main: SIGCONT"]);
    scene.dies("main", Signal::INT);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(130));
}

#[test]
fn other_signals_are_passed_on_to_it_while_it_lives_and_to_nobody_else() {
    let mut scene = Scene::begun(&[longrun("web"), main_command()]);
    scene.look();
    scene.send(Event::Forward(Signal::HUP));
    assert!(scene.look().is_empty());
    scene.executed("web");
    scene.look();
    scene.send(Event::Forward(Signal::HUP));
    assert_eq!(scene.signals(), ["main: SIGHUP"]);
    scene.ends("main", Exit::Code(0), true);
    scene.look();
    scene.send(Event::Forward(Signal::HUP));
    assert!(scene.look().is_empty());
}

#[test]
fn an_essential_failure_before_it_started_ends_the_container_without_it() {
    let mut scene = Scene::begun(&[oneshot("init").essential(), main_command()]);
    scene.look();
    scene.exits("init", 3);
    assert_eq!(scene.started(), [""; 0]);
    assert_eq!(scene.exit(), Some(3));
}

#[test]
fn a_crash_loop_does_not_start_it_between_two_runs() {
    let mut scene = Scene::begun(&[longrun("web").says_ready(None), main_command()]);
    scene.look();
    scene.exits("web", 1);
    assert_eq!((scene.state("web"), scene.state("main")), ("backoff", "waiting"));
}

#[test]
fn a_success_code_of_it_ends_the_container_with_0_also_by_a_signal_of_that_number() {
    let described = || main_command().success_codes(&[0, 143]);
    let mut scene = Scene::begun(&[described()]);
    scene.exits("main", 143);
    assert_eq!(scene.exit(), Some(0));
    let mut scene = Scene::begun(&[described()]);
    scene.executed("main");
    scene.stop_signal(Signal::TERM);
    scene.dies("main", Signal::TERM);
    assert_eq!(scene.exit(), Some(0));
    let mut scene = Scene::begun(&[described()]);
    scene.exits("main", 3);
    assert_eq!(scene.exit(), Some(3));
}

#[test]
fn ending_with_0_where_that_is_no_success_it_ends_the_container_with_1() {
    let mut scene = Scene::begun(&[main_command().success_codes(&[143])]);
    scene.exits("main", 0);
    assert_eq!(scene.exit(), Some(1));
}

#[test]
fn a_success_code_does_not_hide_that_it_could_not_be_executed_or_killed() {
    let mut scene = Scene::begun(&[main_command().success_codes(&[0, 127, 137])]);
    scene.cannot_execute("main", 2);
    assert_eq!(scene.exit(), Some(127));
    let mut scene = Scene::begun(&[main_command().success_codes(&[0, 127, 137])]);
    scene.executed("main");
    scene.stop_signal(Signal::TERM);
    scene.wait(20.0);
    assert_eq!(scene.exit(), Some(137));
}

#[test]
fn a_stop_signal_of_its_own_replaces_the_one_that_came() {
    let described = main_command().stop(Signal::QUIT, Some(Duration::from_secs(2)), true).keeps_its_signal();
    let mut scene = Scene::begun(&[described]);
    scene.executed("main");
    scene.look();
    scene.stop_signal(Signal::INT);
    assert_eq!(scene.signals(), ["main group: SIGQUIT", "main group: SIGCONT"]);
    scene.wait(2.0);
    assert_eq!(scene.signals(), ["main group: SIGKILL"]);
}

#[test]
fn not_ready_in_time_it_is_stopped_and_the_container_ends_with_1_whatever_it_then_says() {
    for (exit, group_left) in [(Exit::Code(0), false), (Exit::Code(143), true), (Exit::Signal(Signal::TERM), false)] {
        let main = main_command().says_ready(Some(Duration::from_secs(5))).success_codes(&[0, 143]);
        let mut scene = Scene::begun(&[longrun("web"), main]);
        scene.executed("web");
        scene.executed("main");
        scene.look();
        scene.wait(5.0);
        assert_eq!(scene.signals(), ["main: SIGTERM", "main: SIGCONT"]);
        scene.ends("main", exit, group_left);
        if group_left {
            scene.group_gone("main");
        }
        scene.exits("web", 0);
        assert_eq!(scene.exit(), Some(1), "{exit:?}");
    }
}

#[test]
fn unhealthy_it_stops_the_container_in_order_with_1() {
    let mut scene = Scene::begun(&[longrun("web"), main_command().health(Then::StopContainer)]);
    scene.executed("web");
    scene.executed("main");
    scene.look();
    for _ in 0..3 {
        scene.wait(10.0);
        scene.badly("main");
    }
    assert_eq!(scene.signals(), ["main: SIGTERM", "main: SIGCONT"]);
    scene.exits("main", 143);
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(1));
}

#[test]
fn one_that_hangs_leaves_a_core_file_and_ends_the_container_with_1() {
    let main = main_command().says_ready(None).watchdog(Duration::from_secs(2)).success_codes(&[0, 134]);
    let mut scene = Scene::begun(&[main]);
    scene.executed("main");
    scene.ready("main");
    scene.look();
    scene.wait(2.0);
    assert_eq!(scene.signals(), ["main: SIGABRT", "main: SIGCONT"]);
    scene.dies("main", Signal::ABRT);
    assert_eq!(scene.exit(), Some(1));
}
