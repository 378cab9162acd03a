//! Probes of a service, and what their results mean: what it waits for outside the container, whether it is ready, whether
//! it is healthy; and its watchdog. One probe at a time; must not know who runs it, nor how.

use std::time::Duration;

use super::spec::{HealthRule, Readiness};
use super::state::{ProbeState, State, at_rest, pending, spawning};
use super::supervisor::Supervisor;
use super::timers::Slot;
use super::{Action, GivenUp, Id, ProbeKind, ProbeResult, Report, StopReason, Time};
use crate::config::probe::UnhealthyAction;

/// Between two probes of something outside the container.
pub const AWAIT_PAUSE: Duration = Duration::from_secs(1);
/// That it is still not there, or not ready, is reported again after this long, then after twice as long each time.
pub const AWAIT_REPORT_PAUSE: Duration = Duration::from_secs(5);
/// The longest of these pauses.
pub const AWAIT_REPORT_MAX_PAUSE: Duration = Duration::from_secs(300);
/// Between the first two readiness checks; the pauses double up to the configured one.
pub const FIRST_READY_PAUSE: Duration = Duration::from_millis(20);

impl Supervisor {
    /// Starts a probe.
    pub(super) fn probe(&mut self, id: Id, kind: ProbeKind) {
        self.services[id].probe_state.open = true;
        self.out.push(Action::Probe { id, kind });
    }

    /// Starts no more probes, and waits for no result.
    pub(super) fn cancel_probe(&mut self, id: Id) {
        self.timers.set(id, Slot::Probe, None);
        self.timers.set(id, Slot::Watchdog, None);
        let probe_state = &mut self.services[id].probe_state;
        if std::mem::take(&mut probe_state.open) {
            self.out.push(Action::CancelProbe { id });
        }
    }

    /// Waits for what it needs from outside.
    pub(super) fn begin_await(&mut self, id: Id) {
        self.set(id, State::Awaiting { at: 0, began: self.now, reported: None });
        self.probe(id, ProbeKind::Await(0));
    }

    pub(super) fn probe_result(&mut self, id: Id, result: ProbeResult) {
        if !std::mem::take(&mut self.services[id].probe_state.open) {
            return;
        }
        match (&self.services[id].state, result) {
            (State::Awaiting { .. }, result) => self.awaited(id, result),
            (State::Starting { run }, ProbeResult::Pass) => self.up(id, *run),
            (State::Starting { run }, ProbeResult::Fail(why)) => self.not_yet(id, run.started, why),
            (State::Up { .. }, result) => self.health_result(id, result),
            (State::Down | State::Waiting { .. } | State::Spawning | State::Stopping { .. }, _) => {}
            (State::Draining { .. } | State::FinishSpawning { .. } | State::Finishing { .. }, _) => {}
            (State::Lost { .. } | State::Backoff | State::Failed { .. } | State::Resting { .. } | State::Done, _) => {}
            (State::StopCommandSpawning | State::StopCommandRunning { .. }, _) => {}
        }
    }

    fn awaited(&mut self, id: Id, result: ProbeResult) {
        let (now, awaits) = (self.now, self.services[id].spec.awaits);
        let State::Awaiting { at, began, reported } = &mut self.services[id].state else { return };
        match result {
            ProbeResult::Pass => {
                *at = at.saturating_add(1);
                let next = *at;
                if next < awaits {
                    self.probe(id, ProbeKind::Await(next));
                } else {
                    self.work.push_back(id);
                }
            }
            ProbeResult::Fail(why) => {
                let (at, since) = (*at, now.since(*began));
                if reported.is_none_or(|reported| now.since(reported) >= report_pause(*began, reported)) {
                    *reported = Some(now);
                    self.report(Report::Awaiting { id, at, since, why });
                }
                self.timers.set(id, Slot::Probe, Some(now.plus(AWAIT_PAUSE)));
            }
        }
    }

    fn not_yet(&mut self, id: Id, started: Time, why: String) {
        let Readiness::Probed { interval, .. } = self.services[id].spec.ready else { return };
        let probe_state = &mut self.services[id].probe_state;
        let tries = probe_state.tries;
        probe_state.tries = tries.saturating_add(1);
        probe_state.not_ready = Some(why.clone());
        let last = probe_state.reported.unwrap_or(started);
        if self.now.since(last) >= report_pause(started, last) {
            probe_state.reported = Some(self.now);
            self.report(Report::NotYet { id, since: self.now.since(started), why });
        }
        let doubled = FIRST_READY_PAUSE.saturating_mul(1_u32.checked_shl(tries.min(16)).unwrap_or(u32::MAX));
        let pause = doubled.min(interval.max(FIRST_READY_PAUSE));
        self.timers.set(id, Slot::Probe, Some(self.now.plus(pause)));
    }

