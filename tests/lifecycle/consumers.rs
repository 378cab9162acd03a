//! Services whose standard input is the output of others (`pipe_to`).

use stepdown::config::values::Signal;
use stepdown::supervise::Action;

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::longrun;

/// A log reader and the service that writes to it, both up.
fn piped(termination: u64) -> Scenario {
    let log = longrun("log").consumer().stop(Signal::TERM, Some(seconds(termination)), true);
    let mut scenario = Scenario::begun(&[log, longrun("web").after("log")]);
    scenario.executed("log");
    scenario.executed("web");
    scenario.take_actions();
    scenario
}

#[test]
fn a_consumer_reads_the_end_of_its_input_and_is_signalled_only_if_it_stays() {
    let mut scenario = piped(5);
    let id = scenario.id("log");
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.exits("web", 0);
    let actions = scenario.take_actions();
    assert!(actions.contains(&Action::EndInput { id }));
    assert!(!actions.iter().any(|action| matches!(action, Action::Signal { .. })));
    scenario.wait(0.9);
    assert!(scenario.signals().is_empty());
    scenario.wait(0.1);
    assert_eq!(scenario.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
    scenario.wait(4.0);
    assert_eq!(scenario.signals(), ["log group: SIGKILL"]);
}

#[test]
fn a_consumer_has_at_most_half_of_its_stop_timeout_to_read() {
    let mut scenario = piped(1);
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.wait(0.5);
    assert_eq!(scenario.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
}

#[test]
fn a_consumer_that_ends_by_itself_is_not_signalled() {
    let mut scenario = piped(5);
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.wait(0.3);
    scenario.exits("log", 0);
    assert_eq!((scenario.exit(), scenario.signals()), (Some(0), vec![]));
}

#[test]
fn a_consumer_stopped_manually_is_signalled_at_once_because_its_writers_run_on() {
    let mut scenario = piped(5);
    scenario.request_stop("log");
    assert_eq!(scenario.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
}

#[test]
fn a_second_signal_kills_it_although_it_was_not_signalled() {
    let mut scenario = piped(5);
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["log group: SIGKILL"]);
    scenario.wait(0.2);
    assert!(scenario.signals().is_empty());
}

#[test]
fn leftovers_of_a_consumer_are_signalled() {
    let mut scenario = piped(5);
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.ends("log", stepdown::supervise::Exit::Code(0), true);
    assert_eq!(scenario.signals(), ["log group: SIGTERM", "log group: SIGCONT"]);
}
