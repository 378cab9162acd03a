//! Another set of services while the old one runs.

use std::collections::VecDeque;
use std::time::Duration;

use stepdown::config::values::{ServiceName, Signal};
use stepdown::supervise::{Action, Event, Exit, Pid, Start, Supervisor, Time};

use crate::support::engine::draft::{Draft, longrun, main_command, oneshot, setup};
use crate::support::engine::scene::Scene;

/// The scene of these, all up.
fn up(drafts: &[Draft], names: &[&str]) -> Scene {
    let mut scene = Scene::begun(drafts);
    for name in names {
        scene.executed(name);
    }
    scene.look();
    scene
}

fn renewed(scene: &mut Scene, name: &str) -> usize {
    let id = scene.id(name);
    scene.look().iter().filter(|action| **action == Action::ApplyReload { id }).count()
}

#[test]
fn what_is_new_starts_what_is_gone_stops_what_changed_restarts_and_nothing_else_is_touched() {
    let mut scene =
        up(&[longrun("same"), longrun("changed"), longrun("gone"), main_command()], &["same", "changed", "gone"]);
    scene.executed("main");
    let pid = scene.status("same").pid;
    scene.look();
    scene.reload(&[longrun("same"), longrun("changed"), longrun("new")], &["changed"]);
    let actions = scene.look();
    let told =
        |name: &str| actions.iter().any(|action| matches!(action, Action::Signal { id, .. } if *id == scene.id(name)));
    assert_eq!(["same", "changed", "gone", "main"].map(told), [false, true, true, false]);
    assert_eq!((scene.state("new"), scene.status("same").pid), ("starting", pid));
    scene.exits("changed", 1);
    assert_eq!(renewed(&mut scene, "changed"), 1);
    assert_eq!(scene.state("changed"), "starting");
    scene.exits("gone", 0);
    assert!(!scene.shows("gone"));
    scene.wait(100.0);
    assert_eq!((scene.started(), scene.status("same").pid), (vec![], pid));
}

#[test]
fn the_old_definition_holds_until_the_last_process_is_gone() {
    let mut scene = up(&[longrun("web").finish(None)], &["web"]);
    scene.reload(&[longrun("web")], &["web"]);
    scene.exits("web", 0);
    assert_eq!((scene.state("web"), renewed(&mut scene, "web")), ("finishing", 0));
    scene.exits("web", 125);
    assert_eq!((scene.state("web"), renewed(&mut scene, "web")), ("starting", 1));
}

#[test]
fn what_is_gone_stops_after_everything_that_requires_it() {
    let drafts = [longrun("db"), oneshot("mount").requires("db").undo(), longrun("web").requires("mount")];
    let mut scene = Scene::begun(&[drafts[0].clone(), drafts[1].clone(), drafts[2].clone(), longrun("other")]);
    scene.executed("other");
    scene.executed("db");
    scene.exits("mount", 0);
    scene.executed("web");
    scene.look();
    scene.reload(&[longrun("other")], &[]);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!((scene.processes(), scene.state("db")), (vec!["mount: StopCommand".to_owned()], "up"));
    scene.exits("mount", 0);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scene.exits("db", 0);
    assert_eq!(["db", "mount", "web", "other"].map(|name| scene.shows(name)), [false, false, false, true]);
}

