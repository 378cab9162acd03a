//! What the oracle checks between two steps: that nothing was left undone, and that the engine says what is.

use stepdown::supervise::{Id, Phase, Role, Supervisor, Time};

use super::constants::REAP_GRACE;
use super::{Is, NEVER, Oracle, Proc, Property, Svc};

impl Oracle {
    /// Checks what must be true between two steps.
    pub fn after(&mut self, engine: &Supervisor) {
        self.settle_renewals();
        let mut due = std::mem::take(&mut self.due);
        if !due.essentials.is_empty() {
            for id in std::mem::take(&mut due.failed) {
                self.services[id.0].is = Is::Down;
            }
        }
        self.demand(due.cont.is_none(), Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("no CONT for {:?}", due.cont)
        });
        self.demand(due.continued.is_none(), Property::AStopSignalIsTheRightOneAndFollowedByCont, || {
            format!("CONT and nothing else for {:?}", due.continued)
        });
        self.demand(due.leftovers.is_empty(), Property::TheRestOfAGroupIsEnded, || {
            format!("not told: {:?}", due.leftovers)
        });
        self.demand(due.left_running.is_empty(), Property::WhatAOneshotLeavesGoesOn, || {
            format!("somebody still waits for what they left: {:?}", due.left_running)
        });
        self.demand(due.behind.is_empty(), Property::TheRestOfAGroupIsEnded, || {
            format!("they wait in vain: {:?}", due.behind)
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
            self.demand(left.is_empty(), property, || format!("nothing was said or done: {left:?}"));
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
            self.demand(due.restarts.is_empty() && due.undo.is_empty(), property, || {
                format!("not restarted: {:?} {:?}", due.restarts, due.undo)
            });
            self.demand(due.turns.is_empty(), Property::APeriodicOneshotRunsWhenDue, || {
                format!("no turn was announced: {:?}", due.turns)
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
        self.check_places(engine.places());
        for id in self.ids() {
            self.check(id);
            self.check_questions(id);
            self.check_reload(id);
            self.compare(id, engine);
        }
        let shown = |id: &Id| !self.services[id.0].gone || !matches!(self.services[id.0].is, Is::Down | Is::Over);
        let expected: Vec<Id> = self.ids().filter(|id| self.main != Some(*id) && shown(id)).chain(self.main).collect();
        self.demand(engine.ids() == expected, Property::StatusTellsTheTruth, || {
            format!("{:?} instead of {expected:?}", engine.ids())
        });
        self.check_stop();
    }

    /// Returns when something has to happen by itself.
    fn next_moment(&self) -> Option<Time> {
        let of_service = |id: Id| match &self.services[id.0].is {
            Is::Pending(from) | Is::Resting(from) => Some(*from).filter(|from| *from > self.now && *from != NEVER),
            Is::Awaiting(_) => None,
            Is::Live(Proc { lost: true, .. }) => None,
            Is::Live(Proc { killed_at: Some(at), gone_by, .. }) => {
                let in_stop = self.stop.as_ref().map(|stop| stop.at.max(*at).plus(REAP_GRACE));
                in_stop.into_iter().chain(*gone_by).min()
            }
            Is::Live(Proc { kill_by: Some(by), signal_by, leader, .. }) => {
                Some(signal_by.filter(|_| *leader).map_or(*by, |told| told.min(*by)))
            }
            Is::Live(Proc { leader: true, up_at: None, role: Role::Run, ready_by, .. }) if self.stop.is_none() => {
                *ready_by
            }
            Is::Live(_) | Is::Down | Is::Asked(_) | Is::FinishDue | Is::Done | Is::Over => None,
        };
        let whole = self.stop.as_ref().map(|stop| stop.over_at.map_or(stop.total, |at| at.plus(REAP_GRACE)));
        let questions = self.ids().filter_map(|id| self.next_question(id));
        self.ids().filter_map(of_service).chain(questions).chain(whole).min()
    }

    /// Checks that nothing that can happen to a service at this moment is left undone.
    fn check(&mut self, id: Id) {
        let now = self.now;
        let Svc { is, spec, .. } = self.services[id.0].clone();
        match is {
            Is::Pending(from) if self.stop.is_none() => {
                let may = self.may_start(id);
                self.demand(!(may && from <= now), Property::WhatCanStartStartsAtOnce, || {
                    format!("{id:?} could start since {from:?}, now {now:?}")
                });
            }
            Is::Awaiting(at) if self.stop.is_none() => {
                let may = at >= spec.awaits && self.may_start(id);
                self.demand(!may, Property::WhatCanStartStartsAtOnce, || format!("{id:?}: all is there"));
            }
            Is::Resting(_) | Is::Done if self.stop.is_none() => {
                let left = !self.services[id.0].wanted && !self.needed(id);
                self.demand(!left, Property::ARequestIsCarriedOut, || format!("{id:?} is still done"));
            }
            Is::Resting(_) => self.violate(Property::AfterAStopRequestNothingStarts, format!("{id:?} still rests")),
            Is::Pending(_) | Is::Awaiting(_) => {
                self.violate(Property::AfterAStopRequestNothingStarts, format!("{id:?} still waits"))
            }
            Is::FinishDue => {
                self.violate(Property::AFinishScriptRunsOnceAfterEachEnd, format!("{id:?}: it was not started"));
            }
            Is::Live(proc) => {
                let untold = proc.leader && proc.signal_by.is_some_and(|by| by <= now) && proc.killed_at.is_none();
                self.demand(!untold, Property::WhatMayStopIsSignalledAtOnce, || {
                    format!("{id:?} {proc:?}, now {now:?}")
                });
                let late = proc.kill_by.is_some_and(|by| by <= now) && proc.killed_at.is_none();
                self.demand(!late, Property::WhatDoesNotStopIsKilled, || format!("{id:?} {proc:?}, now {now:?}"));
                let waits = proc.role == Role::Run && proc.leader && proc.up_at.is_none() && !proc.told;
                let unready = waits && self.stop.is_none() && proc.ready_by.is_some_and(|by| by <= now);
                let left = proc.role == Role::Run && proc.leader && !proc.told && proc.killed_at.is_none();
                let unwanted = left && self.stop.is_none() && !self.services[id.0].wanted && !self.needed(id);
                let gone = self.services[id.0].gone;
                let property = if gone { Property::WhatIsGoneEndsAndStaysAway } else { Property::ARequestIsCarriedOut };
                self.demand(!unwanted, property, || format!("{id:?} was not told to stop"));
                self.demand(!unready, Property::ALateReadinessIsAFailure, || format!("{id:?} {proc:?}, now {now:?}"));
            }
            Is::Down | Is::Asked(_) | Is::Done | Is::Over => {}
        }
    }

    /// Compares what the engine says about a service with the oracle's own picture.
    fn compare(&mut self, id: Id, engine: &Supervisor) {
        let (phase, pid) = (engine.phase(id), engine.live(id));
        let fits = match (&self.services[id.0].is, phase) {
            (Is::Down, Some(Phase::Down)) | (Is::Over, Some(Phase::Failed)) | (Is::Done, Some(Phase::Done)) => true,
            (Is::Pending(_), Some(Phase::Waiting | Phase::Backoff)) => true,
            (Is::Awaiting(_), Some(Phase::Awaiting)) => true,
            (Is::Resting(_), Some(phase)) => {
                let ran = self.services[id.0].ever;
                phase == if ran { Phase::Resting } else { Phase::Scheduled }
            }
            (Is::Asked(Role::StopCommand), Some(Phase::StopCommandSpawning)) => true,
            (Is::Asked(Role::Run), Some(Phase::Spawning)) => true,
            (Is::Asked(Role::Finish), Some(Phase::FinishSpawning)) => true,
            (Is::Live(proc), Some(phase)) => {
                let expected = match proc {
                    Proc { lost: true, .. } => Phase::Lost,
                    Proc { leader: false, .. } => Phase::Draining,
                    Proc { role: Role::Finish, .. } => Phase::Finishing,
                    Proc { role: Role::StopCommand, .. } => Phase::StopCommandRunning,
                    Proc { told: true, .. } | Proc { killed_at: Some(_), .. } => Phase::Stopping,
                    Proc { up_at: Some(_), .. } => Phase::Up,
                    Proc { up_at: None, .. } => Phase::Starting,
                };
                phase == expected && pid == Some(proc.pid)
            }
            _ => false,
        };
        let ours = self.services[id.0].is.clone();
        self.demand(fits && pid == self.proc(id).map(|proc| proc.pid), Property::StatusTellsTheTruth, || {
            format!("{id:?} is said to be {phase:?} with {pid:?}, and is {ours:?}")
        });
    }
}
