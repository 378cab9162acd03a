//! Stop commands of oneshots that are done (`stop_command`).

use stepdown::config::values::Signal;
use stepdown::supervise::{Exit, Report};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

/// A mount between a database and a web server, all up.
fn mounted() -> Scenario {
    let builders = [longrun("db"), oneshot("mount").requires("db").stop_command(), longrun("web").requires("mount")];
    let mut scenario = Scenario::begun(&builders);
    scenario.executed("db");
    scenario.exits("mount", 0);
    scenario.executed("web");
    scenario.take_actions();
    scenario
}

#[test]
fn a_stop_command_runs_after_dependents_are_down_and_before_requirements_stop() {
    let mut scenario = mounted();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.processes(), [""; 0]);
    scenario.exits("web", 0);
    assert_eq!((scenario.state("mount"), scenario.processes()), ("stopping", vec!["mount: StopCommand".to_owned()]));
    let id = scenario.id("mount");
    scenario.wait(1.0);
    scenario.exits("mount", 7);
    let undone = Report::StopCommandEnded { id, exit: Exit::Code(7), took: seconds(1) };
    let actions = scenario.take_actions();
    assert!(actions.contains(&stepdown::supervise::Action::Report(undone)));
    assert_eq!((scenario.state("db"), scenario.exit()), ("stopping", None));
    scenario.exits("db", 0);
    assert_eq!((scenario.exit(), scenario.processes()), (Some(0), vec![]));
}

#[test]
fn the_layer_of_a_stop_command_is_counted_and_a_hanging_one_is_killed() {
    let mut scenario = mounted();
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.wait(7.4);
    assert!(scenario.signals().is_empty());
    scenario.wait(0.1);
    assert_eq!(scenario.signals(), ["mount group: SIGKILL"]);
    scenario.dies("mount", Signal::KILL);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
}

#[test]
fn leftovers_of_a_stop_command_are_ended_before_the_stop_continues() {
    let mut scenario = mounted();
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.ends("mount", Exit::Code(0), true);
    assert_eq!(scenario.signals(), ["mount group: SIGTERM", "mount group: SIGCONT"]);
    scenario.group_gone("mount");
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
}

#[test]
fn a_stop_command_that_cannot_run_blocks_nothing() {
    let mut scenario = mounted();
    scenario.fail_next_spawn("mount", 2);
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    assert_eq!((scenario.state("mount"), scenario.state("db")), ("down", "stopping"));
}

#[test]
fn a_second_signal_skips_it() {
    let mut scenario = mounted();
    scenario.stop_signal(Signal::TERM);
    scenario.stop_signal(Signal::TERM);
    scenario.dies("web", Signal::KILL);
    scenario.dies("db", Signal::KILL);
    assert_eq!((scenario.exit(), scenario.processes()), (Some(0), vec![]));
}

#[test]
fn a_stop_command_runs_only_for_what_is_done() {
    let mut scenario =
        Scenario::begun(&[oneshot("mount").stop_command(), longrun("web"), oneshot("failed").stop_command()]);
    scenario.exits("failed", 1);
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    scenario.exits("mount", 0);
    scenario.exits("web", 0);
    assert_eq!((scenario.exit(), scenario.processes().len()), (Some(0), 3));
}

#[test]
fn a_periodic_one_runs_its_stop_command_between_its_runs() {
    let mut scenario = Scenario::begun(&[oneshot("mount").stop_command().every(seconds(100))]);
    scenario.exits("mount", 0);
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.processes(), ["mount: StopCommand"]);
    scenario.exits("mount", 0);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_manual_restart_runs_the_stop_command_first() {
    let mut scenario = mounted();
    scenario.request_restart("mount");
    assert_eq!(scenario.processes(), ["mount: StopCommand"]);
    scenario.exits("mount", 0);
    assert_eq!((scenario.processes(), scenario.state("web")), (vec!["mount: Run".to_owned()], "up"));
}
