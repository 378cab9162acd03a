//! The stop of the container: order, budget, stop timeouts.

use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Report};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot};

#[test]
fn services_stop_in_reverse_order_one_layer_after_the_other() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db"), longrun("cron").after("web")]);
    for name in ["db", "web", "cron"] {
        scenario.executed(name);
    }
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["cron group: SIGTERM", "cron group: SIGCONT"]);
    scenario.exits("cron", 0);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    assert_eq!(scenario.exit(), None);
    scenario.exits("db", 0);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_oneshot_that_is_done_keeps_the_order_between_its_neighbours() {
    let mut scenario =
        Scenario::begun(&[longrun("db"), oneshot("migrate").requires("db"), longrun("web").requires("migrate")]);
    scenario.executed("db");
    scenario.exits("migrate", 0);
    scenario.executed("web");
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
}

#[test]
fn independent_services_stop_together() {
    let mut scenario = Scenario::begun(&[longrun("a"), longrun("b")]);
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals().len(), 4);
}

#[test]
fn pending_starts_are_cancelled_and_a_running_oneshot_is_stopped() {
    let mut scenario = Scenario::begun(&[oneshot("job"), longrun("web").requires("job"), longrun("crashed")]);
    scenario.exits("crashed", 1);
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["job group: SIGTERM", "job group: SIGCONT"]);
    assert_eq!((scenario.state("web"), scenario.state("crashed")), ("down", "down"));
    scenario.exits("job", 0);
    assert_eq!((scenario.exit(), scenario.started()), (Some(0), vec![]));
}

#[test]
fn a_stop_before_the_beginning_ends_at_once() {
    let mut scenario = Scenario::new(&[longrun("web"), main_command()]);
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.exit(), Some(0));
    let mut scenario = Scenario::new(&[longrun("web")]);
    scenario.shutdown(Some(4));
    assert_eq!(scenario.exit(), Some(4));
}

#[test]
fn a_shutdown_has_the_requested_code_or_that_of_the_main_command() {
    for (requested, code) in [(Some(7), 7), (Some(0), 0), (None, 143)] {
        let mut scenario = Scenario::begun(&[main_command()]);
        scenario.shutdown(requested);
        scenario.dies("main", Signal::TERM);
        assert_eq!(scenario.exit(), Some(code));
    }
}

#[test]
fn each_layer_has_all_that_remains_less_half_a_second_for_each_later_one() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.wait(7.4);
    assert!(scenario.signals().is_empty());
    scenario.wait(0.1);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    scenario.dies("web", Signal::KILL);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scenario.wait(0.5);
    assert_eq!(scenario.signals(), ["db group: SIGKILL"]);
    scenario.dies("db", Signal::KILL);
    assert_eq!((scenario.exit(), scenario.now()), (Some(0), 8.0));
}

#[test]
fn a_stop_timeout_shortens_the_time_of_a_stop_command_and_never_lengthens_it() {
    let builders = [
        longrun("short").stop(Signal::TERM, Some(seconds(2)), true),
        longrun("long").stop(Signal::TERM, Some(seconds(60)), true),
    ];
    let mut scenario = Scenario::begun(&builders);
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.wait(2.0);
    assert_eq!(scenario.signals(), ["short group: SIGKILL"]);
    scenario.dies("short", Signal::KILL);
    scenario.wait(6.0);
    assert_eq!(scenario.signals(), ["long group: SIGKILL"]);
}

