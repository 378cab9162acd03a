//! Whether a report of the engine is right.

use std::time::Duration;

use stepdown::config::restart::RestartPause;
use stepdown::supervise::{FailureReason, Id, Report, StopReason};

use super::constants::{MAIN_WAIT_REPORT_MAX_PAUSE, MAIN_WAIT_REPORT_PAUSE, REAP_GRACE};
use super::model::ServiceModel;
use super::{Oracle, Property, Reason, ServiceState};

impl Oracle {
    pub(super) fn judge_report(&mut self, report: &Report) {
        let now = self.now;
        match report {
            Report::Backoff { id, pause, failures } => {
                let expected = self.obligations.backoff.remove(id);
                let fits = expected == Some((*pause, *failures));
                let ServiceModel { spec, end, .. } = &self.services[id.0];
                let property = match spec.restart.pause {
                    RestartPause::StartInterval(_) => Property::StartsOfAnS6ServiceAreAnIntervalApart,
                    RestartPause::Backoff { .. } if end.is_some_and(|end| end.stable) => {
                        Property::AStableRunResetsTheBackOff
                    }
                    RestartPause::Backoff { .. } if expected.is_some_and(|(pause, _)| pause.is_zero()) => {
                        Property::TheFirstFailureAfterComingUpHasNoPause
                    }
                    RestartPause::Backoff { .. } => Property::BackOffNeverShrinksWhileFailingAndHasACap,
                };
                let rule = spec.restart.pause;
                self.check(fits, property, || format!("{id:?}: {pause:?} {failures}, not {expected:?} ({rule:?})"));
            }
            Report::Failed { id, why } => {
                let expected = self.obligations.failed.remove(id);
                let property = match why {
                    FailureReason::Requirement(_) => Property::AFailedRequirementFailsItsWaitingDependents,
                    FailureReason::FinishPermanentFailure => Property::APermanentFailureOfFinishIsObeyed,
                    FailureReason::HeldBack => Property::WhatIsHeldBackIsFailedAndNeverStarts,
                    FailureReason::Ended(_)
                    | FailureReason::Limit(_)
                    | FailureReason::CannotStart(_)
                    | FailureReason::Skipped
                    | FailureReason::FailedBefore => Property::NoServiceIsStartedAgainBeyondItsLimitOrPolicy,
                };
                self.check(expected, property, || format!("{id:?} is not failed, but reported as failed by {why:?}"));
                if let FailureReason::Requirement(on) = why {
                    self.services[id.0].failed_requirement = Some(*on);
                    let cannot_satisfy = matches!(self.services[on.0].state, ServiceState::Failed | ServiceState::Down);
                    let required = self.services[id.0].spec.requires.contains(on);
                    self.check(cannot_satisfy && required, property, || format!("{id:?} for {on:?}"));
                }
            }
            Report::ReadyTimedOut { id, .. } | Report::TimedOut { id, .. } => {
                let proc = self.proc(*id).cloned();
                let late = proc.as_ref().is_some_and(|proc| {
                    let by = proc.ready_by.filter(|_| proc.up_at.is_none() && !proc.stop_sent);
                    by.is_some_and(|by| by <= now)
                });
                let late = late && self.stop.is_none();
                let property = self.lateness(*id);
                self.check(late, property, || format!("{id:?} {proc:?}, now {now:?}"));
                let is_run = matches!(report, Report::TimedOut { .. });
                self.check(is_run == self.is_oneshot(*id), property, || format!("{id:?}: {report:?}"));
                self.obligations.not_ready.insert(*id);
            }
            Report::StillNotReady { id, .. } => {
                let fits = self.proc(*id).is_some_and(|proc| proc.up_at.is_none() && !proc.stop_sent);
                self.check(fits, Property::StatusMatchesTheModel, || {
                    format!("{id:?} is ready, or got its stop signal")
                });
            }
            Report::Unkillable { id, .. } => {
                let began = self.stop.as_ref().map_or(now, |stop| stop.at);
                let killed = self.proc(*id).and_then(|proc| proc.killed_at);
                let gone_by = self.proc(*id).and_then(|proc| proc.gone_by);
                let timed_out = killed.is_some_and(|at| at.max(began).plus(REAP_GRACE) <= now)
                    || gone_by.is_some_and(|by| by <= now);
                let timed_out = timed_out && self.stop.is_some();
                let forced =
                    self.stop.as_ref().and_then(|stop| stop.over_at).is_some_and(|at| at.plus(REAP_GRACE) <= now);
                self.check(timed_out || forced, Property::StopTimeoutsAreGivenInFull, || {
                    format!("{id:?} is marked unkillable too early")
                });
                if let Some(proc) = self.proc_mut(*id) {
                    proc.unkillable = true;
                }
            }
            Report::LeftoversAbandoned { id, .. } => {
                let left = self.obligations.leftovers_abandoned.contains_key(id);
                self.check(left, Property::StopTimeoutsAreGivenInFull, || {
                    format!("{id:?} has no leftovers to abandon")
                });
            }
            Report::StartTimedOut { on, .. } => self.judge_start_timed_out(on),
            Report::Stopping { reason } => self.judge_reason(reason),
            Report::Done { id, again, .. } => {
                let waits =
                    matches!(self.services[id.0].state, ServiceState::Pending(_) | ServiceState::WaitForProbing(_));
                if waits && !self.services[id.0].spec.has_program {
                    // In the place of a start, and of its end.
                    self.judge_start(*id);
                    self.done_at_once(*id);
                }
                let done = matches!(self.services[id.0].state, ServiceState::Done | ServiceState::Resting(_));
                self.check(done, Property::StatusMatchesTheModel, || format!("{id:?} is not done"));
                self.judge_next_run(*id, *again, true);
            }
            Report::PeriodicFailed { id, pause } => self.judge_next_run(*id, Some(*pause), false),
            Report::Unhealthy { id, failures, .. } => {
                let rule = self.services[id.0].spec.health.as_deref().copied();
                let fits =
                    self.obligations.unhealthy.remove(id) && rule.is_some_and(|rule| rule.failures.max(1) == *failures);
                self.check(fits, Property::AnUnhealthyServiceIsTreatedAsDeclared, || format!("{id:?} {failures}"));
            }
            Report::Healthy { id } => {
                let fits = self.obligations.healthy.remove(id);
                self.check(fits, Property::AnUnhealthyServiceIsTreatedAsDeclared, || {
                    format!("{id:?} is not healthy again")
                });
            }
            Report::Watchdog { id, after } => {
                let proc = self.proc(*id).cloned();
                let watchdog_expired = proc.as_ref().and_then(|proc| proc.watchdog_at).is_some_and(|at| at <= now);
                let fits = match after {
                    Some(_) => watchdog_expired && self.services[id.0].watchdog == *after,
                    None => self.obligations.watchdog_triggered.remove(id),
                };
                let fits = fits && self.stop.is_none();
                self.check(fits, Property::AServiceThatMissesItsWatchdogIsStopped, || {
                    format!("{id:?} {proc:?}, now {now:?}")
                });
                self.obligations.watchdog_expired.insert(*id);
            }
            Report::WaitForFails { id, at, .. } => {
                let fits = matches!(self.services[id.0].state, ServiceState::WaitForProbing(next) if next == *at);
                self.check(fits, Property::StatusMatchesTheModel, || format!("{id:?} does not wait for {at}"));
            }
            Report::StopCommandEnded { id, .. } => {
                let fits = self.services[id.0].spec.has_stop_command;
                self.check(fits, Property::AStopCommandRunsInItsOrder, || format!("{id:?} has no stop command"));
            }
            Report::Up { id, .. } => {
                self.check(self.satisfies_requires(*id), Property::StatusMatchesTheModel, || {
                    format!("{id:?} is not up")
                });
            }
            Report::Leftovers { id } => {
                let left = self.obligations.leftovers.contains(id);
                self.check(left, Property::LeftoversOfAGroupAreEnded, || format!("{id:?} has no leftovers to signal"));
            }
            Report::LeftoversContinue { id, pid } => {
                let left = self.obligations.leftovers_continue.get(id) == Some(pid);
                self.check(left, Property::LeftoversOfAOneshotContinue, || {
                    format!("{id:?} has no leftovers that continue")
                });
            }
            Report::MainStillWaits { id, since, on } => {
                let waits = self.main() == Some(*id) && matches!(self.services[id.0].state, ServiceState::Pending(_));
                let (began, due) = self.main_waits.unwrap_or_default();
                let fits = waits && due == now && *since == now.since(began) && self.stop.is_none();
                let fits = fits && (!on.is_empty() || self.waits_for_rereading(*id));
                self.check(fits, Property::AWaitingMainCommandIsReported, || {
                    format!("for {since:?} on {on:?}, due {due:?}, now {now:?}")
                });
                let pause = (*since).clamp(MAIN_WAIT_REPORT_PAUSE, MAIN_WAIT_REPORT_MAX_PAUSE);
                self.main_waits = Some((began, now.plus(pause)));
            }
            Report::WaitsForServices { id, on } => {
                let empty = on.iter().all(|on| self.satisfies_requires(*on));
                let waits = !empty || self.waits_for_rereading(*id);
                self.check(waits, Property::AServiceThatMayStartStartsAtOnce, || format!("{id:?} waits for {on:?}"));
            }
            Report::Starting { .. } | Report::Ended { .. } | Report::Stopped { .. } => {}
            Report::CannotStart { .. } | Report::Killing { .. } => {}
        }
    }

