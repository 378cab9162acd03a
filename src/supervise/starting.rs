//! When a service starts, starts again, or never will: requirements, order, the restart rule's decision.

use std::time::Duration;

use super::process::RunEnd;
use super::restart::RestartDecision;
use super::spec::LateStart;
use super::state::{Cause, End, ServiceRuntime, State, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{Action, EngineTime, Exit, FailureReason, Id, Report, Role, StopReason, schedule};

impl Supervisor {
    /// Reevaluates a service: whether it may start, or must stop, now.
    pub(super) fn reevaluate(&mut self, id: Id) {
        if self.container.stop().is_some() {
            return self.reevaluate_in_stop(id);
        }
        if self.container.is_running() && self.apply_reload(id) {
            return;
        }
        if self.container.is_running() && !self.services[id].wanted {
            return self.reevaluate_unwanted(id);
        }
        let ServiceRuntime { state, counts, spec, .. } = &self.services[id];
        match state {
            State::Waiting { .. } | State::WaitForProbing { .. } | State::Backoff if counts.failed_requirements > 0 => {
                self.end_by_requirement(id);
            }
            State::Waiting { .. } if self.may_start(id) => self.to_start.push_back(id),
            State::WaitForProbing { at, .. } if *at >= spec.wait_for_count && self.may_start(id) => {
                self.to_start.push_back(id)
            }
            State::Waiting { reported: false } => {
                let on = self.missing(id);
                self.services[id].state = State::Waiting { reported: true };
                self.report(Report::WaitsForServices { id, on });
                self.watch_main_wait(id);
            }
            State::Waiting { reported: true }
            | State::WaitForProbing { .. }
            | State::Backoff
            | State::Unkillable { .. } => {}
            at_rest!() | spawning!() | running!() | ending!() => {}
        }
    }

    /// It is wanted from now on: it waits for what it needs, or for its time.
    pub(super) fn begin_to_wait(&mut self, id: Id) {
        let scheduled = self.services[id].spec.scheduled;
        self.set(id, if scheduled { State::Scheduled } else { State::Waiting { reported: false } });
    }

    /// Its time has come: it runs, unless it does already or is not to.
    pub(super) fn due(&mut self, id: Id) {
        let ServiceRuntime { state, spec, wanted, .. } = &self.services[id];
        let may = spec.scheduled && *wanted && self.container.is_running();
        let backoff_has_no_timer = self.timers.get(id, TimerKind::State).is_none();
        match state {
            State::Scheduled | State::Resting if may => self.set(id, State::Waiting { reported: false }),
            // A pause with an end of its own is not cut short.
            State::Backoff if may && backoff_has_no_timer => self.set(id, State::Waiting { reported: false }),
            State::Unkillable { .. } | at_rest!() | pending!() | spawning!() | running!() | ending!() => {}
        }
    }

    /// Starts it, if that is still right: first the targets of its `wait_for` are probed.
    pub(super) fn start(&mut self, id: Id) {
        let ServiceRuntime { state, spec, .. } = &self.services[id];
        let has_wait_for = match state {
            State::Waiting { .. } => spec.wait_for_count > 0,
            State::WaitForProbing { at, .. } if *at >= spec.wait_for_count => false,
            State::WaitForProbing { .. } | State::Unkillable { .. } | State::Backoff => return,
            at_rest!() | spawning!() | running!() | ending!() => return,
        };
        if !self.may_start(id) {
            return;
        }
        if has_wait_for {
            return self.begin_wait_for(id);
        }
        let service = &mut self.services[id];
        service.starts = service.starts.saturating_add(1);
        if self.unawaited.contains(&id) {
            self.to_evaluate.extend(self.main);
        }
        service.restarts =
            service.restarts.saturating_add(u32::from(std::mem::take(&mut service.next_start_is_restart)));
        service.ended_by_us = None;
        if !service.spec.has_program {
            return self.done_at_once(id);
        }
        self.set(id, State::Spawning);
        self.out.push(Action::Spawn { id, role: Role::Run, after: None });
    }

    /// Starts it again, after its pause, or not.
    pub(super) fn restart_or_fail(&mut self, id: Id, outcome: RunEnd) {
        if let RunEnd::Failure(end @ End { cause: Cause::NotReady, .. }) = outcome
            && self.is_late_start_final(id)
        {
            return self.fail_late_start(id, end);
        }
        let failed = !matches!(outcome, RunEnd::Success(_));
        self.note_failing(id, &outcome, failed);
        if failed && !self.services[id].spec.essential && self.services[id].spec.scheduled {
            return self.set(id, State::Backoff);
        }
        if failed
            && !self.services[id].spec.essential
            && let Some(pause) = self.next_run(id, outcome.started().unwrap_or(self.now))
        {
            self.report(Report::PeriodicFailed { id, pause });
            self.set(id, State::Backoff);
            return self.timers.set(id, TimerKind::State, Some(self.now.plus(pause)));
        }
        let service = &mut self.services[id];
        let next = service.history.after(outcome.for_restart_rule(service.spec.ready, self.now), &service.spec.restart);
        match next {
            RestartDecision::Restart { pause, failures } => {
                self.note_failing(id, &outcome, failed || failures > 0);
                self.services[id].next_start_is_restart = true;
                self.report(Report::Backoff { id, pause, failures });
                if pause.is_zero() {
                    self.set(id, State::Waiting { reported: false });
                } else {
                    self.set(id, State::Backoff);
                    self.timers.set(id, TimerKind::State, Some(self.now.plus(pause)));
                }
            }
            RestartDecision::Limit(times) => self.fail(id, FailureReason::Limit(times)),
            RestartDecision::Never => match outcome {
                RunEnd::Success(end) => self.end_without_failure(id, FailureReason::Ended(end.exit)),
                RunEnd::Failure(end) => self.fail(id, FailureReason::Ended(end.exit)),
                RunEnd::CannotStart(why) => self.fail(id, FailureReason::CannotStart(why)),
            },
        }
    }

    /// Whether it is not started again after a start that was not ready in time.
    fn is_late_start_final(&self, id: Id) -> bool {
        match self.services[id].spec.late_start {
            LateStart::Restart => false,
            LateStart::Fail | LateStart::StopContainer => !self.services[id].was_up,
        }
    }

    /// It has failed, because it was not ready in time; with it the container's start, if it is a part of that.
    fn fail_late_start(&mut self, id: Id, end: End) {
        self.fail(id, FailureReason::Ended(end.exit));
        let ServiceRuntime { spec, was_requested, .. } = &self.services[id];
        if spec.late_start == LateStart::StopContainer && !was_requested {
            self.begin_stop(StopReason::LateStart(id));
        }
    }

    /// A oneshot that runs nothing is done where others are started.
    fn done_at_once(&mut self, id: Id) {
        self.services[id].code = Some(0);
        let (exit, ran) = (Exit::Code(0), Duration::ZERO);
        self.done(id, End { exit, cause: Cause::Itself, started: self.now, ran, up: None });
    }

    /// A oneshot is done: for good, or until its next run.
    pub(super) fn done(&mut self, id: Id, end: End) {
        let again = self.next_run(id, end.started);
        self.services[id].failing = None;
        match again {
            Some(pause) => {
                self.set(id, State::Resting);
                self.timers.set(id, TimerKind::State, Some(self.now.plus(pause)));
            }
            None if self.services[id].spec.scheduled => self.set(id, State::Resting),
            None => self.set(id, State::Done),
        }
        self.report(Report::Done { id, took: end.ran, again });
    }

    /// In how long a periodic oneshot runs again whose last run began then.
    fn next_run(&self, id: Id, started: EngineTime) -> Option<Duration> {
        let every = self.services[id].spec.every.filter(|_| self.is_oneshot(id))?;
        let ServiceRuntime { spec, starts, .. } = &self.services[id];
        Some(schedule::pause(&spec.name, *starts, started, self.now, every))
    }

    /// It has ended for good, and that is no failure.
    fn end_without_failure(&mut self, id: Id, why: FailureReason) {
        self.services[id].wanted = false;
        self.set(id, State::Down);
        self.ended_for_good(id, why);
    }

    /// It has failed for good.
    pub(super) fn fail(&mut self, id: Id, why: FailureReason) {
        let code = self.failure_code(id, &why);
        self.services[id].code = Some(code);
        self.services[id].wanted = false;
        self.set(id, State::Failed { why: why.clone() });
        self.report(Report::Failed { id, why: why.clone() });
        if !matches!(why, FailureReason::Skipped | FailureReason::FailedBefore) {
            self.exit_code_inputs.failure = Some(code);
            // What failed because of its requirement explains nothing: the requirement's own failure does.
            if !matches!(why, FailureReason::Requirement(_)) || self.exit_code_inputs.failed.is_none() {
                self.exit_code_inputs.failed = Some(id);
            }
            self.ended_for_good(id, why);
        }
    }

    /// A requirement will not be there by itself. One that was stopped manually has not failed: what waits for it is stopped
    /// with it, as it would have been had it been up then.
    fn end_by_requirement(&mut self, id: Id) {
        let requires = self.graph.requires(id).iter().copied();
        let mut missing = requires.filter(|on| self.services[*on].state.phase().cannot_satisfy());
        let Some(first) = missing.clone().next() else { return };
        match missing.find(|on| !self.services[*on].stopped_manually) {
            Some(failed) => self.fail(id, FailureReason::Requirement(failed)),
            None => self.stop_with(id, first),
        }
    }

    /// Begins the stop at once, before anything else is reevaluated: nothing starts after an essential end.
    fn ended_for_good(&mut self, id: Id, why: FailureReason) {
        if self.services[id].spec.essential {
            self.begin_stop(StopReason::Essential(id, why));
        }
    }

    /// Returns what keeps it waiting.
    pub(super) fn missing(&self, id: Id) -> Vec<Id> {
        let phase = |on: &Id| self.services[*on].state.phase();
        let unsatisfied_requires = self.graph.requires(id).iter().filter(|on| !phase(on).satisfies_requires());
        unsatisfied_requires
            .chain(self.graph.after(id).iter().filter(|on| !phase(on).satisfies_after()))
            .filter(|on| !self.is_main(id) || self.holds_main(**on))
            .copied()
            .collect()
    }
}
