//! What events mean to the oracle.

use stepdown::supervise::{EngineTime, Event, Exit, Id, Pid, Readiness, Request, Role, Start};

use super::constants::{CAME_UP_AFTER, MAIN_WAIT_REPORT_PAUSE, REAP_GRACE, STABLE_AFTER};
use super::stop::code_of;
use super::{NEVER, Oracle, ProbeModel, ProcessModel, Reason, RunEnd, ServiceModel, ServiceState};

impl Oracle {
    /// Notes an event before the engine gets it.
    pub fn take_event(&mut self, now: EngineTime, event: &Event) {
        self.now = now;
        if self.exit.is_some() {
            return;
        }
        match event.clone() {
            Event::Begin => self.begin(),
            Event::RereadEnded => self.reread_ended(),
            Event::Tick => {}
            Event::StopSignal(signal) => {
                self.begin_stop(Reason::Signal(signal));
                self.stop_signals += 1;
                if self.stop_signals > 1 {
                    self.end_budget();
                }
            }
            Event::Request(Request::Shutdown { code }) => {
                self.asked_code = code.or(self.asked_code);
                self.begin_stop(Reason::Requested);
            }
            Event::Request(Request::Start(id)) => self.start_requested(id),
            Event::Request(Request::Stop(id)) => self.stop_requested(id),
            Event::Request(Request::Restart(id)) => self.restart_requested(id),
            Event::Request(Request::Once { id, start }) => self.once_requested(id, start),
            Event::ProbeResult { id, result } => self.probe_result(id, &result),
            Event::KeepAlive { id, within } => self.alive_notification(id, within),
            Event::ExtendTimeout { id, by } => self.timeout_extended(id, by),
            Event::WatchdogTrigger { id } if self.is_up(id) && self.begun && self.stop.is_none() => {
                self.obligations.watchdog_triggered.insert(id);
            }
            Event::WatchdogTrigger { .. } => {}
            Event::Due { id } => self.is_due(id),
            Event::IdReleased { id } => self.id_released(id),
            Event::Forward(signal) => {
                let main = self.main().and_then(|id| self.proc(id));
                self.obligations.forward = main.filter(|proc| proc.leader && !proc.unkillable).map(|_| signal);
            }
            Event::Spawned { id, pid } => self.spawned(id, pid),
            Event::SpawnFailed { id, why } => self.spawn_failed(id, why.errno),
            Event::Executed { id } => self.executed(id),
            Event::Ready { id } => {
                if let Readiness::Notified { .. } = self.services[id.0].spec.ready {
                    self.up(id);
                }
            }
            Event::Exited { id, exit, group_left } => self.exited(id, exit, group_left),
            Event::GroupGone { id } => self.group_gone(id),
        }
        self.propagate();
    }

    /// What follows at once.
    pub fn propagate(&mut self) {
        self.fail_dependents();
        self.advance_start();
        self.advance_time();
        self.fail_dependents();
        self.end_if_nothing_is_left();
        if self.stop.as_ref().is_some_and(|stop| stop.total <= self.now) {
            self.end_budget();
        }
    }

    pub fn end_if_nothing_is_left(&mut self) {
        let idle = |id: Id| {
            let pending = self.services[id.0].pending_spec.is_some()
                || (!self.services[id.0].wanted && self.needs_stop_command(id));
            matches!(self.services[id.0].state, ServiceState::Down | ServiceState::Done | ServiceState::Failed)
                && !pending
        };
        let stopped_manually =
            |id: Id| self.services[id.0].stopped_manually && matches!(self.services[id.0].state, ServiceState::Down);
        if self.running()
            && !self.obligations.definitions_changed
            && self.is_rereading_over()
            && self.ids().all(idle)
            && !self.ids().any(stopped_manually)
        {
            self.begin_stop(Reason::NothingLeft);
        }
    }