    /// Judges the time of the next run: a whole number of periods after the last start, or a little later.
    fn judge_next_run(&mut self, id: Id, again: Option<Duration>, succeeded: bool) {
        let (now, began) = (self.now, self.services[id.0].began);
        let every = self.services[id.0].spec.every.filter(|_| self.is_oneshot(id));
        let owed = self.obligations.periodic_ends.remove(&id);
        let (expected, until) = match (every, again) {
            (None, None) => {
                return self.check(owed.is_none(), Property::APeriodicOneshotRunsWhenDue, || {
                    format!("{id:?} has no next run")
                });
            }
            (Some(every), Some(pause)) => {
                let periods = now.since(began).as_nanos() / every.as_nanos() + 1;
                let first = began.plus(every * u32::try_from(periods).expect("few periods"));
                (first <= now.plus(pause) && now.plus(pause) <= first.plus(every / 20), now.plus(pause))
            }
            (None, Some(_)) | (Some(_), None) => (false, now),
        };
        self.check(expected && owed == Some(succeeded), Property::APeriodicOneshotRunsWhenDue, || {
            format!(
                "{id:?}, started {began:?}, every {every:?}: again in {again:?} (succeeded: {succeeded}, owed {owed:?})"
            )
        });
        match &mut self.services[id.0].state {
            ServiceState::Resting(at) | ServiceState::Pending(at) => *at = until,
            _ => {}
        }
    }

