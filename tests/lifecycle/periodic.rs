//! Oneshots that run again and again (`every`).

use stepdown::config::restart::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Report, Start};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

/// Whether a time is that of a run, or up to a twentieth of the period later.
fn is_turn(at: Option<f64>, turn: f64, period: f64) -> bool {
    at.is_some_and(|at| turn <= at && at <= turn + period / 20.0)
}

#[test]
fn a_periodic_oneshot_runs_again_a_period_after_its_start() {
    let mut scenario = Scenario::begun(&[oneshot("job").every(seconds(100))]);
    scenario.executed("job");
    scenario.wait(30.0);
    scenario.exits("job", 0);
    assert_eq!((scenario.state("job"), scenario.exit()), ("done", None));
    assert!(is_turn(scenario.deadline(), 100.0, 100.0), "{:?}", scenario.deadline());
    scenario.take_actions();
    scenario.wait(76.0);
    assert_eq!(scenario.started(), ["job"]);
}

#[test]
fn runs_missed_by_a_long_run_are_not_caught_up() {
    let mut scenario = Scenario::begun(&[oneshot("job").every(seconds(100))]);
    scenario.wait(350.0);
    scenario.exits("job", 0);
    assert!(is_turn(scenario.deadline(), 400.0, 100.0), "{:?}", scenario.deadline());
    scenario.wait(60.0);
    scenario.exits("job", 0);
    assert!(scenario.deadline().is_some_and(|at| at >= 500.0), "{:?}", scenario.deadline());
}

#[test]
fn a_periodic_oneshot_counts_as_done_between_its_runs() {
    let mut scenario = Scenario::begun(&[oneshot("job").every(seconds(100)), longrun("web").requires("job")]);
    assert_eq!(scenario.state("web"), "waiting");
    scenario.exits("job", 0);
    assert_eq!(scenario.state("web"), "starting");
}

#[test]
fn a_failed_periodic_oneshot_runs_again_when_due_whatever_its_policy() {
    let mut scenario = Scenario::begun(&[oneshot("job").every(seconds(100)), oneshot("refused").every(seconds(100))]);
    scenario.exits("job", 1);
    scenario.cannot_execute("refused", 13);
    let turns = scenario.reports().into_iter().filter(|report| matches!(report, Report::PeriodicFailed { .. })).count();
    assert_eq!((turns, scenario.state("job"), scenario.exit()), (2, "backoff", None));
    assert!(is_turn(scenario.deadline(), 100.0, 100.0), "{:?}", scenario.deadline());
    scenario.wait(106.0);
    assert_eq!(scenario.state("job"), "starting");
    scenario.exits("job", 0);
    assert_eq!(scenario.state("job"), "done");
}

#[test]
fn an_essential_one_that_fails_ends_the_container() {
    let draft = oneshot("job").every(seconds(100)).essential();
    let mut scenario = Scenario::begun(&[draft, longrun("web")]);
    scenario.exits("job", 0);
    scenario.wait(106.0);
    scenario.exits("job", 3);
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(3));
}

#[test]
fn an_essential_one_has_its_policys_tries_before() {
    let draft = oneshot("job").every(seconds(100)).essential().restart(RestartPolicy::OnFailure).limit(2);
    let mut scenario = Scenario::begun(&[draft]);
    scenario.exits("job", 3);
    assert_eq!((scenario.state("job"), scenario.deadline()), ("backoff", Some(1.0)));
    scenario.wait(1.0);
    scenario.exits("job", 4);
    assert_eq!(scenario.exit(), Some(4));
}

#[test]
fn a_container_with_a_periodic_oneshot_alone_lives_on_until_it_is_stopped() {
    let mut scenario = Scenario::begun(&[oneshot("job").every(seconds(100)), oneshot("once").start(Start::Wanted)]);
    scenario.exits("once", 0);
    scenario.exits("job", 0);
    assert_eq!(scenario.exit(), None);
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.exit(), Some(0));
}
