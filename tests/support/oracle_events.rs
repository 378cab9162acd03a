//! What events mean to the oracle.

use std::time::Duration;

use stepdown::config::service::{Kind, Ready, RestartPolicy, STABLE_AFTER};
use stepdown::supervise::{Event, Exit, Id, MIN_PAUSE, Pid, Request, Role, Start, Time};

use super::oracle::{Ending, Is, Oracle, Proc, Reason, Svc};
use super::oracle_stop::code_of;

impl Oracle {
    /// Takes note of an event that the engine is about to be given.
    pub fn before(&mut self, now: Time, event: &Event) {
        self.now = now;
        if self.exit.is_some() {
            return;
        }
        match event.clone() {
            Event::Begin => self.begin(),
            Event::Tick => {}
            Event::StopSignal(signal) => {
                self.begin_stop(Reason::Signal(signal));
                self.stop_signals += 1;
                if self.stop_signals > 1 {
                    self.end_patience();
                }
            }
            Event::Ask(Request::Shutdown { code }) => {
                self.asked_code = code.or(self.asked_code);
                self.begin_stop(Reason::Asked);
            }
            Event::Forward(signal) => {
                let main = self.main().and_then(|id| self.proc(id));
                self.due.forward = main.filter(|proc| proc.leader && !proc.lost).map(|_| signal);
            }
            Event::Spawned { id, pid } => self.spawned(id, pid),
            Event::SpawnFailed { id, why } => self.spawn_failed(id, why.errno),
            Event::Executed { id } => {
                if self.services[id.0].spec.ready == Ready::Started {
                    self.up(id);
                }
            }
            Event::Ready { id } => {
                if self.services[id.0].spec.ready != Ready::Started {
                    self.up(id);
                }
            }
            Event::Exited { id, exit, group_left } => self.exited(id, exit, group_left),
            Event::GroupGone { id } => self.gone(id),
        }
        self.lose_dependents();
        let idle = |id: Id| matches!(self.services[id.0].is, Is::Down | Is::Done | Is::Over);
        if self.begun && self.stop.is_none() && self.ids().all(idle) {
            self.begin_stop(Reason::NothingLeft);
        }
        if self.stop.as_ref().is_some_and(|stop| stop.total <= now) {
            self.end_patience();
        }
    }

    fn begin(&mut self) {
        if self.begun || self.stop.is_some() {
            return;
        }
        self.begun = true;
        for _ in self.ids() {
            for id in self.ids() {
                for on in self.services[id.0].spec.requires.clone() {
                    let pulled = self.services[id.0].wanted && self.services[on.0].spec.start == Start::Down;
                    self.services[on.0].wanted |= pulled;
                }
            }
        }
        for id in self.ids() {
            let service = &mut self.services[id.0];
            service.is = match (service.spec.start, service.wanted) {
                (Start::AlreadyDone, _) => Is::Done,
                (Start::Skipped | Start::Failed, _) => Is::Over,
                (Start::Down, false) => Is::Down,
                (Start::Down, true) | (Start::Wanted, _) => Is::Pending(self.now),
            };
        }
        for id in self
            .ids()
            .filter(|id| matches!(self.services[id.0].spec.start, Start::Skipped | Start::Failed))
            .collect::<Vec<_>>()
        {
            self.services[id.0].code = Some(if self.services[id.0].spec.start == Start::Failed { 1 } else { 111 });
            self.due.failed.insert(id);
            self.due.losing.push_back(id);
        }
    }

    fn spawned(&mut self, id: Id, pid: Pid) {
        let Is::Asked(role) = self.services[id.0].is else { return };
        let kill_by = match role {
            Role::Run => self.patience_is_over().then_some(self.now),
            Role::Finish => self.finish_by(id),
        };
        self.services[id.0].is = Is::Live(Proc {
            pid,
            role,
            leader: true,
            rest: false,
            started: self.now,
            up_at: None,
            exit: None,
            told: false,
            group_told: false,
            not_ready: false,
            kill_by,
            killed_at: None,
            lost: false,
        });
    }

    fn spawn_failed(&mut self, id: Id, errno: i32) {
        let role = match &self.services[id.0].is {
            Is::Asked(role) => *role,
            Is::Live(proc) => proc.role,
            Is::Down | Is::Pending(_) | Is::FinishDue | Is::Done | Is::Over => return,
        };
        if role == Role::Finish {
            return self.conclude(id, None);
        }
        let code = if errno == 2 { 127 } else { 126 };
        self.services[id.0].code = Some(code);
        self.services[id.0].end = None;
        if self.main() == Some(id) {
            self.services[id.0].is = Is::Down;
            self.main_code = Some(code);
            self.begin_stop(Reason::Main);
        } else {
            self.conclude(id, None);
        }
    }

    fn up(&mut self, id: Id) {
        let now = self.now;
        if self.is_oneshot(id) {
            return;
        }
        if let Some(proc) = self.proc_mut(id) {
            let counts = proc.role == Role::Run && proc.leader && !proc.told && proc.killed_at.is_none();
            if counts && proc.up_at.is_none() {
                proc.up_at = Some(now);
            }
        }
    }

