//! Oneshots that run when a time of day comes (`at`): the engine gets an event, and knows no clock.

use stepdown::config::values::Signal;
use stepdown::supervise::Start;

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

#[test]
fn a_scheduled_oneshot_keeps_the_container_up_but_no_dependent_waiting() {
    let mut scenario = Scenario::begun(&[oneshot("job").scheduled(), longrun("web").after("job")]);
    assert_eq!(scenario.started(), ["web"]);
    assert_eq!((scenario.state("job"), scenario.deadline()), ("scheduled", None));
    scenario.exits("web", 0);
    scenario.due("job");
    assert_eq!(scenario.started(), ["job"]);
    scenario.exits("job", 0);
    assert_eq!((scenario.state("job"), scenario.exit()), ("done", None));
    scenario.due("job");
    assert_eq!(scenario.started(), ["job"]);
}

#[test]
fn a_scheduled_oneshot_that_runs_or_waits_lets_its_time_pass() {
    let mut scenario =
        Scenario::begun(&[longrun("db").notifies_ready(None), oneshot("job").scheduled().requires("db")]);
    assert_eq!(scenario.started(), ["db"]);
    scenario.due("job");
    scenario.due("job");
    assert_eq!(scenario.state("job"), "waiting");
    scenario.executed("db");
    scenario.ready("db");
    assert_eq!(scenario.started(), ["job"]);
    scenario.due("job");
    scenario.exits("job", 0);
    assert_eq!((scenario.started().len(), scenario.state("job")), (0, "done"));
}

#[test]
fn a_failed_scheduled_oneshot_runs_at_its_next_time_unless_essential() {
    let mut scenario = Scenario::begun(&[oneshot("job").scheduled(), oneshot("refused").scheduled(), longrun("web")]);
    scenario.take_actions();
    scenario.due("job");
    scenario.due("refused");
    scenario.exits("job", 1);
    scenario.cannot_execute("refused", 13);
    assert_eq!((scenario.state("job"), scenario.state("refused"), scenario.deadline()), ("backoff", "backoff", None));
    scenario.take_actions();
    scenario.due("job");
    scenario.due("refused");
    assert_eq!(scenario.started(), ["job", "refused"]);

    let mut scenario = Scenario::begun(&[oneshot("job").scheduled().essential()]);
    scenario.due("job");
    scenario.exits("job", 3);
    assert_eq!(scenario.exit(), Some(3));
}

#[test]
fn a_due_time_changes_nothing_for_services_unwanted_unscheduled_or_in_a_stop() {
    let down = oneshot("off").scheduled().start(Start::Down);
    let mut scenario = Scenario::begun(&[down, oneshot("once"), oneshot("job").scheduled(), longrun("web")]);
    scenario.exits("once", 0);
    scenario.take_actions();
    scenario.due("off");
    scenario.due("once");
    scenario.due("web");
    assert_eq!(scenario.started(), [""; 0]);
    scenario.request_stop("job");
    scenario.due("job");
    assert_eq!((scenario.started().len(), scenario.state("job")), (0, "down"));
    scenario.stop_signal(Signal::TERM);
    scenario.due("job");
    assert_eq!(scenario.started(), [""; 0]);
}

#[test]
fn a_scheduled_oneshot_may_be_started_before_its_time() {
    let mut scenario = Scenario::begun(&[oneshot("job").scheduled(), longrun("web")]);
    scenario.take_actions();
    scenario.request_start("job");
    assert_eq!(scenario.started(), ["job"]);
    scenario.exits("job", 0);
    scenario.take_actions();
    scenario.request_restart("job");
    assert_eq!(scenario.started(), ["job"]);
}

#[test]
fn a_scheduled_oneshot_added_by_a_reload_waits_for_its_time() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    scenario.take_actions();
    scenario.reload(&[longrun("web"), oneshot("job").scheduled()], &[]);
    assert_eq!((scenario.started().len(), scenario.state("job")), (0, "scheduled"));
    scenario.due("job");
    assert_eq!(scenario.started(), ["job"]);
    scenario.exits("job", 0);
    scenario.reload(&[longrun("web"), oneshot("job").scheduled().success_codes(&[0, 1])], &["job"]);
    assert_eq!((scenario.started().len(), scenario.state("job")), (0, "scheduled"));
}
