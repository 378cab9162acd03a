//! Probes: of `wait_for` targets, of readiness, of health.

use std::time::Duration;

use stepdown::config::probe::UnhealthyAction;
use stepdown::config::values::Signal;
use stepdown::supervise::{Report, StopReason};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::longrun;

/// A service that is up, after so many results that its health has just changed.
fn probed(scenario: &mut Scenario, name: &str, results: &[bool]) {
    for passes in results {
        scenario.wait(10.0);
        if *passes { scenario.probe_passes(name) } else { scenario.probe_fails(name) }
    }
}

#[test]
fn wait_for_probes_run_one_after_the_other_before_the_start() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db").wait_for(2)]);
    assert_eq!(scenario.probes(), [""; 0]);
    scenario.executed("db");
    assert_eq!(scenario.probes(), ["web: wait_for 0"]);
    scenario.probe_passes("web");
    assert_eq!((scenario.state("web"), scenario.probes()), ("waiting", vec!["web: wait_for 1".to_owned()]));
    scenario.probe_passes("web");
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn a_failed_wait_for_probe_is_repeated_each_second_and_reported_ever_more_rarely() {
    let mut scenario = Scenario::begun(&[longrun("web").wait_for(1)]);
    scenario.take_actions();
    let mut reported = 0;
    for _ in 0..41 {
        scenario.probe_fails("web");
        reported += scenario.reports().iter().filter(|report| matches!(report, Report::WaitForFails { .. })).count();
        scenario.wait(0.9);
        assert_eq!(scenario.probes(), [""; 0]);
        scenario.wait(0.1);
        assert_eq!(scenario.probes(), ["web: wait_for 0"]);
    }
    // At once, and after 5, 10, 20 and 40 s.
    assert_eq!(reported, 5);
}

#[test]
fn a_requirement_that_fails_during_wait_for_probes_ends_them() {
    let mut scenario = Scenario::begun(&[longrun("db").limit(1), longrun("web").requires("db").wait_for(1)]);
    scenario.executed("db");
    scenario.take_actions();
    scenario.exits("db", 1);
    assert_eq!(scenario.probes(), ["web: cancel"]);
    assert_eq!(scenario.state("web"), "failed");
}

#[test]
fn a_requirement_that_is_down_when_all_wait_for_probes_pass_is_waited_for() {
    let mut scenario = Scenario::begun(&[longrun("db"), longrun("web").requires("db").wait_for(1)]);
    scenario.executed("db");
    scenario.exits("db", 1);
    scenario.take_actions();
    scenario.probe_passes("web");
    assert_eq!(scenario.started(), [""; 0]);
    scenario.wait(1.0);
    scenario.executed("db");
    assert_eq!(scenario.started(), ["db", "web"]);
}

#[test]
fn readiness_probes_have_pauses_that_double_up_to_the_interval() {
    let mut scenario = Scenario::begun(&[longrun("web").probed(Duration::from_millis(100), None)]);
    assert_eq!(scenario.probes(), [""; 0]);
    scenario.executed("web");
    let mut pauses = Vec::new();
    for _ in 0..5 {
        assert_eq!(scenario.probes(), ["web: Ready"]);
        let requested = scenario.now();
        scenario.probe_fails("web");
        let due = scenario.deadline().expect("a question is due");
        pauses.push(((due - requested) * 1000.0).round());
        scenario.wait(due - requested);
    }
    assert_eq!(pauses, [20.0, 40.0, 80.0, 100.0, 100.0]);
    scenario.probe_passes("web");
    assert_eq!((scenario.state("web"), scenario.deadline()), ("up", None));
}

#[test]
fn a_service_whose_readiness_probe_never_passes_is_stopped_and_not_probed_again() {
    let mut scenario = Scenario::begun(&[longrun("web").probed(seconds(1), Some(seconds(3)))]);
    scenario.executed("web");
    scenario.take_actions();
    scenario.wait(3.0);
    assert_eq!((scenario.state("web"), scenario.probes()), ("stopping", vec!["web: cancel".to_owned()]));
    scenario.probe_passes("web");
    assert_eq!(scenario.state("web"), "stopping");
}

#[test]
fn a_service_with_a_readiness_delay_is_up_after_it_unless_it_ends_before() {
    let mut scenario = Scenario::begun(&[longrun("web").ready_after(seconds(2))]);
    scenario.wait(0.5);
    scenario.executed("web");
    scenario.wait(1.0);
    scenario.exits("web", 1);
    scenario.wait(1.0);
    scenario.executed("web");
    scenario.wait(1.9);
    assert_eq!(scenario.state("web"), "starting");
    scenario.wait(0.1);
    assert_eq!(scenario.state("web"), "up");
}

