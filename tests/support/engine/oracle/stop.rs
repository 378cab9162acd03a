//! The oracle's model of the stop: reasons, layers, budget, exit code.

use std::collections::BTreeMap;
use std::time::Duration;

use stepdown::supervise::{EngineTime, Exit, Id, Role};

use super::constants::{LAYER_RESERVE, REAP_GRACE};
use super::{Oracle, Property, Reason, ServiceState, Stopping};

/// The code that a parent would see.
pub fn code_of(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => u8::try_from(128 + signal.number()).expect("a signal has a small number"),
    }
}

impl Oracle {
    /// The container ends now, for this reason, unless it does already.
    pub fn begin_stop(&mut self, reason: Reason) {
        if self.stop.is_some() {
            return;
        }
        self.blocked_code = self.main().filter(|id| !self.services[id.0].was_started).and_then(|_| {
            let failing = |id: Id| self.services[id.0].failing.filter(|_| self.holds_main(id));
            self.ids().filter(|id| self.main != Some(*id)).find_map(failing)
        });
        let layers: BTreeMap<Id, u32> = self.ids().map(|id| (id, self.later_layers(id))).collect();
        let most = self.ids().map(|id| layers[&id] + 1).max().unwrap_or(1);
        let total = self.now.plus(self.stop_timeout);
        let reserve = LAYER_RESERVE.min(self.stop_timeout / most);
        let mut stop = Stopping {
            reason,
            at: self.now,
            layer_end: BTreeMap::new(),
            kill_at: BTreeMap::new(),
            total,
            over_at: None,
            announced: false,
        };
        for id in self.ids() {
            let end = EngineTime(total.0 - reserve * layers[&id]);
            stop.layer_end.insert(id, end);
            let share = if self.services[id.0].spec.finish.is_some() { reserve / 2 } else { Duration::ZERO };
            stop.kill_at.insert(id, EngineTime(end.0 - share));
        }
        self.stop = Some(stop);
        for id in self.ids() {
            let (kill_at, layer_end) = (self.kill_at(id), self.layer_end(id));
            match self.services[id.0].state {
                ServiceState::Pending(_) | ServiceState::WaitForProbing(_) => {
                    self.services[id.0].state = ServiceState::Down
                }
                ServiceState::Resting(_) if self.services[id.0].spec.has_stop_command => {
                    self.services[id.0].state = ServiceState::Done
                }
                ServiceState::Resting(_) => self.services[id.0].state = ServiceState::Down,
                // Nothing of it is left that could stop.
                ServiceState::Done if self.services[id.0].removed && !self.services[id.0].spec.has_stop_command => {
                    self.services[id.0].state = ServiceState::Down;
                }
                _ => {}
            }
            self.services[id.0].wanted = false;
            if let Some(proc) = self.proc_mut(id) {
                let bound = if proc.role == Role::Finish && proc.leader { layer_end } else { kill_at };
                if proc.role != Role::Run || !proc.leader || proc.stop_sent {
                    proc.kill_by = Some(proc.kill_by.map_or(bound, |by| by.min(bound)));
                }
            }
        }
    }

    /// How many layers of the stop come later: the longest path down over services with processes.
    fn later_layers(&self, id: Id) -> u32 {
        let spec = &self.services[id.0].spec;
        let below = spec.requires.iter().chain(&spec.after);
        below
            .map(|on| self.later_layers(*on) + u32::from(self.has_process(*on) || self.needs_stop_command(*on)))
            .max()
            .unwrap_or(0)
    }

    fn layer_end(&self, id: Id) -> EngineTime {
        self.stop.as_ref().map_or(self.now, |stop| stop.layer_end[&id].max(self.now))
    }

    /// When something that is sent the stop signal now has to be killed.
    pub fn kill_at(&self, id: Id) -> EngineTime {
        let own = self.services[id.0].spec.stop.timeout.map(|timeout| self.now.plus(timeout));
        match &self.stop {
            None => own.unwrap_or(self.now.plus(self.stop_timeout)),
            Some(stop) => own.map_or(stop.kill_at[&id], |own| own.min(stop.kill_at[&id])).max(self.now),
        }
    }

