//! Leftovers: processes that outlive the main process of their group.

use stepdown::config::restart::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Exit, Report};

use super::seconds;
use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{longrun, oneshot};

#[test]
fn leftovers_of_a_crash_are_signalled_then_killed_before_the_service_restarts() {
    let mut scenario = Scenario::begun(&[longrun("web").stop(Signal::QUIT, Some(seconds(3)), false)]);
    scenario.executed("web");
    scenario.take_actions();
    scenario.ends("web", Exit::Code(1), true);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.wait(3.0);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    assert_eq!(scenario.state("web"), "stopping");
    scenario.group_gone("web");
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn a_group_that_survives_kill_is_reported_and_blocks_nothing() {
    let mut scenario = Scenario::begun(&[longrun("web").stop(Signal::TERM, Some(seconds(3)), true)]);
    scenario.executed("web");
    let (id, pid) = (scenario.id("web"), scenario.status("web").pid.expect("it lives"));
    scenario.ends("web", Exit::Code(1), true);
    scenario.wait(3.0);
    assert_eq!(scenario.state("web"), "stopping");
    scenario.take_actions();
    scenario.wait(0.25);
    assert_eq!(
        scenario.take_actions()[..2],
        [Action::Report(Report::LeftoversAbandoned { id, pid }), Action::UntrackGroup { id, pid }]
    );
    assert_eq!(scenario.state("web"), "backoff");
}

#[test]
fn leftovers_of_an_essential_service_do_not_delay_the_containers_end() {
    let draft = longrun("web").essential().restart(RestartPolicy::Never).stop(Signal::TERM, Some(seconds(1)), true);
    let mut scenario = Scenario::begun(&[draft]);
    scenario.executed("web");
    scenario.ends("web", Exit::Code(9), true);
    scenario.wait(1.25);
    assert_eq!(scenario.exit(), Some(9));
}

#[test]
fn leftovers_of_a_group_that_was_killed_whole_have_a_time_limit() {
    let mut scenario = Scenario::begun(&[longrun("web").stop(Signal::TERM, Some(seconds(3)), true)]);
    scenario.executed("web");
    scenario.request_restart("web");
    scenario.wait(3.0);
    scenario.wait(60.0);
    scenario.take_actions();
    scenario.ends("web", Exit::Signal(Signal::KILL), true);
    assert!(scenario.signals().is_empty());
    assert_eq!(scenario.state("web"), "stopping");
    scenario.wait(0.25);
    assert_eq!(scenario.state("web"), "starting");
}

#[test]
fn leftovers_of_a_successful_oneshot_continue_and_block_nothing() {
    let mut scenario = Scenario::begun(&[oneshot("job"), longrun("web").requires("job")]);
    let (id, pid) = (scenario.id("job"), scenario.status("job").pid.expect("it lives"));
    scenario.take_actions();
    scenario.ends("job", Exit::Code(0), true);
    let actions = scenario.take_actions();
    assert!(actions.contains(&Action::Report(Report::LeftoversContinue { id, pid })), "{actions:?}");
    assert!(actions.contains(&Action::UntrackGroup { id, pid }), "{actions:?}");
    assert_eq!((scenario.state("job"), scenario.state("web")), ("done", "starting"));
    assert!(!actions.iter().any(|action| matches!(action, Action::Signal { .. })), "{actions:?}");
}

#[test]
fn leftovers_of_a_failed_or_stopped_oneshot_are_ended() {
    let mut scenario = Scenario::begun(&[oneshot("job"), longrun("web")]);
    scenario.ends("job", Exit::Code(1), true);
    assert_eq!(
        (scenario.signals(), scenario.state("job")),
        (vec!["job group: SIGTERM".into(), "job group: SIGCONT".into()], "stopping")
    );
    scenario.group_gone("job");
    assert_eq!(scenario.state("job"), "failed");

    let mut scenario = Scenario::begun(&[oneshot("job").stop(Signal::INT, None, false), longrun("web")]);
    scenario.request_stop("job");
    assert_eq!(scenario.signals(), ["job: SIGINT", "job: SIGCONT"]);
    scenario.ends("job", Exit::Code(0), true);
    assert_eq!(scenario.signals(), ["job group: SIGTERM", "job group: SIGCONT"]);
}

#[test]
fn a_group_that_was_signalled_is_not_signalled_again() {
    let mut scenario = Scenario::begun(&[longrun("web")]);
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.ends("web", Exit::Code(0), true);
    assert!(scenario.signals().is_empty());
    scenario.group_gone("web");
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn leftovers_that_ignored_the_stop_signal_are_sent_term() {
    let mut scenario = Scenario::begun(&[longrun("web").stop(Signal::QUIT, None, true)]);
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["web group: SIGQUIT", "web group: SIGCONT"]);
    scenario.ends("web", Exit::Code(0), true);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
}

#[test]
fn a_group_whose_main_process_alone_was_signalled_is_signalled_when_that_ends() {
    let mut scenario = Scenario::begun(&[longrun("web").stop(Signal::TERM, None, false)]);
    scenario.executed("web");
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["web: SIGTERM", "web: SIGCONT"]);
    scenario.ends("web", Exit::Code(0), true);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.wait(8.0);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
}

#[test]
fn leftovers_of_a_finish_script_are_ended() {
    let mut scenario = Scenario::begun(&[longrun("web").finish(None)]);
    scenario.exits("web", 1);
    scenario.take_actions();
    scenario.ends("web", Exit::Code(0), true);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.wait(8.0);
    assert_eq!(scenario.signals(), ["web group: SIGKILL"]);
    scenario.group_gone("web");
    assert_eq!(scenario.state("web"), "backoff");
}