#[test]
fn health_probes_have_their_interval_from_the_end_of_the_last_one() {
    let mut scenario = Scenario::begun(&[longrun("web").health(UnhealthyAction::Report)]);
    scenario.executed("web");
    scenario.take_actions();
    scenario.wait(10.0);
    assert_eq!(scenario.probes(), ["web: Health"]);
    assert_eq!((scenario.deadline(), scenario.status("web").healthy), (None, None));
    scenario.wait(4.0);
    scenario.probe_passes("web");
    assert_eq!((scenario.deadline(), scenario.status("web").healthy), (Some(24.0), Some(true)));
}

#[test]
fn consecutive_failures_are_reported_once_and_consecutive_successes_end_them() {
    let mut scenario = Scenario::begun(&[longrun("web").health(UnhealthyAction::Report)]);
    let id = scenario.id("web");
    scenario.executed("web");
    probed(&mut scenario, "web", &[false, false, true, false, false]);
    assert_eq!(scenario.status("web").healthy, Some(true));
    scenario.take_actions();
    probed(&mut scenario, "web", &[false]);
    assert!(scenario.reports().contains(&Report::Unhealthy { id, failures: 3, why: "refused".to_owned() }));
    probed(&mut scenario, "web", &[false, false, false, true, false, true]);
    assert_eq!((scenario.status("web").healthy, scenario.reports()), (Some(false), vec![]));
    probed(&mut scenario, "web", &[true]);
    assert_eq!((scenario.status("web").healthy, scenario.reports()), (Some(true), vec![Report::Healthy { id }]));
    probed(&mut scenario, "web", &[false, false, false]);
    assert_eq!((scenario.status("web").healthy, scenario.state("web")), (Some(false), "up"));
}

#[test]
fn an_unhealthy_service_is_restarted_and_that_counts_as_a_failure() {
    let mut scenario = Scenario::begun(&[longrun("web").health(UnhealthyAction::Restart).limit(2), longrun("other")]);
    scenario.executed("other");
    scenario.executed("web");
    scenario.take_actions();
    probed(&mut scenario, "web", &[false, false, false]);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!(scenario.state("web"), "starting");
    scenario.executed("web");
    probed(&mut scenario, "web", &[false, false, false]);
    scenario.exits("web", 0);
    assert_eq!((scenario.state("web"), scenario.exit()), ("failed", None));
}

#[test]
fn an_unhealthy_service_may_end_the_container_with_1() {
    let mut scenario = Scenario::begun(&[longrun("web").health(UnhealthyAction::StopContainer), longrun("other")]);
    let id = scenario.id("web");
    scenario.executed("other");
    scenario.executed("web");
    probed(&mut scenario, "web", &[false, false, false]);
    assert!(scenario.reports().contains(&Report::Stopping { reason: StopReason::Unhealthy(id) }));
    scenario.exits("web", 0);
    scenario.exits("other", 0);
    assert_eq!(scenario.exit(), Some(1));
}

#[test]
fn the_result_of_a_cancelled_probe_changes_nothing() {
    let mut scenario = Scenario::begun(&[longrun("web").health(UnhealthyAction::Restart)]);
    scenario.executed("web");
    probed(&mut scenario, "web", &[false, false]);
    scenario.wait(10.0);
    scenario.take_actions();
    scenario.exits("web", 1);
    assert_eq!(scenario.probes(), ["web: cancel"]);
    scenario.wait(1.0);
    scenario.executed("web");
    scenario.probe_fails("web");
    assert_eq!((scenario.state("web"), scenario.status("web").healthy), ("up", None));
}

#[test]
fn no_probe_starts_while_the_container_stops() {
    let a = longrun("a").health(UnhealthyAction::Report);
    let builders = [a, longrun("b").wait_for(1), longrun("c").probed(seconds(1), None), longrun("top").requires("a")];
    let mut scenario = Scenario::begun(&builders);
    scenario.executed("a");
    scenario.executed("top");
    scenario.executed("c");
    scenario.wait(10.0);
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    let mut forgotten = scenario.probes();
    forgotten.sort();
    assert_eq!(forgotten, ["a: cancel", "b: cancel", "c: cancel"]);
    scenario.wait(7.0);
    assert_eq!(scenario.probes(), [""; 0]);
}