    /// When a finish script that starts now has to be killed.
    pub fn finish_by(&self, id: Id) -> Option<EngineTime> {
        let own = self.services[id.0].spec.finish.and_then(|rule| rule.timeout).map(|timeout| self.now.plus(timeout));
        match &self.stop {
            None => own,
            Some(stop) if stop.over_at.is_some() => Some(self.now),
            Some(_) => Some(own.map_or(self.layer_end(id), |own| own.min(self.layer_end(id)))),
        }
    }

    /// Every process has to be killed now.
    pub fn end_budget(&mut self) {
        let now = self.now;
        match &mut self.stop {
            Some(stop) if stop.over_at.is_none() => stop.over_at = Some(now),
            Some(_) | None => return,
        }
        for id in self.ids() {
            if let Some(proc) = self.proc_mut(id) {
                proc.kill_by = Some(proc.kill_by.map_or(now, |by| by.min(now)));
            }
        }
    }

    /// Whether the budget is over for all services.
    pub fn budget_is_over(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.over_at.is_some())
    }

    /// Whether everything that depends on it, directly or not, has ended or is unkillable.
    pub fn may_stop(&self, id: Id) -> bool {
        let there = |other: Id| self.has_process(other) || (self.needs_stop_command(other) && !self.budget_is_over());
        !self.ids().any(|other| self.below[&other].contains(&id) && there(other))
    }

    /// Checks that the stop goes on, and is over in time.
    pub fn check_stop(&mut self) {
        let Some(stop) = self.stop.clone() else { return };
        let now = self.now;
        self.check(stop.announced, Property::TheStopBeginsForTheRightReason, || {
            format!("the stop was not begun: {:?}", stop.reason)
        });
        let limit = stop.over_at.unwrap_or(stop.total).plus(REAP_GRACE);
        self.check(now < limit, Property::TheContainerEndsWithinItsBudget, || {
            format!("began {:?}, limit {limit:?}, now {now:?}", stop.at)
        });
        let left = self.ids().any(|id| self.has_process(id));
        self.check(left, Property::TheContainerEndsWithinItsBudget, || "nothing is left, and it lives on".to_owned());
        for id in self.ids() {
            let turn = self.may_stop(id);
            let stop_command_ended = turn && self.needs_stop_command(id) && !self.budget_is_over();
            self.check(!stop_command_ended, Property::AStopCommandRunsInItsOrder, || format!("{id:?} is still done"));
            let Some(proc) = self.proc(id).cloned() else { continue };
            let unsignalled = proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.killed_at.is_none();
            self.check(!(turn && unsignalled), Property::AServiceThatMayStopIsSignalledAtOnce, || {
                format!("{id:?} {proc:?}")
            });
            let overdue = proc.killed_at.is_some_and(|at| at.max(stop.at).plus(REAP_GRACE) <= now);
            self.check(!overdue || proc.unkillable, Property::AServiceThatMayStopIsSignalledAtOnce, || {
                format!("{id:?} was not marked unkillable: {proc:?}")
            });
        }
    }

    /// Returns the exit code that DESIGN §8 requires.
    pub fn expected_code(&self) -> u8 {
        let Some(stop) = &self.stop else { return 0 };
        if let Some(requested) = self.asked_code {
            return requested;
        }
        let main =
            self.main().filter(|id| self.proc(*id).is_some_and(|proc| proc.unkillable && proc.leader)).map(|_| 137);
        let main = main.or(self.main_code);
        match stop.reason {
            Reason::Main => main.expect("the main command has ended"),
            Reason::Signal(_) | Reason::Requested => main.or(self.blocked_code).unwrap_or(0),
            Reason::Essential(id) => self.services[id.0].code.expect("an essential service that ended has a code"),
            Reason::Unhealthy(_) => 1,
            Reason::StartTimedOut => 2,
            Reason::NothingLeft => self.last_failure.unwrap_or(0),
        }
    }
}
