//! The main command.

use std::time::Duration;

use stepdown::config::probe::UnhealthyAction;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Exit, Report, Start, StopReason};

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot};

#[test]
fn the_main_command_starts_when_everything_has_settled() {
    let mut scenario = Scenario::begun(&[
        longrun("web"),
        oneshot("job"),
        longrun("manual").start(Start::Down),
        oneshot("skipped").start(Start::Skipped),
        main_command(),
    ]);
    scenario.take_actions();
    scenario.executed("web");
    assert_eq!(scenario.started(), [""; 0]);
    scenario.exits("job", 1);
    assert_eq!(scenario.started(), ["main"]);
}

#[test]
fn the_end_of_the_main_command_ends_the_container_with_its_code() {
    let mut scenario = Scenario::begun(&[longrun("web"), main_command()]);
    scenario.executed("web");
    scenario.executed("main");
    scenario.take_actions();
    scenario.exits("main", 42);
    assert!(
        scenario
            .take_actions()
            .contains(&Action::Report(Report::Stopping { reason: StopReason::Main(Exit::Code(42)) }))
    );
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(42));
}

#[test]
fn killed_by_a_signal_it_ends_as_128_and_the_number() {
    let mut scenario = Scenario::begun(&[main_command()]);
    scenario.dies("main", Signal::KILL);
    assert_eq!(scenario.exit(), Some(137));
}

#[test]
fn a_missing_program_is_127_and_one_that_cannot_be_executed_126() {
    for (errno, code) in [(2, 127), (13, 126), (8, 126), (12, 126)] {
        let mut scenario = Scenario::begun(&[main_command()]);
        scenario.cannot_execute("main", errno);
        assert_eq!(scenario.exit(), Some(code));
        let mut scenario = Scenario::new(&[main_command()]);
        scenario.fail_next_spawn("main", errno);
        scenario.send(Event::Begin);
        assert_eq!(scenario.exit(), Some(code));
    }
}

#[test]
fn the_main_command_is_stopped_first_by_the_signal_that_pid_1_got() {
    let mut scenario = Scenario::begun(&[longrun("web"), main_command()]);
    scenario.executed("web");
    scenario.executed("main");
    scenario.take_actions();
    scenario.stop_signal(Signal::INT);
    assert_eq!(scenario.signals(), ["main: SIGINT", "main: SIGCONT"]);
    scenario.dies("main", Signal::INT);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(130));
}

#[test]
fn other_signals_are_forwarded_to_a_living_main_command_and_to_no_service() {
    let mut scenario = Scenario::begun(&[longrun("web"), main_command()]);
    scenario.take_actions();
    scenario.send(Event::Forward(Signal::HUP));
    assert!(scenario.take_actions().is_empty());
    scenario.executed("web");
    scenario.take_actions();
    scenario.send(Event::Forward(Signal::HUP));
    assert_eq!(scenario.signals(), ["main: SIGHUP"]);
    scenario.ends("main", Exit::Code(0), true);
    scenario.take_actions();
    scenario.send(Event::Forward(Signal::HUP));
    assert!(scenario.take_actions().is_empty());
}

#[test]
fn an_essential_failure_ends_the_container_before_the_main_command_starts() {
    let mut scenario = Scenario::begun(&[oneshot("init").essential(), main_command()]);
    scenario.take_actions();
    scenario.exits("init", 3);
    assert_eq!(scenario.started(), [""; 0]);
    assert_eq!(scenario.exit(), Some(3));
}

#[test]
fn a_crash_loop_does_not_start_it_between_two_runs() {
    let mut scenario = Scenario::begun(&[longrun("web").notifies_ready(None), main_command()]);
    scenario.take_actions();
    scenario.exits("web", 1);
    assert_eq!((scenario.state("web"), scenario.state("main")), ("backoff", "waiting"));
}

#[test]
fn a_success_code_of_the_main_command_ends_the_container_with_0_also_for_a_signal() {
    let described = || main_command().success_codes(&[0, 143]);
    let mut scenario = Scenario::begun(&[described()]);
    scenario.exits("main", 143);
    assert_eq!(scenario.exit(), Some(0));
    let mut scenario = Scenario::begun(&[described()]);
    scenario.executed("main");
    scenario.stop_signal(Signal::TERM);
    scenario.dies("main", Signal::TERM);
    assert_eq!(scenario.exit(), Some(0));
    let mut scenario = Scenario::begun(&[described()]);
    scenario.exits("main", 3);
    assert_eq!(scenario.exit(), Some(3));
}

