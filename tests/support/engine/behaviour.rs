//! Random services, and how their processes behave.

use std::time::Duration;

use stepdown::config::probe::UnhealthyAction;
use stepdown::config::restart::{Restart, RestartPause, RestartPolicy};
use stepdown::config::service::{Kind, Stop};
use stepdown::config::values::{ServiceName, Signal};
use stepdown::supervise::{
    FinishRule, HealthRule, Id, LateStart, Readiness, RereadOrder, Spec, Start, StartLimit, StartTimeoutAction,
};

use super::rng::Rng;

/// How processes of a service behave: each is a chance in a hundred.
#[derive(Clone, Debug)]
pub struct Behaviour {
    pub cannot_spawn: u64,
    pub cannot_execute: u64,
    pub notifies_ready: u64,
    pub crashes: u64,
    pub stable: u64,
    pub succeeds: u64,
    pub ignores_signals: u64,
    pub frozen: u64,
    pub leaves_processes: u64,
    pub unkillable: u64,
    pub finish_fails_permanently: u64,
    /// Of its probes: one passes; and one has no result in time.
    pub probe_passes: u64,
    pub hangs: u64,
    /// It sends watchdog notifications, and extends its timeouts.
    pub sends_notifications: u64,
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns how a service's processes behave.
pub fn random_behaviour(rng: &mut Rng) -> Behaviour {
    // Each fault is absent for most services, and certain for some; half of all have no fault that prevents a start.
    let mut behaviour = Behaviour {
        cannot_spawn: rng.pick(&[0, 0, 0, 10, 100]),
        cannot_execute: rng.pick(&[0, 0, 0, 10, 100]),
        notifies_ready: rng.pick(&[100, 100, 70, 0]),
        crashes: rng.pick(&[0, 0, 50, 100]),
        stable: rng.pick(&[0, 0, 50]),
        succeeds: rng.pick(&[0, 50, 100]),
        ignores_signals: rng.pick(&[0, 0, 30, 100]),
        frozen: rng.pick(&[0, 0, 50]),
        leaves_processes: rng.pick(&[0, 0, 40, 100]),
        unkillable: rng.pick(&[0, 0, 0, 0, 20, 100]),
        finish_fails_permanently: rng.pick(&[0, 0, 20]),
        probe_passes: rng.pick(&[100, 90, 50, 0]),
        hangs: rng.pick(&[0, 0, 20]),
        sends_notifications: rng.pick(&[0, 0, 80]),
    };
    if rng.percent(50) {
        behaviour = Behaviour {
            cannot_spawn: 0,
            cannot_execute: 0,
            leaves_processes: 0,
            unkillable: 0,
            notifies_ready: 100,
            ..behaviour
        };
    }
    behaviour
}

/// Makes the upper half unkillable, with short stop timeouts, and the lower half slow to stop: many events can then come
/// while the stop continues without the former.
pub fn make_unkillable(rng: &mut Rng, specs: &mut [Spec], behaviours: &mut [Behaviour]) {
    let middle = specs.len() / 2;
    for (at, (spec, behaviour)) in specs.iter_mut().zip(behaviours).enumerate() {
        spec.start = Start::Wanted;
        behaviour.cannot_spawn = 0;
        behaviour.unkillable = if at >= middle { 100 } else { 0 };
        behaviour.ignores_signals = 100;
        if at >= middle {
            spec.stop.timeout = Some(milliseconds(rng.pick(&[0, 50])));
            behaviour.cannot_execute = rng.pick(&[0, 0, 100]);
            behaviour.leaves_processes = rng.pick(&[0, 50, 100]);
            behaviour.notifies_ready = 100;
        }
    }
}

/// Makes all of them crash and restart, and slow to stop: a stop then finds services that are starting again below
/// others that are up.
pub fn make_crashing(rng: &mut Rng, specs: &mut [Spec], behaviours: &mut [Behaviour]) {
    for (spec, behaviour) in specs.iter_mut().zip(behaviours).filter(|(spec, _)| !spec.is_main) {
        spec.start = Start::Wanted;
        spec.kind = Kind::Longrun;
        spec.essential = false;
        spec.restart.policy = RestartPolicy::Always;
        spec.restart.limit = None;
        spec.ready = Readiness::Notified { timeout: Some(milliseconds(rng.pick(&[1_000, 5_000]))) };
        *behaviour = Behaviour {
            cannot_spawn: 0,
            cannot_execute: 0,
            notifies_ready: 100,
            crashes: 60,
            ignores_signals: 50,
            ..behaviour.clone()
        };
    }
}

/// Makes each require the one before, and nothing fail: a request then goes through oneshots that are done.
pub fn make_chain(specs: &mut [Spec], behaviours: &mut [Behaviour]) {
    for (at, (spec, behaviour)) in specs.iter_mut().zip(behaviours).enumerate().filter(|(_, (spec, _))| !spec.is_main) {
        spec.start = Start::Wanted;
        spec.requires = at.checked_sub(1).map(Id).into_iter().collect();
        spec.after.clear();
        spec.wait_for_count = 0;
        *behaviour = Behaviour {
            cannot_spawn: 0,
            cannot_execute: 0,
            notifies_ready: 100,
            probe_passes: 100,
            hangs: 0,
            crashes: 0,
            stable: 0,
            succeeds: 100,
            unkillable: 0,
            ..behaviour.clone()
        };
    }
}

/// Makes some oneshots run nothing.
pub fn remove_programs<'s>(rng: &mut Rng, specs: impl IntoIterator<Item = &'s mut Spec>) {
    for spec in specs.into_iter().filter(|spec| spec.kind == Kind::Oneshot) {
        spec.has_program = !rng.percent(25);
    }
}

