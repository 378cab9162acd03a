//! Questions about a service, and what their answers mean: what it waits for outside the container, whether it is ready,
//! whether it is well, whether it says that it is alive. One question at a time; who asks, and how, is not known here.

use std::time::Duration;

use super::spec::{HealthRule, Readiness};
use super::state::{ProbeState, State, at_rest, pending, spawning};
use super::supervisor::Supervisor;
use super::timers::Slot;
use super::{Action, GivenUp, Id, ProbeKind, ProbeResult, Report, StopReason, Time};
use crate::config::probe::UnhealthyAction;

/// Between two questions for something outside the container.
pub const AWAIT_PAUSE: Duration = Duration::from_secs(1);
/// That it is still not there, or not ready, is said again after this long, then after twice as long each time.
pub const AWAIT_SAID: Duration = Duration::from_secs(5);
/// The longest of these pauses.
pub const AWAIT_SAID_MOST: Duration = Duration::from_secs(300);
/// Between the first two questions whether it is ready; the pauses double up to the configured one.
pub const FIRST_READY_PAUSE: Duration = Duration::from_millis(20);

impl Supervisor {
    /// Asks.
    pub(super) fn look(&mut self, id: Id, look: ProbeKind) {
        self.services[id].looks.open = true;
        self.out.push(Action::Probe { id, look });
    }

    /// Asks nothing any more, and waits for no answer.
    pub(super) fn cancel_probe(&mut self, id: Id) {
        self.timers.set(id, Slot::Probe, None);
        self.timers.set(id, Slot::Watchdog, None);
        let looks = &mut self.services[id].looks;
        if std::mem::take(&mut looks.open) {
            self.out.push(Action::CancelProbe { id });
        }
    }

    /// Waits for what it needs from outside.
    pub(super) fn begin_await(&mut self, id: Id) {
        self.set(id, State::Awaiting { at: 0, began: self.now, said: None });
        self.look(id, ProbeKind::Await(0));
    }

    pub(super) fn looked(&mut self, id: Id, answer: ProbeResult) {
        if !std::mem::take(&mut self.services[id].looks.open) {
            return;
        }
        match (&self.services[id].state, answer) {
            (State::Awaiting { .. }, answer) => self.awaited(id, answer),
            (State::Starting { run }, ProbeResult::Pass) => self.up(id, *run),
            (State::Starting { run }, ProbeResult::Fail(why)) => self.not_yet(id, run.started, why),
            (State::Up { .. }, answer) => self.health_result(id, answer),
            (State::Down | State::Waiting { .. } | State::Spawning | State::Stopping { .. }, _) => {}
            (State::Draining { .. } | State::FinishSpawning { .. } | State::Finishing { .. }, _) => {}
            (State::Lost { .. } | State::Backoff | State::Failed { .. } | State::Resting { .. } | State::Done, _) => {}
            (State::StopCommandSpawning | State::StopCommandRunning { .. }, _) => {}
        }
    }

    fn awaited(&mut self, id: Id, answer: ProbeResult) {
        let (now, awaits) = (self.now, self.services[id].spec.awaits);
        let State::Awaiting { at, began, said } = &mut self.services[id].state else { return };
        match answer {
            ProbeResult::Pass => {
                *at = at.saturating_add(1);
                let next = *at;
                if next < awaits {
                    self.look(id, ProbeKind::Await(next));
                } else {
                    self.work.push_back(id);
                }
            }
            ProbeResult::Fail(why) => {
                let (at, since) = (*at, now.since(*began));
                if said.is_none_or(|said| now.since(said) >= said_again_after(*began, said)) {
                    *said = Some(now);
                    self.report(Report::Awaiting { id, at, since, why });
                }
                self.timers.set(id, Slot::Probe, Some(now.plus(AWAIT_PAUSE)));
            }
        }
    }

