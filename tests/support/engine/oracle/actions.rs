//! Whether an action is right.

use stepdown::config::values::Signal;
use stepdown::supervise::{Action, Exit, FailureReason, Id, Pid, Report, Role, Start, Target};

use super::constants::{END_OF_INPUT_TIMEOUT, REAP_GRACE, is_for_pid_one, is_stopping};
use super::{Oracle, ProcessModel, Property, Reason, ServiceModel, ServiceState};

impl Oracle {
    /// Judges an action.
    pub fn action(&mut self, action: &Action) {
        let after_exit = self.exit.is_some();
        self.check(!after_exit, Property::ThereIsExactlyOneExitAndItIsLast, || format!("{action:?} after the exit"));
        if let (Some(owed), true) =
            (self.obligations.cont, !matches!(action, Action::Signal { signal: Signal::CONT, .. }))
        {
            self.violate(Property::AStopSignalIsTheRightOneAndFollowedByCont, format!("{owed:?}, then {action:?}"));
            self.obligations.cont = None;
        }
        if let (Some(early), false) = (self.obligations.continued, matches!(action, Action::Signal { .. })) {
            self.violate(
                Property::AStopSignalIsTheRightOneAndFollowedByCont,
                format!("CONT to {early:?}, then {action:?}"),
            );
            self.obligations.continued = None;
        }
        if let Some(id) = named(action).filter(|id| self.removal_done.contains(id)) {
            self.violate(Property::TheIdOfARemovedServiceIsReleasedOnce, format!("{id:?} is named by {action:?}"));
        }
        match action {
            Action::ApplyReload { .. } | Action::Remove { .. } | Action::CancelProbe { .. } | Action::Signal { .. } => {
            }
            Action::Spawn { role: Role::StopCommand, .. } => {}
            // What fails is not known by that.
            Action::Report(Report::WaitsForServices { .. }) => {}
            // What follows from it for others comes later.
            Action::Report(Report::Failed { why: FailureReason::HeldBack, .. }) => self.hold_back(),
            Action::Report(Report::Failed { id, .. }) if !self.services[id.0].spec.essential => {
                self.settle_failures();
            }
            _ => self.settle_definitions(),
        }
        match action {
            Action::Spawn { id, role: Role::Run, .. } => {
                self.judge_start(*id);
                let has_program = self.services[id.0].spec.has_program;
                self.check(has_program, Property::AOneshotWithoutAProgramIsDoneAtOnce, || {
                    format!("{id:?} has none, and a process was asked for")
                });
            }
            Action::Spawn { id, role: Role::Finish, after } => self.judge_finish(*id, *after),
            Action::Spawn { id, role: Role::StopCommand, .. } => self.judge_stop_command(*id),
            Action::Probe { id, purpose } => self.judge_probe(*id, *purpose),
            Action::CancelProbe { id } => self.judge_cancelled_probe(*id),
            Action::ApplyReload { id } => self.judge_apply_reload(*id),
            Action::Remove { id } => self.judge_removal(*id),
            Action::Reread => self.judge_reread(),
            Action::UntrackGroup { id, pid } => self.judge_untrack(*id, *pid),
            Action::EndInput { id } => self.judge_end_of_input(*id),
            Action::Signal { id, pid, to, signal } => self.judge_signal(*id, *pid, *to, *signal),
            Action::Report(report) => self.judge_report(report),
            Action::Exit(code) => self.judge_exit(*code),
        }
    }

