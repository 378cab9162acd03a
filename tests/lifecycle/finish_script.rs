//! Finish scripts.

use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Exit, FailureReason, Report, Role};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::longrun;

#[test]
fn the_finish_script_runs_after_each_end_and_gets_its_exit_status() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(None)]);
    scenario.executed("web");
    scenario.take_actions();
    let id = scenario.id("web");
    scenario.dies("web", Signal::KILL);
    let after = Some(Exit::Signal(Signal::KILL));
    assert!(scenario.take_actions().contains(&Action::Spawn { id, role: Role::Finish, after }));
    assert_eq!(scenario.state("web"), "finishing");
    scenario.exits("web", 0);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn a_finish_script_that_exits_with_125_fails_the_service_with_its_own_code() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(None).essential()]);
    let id = scenario.id("web");
    scenario.exits("web", 0);
    scenario.take_actions();
    scenario.exits("web", 125);
    assert!(scenario.reports().contains(&Report::Failed { id, why: FailureReason::FinishPermanentFailure }));
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_command_that_says_125_itself_is_merely_failed() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(None)]);
    scenario.exits("web", 125);
    scenario.exits("web", 0);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn a_finish_script_that_hangs_is_killed_after_its_timeout() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(Some(seconds(5)))]);
    scenario.exits("web", 1);
    scenario.take_actions();
    scenario.wait(4.9);
    assert!(scenario.signals().is_empty());
    scenario.wait(0.1);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    scenario.dies("web", Signal::KILL);
    assert_eq!(scenario.state("web"), "backoff");
    assert_eq!(scenario.status("web").last_exit, Some(Exit::Code(1)));
}

#[test]
fn no_finish_script_runs_after_a_start_that_failed() {
    let mut scenario = Scenario::new(&[longrun("web").finish(None)]);
    scenario.fail_next_spawn("web", 2);
    scenario.send(Event::Begin);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn a_finish_script_that_cannot_be_started_changes_nothing() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(None)]);
    scenario.fail_next_spawn("web", 13);
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn finish_scripts_run_during_a_stop_within_the_budget() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(None)]);
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    scenario.exits("web", 0);
    assert_eq!(scenario.state("web"), "finishing");
    scenario.take_actions();
    scenario.wait(8.0);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    scenario.dies("web", Signal::KILL);
    assert_eq!(scenario.exit(), Some(0));
}
