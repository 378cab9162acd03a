//! Notifications of services: watchdog, failure, extended timeouts.

use stepdown::config::values::Signal;
use stepdown::supervise::{Event, Report};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::longrun;

#[test]
fn a_service_without_watchdog_notifications_is_aborted_then_killed_and_failed() {
    let draft = longrun("web").watchdog(seconds(5)).stop(Signal::TERM, Some(seconds(3)), true).limit(1);
    let mut scenario = Scenario::begun(&[draft, longrun("other")]);
    let id = scenario.id("web");
    scenario.executed("other");
    scenario.executed("web");
    scenario.wait(4.0);
    scenario.keep_alive("web", None);
    scenario.wait(4.9);
    assert_eq!(scenario.state("web"), "up");
    scenario.take_actions();
    scenario.wait(0.1);
    let actions = scenario.take_actions();
    assert!(actions.contains(&stepdown::supervise::Action::Report(Report::Watchdog { id, after: Some(seconds(5)) })));
    assert_eq!(scenario.state("web"), "stopping");
    scenario.wait(3.0);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    scenario.dies("web", Signal::KILL);
    assert_eq!((scenario.state("web"), scenario.exit()), ("failed", None));
}

#[test]
fn a_service_that_hangs_is_sent_abrt_so_that_it_leaves_a_core() {
    let mut scenario = Scenario::begun(&[longrun("web").watchdog(seconds(5)).stop(Signal::QUIT, None, false)]);
    scenario.executed("web");
    scenario.take_actions();
    scenario.wait(5.0);
    assert_eq!(scenario.signals(), ["web: SIGABRT", "web: SIGCONT"]);
    scenario.dies("web", Signal::ABRT);
    assert_eq!((scenario.state("web"), scenario.started()), ("starting", vec!["web".to_owned()]));
}

#[test]
fn the_watchdog_begins_when_it_is_up_and_again_after_a_restart() {
    let mut scenario = Scenario::begun(&[longrun("web").notifies_ready(None).watchdog(seconds(5))]);
    scenario.executed("web");
    scenario.wait(60.0);
    scenario.ready("web");
    assert_eq!(scenario.deadline(), Some(65.0));
    scenario.exits("web", 1);
    scenario.wait(1.0);
    scenario.ready("web");
    assert_eq!(scenario.deadline(), Some(66.0));
}

#[test]
fn a_service_may_request_another_watchdog_interval_or_none() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    scenario.executed("web");
    scenario.keep_alive("web", None);
    assert_eq!(scenario.deadline(), None);
    scenario.keep_alive("web", Some(seconds(7)));
    assert_eq!(scenario.deadline(), Some(7.0));
    scenario.wait(2.0);
    scenario.keep_alive("web", None);
    assert_eq!(scenario.deadline(), Some(9.0));
    scenario.keep_alive("web", Some(seconds(0)));
    assert_eq!(scenario.deadline(), None);
}

#[test]
fn a_watchdog_trigger_is_treated_as_a_missed_notification() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    let id = scenario.id("web");
    scenario.send(Event::WatchdogTrigger { id });
    scenario.executed("web");
    scenario.take_actions();
    scenario.send(Event::WatchdogTrigger { id });
    assert!(
        scenario.take_actions().contains(&stepdown::supervise::Action::Report(Report::Watchdog { id, after: None }))
    );
    assert_eq!(scenario.state("web"), "stopping");
}

#[test]
fn silence_during_the_stop_is_expected() {
    let mut scenario = Scenario::begun(&[longrun("db").watchdog(seconds(2)), longrun("web").requires("db")]);
    scenario.executed("db");
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.wait(5.0);
    assert!(scenario.signals().is_empty());
}

#[test]
fn an_extended_timeout_lengthens_a_start_or_a_stop_and_never_shortens_it() {
    let draft = longrun("web").notifies_ready(Some(seconds(5))).stop(Signal::TERM, Some(seconds(3)), true);
    let mut scenario = Scenario::begun(&[draft]);
    scenario.extend("web", seconds(1));
    assert_eq!(scenario.deadline(), Some(5.0));
    scenario.wait(4.0);
    scenario.extend("web", seconds(6));
    assert_eq!(scenario.deadline(), Some(10.0));
    scenario.wait(6.0);
    assert_eq!((scenario.state("web"), scenario.deadline()), ("stopping", Some(13.0)));
    scenario.extend("web", seconds(20));
    assert_eq!(scenario.deadline(), Some(30.0));
}

#[test]
fn a_timeout_is_not_extended_in_the_containers_stop_or_after_kill() {
    let mut scenario = Scenario::begun(&[longrun("web").stop(Signal::TERM, Some(seconds(2)), true)]);
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    scenario.extend("web", seconds(100));
    assert_eq!(scenario.deadline(), Some(2.0));
    let mut scenario = Scenario::begun(&[longrun("web").notifies_ready(Some(seconds(5)))]);
    scenario.wait(13.0);
    scenario.extend("web", seconds(100));
    assert_eq!(scenario.deadline(), None);
}