    pub(super) fn judge_start(&mut self, id: Id) {
        let ServiceModel { spec, state, .. } = self.services[id.0].clone();
        self.check(self.begun && self.stop.is_none(), Property::AfterAStopRequestNothingStarts, || format!("{id:?}"));
        match state {
            ServiceState::Pending(from) => {
                let now = self.now;
                self.check(from <= now, Property::BackOffNeverShrinksWhileFailingAndHasACap, || {
                    format!("{id:?} starts at {now:?}, its pause lasts until {from:?}")
                });
                let awaits = spec.wait_for_count;
                self.check(awaits == 0, Property::ProbesRunOneAtATimeAndWhenDue, || {
                    format!("{id:?} starts without probes of {awaits} targets")
                });
            }
            ServiceState::WaitForProbing(at) => {
                self.check(at >= spec.wait_for_count, Property::ProbesRunOneAtATimeAndWhenDue, || {
                    format!("{id:?} starts although target {at} is not there")
                });
            }
            ServiceState::Live(_) | ServiceState::SpawnRequested(_) | ServiceState::FinishDue => {
                self.violate(Property::AtMostOneProcessPerService, format!("{id:?} is {state:?}"));
            }
            ServiceState::Down | ServiceState::Resting(_) | ServiceState::Done | ServiceState::Failed => {
                self.violate(Property::NoServiceIsStartedAgainBeyondItsLimitOrPolicy, format!("{id:?} is {state:?}"));
            }
        }
        let is_held_back = spec.start == Start::HeldBack;
        self.check(!is_held_back, Property::WhatIsHeldBackIsFailedAndNeverStarts, || format!("{id:?} starts"));
        let held = self.waits_for_rereading(id);
        self.check(!held, Property::TheSecondReadingHasItsOrder, || format!("{id:?} starts before its end"));
        let removed = self.services[id.0].removed;
        self.check(!removed, Property::ARemovedServiceEndsAndStaysAway, || format!("{id:?} starts"));
        self.services[id.0].was_started = true;
        self.services[id.0].was_ever_started = true;
        for on in &spec.requires {
            self.check(self.satisfies_requires(*on), Property::NothingStartsBeforeItsRequirementsAreUp, || {
                format!("{id:?} on {on:?}")
            });
        }
        for on in &spec.after {
            let is_free = self.satisfies_after(*on) || (self.main() == Some(id) && !self.holds_main(*on));
            self.check(is_free, Property::NothingStartsBeforeItsAfterIsSatisfied, || format!("{id:?} on {on:?}"));
        }
        self.services[id.0].state = ServiceState::SpawnRequested(Role::Run);
    }

    fn judge_stop_command(&mut self, id: Id) {
        let changed = self.services[id.0].pending_spec.is_some();
        let manual =
            !self.services[id.0].wanted && !self.is_needed(id) || self.obligations.stop_commands.remove(&id) || changed;
        let turn = if self.stop.is_some() { self.may_stop(id) && !self.budget_is_over() } else { manual };
        let fits = self.needs_stop_command(id) && turn;
        let state = self.services[id.0].state.clone();
        self.check(fits, Property::AStopCommandRunsInItsOrder, || format!("{id:?} is {state:?}"));
        self.services[id.0].state = ServiceState::SpawnRequested(Role::StopCommand);
    }

    fn judge_finish(&mut self, id: Id, after: Option<Exit>) {
        let ServiceModel { state, end, .. } = self.services[id.0].clone();
        let fits = matches!(state, ServiceState::FinishDue) && after == end.map(|end| end.exit);
        self.check(fits, Property::AFinishScriptRunsOnceAfterEachEnd, || {
            format!("{id:?} is {state:?}, after {after:?}")
        });
        self.services[id.0].state = ServiceState::SpawnRequested(Role::Finish);
    }

