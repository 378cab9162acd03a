//! Pauses, limits and policies.

use std::time::Duration;

use stepdown::config::restart::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Exit, FailureReason, Report, StatusReason};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

/// Crashes it as soon as it is up, and returns how long it pauses each time.
fn pauses(scenario: &mut Scenario, name: &str, times: usize) -> Vec<f64> {
    let mut pauses = Vec::new();
    for _ in 0..times {
        scenario.executed(name);
        scenario.exits(name, 1);
        pauses.push(scenario.deadline().expect("it pauses") - scenario.now());
        scenario.wait(*pauses.last().expect("one was pushed"));
    }
    pauses
}

#[test]
fn pauses_double_from_one_second_to_thirty() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    assert_eq!(pauses(&mut scenario, "web", 7), [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    assert_eq!(scenario.status("web").restarts, 7);
}

#[test]
fn the_first_crash_after_a_stable_run_restarts_at_once_and_resets_the_pauses() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    pauses(&mut scenario, "web", 3);
    scenario.executed("web");
    scenario.wait(60.0);
    scenario.take_actions();
    scenario.exits("web", 1);
    assert_eq!(scenario.started(), ["web"]);
    assert_eq!(pauses(&mut scenario, "web", 2), [1.0, 2.0]);
}

#[test]
fn a_run_a_moment_too_short_is_not_stable() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    for state in ["starting", "backoff"] {
        scenario.executed("web");
        scenario.wait(59.9);
        scenario.exits("web", 1);
        assert_eq!(scenario.state("web"), state);
    }
}

#[test]
fn one_failure_after_a_second_up_is_followed_by_a_start_at_once_and_the_next_by_a_pause() {
    for (up, next) in [(0.99, "backoff"), (1.0, "starting")] {
        let mut scenario = Scenario::begun(&[longrun("web")]);
        scenario.executed("web");
        scenario.wait(up);
        scenario.exits("web", 1);
        assert_eq!(scenario.state("web"), next, "up for {up} s");
    }
    let mut scenario = Scenario::begun(&[longrun("web")]);
    scenario.executed("web");
    scenario.wait(3.0);
    scenario.exits("web", 1);
    assert_eq!(scenario.status("web").restarts, 1);
    assert_eq!(pauses(&mut scenario, "web", 3), [1.0, 2.0, 4.0]);
}

#[test]
fn one_failure_of_what_said_that_it_is_ready_is_followed_by_a_start_at_once() {
    let mut scenario = Scenario::begun(&[longrun("web").notifies_ready(None)]);
    scenario.executed("web");
    scenario.ready("web");
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "starting");
    scenario.executed("web");
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn an_s6_service_starts_at_most_once_a_second() {
    let mut scenario = Scenario::begun(&[longrun("web").start_interval(1)]);
    for _ in 0..3 {
        scenario.executed("web");
        scenario.wait(0.25);
        scenario.exits("web", 1);
        assert_eq!(scenario.deadline().map(|at| at - scenario.now()), Some(0.75));
        scenario.wait(0.75);
    }
    for _ in 0..3 {
        scenario.executed("web");
        scenario.wait(1.5);
        scenario.exits("web", 1);
        assert_eq!(scenario.state("web"), "starting");
    }
}

#[test]
fn ten_failures_in_a_row_are_the_limit() {
    let mut scenario = Scenario::begun(&[longrun("web"), longrun("other")]);
    scenario.executed("other");
    pauses(&mut scenario, "web", 9);
    scenario.executed("web");
    scenario.exits("web", 1);
    assert_eq!((scenario.state("web"), scenario.status("web").wanted), ("failed", false));
    assert_eq!(scenario.status("web").why, Some(StatusReason::Failed(FailureReason::Limit(10))));
    assert_eq!((scenario.exit(), scenario.deadline()), (None, None));
}