    fn judge_reason(&mut self, reason: &StopReason) {
        let expected = self.stop.as_ref().map(|stop| stop.reason);
        let fits = match (reason, expected) {
            (StopReason::Signal(signal), Some(Reason::Signal(sent))) => *signal == sent,
            (StopReason::Requested, Some(Reason::Requested)) | (StopReason::NothingLeft, Some(Reason::NothingLeft)) => {
                true
            }
            (StopReason::StartTimedOut { .. }, Some(Reason::StartTimedOut)) => true,
            (StopReason::Main(exit), Some(Reason::Main)) => Some(*exit) == self.main_exit,
            (StopReason::Unhealthy(id), Some(Reason::Unhealthy(unhealthy))) => *id == unhealthy,
            (StopReason::Essential(id, _), Some(Reason::Essential(_))) => {
                self.services[id.0].spec.essential && self.obligations.essentials.contains(id)
            }
            (StopReason::LateStart(id), Some(Reason::Essential(_))) => {
                !self.services[id.0].spec.essential && self.obligations.essentials.contains(id)
            }
            _ => false,
        };
        if let (StopReason::Essential(id, _) | StopReason::LateStart(id), Some(stop)) = (reason, &mut self.stop) {
            stop.reason = Reason::Essential(*id);
        }
        let again = self.stop.as_ref().is_some_and(|stop| stop.announced);
        self.check(fits && !again, Property::TheStopBeginsForTheRightReason, || {
            format!("{reason:?}, expected {expected:?}")
        });
        if let Some(stop) = &mut self.stop {
            stop.announced = true;
        }
    }
}
