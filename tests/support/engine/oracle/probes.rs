//! The oracle's picture of questions, of what services say about themselves, and of what is asked by hand.

use std::time::Duration;

use stepdown::config::probe::Then;
use stepdown::supervise::{Id, ProbeKind, ProbeResult, Readiness, Role, Start, Time};

use super::constants::{AWAIT_PAUSE, FIRST_READY_PAUSE};
use super::{Is, Oracle, Proc, Property, Reason, Svc};

impl Oracle {
    /// Its program was executed.
    pub fn executed(&mut self, id: Id) {
        let judged = self.services[id.0].wanted && self.stop.is_none() && !self.is_oneshot(id);
        let Some(proc) = self.proc_mut(id) else { return };
        if proc.role != Role::Run || !proc.leader {
            return;
        }
        proc.executed = true;
        let (started, starting) = (proc.started, proc.up_at.is_none() && !proc.told && proc.killed_at.is_none());
        match self.services[id.0].spec.ready {
            Readiness::Executed => self.up(id),
            Readiness::Probed { .. } if judged && starting => self.services[id.0].asking.due = Some(self.now),
            Readiness::Lived(time) if judged && starting => {
                self.services[id.0].asking.due = Some(started.plus(time).max(self.now));
            }
            Readiness::Said { .. } | Readiness::Probed { .. } | Readiness::Lived(_) => {}
        }
    }

    /// What is done and to be so no more, and has nothing to undo, is down once nothing keeps it.
    fn let_go(&mut self) {
        let idle = |me: &Self, id: Id| {
            let Svc { is, wanted, spec, next, .. } = &me.services[id.0];
            let done = matches!(is, Is::Resting(_) | Is::Done) && !spec.undo && next.is_none();
            done && !wanted && !me.needed(id)
        };
        while let Some(id) = self.ids().find(|id| self.running() && idle(self, *id)) {
            self.services[id.0].is = Is::Down;
        }
    }

    /// What needs nobody's word: who has lived long enough, whose turn has come.
    pub fn time_passes(&mut self) {
        self.let_go();
        self.leave_behind();
        for id in self.ids() {
            let now = self.now;
            let lives = matches!(self.services[id.0].spec.ready, Readiness::Lived(_)) && self.is_starting(id);
            if lives && self.stop.is_none() && self.services[id.0].asking.due.is_some_and(|due| due <= now) {
                self.up(id);
            }
            if self.services[id.0].next.is_some() && !self.alive(id) {
                continue;
            }
            let unwanted = self.stop.is_none() && self.begun && !self.services[id.0].wanted;
            match self.services[id.0].is {
                Is::Resting(until) if unwanted && until <= now => self.services[id.0].is = Is::Down,
                Is::Resting(until) if until <= now && self.stop.is_none() && !self.due.turns.contains_key(&id) => {
                    self.services[id.0].is = Is::Pending(until);
                    self.fail_if_lost(id);
                }
                _ => {}
            }
        }
    }

    /// What KILL did not end of a group counts as gone.
    fn leave_behind(&mut self) {
        for id in self.ids() {
            let late = |proc: &&Proc| !proc.leader && !proc.lost && proc.gone_by.is_some_and(|by| by <= self.now);
            let Some(pid) = self.proc(id).filter(late).map(|proc| proc.pid) else { continue };
            if self.stop.is_none() {
                self.due.behind.insert(id, pid);
                self.gone(id);
            }
        }
    }

    fn is_starting(&self, id: Id) -> bool {
        let starting = |proc: &Proc| {
            proc.role == Role::Run && proc.leader && proc.up_at.is_none() && !proc.told && proc.killed_at.is_none()
        };
        self.proc(id).is_some_and(starting)
    }

    pub fn is_up(&self, id: Id) -> bool {
        let up = |proc: &Proc| {
            proc.role == Role::Run && proc.leader && proc.up_at.is_some() && !proc.told && proc.killed_at.is_none()
        };
        self.proc(id).is_some_and(up)
    }

    pub fn looked(&mut self, id: Id, answer: &ProbeResult) {
        let now = self.now;
        if self.services[id.0].asking.open.take().is_none() || self.stop.is_some() {
            return;
        }
        let well = *answer == ProbeResult::Pass;
        if let Is::Awaiting(at) = self.services[id.0].is {
            if well {
                self.services[id.0].is = Is::Awaiting(at + 1);
            }
            let all = well && at + 1 >= self.services[id.0].spec.awaits;
            self.services[id.0].asking.due =
                if well { Some(now).filter(|_| !all) } else { Some(now.plus(AWAIT_PAUSE)) };
        } else if self.is_starting(id) {
            if well {
                return self.up(id);
            }
            let Readiness::Probed { interval, .. } = self.services[id.0].spec.ready else { return };
            let asking = &mut self.services[id.0].asking;
            let pause =
                (0..asking.tries).fold(FIRST_READY_PAUSE, |pause, _| (pause * 2).min(Duration::from_secs(3600)));
            asking.tries += 1;
            asking.due = Some(now.plus(pause.min(interval.max(FIRST_READY_PAUSE))));
        } else if self.is_up(id) {
            self.felt(id, well);
        }
    }