#[test]
fn what_requires_it_keeps_one_that_is_gone_until_it_has_changed_itself() {
    let drafts = [longrun("db").start(Start::Down), longrun("web").requires("db")];
    let mut scene = up(&drafts, &["db", "web"]);
    scene.reload(&[longrun("web")], &["web"]);
    assert_eq!(scene.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scene.exits("web", 0);
    assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    assert_eq!(scene.state("web"), "starting");
}

#[test]
fn what_changed_leaves_its_dependents_up() {
    let mut scene = up(&[longrun("db"), longrun("web").requires("db")], &["db", "web"]);
    scene.reload(&[longrun("db"), longrun("web").requires("db")], &["db"]);
    scene.exits("db", 1);
    assert_eq!((scene.state("db"), scene.state("web")), ("starting", "up"));
}

#[test]
fn what_changed_follows_its_new_order() {
    let mut scene = up(&[longrun("a"), longrun("b")], &["a", "b"]);
    scene.reload(&[longrun("a"), longrun("b").requires("c"), longrun("c").says_ready(None)], &["b"]);
    assert_eq!(scene.state("c"), "starting");
    scene.exits("b", 0);
    assert_eq!(scene.state("b"), "waiting");
    scene.look();
    scene.ready("c");
    assert_eq!(scene.started(), ["b"]);
    scene.executed("b");
    scene.look();
    scene.stop_signal(Signal::TERM);
    let mut first = scene.signals();
    first.sort();
    assert_eq!(first, ["a group: SIGCONT", "a group: SIGTERM", "b group: SIGCONT", "b group: SIGTERM"]);
}

#[test]
fn a_requirement_that_moved_is_let_go() {
    let drafts = [longrun("old"), longrun("web").requires("old")];
    let mut scene = up(&drafts, &["old", "web"]);
    scene.reload(&[longrun("old"), longrun("new"), longrun("web").requires("new")], &["web"]);
    scene.exits("web", 0);
    scene.executed("new");
    assert_eq!(scene.state("web"), "starting");
    scene.executed("web");
    scene.look();
    scene.ask_stop("old");
    assert_eq!(scene.signals(), ["old group: SIGTERM", "old group: SIGCONT"]);
}

#[test]
fn those_that_failed_for_its_sake_have_another_chance() {
    let drafts =
        [longrun("other"), longrun("db").limit(1), longrun("web").requires("db"), longrun("top").requires("web")];
    let mut scene = Scene::begun(&drafts);
    scene.executed("other");
    scene.exits("db", 1);
    assert_eq!(["db", "web", "top"].map(|name| scene.state(name)), ["failed"; 3]);
    scene.look();
    scene.reload(&drafts, &["db"]);
    assert_eq!(scene.started(), ["db"]);
    assert_eq!(["web", "top"].map(|name| scene.state(name)), ["waiting"; 2]);
    scene.executed("db");
    assert_eq!(scene.started(), ["web"]);
}

#[test]
fn those_that_two_have_failed_wait_for_both() {
    let drafts =
        [longrun("other"), longrun("a").limit(1), longrun("web").requires("a").requires("b"), longrun("b").limit(1)];
    let mut scene = Scene::begun(&drafts);
    scene.executed("other");
    scene.exits("a", 1);
    scene.exits("b", 1);
    scene.look();
    scene.reload(&drafts, &["a", "b"]);
    assert_eq!((scene.started(), scene.state("web")), (vec!["a".to_owned(), "b".to_owned()], "waiting"));
}

#[test]
fn what_is_new_does_not_fail_for_one_that_failed_for_the_sake_of_what_has_changed() {
    let known = [longrun("other"), longrun("db").limit(1), longrun("mid").requires("db")];
    let mut scene = Scene::begun(&known);
    scene.executed("other");
    scene.exits("db", 1);
    assert_eq!(scene.state("mid"), "failed");
    scene.look();
    let [other, db, mid] = known;
    scene.reload(&[other, db, mid, longrun("web").requires("mid").essential()], &["db"]);
    assert_eq!((scene.started(), scene.state("web")), (vec!["db".to_owned()], "waiting"));
}

#[test]
fn one_that_is_gone_and_comes_back_while_it_stops_starts_again() {
    let mut scene = up(&[longrun("web"), longrun("other")], &["web", "other"]);
    scene.reload(&[longrun("other")], &[]);
    scene.reload(&[longrun("other"), longrun("web")], &[]);
    scene.look();
    scene.exits("web", 0);
    assert_eq!(scene.started(), ["web"]);
    scene.executed("web");
    scene.reload(&[longrun("other")], &[]);
    scene.exits("web", 0);
    assert!(!scene.shows("web"));
    scene.look();
    scene.reload(&[longrun("other"), longrun("web")], &[]);
    assert_eq!(scene.started(), ["web"]);
}

#[test]
fn changed_twice_while_it_stops_it_is_told_and_renewed_once() {
    let mut scene = up(&[longrun("web")], &["web"]);
    scene.reload(&[longrun("web").essential()], &["web"]);
    assert_eq!(scene.signals().len(), 2);
    scene.reload(&[longrun("web")], &["web"]);
    assert!(scene.signals().is_empty());
    scene.exits("web", 0);
    assert_eq!(renewed(&mut scene, "web"), 1);
}

#[test]
fn how_a_run_of_the_old_definition_ends_means_nothing_any_more() {
    let old = longrun("web").limit(1).essential().finish(None);
    let mut scene = up(&[old, longrun("other")], &["web", "other"]);
    scene.exits("web", 1);
    assert_eq!(scene.state("web"), "finishing");
    scene.reload(&[longrun("web"), longrun("other")], &["web"]);
    scene.exits("web", 125);
    assert_eq!((scene.state("web"), scene.exit()), ("starting", None));
}

#[test]
fn a_oneshot_that_is_done_and_changed_is_undone_by_the_old_command_and_runs_again() {
    let mut scene = Scene::begun(&[oneshot("mount").undo(), longrun("web").requires("mount")]);
    scene.exits("mount", 0);
    scene.executed("web");
    scene.look();
    scene.reload(&[oneshot("mount"), longrun("web").requires("mount")], &["mount"]);
    assert_eq!(scene.processes(), ["mount: StopCommand"]);
    scene.exits("mount", 0);
    assert_eq!((scene.processes(), scene.state("web")), (vec!["mount: Run".to_owned()], "up"));
}

#[test]
fn one_that_is_gone_is_not_started_or_stopped_by_hand() {
    let drafts = [longrun("db"), longrun("web").requires("db"), longrun("other")];
    let mut scene = up(&drafts, &["db", "web", "other"]);
    scene.reload(&[longrun("other")], &[]);
    scene.exits("web", 0);
    scene.exits("db", 0);
    scene.look();
    scene.ask_start("web");
    scene.ask_restart("db");
    scene.ask_stop("db");
    assert!(scene.look().is_empty());
    scene.ask_restart("other");
    scene.reload(&[], &[]);
    scene.exits("other", 0);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_reload_wants_nothing_again_that_has_ended_or_was_stopped_by_hand() {
    use stepdown::config::service::RestartPolicy;
    let dns = || longrun("dns").start(Start::Down).restart(RestartPolicy::OnFailure);
    let drafts = [dns(), longrun("web").requires("dns"), longrun("other")];
    let mut scene = up(&drafts, &["dns", "web", "other"]);
    scene.exits("dns", 0);
    scene.ask_stop("other");
    scene.exits("other", 0);
    scene.look();
    scene.reload(&drafts, &[]);
    assert!(scene.look().is_empty());
    assert_eq!((scene.status("dns").wanted, scene.status("other").wanted), (false, false));
}

#[test]
fn nothing_is_reloaded_while_the_container_stops() {
    let mut scene = up(&[longrun("web")], &["web"]);
    scene.stop_signal(Signal::TERM);
    scene.look();
    scene.reload(&[longrun("web"), longrun("new")], &["web"]);
    assert!(scene.look().is_empty());
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(0));
}

#[test]
fn a_reload_that_ends_the_container_shows_nothing_that_it_left_out_and_that_has_nothing_to_undo() {
    for start in [Start::AlreadyDone, Start::Wanted] {
        // The oneshot comes later than the one whose failure begins the stop, and before it.
        for swapped in [false, true] {
            let never = longrun("never").start(Start::Skipped);
            let mut drafts =
                vec![never.clone(), oneshot("made").start(start), longrun("web").essential(), longrun("db")];
            if swapped {
                drafts.swap(1, 2);
            }
            let mut scene = up(&drafts, &["web", "db"]);
            if start == Start::Wanted {
                scene.exits("made", 0);
            }
            scene.dies("web", Signal::KILL);
            scene.reload(&[never, longrun("web").requires("never").essential(), longrun("db")], &["web"]);
            assert_eq!((scene.shows("made"), scene.state("web")), (false, "failed"), "{start:?}");
            assert_eq!(scene.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
            scene.exits("db", 0);
            assert!(!scene.shows("made") && scene.exit().is_some());
        }
    }
}

#[test]
fn what_a_reload_left_out_and_a_dependent_keeps_is_not_shown_once_the_container_stops() {
    let mut scene = up(&[oneshot("made"), longrun("web").requires("made")], &[]);
    scene.exits("made", 0);
    scene.executed("web");
    scene.reload(&[longrun("web")], &["web"]);
    assert_eq!(scene.state("made"), "done");
    scene.stop_signal(Signal::TERM);
    assert!(!scene.shows("made"));
    scene.exits("web", 0);
    assert_eq!(scene.exit(), Some(0));
}

/// Reloads, and answers at once that nothing is left of what has ended.
fn reload(engine: &mut Supervisor, drafts: &[Draft], changed: &[&str], pids: &mut i32) -> usize {
    let changed = changed.iter().filter_map(|name| ServiceName::new(name)).collect();
    let mut actions = VecDeque::from(engine.adopt(Time::default(), setup(drafts, Duration::from_secs(8)), &changed));
    let mut retired = 0;
    while let Some(action) = actions.pop_front() {
        let events = match action {
            Action::Spawn { id, .. } => {
                *pids += 1;
                vec![Event::Spawned { id, pid: Pid(*pids) }, Event::Executed { id }]
            }
            Action::Signal { id, signal: Signal::TERM, .. } => {
                vec![Event::Exited { id, exit: Exit::Code(0), group_left: false }]
            }
            Action::Retire { id } => {
                retired += 1;
                vec![Event::Retired { id }]
            }
            _ => Vec::new(),
        };
        events.into_iter().for_each(|event| actions.extend(engine.step(Time::default(), event)));
    }
    retired
}

#[test]
fn ten_thousand_reloads_that_add_and_remove_a_service_need_one_place() {
    let stays = [longrun("db"), longrun("web").requires("db"), main_command()];
    let mut engine = Supervisor::new(setup(&stays, Duration::from_secs(8)));
    engine.step(Time::default(), Event::Begin);
    let mut pids = 1;
    for turn in 0..10_000 {
        let names = [&*format!("a{turn}").leak(), &*format!("b{turn}").leak()];
        let [first, second] = names.map(longrun);
        assert_eq!(
            reload(&mut engine, &[&stays[..2], &[first, second.requires(names[0])]].concat(), &[], &mut pids),
            0
        );
        assert_eq!((engine.places(), engine.status().len()), (5, 5));
        assert_eq!(reload(&mut engine, &stays[..2], &[], &mut pids), 2);
        assert!(names.iter().all(|name| engine.id(&ServiceName::new(name).unwrap()).is_none()));
    }
    assert_eq!((engine.places(), engine.status().len()), (5, 3));
}

#[test]
fn a_place_is_another_ones_only_after_nothing_is_left_of_the_first() {
    let mut scene = up(&[longrun("stays"), longrun("gone")], &["stays", "gone"]);
    let gone = scene.id("gone");
    scene.reload(&[longrun("stays")], &[]);
    scene.exits("gone", 0);
    assert!(scene.look().contains(&Action::Retire { id: gone }));
    scene.reload(&[longrun("stays"), longrun("early")], &[]);
    assert_ne!(scene.id("early"), gone);
    scene.send(Event::Retired { id: gone });
    scene.reload(&[longrun("stays"), longrun("early"), longrun("late")], &[]);
    assert_eq!((scene.id("late"), scene.state("late")), (gone, "starting"));
}

#[test]
fn what_changes_costs_work_for_itself_and_not_for_everybody() {
    const ALL: usize = 1_000;
    let names: Vec<&'static str> = (0..ALL).map(|at| &*format!("s{at}").leak()).collect();
    let drafts: Vec<Draft> = names.iter().map(|name| longrun(name)).collect();
    let mut engine = Supervisor::new(setup(&[&drafts[..], &[main_command()]].concat(), Duration::from_secs(8)));
    let mut pids = 1;
    for action in engine.step(Time::default(), Event::Begin) {
        if let Action::Spawn { id, .. } = action {
            pids += 1;
            engine.step(Time::default(), Event::Spawned { id, pid: Pid(pids) });
            engine.step(Time::default(), Event::Executed { id });
        }
    }
    reload(&mut engine, &drafts, &["s500"], &mut pids);
    // Once when it is told to stop, and once when it is another.
    assert_eq!(engine.relinked(), 2);
}
