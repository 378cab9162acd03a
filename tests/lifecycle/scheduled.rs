//! Oneshots that run when a time of day comes (`at`): the engine gets an event, and knows no clock.

use stepdown::config::values::Signal;
use stepdown::supervise::Start;

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

#[test]
fn it_waits_for_its_time_and_keeps_the_container_but_no_dependent_waiting() {
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
fn one_that_runs_or_waits_lets_its_time_pass() {
    let mut scenario = Scenario::begun(&[longrun("db").says_ready(None), oneshot("job").scheduled().requires("db")]);
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
fn one_that_fails_runs_again_at_its_next_time_unless_it_is_essential() {
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
fn a_time_means_nothing_to_what_is_not_wanted_or_not_scheduled_or_in_a_stop() {
    let down = oneshot("off").scheduled().start(Start::Down);
    let mut scenario = Scenario::begun(&[down, oneshot("once"), oneshot("job").scheduled(), longrun("web")]);
    scenario.exits("once", 0);
    scenario.take_actions();
    scenario.due("off");
    scenario.due("once");
    scenario.due("web");
    assert_eq!(scenario.started(), [""; 0]);
    scenario.ask_stop("job");
    scenario.due("job");
    assert_eq!((scenario.started().len(), scenario.state("job")), (0, "down"));
    scenario.stop_signal(Signal::TERM);
    scenario.due("job");
    assert_eq!(scenario.started(), [""; 0]);
}

#[test]
fn somebody_may_start_it_before_its_time() {
    let mut scenario = Scenario::begun(&[oneshot("job").scheduled(), longrun("web")]);
    scenario.take_actions();
    scenario.ask_start("job");
    assert_eq!(scenario.started(), ["job"]);
    scenario.exits("job", 0);
    scenario.take_actions();
    scenario.ask_restart("job");
    assert_eq!(scenario.started(), ["job"]);
}

#[test]
fn what_a_reload_brings_waits_for_its_time_as_well() {
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
