//! Requests over the control socket: start, stop, restart.

use stepdown::config::values::Signal;
use stepdown::supervise::{Start, StatusReason};

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot};

/// A web server on a database, both up.
fn two() -> Scenario {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.take_actions();
    scenario
}

#[test]
fn a_stop_takes_dependents_down_first() {
    let mut scenario = two();
    scenario.request_stop("db");
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scenario.exits("db", 0);
    assert_eq!((scenario.state("db"), scenario.state("web"), scenario.status("db").wanted), ("down", "down", false));
    assert_eq!(scenario.status("db").why, Some(StatusReason::StoppedManually(None)));
    assert_eq!(scenario.status("web").why, Some(StatusReason::StoppedManually(Some(scenario.id("db")))));
}

#[test]
fn the_container_stays_up_when_all_services_were_stopped_by_request() {
    let mut scenario = two();
    scenario.request_stop("db");
    scenario.exits("web", 0);
    scenario.exits("db", 0);
    assert_eq!((scenario.exit(), scenario.deadline()), (None, None));
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_stop_goes_through_a_oneshot_that_is_done_and_runs_its_stop_command_in_order() {
    for has_command in [false, true] {
        let mount = oneshot("mount").requires("db");
        let mount = if has_command { mount.stop_command() } else { mount };
        let mut scenario = Scenario::begun(&[longrun("db"), mount, longrun("web").requires("mount")]);
        scenario.executed("db");
        scenario.exits("mount", 0);
        scenario.executed("web");
        scenario.take_actions();
        scenario.request_stop("db");
        assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
        scenario.exits("web", 0);
        if has_command {
            assert_eq!((scenario.state("db"), scenario.processes()), ("up", vec!["mount: StopCommand".to_owned()]));
            scenario.exits("mount", 0);
        }
        assert_eq!((scenario.state("mount"), scenario.state("db")), ("down", "stopping"));
    }
}

#[test]
fn a_stop_cancels_a_pause() {
    let mut scenario = Scenario::begun(&[longrun("web"), longrun("other")]);
    scenario.executed("other");
    scenario.exits("web", 1);
    scenario.request_stop("web");
    assert_eq!((scenario.state("web"), scenario.deadline()), ("down", None));
}

#[test]
fn a_requested_start_starts_the_requirements() {
    let mut scenario = two();
    scenario.request_stop("db");
    scenario.exits("web", 0);
    scenario.exits("db", 0);
    scenario.take_actions();
    scenario.request_start("web");
    assert_eq!(scenario.started(), ["db"]);
    scenario.executed("db");
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn a_requested_start_ends_a_pause_and_resets_a_failed_service() {
    let mut scenario = Scenario::begun(&[longrun("web").limit(2), longrun("other")]);
    scenario.executed("other");
    scenario.exits("web", 1);
    scenario.take_actions();
    scenario.request_start("web");
    assert_eq!(scenario.started(), ["web"]);
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "failed");
    scenario.request_start("web");
    assert_eq!(scenario.started(), ["web"]);
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn a_service_that_stays_down_starts_when_it_is_asked_for() {
    let mut scenario = Scenario::begun(&[longrun("manual").start(Start::Down), longrun("other")]);
    scenario.take_actions();
    scenario.request_start("manual");
    assert_eq!(scenario.started(), ["manual"]);
}

#[test]
fn a_restart_leaves_dependents_up_and_is_no_failure() {
    let mut scenario = two();
    for _ in 0..12 {
        scenario.request_restart("db");
        assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
        scenario.exits("db", 1);
        assert_eq!(scenario.started(), ["db"]);
        scenario.executed("db");
        scenario.take_actions();
    }
    assert_eq!(
        (scenario.state("web"), scenario.status("db").restarts),
        ("up", 0),
        "only restarts without a request count"
    );
    scenario.exits("db", 1);
    assert_eq!(scenario.deadline(), Some(1.0));
}

#[test]
fn a_restart_of_a_stopping_service_starts_its_requirements_again() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db"), longrun("top").requires("web")]);
    for name in ["db", "web", "top"] {
        scenario.executed(name);
    }
    scenario.request_stop("db");
    scenario.request_restart("web");
    scenario.exits("web", 0);
    assert_eq!((scenario.state("db"), scenario.state("web")), ("up", "starting"));
    scenario.exits("top", 0);
    assert_eq!((scenario.state("db"), scenario.state("top")), ("up", "down"));
}

#[test]
fn a_start_while_it_stops_starts_it_again() {
    let mut scenario = two();
    scenario.request_stop("web");
    scenario.take_actions();
    scenario.request_start("web");
    scenario.exits("web", 0);
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn the_main_command_is_neither_stopped_nor_restarted() {
    let mut scenario = Scenario::begun(&[main_command()]);
    scenario.executed("main");
    scenario.take_actions();
    scenario.request_stop("main");
    scenario.request_restart("main");
    assert!(scenario.signals().is_empty());
}

#[test]
fn requests_are_ignored_once_the_container_stops() {
    let mut scenario = two();
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.request_start("web");
    scenario.request_restart("db");
    assert!(scenario.take_actions().is_empty());
}

#[test]
fn a_run_that_is_the_last_one_goes_on_and_nothing_is_started_after_it() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db")]);
    ["db", "web"].iter().for_each(|name| scenario.executed(name));
    scenario.take_actions();
    scenario.request_once("db", false);
    scenario.wait(100.0);
    assert_eq!((scenario.signals(), scenario.state("db"), scenario.status("db").wanted), (vec![], "up", false));
    scenario.exits("db", 1);
    scenario.wait(100.0);
    assert_eq!((scenario.state("db"), scenario.state("web"), scenario.started()), ("down", "up", vec![]));
    scenario.request_start("db");
    assert_eq!((scenario.started(), scenario.status("db").wanted), (vec!["db".to_owned()], true));
    scenario.executed("db");
    scenario.request_once("db", false);
    scenario.request_start("db");
    scenario.exits("db", 1);
    assert_eq!(scenario.state("db"), "backoff", "a start is one for good");
}

#[test]
fn what_is_down_is_started_once_or_stays_down() {
    let mut scenario = Scenario::begun(&[longrun("db").start(Start::Down), longrun("web")]);
    scenario.request_once("db", false);
    assert_eq!(scenario.state("db"), "down");
    scenario.request_once("db", true);
    scenario.executed("db");
    assert_eq!(scenario.state("db"), "up");
    scenario.exits("db", 0);
    assert_eq!(scenario.state("db"), "down");
    scenario.executed("web");
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "backoff");
    scenario.request_once("web", false);
    assert_eq!(scenario.state("web"), "down", "its next start is cancelled");
    assert_eq!(scenario.exit(), None, "both may be started again");
}

