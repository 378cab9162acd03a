//! What the oracle checks between two steps: that nothing is missing, and that the engine reports what is true.

use stepdown::supervise::{EngineTime, Id, Phase, Role, Supervisor};

use super::constants::REAP_GRACE;
use super::{NEVER, Oracle, ProcessModel, Property, ServiceModel, ServiceState};

impl Oracle {
    /// Checks what must be true between two steps.
    pub fn after(&mut self, engine: &Supervisor) {
        self.settle_definitions();
        let mut obligations = std::mem::take(&mut self.obligations);
        if !obligations.essentials.is_empty() {
            for id in std::mem::take(&mut obligations.failed) {
                self.services[id.0].state = ServiceState::Down;
            }
        }
        self.check(obligations.cont.is_none(), Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("no CONT for {:?}", obligations.cont)
        });
        self.check(obligations.continued.is_none(), Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("CONT and nothing else for {:?}", obligations.continued)
        });
        self.check(obligations.leftovers.is_empty(), Property::LeftoversOfAGroupAreEnded, || {
            format!("not signalled: {:?}", obligations.leftovers)
        });
        self.check(obligations.leftovers_continue.is_empty(), Property::LeftoversOfAOneshotContinue, || {
            format!("still tracked: {:?}", obligations.leftovers_continue)
        });
        self.check(obligations.leftovers_abandoned.is_empty(), Property::LeftoversOfAGroupAreEnded, || {
            format!("not reported as abandoned: {:?}", obligations.leftovers_abandoned)
        });
        self.check(obligations.backoff.is_empty(), Property::BackOffNeverShrinksWhileFailingAndHasACap, || {
            format!("no pause was announced: {:?}", obligations.backoff)
        });
        self.check(obligations.failed.is_empty(), Property::NoServiceIsStartedAgainBeyondItsLimitOrPolicy, || {
            format!("not failed: {:?}", obligations.failed)
        });
        self.check(obligations.forward.is_none(), Property::ForwardedSignalsReachOnlyALivingMain, || {
            format!("{:?} was not forwarded", obligations.forward)
        });
        let lists = [
            (&obligations.unhealthy, Property::AnUnhealthyServiceIsTreatedAsDeclared),
            (&obligations.healthy, Property::AnUnhealthyServiceIsTreatedAsDeclared),
            (&obligations.watchdog_expired, Property::AServiceThatMissesItsWatchdogIsStopped),
            (&obligations.watchdog_triggered, Property::AServiceThatMissesItsWatchdogIsStopped),
        ];
        for (left, property) in lists {
            self.check(left.is_empty(), property, || format!("neither reported nor acted on: {left:?}"));
        }
        if self.stop.is_none() {
            self.check(obligations.unhealthy_stop.is_empty(), Property::AnUnhealthyServiceIsTreatedAsDeclared, || {
                format!("not stopped: {:?}", obligations.unhealthy_stop)
            });
            let property = if obligations.reload.is_some() {
                Property::AChangedServiceIsRestartedOnce
            } else {
                Property::ARequestIsCarriedOut
            };
            self.check(obligations.restarts.is_empty() && obligations.stop_commands.is_empty(), property, || {
                format!("not restarted: {:?} {:?}", obligations.restarts, obligations.stop_commands)
            });
            self.check(obligations.periodic_ends.is_empty(), Property::APeriodicOneshotRunsWhenDue, || {
                format!("no next run was announced: {:?}", obligations.periodic_ends)
            });
        }
        self.check_start();
        self.check_rereading();
        let left = &obligations.start_timed_out;
        self.check(left.is_none(), Property::TheStartHasALimit, || format!("not reported: {left:?}"));
        if self.exit.is_some() {
            let deadline = engine.deadline();
            self.check(deadline.is_none(), Property::ThereIsExactlyOneExitAndItIsLast, || {
                format!("a deadline after the exit: {deadline:?}")
            });
            return;
        }
        let (now, deadline) = (self.now, engine.deadline());
        self.check(deadline.is_none_or(|at| at > now), Property::NoDeadlineLiesInThePast, || {
            format!("{deadline:?}, now {now:?}")
        });
        let expected = self.next_moment();
        self.check(deadline == expected, Property::TheDeadlineIsTheNextDueTime, || {
            format!("{deadline:?} instead of {expected:?}")
        });
        let overdue = self.main_wait_report_at().filter(|at| *at <= now);
        self.check(overdue.is_none(), Property::AWaitingMainCommandIsReported, || {
            format!("due {overdue:?}, now {now:?}")
        });
        self.check_ids(engine.id_count());
        for id in self.ids() {
            self.check_service(id);
            self.check_probes(id);
            self.check_reload(id);
            self.compare(id, engine);
        }
        let shown = |id: &Id| {
            !self.services[id.0].removed
                || !matches!(self.services[id.0].state, ServiceState::Down | ServiceState::Failed)
        };
        let expected: Vec<Id> = self.ids().filter(|id| self.main != Some(*id) && shown(id)).chain(self.main).collect();
        self.check(engine.ids() == expected, Property::StatusMatchesTheModel, || {
            format!("{:?} instead of {expected:?}", engine.ids())
        });
        self.check_stop();
    }

    /// Returns when something has to happen by itself.
    fn next_moment(&self) -> Option<EngineTime> {
        let of_service = |id: Id| match &self.services[id.0].state {
            ServiceState::Pending(from) | ServiceState::Resting(from) => {
                Some(*from).filter(|from| *from > self.now && *from != NEVER)
            }
            ServiceState::WaitForProbing(_) => None,
            ServiceState::Live(ProcessModel { unkillable: true, .. }) => None,
            ServiceState::Live(ProcessModel { killed_at: Some(at), gone_by, .. }) => {
                let in_stop = self.stop.as_ref().map(|stop| stop.at.max(*at).plus(REAP_GRACE));
                in_stop.into_iter().chain(*gone_by).min()
            }
            ServiceState::Live(ProcessModel { kill_by: Some(by), signal_by, leader, .. }) => {
                Some(signal_by.filter(|_| *leader).map_or(*by, |stop_sent| stop_sent.min(*by)))
            }
            ServiceState::Live(ProcessModel { leader: true, up_at: None, role: Role::Run, ready_by, .. })
                if self.stop.is_none() =>
            {
                *ready_by
            }
            ServiceState::Live(_)
            | ServiceState::Down
            | ServiceState::SpawnRequested(_)
            | ServiceState::FinishDue
            | ServiceState::Done
            | ServiceState::Failed => None,
        };
        let whole = self.stop.as_ref().map(|stop| stop.over_at.map_or(stop.total, |at| at.plus(REAP_GRACE)));
        let probes = self.ids().filter_map(|id| self.next_probe(id));
        let main_wait = self.main_wait_report_at();
        let start = self.start.as_ref().filter(|_| self.running()).map(|start| start.by);
        self.ids().filter_map(of_service).chain(probes).chain(whole).chain(main_wait).chain(start).min()
    }

    /// Returns when it is reported what the main command waits for.
    fn main_wait_report_at(&self) -> Option<EngineTime> {
        let waits = |id: &Id| {
            matches!(self.services[id.0].state, ServiceState::Pending(_)) && self.begun && self.stop.is_none()
        };
        self.main().filter(waits).and(self.main_waits).map(|(_, at)| at)
    }

    /// Checks that nothing that can happen to a service at this moment is missing.
    fn check_service(&mut self, id: Id) {
        let now = self.now;
        let ServiceModel { state, spec, .. } = self.services[id.0].clone();
        match state {
            ServiceState::Pending(from) if self.stop.is_none() => {
                let may = self.may_start(id);
                self.check(!(may && from <= now), Property::AServiceThatMayStartStartsAtOnce, || {
                    format!("{id:?} could start since {from:?}, now {now:?}")
                });
            }
            ServiceState::WaitForProbing(at) if self.stop.is_none() => {
                let may = at >= spec.wait_for_count && self.may_start(id);
                self.check(!may, Property::AServiceThatMayStartStartsAtOnce, || format!("{id:?}: all is there"));
            }
            ServiceState::Resting(_) | ServiceState::Done if self.stop.is_none() => {
                let left = !self.services[id.0].wanted && !self.is_needed(id);
                self.check(!left, Property::ARequestIsCarriedOut, || format!("{id:?} is still done"));
            }
            ServiceState::Resting(_) => {
                self.violate(Property::AfterAStopRequestNothingStarts, format!("{id:?} still rests"))
            }
            ServiceState::Pending(_) | ServiceState::WaitForProbing(_) => {
                self.violate(Property::AfterAStopRequestNothingStarts, format!("{id:?} still waits"))
            }
            ServiceState::FinishDue => {
                self.violate(Property::AFinishScriptRunsOnceAfterEachEnd, format!("{id:?}: it was not started"));
            }
            ServiceState::Live(proc) => {
                let unsignalled = proc.leader && proc.signal_by.is_some_and(|by| by <= now) && proc.killed_at.is_none();
                self.check(!unsignalled, Property::AServiceThatMayStopIsSignalledAtOnce, || {
                    format!("{id:?} {proc:?}, now {now:?}")
                });
                let late = proc.kill_by.is_some_and(|by| by <= now) && proc.killed_at.is_none();
                self.check(!late, Property::AServiceThatDoesNotStopIsKilled, || {
                    format!("{id:?} {proc:?}, now {now:?}")
                });
                let waits = proc.role == Role::Run && proc.leader && proc.up_at.is_none() && !proc.stop_sent;
                let unready = waits && self.stop.is_none() && proc.ready_by.is_some_and(|by| by <= now);
                let left = proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.killed_at.is_none();
                let unwanted = left && self.stop.is_none() && !self.services[id.0].wanted && !self.is_needed(id);
                let removed = self.services[id.0].removed;
                let property =
                    if removed { Property::ARemovedServiceEndsAndStaysAway } else { Property::ARequestIsCarriedOut };
                self.check(!unwanted, property, || format!("{id:?} got no stop signal"));
                self.check(!unready, self.lateness(id), || format!("{id:?} {proc:?}, now {now:?}"));
            }
            ServiceState::Down | ServiceState::SpawnRequested(_) | ServiceState::Done | ServiceState::Failed => {}
        }
    }

    /// Compares what the engine shows of a service with the oracle's model.
    fn compare(&mut self, id: Id, engine: &Supervisor) {
        let (phase, pid) = (engine.phase(id), engine.pid(id));
        let fits = match (&self.services[id.0].state, phase) {
            (ServiceState::Down, Some(Phase::Down))
            | (ServiceState::Failed, Some(Phase::Failed))
            | (ServiceState::Done, Some(Phase::Done)) => true,
            (ServiceState::Pending(_), Some(Phase::Waiting | Phase::Backoff)) => true,
            (ServiceState::WaitForProbing(_), Some(Phase::WaitForProbing)) => true,
            (ServiceState::Resting(_), Some(phase)) => {
                let ran = self.services[id.0].was_started;
                phase == if ran { Phase::Resting } else { Phase::Scheduled }
            }
            (ServiceState::SpawnRequested(Role::StopCommand), Some(Phase::StopCommandSpawning)) => true,
            (ServiceState::SpawnRequested(Role::Run), Some(Phase::Spawning)) => true,
            (ServiceState::SpawnRequested(Role::Finish), Some(Phase::FinishSpawning)) => true,
            (ServiceState::Live(proc), Some(phase)) => {
                let expected = match proc {
                    ProcessModel { unkillable: true, .. } => Phase::Unkillable,
                    ProcessModel { leader: false, .. } => Phase::StoppingGroup,
                    ProcessModel { role: Role::Finish, .. } => Phase::Finishing,
                    ProcessModel { role: Role::StopCommand, .. } => Phase::StopCommandRunning,
                    ProcessModel { stop_sent: true, .. } | ProcessModel { killed_at: Some(_), .. } => Phase::Stopping,
                    ProcessModel { up_at: Some(_), .. } => Phase::Up,
                    ProcessModel { up_at: None, .. } => Phase::Starting,
                };
                phase == expected && pid == Some(proc.pid)
            }
            _ => false,
        };
        let model = self.services[id.0].state.clone();
        self.check(fits && pid == self.proc(id).map(|proc| proc.pid), Property::StatusMatchesTheModel, || {
            format!("{id:?} is reported as {phase:?} with {pid:?}, and is {model:?}")
        });
    }
}
