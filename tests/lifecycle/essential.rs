//! Services whose end ends the container.

use stepdown::config::restart::RestartPolicy;
use stepdown::supervise::{Event, Start};

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot};

#[test]
fn the_final_end_of_an_essential_service_ends_the_container_with_its_code() {
    let mut scenario = Scenario::begun(&[longrun("web").restart(RestartPolicy::Never).essential(), longrun("other")]);
    scenario.executed("web");
    scenario.executed("other");
    scenario.exits("web", 9);
    scenario.exits("other", 0);
    assert_eq!(scenario.exit(), Some(9));
}

#[test]
fn a_crash_that_is_restarted_does_not() {
    let mut scenario = Scenario::begun(&[longrun("web").essential()]);
    scenario.exits("web", 9);
    assert_eq!((scenario.state("web"), scenario.exit()), ("backoff", None));
}

#[test]
fn at_its_limit_it_leaves_the_code_of_its_last_end_and_never_0() {
    for (last, code) in [(7, 7), (0, 1)] {
        let mut scenario = Scenario::begun(&[longrun("web").limit(2).essential()]);
        scenario.exits("web", 5);
        scenario.wait(1.0);
        scenario.exits("web", last);
        assert_eq!(scenario.exit(), Some(code));
    }
}

#[test]
fn a_longrun_that_ends_well_and_rests_leaves_its_own_code() {
    let draft = longrun("web").restart(RestartPolicy::OnFailure).success_codes(&[0, 3]).essential();
    for code in [0, 3] {
        let mut scenario = Scenario::begun(std::slice::from_ref(&draft));
        scenario.exits("web", code);
        assert_eq!(scenario.exit(), Some(code));
    }
}

#[test]
fn a_oneshot_that_is_done_ends_nothing() {
    let mut scenario = Scenario::begun(&[oneshot("init").essential(), longrun("web")]);
    scenario.exits("init", 0);
    assert_eq!(scenario.exit(), None);
}

#[test]
fn an_essential_service_has_the_code_of_its_failed_requirement() {
    let mut scenario =
        Scenario::begun(&[oneshot("a"), longrun("b").requires("a"), longrun("c").requires("b").essential()]);
    scenario.exits("a", 77);
    assert_eq!(scenario.exit(), Some(77));
}

#[test]
fn a_requirement_that_was_left_out_gives_111() {
    let scenario = Scenario::begun(&[oneshot("a").start(Start::Skipped), longrun("c").requires("a").essential()]);
    assert_eq!(scenario.exit(), Some(111));
}

#[test]
fn a_service_that_cannot_be_started_gives_127_or_126() {
    for (errno, code) in [(2, 127), (12, 126)] {
        let mut scenario = Scenario::new(&[longrun("web").limit(1).essential()]);
        scenario.fail_next_spawn("web", errno);
        scenario.send(Event::Begin);
        assert_eq!(scenario.exit(), Some(code));
    }
}

#[test]
fn the_code_of_an_essential_service_outranks_that_of_a_stopped_main_command() {
    let mut scenario = Scenario::begun(&[longrun("db").restart(RestartPolicy::Never).essential(), main_command()]);
    scenario.executed("db");
    scenario.executed("main");
    scenario.exits("db", 5);
    scenario.exits("main", 0);
    assert_eq!(scenario.exit(), Some(5));
}

#[test]
fn nothing_is_started_in_the_moment_in_which_it_fails() {
    let mut scenario = Scenario::begun(&[oneshot("init").essential(), longrun("after").after("init")]);
    scenario.take_actions();
    scenario.exits("init", 1);
    assert_eq!(scenario.started(), [""; 0]);
}