#[test]
fn a_second_signal_ends_every_stop_timeout() {
    let mut scenario = Scenario::begun(&[longrun("db").finish(None), longrun("web").requires("db")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.stop_signal(Signal::INT);
    scenario.take_actions();
    scenario.stop_signal(Signal::INT);
    assert_eq!(scenario.signals(), ["db group: SIGKILL", "web group: SIGKILL"]);
    scenario.dies("db", Signal::KILL);
    scenario.dies("web", Signal::KILL);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_first_signal_after_another_reason_leaves_the_budget_as_it_is() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    scenario.shutdown(None);
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert!(scenario.signals().is_empty());
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
}

#[test]
fn a_process_that_cannot_be_killed_does_not_hold_the_container() {
    let mut scenario = Scenario::begun(&[longrun("stuck")]);
    scenario.executed("stuck");
    let id = scenario.id("stuck");
    let pid = scenario.status("stuck").pid.expect("it lives");
    scenario.stop_signal(Signal::TERM);
    scenario.wait(8.0);
    assert_eq!(scenario.exit(), None);
    scenario.take_actions();
    scenario.wait(0.25);
    assert_eq!(scenario.take_actions(), [Action::Report(Report::Unkillable { id, pid }), Action::Exit(0)]);
}

#[test]
fn requirements_of_an_unkillable_process_still_get_their_stop_signal() {
    let web = longrun("web").requires("db").stop(Signal::TERM, Some(seconds(1)), true);
    let mut scenario = Scenario::begun(&[longrun("db"), web]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    scenario.wait(1.0);
    scenario.take_actions();
    scenario.wait(0.25);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scenario.exits("db", 0);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_main_command_that_cannot_be_killed_counts_as_killed() {
    let mut scenario = Scenario::begun(&[main_command()]);
    scenario.stop_signal(Signal::TERM);
    scenario.stop_signal(Signal::TERM);
    scenario.wait(0.25);
    assert_eq!(scenario.exit(), Some(137));
}

#[test]
fn a_service_that_crashes_during_the_stop_is_not_started_again() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.exits("db", 1);
    assert_eq!((scenario.state("db"), scenario.started()), ("down", vec![]));
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_readiness_timeout_during_the_stop_breaks_no_order() {
    let mut scenario =
        Scenario::begun(&[longrun("db").notifies_ready(Some(seconds(2))), longrun("web").after("db").requires("db")]);
    scenario.ready("db");
    scenario.executed("web");
    scenario.exits("db", 1);
    scenario.wait(1.0);
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.wait(3.0);
    assert!(scenario.take_actions().is_empty());
    assert_eq!(scenario.state("db"), "starting");
}

#[test]
fn a_process_that_starts_after_the_budget_is_over_is_killed_at_once() {
    let mut scenario = Scenario::with_budget(&[oneshot("init").essential(), longrun("web")], seconds(0));
    scenario.fail_next_spawn("init", 2);
    scenario.send(Event::Begin);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    scenario.dies("web", Signal::KILL);
    assert_eq!(scenario.exit(), Some(127));
}

#[test]
fn a_main_command_that_dies_after_it_was_unkillable_still_gives_its_code() {
    let mut scenario = Scenario::begun(&[longrun("web"), main_command()]);
    scenario.executed("web");
    scenario.executed("main");
    scenario.stop_signal(Signal::TERM);
    scenario.wait(7.75);
    assert_eq!(scenario.state("web"), "stopping");
    scenario.exits("main", 3);
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(3));
}

#[test]
fn cont_comes_before_a_stop_signal_that_it_would_take_away() {
    for (number, name) in [(20, "SIGTSTP"), (21, "SIGTTIN"), (22, "SIGTTOU")] {
        let signal = Signal::from_number(number).unwrap();
        let mut scenario = Scenario::begun(&[longrun("web").stop(signal, None, false)]);
        scenario.executed("web");
        scenario.take_actions();
        scenario.stop_signal(Signal::TERM);
        assert_eq!(scenario.signals(), ["web: SIGCONT".to_owned(), format!("web: {name}")]);
    }
}

#[test]
fn a_power_failure_stops_the_main_command_with_its_own_signal() {
    for signal in [Signal::PWR, Signal::RTMIN_3] {
        let mut scenario = Scenario::begun(&[main_command()]);
        scenario.executed("main");
        scenario.take_actions();
        scenario.stop_signal(signal);
        assert_eq!(scenario.signals(), ["main: SIGTERM", "main: SIGCONT"]);
    }
}
