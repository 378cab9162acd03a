//! The oracle's model of probes and of what services report about themselves: readiness, watchdog, extended timeouts.

use std::time::Duration;

use stepdown::config::probe::UnhealthyAction;
use stepdown::supervise::{EngineTime, Id, ProbePurpose, ProbeResult, Readiness, Role};

use super::constants::{FIRST_READY_PAUSE, WAIT_FOR_PAUSE};
use super::{Oracle, ProcessModel, Property, Reason, ServiceModel, ServiceState};

impl Oracle {
    /// Its program was executed.
    pub fn executed(&mut self, id: Id) {
        let judged = self.services[id.0].wanted && self.stop.is_none() && !self.is_oneshot(id);
        let Some(proc) = self.proc_mut(id) else { return };
        if proc.role != Role::Run || !proc.leader {
            return;
        }
        proc.executed = true;
        let (started, starting) = (proc.started, proc.up_at.is_none() && !proc.stop_sent && proc.killed_at.is_none());
        match self.services[id.0].spec.ready {
            Readiness::Executed => self.up(id),
            Readiness::Probed { .. } if judged && starting => self.services[id.0].probe.due = Some(self.now),
            Readiness::Delay(time) if judged && starting => {
                self.services[id.0].probe.due = Some(started.plus(time).max(self.now));
            }
            Readiness::Notified { .. } | Readiness::Probed { .. } | Readiness::Delay(_) => {}
        }
    }

    /// What is done, no longer wanted and has no stop command becomes down once nothing needs it.
    fn stop_what_is_not_needed(&mut self) {
        let idle = |me: &Self, id: Id| {
            let ServiceModel { state, wanted, spec, pending_spec, .. } = &me.services[id.0];
            let done = matches!(state, ServiceState::Resting(_) | ServiceState::Done)
                && !spec.has_stop_command
                && pending_spec.is_none();
            done && !wanted && !me.is_needed(id)
        };
        while let Some(id) = self.ids().find(|id| self.running() && idle(self, *id)) {
            self.services[id.0].state = ServiceState::Down;
        }
    }

    /// What follows from time alone: services that ran long enough to be ready, periodic oneshots that are due.
    pub fn advance_time(&mut self) {
        self.stop_what_is_not_needed();
        self.abandon_leftovers();
        for id in self.ids() {
            let now = self.now;
            let lives = matches!(self.services[id.0].spec.ready, Readiness::Delay(_)) && self.is_starting(id);
            if lives && self.stop.is_none() && self.services[id.0].probe.due.is_some_and(|due| due <= now) {
                self.up(id);
            }
            if self.services[id.0].pending_spec.is_some() && !self.has_process(id) {
                continue;
            }
            let unwanted = self.stop.is_none() && self.begun && !self.services[id.0].wanted;
            match self.services[id.0].state {
                ServiceState::Resting(until) if unwanted && until <= now => {
                    self.services[id.0].state = ServiceState::Down
                }
                ServiceState::Resting(until)
                    if until <= now && self.stop.is_none() && !self.obligations.periodic_ends.contains_key(&id) =>
                {
                    self.services[id.0].state = ServiceState::Pending(until);
                    self.fail_if_requirement_failed(id);
                }
                _ => {}
            }
        }
    }

    /// Leftovers that KILL did not end are untracked.
    fn abandon_leftovers(&mut self) {
        for id in self.ids() {
            let late = |proc: &&ProcessModel| {
                !proc.leader && !proc.unkillable && proc.gone_by.is_some_and(|by| by <= self.now)
            };
            let Some(pid) = self.proc(id).filter(late).map(|proc| proc.pid) else { continue };
            if self.stop.is_none() {
                self.obligations.leftovers_abandoned.insert(id, pid);
                self.group_gone(id);
            }
        }
    }

    fn is_starting(&self, id: Id) -> bool {
        let starting = |proc: &ProcessModel| {
            proc.role == Role::Run && proc.leader && proc.up_at.is_none() && !proc.stop_sent && proc.killed_at.is_none()
        };
        self.proc(id).is_some_and(starting)
    }