    fn exited(&mut self, id: Id, exit: Exit, group_left: bool) {
        let (now, kill_at, main) = (self.now, self.kill_at(id), self.main() == Some(id));
        let Some(proc) = self.proc_mut(id) else { return };
        if !proc.leader {
            return;
        }
        proc.leader = false;
        proc.rest = group_left;
        proc.exit = Some(exit);
        let (role, told, up_at, lost) = (proc.role, proc.told || proc.killed_at.is_some(), proc.up_at, proc.lost);
        if group_left && !lost && !proc.group_told && proc.killed_at.is_none() {
            let old = proc.kill_by;
            proc.kill_by = Some(old.unwrap_or(kill_at));
            self.due.leftovers.insert(id);
        }
        let not_ready = self.proc(id).is_some_and(|proc| proc.not_ready);
        if role == Role::Run {
            let service = &mut self.services[id.0];
            service.code = Some(code_of(exit));
            let success = matches!(exit, Exit::Code(code) if service.spec.success_codes.contains(&code));
            let stable = up_at.is_some_and(|at| now.since(at) >= STABLE_AFTER);
            service.end = Some(Ending { exit, well: success && !told && !not_ready, stable });
            if main {
                self.main_code = Some(code_of(exit));
            }
        }
        if !group_left {
            if main && !told {
                self.services[id.0].is = Is::Down;
            } else {
                self.gone(id);
            }
        }
        if main && !told {
            self.begin_stop(Reason::Main);
        }
    }

    /// The whole group has ended.
    fn gone(&mut self, id: Id) {
        let Some(proc) = self.proc(id).cloned() else { return };
        let finish = self.services[id.0].spec.finish.is_some();
        match proc.role {
            Role::Run if proc.lost => self.services[id.0].is = Is::Down,
            Role::Run if finish && !self.patience_is_over() => self.services[id.0].is = Is::FinishDue,
            Role::Run => self.conclude(id, None),
            Role::Finish if proc.lost => self.services[id.0].is = Is::Down,
            Role::Finish => self.conclude(id, proc.exit),
        }
    }

    /// The run and its finish script are over: what follows is the restart rule's.
    fn conclude(&mut self, id: Id, finish: Option<Exit>) {
        let now = self.now;
        let stopping = self.stop.is_some();
        let Svc { spec, end, failures, pauses, .. } = &mut self.services[id.0];
        if stopping {
            self.services[id.0].is = Is::Down;
            return;
        }
        if finish == Some(Exit::Code(125)) {
            return self.over(id, Is::Over);
        }
        let (well, stable) = end.map_or((false, false), |end| (end.well, end.stable));
        if well && spec.kind == Kind::Oneshot {
            self.services[id.0].is = Is::Done;
            return;
        }
        match spec.restart.policy {
            RestartPolicy::Always => {}
            RestartPolicy::OnFailure if !well => {}
            RestartPolicy::OnFailure | RestartPolicy::Never => {
                return self.over(id, if well { Is::Down } else { Is::Over });
            }
        }
        if stable {
            (*failures, *pauses) = (0, 0);
        }
        if !(stable && well) {
            *failures += 1;
        }
        if spec.restart.limit.is_some_and(|limit| *failures >= limit.max(1)) {
            return self.over(id, Is::Over);
        }
        let mut pause = Duration::ZERO;
        if !stable {
            pause = spec.restart.delay.max(MIN_PAUSE);
            let cap = spec.restart.max_delay.max(pause);
            for _ in 0..*pauses {
                pause = (pause * 2).min(cap);
            }
            *pauses += 1;
        }
        self.due.backoff.insert(id, (pause, *failures));
        self.services[id.0].is = Is::Pending(now.plus(pause));
        self.fail_if_lost(id);
    }

    /// It has ended for good.
    fn over(&mut self, id: Id, is: Is) {
        let failed = matches!(is, Is::Over);
        let service = &mut self.services[id.0];
        // Only where its finish script said 125 may a failure keep a code of 0.
        let finish_said = matches!(&service.is, Is::Live(Proc { role: Role::Finish, exit: Some(Exit::Code(125)), .. }));
        if failed && !finish_said {
            service.code = Some(service.code.filter(|code| *code != 0).unwrap_or(1));
        }
        service.is = is;
        if failed {
            self.due.failed.insert(id);
            self.last_failure = self.services[id.0].code;
        }
        if self.services[id.0].spec.essential {
            self.due.essentials.push(id);
        }
        self.due.losing.push_back(id);
    }

    /// Those that wait for what can no longer come fail as well, and those that wait for them.
    ///
    /// If several of them are essential, each may be the one that is named; the rest need not be failed any more when
    /// the stop begins.
    fn lose_dependents(&mut self) {
        while let Some(id) = self.due.losing.pop_front() {
            for other in self.ids().filter(|_| self.stop.is_none()).collect::<Vec<_>>() {
                if self.services[other.0].spec.requires.contains(&id) {
                    self.fail_if_lost(other);
                }
            }
        }
        if let Some(first) = self.due.essentials.first() {
            self.begin_stop(Reason::Essential(*first));
        }
    }

    fn fail_if_lost(&mut self, id: Id) {
        let Is::Pending(_) = self.services[id.0].is else { return };
        let hopeless = |on: &&Id| matches!(self.services[on.0].is, Is::Down | Is::Over);
        let Some(lost) = self.services[id.0].spec.requires.iter().find(hopeless).copied() else { return };
        self.services[id.0].code = self.services[lost.0].code;
        self.services[id.0].end = None;
        self.over(id, Is::Over);
    }
}
