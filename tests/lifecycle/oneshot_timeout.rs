//! The timeout of a oneshot: after it, its run has failed.

use stepdown::config::restart::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, EndedByUs, Exit, Report};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

#[test]
fn a_oneshot_that_takes_too_long_is_stopped_and_has_failed() {
    let migrate = oneshot("migrate").timeout(seconds(30)).stop(Signal::TERM, Some(seconds(2)), true);
    let mut scenario = Scenario::begun(&[migrate, longrun("web").requires("migrate")]);
    let id = scenario.id("migrate");
    scenario.executed("migrate");
    scenario.wait(29.0);
    assert_eq!(scenario.state("migrate"), "starting");
    scenario.wait(1.0);
    assert!(scenario.take_actions().contains(&Action::Report(Report::TimedOut { id, after: seconds(30) })));
    scenario.wait(2.0);
    assert_eq!(scenario.signals(), ["migrate group: SIGKILL"]);
    scenario.dies("migrate", Signal::KILL);
    assert_eq!((scenario.state("migrate"), scenario.state("web")), ("failed", "failed"));
    assert_eq!(scenario.ended_by_us("migrate"), Some(EndedByUs::TimedOut(seconds(30))));
}

#[test]
fn success_after_the_timeout_is_a_failure() {
    let mut scenario = Scenario::begun(&[oneshot("migrate").timeout(seconds(30)).essential()]);
    scenario.executed("migrate");
    scenario.wait(30.0);
    scenario.ends("migrate", Exit::Code(0), true);
    assert_eq!(scenario.state("migrate"), "stopping");
    scenario.group_gone("migrate");
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn each_try_has_the_whole_timeout() {
    let migrate = oneshot("migrate").timeout(seconds(30)).restart(RestartPolicy::OnFailure);
    let mut scenario = Scenario::begun(&[migrate, longrun("web")]);
    for _ in 0..2 {
        scenario.executed("migrate");
        scenario.wait(30.0);
        scenario.dies("migrate", Signal::TERM);
        assert_eq!(scenario.state("migrate"), "backoff");
        scenario.wait(5.0);
    }
    scenario.executed("migrate");
    scenario.wait(20.0);
    scenario.exits("migrate", 0);
    assert_eq!(scenario.state("migrate"), "done");
}

#[test]
fn one_that_is_stopped_manually_has_its_stop_timeout_instead() {
    let migrate = oneshot("migrate").timeout(seconds(3)).stop(Signal::TERM, Some(seconds(20)), true);
    let mut scenario = Scenario::begun(&[migrate, longrun("web")]);
    scenario.executed("migrate");
    scenario.wait(2.0);
    scenario.request_stop("migrate");
    scenario.take_actions();
    scenario.wait(19.0);
    assert_eq!(scenario.signals(), [""; 0]);
    scenario.wait(1.0);
    assert_eq!(scenario.signals(), ["migrate group: SIGKILL"]);
}