    pub fn is_up(&self, id: Id) -> bool {
        let up = |proc: &ProcessModel| {
            proc.role == Role::Run && proc.leader && proc.up_at.is_some() && !proc.stop_sent && proc.killed_at.is_none()
        };
        self.proc(id).is_some_and(up)
    }

    pub fn probe_result(&mut self, id: Id, result: &ProbeResult) {
        let now = self.now;
        if self.services[id.0].probe.open.take().is_none() || self.stop.is_some() {
            return;
        }
        let passed = *result == ProbeResult::Pass;
        if let ServiceState::WaitForProbing(at) = self.services[id.0].state {
            if passed {
                self.services[id.0].state = ServiceState::WaitForProbing(at + 1);
            }
            let all = passed && at + 1 >= self.services[id.0].spec.wait_for_count;
            self.services[id.0].probe.due =
                if passed { Some(now).filter(|_| !all) } else { Some(now.plus(WAIT_FOR_PAUSE)) };
        } else if self.is_starting(id) {
            if passed {
                return self.up(id);
            }
            let Readiness::Probed { interval, .. } = self.services[id.0].spec.ready else { return };
            let probe = &mut self.services[id.0].probe;
            let pause =
                (0..probe.attempts).fold(FIRST_READY_PAUSE, |pause, _| (pause * 2).min(Duration::from_secs(3600)));
            probe.attempts += 1;
            probe.due = Some(now.plus(pause.min(interval.max(FIRST_READY_PAUSE))));
        } else if self.is_up(id) {
            self.health_result(id, passed);
        }
    }

    fn health_result(&mut self, id: Id, passed: bool) {
        let Some(rule) = self.services[id.0].spec.health.as_deref().copied() else { return };
        let now = self.now;
        let probe = &mut self.services[id.0].probe;
        probe.due = Some(now.plus(rule.interval));
        let was_healthy = probe.healthy != Some(false);
        if passed == was_healthy {
            probe.opposite_results = 0;
            probe.healthy = Some(passed);
            return;
        }
        probe.opposite_results += 1;
        let enough = if passed { rule.successes.max(1) } else { rule.failures.max(1) };
        if probe.opposite_results < enough {
            return;
        }
        probe.opposite_results = 0;
        probe.healthy = Some(passed);
        if passed {
            self.obligations.healthy.insert(id);
            return;
        }
        self.obligations.unhealthy.insert(id);
        match rule.then {
            UnhealthyAction::Restart => drop(self.obligations.unhealthy_stop.insert(id)),
            UnhealthyAction::StopContainer => self.begin_stop(Reason::Unhealthy(id)),
            UnhealthyAction::Report => {}
        }
    }

    pub fn alive_notification(&mut self, id: Id, within: Option<Duration>) {
        let now = self.now;
        if let Some(within) = within {
            self.services[id.0].watchdog = Some(within).filter(|within| !within.is_zero());
        }
        let watchdog = self.services[id.0].watchdog;
        if self.is_up(id) && self.begun && self.stop.is_none() {
            let proc = self.proc_mut(id).expect("it is up");
            proc.watchdog_at = watchdog.map(|within| now.plus(within));
        }
    }

    pub fn timeout_extended(&mut self, id: Id, by: Duration) {
        let until = self.now.plus(by);
        if self.stop.is_some() {
            return;
        }
        let Some(proc) = self.proc_mut(id) else { return };
        if proc.role != Role::Run || !proc.leader || proc.killed_at.is_some() {
            return;
        }
        if proc.stop_sent {
            proc.kill_by = proc.kill_by.map(|by| by.max(until));
        } else if proc.up_at.is_none() {
            proc.ready_by = proc.ready_by.map(|by| by.max(until));
        }
    }

    pub fn running(&self) -> bool {
        self.begun && self.stop.is_none()
    }

