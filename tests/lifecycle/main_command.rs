//! The main command.

use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Because, Event, Exit, Report, Start};

use crate::support::draft::{longrun, main_command, oneshot};
use crate::support::scene::Scene;

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
    assert!(scene.look().contains(&Action::Report(Report::Stopping { because: Because::Main(Exit::Code(42)) })));
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
