//! What is always true of the engine, over thousands of simulations: DESIGN §4, STYLE 3.9 and more.
//!
//! The simulations run once for all tests of this file (tests/support/engine/result_cache.rs: nextest gives each test a process
//! of its own); each test then looks for violations of its own property. A failure names the property, the seed, and the trace
//! of the smallest simulation that shows it. To see one simulation:
//! `STEPDOWN_SEED=123 cargo test --test all properties::the_simulation_of_a_seed -- --nocapture`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use stepdown::config::values::Signal;
use stepdown::supervise::{
    Action, EngineTime, Event, Exit, Id, Phase, Pid, ProbeResult, Request, SpawnError, SpawnStep, Supervisor,
};

use crate::support::engine::oracle::Property;
use crate::support::engine::result_cache;
use crate::support::engine::rng::Rng;
use crate::support::engine::simulation::Simulation;
use crate::support::engine::spec_builder::{longrun, main_command, oneshot, setup};
use crate::support::engine::transitions::{Kind, Reached, impossible};

/// How many simulations.
///
/// `STEPDOWN_SIMULATIONS` overrides it, for a soak.
const SIMULATIONS: u64 = 6_000;

/// The results of the simulations.
struct Outcome {
    reached: Reached,
    /// For each property, the smallest simulation that breaks it.
    violations: BTreeMap<Property, (usize, String)>,
}

fn simulations() -> u64 {
    std::env::var("STEPDOWN_SIMULATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(SIMULATIONS)
}

static OUTCOME: LazyLock<Outcome> = LazyLock::new(|| {
    let mut outcome = Outcome { reached: Reached::default(), violations: BTreeMap::new() };
    let simulations = simulations();
    for seed in 0..simulations {
        let mut simulation = Simulation::new(seed);
        simulation.run();
        outcome.reached.add(&simulation.reached);
        for (property, what) in &simulation.oracle.violations {
            let size = simulation.trace.len();
            if outcome.violations.get(property).is_none_or(|(smallest, _)| size < *smallest) {
                let text = format!("seed {}: {property:?}: {what}\n{}", simulation.seed, tail(&simulation.trace));
                outcome.violations.insert(*property, (size, text));
            }
        }
    }
    outcome
});

/// Returns the end of a trace, which shows the violation.
fn tail(trace: &[String]) -> String {
    const LINES: usize = 60;
    let cut = trace.len().saturating_sub(LINES);
    let skipped = if cut > 0 { format!("… {cut} lines before\n") } else { String::new() };
    skipped + &trace[cut..].join("\n")
}

/// The violations, from this process or from another that ran the same simulations.
static VIOLATIONS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    result_cache::once(&simulations().to_string(), || {
        let all = OUTCOME.violations.iter();
        all.map(|(property, (_, text))| (format!("{property:?}"), text.clone())).collect()
    })
});

fn holds(property: Property) {
    if let Some(text) = VIOLATIONS.get(&format!("{property:?}")) {
        panic!("{text}");
    }
}

macro_rules! properties {
    ($($name:ident: $property:ident,)*) => {
        $(#[test]
        fn $name() {
            holds(Property::$property);
        })*
    };
}

