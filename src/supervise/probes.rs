//! Probes of a service, and what their results mean: whether the targets of its `wait_for` are there, whether it is ready, whether
//! it is healthy; and its watchdog. One probe at a time; must not know who runs it, nor how.

use std::time::Duration;

use super::spec::Readiness;
use super::state::{ProbeState, State, at_rest, pending, spawning};
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{Action, EndedByUs, EngineTime, Id, ProbePurpose, ProbeResult, Report, StopReason};
use crate::config::probe::UnhealthyAction;

/// Between two probes of a `wait_for` target.
pub const WAIT_FOR_PAUSE: Duration = Duration::from_secs(1);
/// That it is still not there, or not ready, is reported again after this long, then after twice as long each time.
pub const WAIT_REPORT_PAUSE: Duration = Duration::from_secs(5);
/// The longest of these pauses.
pub const MAX_WAIT_REPORT_PAUSE: Duration = Duration::from_secs(300);
/// Between the first two readiness checks; the pauses double up to the configured one.
pub const FIRST_READY_PAUSE: Duration = Duration::from_millis(20);

impl Supervisor {
    /// Starts a probe.
    pub(super) fn probe(&mut self, id: Id, purpose: ProbePurpose) {
        self.services[id].probe_state.get_mut().open = true;
        self.out.push(Action::Probe { id, purpose });
    }

    /// Starts no more probes, and waits for no result.
    pub(super) fn cancel_probe(&mut self, id: Id) {
        self.timers.set(id, TimerKind::Secondary, None);
        self.timers.set(id, TimerKind::Watchdog, None);
        if self.services[id].probe_state.close() {
            self.out.push(Action::CancelProbe { id });
        }
    }

    /// Begins to probe the targets of its `wait_for`.
    pub(super) fn begin_wait_for(&mut self, id: Id) {
        self.set(id, State::WaitForProbing { at: 0, began: self.now, reported: None });
        self.probe(id, ProbePurpose::WaitFor(0));
    }

    pub(super) fn probe_result(&mut self, id: Id, result: ProbeResult) {
        if !self.services[id].probe_state.close() {
            return;
        }
        match (&self.services[id].state, result) {
            (State::WaitForProbing { .. }, result) => self.wait_for_result(id, result),
            (State::Starting { run }, ProbeResult::Pass) => self.up(id, *run),
            (State::Starting { run }, ProbeResult::Fail(why)) => self.still_not_ready(id, run.started, why),
            (State::Up { .. }, result) => self.health_result(id, result),
            (State::Down | State::Waiting { .. } | State::Spawning | State::Stopping { .. }, _) => {}
            (State::StoppingGroup { .. } | State::FinishSpawning { .. } | State::Finishing { .. }, _) => {}
            (
                State::Unkillable { .. }
                | State::Backoff
                | State::Failed { .. }
                | State::Scheduled
                | State::Resting
                | State::Done,
                _,
            ) => {}
            (State::StopCommandSpawning | State::StopCommandRunning { .. }, _) => {}
        }
    }

    fn wait_for_result(&mut self, id: Id, result: ProbeResult) {
        let (now, wait_for_count) = (self.now, self.services[id].spec.wait_for_count);
        let State::WaitForProbing { at, began, reported } = &mut self.services[id].state else { return };
        match result {
            ProbeResult::Pass => {
                *at = at.saturating_add(1);
                let next = *at;
                if next < wait_for_count {
                    self.probe(id, ProbePurpose::WaitFor(next));
                } else {
                    self.to_evaluate.push_back(id);
                }
            }
            ProbeResult::Fail(why) => {
                let (at, since) = (*at, now.since(*began));
                if reported.is_none_or(|reported| now.since(reported) >= report_pause(*began, reported)) {
                    *reported = Some(now);
                    self.report(Report::WaitForFails { id, at, since, why });
                }
                self.timers.set(id, TimerKind::Secondary, Some(now.plus(WAIT_FOR_PAUSE)));
            }
        }
    }

    fn still_not_ready(&mut self, id: Id, started: EngineTime, why: String) {
        let Readiness::Probed { interval, .. } = self.services[id].spec.ready else { return };
        let probe_state = self.services[id].probe_state.get_mut();
        let tries = probe_state.tries;
        probe_state.tries = tries.saturating_add(1);
        probe_state.not_ready = Some(why.clone());
        let last = probe_state.reported.unwrap_or(started);
        if self.now.since(last) >= report_pause(started, last) {
            probe_state.reported = Some(self.now);
            self.report(Report::StillNotReady { id, since: self.now.since(started), why });
        }
        let doubled = FIRST_READY_PAUSE.saturating_mul(1_u32.checked_shl(tries.min(16)).unwrap_or(u32::MAX));
        let pause = doubled.min(interval.max(FIRST_READY_PAUSE));
        self.timers.set(id, TimerKind::Secondary, Some(self.now.plus(pause)));
    }

    /// It is up: its health check and its watchdog begin.
    pub(super) fn begin_health(&mut self, id: Id) {
        if let Some(rule) = self.services[id].spec.health.as_deref() {
            self.timers.set(id, TimerKind::Secondary, Some(self.now.plus(rule.interval)));
        }
        self.arm_watchdog(id);
    }

