//! When no service is left, and when there is none.

use stepdown::supervise::{Report, Start, StopReason};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot};

#[test]
fn a_container_without_a_main_command_ends_with_0_when_all_is_done() {
    let mut scenario = Scenario::begun(&[oneshot("a"), oneshot("b").requires("a")]);
    scenario.exits("a", 0);
    scenario.take_actions();
    scenario.exits("b", 0);
    assert!(scenario.reports().contains(&Report::Stopping { reason: StopReason::NothingLeft }));
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn when_nothing_is_left_the_last_failure_gives_the_code() {
    let mut scenario = Scenario::begun(&[oneshot("a"), oneshot("b"), oneshot("c")]);
    scenario.exits("a", 4);
    scenario.exits("b", 6);
    scenario.exits("c", 0);
    assert_eq!(scenario.exit(), Some(6));
}

#[test]
fn a_container_without_services_ends_at_once() {
    assert_eq!(Scenario::begun(&[]).exit(), Some(0));
    assert_eq!(Scenario::begun(&[oneshot("a").start(Start::AlreadyDone)]).exit(), Some(0));
}

#[test]
fn a_pause_does_not_end_the_container() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    scenario.exits("web", 1);
    assert_eq!(scenario.exit(), None);
}

#[test]
fn an_idle_container_asks_for_no_wake_up() {
    let mut scenario =
        Scenario::begun(&[longrun("web"), longrun("db").notifies_ready(Some(seconds(5))), main_command()]);
    scenario.executed("web");
    scenario.ready("db");
    scenario.executed("main");
    assert_eq!(scenario.deadline(), None);
}
