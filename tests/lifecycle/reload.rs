//! Reloads: another set of services while the old one runs.

use std::collections::VecDeque;
use std::time::Duration;

use stepdown::config::values::{ServiceName, Signal};
use stepdown::supervise::{Action, EngineTime, Event, Exit, Pid, Start, Supervisor};

use crate::support::engine::scenario::Scenario;
use crate::support::engine::spec_builder::{SpecBuilder, longrun, main_command, oneshot, setup};

/// The scenario of these, all up.
fn up(builders: &[SpecBuilder], names: &[&str]) -> Scenario {
    let mut scenario = Scenario::begun(builders);
    for name in names {
        scenario.executed(name);
    }
    scenario.take_actions();
    scenario
}

fn renewed(scenario: &mut Scenario, name: &str) -> usize {
    let id = scenario.id(name);
    scenario.take_actions().iter().filter(|action| **action == Action::ApplyReload { id }).count()
}

#[test]
fn new_services_start_removed_ones_stop_changed_ones_restart_others_run_on() {
    let mut scenario =
        up(&[longrun("same"), longrun("changed"), longrun("removed"), main_command()], &["same", "changed", "removed"]);
    scenario.executed("main");
    let pid = scenario.status("same").pid;
    scenario.take_actions();
    scenario.reload(&[longrun("same"), longrun("changed"), longrun("new")], &["changed"]);
    let actions = scenario.take_actions();
    let signalled = |name: &str| {
        actions.iter().any(|action| matches!(action, Action::Signal { id, .. } if *id == scenario.id(name)))
    };
    assert_eq!(["same", "changed", "removed", "main"].map(signalled), [false, true, true, false]);
    assert_eq!((scenario.state("new"), scenario.status("same").pid), ("starting", pid));
    scenario.exits("changed", 1);
    assert_eq!(renewed(&mut scenario, "changed"), 1);
    assert_eq!(scenario.state("changed"), "starting");
    scenario.exits("removed", 0);
    assert!(!scenario.shows("removed"));
    scenario.wait(100.0);
    assert_eq!((scenario.started(), scenario.status("same").pid), (vec![], pid));
}

#[test]
fn the_old_definition_holds_until_the_last_process_is_gone() {
    let mut scenario = up(&[longrun("web").finish(None)], &["web"]);
    scenario.reload(&[longrun("web")], &["web"]);
    scenario.exits("web", 0);
    assert_eq!((scenario.state("web"), renewed(&mut scenario, "web")), ("finishing", 0));
    scenario.exits("web", 125);
    assert_eq!((scenario.state("web"), renewed(&mut scenario, "web")), ("starting", 1));
}

#[test]
fn a_removed_service_stops_after_its_dependents() {
    let builders = [longrun("db"), oneshot("mount").requires("db").stop_command(), longrun("web").requires("mount")];
    let mut scenario =
        Scenario::begun(&[builders[0].clone(), builders[1].clone(), builders[2].clone(), longrun("other")]);
    scenario.executed("other");
    scenario.executed("db");
    scenario.exits("mount", 0);
    scenario.executed("web");
    scenario.take_actions();
    scenario.reload(&[longrun("other")], &[]);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!((scenario.processes(), scenario.state("db")), (vec!["mount: StopCommand".to_owned()], "up"));
    scenario.exits("mount", 0);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    scenario.exits("db", 0);
    assert_eq!(["db", "mount", "web", "other"].map(|name| scenario.shows(name)), [false, false, false, true]);
}

#[test]
fn a_dependent_keeps_a_removed_service_until_it_has_changed_itself() {
    let builders = [longrun("db").start(Start::Down), longrun("web").requires("db")];
    let mut scenario = up(&builders, &["db", "web"]);
    scenario.reload(&[longrun("web")], &["web"]);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
    assert_eq!(scenario.state("web"), "starting");
}

#[test]
fn a_changed_service_leaves_its_dependents_up() {
    let mut scenario = up(&[longrun("db"), longrun("web").requires("db")], &["db", "web"]);
    scenario.reload(&[longrun("db"), longrun("web").requires("db")], &["db"]);
    scenario.exits("db", 1);
    assert_eq!((scenario.state("db"), scenario.state("web")), ("starting", "up"));
}