#[test]
fn one_that_is_ending_is_not_started_once_more() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web")]);
    scenario.executed("db");
    scenario.request_restart("db");
    scenario.take_actions();
    scenario.request_once("db", true);
    scenario.exits("db", 0);
    assert_eq!((scenario.state("db"), scenario.started()), ("down", vec![]));
}

#[test]
fn what_waits_for_one_whose_last_run_has_ended_is_stopped_with_it_and_has_not_failed() {
    let web = longrun("web").requires("db").essential();
    let mut scenario = Scenario::begun(&[longrun("db"), web, longrun("above").requires("web"), longrun("other")]);
    ["db", "other", "web", "above"].iter().for_each(|name| scenario.executed(name));
    ["first", "second"].iter().for_each(|_| scenario.exits("web", 1));
    assert_eq!(scenario.state("web"), "backoff");
    scenario.request_once("db", false);
    scenario.exits("db", 0);
    let stopped_with_db = Some(StatusReason::StoppedManually(Some(scenario.id("db"))));
    assert_eq!((scenario.state("web"), scenario.status("web").why), ("down", stopped_with_db.clone()));
    assert_eq!((scenario.state("above"), scenario.state("other")), ("up", "up"), "what runs goes on");
    scenario.exits("above", 1);
    assert_eq!((scenario.state("above"), scenario.status("above").why), ("down", stopped_with_db));
    scenario.request_start("above");
    assert_eq!(scenario.exit(), None);
    scenario.executed("db");
    scenario.executed("web");
    scenario.executed("above");
    assert_eq!((scenario.state("web"), scenario.state("above")), ("up", "up"));
}