    fn judge_signal(&mut self, id: Id, pid: Pid, to: Target, signal: Signal) {
        let now = self.now;
        let Some(proc) = self.proc(id).cloned() else {
            return self.violate(Property::OnlyLiveProcessesAreSignalled, format!("{id:?} {pid:?} has none"));
        };
        let there = proc.pid == pid && !proc.unkillable && (proc.leader || (proc.group_left && to == Target::Group));
        self.check(there, Property::OnlyLiveProcessesAreSignalled, || format!("{id:?} {pid:?} {to:?}: {proc:?}"));
        if self.obligations.cont.is_some() && signal == Signal::CONT {
            let owed = self.obligations.cont.take();
            return self.check(
                owed == Some((id, pid, to)),
                Property::AStopSignalIsTheRightOneAndFollowedByCont,
                || format!("{owed:?}, and CONT to {id:?} {to:?}"),
            );
        }
        if signal == Signal::CONT && self.obligations.continued.is_none() && self.obligations.forward != Some(signal) {
            self.obligations.continued = Some((id, pid, to));
            return;
        }
        if self.obligations.forward == Some(signal) && self.main() == Some(id) {
            self.obligations.forward = None;
            return self.check(to == Target::Process, Property::ForwardedSignalsReachOnlyALivingMain, || {
                "to the whole group".to_owned()
            });
        }
        if signal == Signal::KILL {
            let due = proc.kill_by.is_some_and(|by| by <= now) && proc.killed_at.is_none() && to == Target::Group;
            self.check(due, Property::StopTimeoutsAreGivenInFull, || format!("{id:?} {proc:?}, now {now:?}"));
            let runs = self.stop.is_none();
            if let Some(proc) = self.proc_mut(id) {
                proc.signal_by = None;
                proc.killed_at = Some(now);
                proc.gone_by = (runs && !proc.leader).then(|| now.plus(REAP_GRACE));
            }
            return;
        }
        self.judge_stop_signal(id, &proc, to, signal);
    }

    /// Judges that leftovers are untracked: they were killed and their time is over, or they continue on purpose.
    fn judge_untrack(&mut self, id: Id, pid: Pid) {
        if let Some(left) = self.obligations.leftovers_continue.remove(&id) {
            return self
                .check(left == pid, Property::LeftoversOfAOneshotContinue, || format!("{id:?} {pid:?} {left:?}"));
        }
        let fits = self.obligations.leftovers_abandoned.remove(&id) == Some(pid);
        self.check(fits, Property::StopTimeoutsAreGivenInFull, || format!("{id:?}: its group {pid:?} is untracked"));
    }