#[test]
fn a_changed_service_follows_its_new_order() {
    let mut scenario = up(&[longrun("a"), longrun("b")], &["a", "b"]);
    scenario.reload(&[longrun("a"), longrun("b").requires("c"), longrun("c").notifies_ready(None)], &["b"]);
    assert_eq!(scenario.state("c"), "starting");
    scenario.exits("b", 0);
    assert_eq!(scenario.state("b"), "waiting");
    scenario.take_actions();
    scenario.ready("c");
    assert_eq!(scenario.started(), ["b"]);
    scenario.executed("b");
    scenario.take_actions();
    scenario.stop_signal(Signal::TERM);
    let mut first = scenario.signals();
    first.sort();
    assert_eq!(first, ["a group: SIGCONT", "a group: SIGTERM", "b group: SIGCONT", "b group: SIGTERM"]);
}

#[test]
fn a_service_that_depends_on_others_runs_on_and_follows_its_new_order() {
    let mut scenario = up(&[longrun("a"), longrun("b"), longrun("web").requires("a")], &["a", "b", "web"]);
    let pid = scenario.status("web").pid;
    scenario.reload(&[longrun("a"), longrun("b"), longrun("web").requires("b").after("new"), longrun("new")], &[]);
    assert_eq!((scenario.started(), scenario.signals()), (vec!["new".to_owned()], Vec::<String>::new()));
    assert_eq!((scenario.state("web"), scenario.status("web").pid), ("up", pid));
    scenario.executed("new");
    scenario.take_actions();
    // It holds up the stop of what it requires now, and of nothing else.
    scenario.request_stop("a");
    assert_eq!(scenario.signals(), ["a group: SIGTERM", "a group: SIGCONT"]);
    scenario.exits("a", 0);
    scenario.stop_signal(Signal::TERM);
    assert_eq!(scenario.signals(), ["web group: SIGTERM", "web group: SIGCONT"]);
    scenario.exits("web", 0);
    let mut rest = scenario.signals();
    rest.sort();
    assert_eq!(rest, ["b group: SIGCONT", "b group: SIGTERM", "new group: SIGCONT", "new group: SIGTERM"]);
}

#[test]
fn one_that_waits_only_waits_for_what_it_requires_now() {
    let ready = || longrun("slow").notifies_ready(None);
    let mut scenario = Scenario::begun(&[ready(), longrun("web").requires("slow"), longrun("late")]);
    scenario.executed("slow");
    scenario.executed("late");
    scenario.take_actions();
    assert_eq!(scenario.state("web"), "waiting");
    scenario.reload(&[ready(), longrun("web"), longrun("late").requires("slow")], &[]);
    assert_eq!((scenario.started(), scenario.state("late")), (vec!["web".to_owned()], "up"));
    scenario.exits("late", 1);
    scenario.wait(5.0);
    assert_eq!(scenario.state("late"), "waiting");
    scenario.ready("slow");
    assert_eq!(scenario.started(), ["late"]);
}

#[test]
fn what_only_its_new_order_asks_for_is_started() {
    let mut scenario = up(&[longrun("web"), longrun("db").start(Start::Down)], &["web"]);
    scenario.reload(&[longrun("web").requires("db"), longrun("db").start(Start::Down)], &[]);
    assert_eq!((scenario.started(), scenario.signals()), (vec!["db".to_owned()], Vec::<String>::new()));
}

#[test]
fn a_service_that_failed_for_a_requirement_that_it_loses_is_started_again() {
    let db = || longrun("db").limit(1);
    let builders = [longrun("other"), db(), longrun("web").requires("db"), longrun("top").requires("web")];
    let mut scenario = Scenario::begun(&builders);
    scenario.executed("other");
    scenario.exits("db", 1);
    assert_eq!(["db", "web", "top"].map(|name| scenario.state(name)), ["failed"; 3]);
    scenario.take_actions();
    let [other, _, _, top] = builders;
    scenario.reload(&[other, db(), longrun("web"), top], &[]);
    assert_eq!(
        (scenario.started(), scenario.state("db"), scenario.state("top")),
        (vec!["web".to_owned()], "failed", "waiting")
    );
    scenario.executed("web");
    assert_eq!(scenario.started(), ["top"]);
}

