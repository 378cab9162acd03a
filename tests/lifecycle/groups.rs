//! What a first process leaves of its group.

use stepdown::config::values::Signal;
use stepdown::supervise::Exit;

use crate::seconds;
use crate::support::draft::{longrun, oneshot};
use crate::support::scene::Scene;

#[test]
fn what_a_crash_leaves_behind_is_told_to_stop_then_killed_and_only_then_it_starts_again() {
    let mut scene = Scene::begun(&[longrun("web").stop(Signal::QUIT, Some(seconds(3)), false)]);
    scene.executed("web");
    scene.look();
    scene.ends("web", Exit::Code(1), true);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.wait(3.0);
    assert_eq!(scene.signals(), ["web group: SIGKILL"]);
    scene.wait(100.0);
    assert_eq!(scene.state("web"), "stopping");
    scene.group_gone("web");
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn a_oneshot_is_done_only_when_its_group_is_gone() {
    let mut scene = Scene::begun(&[oneshot("job"), longrun("web").requires("job")]);
    scene.ends("job", Exit::Code(0), true);
    assert_eq!((scene.state("job"), scene.state("web")), ("stopping", "waiting"));
    scene.group_gone("job");
    assert_eq!((scene.state("job"), scene.state("web")), ("done", "starting"));
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