    /// Judges the start of a probe.
    pub fn judge_probe(&mut self, id: Id, purpose: ProbePurpose) {
        let now = self.now;
        let property = Property::ProbesRunOneAtATimeAndWhenDue;
        let open = self.services[id.0].probe.open;
        self.check(open.is_none(), property, || format!("{id:?}: {purpose:?} while {open:?} is under way"));
        self.check(self.running(), Property::AfterAStopRequestNothingStarts, || format!("{id:?}: {purpose:?}"));
        let due = self.services[id.0].probe.due;
        let in_time = due.is_some_and(|due| due <= now);
        let fits = match (purpose, &self.services[id.0].state) {
            (ProbePurpose::WaitFor(0), ServiceState::Pending(from)) => {
                let may = *from <= now && self.may_start(id);
                self.services[id.0].state = ServiceState::WaitForProbing(0);
                may
            }
            (ProbePurpose::WaitFor(at), ServiceState::WaitForProbing(next)) => at == *next && in_time,
            (ProbePurpose::Ready, ServiceState::Live(_)) => self.is_starting(id) && in_time,
            (ProbePurpose::Health, ServiceState::Live(_)) => self.is_up(id) && in_time,
            _ => false,
        };
        let state = self.services[id.0].state.clone();
        self.check(fits, property, || format!("{id:?}: {purpose:?} of {state:?}, due {due:?}, now {now:?}"));
        self.services[id.0].probe.open = Some(purpose);
        self.services[id.0].probe.due = None;
    }

    pub fn judge_cancelled_probe(&mut self, id: Id) {
        let open = self.services[id.0].probe.open.take();
        self.check(open.is_some(), Property::NoUnneededProbeIsLeftOpen, || format!("{id:?}: no probe is under way"));
    }

    /// Whether all that it requires is up and all that it is after is satisfied.
    pub fn may_start(&self, id: Id) -> bool {
        let spec = &self.services[id.0].spec;
        !self.waits_for_rereading(id)
            && spec.requires.iter().all(|on| self.satisfies_requires(*on))
            && spec.after.iter().all(|on| self.satisfies_after(*on) || (spec.is_main && !self.holds_main(*on)))
    }

    /// Checks that each due probe was started, and that nothing is probed that is not there.
    pub fn check_probes(&mut self, id: Id) {
        let now = self.now;
        let probe = self.services[id.0].probe.clone();
        let requested = matches!(self.services[id.0].state, ServiceState::WaitForProbing(_))
            || self.is_starting(id)
            || self.is_up(id);
        let requested = requested && self.stop.is_none();
        self.check(requested || probe.open.is_none(), Property::NoUnneededProbeIsLeftOpen, || {
            format!("{id:?}: {probe:?}")
        });
        let late = requested && probe.open.is_none() && probe.due.is_some_and(|due| due <= now);
        self.check(!late, Property::ProbesRunOneAtATimeAndWhenDue, || format!("{id:?}: {probe:?}, now {now:?}"));
        let watchdog_expired = self.proc(id).and_then(|proc| proc.watchdog_at).is_some_and(|at| at <= now);
        let watchdog_expired = watchdog_expired && self.is_up(id) && self.stop.is_none();
        self.check(!watchdog_expired, Property::AServiceThatMissesItsWatchdogIsStopped, || {
            format!("{id:?} since before {now:?}")
        });
    }

    /// Returns when the next probe, or the end of the watchdog time, is due.
    pub fn next_probe(&self, id: Id) -> Option<EngineTime> {
        if self.stop.is_some() {
            return None;
        }
        let due = self.services[id.0].probe.due.filter(|_| self.services[id.0].probe.open.is_none());
        match &self.services[id.0].state {
            ServiceState::WaitForProbing(_) => due,
            ServiceState::Live(proc) if self.is_up(id) => due.into_iter().chain(proc.watchdog_at).min(),
            ServiceState::Live(_) if self.is_starting(id) => due,
            _ => None,
        }
    }
}