properties! {
    at_most_one_process_per_service: AtMostOneProcessPerService,
    only_live_processes_are_signalled: OnlyLiveProcessesAreSignalled,
    nothing_starts_before_its_requirements_are_up: NothingStartsBeforeItsRequirementsAreUp,
    nothing_starts_before_its_after_is_satisfied: NothingStartsBeforeItsAfterIsSatisfied,
    nothing_stops_before_its_dependents_are_down: NothingStopsBeforeItsDependentsAreDown,
    after_a_stop_request_nothing_starts: AfterAStopRequestNothingStarts,
    the_container_ends_within_its_budget: TheContainerEndsWithinItsBudget,
    there_is_exactly_one_exit_and_it_is_last: ThereIsExactlyOneExitAndItIsLast,
    no_deadline_lies_in_the_past: NoDeadlineLiesInThePast,
    the_deadline_is_the_next_due_time: TheDeadlineIsTheNextDueTime,
    a_tick_at_the_deadline_changes_the_state: ATickAtTheDeadlineChangesTheState,
    an_early_tick_changes_nothing: AnEarlyTickChangesNothing,
    back_off_never_shrinks_while_failing_and_has_a_cap: BackOffNeverShrinksWhileFailingAndHasACap,
    no_service_is_started_again_beyond_its_limit_or_policy: NoServiceIsStartedAgainBeyondItsLimitOrPolicy,
    a_stable_run_resets_the_back_off: AStableRunResetsTheBackOff,
    the_first_failure_after_coming_up_has_no_pause: TheFirstFailureAfterComingUpHasNoPause,
    starts_of_an_s6_service_are_an_interval_apart: StartsOfAnS6ServiceAreAnIntervalApart,
    the_exit_code_follows_the_rule: TheExitCodeFollowsTheRule,
    a_service_is_only_signalled_for_a_reason: AServiceIsOnlySignalledForAReason,
    stop_timeouts_are_given_in_full: StopTimeoutsAreGivenInFull,
    a_service_that_does_not_stop_is_killed: AServiceThatDoesNotStopIsKilled,
    leftovers_of_a_group_are_ended: LeftoversOfAGroupAreEnded,
    leftovers_of_a_oneshot_continue: LeftoversOfAOneshotContinue,
    a_stop_signal_is_the_right_one_and_followed_by_cont: AStopSignalIsTheRightOneAndFollowedByCont,
    a_finish_script_runs_once_after_each_end: AFinishScriptRunsOnceAfterEachEnd,
    a_permanent_failure_of_finish_is_obeyed: APermanentFailureOfFinishIsObeyed,
    a_service_that_may_start_starts_at_once: AServiceThatMayStartStartsAtOnce,
    a_service_that_may_stop_is_signalled_at_once: AServiceThatMayStopIsSignalledAtOnce,
    the_stop_begins_for_the_right_reason: TheStopBeginsForTheRightReason,
    a_failed_requirement_fails_its_waiting_dependents: AFailedRequirementFailsItsWaitingDependents,
    a_late_readiness_is_a_failure: ALateReadinessIsAFailure,
    a_oneshot_that_takes_too_long_has_failed: AOneshotThatTakesTooLongHasFailed,
    the_start_has_a_limit: TheStartHasALimit,
    the_second_reading_has_its_order: TheSecondReadingHasItsOrder,
    what_is_held_back_is_failed_and_never_starts: WhatIsHeldBackIsFailedAndNeverStarts,
    forwarded_signals_reach_only_a_living_main: ForwardedSignalsReachOnlyALivingMain,
    every_live_process_at_the_end_is_named: EveryLiveProcessAtTheEndIsNamed,
    a_waiting_main_command_is_reported: AWaitingMainCommandIsReported,
    status_matches_the_model: StatusMatchesTheModel,
    probes_run_one_at_a_time_and_when_due: ProbesRunOneAtATimeAndWhenDue,
    no_unneeded_probe_is_left_open: NoUnneededProbeIsLeftOpen,
    an_unhealthy_service_is_treated_as_declared: AnUnhealthyServiceIsTreatedAsDeclared,
    a_service_that_misses_its_watchdog_is_stopped: AServiceThatMissesItsWatchdogIsStopped,
    a_periodic_oneshot_runs_when_due: APeriodicOneshotRunsWhenDue,
    a_stop_command_runs_in_its_order: AStopCommandRunsInItsOrder,
    a_oneshot_without_a_program_is_done_at_once: AOneshotWithoutAProgramIsDoneAtOnce,
    a_request_is_carried_out: ARequestIsCarriedOut,
    a_reload_affects_only_changed_services: AReloadAffectsOnlyChangedServices,
    a_service_whose_order_changes_runs_on: AServiceWhoseOrderChangesRunsOn,
    a_changed_service_is_restarted_once: AChangedServiceIsRestartedOnce,
    a_removed_service_ends_and_stays_away: ARemovedServiceEndsAndStaysAway,
    the_id_of_a_removed_service_is_released_once: TheIdOfARemovedServiceIsReleasedOnce,
    every_simulation_ends: EverySimulationEnds,
}