    fn felt(&mut self, id: Id, well: bool) {
        let Some(rule) = self.services[id.0].spec.health else { return };
        let now = self.now;
        let asking = &mut self.services[id.0].asking;
        asking.due = Some(now.plus(rule.interval));
        let was_well = asking.well != Some(false);
        if well == was_well {
            asking.against = 0;
            asking.well = Some(well);
            return;
        }
        asking.against += 1;
        let enough = if well { rule.successes.max(1) } else { rule.failures.max(1) };
        if asking.against < enough {
            return;
        }
        asking.against = 0;
        asking.well = Some(well);
        if well {
            self.due.healthy.insert(id);
            return;
        }
        self.due.unwell.insert(id);
        match rule.then {
            Then::Restart => drop(self.due.unwell_stop.insert(id)),
            Then::StopContainer => self.begin_stop(Reason::Unhealthy(id)),
            Then::Report => {}
        }
    }

    pub fn says_alive(&mut self, id: Id, within: Option<Duration>) {
        let now = self.now;
        if let Some(within) = within {
            self.services[id.0].watchdog = Some(within).filter(|within| !within.is_zero());
        }
        let watchdog = self.services[id.0].watchdog;
        if self.is_up(id) && self.begun && self.stop.is_none() {
            let proc = self.proc_mut(id).expect("it is up");
            proc.silent_at = watchdog.map(|within| now.plus(within));
        }
    }

    pub fn extended(&mut self, id: Id, by: Duration) {
        let until = self.now.plus(by);
        if self.stop.is_some() {
            return;
        }
        let Some(proc) = self.proc_mut(id) else { return };
        if proc.role != Role::Run || !proc.leader || proc.killed_at.is_some() {
            return;
        }
        if proc.told {
            proc.kill_by = proc.kill_by.map(|by| by.max(until));
        } else if proc.up_at.is_none() {
            proc.ready_by = proc.ready_by.map(|by| by.max(until));
        }
    }

    pub fn running(&self) -> bool {
        self.begun && self.stop.is_none()
    }

    pub fn start_asked(&mut self, id: Id) {
        if !self.running() {
            return;
        }
        let mut asked = vec![id];
        while let Some(id) = asked.pop() {
            let now = self.now;
            let service = &mut self.services[id.0];
            let idle = matches!(service.is, Is::Down | Is::Over);
            let start = service.spec.start;
            if service.gone || start == Start::Skipped || (idle && start == Start::AlreadyDone) {
                continue;
            }
            let news = idle || !service.wanted;
            (service.wanted, service.held) = (true, false);
            if idle {
                (service.failures, service.pauses) = (0, 0);
                service.is = Is::Pending(now);
            }
            if news {
                asked.extend(service.spec.requires.clone());
            }
        }
        let scheduled = self.services[id.0].spec.scheduled;
        match &mut self.services[id.0].is {
            Is::Pending(from) => *from = (*from).min(self.now),
            is @ Is::Resting(_) if scheduled => *is = Is::Pending(self.now),
            _ => {}
        }
        for id in self.ids() {
            self.fail_if_lost(id);
        }
    }

    pub fn stop_requested(&mut self, id: Id) {
        if !self.running() || self.main() == Some(id) {
            return;
        }
        let mut asked = vec![id];
        while let Some(id) = asked.pop() {
            let service = &mut self.services[id.0];
            if service.held || service.gone || service.spec.start == Start::AlreadyDone {
                continue;
            }
            (service.held, service.wanted) = (true, false);
            match service.is {
                Is::Pending(_) | Is::Awaiting(_) => service.is = Is::Down,
                _ => {}
            }
            for above in self.ids() {
                let above_it = &self.services[above.0];
                if above_it.spec.requires.contains(&id) && above_it.wanted {
                    asked.push(above);
                }
            }
        }
    }