#[test]
fn a_changed_service_that_gets_another_order_before_it_has_ended_has_it_from_its_next_start() {
    let mut scenario = up(&[longrun("a"), longrun("b"), longrun("web").requires("a")], &["a", "b", "web"]);
    scenario.reload(&[longrun("a"), longrun("b"), longrun("web").requires("a").essential()], &["web"]);
    scenario.reload(&[longrun("a"), longrun("b"), longrun("web").requires("b").essential()], &[]);
    scenario.take_actions();
    scenario.exits("web", 0);
    scenario.executed("web");
    scenario.take_actions();
    scenario.request_stop("a");
    assert_eq!(scenario.signals(), ["a group: SIGTERM", "a group: SIGCONT"]);
}

#[test]
fn a_requirement_dropped_by_a_reload_has_no_effect() {
    let builders = [longrun("old"), longrun("web").requires("old")];
    let mut scenario = up(&builders, &["old", "web"]);
    scenario.reload(&[longrun("old"), longrun("new"), longrun("web").requires("new")], &["web"]);
    scenario.exits("web", 0);
    scenario.executed("new");
    assert_eq!(scenario.state("web"), "starting");
    scenario.executed("web");
    scenario.take_actions();
    scenario.request_stop("old");
    assert_eq!(scenario.signals(), ["old group: SIGTERM", "old group: SIGCONT"]);
}

