//! What events mean to the oracle.

use std::time::Duration;

use stepdown::config::service::{Kind, RestartPolicy};
use stepdown::supervise::{Event, Exit, Id, Pid, Readiness, Request, Role, Start, Time};

use super::constants::{MIN_PAUSE, REAP_GRACE, STABLE_AFTER};
use super::stop::code_of;
use super::{Asking, Ending, Is, NEVER, Oracle, Proc, Reason, Svc};

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
            Event::Ask(Request::Start(id)) => self.start_asked(id),
            Event::Ask(Request::Stop(id)) => self.stop_requested(id),
            Event::Ask(Request::Restart(id)) => self.restart_asked(id),
            Event::ProbeResult { id, answer } => self.looked(id, &answer),
            Event::Alive { id, within } => self.says_alive(id, within),
            Event::Extend { id, by } => self.extended(id, by),
            Event::Trouble { id } if self.is_up(id) && self.begun && self.stop.is_none() => {
                self.due.trouble.insert(id);
            }
            Event::Trouble { .. } => {}
            Event::Due { id } => self.is_due(id),
            Event::Retired { id } => self.is_free(id),
            Event::Forward(signal) => {
                let main = self.main().and_then(|id| self.proc(id));
                self.due.forward = main.filter(|proc| proc.leader && !proc.lost).map(|_| signal);
            }
            Event::Spawned { id, pid } => self.spawned(id, pid),
            Event::SpawnFailed { id, why } => self.spawn_failed(id, why.errno),
            Event::Executed { id } => self.executed(id),
            Event::Ready { id } => {
                if let Readiness::Said { .. } = self.services[id.0].spec.ready {
                    self.up(id);
                }
            }
            Event::Exited { id, exit, group_left } => self.exited(id, exit, group_left),
            Event::GroupGone { id } => self.gone(id),
        }
        self.spread();
    }

    /// What follows at once.
    pub fn spread(&mut self) {
        self.time_passes();
        self.lose_dependents();
        self.end_if_nothing_is_left();
        if self.stop.as_ref().is_some_and(|stop| stop.total <= self.now) {
            self.end_patience();
        }
    }

    pub fn end_if_nothing_is_left(&mut self) {
        let idle = |id: Id| {
            let pending = self.services[id.0].next.is_some() || (!self.services[id.0].wanted && self.undoable(id));
            matches!(self.services[id.0].is, Is::Down | Is::Done | Is::Over) && !pending
        };
        let held = |id: Id| self.services[id.0].held && matches!(self.services[id.0].is, Is::Down);
        if self.running() && !self.due.renewed && self.ids().all(idle) && !self.ids().any(held) {
            self.begin_stop(Reason::NothingLeft);
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
                (Start::AlreadyDone, _) => {
                    service.wanted = true;
                    Is::Done
                }
                (Start::Skipped | Start::Failed, _) => Is::Over,
                (Start::Down, false) => Is::Down,
                (Start::Down, true) | (Start::Wanted, _) if service.spec.scheduled => Is::Resting(NEVER),
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
            Role::StopCommand if self.patience_is_over() => Some(self.now),
            Role::StopCommand => Some(self.kill_at(id)),
        };
        let now = self.now;
        let judged = self.services[id.0].wanted && self.stop.is_none() && role == Role::Run;
        let ready_by = self.ready_timeout(id).filter(|_| judged).map(|timeout| now.plus(timeout));
        self.services[id.0].asking = Asking::default();
        if role == Role::Run {
            self.services[id.0].began = now;
        }
        self.services[id.0].is = Is::Live(Proc {
            pid,
            role,
            leader: true,
            rest: false,
            started: self.now,
            executed: false,
            up_at: None,
            ready_by,
            silent_at: None,
            exit: None,
            told: false,
            signal_by: None,
            asked: false,
            group_told: false,
            not_ready: false,
            kill_by,
            killed_at: None,
            gone_by: None,
            lost: false,
        });
    }

    fn spawn_failed(&mut self, id: Id, errno: i32) {
        let role = match &self.services[id.0].is {
            Is::Asked(role) => *role,
            Is::Live(proc) => proc.role,
            Is::Down | Is::Pending(_) | Is::Awaiting(_) | Is::FinishDue => return,
            Is::Resting(_) | Is::Done | Is::Over => return,
        };
        match role {
            Role::Finish => return self.conclude(id, None),
            Role::StopCommand => return self.undone(id),
            Role::Run => {}
        }
        self.services[id.0].began = self.now;
        let code = if errno == 2 { 127 } else { 126 };
        self.services[id.0].code = Some(code);
        self.services[id.0].end = None;
        if self.main() == Some(id) {
            self.services[id.0].is = Is::Down;
            self.main_code = Some(code);
            self.main_exit = Some(Exit::Code(code));
            self.begin_stop(Reason::Main);
        } else {
            self.conclude(id, None);
        }
    }

    pub fn up(&mut self, id: Id) {
        let now = self.now;
        if self.is_oneshot(id) {
            return;
        }
        let judged = self.services[id.0].wanted && self.stop.is_none();
        let watchdog = self.services[id.0].watchdog.filter(|_| judged);
        let before = self.proc(id).and_then(|proc| proc.up_at);
        if let Some(proc) = self.proc_mut(id) {
            let counts = proc.role == Role::Run && proc.leader && !proc.told && proc.killed_at.is_none();
            if counts && proc.up_at.is_none() {
                proc.up_at = Some(now);
                proc.silent_at = watchdog.map(|within| now.plus(within));
            }
        }
        if before.is_none() && self.proc(id).is_some_and(|proc| proc.up_at.is_some()) {
            let due = self.services[id.0].spec.health.filter(|_| judged).map(|rule| now.plus(rule.interval));
            self.services[id.0].asking = Asking { due, open: self.services[id.0].asking.open, ..Asking::default() };
        }
    }

    fn exited(&mut self, id: Id, exit: Exit, group_left: bool) {
        let (now, kill_at, main) = (self.now, self.kill_at(id), self.main() == Some(id));
        let runs = self.stop.is_none();
        let goes_on = group_left && self.leaves_on_purpose(id, exit);
        let group_left = group_left && !goes_on;
        let Some(proc) = self.proc_mut(id) else { return };
        if !proc.leader {
            return;
        }
        let pid = proc.pid;
        proc.leader = false;
        proc.rest = group_left;
        proc.exit = Some(exit);
        proc.gone_by = proc.killed_at.filter(|_| group_left && runs).map(|_| now.plus(REAP_GRACE));
        let (role, told, up_at, lost) = (proc.role, proc.told || proc.killed_at.is_some(), proc.up_at, proc.lost);
        let asked = proc.asked;
        if group_left && !lost && !proc.group_told && proc.killed_at.is_none() {
            let old = proc.kill_by;
            proc.kill_by = Some(old.unwrap_or(kill_at));
            self.due.leftovers.insert(id);
        }
        if goes_on {
            self.due.left_running.insert(id, pid);
        }
        let not_ready = self.proc(id).is_some_and(|proc| proc.not_ready);
        if role == Role::Run {
            let service = &mut self.services[id.0];
            service.code = Some(code_of(exit));
            let success = matches!(exit, Exit::Code(code) if service.spec.success_codes.contains(&code));
            let stable = up_at.is_some_and(|at| now.since(at) >= STABLE_AFTER);
            service.end =
                Some(Ending { exit, well: success && !told && !not_ready, stable, asked, told: told || not_ready });
            if main {
                let code = code_of(exit);
                let success = service.spec.success_codes.contains(&code);
                // Nobody has asked for the end of one that was not ready in time or hung.
                let given_up = told && runs && service.wanted;
                service.wanted &= !given_up;
                self.main_exit = Some(exit);
                self.main_code = Some(match (given_up, success) {
                    (false, true) => 0,
                    (false, false) => code.max(1),
                    (true, _) => 1,
                });
            }
        }
        if !group_left {
            if main && !told {
                self.services[id.0].is = Is::Down;
            } else {
                self.gone(id);
            }
        }
        if main && runs {
            self.begin_stop(Reason::Main);
        }
    }

    /// Returns whether it ends as a oneshot that succeeds by itself.
    fn leaves_on_purpose(&self, id: Id, exit: Exit) -> bool {
        let success = matches!(exit, Exit::Code(code) if self.services[id.0].spec.success_codes.contains(&code));
        let by_itself = self.proc(id).is_some_and(|proc| {
            proc.role == Role::Run && proc.leader && !proc.told && !proc.not_ready && proc.killed_at.is_none()
        });
        success && by_itself && self.is_oneshot(id)
    }

    /// Its time has come: it runs, if nothing else is the matter with it.
    fn is_due(&mut self, id: Id) {
        let Svc { is, spec, wanted, next, .. } = &self.services[id.0];
        let rests = matches!(is, Is::Resting(_) | Is::Pending(NEVER));
        if rests && spec.scheduled && *wanted && next.is_none() && self.running() {
            self.services[id.0].is = Is::Pending(self.now);
            self.fail_if_lost(id);
        }
    }

    /// The whole group has ended.
    pub fn gone(&mut self, id: Id) {
        let Some(proc) = self.proc(id).cloned() else { return };
        let finish = self.services[id.0].spec.finish.is_some();
        match proc.role {
            Role::Run if proc.lost => self.services[id.0].is = Is::Down,
            Role::Run if finish && !self.patience_is_over() => self.services[id.0].is = Is::FinishDue,
            Role::Run => self.conclude(id, None),
            Role::Finish if proc.lost => self.services[id.0].is = Is::Down,
            Role::Finish => self.conclude(id, proc.exit),
            Role::StopCommand if proc.lost => self.services[id.0].is = Is::Down,
            Role::StopCommand => self.undone(id),
        }
    }

    /// The run and its finish script are over: what follows is the restart rule's.
    fn conclude(&mut self, id: Id, finish: Option<Exit>) {
        let now = self.now;
        let Svc { spec, end, wanted, .. } = &mut self.services[id.0];
        if self.stop.is_some() || !*wanted {
            self.services[id.0].is = Is::Down;
            return;
        }
        if end.is_some_and(|end| end.asked) {
            self.services[id.0].is = Is::Pending(now);
            return self.fail_if_lost(id);
        }
        let done = end.is_some_and(|end| end.well) && spec.kind == Kind::Oneshot;
        if self.services[id.0].next.is_some() && !done {
            self.services[id.0].is = Is::Pending(now);
            return;
        }
        let Svc { spec, end, failures, pauses, .. } = &mut self.services[id.0];
        if finish == Some(Exit::Code(125)) {
            return self.over(id, Is::Over);
        }
        let (well, stable) = end.map_or((false, false), |end| (end.well, end.stable));
        let periodic = spec.kind == Kind::Oneshot && spec.every.is_some();
        if spec.scheduled && well {
            self.services[id.0].is = Is::Resting(NEVER);
            return;
        }
        if spec.scheduled && !spec.essential {
            self.services[id.0].is = Is::Pending(NEVER);
            return self.fail_if_lost(id);
        }
        if well && spec.kind == Kind::Oneshot {
            // Until when is said with the report.
            self.services[id.0].is = if periodic { Is::Resting(now) } else { Is::Done };
            self.due.turns.extend(periodic.then_some((id, true)));
            return;
        }
        if periodic && !spec.essential {
            self.services[id.0].is = Is::Pending(now);
            self.due.turns.insert(id, false);
            return self.fail_if_lost(id);
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
            let told = service.end.is_some_and(|end| end.told);
            service.code = Some(service.code.filter(|code| *code != 0 && !told).unwrap_or(1));
        }
        service.is = is;
        service.wanted = false;
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
    pub fn lose_dependents(&mut self) {
        for id in self.ids() {
            self.fail_if_lost(id);
        }
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

    pub fn fail_if_lost(&mut self, id: Id) {
        let (Is::Pending(_) | Is::Awaiting(_)) = self.services[id.0].is else { return };
        // What is about to become another one, or what others will be, is not judged yet.
        if self.stop.is_none() && (self.services[id.0].next.is_some() || self.due.renewed) {
            return;
        }
        let hopeless = |on: &&Id| {
            let on = &self.services[on.0];
            matches!(on.is, Is::Down | Is::Over) && on.next.is_none()
        };
        let Some(lost) = self.services[id.0].spec.requires.iter().find(hopeless).copied() else { return };
        self.services[id.0].code = self.services[lost.0].code;
        self.services[id.0].end = None;
        self.over(id, Is::Over);
    }
}