/// Returns the limit of a start, if it has one; makes some services hold no main command, and some fail for good if their first
/// start is late.
pub fn random_start_limit(rng: &mut Rng, specs: &mut [Spec]) -> Option<StartLimit> {
    for spec in specs.iter_mut().filter(|spec| !spec.is_main) {
        spec.holds_main = !rng.percent(15);
    }
    let timeout = milliseconds(rng.pick(&[50, 1_000, 7_000]));
    let then = rng.pick(&[StartTimeoutAction::StartMain, StartTimeoutAction::StopContainer]);
    let limit = rng.percent(30).then_some(StartLimit { timeout, then });
    random_late_starts(rng, specs);
    limit
}

/// Orders some services to a second reading of the definitions, in one of four simulations. Returns the index from which on
/// services may come after it: those before it depend on lower ones only.
pub fn random_rereading(rng: &mut Rng, specs: &mut [Spec]) -> Option<u64> {
    let first_after = rng.between(1, u64::try_from(specs.len()).unwrap_or(1));
    if !rng.percent(25) {
        return None;
    }
    for (at, spec) in (0..).zip(specs) {
        spec.reread = match (spec.is_main, at < first_after) {
            (true, _) => RereadOrder::After,
            (false, true) if rng.percent(60) => RereadOrder::Before,
            (false, false) if rng.percent(60) => RereadOrder::After,
            (false, _) => RereadOrder::Independent,
        };
        if spec.reread == RereadOrder::After && !spec.is_main && rng.percent(10) {
            spec.start = Start::HeldBack;
        }
    }
    Some(first_after)
}

fn random_late_starts(rng: &mut Rng, specs: &mut [Spec]) {
    for spec in specs.iter_mut().filter(|spec| spec.kind == Kind::Longrun && !spec.is_main) {
        if rng.percent(15) {
            spec.late_start = rng.pick(&[LateStart::Fail, LateStart::Fail, LateStart::StopContainer]);
        }
    }
}

/// Returns a main command: a plain one, or one that is described like a service.
pub fn random_main(rng: &mut Rng) -> Spec {
    if rng.percent(50) {
        return Spec::main();
    }
    let Spec { success_codes, ready, watchdog, health, stop, .. } = random_spec(rng, 0);
    let health = health.filter(|rule| rule.then != UnhealthyAction::Restart);
    let forwards_stop_signal = rng.percent(50);
    Spec { success_codes, ready, watchdog, health, stop, forwards_stop_signal, ..Spec::main() }
}