#[test]
fn dependents_that_failed_for_a_changed_service_are_started_again() {
    let builders =
        [longrun("other"), longrun("db").limit(1), longrun("web").requires("db"), longrun("top").requires("web")];
    let mut scenario = Scenario::begun(&builders);
    scenario.executed("other");
    scenario.exits("db", 1);
    assert_eq!(["db", "web", "top"].map(|name| scenario.state(name)), ["failed"; 3]);
    scenario.take_actions();
    scenario.reload(&builders, &["db"]);
    assert_eq!(scenario.started(), ["db"]);
    assert_eq!(["web", "top"].map(|name| scenario.state(name)), ["waiting"; 2]);
    scenario.executed("db");
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn dependents_that_failed_for_two_changed_services_wait_for_both() {
    let builders =
        [longrun("other"), longrun("a").limit(1), longrun("web").requires("a").requires("b"), longrun("b").limit(1)];
    let mut scenario = Scenario::begun(&builders);
    scenario.executed("other");
    scenario.exits("a", 1);
    scenario.exits("b", 1);
    scenario.take_actions();
    scenario.reload(&builders, &["a", "b"]);
    assert_eq!((scenario.started(), scenario.state("web")), (vec!["a".to_owned(), "b".to_owned()], "waiting"));
}

#[test]
fn a_new_service_does_not_fail_for_one_that_the_same_reload_restarts() {
    let known = [longrun("other"), longrun("db").limit(1), longrun("mid").requires("db")];
    let mut scenario = Scenario::begun(&known);
    scenario.executed("other");
    scenario.exits("db", 1);
    assert_eq!(scenario.state("mid"), "failed");
    scenario.take_actions();
    let [other, db, mid] = known;
    scenario.reload(&[other, db, mid, longrun("web").requires("mid").essential()], &["db"]);
    assert_eq!((scenario.started(), scenario.state("web")), (vec!["db".to_owned()], "waiting"));
}

#[test]
fn a_removed_service_that_is_added_again_while_it_stops_starts_again() {
    let mut scenario = up(&[longrun("web"), longrun("other")], &["web", "other"]);
    scenario.reload(&[longrun("other")], &[]);
    scenario.reload(&[longrun("other"), longrun("web")], &[]);
    scenario.take_actions();
    scenario.exits("web", 0);
    assert_eq!(scenario.started(), ["web"]);
    scenario.executed("web");
    scenario.reload(&[longrun("other")], &[]);
    scenario.exits("web", 0);
    assert!(!scenario.shows("web"));
    scenario.take_actions();
    scenario.reload(&[longrun("other"), longrun("web")], &[]);
    assert_eq!(scenario.started(), ["web"]);
}

#[test]
fn a_service_changed_twice_while_it_stops_is_signalled_and_replaced_once() {
    let mut scenario = up(&[longrun("web")], &["web"]);
    scenario.reload(&[longrun("web").essential()], &["web"]);
    assert_eq!(scenario.signals().len(), 2);
    scenario.reload(&[longrun("web")], &["web"]);
    assert!(scenario.signals().is_empty());
    scenario.exits("web", 0);
    assert_eq!(renewed(&mut scenario, "web"), 1);
}

#[test]
fn the_end_of_a_run_of_the_old_definition_has_no_effect() {
    let old = longrun("web").limit(1).essential().finish(None);
    let mut scenario = up(&[old, longrun("other")], &["web", "other"]);
    scenario.exits("web", 1);
    assert_eq!(scenario.state("web"), "finishing");
    scenario.reload(&[longrun("web"), longrun("other")], &["web"]);
    scenario.exits("web", 125);
    assert_eq!((scenario.state("web"), scenario.exit()), ("starting", None));
}

#[test]
fn a_oneshot_that_is_done_and_changed_runs_its_old_stop_command_and_then_again() {
    let mut scenario = Scenario::begun(&[oneshot("mount").stop_command(), longrun("web").requires("mount")]);
    scenario.exits("mount", 0);
    scenario.executed("web");
    scenario.take_actions();
    scenario.reload(&[oneshot("mount"), longrun("web").requires("mount")], &["mount"]);
    assert_eq!(scenario.processes(), ["mount: StopCommand"]);
    scenario.exits("mount", 0);
    assert_eq!((scenario.processes(), scenario.state("web")), (vec!["mount: Run".to_owned()], "up"));
}

#[test]
fn a_removed_service_is_not_started_or_stopped_manually() {
    let builders = [longrun("db"), longrun("web").requires("db"), longrun("other")];
    let mut scenario = up(&builders, &["db", "web", "other"]);
    scenario.reload(&[longrun("other")], &[]);
    scenario.exits("web", 0);
    scenario.exits("db", 0);
    scenario.take_actions();
    scenario.request_start("web");
    scenario.request_restart("db");
    scenario.request_stop("db");
    assert!(scenario.take_actions().is_empty());
    scenario.request_restart("other");
    scenario.reload(&[], &[]);
    scenario.exits("other", 0);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_reload_starts_no_service_that_has_ended_or_was_stopped_manually() {
    use stepdown::config::restart::RestartPolicy;
    let dns = || longrun("dns").start(Start::Down).restart(RestartPolicy::OnFailure);
    let builders = [dns(), longrun("web").requires("dns"), longrun("other")];
    let mut scenario = up(&builders, &["dns", "web", "other"]);
    scenario.exits("dns", 0);
    scenario.request_stop("other");
    scenario.exits("other", 0);
    scenario.take_actions();
    scenario.reload(&builders, &[]);
    assert!(scenario.take_actions().is_empty());
    assert_eq!((scenario.status("dns").wanted, scenario.status("other").wanted), (false, false));
}

#[test]
fn nothing_is_reloaded_while_the_container_stops() {
    let mut scenario = up(&[longrun("web")], &["web"]);
    scenario.stop_signal(Signal::TERM);
    scenario.take_actions();
    scenario.reload(&[longrun("web"), longrun("new")], &["web"]);
    assert!(scenario.take_actions().is_empty());
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(0));
}

#[test]
fn a_reload_that_ends_the_container_hides_removed_oneshots_without_a_stop_command() {
    for start in [Start::AlreadyDone, Start::Wanted] {
        // The oneshot comes later than the one whose failure begins the stop, and before it.
        for swapped in [false, true] {
            let never = longrun("never").start(Start::Skipped);
            let mut builders =
                vec![never.clone(), oneshot("made").start(start), longrun("web").essential(), longrun("db")];
            if swapped {
                builders.swap(1, 2);
            }
            let mut scenario = up(&builders, &["web", "db"]);
            if start == Start::Wanted {
                scenario.exits("made", 0);
            }
            scenario.dies("web", Signal::KILL);
            scenario.reload(&[never, longrun("web").requires("never").essential(), longrun("db")], &["web"]);
            assert_eq!((scenario.shows("made"), scenario.state("web")), (false, "failed"), "{start:?}");
            assert_eq!(scenario.signals(), ["db group: SIGTERM", "db group: SIGCONT"]);
            scenario.exits("db", 0);
            assert!(!scenario.shows("made") && scenario.exit().is_some());
        }
    }
}

#[test]
fn a_removed_service_kept_by_a_dependent_is_hidden_once_the_container_stops() {
    let mut scenario = up(&[oneshot("made"), longrun("web").requires("made")], &[]);
    scenario.exits("made", 0);
    scenario.executed("web");
    scenario.reload(&[longrun("web")], &["web"]);
    assert_eq!(scenario.state("made"), "done");
    scenario.stop_signal(Signal::TERM);
    assert!(!scenario.shows("made"));
    scenario.exits("web", 0);
    assert_eq!(scenario.exit(), Some(0));
}

/// Reloads, and releases the ids of removed services at once.
fn reload(engine: &mut Supervisor, builders: &[SpecBuilder], changed: &[&str], pids: &mut i32) -> usize {
    let changed = changed.iter().filter_map(|name| ServiceName::new(name)).collect();
    let mut actions =
        VecDeque::from(engine.reload(EngineTime::default(), setup(builders, Duration::from_secs(8)), &changed));
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
            Action::Remove { id } => {
                retired += 1;
                vec![Event::IdReleased { id }]
            }
            _ => Vec::new(),
        };
        events.into_iter().for_each(|event| actions.extend(engine.step(EngineTime::default(), event)));
    }
    retired
}