    fn judge_stop_signal(&mut self, id: Id, proc: &ProcessModel, to: Target, signal: Signal) {
        let affected = self.obligations.reload.as_ref().is_none_or(|affected| affected.contains(&id));
        self.check(affected || self.stop.is_some(), Property::AReloadAffectsOnlyChangedServices, || {
            format!("{id:?} got {signal}")
        });
        let runs_on = self.obligations.reordered.contains(&id) && self.services[id.0].wanted && self.stop.is_none();
        self.check(!runs_on, Property::AServiceWhoseOrderChangesRunsOn, || format!("{id:?} got {signal}"));
        let spec = self.services[id.0].spec.clone();
        let reason = self.stop.as_ref().map(|stop| stop.reason);
        let expected = match reason {
            Some(Reason::Signal(sent)) if spec.forwards_stop_signal && !is_for_pid_one(sent) => sent,
            Some(_) | None => spec.stop.signal,
        };
        let leftovers = self.obligations.leftovers.remove(&id);
        let watchdog_expired = self.obligations.watchdog_expired.remove(&id);
        let expected = match (leftovers, watchdog_expired) {
            (true, _) => Signal::TERM,
            (false, true) => Signal::ABRT,
            (false, false) => expected,
        };
        let target = if leftovers || spec.stop.group { Target::Group } else { Target::Process };
        self.check(signal == expected && to == target, Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("{id:?} got {signal} to {to:?} instead of {expected} to {target:?}")
        });
        let late = self.obligations.not_ready.remove(&id);
        let unhealthy = self.obligations.unhealthy_stop.remove(&id) || watchdog_expired;
        let restart = self.obligations.restarts.remove(&id);
        let unwanted = !self.services[id.0].wanted && self.stop.is_none() && !self.is_needed(id);
        let requested = !leftovers && (restart || unwanted);
        let at_last = !leftovers && proc.signal_by.is_some_and(|by| by <= self.now);
        let direct = self.stop.is_none() || self.budget_is_over() || !spec.is_consumer || leftovers || at_last;
        self.check(direct, Property::NothingStopsBeforeItsDependentsAreDown, || {
            format!("{id:?} is signalled before it could read the end of its input")
        });
        let own = at_last
            || leftovers
            || late
            || unhealthy
            || requested
            || (self.stop.is_some() && proc.leader && !proc.stop_sent && proc.role == Role::Run);
        self.check(own, Property::AServiceIsOnlySignalledForAReason, || format!("{id:?} {signal}: {proc:?}"));
        if !leftovers && !late && !unhealthy && !requested {
            let turn = self.may_stop(id) || self.budget_is_over();
            self.check(turn, Property::NothingStopsBeforeItsDependentsAreDown, || {
                format!("{id:?} got its stop signal")
            });
        }
        let kill_at = self.kill_at(id);
        let stop_sent = self.proc(id).map(|proc| (id, proc.pid, to));
        let continued = self.obligations.continued.take();
        let first = if is_stopping(signal) { stop_sent } else { None };
        self.check(continued == first, Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("{signal} to {stop_sent:?} after CONT to {continued:?}")
        });
        self.obligations.cont = stop_sent.filter(|_| !is_stopping(signal));
        if let Some(proc) = self.proc_mut(id) {
            proc.group_signalled |= to == Target::Group && signal == Signal::TERM;
            proc.not_ready |= late;
            proc.requested |= requested;
            proc.signal_by = None;
            if !leftovers {
                proc.stop_sent = true;
                proc.kill_by = Some(proc.kill_by.map_or(kill_at, |by| by.min(kill_at)));
            }
        }
    }

    /// Judges an end of input: the first request to stop for a service that reads another one's output, once its dependents
    /// are down.
    fn judge_end_of_input(&mut self, id: Id) {
        let turn = self.may_stop(id) && !self.budget_is_over() && self.services[id.0].spec.is_consumer;
        let proc = self.proc(id).cloned();
        let fits = turn && proc.as_ref().is_some_and(|proc| proc.role == Role::Run && proc.leader && !proc.stop_sent);
        self.check(fits, Property::NothingStopsBeforeItsDependentsAreDown, || format!("{id:?} {proc:?}"));
        let (now, kill_at) = (self.now, self.kill_at(id));
        if let Some(proc) = self.proc_mut(id) {
            proc.stop_sent = true;
            proc.kill_by = Some(proc.kill_by.map_or(kill_at, |by| by.min(kill_at)));
            proc.signal_by = Some(now.plus((kill_at.since(now) / 2).min(END_OF_INPUT_TIMEOUT)));
        }
    }

    fn judge_exit(&mut self, code: u8) {
        let (now, expected, reason) = (self.now, self.expected_code(), self.stop.as_ref().map(|stop| stop.reason));
        self.check(code == expected, Property::TheExitCodeFollowsTheRule, || {
            format!("{code} instead of {expected}: {reason:?}")
        });
        let limit = self.stop.as_ref().map(|stop| stop.over_at.unwrap_or(stop.total).plus(REAP_GRACE));
        self.check(limit.is_some_and(|limit| now <= limit), Property::TheContainerEndsWithinItsBudget, || {
            format!("exit at {now:?}, limit {limit:?}")
        });
        let unnamed: Vec<Id> = self.ids().filter(|id| self.has_process(*id)).collect();
        self.check(unnamed.is_empty(), Property::EveryLiveProcessAtTheEndIsNamed, || format!("{unnamed:?}"));
        self.exit = Some(code);
    }
}

/// Returns the service that an action names.
fn named(action: &Action) -> Option<Id> {
    match action {
        Action::Spawn { id, .. } | Action::Signal { id, .. } | Action::Probe { id, .. } => Some(*id),
        Action::UntrackGroup { id, .. }
        | Action::CancelProbe { id }
        | Action::EndInput { id }
        | Action::ApplyReload { id } => Some(*id),
        Action::Remove { .. } | Action::Reread | Action::Report(_) | Action::Exit(_) => None,
    }
}
