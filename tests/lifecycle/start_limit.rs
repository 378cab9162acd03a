//! The limit of the start as a whole, and services for which the main command does not wait.

use stepdown::config::restart::RestartPolicy;
use stepdown::supervise::{Action, Report, StartTimeoutAction};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{SpecBuilder, longrun, main_command, oneshot};

/// A database that never says that it is ready, and what requires it.
fn services() -> [SpecBuilder; 4] {
    [longrun("db").notifies_ready(None), oneshot("migrate").requires("db"), longrun("log"), main_command()]
}

#[test]
fn the_main_command_starts_without_what_is_missing_and_that_goes_on_starting() {
    let mut scenario = Scenario::limited(&services(), seconds(5), StartTimeoutAction::StartMain);
    ["db", "log"].iter().for_each(|name| scenario.executed(name));
    scenario.wait(4.0);
    assert_eq!(scenario.started(), ["db", "log"]);
    scenario.wait(1.0);
    let missing = vec![scenario.id("db"), scenario.id("migrate")];
    let actions = scenario.take_actions();
    assert!(actions.contains(&Action::Report(Report::StartTimedOut { after: seconds(5), on: missing })), "{actions:?}");
    assert_eq!(scenario.state("main"), "starting");
    scenario.ready("db");
    assert_eq!(scenario.started(), ["migrate"]);
}

#[test]
fn the_container_ends_with_the_code_of_s6_rc() {
    let mut scenario = Scenario::limited(&services(), seconds(5), StartTimeoutAction::StopContainer);
    ["db", "log"].iter().for_each(|name| scenario.executed(name));
    scenario.wait(5.0);
    assert_eq!((scenario.state("db"), scenario.state("log")), ("stopping", "stopping"));
    scenario.exits("db", 0);
    scenario.exits("log", 0);
    assert_eq!(scenario.exit(), Some(2));
}

#[test]
fn a_start_that_was_over_in_time_has_no_limit_any_more() {
    let web = longrun("web").notifies_ready(None).restart(RestartPolicy::Always);
    let mut scenario = Scenario::limited(&[web, oneshot("init")], seconds(5), StartTimeoutAction::StopContainer);
    scenario.executed("web");
    scenario.ready("web");
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "starting");
    scenario.exits("init", 1);
    scenario.wait(30.0);
    assert_eq!((scenario.state("web"), scenario.exit()), ("starting", None));
}

#[test]
fn what_is_not_awaited_holds_the_main_command_only_until_it_was_started() {
    let legacy = longrun("legacy").notifies_ready(None).requires("init").not_awaited();
    let second = longrun("second").notifies_ready(None).requires("legacy").not_awaited();
    let mut scenario = Scenario::begun(&[oneshot("init"), legacy, second, main_command()]);
    scenario.executed("init");
    assert_eq!(scenario.started(), ["init"]);
    scenario.exits("init", 0);
    assert_eq!(scenario.started(), ["legacy"]);
    scenario.executed("legacy");
    scenario.ready("legacy");
    assert_eq!(scenario.started(), ["second", "main"]);
    assert_eq!(scenario.state("second"), "starting");
}