#[test]
fn ten_thousand_reloads_that_add_and_remove_a_service_need_one_id() {
    let stays = [longrun("db"), longrun("web").requires("db"), main_command()];
    let mut engine = Supervisor::new(setup(&stays, Duration::from_secs(8)));
    engine.step(EngineTime::default(), Event::Begin);
    let mut pids = 1;
    for turn in 0..10_000 {
        let names = [&*format!("a{turn}").leak(), &*format!("b{turn}").leak()];
        let [first, second] = names.map(longrun);
        assert_eq!(
            reload(&mut engine, &[&stays[..2], &[first, second.requires(names[0])]].concat(), &[], &mut pids),
            0
        );
        assert_eq!((engine.id_count(), engine.status().len()), (5, 5));
        assert_eq!(reload(&mut engine, &stays[..2], &[], &mut pids), 2);
        assert!(names.iter().all(|name| engine.id(&ServiceName::new(name).unwrap()).is_none()));
    }
    assert_eq!((engine.id_count(), engine.status().len()), (5, 3));
}

#[test]
fn an_id_is_reused_only_after_nothing_is_left_of_its_service() {
    let mut scenario = up(&[longrun("stays"), longrun("removed")], &["stays", "removed"]);
    let removed = scenario.id("removed");
    scenario.reload(&[longrun("stays")], &[]);
    scenario.exits("removed", 0);
    assert!(scenario.take_actions().contains(&Action::Remove { id: removed }));
    scenario.reload(&[longrun("stays"), longrun("early")], &[]);
    assert_ne!(scenario.id("early"), removed);
    scenario.send(Event::IdReleased { id: removed });
    scenario.reload(&[longrun("stays"), longrun("early"), longrun("late")], &[]);
    assert_eq!((scenario.id("late"), scenario.state("late")), (removed, "starting"));
}

#[test]
fn a_reload_updates_the_edges_of_changed_services_alone() {
    const ALL: usize = 1_000;
    let names: Vec<&'static str> = (0..ALL).map(|index| &*format!("s{index}").leak()).collect();
    let builders: Vec<SpecBuilder> = names.iter().map(|name| longrun(name)).collect();
    let mut engine = Supervisor::new(setup(&[&builders[..], &[main_command()]].concat(), Duration::from_secs(8)));
    let mut pids = 1;
    for action in engine.step(EngineTime::default(), Event::Begin) {
        if let Action::Spawn { id, .. } = action {
            pids += 1;
            engine.step(EngineTime::default(), Event::Spawned { id, pid: Pid(pids) });
            engine.step(EngineTime::default(), Event::Executed { id });
        }
    }
    reload(&mut engine, &builders, &["s500"], &mut pids);
    // Once when it is stopped, and once when its definition has changed.
    assert_eq!(engine.edge_updates(), 2);
}

#[test]
fn one_that_no_longer_holds_the_main_command_holds_it_only_until_it_was_started_again() {
    let db = longrun("db").notifies_ready(None);
    let mut scenario = Scenario::begun(&[db.clone(), main_command()]);
    scenario.executed("db");
    assert_eq!(scenario.state("main"), "waiting");
    scenario.reload(&[db.not_awaited()], &["db"]);
    assert_eq!(scenario.state("main"), "waiting");
    scenario.take_actions();
    scenario.exits("db", 0);
    assert_eq!(scenario.started(), ["db", "main"]);
}