    fn not_yet(&mut self, id: Id, started: Time, why: String) {
        let Readiness::Probed { interval, .. } = self.services[id].spec.ready else { return };
        let looks = &mut self.services[id].looks;
        let tries = looks.tries;
        looks.tries = tries.saturating_add(1);
        looks.not_ready = Some(why.clone());
        let last = looks.said.unwrap_or(started);
        if self.now.since(last) >= said_again_after(started, last) {
            looks.said = Some(self.now);
            self.report(Report::NotYet { id, since: self.now.since(started), why });
        }
        let doubled = FIRST_READY_PAUSE.saturating_mul(1_u32.checked_shl(tries.min(16)).unwrap_or(u32::MAX));
        let pause = doubled.min(interval.max(FIRST_READY_PAUSE));
        self.timers.set(id, Slot::Probe, Some(self.now.plus(pause)));
    }

    /// It is up: from now on it is asked whether it is well.
    pub(super) fn begin_health(&mut self, id: Id) {
        if let Some(HealthRule { interval, .. }) = self.services[id].spec.health {
            self.timers.set(id, Slot::Probe, Some(self.now.plus(interval)));
        }
        self.arm_watchdog(id);
    }

    fn health_result(&mut self, id: Id, answer: ProbeResult) {
        let Some(rule) = self.services[id].spec.health else { return };
        self.timers.set(id, Slot::Probe, Some(self.now.plus(rule.interval)));
        let looks = &mut self.services[id].looks;
        let was_well = looks.healthy != Some(false);
        looks.against = match (&answer, was_well) {
            (ProbeResult::Pass, true) | (ProbeResult::Fail(_), false) => 0,
            (ProbeResult::Fail(_), true) | (ProbeResult::Pass, false) => looks.against.saturating_add(1),
        };
        match answer {
            ProbeResult::Pass if was_well => looks.healthy = Some(true),
            ProbeResult::Pass if looks.against >= rule.successes.max(1) => {
                *looks = ProbeState { healthy: Some(true), ..ProbeState::default() };
                self.report(Report::Healthy { id });
            }
            ProbeResult::Fail(why) if was_well && looks.against >= rule.failures.max(1) => {
                let failures = looks.against;
                *looks =
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

    pub(super) fn alive(&mut self, id: Id, within: Option<Duration>) {
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

    /// A question is due.
    pub(super) fn look_again(&mut self, id: Id) {
        match self.services[id].state {
            State::Awaiting { at, .. } => self.look(id, ProbeKind::Await(at)),
            State::Starting { run } => match self.services[id].spec.ready {
                Readiness::Probed { .. } => self.look(id, ProbeKind::Ready),
                Readiness::Lived(_) => self.up(id, run),
                Readiness::Executed | Readiness::Said { .. } => {}
            },
            State::Up { .. } => self.look(id, ProbeKind::Health),
            State::Stopping { .. } => self.end_input_timed_out(id),
            State::Waiting { .. } => self.report_main_wait(id),
            State::Draining { .. } | State::Finishing { .. } | State::Lost { .. } => {}
            State::Backoff | State::StopCommandRunning { .. } => {}
            at_rest!() | spawning!() => {}
        }
    }

    /// It says that it is not well.
    pub(super) fn trouble(&mut self, id: Id) {
        if self.container.is_running() && matches!(self.services[id].state, State::Up { .. }) {
            self.silent(id, None);
        }
    }

    /// It did not say in time that it is alive (or said that it is not well).
    pub(super) fn silent(&mut self, id: Id, after: Option<Duration>) {
        self.report(Report::Silent { id, after });
        self.give_up_run(id, GivenUp::Silent(after));
    }

    /// More time, from now on: to become ready, or to stop while the container goes on. Less than it has is no news.
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

/// Returns how long nothing is said of what began then and was last said then: as long as it had lasted, so that the pauses
/// double.
pub(super) fn said_again_after(began: Time, said: Time) -> Duration {
    said.since(began).clamp(AWAIT_SAID, AWAIT_SAID_MOST)
}
