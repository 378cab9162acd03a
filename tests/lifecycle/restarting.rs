//! Pauses, limits and policies.

use std::time::Duration;

use stepdown::config::service::RestartPolicy;
use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Event, Exit, FailureReason, Report, StatusReason};

use super::seconds;
use crate::support::engine::draft::{longrun, oneshot};
use crate::support::engine::scene::Scene;

/// Crashes it as soon as it is up, and returns how long it pauses each time.
fn pauses(scene: &mut Scene, name: &str, times: usize) -> Vec<f64> {
    let mut pauses = Vec::new();
    for _ in 0..times {
        scene.executed(name);
        scene.exits(name, 1);
        pauses.push(scene.deadline().expect("it pauses") - scene.now());
        scene.wait(*pauses.last().expect("one was pushed"));
    }
    pauses
}

#[test]
fn pauses_double_from_one_second_to_thirty() {
    let mut scene = Scene::begun(&[longrun("web")]);
    assert_eq!(pauses(&mut scene, "web", 7), [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    assert_eq!(scene.status("web").restarts, 7);
}

#[test]
fn the_first_crash_after_a_stable_run_restarts_at_once_and_resets_the_pauses() {
    let mut scene = Scene::begun(&[longrun("web")]);
    pauses(&mut scene, "web", 3);
    scene.executed("web");
    scene.wait(60.0);
    scene.look();
    scene.exits("web", 1);
    assert_eq!(scene.started(), ["web"]);
    assert_eq!(pauses(&mut scene, "web", 2), [1.0, 2.0]);
}

#[test]
fn a_run_a_moment_too_short_is_not_stable() {
    let mut scene = Scene::begun(&[longrun("web")]);
    scene.executed("web");
    scene.wait(59.9);
    scene.exits("web", 1);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn ten_failures_in_a_row_are_the_limit() {
    let mut scene = Scene::begun(&[longrun("web"), longrun("other")]);
    scene.executed("other");
    pauses(&mut scene, "web", 9);
    scene.executed("web");
    scene.exits("web", 1);
    assert_eq!((scene.state("web"), scene.status("web").wanted), ("failed", false));
    assert_eq!(scene.status("web").why, Some(StatusReason::Failed(FailureReason::Limit(10))));
    assert_eq!((scene.exit(), scene.deadline()), (None, None));
}

#[test]
fn with_the_limit_the_last_end_is_known_and_a_refused_start_is_none() {
    let last = |end: &dyn Fn(&mut Scene)| {
        let mut scene = Scene::begun(&[longrun("web").limit(2), longrun("other")]);
        scene.executed("other");
        scene.executed("web");
        scene.exits("web", 1);
        end(&mut scene);
        assert_eq!(scene.status("web").why, Some(StatusReason::Failed(FailureReason::Limit(2))));
        scene.last_exit("web")
    };
    let killed = last(&|scene| {
        scene.wait(1.0);
        scene.executed("web");
        scene.dies("web", Signal::KILL);
    });
    assert_eq!(killed, Some(Exit::Signal(Signal::KILL)));
    let well = last(&|scene| {
        scene.wait(1.0);
        scene.executed("web");
        scene.exits("web", 0);
    });
    assert_eq!(well, Some(Exit::Code(0)));
    let refused = last(&|scene| {
        scene.refuse("web", 13);
        scene.wait(1.0);
    });
    assert_eq!(refused, None);

    let mut scene = Scene::begun(&[longrun("web"), longrun("other")]);
    scene.executed("web");
    scene.exits("web", 0);
    assert_eq!((scene.state("web"), scene.last_exit("web")), ("backoff", Some(Exit::Code(0))));
}

#[test]
fn a_service_that_ends_well_again_and_again_backs_off_too() {
    let mut scene = Scene::begun(&[longrun("web").limit(2)]);
    scene.executed("web");
    scene.exits("web", 0);
    assert_eq!(scene.state("web"), "backoff");
    scene.wait(1.0);
    scene.exits("web", 0);
    assert_eq!(scene.state("web"), "failed");
}

#[test]
fn on_failure_lets_a_success_code_rest() {
    let draft = longrun("web").restart(RestartPolicy::OnFailure).success_codes(&[0, 143]);
    let mut scene = Scene::begun(&[draft, longrun("other")]);
    scene.executed("web");
    scene.exits("web", 1);
    scene.wait(1.0);
    scene.exits("web", 143);
    assert_eq!((scene.state("web"), scene.status("web").wanted), ("down", false));
}

#[test]
fn a_signal_is_never_a_success() {
    let draft = longrun("web").restart(RestartPolicy::OnFailure).success_codes(&[0, 143]);
    let mut scene = Scene::begun(&[draft]);
    scene.dies("web", Signal::TERM);
    assert_eq!(scene.state("web"), "backoff");
}

#[test]
fn a_oneshot_runs_again_on_failure_only_if_its_policy_says_so() {
    let mut scene = Scene::begun(&[oneshot("once"), oneshot("again").restart(RestartPolicy::OnFailure)]);
    scene.exits("once", 1);
    scene.exits("again", 1);
    assert_eq!((scene.state("once"), scene.state("again")), ("failed", "backoff"));
    scene.wait(1.0);
    scene.exits("again", 0);
    assert_eq!(scene.state("again"), "done");
}

#[test]
fn a_oneshot_that_fails_slowly_still_reaches_its_limit() {
    let mut scene = Scene::begun(&[oneshot("job").restart(RestartPolicy::Always).limit(2), longrun("other")]);
    for _ in 0..2 {
        scene.executed("job");
        scene.wait(100.0);
        scene.exits("job", 1);
        scene.wait(1.0);
    }
    assert_eq!(scene.state("job"), "failed");
}

#[test]
fn a_start_that_fails_backs_off_and_the_life_goes_on() {
    const EAGAIN: i32 = 11;
    let mut scene = Scene::new(&[longrun("web"), longrun("other")]);
    scene.refuse("web", EAGAIN);
    scene.send(Event::Begin);
    assert_eq!((scene.state("web"), scene.state("other")), ("backoff", "starting"));
    scene.wait(1.0);
    scene.cannot_execute("web", EAGAIN);
    assert_eq!(scene.state("web"), "backoff");
    scene.wait(2.0);
    scene.executed("web");
    assert_eq!(scene.state("web"), "up");
}

#[test]
fn a_crash_touches_nothing_but_its_own_service() {
    let mut scene = Scene::begun(&[longrun("web"), longrun("other")]);
    scene.executed("web");
    scene.executed("other");
    scene.look();
    let id = scene.id("web");
    scene.exits("web", 1);
    let exit = Exit::Code(1);
    assert_eq!(
        scene.look(),
        [
            Action::Report(Report::Ended { id, exit, ran: Duration::ZERO }),
            Action::Report(Report::Backoff { id, pause: seconds(1), failures: 1 }),
        ]
    );
}
