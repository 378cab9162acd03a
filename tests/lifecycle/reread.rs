//! The second reading of the definitions: what comes before it, and what waits for it.

use stepdown::supervise::{Action, Event, FailureReason, Report, Start, StartTimeoutAction, StatusReason, StopReason};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot};

fn is_requested(scenario: &mut Scenario) -> bool {
    scenario.take_actions().contains(&Action::Reread)
}

#[test]
fn what_comes_after_it_starts_as_it_was_written_and_what_is_beside_it_runs_on() {
    let first = oneshot("first").before_rereading();
    let second = oneshot("second").after("first").before_rereading();
    let old = longrun("old").after("second").after_rereading();
    let beside = longrun("beside");
    let mut main = main_command();
    main = main.after_rereading();
    let mut scenario = Scenario::begun(&[first.clone(), second.clone(), old.clone(), beside.clone(), main]);
    assert_eq!(scenario.started(), ["first", "beside"]);
    scenario.executed("beside");
    scenario.exits("first", 3);
    assert!(!is_requested(&mut scenario));
    scenario.exits("second", 0);
    assert!(is_requested(&mut scenario));
    assert_eq!((scenario.state("old"), scenario.state("main")), ("waiting", "waiting"));
    let new = longrun("new").after("second").after_rereading();
    scenario.reload(&[first, second, old.notifies_ready(None), beside, new], &["old"]);
    assert_eq!(scenario.started(), [""; 0]);
    scenario.send(Event::RereadEnded);
    assert_eq!(scenario.started(), ["old", "new"]);
    scenario.executed("new");
    scenario.ready("old");
    assert_eq!(scenario.started(), ["main"]);
    assert_eq!(scenario.state("beside"), "up");
}

#[test]
fn the_container_does_not_end_for_want_of_services_before_it() {
    let mut scenario = Scenario::begun(&[oneshot("script").before_rereading()]);
    scenario.exits("script", 0);
    assert_eq!(scenario.exit(), None);
    scenario.send(Event::RereadEnded);
    assert_eq!(scenario.exit(), Some(0));
    assert!(scenario.reports().contains(&Report::Stopping { reason: StopReason::NothingLeft }));
}

#[test]
fn what_it_turns_off_is_not_started_unless_something_requires_it() {
    let script = oneshot("script").before_rereading();
    let service = |name| longrun(name).after("script").after_rereading();
    let above = longrun("above").requires("needed").after_rereading();
    let services = [script.clone(), service("off"), service("needed"), above.clone()];
    let mut scenario = Scenario::begun(&services);
    scenario.exits("script", 0);
    scenario.take_actions();
    let off = |name| service(name).start(Start::Down);
    scenario.reload(&[script, off("off"), off("needed"), above], &["off", "needed"]);
    scenario.send(Event::RereadEnded);
    assert_eq!(scenario.started(), ["needed"]);
    assert_eq!(scenario.state("off"), "down");
}

#[test]
fn a_start_with_a_limit_includes_it_and_what_comes_after_it() {
    let script = oneshot("script").before_rereading();
    let mut scenario = Scenario::limited(std::slice::from_ref(&script), seconds(5), StartTimeoutAction::StopContainer);
    scenario.exits("script", 0);
    scenario.wait(1.0);
    scenario.reload(&[script, longrun("new").notifies_ready(None).after_rereading()], &[]);
    scenario.send(Event::RereadEnded);
    scenario.executed("new");
    scenario.wait(4.0);
    assert_eq!(scenario.state("new"), "stopping");
    scenario.exits("new", 0);
    assert_eq!(scenario.exit(), Some(2));
}

#[test]
fn the_main_command_is_reported_as_waiting_for_it_and_starts_when_the_limit_of_the_start_is_over() {
    let services = [oneshot("script").before_rereading(), main_command().after_rereading()];
    let mut scenario = Scenario::limited(&services, seconds(7), StartTimeoutAction::StartMain);
    scenario.exits("script", 0);
    scenario.wait(5.0);
    let id = scenario.id("main");
    assert!(scenario.reports().contains(&Report::MainStillWaits { id, since: seconds(5), on: Vec::new() }));
    scenario.wait(2.0);
    assert_eq!(scenario.started(), ["main"]);
}

fn why(name: &str, scenario: &Scenario) -> FailureReason {
    match scenario.status(name).why {
        Some(StatusReason::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_it_holds_back_fails_by_itself_and_with_what_requires_it_and_the_rest_starts() {
    let script = oneshot("script").before_rereading();
    let service = |name| longrun(name).after("script").after_rereading();
    let above = longrun("above").requires("web").after_rereading();
    let services = [script.clone(), service("web"), service("old"), above.clone()];
    let mut scenario = Scenario::begun(&services);
    scenario.exits("script", 0);
    scenario.take_actions();
    let held_back = service("web").start(Start::HeldBack);
    scenario.reload(&[script.clone(), held_back, service("old"), above.clone()], &["web"]);
    assert_eq!(why("web", &scenario), FailureReason::HeldBack);
    assert_eq!(why("above", &scenario), FailureReason::Requirement(scenario.id("web")));
    scenario.send(Event::RereadEnded);
    assert_eq!(scenario.started(), ["old"]);
    // Neither by hand nor for another one that is started by hand.
    scenario.request_start("web");
    scenario.request_start("above");
    assert_eq!(scenario.started(), [""; 0]);
    // Another definition may be used.
    scenario.reload(&services, &["web"]);
    assert_eq!(scenario.started(), ["web"]);
    scenario.executed("web");
    assert_eq!(scenario.started(), ["above"]);
}

#[test]
fn what_is_held_back_from_the_beginning_has_the_code_of_a_wrong_configuration() {
    let held_back = || longrun("web").start(Start::HeldBack);
    let mut scenario = Scenario::begun(&[held_back(), longrun("old")]);
    assert_eq!((why("web", &scenario), scenario.exit()), (FailureReason::HeldBack, None));
    assert_eq!(scenario.started(), ["old"]);
    assert_eq!(Scenario::begun(&[held_back()]).exit(), Some(100));
    let essential = Scenario::begun(&[held_back().essential(), longrun("old")]);
    assert_eq!(essential.exit(), Some(100));
}

#[test]
fn what_is_held_back_while_it_runs_is_not_started_again_by_a_request_before_its_end() {
    let mut scenario = Scenario::begun(&[longrun("web"), longrun("old")]);
    scenario.executed("web");
    scenario.executed("old");
    scenario.take_actions();
    scenario.reload(&[longrun("web").start(Start::HeldBack), longrun("old")], &["web"]);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.request_start("web");
    scenario.exits("web", 0);
    assert_eq!((why("web", &scenario), scenario.started()), (FailureReason::HeldBack, vec![]));
}

/// Its own stop signals are those of a reload, whatever fails by it: no end of input, for which what writes it would end first.
#[test]
fn what_a_reload_stops_is_stopped_before_what_it_holds_back_ends_the_container() {
    let reader = || longrun("reader").consumer();
    let down = |name| longrun(name).start(Start::Down);
    let mut scenario = Scenario::begun(&[down("late"), reader(), down("web")]);
    scenario.take_actions();
    let late = longrun("late").after("reader");
    let web = longrun("web").start(Start::HeldBack);
    let above = longrun("above").requires("web").essential();
    scenario.reload(&[late, reader().start(Start::HeldBack), web, above], &["late", "reader", "web"]);
    assert_eq!(scenario.signals(), ["reader group: SIGTERM", "reader group: SIGCONT"]);
    scenario.exits("reader", 0);
    assert_eq!(scenario.exit(), Some(100));
}
