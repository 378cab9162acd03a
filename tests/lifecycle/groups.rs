//! What a first process leaves of its group.

use stepdown::config::service::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Exit, Report};

use super::seconds;
use crate::support::engine::draft::{longrun, oneshot};
use crate::support::engine::scene::Scene;

#[test]
fn what_a_crash_leaves_behind_is_told_to_stop_then_killed_and_only_then_it_starts_again() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::QUIT, Some(seconds(3)), false)]);
    scene.executed("web");
    scene.look();
    scene.ends("web", Exit::Code(1), true);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.wait(3.0);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    assert_eq!(scene.state("web"), "stopping");
    scene.group_gone("web");
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn what_kill_does_not_end_of_a_group_is_named_and_holds_nothing_up() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::TERM, Some(seconds(3)), true)]);
    scene.executed("web");
    let (id, pid) = (scene.id("web"), scene.status("web").pid.expect("it lives"));
    scene.ends("web", Exit::Code(1), true);
    scene.wait(3.0);
    assert_eq!(scene.state("web"), "stopping");
    scene.look();
    scene.wait(0.25);
    assert_eq!(scene.look()[..2], [Action::Report(Report::LeftBehind { id, pid }), Action::UntrackGroup { id, pid }]);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn what_an_essential_service_left_does_not_keep_the_container_from_ending() {
    let draft = longrun("web").essential().restart(RestartPolicy::Never).stop(Signal::TERM, Some(seconds(1)), true);
    let mut scene = Scene::begun(&[draft]);
    scene.executed("web");
    scene.ends("web", Exit::Code(9), true);
    scene.wait(1.25);
    assert_eq!(scene.exit(), Some(9));
}

#[test]
fn what_is_left_of_a_group_that_was_killed_whole_has_a_limit_too() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::TERM, Some(seconds(3)), true)]);
    scene.executed("web");
    scene.ask_restart("web");
    scene.wait(3.0);
    scene.wait(60.0);
    scene.look();
    scene.ends("web", Exit::Signal(Signal::KILL), true);
    assert!(scene.signals().is_empty());
    assert_eq!(scene.state("web"), "stopping");
    scene.wait(0.25);
    assert_eq!(scene.state("web"), "starting");
}

#[test]
fn what_a_oneshot_that_succeeds_has_left_goes_on_and_keeps_nobody_waiting() {
    let mut scene = Scene::begun(&[oneshot("job"), longrun("web").requires("job")]);
    let (id, pid) = (scene.id("job"), scene.status("job").pid.expect("it lives"));
    scene.look();
    scene.ends("job", Exit::Code(0), true);
    let actions = scene.look();
    assert!(actions.contains(&Action::Report(Report::LeftRunning { id, pid })), "{actions:?}");
    assert!(actions.contains(&Action::UntrackGroup { id, pid }), "{actions:?}");
    assert_eq!((scene.state("job"), scene.state("web")), ("done", "starting"));
    assert!(!actions.iter().any(|action| matches!(action, Action::Signal { .. })), "{actions:?}");
}

#[test]
fn what_a_oneshot_that_fails_or_is_stopped_has_left_is_ended_with_it() {
    let mut scene = Scene::begun(&[oneshot("job"), longrun("web")]);
    scene.ends("job", Exit::Code(1), true);
    assert_eq!(
        (scene.signals(), scene.state("job")),
        (vec!["job group: SIGTERM".into(), "job group: SIGCONT".into()], "stopping")
    );
    scene.group_gone("job");
    assert_eq!(scene.state("job"), "failed");

    let mut scene = Scene::begun(&[oneshot("job").stop(Signal::INT, None, false), longrun("web")]);
    scene.ask_stop("job");
    assert_eq!(scene.signals(), ["job: SIGINT", "job: SIGCONT"]);
    scene.ends("job", Exit::Code(0), true);
    assert_eq!(scene.signals(), ["job group: SIGTERM", "job group: SIGCONT"]);
}

#[test]
fn a_group_that_was_told_already_is_not_told_again() {
    let mut scene = Scene::begun(&[longrun("web")]);
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.ends("web", Exit::Code(0), true);
    assert!(scene.signals().is_empty());
    scene.group_gone("web");
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn what_did_not_mind_the_services_own_signal_is_told_with_term() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::QUIT, None, true)]);
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["web group: SIGQUIT", "web group: SIGCONT"]);
    scene.ends("web", Exit::Code(0), true);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
}

#[test]
fn a_group_whose_first_process_alone_was_told_is_told_when_that_ends() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::TERM, None, false)]);
    scene.executed("web");
    scene.stop_signal(Signal::TERM);
    assert_eq!(scene.signals(), ["web: SIGTERM", "web: SIGCONT"]);
    scene.ends("web", Exit::Code(0), true);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.wait(8.0);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
}

#[test]
fn what_a_finish_script_leaves_behind_is_ended_too() {
    let mut scene = Scene::begun(&[longrun("web").finish(None)]);
    scene.exits("web", 1);
    scene.look();
    scene.ends("web", Exit::Code(0), true);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.wait(8.0);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.group_gone("web");
    assert_eq!(scene.state("web"), "backoff");
}