#[test]
fn at_the_limit_the_last_exit_is_known_and_a_refused_start_has_none() {
    let last = |end: &dyn Fn(&mut Scenario)| {
        let mut scenario = Scenario::begun(&[longrun("web").limit(2), longrun("other")]);
        scenario.executed("other");
        scenario.executed("web");
        scenario.exits("web", 1);
        end(&mut scenario);
        assert_eq!(scenario.status("web").why, Some(StatusReason::Failed(FailureReason::Limit(2))));
        scenario.last_exit("web")
    };
    let killed = last(&|scenario| {
        scenario.wait(1.0);
        scenario.executed("web");
        scenario.dies("web", Signal::KILL);
    });
    assert_eq!(killed, Some(Exit::Signal(Signal::KILL)));
    let well = last(&|scenario| {
        scenario.wait(1.0);
        scenario.executed("web");
        scenario.exits("web", 0);
    });
    assert_eq!(well, Some(Exit::Code(0)));
    let refused = last(&|scenario| {
        scenario.fail_next_spawn("web", 13);
        scenario.wait(1.0);
    });
    assert_eq!(refused, None);

    let mut scenario = Scenario::begun(&[longrun("web"), longrun("other")]);
    scenario.executed("web");
    scenario.exits("web", 0);
    assert_eq!((scenario.state("web"), scenario.last_exit("web")), ("backoff", Some(Exit::Code(0))));
}

#[test]
fn a_service_that_ends_well_again_and_again_backs_off_too() {
    let mut scenario = Scenario::begun(&[longrun("web").limit(2)]);
    scenario.executed("web");
    scenario.exits("web", 0);
    assert_eq!(scenario.state("web"), "backoff");
    scenario.wait(1.0);
    scenario.exits("web", 0);
    assert_eq!(scenario.state("web"), "failed");
}

#[test]
fn on_failure_lets_a_success_code_rest() {
    let draft = longrun("web").restart(RestartPolicy::OnFailure).success_codes(&[0, 143]);
    let mut scenario = Scenario::begun(&[draft, longrun("other")]);
    scenario.executed("web");
    scenario.exits("web", 1);
    scenario.wait(1.0);
    scenario.exits("web", 143);
    assert_eq!((scenario.state("web"), scenario.status("web").wanted), ("down", false));
}

#[test]
fn a_signal_is_never_a_success() {
    let draft = longrun("web").restart(RestartPolicy::OnFailure).success_codes(&[0, 143]);
    let mut scenario = Scenario::begun(&[draft]);
    scenario.dies("web", Signal::TERM);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn a_oneshot_runs_again_on_failure_only_if_its_policy_says_so() {
    let mut scenario = Scenario::begun(&[oneshot("once"), oneshot("again").restart(RestartPolicy::OnFailure)]);
    scenario.exits("once", 1);
    scenario.exits("again", 1);
    assert_eq!((scenario.state("once"), scenario.state("again")), ("failed", "backoff"));
    scenario.wait(1.0);
    scenario.exits("again", 0);
    assert_eq!(scenario.state("again"), "done");
}

#[test]
fn a_oneshot_that_fails_slowly_still_reaches_its_limit() {
    let mut scenario = Scenario::begun(&[oneshot("job").restart(RestartPolicy::Always).limit(2), longrun("other")]);
    for _ in 0..2 {
        scenario.executed("job");
        scenario.wait(100.0);
        scenario.exits("job", 1);
        scenario.wait(1.0);
    }
    assert_eq!(scenario.state("job"), "failed");
}

#[test]
fn a_start_that_fails_backs_off_and_the_life_goes_on() {
    const EAGAIN: i32 = 11;
    let mut scenario = Scenario::new(&[longrun("web"), longrun("other")]);
    scenario.fail_next_spawn("web", EAGAIN);
    scenario.send(Event::Begin);
    assert_eq!((scenario.state("web"), scenario.state("other")), ("backoff", "starting"));
    scenario.wait(1.0);
    scenario.cannot_execute("web", EAGAIN);
    assert_eq!(scenario.state("web"), "backoff");
    scenario.wait(2.0);
    scenario.executed("web");
    assert_eq!(scenario.state("web"), "up");
}

#[test]
fn a_crash_touches_nothing_but_its_own_service() {
    let mut scenario = Scenario::begun(&[longrun("web"), longrun("other")]);
    scenario.executed("web");
    scenario.executed("other");
    scenario.take_actions();
    let id = scenario.id("web");
    scenario.exits("web", 1);
    let exit = Exit::Code(1);
    assert_eq!(
        scenario.take_actions(),
        [
            Action::Report(Report::Ended { id, exit, ran: Duration::ZERO }),
            Action::Report(Report::Backoff { id, pause: seconds(1), failures: 1 }),
        ]
    );
}