/// Returns a service that depends on earlier ones only.
pub fn random_spec(rng: &mut Rng, at: u64) -> Spec {
    let kind = if rng.percent(30) { Kind::Oneshot } else { Kind::Longrun };
    let policies = [RestartPolicy::Always, RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never];
    let neighbours = |rng: &mut Rng, percent: u64| -> Vec<Id> {
        (0..at).filter(|_| rng.percent(percent)).map(|on| Id(usize::try_from(on).expect("small"))).collect()
    };
    let timeout = |rng: &mut Rng, some: u64| rng.percent(some).then(|| milliseconds(rng.pick(&[50, 1_000, 5_000])));
    let density = rng.pick(&[0, 15, 30, 60]);
    let requires = neighbours(rng, density);
    let after = neighbours(rng, density);
    let after = after.into_iter().filter(|on| !requires.contains(on)).collect();
    let ready = if rng.percent(40) { Readiness::Notified { timeout: timeout(rng, 70) } } else { Readiness::Executed };
    let stop_timeout = if rng.percent(5) { Some(Duration::ZERO) } else { timeout(rng, 30) };
    let ready = match rng.below(10) {
        0 => Readiness::Delay(milliseconds(rng.pick(&[0, 15, 800, 4_000]))),
        1 | 2 => {
            let interval = milliseconds(rng.pick(&[0, 20, 500, 500]));
            Readiness::Probed { interval, timeout: timeout(rng, 70) }
        }
        _ => ready,
    };
    let health = rng.percent(25).then(|| HealthRule {
        interval: milliseconds(rng.pick(&[1_000, 5_000, 30_000])),
        failures: rng.pick(&[0, 1, 3]),
        successes: rng.pick(&[0, 1, 2]),
        then: rng.pick(&[
            UnhealthyAction::Restart,
            UnhealthyAction::Restart,
            UnhealthyAction::Report,
            UnhealthyAction::StopContainer,
        ]),
    });
    let every = rng.percent(25).then(|| milliseconds(rng.pick(&[1_000, 7_000, 60_000])));
    let pause = match rng.percent(75) {
        true => RestartPause::Backoff {
            delay: milliseconds(rng.pick(&[0, 1_000, 1_000, 400])),
            max_delay: milliseconds(rng.pick(&[0, 4_000, 30_000])),
        },
        false => RestartPause::StartInterval(milliseconds(1_000)),
    };
    let finish = rng.percent(30).then(|| FinishRule { timeout: timeout(rng, 80) });
    Spec {
        name: ServiceName::new(&format!("s{at}")).expect("a name"),
        kind,
        has_program: true,
        requires,
        after,
        restart: Restart {
            policy: rng.pick(&policies),
            pause,
            limit: rng.pick(&[None, Some(0), Some(1), Some(2), Some(3), Some(10)]),
        },
        success_codes: rng.pick::<&[u8]>(&[&[0], &[0], &[0, 143], &[]]).to_vec().into(),
        essential: rng.percent(15),
        ready,
        stop: Stop {
            signal: rng.pick(&[Signal::TERM, Signal::TERM, Signal::QUIT, Signal::TSTP]),
            timeout: stop_timeout,
            group: rng.percent(60),
        },
        finish: finish.filter(|_| kind == Kind::Longrun),
        start: rng.pick(&[
            Start::Wanted,
            Start::Wanted,
            Start::Wanted,
            Start::Wanted,
            Start::Wanted,
            Start::Down,
            Start::AlreadyDone,
            Start::Skipped,
        ]),
        late_start: LateStart::Restart,
        wait_for_count: rng.pick(&[0, 0, 0, 0, 0, 1, 2]),
        timeout: timeout(rng, 30).filter(|_| kind == Kind::Oneshot),
        every: every.filter(|_| kind == Kind::Oneshot),
        scheduled: false,
        watchdog: rng.percent(10).then(|| milliseconds(2_000)),
        health: health.filter(|_| kind == Kind::Longrun).map(Box::new),
        is_consumer: kind == Kind::Longrun && rng.percent(15),
        has_stop_command: kind == Kind::Oneshot && rng.percent(40),
        holds_main: true,
        reread: RereadOrder::Independent,
        is_main: false,
        forwards_stop_signal: false,
    }
}