#[test]
fn a_main_command_that_exits_with_0_outside_success_codes_ends_with_1() {
    let mut scenario = Scenario::begun(&[main_command().success_codes(&[143])]);
    scenario.exits("main", 0);
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn a_success_code_does_not_hide_a_failed_exec_or_an_unkillable_process() {
    let mut scenario = Scenario::begun(&[main_command().success_codes(&[0, 127, 137])]);
    scenario.cannot_execute("main", 2);
    assert_eq!(scenario.exit(), Some(127));
    let mut scenario = Scenario::begun(&[main_command().success_codes(&[0, 127, 137])]);
    scenario.executed("main");
    scenario.stop_signal(Signal::TERM);
    scenario.wait(20.0);
    assert_eq!(scenario.exit(), Some(137));
}

#[test]
fn a_stop_signal_of_its_own_replaces_the_one_that_came() {
    let described = main_command().stop(Signal::QUIT, Some(Duration::from_secs(2)), true).keeps_stop_signal();
    let mut scenario = Scenario::begun(&[described]);
    scenario.executed("main");
    scenario.take_actions();
    scenario.stop_signal(Signal::INT);
    assert_eq!(scenario.signals(), ["main group: SIGQUIT", "main group: SIGCONT"]);
    scenario.wait(2.0);
    assert_eq!(scenario.signals(), ["main group: SIGKILL"]);
}

#[test]
fn a_main_command_not_ready_in_time_is_stopped_and_the_container_ends_with_1() {
    for (exit, group_left) in [(Exit::Code(0), false), (Exit::Code(143), true), (Exit::Signal(Signal::TERM), false)] {
        let main = main_command().notifies_ready(Some(Duration::from_secs(5))).success_codes(&[0, 143]);
        let mut scenario = Scenario::begun(&[longrun("web"), main]);
        scenario.executed("web");
        scenario.executed("main");
        scenario.take_actions();
        scenario.wait(5.0);
        assert_eq!(scenario.signals(), ["main: SIGTERM", "main: SIGCONT"]);
        scenario.ends("main", exit, group_left);
        if group_left {
            scenario.group_gone("main");
        }
        scenario.exits("web", 0);
        assert_eq!(scenario.exit(), Some(1), "{exit:?}");
    }
}

#[test]
fn an_unhealthy_main_command_stops_the_container_in_order_with_1() {
    let mut scenario = Scenario::begun(&[longrun("web"), main_command().health(UnhealthyAction::StopContainer)]);
    scenario.executed("web");
    scenario.executed("main");
    scenario.take_actions();
    for _ in 0..3 {
        scenario.wait(10.0);
        scenario.probe_fails("main");
    }
    assert_eq!(scenario.signals(), ["main: SIGTERM", "main: SIGCONT"]);
    scenario.exits("main", 143);
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn a_main_command_that_hangs_is_aborted_and_the_container_ends_with_1() {
    let main = main_command().notifies_ready(None).watchdog(Duration::from_secs(2)).success_codes(&[0, 134]);
    let mut scenario = Scenario::begun(&[main]);
    scenario.executed("main");
    scenario.ready("main");
    scenario.take_actions();
    scenario.wait(2.0);
    assert_eq!(scenario.signals(), ["main: SIGABRT", "main: SIGCONT"]);
    scenario.dies("main", Signal::ABRT);
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn a_waiting_main_command_is_reported_after_longer_and_longer_pauses() {
    let mut scenario = Scenario::begun(&[longrun("db").notifies_ready(None), longrun("web"), main_command()]);
    scenario.executed("web");
    let db = scenario.id("db");
    let mut reported = Vec::new();
    for _ in 0..395 {
        scenario.wait(0.1);
        reported.extend(scenario.reports().into_iter().filter_map(|report| match report {
            Report::MainStillWaits { since, on, .. } => Some((since.as_secs(), on)),
            _ => None,
        }));
    }
    assert_eq!(reported, [5, 10, 20].map(|after| (after, vec![db])));
    scenario.ready("db");
    assert_eq!((scenario.state("main"), scenario.deadline()), ("starting", None));
}

#[test]
fn a_main_command_blocked_by_a_failing_service_ends_with_the_services_code() {
    let drafts = [longrun("slow").notifies_ready(None), longrun("db"), main_command()];
    let stopped = |end: &dyn Fn(&mut Scenario)| {
        let mut scenario = Scenario::begun(&drafts);
        scenario.executed("db");
        end(&mut scenario);
        scenario.stop_signal(Signal::TERM);
        for name in ["slow", "db"] {
            if scenario.status(name).pid.is_some() {
                scenario.dies(name, Signal::TERM);
            }
        }
        scenario.exit()
    };
    assert_eq!(stopped(&|scenario| scenario.exits("db", 7)), Some(7));
    // Also while it is started again, and where its code is a success code.
    let again = |scenario: &mut Scenario| {
        scenario.exits("db", 0);
        scenario.wait(1.0);
    };
    assert_eq!(stopped(&again), Some(1));
    // Once it has come up nothing fails any more; nor does a service that was not probed yet.
    let up = |scenario: &mut Scenario| {
        again(scenario);
        scenario.executed("db");
    };
    assert_eq!(stopped(&up), Some(0));
    assert_eq!(stopped(&|_| {}), Some(0));
}