    pub fn restart_asked(&mut self, id: Id) {
        if !self.running() || self.main() == Some(id) || self.services[id.0].gone {
            return;
        }
        let now = self.now;
        let service = &mut self.services[id.0];
        match &service.is {
            Is::Live(proc) if proc.role == Role::Run && proc.leader && !proc.told && proc.killed_at.is_none() => {
                self.start_asked(id);
                self.due.restarts.insert(id);
            }
            Is::Resting(_) | Is::Done if service.spec.start == Start::AlreadyDone => {}
            Is::Resting(_) | Is::Done => {
                self.start_asked(id);
                let service = &mut self.services[id.0];
                if service.spec.undo {
                    self.due.undo.insert(id);
                } else {
                    service.is = Is::Pending(now);
                    self.fail_if_lost(id);
                }
            }
            Is::Live(Proc { lost: true, .. }) => {}
            _ => self.start_asked(id),
        }
    }

    /// Its stop command has ended, with all that it left.
    pub fn undone(&mut self, id: Id) {
        let again = self.services[id.0].wanted && self.stop.is_none();
        self.services[id.0].is = if again { Is::Pending(self.now) } else { Is::Down };
        self.fail_if_lost(id);
    }

    /// Judges a question.
    pub fn judge_look(&mut self, id: Id, look: ProbeKind) {
        let now = self.now;
        let property = Property::ProbesRunOneAtATimeAndWhenDue;
        let open = self.services[id.0].asking.open;
        self.demand(open.is_none(), property, || format!("{id:?}: {look:?} while {open:?} is under way"));
        self.demand(self.running(), Property::AfterAStopRequestNothingStarts, || format!("{id:?}: {look:?}"));
        let due = self.services[id.0].asking.due;
        let in_time = due.is_some_and(|due| due <= now);
        let fits = match (look, &self.services[id.0].is) {
            (ProbeKind::Await(0), Is::Pending(from)) => {
                let may = *from <= now && self.may_start(id);
                self.services[id.0].is = Is::Awaiting(0);
                may
            }
            (ProbeKind::Await(at), Is::Awaiting(next)) => at == *next && in_time,
            (ProbeKind::Ready, Is::Live(_)) => self.is_starting(id) && in_time,
            (ProbeKind::Health, Is::Live(_)) => self.is_up(id) && in_time,
            _ => false,
        };
        let is = self.services[id.0].is.clone();
        self.demand(fits, property, || format!("{id:?}: {look:?} of {is:?}, due {due:?}, now {now:?}"));
        self.services[id.0].asking.open = Some(look);
        self.services[id.0].asking.due = None;
    }

    /// Judges that an answer is not waited for any more.
    pub fn judge_forget(&mut self, id: Id) {
        let open = self.services[id.0].asking.open.take();
        self.demand(open.is_some(), Property::NoProbeIsLeftOpenWhenNobodyNeedsIt, || {
            format!("{id:?}: nothing was asked")
        });
    }

    /// Whether all that it requires is up and all that it is after has settled.
    pub fn may_start(&self, id: Id) -> bool {
        let spec = &self.services[id.0].spec;
        spec.requires.iter().all(|on| self.met(*on)) && spec.after.iter().all(|on| self.settled(*on))
    }

    /// Checks that what was to be asked was asked, and that nobody is asked who is not there.
    pub fn check_questions(&mut self, id: Id) {
        let now = self.now;
        let asking = self.services[id.0].asking.clone();
        let asked = matches!(self.services[id.0].is, Is::Awaiting(_)) || self.is_starting(id) || self.is_up(id);
        let asked = asked && self.stop.is_none();
        self.demand(asked || asking.open.is_none(), Property::NoProbeIsLeftOpenWhenNobodyNeedsIt, || {
            format!("{id:?}: {asking:?}")
        });
        let late = asked && asking.open.is_none() && asking.due.is_some_and(|due| due <= now);
        self.demand(!late, Property::ProbesRunOneAtATimeAndWhenDue, || format!("{id:?}: {asking:?}, now {now:?}"));
        let silent = self.proc(id).and_then(|proc| proc.silent_at).is_some_and(|at| at <= now);
        let silent = silent && self.is_up(id) && self.stop.is_none();
        self.demand(!silent, Property::AServiceThatMissesItsWatchdogIsStopped, || {
            format!("{id:?} since before {now:?}")
        });
    }

    /// Returns when the next question, or the end of patience with one that is silent, comes by itself.
    pub fn next_question(&self, id: Id) -> Option<Time> {
        if self.stop.is_some() {
            return None;
        }
        let due = self.services[id.0].asking.due.filter(|_| self.services[id.0].asking.open.is_none());
        match &self.services[id.0].is {
            Is::Awaiting(_) => due,
            Is::Live(proc) if self.is_up(id) => due.into_iter().chain(proc.silent_at).min(),
            Is::Live(_) if self.is_starting(id) => due,
            _ => None,
        }
    }
}
