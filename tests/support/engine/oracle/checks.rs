//! What the oracle checks between two steps: that nothing is missing, and that the engine reports what is true.

use stepdown::supervise::{EngineTime, Id, Phase, Role, Supervisor};

use super::constants::REAP_GRACE;
use super::{NEVER, Oracle, ProcessModel, Property, ServiceModel, ServiceState};

impl Oracle {
    /// Checks what must be true between two steps.
    pub fn after(&mut self, engine: &Supervisor) {
        self.settle_renewals();
        let mut due = std::mem::take(&mut self.due);
        if !due.essentials.is_empty() {
            for id in std::mem::take(&mut due.failed) {
                self.services[id.0].state = ServiceState::Down;
            }
        }
        self.demand(due.cont.is_none(), Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("no CONT for {:?}", due.cont)
        });
        self.demand(due.continued.is_none(), Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("CONT and nothing else for {:?}", due.continued)
        });
        self.demand(due.leftovers.is_empty(), Property::TheRestOfAGroupIsEnded, || {
            format!("not signalled: {:?}", due.leftovers)
        });
        self.demand(due.left_running.is_empty(), Property::WhatAOneshotLeavesGoesOn, || {
            format!("somebody still waits for what they left: {:?}", due.left_running)
        });
        self.demand(due.left_behind.is_empty(), Property::TheRestOfAGroupIsEnded, || {
            format!("not reported as left behind: {:?}", due.left_behind)
        });
        self.demand(due.backoff.is_empty(), Property::BackOffNeverShrinksWhileFailingAndHasACap, || {
            format!("no pause was announced: {:?}", due.backoff)
        });
        self.demand(due.failed.is_empty(), Property::NoServiceIsStartedAgainBeyondItsLimitOrPolicy, || {
            format!("not failed: {:?}", due.failed)
        });
        self.demand(due.forward.is_none(), Property::ForwardedSignalsReachOnlyALivingMain, || {
            format!("{:?} was not passed on", due.forward)
        });
        let lists = [
            (&due.unwell, Property::AnUnhealthyServiceIsTreatedAsDeclared),
            (&due.healthy, Property::AnUnhealthyServiceIsTreatedAsDeclared),
            (&due.silent, Property::AServiceThatMissesItsWatchdogIsStopped),
            (&due.trouble, Property::AServiceThatMissesItsWatchdogIsStopped),
        ];
        for (left, property) in lists {
            self.demand(left.is_empty(), property, || format!("neither reported nor acted on: {left:?}"));
        }
        if self.stop.is_none() {
            self.demand(due.unwell_stop.is_empty(), Property::AnUnhealthyServiceIsTreatedAsDeclared, || {
                format!("not stopped: {:?}", due.unwell_stop)
            });
            let property = if due.reload.is_some() {
                Property::WhatChangedIsRestartedOnce
            } else {
                Property::ARequestIsCarriedOut
            };
            self.demand(due.restarts.is_empty() && due.stop_commands.is_empty(), property, || {
                format!("not restarted: {:?} {:?}", due.restarts, due.stop_commands)
            });
            self.demand(due.periodic_ends.is_empty(), Property::APeriodicOneshotRunsWhenDue, || {
                format!("no next run was announced: {:?}", due.periodic_ends)
            });
        }
        if self.exit.is_some() {
            let deadline = engine.deadline();
            self.demand(deadline.is_none(), Property::ThereIsExactlyOneExitAndItIsLast, || {
                format!("a deadline after the exit: {deadline:?}")
            });
            return;
        }
        let (now, deadline) = (self.now, engine.deadline());
        self.demand(deadline.is_none_or(|at| at > now), Property::NoDeadlineLiesInThePast, || {
            format!("{deadline:?}, now {now:?}")
        });
        let expected = self.next_moment();
        self.demand(deadline == expected, Property::TheDeadlineIsTheNextMomentThatMatters, || {
            format!("{deadline:?} instead of {expected:?}")
        });
        let silent = self.main_wait_said_at().filter(|at| *at <= now);
        self.demand(silent.is_none(), Property::AMainCommandThatWaitsSaysSo, || format!("due {silent:?}, now {now:?}"));
        self.check_places(engine.places());
        for id in self.ids() {
            self.check(id);
            self.check_probes(id);
            self.check_reload(id);
            self.compare(id, engine);
        }
        let shown = |id: &Id| {
            !self.services[id.0].removed
                || !matches!(self.services[id.0].state, ServiceState::Down | ServiceState::Failed)
        };
        let expected: Vec<Id> = self.ids().filter(|id| self.main != Some(*id) && shown(id)).chain(self.main).collect();
        self.demand(engine.ids() == expected, Property::StatusTellsTheTruth, || {
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
            ServiceState::Live(ProcessModel { lost: true, .. }) => None,
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
        let questions = self.ids().filter_map(|id| self.next_probe(id));
        let said = self.main_wait_said_at();
        self.ids().filter_map(of_service).chain(questions).chain(whole).chain(said).min()
    }

    /// Returns when it is said that the main command waits, and what for.
    fn main_wait_said_at(&self) -> Option<EngineTime> {
        let waits = |id: &Id| {
            matches!(self.services[id.0].state, ServiceState::Pending(_)) && self.begun && self.stop.is_none()
        };
        self.main().filter(waits).and(self.main_waits).map(|(_, at)| at)
    }

    /// Checks that nothing that can happen to a service at this moment is missing.
    fn check(&mut self, id: Id) {
        let now = self.now;
        let ServiceModel { state, spec, .. } = self.services[id.0].clone();
        match state {
            ServiceState::Pending(from) if self.stop.is_none() => {
                let may = self.may_start(id);
                self.demand(!(may && from <= now), Property::WhatCanStartStartsAtOnce, || {
                    format!("{id:?} could start since {from:?}, now {now:?}")
                });
            }
            ServiceState::WaitForProbing(at) if self.stop.is_none() => {
                let may = at >= spec.wait_for_count && self.may_start(id);
                self.demand(!may, Property::WhatCanStartStartsAtOnce, || format!("{id:?}: all is there"));
            }
            ServiceState::Resting(_) | ServiceState::Done if self.stop.is_none() => {
                let left = !self.services[id.0].wanted && !self.is_needed(id);
                self.demand(!left, Property::ARequestIsCarriedOut, || format!("{id:?} is still done"));
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
                self.demand(!unsignalled, Property::WhatMayStopIsSignalledAtOnce, || {
                    format!("{id:?} {proc:?}, now {now:?}")
                });
                let late = proc.kill_by.is_some_and(|by| by <= now) && proc.killed_at.is_none();
                self.demand(!late, Property::WhatDoesNotStopIsKilled, || format!("{id:?} {proc:?}, now {now:?}"));
                let waits = proc.role == Role::Run && proc.leader && proc.up_at.is_none() && !proc.stop_sent;
                let unready = waits && self.stop.is_none() && proc.ready_by.is_some_and(|by| by <= now);
                let left = proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.killed_at.is_none();
                let unwanted = left && self.stop.is_none() && !self.services[id.0].wanted && !self.is_needed(id);
                let removed = self.services[id.0].removed;
                let property =
                    if removed { Property::WhatIsGoneEndsAndStaysAway } else { Property::ARequestIsCarriedOut };
                self.demand(!unwanted, property, || format!("{id:?} was not told to stop"));
                self.demand(!unready, Property::ALateReadinessIsAFailure, || format!("{id:?} {proc:?}, now {now:?}"));
            }
            ServiceState::Down | ServiceState::SpawnRequested(_) | ServiceState::Done | ServiceState::Failed => {}
        }
    }

    /// Compares what the engine says about a service with the oracle's model.
    fn compare(&mut self, id: Id, engine: &Supervisor) {
        let (phase, pid) = (engine.phase(id), engine.live(id));
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
                    ProcessModel { lost: true, .. } => Phase::Unkillable,
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
        let ours = self.services[id.0].state.clone();
        self.demand(fits && pid == self.proc(id).map(|proc| proc.pid), Property::StatusTellsTheTruth, || {
            format!("{id:?} is reported as {phase:?} with {pid:?}, and is {ours:?}")
        });
    }
}