#[test]
fn every_possible_pair_of_state_and_event_is_reached_and_no_other() {
    let reached = &OUTCOME.reached;
    let mut wrong = Vec::new();
    let mut possible = 0;
    let mut rarest = (u64::MAX, String::new());
    for phase in Phase::ALL {
        for kind in Kind::ALL {
            let count = reached.pair(phase, kind);
            match impossible(phase, kind) {
                None if count == 0 => wrong.push(format!("({phase:?}, {kind:?}) is possible and was never reached")),
                None => {
                    possible += 1;
                    rarest = rarest.min((count, format!("({phase:?}, {kind:?})")));
                }
                Some(reason) if count > 0 => {
                    wrong.push(format!("({phase:?}, {kind:?}) was reached {count} times, although {reason}"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = Phase::ALL.len() * Kind::ALL.len();
    println!("{possible} of {all} pairs are possible; each was reached, the rarest, {}, {} times", rarest.1, rarest.0);
    println!("{} different transitions", reached.0.len());
}

#[test]
fn one_seed_always_gives_the_same_trace() {
    for seed in 0..300 {
        let [first, second] = [0, 1].map(|_| {
            let mut simulation = Simulation::new(seed);
            simulation.run();
            simulation.trace
        });
        assert_eq!(first, second, "seed {seed}");
    }
}

/// Prints the trace of one simulation: that of `STEPDOWN_SEED`, or the first.
#[test]
fn the_simulation_of_a_seed() {
    let seed = std::env::var("STEPDOWN_SEED").map_or(0, |text| text.parse().expect("STEPDOWN_SEED is a number"));
    let mut simulation = Simulation::new(seed);
    simulation.run();
    println!("{}\n{:#?}", simulation.trace.join("\n"), simulation.oracle.violations);
    assert!(!simulation.trace.is_empty() && simulation.oracle.violations.is_empty());
}

/// An event that may be invalid.
fn any_event(rng: &mut Rng) -> Event {
    let id = if rng.percent(95) { Id(usize::try_from(rng.below(5)).expect("small")) } else { Id(usize::MAX) };
    let why = SpawnError::new(SpawnStep::Unknown, i32::MIN);
    let exit = if rng.percent(50) { Exit::Signal(Signal::KILL) } else { Exit::Code(rng.pick(&[0, 1, 125, 255])) };
    match rng.below(49) {
        40 => Event::Request(Request::Start(id)),
        41 => Event::Request(Request::Stop(id)),
        42 => Event::Request(Request::Restart(id)),
        43..=44 => Event::ProbeResult { id, result: ProbeResult::Pass },
        45 => Event::ProbeResult { id, result: ProbeResult::Fail(String::new()) },
        46 => Event::KeepAlive { id, within: Some(Duration::from_secs(rng.below(9))) },
        47 => Event::ExtendTimeout { id, by: Duration::from_secs(rng.below(9)) },
        48 => Event::RereadEnded,
        0 => Event::StopSignal(Signal::TERM),
        1 => Event::Request(Request::Shutdown { code: Some(3) }),
        2..=4 => Event::Begin,
        5..=6 => Event::Forward(Signal::HUP),
        7..=16 => Event::Spawned { id, pid: Pid(i32::try_from(rng.below(9)).expect("small")) },
        17..=19 => Event::SpawnFailed { id, why },
        20..=24 => Event::Executed { id },
        25..=26 => Event::Ready { id },
        27..=33 => Event::Exited { id, exit, group_left: rng.percent(50) },
        34..=36 => Event::GroupGone { id },
        _ => Event::Tick,
    }
}

#[test]
fn invalid_events_change_nothing_that_matters() {
    for seed in 0..5_000 {
        let mut rng = Rng::new(seed);
        let simulation = Simulation::new(seed);
        let mut engine = simulation.engine;
        let (mut now, mut latest) = (Duration::ZERO, Duration::ZERO);
        let mut exits = 0;
        let services = engine.status().len();
        for _ in 0..rng.below(200) {
            now = match rng.below(10) {
                0 => now.saturating_sub(Duration::from_secs(1)),
                1 => now + Duration::from_secs(rng.below(100)),
                _ => now + Duration::from_millis(rng.below(500)),
            };
            let actions = engine.step(EngineTime(now), any_event(&mut rng));
            assert!(exits == 0 || actions.is_empty(), "seed {seed}: {actions:?} after the exit");
            exits += actions.iter().filter(|action| matches!(action, Action::Exit(_))).count();
            let last = actions.iter().position(|action| matches!(action, Action::Exit(_)));
            assert!(last.is_none_or(|index| index + 1 == actions.len()), "seed {seed}: {actions:?}");
            latest = latest.max(now);
            assert!(
                engine.deadline().is_none_or(|index| index > EngineTime(latest)),
                "seed {seed}: {:?}",
                engine.deadline()
            );
            assert_eq!(engine.status().len(), services, "seed {seed}: only a reload adds or removes a service");
        }
        assert!(exits <= 1, "seed {seed}: {exits} exits");
    }
}

#[test]
fn the_container_ends_in_time_even_if_no_event_comes_any_more() {
    for seed in 0..3_000 {
        let mut rng = Rng::new(seed);
        let mut engine = Simulation::new(seed).engine;
        let mut now = EngineTime::default();
        let mut over = false;
        for event in (0..rng.below(100)).map(|_| any_event(&mut rng)).chain([Event::StopSignal(Signal::TERM)]) {
            over |= engine.step(now, event).iter().any(|action| matches!(action, Action::Exit(_)));
        }
        let limit = now.plus(Duration::from_millis(8_250));
        while let Some(deadline) = engine.deadline() {
            assert!(deadline > now && deadline <= limit, "seed {seed}: {deadline:?}");
            now = deadline;
            over |= engine.step(now, Event::Tick).iter().any(|action| matches!(action, Action::Exit(_)));
        }
        assert!(over, "seed {seed}: it never ended");
    }
}

/// Begins, executes whatever starts, and returns the order of the starts.
fn bring_up(engine: &mut Supervisor) -> Vec<Id> {
    let mut events = vec![Event::Begin];
    let mut order = Vec::new();
    while let Some(event) = events.pop() {
        for action in engine.step(EngineTime::default(), event) {
            if let Action::Spawn { id, .. } = action {
                order.push(id);
                events.push(Event::Executed { id });
                events.push(Event::Spawned { id, pid: Pid(1_000 + i32::try_from(id.0).expect("small")) });
            }
        }
    }
    order
}

#[test]
fn a_chain_of_ten_thousand_services_starts_and_stops_in_order_without_recursion() {
    const LENGTH: usize = 10_000;
    let names: Vec<&'static str> = (0..LENGTH).map(|index| &*Box::leak(format!("s{index}").into_boxed_str())).collect();
    let mut specs = setup(&[longrun("s")], Duration::from_secs(8));
    let one = specs.specs.remove(0);
    specs.specs = (0..LENGTH)
        .map(|index| stepdown::supervise::Spec {
            name: stepdown::config::values::ServiceName::new(names[index]).expect("a name"),
            requires: index.checked_sub(1).map(Id).into_iter().collect(),
            ..one.clone()
        })
        .collect();
    let mut engine = Supervisor::new(specs);
    let order = bring_up(&mut engine);
    assert!(order.iter().copied().eq((0..LENGTH).map(Id)));

    let mut events = vec![Event::StopSignal(Signal::TERM)];
    let mut stopped = Vec::new();
    let mut code = None;
    while let Some(event) = events.pop() {
        for action in engine.step(EngineTime::default(), event) {
            match action {
                Action::Signal { id, signal: Signal::TERM, .. } => {
                    stopped.push(id);
                    events.push(Event::Exited { id, exit: Exit::Signal(Signal::TERM), group_left: false });
                }
                Action::Exit(exit) => code = Some(exit),
                Action::Signal { .. } | Action::Report(_) | Action::Spawn { .. } => {}
                Action::Probe { .. }
                | Action::CancelProbe { .. }
                | Action::EndInput { .. }
                | Action::ApplyReload { .. } => {}
                Action::UntrackGroup { .. } | Action::Remove { .. } | Action::Reread => {}
            }
        }
    }
    assert!(stopped.iter().copied().eq((0..LENGTH).rev().map(Id)));
    assert_eq!(code, Some(0));
}

#[test]
fn a_cycle_that_got_past_the_configuration_neither_starts_nor_hangs_the_stop() {
    let builders =
        [longrun("a").requires("b"), longrun("b").requires("a"), longrun("c"), oneshot("d").after("a"), main_command()];
    let mut engine = Supervisor::new(setup(&builders, Duration::from_secs(8)));
    assert_eq!(bring_up(&mut engine), [Id(2)]);
    engine.step(EngineTime::default(), Event::StopSignal(Signal::TERM));
    let actions =
        engine.step(EngineTime::default(), Event::Exited { id: Id(2), exit: Exit::Code(0), group_left: false });
    assert_eq!(actions.last(), Some(&Action::Exit(0)));
}

#[test]
fn a_reload_that_reverses_a_dependency_keeps_the_stop_signals_of_those_below() {
    let budget = Duration::from_secs(8);
    let before = [longrun("x").requires("y").requires("z"), longrun("y"), longrun("z")];
    let mut engine = Supervisor::new(setup(&before, budget));
    bring_up(&mut engine);
    let after = setup(&[longrun("x").requires("z"), longrun("y").requires("x"), longrun("z")], budget);
    let changed = ["x", "y"].map(|name| stepdown::config::values::ServiceName::new(name).expect("a name"));
    engine.reload(EngineTime::default(), after, &changed.into());
    let ended = |id| Event::Exited { id, exit: Exit::Code(0), group_left: false };
    engine.step(EngineTime::default(), ended(Id(1)));
    engine.step(EngineTime::default(), Event::StopSignal(Signal::TERM));
    let actions = engine.step(EngineTime::default(), ended(Id(0)));
    let signalled =
        actions.iter().any(|action| matches!(action, Action::Signal { id: Id(2), signal: Signal::TERM, .. }));
    assert!(signalled, "{actions:?}");
}