    /// It is up: its health check and its watchdog begin.
    pub(super) fn begin_health(&mut self, id: Id) {
        if let Some(HealthRule { interval, .. }) = self.services[id].spec.health {
            self.timers.set(id, Slot::Probe, Some(self.now.plus(interval)));
        }
        self.arm_watchdog(id);
    }

    fn health_result(&mut self, id: Id, result: ProbeResult) {
        let Some(rule) = self.services[id].spec.health else { return };
        self.timers.set(id, Slot::Probe, Some(self.now.plus(rule.interval)));
        let probe_state = &mut self.services[id].probe_state;
        let was_well = probe_state.healthy != Some(false);
        probe_state.consecutive = match (&result, was_well) {
            (ProbeResult::Pass, true) | (ProbeResult::Fail(_), false) => 0,
            (ProbeResult::Fail(_), true) | (ProbeResult::Pass, false) => probe_state.consecutive.saturating_add(1),
        };
        match result {
            ProbeResult::Pass if was_well => probe_state.healthy = Some(true),
            ProbeResult::Pass if probe_state.consecutive >= rule.successes.max(1) => {
                *probe_state = ProbeState { healthy: Some(true), ..ProbeState::default() };
                self.report(Report::Healthy { id });
            }
            ProbeResult::Fail(why) if was_well && probe_state.consecutive >= rule.failures.max(1) => {
                let failures = probe_state.consecutive;
                *probe_state =
                    ProbeState { healthy: Some(false), unhealthy_reason: Some(why.clone()), ..ProbeState::default() };
                self.report(Report::Unhealthy { id, failures, why: why.clone() });
                match rule.then {
                    UnhealthyAction::Restart => self.give_up_run(id, GivenUp::Unhealthy(why)),
                    UnhealthyAction::StopContainer => {
                        self.services[id].given_up = Some(GivenUp::Unhealthy(why));
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
            self.timers.set(id, Slot::Watchdog, until);
        }
    }

    /// The probe timer has expired.
    pub(super) fn probe_due(&mut self, id: Id) {
        match self.services[id].state {
            State::Awaiting { at, .. } => self.probe(id, ProbeKind::Await(at)),
            State::Starting { run } => match self.services[id].spec.ready {
                Readiness::Probed { .. } => self.probe(id, ProbeKind::Ready),
                Readiness::Delay(_) => self.up(id, run),
                Readiness::Executed | Readiness::Notified { .. } => {}
            },
            State::Up { .. } => self.probe(id, ProbeKind::Health),
            State::Stopping { .. } => self.end_input_timed_out(id),
            State::Waiting { .. } => self.report_main_wait(id),
            State::Draining { .. } | State::Finishing { .. } | State::Lost { .. } => {}
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
        self.give_up_run(id, GivenUp::Watchdog(after));
    }

    /// More time, from now on: to become ready, or to stop while the container goes on. Less than it has changes nothing.
    pub(super) fn extend(&mut self, id: Id, by: Duration) {
        let may = match self.services[id].state {
            State::Starting { .. } => true,
            State::Stopping { termination, .. } => !termination.kill_sent,
            State::Up { .. } | State::Draining { .. } | State::Finishing { .. } | State::Lost { .. } => false,
            State::StopCommandRunning { .. } => false,
            at_rest!() | pending!() | spawning!() => false,
        };
        let asked = self.now.plus(by);
        if may
            && self.container.is_running()
            && let Some(until) = self.timers.get(id, Slot::State)
        {
            self.timers.set(id, Slot::State, Some(Time::max(until, asked)));
        }
    }
}

/// Returns the pause before what began then, and was last reported then, is reported again: as long as it had lasted, so
/// that the pauses double.
pub(super) fn report_pause(began: Time, reported: Time) -> Duration {
    reported.since(began).clamp(AWAIT_REPORT_PAUSE, AWAIT_REPORT_MAX_PAUSE)
}