    fn health_result(&mut self, id: Id, result: ProbeResult) {
        let Some(rule) = self.services[id].spec.health.as_deref().copied() else { return };
        self.timers.set(id, TimerKind::Secondary, Some(self.now.plus(rule.interval)));
        let probe_state = self.services[id].probe_state.get_mut();
        let was_healthy = probe_state.healthy != Some(false);
        probe_state.consecutive = match (&result, was_healthy) {
            (ProbeResult::Pass, true) | (ProbeResult::Fail(_), false) => 0,
            (ProbeResult::Fail(_), true) | (ProbeResult::Pass, false) => probe_state.consecutive.saturating_add(1),
        };
        match result {
            ProbeResult::Pass if was_healthy => probe_state.healthy = Some(true),
            ProbeResult::Pass if probe_state.consecutive >= rule.successes.max(1) => {
                *probe_state = ProbeState { healthy: Some(true), ..ProbeState::default() };
                self.report(Report::Healthy { id });
            }
            ProbeResult::Fail(why) if was_healthy && probe_state.consecutive >= rule.failures.max(1) => {
                let failures = probe_state.consecutive;
                *probe_state =
                    ProbeState { healthy: Some(false), unhealthy_reason: Some(why.clone()), ..ProbeState::default() };
                self.report(Report::Unhealthy { id, failures, why: why.clone() });
                match rule.then {
                    UnhealthyAction::Restart => self.end_run(id, EndedByUs::Unhealthy(why)),
                    UnhealthyAction::StopContainer => {
                        self.services[id].ended_by_us = Some(Box::new(EndedByUs::Unhealthy(why)));
                        self.begin_stop(StopReason::Unhealthy(id));
                    }
                    UnhealthyAction::Report => {}
                }
            }
            ProbeResult::Pass | ProbeResult::Fail(_) => {}
        }
    }

    pub(super) fn keep_alive(&mut self, id: Id, within: Option<Duration>) {
        if within.is_some() {
            self.services[id].watchdog = within.filter(|within| !within.is_zero());
        }
        self.arm_watchdog(id);
    }

    /// The watchdog runs while it is up, as under systemd.
    fn arm_watchdog(&mut self, id: Id) {
        let running = self.container.is_running();
        if running && matches!(self.services[id].state, State::Up { .. }) {
            let until = self.services[id].watchdog.map(|within| self.now.plus(within));
            self.timers.set(id, TimerKind::Watchdog, until);
        }
    }

    /// The probe timer has expired.
    pub(super) fn probe_due(&mut self, id: Id) {
        match self.services[id].state {
            State::WaitForProbing { at, .. } => self.probe(id, ProbePurpose::WaitFor(at)),
            State::Starting { run } => match self.services[id].spec.ready {
                Readiness::Probed { .. } => self.probe(id, ProbePurpose::Ready),
                Readiness::Delay(_) => self.up(id, run),
                Readiness::Executed | Readiness::Notified { .. } => {}
            },
            State::Up { .. } => self.probe(id, ProbePurpose::Health),
            State::Stopping { .. } => self.end_input_timed_out(id),
            State::Waiting { .. } => self.report_main_wait(id),
            State::StoppingGroup { .. } | State::Finishing { .. } | State::Unkillable { .. } => {}
            State::Backoff | State::StopCommandRunning { .. } => {}
            at_rest!() | spawning!() => {}
        }
    }

    /// It notified WATCHDOG=trigger.
    pub(super) fn watchdog_trigger(&mut self, id: Id) {
        if self.container.is_running() && matches!(self.services[id].state, State::Up { .. }) {
            self.watchdog_expired(id, None);
        }
    }

    /// Its watchdog notification did not come in time (or was WATCHDOG=trigger).
    pub(super) fn watchdog_expired(&mut self, id: Id, after: Option<Duration>) {
        self.report(Report::Watchdog { id, after });
        self.end_run(id, EndedByUs::Watchdog(after));
    }

    /// More time, from now on: to become ready, or to stop while the container goes on. Less than it has changes nothing.
    pub(super) fn extend(&mut self, id: Id, by: Duration) {
        let may = match self.services[id].state {
            State::Starting { .. } => true,
            State::Stopping { termination, .. } => !termination.kill_sent,
            State::Up { .. } | State::StoppingGroup { .. } | State::Finishing { .. } | State::Unkillable { .. } => {
                false
            }
            State::StopCommandRunning { .. } => false,
            at_rest!() | pending!() | spawning!() => false,
        };
        let requested = self.now.plus(by);
        if may
            && self.container.is_running()
            && let Some(until) = self.timers.get(id, TimerKind::State)
        {
            self.timers.set(id, TimerKind::State, Some(EngineTime::max(until, requested)));
        }
    }
}

/// Returns the pause before what began then, and was last reported then, is reported again: as long as it had lasted, so
/// that the pauses double.
pub(super) fn report_pause(began: EngineTime, reported: EngineTime) -> Duration {
    reported.since(began).clamp(WAIT_REPORT_PAUSE, MAX_WAIT_REPORT_PAUSE)
}