    fn begin(&mut self) {
        if self.begun || self.stop.is_some() {
            return;
        }
        self.begun = true;
        self.begin_start();
        self.begin_rereading();
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
            service.state = match (service.spec.start, service.wanted) {
                (Start::AlreadyDone, _) => {
                    service.wanted = true;
                    ServiceState::Done
                }
                (Start::Skipped | Start::Failed, _) => ServiceState::Failed,
                // As [`Self::hold_back`] has it, once all others have begun.
                (Start::HeldBack, _) => ServiceState::Down,
                (Start::Down, false) => ServiceState::Down,
                (Start::Down, true) | (Start::Wanted, _) if service.spec.scheduled => ServiceState::Resting(NEVER),
                (Start::Down, true) | (Start::Wanted, _) => ServiceState::Pending(self.now),
            };
        }
        self.main_waits = self.main().map(|_| (self.now, self.now.plus(MAIN_WAIT_REPORT_PAUSE)));
        for id in self
            .ids()
            .filter(|id| matches!(self.services[id.0].spec.start, Start::Skipped | Start::Failed))
            .collect::<Vec<_>>()
        {
            self.services[id.0].code = Some(if self.services[id.0].spec.start == Start::Failed { 1 } else { 111 });
            self.obligations.failed.insert(id);
            self.obligations.unpropagated_failures.push_back(id);
        }
        self.hold_back();
    }

    fn spawned(&mut self, id: Id, pid: Pid) {
        let ServiceState::SpawnRequested(role) = self.services[id.0].state else { return };
        let kill_by = match role {
            Role::Run => self.budget_is_over().then_some(self.now),
            Role::Finish => self.finish_by(id),
            Role::StopCommand if self.budget_is_over() => Some(self.now),
            Role::StopCommand => Some(self.kill_at(id)),
        };
        let now = self.now;
        let judged = self.services[id.0].wanted && self.stop.is_none() && role == Role::Run;
        let ready_by = self.ready_timeout(id).filter(|_| judged).map(|timeout| now.plus(timeout));
        self.services[id.0].probe = ProbeModel::default();
        if role == Role::Run {
            self.services[id.0].began = now;
        }
        self.services[id.0].state = ServiceState::Live(ProcessModel {
            pid,
            role,
            leader: true,
            group_left: false,
            started: self.now,
            executed: false,
            up_at: None,
            ready_by,
            watchdog_at: None,
            exit: None,
            stop_sent: false,
            signal_by: None,
            requested: false,
            group_signalled: false,
            not_ready: false,
            kill_by,
            killed_at: None,
            gone_by: None,
            unkillable: false,
        });
    }

    fn spawn_failed(&mut self, id: Id, errno: i32) {
        let role = match &self.services[id.0].state {
            ServiceState::SpawnRequested(role) => *role,
            ServiceState::Live(proc) => proc.role,
            ServiceState::Down
            | ServiceState::Pending(_)
            | ServiceState::WaitForProbing(_)
            | ServiceState::FinishDue => {
                return;
            }
            ServiceState::Resting(_) | ServiceState::Done | ServiceState::Failed => return,
        };
        match role {
            Role::Finish => return self.conclude(id, None),
            Role::StopCommand => return self.stop_command_ended(id),
            Role::Run => {}
        }
        self.services[id.0].began = self.now;
        let code = if errno == 2 { 127 } else { 126 };
        self.services[id.0].code = Some(code);
        self.services[id.0].end = None;
        if self.main() == Some(id) {
            self.services[id.0].state = ServiceState::Down;
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
            let counts = proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.killed_at.is_none();
            if counts && proc.up_at.is_none() {
                proc.up_at = Some(now);
                proc.watchdog_at = watchdog.map(|within| now.plus(within));
            }
        }
        if before.is_none() && self.proc(id).is_some_and(|proc| proc.up_at.is_some()) {
            self.services[id.0].failing = None;
            self.services[id.0].was_up = true;
        }
        if before.is_none() && self.proc(id).is_some_and(|proc| proc.up_at.is_some()) {
            let due = self.services[id.0].spec.health.as_deref().filter(|_| judged).map(|rule| now.plus(rule.interval));
            self.services[id.0].probe =
                ProbeModel { due, open: self.services[id.0].probe.open, ..ProbeModel::default() };
        }
    }

    fn exited(&mut self, id: Id, exit: Exit, group_left: bool) {
        let (now, kill_at, main) = (self.now, self.kill_at(id), self.main() == Some(id));
        let runs = self.stop.is_none();
        let goes_on = group_left && self.keeps_leftovers(id, exit);
        let group_left = group_left && !goes_on;
        let Some(proc) = self.proc_mut(id) else { return };
        if !proc.leader {
            return;
        }
        let pid = proc.pid;
        proc.leader = false;
        proc.group_left = group_left;
        proc.exit = Some(exit);
        proc.gone_by = proc.killed_at.filter(|_| group_left && runs).map(|_| now.plus(REAP_GRACE));
        let (role, stop_sent, up_at, unkillable) =
            (proc.role, proc.stop_sent || proc.killed_at.is_some(), proc.up_at, proc.unkillable);
        let started = proc.started;
        let requested = proc.requested;
        if group_left && !unkillable && !proc.group_signalled && proc.killed_at.is_none() {
            let old = proc.kill_by;
            proc.kill_by = Some(old.unwrap_or(kill_at));
            self.obligations.leftovers.insert(id);
        }
        if goes_on {
            self.obligations.leftovers_continue.insert(id, pid);
        }
        let not_ready = self.proc(id).is_some_and(|proc| proc.not_ready);
        if role == Role::Run {
            let is_first = !self.services[id.0].was_up;
            let service = &mut self.services[id.0];
            service.code = Some(code_of(exit));
            let success = matches!(exit, Exit::Code(code) if service.spec.success_codes.contains(&code));
            let stable = up_at.is_some_and(|at| now.since(at) >= STABLE_AFTER);
            let has_check = service.spec.ready != Readiness::Executed;
            let came_up = up_at.is_some_and(|at| has_check || now.since(at) >= CAME_UP_AFTER);
            service.end = Some(RunEnd {
                exit,
                succeeded: success && !stop_sent && !not_ready,
                started,
                came_up,
                stable,
                not_ready: not_ready && is_first,
                requested,
                stop_sent: stop_sent || not_ready,
            });
            if main {
                let code = code_of(exit);
                let success = service.spec.success_codes.contains(&code);
                // The end of one that was not ready in time or hung was not requested.
                let ended_by_us = stop_sent && runs && service.wanted;
                service.wanted &= !ended_by_us;
                self.main_exit = Some(exit);
                self.main_code = Some(match (ended_by_us, success) {
                    (false, true) => 0,
                    (false, false) => code.max(1),
                    (true, _) => 1,
                });
            }
        }
        if !group_left {
            if main && !stop_sent {
                self.services[id.0].state = ServiceState::Down;
            } else {
                self.group_gone(id);
            }
        }
        if main && runs {
            self.begin_stop(Reason::Main);
        }
    }

    /// Returns whether it exits as a oneshot that succeeds by itself, so that its leftovers continue.
    fn keeps_leftovers(&self, id: Id, exit: Exit) -> bool {
        let success = matches!(exit, Exit::Code(code) if self.services[id.0].spec.success_codes.contains(&code));
        let by_itself = self.proc(id).is_some_and(|proc| {
            proc.role == Role::Run && proc.leader && !proc.stop_sent && !proc.not_ready && proc.killed_at.is_none()
        });
        success && by_itself && self.is_oneshot(id)
    }

    /// A oneshot without a program has started, and with that succeeded.
    pub fn done_at_once(&mut self, id: Id) {
        let now = self.now;
        let service = &mut self.services[id.0];
        service.began = now;
        service.code = Some(0);
        service.end = Some(RunEnd {
            exit: Exit::Code(0),
            succeeded: true,
            started: now,
            came_up: false,
            stable: false,
            not_ready: false,
            requested: false,
            stop_sent: false,
        });
        self.conclude(id, None);
        self.end_if_nothing_is_left();
    }

    /// Its time has come: it runs, if it rests and is wanted.
    fn is_due(&mut self, id: Id) {
        let ServiceModel { state, spec, wanted, pending_spec, .. } = &self.services[id.0];
        let rests = matches!(state, ServiceState::Resting(_) | ServiceState::Pending(NEVER));
        if rests && spec.scheduled && *wanted && pending_spec.is_none() && self.running() {
            self.services[id.0].state = ServiceState::Pending(self.now);
            self.fail_if_requirement_failed(id);
        }
    }

    /// The whole group has ended.
    pub fn group_gone(&mut self, id: Id) {
        let Some(proc) = self.proc(id).cloned() else { return };
        let finish = self.services[id.0].spec.finish.is_some();
        match proc.role {
            Role::Run if proc.unkillable => self.services[id.0].state = ServiceState::Down,
            Role::Run if finish && !self.budget_is_over() => self.services[id.0].state = ServiceState::FinishDue,
            Role::Run => self.conclude(id, None),
            Role::Finish if proc.unkillable => self.services[id.0].state = ServiceState::Down,
            Role::Finish => self.conclude(id, proc.exit),
            Role::StopCommand if proc.unkillable => self.services[id.0].state = ServiceState::Down,
            Role::StopCommand => self.stop_command_ended(id),
        }
    }
}
