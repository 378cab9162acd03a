//! How one service is ended: signalled, killed, marked unkillable; and how long it has for each. When it is signalled is decided
//! elsewhere: after a ready timeout (`process`), in its layer when the container stops (`shutdown`).

use super::budget::{END_OF_INPUT_TIMEOUT, REAP_GRACE};
use super::container::StopInProgress;
use super::state::{Cause, EndedRole, State, Termination, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{Action, EndedByUs, EngineTime, Exit, Id, Killed, Pid, Report, Role, StopReason, Target, exit_code};
use crate::config::values::Signal;

impl Supervisor {
    /// Ends a run without a request.
    pub(super) fn end_run(&mut self, id: Id, why: EndedByUs) {
        let cause = match why {
            EndedByUs::NotReady { .. } => Cause::NotReady,
            EndedByUs::TimedOut(_) => Cause::TimedOut,
            EndedByUs::Unhealthy(_) => Cause::Unhealthy,
            EndedByUs::Watchdog(_) => Cause::Watchdog,
        };
        self.services[id].ended_by_us = Some(Box::new(why));
        self.terminate(id, cause);
    }

    /// Sends the stop signal to its process (or group), and arms its stop timeout.
    pub(super) fn terminate(&mut self, id: Id, cause: Cause) {
        let (run, ready) = match self.services[id].state {
            State::Starting { run } => (run, None),
            State::Up { run, ready } => (run, Some(ready)),
            State::Unkillable { .. } | at_rest!() | pending!() | spawning!() | ending!() => return,
        };
        let termination = Termination { since: self.now, kill_sent: false };
        self.set(id, State::Stopping { run, ready, cause, termination });
        self.timers.set(id, TimerKind::State, Some(self.kill_at(id)));
        let time_is_left = self.container.stop().is_some_and(|stop| self.now < stop.budget.total());
        if self.services[id].spec.is_consumer && cause == Cause::Shutdown && time_is_left {
            self.out.push(Action::EndInput { id });
            let half = self.kill_at(id).since(self.now) / 2;
            return self.timers.set(id, TimerKind::Secondary, Some(self.now.plus(half.min(END_OF_INPUT_TIMEOUT))));
        }
        self.send_stop_signal(id, run.pid, cause);
    }

    fn send_stop_signal(&mut self, id: Id, pid: Pid, cause: Cause) {
        let to = if self.services[id].spec.stop.group { Target::Group } else { Target::Process };
        let signal = self.stop_signal_for(id, cause);
        self.signal_and_continue(id, pid, to, signal);
    }

    /// The end of its input did not end it in time.
    pub(super) fn end_input_timed_out(&mut self, id: Id) {
        if let State::Stopping { run, cause, termination, .. } = self.services[id].state
            && !termination.kill_sent
        {
            self.send_stop_signal(id, run.pid, cause);
        }
    }

    /// Returns the stop signal of its main process: the main command gets what PID 1 got, unless a signal is
    /// configured for it, and what hangs leaves a core file, if it may (systemd's `WatchdogSignal=`).
    pub(super) fn stop_signal_for(&self, id: Id, cause: Cause) -> Signal {
        if cause == Cause::Watchdog {
            return Signal::ABRT;
        }
        let spec = &self.services[id].spec;
        match self.container.stop() {
            Some(StopInProgress { reason: StopReason::Signal(signal), .. })
                if spec.forwards_stop_signal && !signal.is_for_pid_one() =>
            {
                *signal
            }
            Some(_) | None => spec.stop.signal,
        }
    }

    /// Sends a signal and CONT: a process that is stopped (SIGSTOP, a job) would not handle it otherwise. CONT comes first where it
    /// would take the signal away again: the kernel drops TSTP, TTIN and TTOU that wait when CONT comes.
    pub(super) fn signal_and_continue(&mut self, id: Id, pid: Pid, to: Target, signal: Signal) {
        let signals = if signal.is_stopping() { [Signal::CONT, signal] } else { [signal, Signal::CONT] };
        self.out.extend(signals.map(|signal| Action::Signal { id, pid, to, signal }));
    }

    /// Kills its whole group. If the container stops, and where only leftovers of its main process are there, it has
    /// [`REAP_GRACE`]; otherwise nothing continues before its end: a service never has two processes.
    pub(super) fn kill(&mut self, id: Id) {
        let since = self.now;
        let (pid, termination, who) = match &mut self.services[id].state {
            State::Stopping { run, termination, .. } => (run.pid, termination, Killed::Command),
            State::StoppingGroup { pid, termination, .. } => (*pid, termination, Killed::Leftovers),
            State::Finishing { pid, termination, .. } => (*pid, termination, Killed::Finish),
            State::StopCommandRunning { pid, termination } => (*pid, termination, Killed::StopCommand),
            State::Starting { run } => {
                let (run, termination) = (*run, Termination { since, kill_sent: false });
                self.set(id, State::Stopping { run, ready: None, cause: Cause::Shutdown, termination });
                return self.kill(id);
            }
            State::Up { run, ready } => {
                let (run, ready, termination) = (*run, Some(*ready), Termination { since, kill_sent: false });
                self.set(id, State::Stopping { run, ready, cause: Cause::Shutdown, termination });
                return self.kill(id);
            }
            State::Unkillable { .. } | at_rest!() | pending!() | spawning!() => return,
        };
        termination.kill_sent = true;
        let after = since.since(termination.since);
        self.report(Report::Killing { id, who, after });
        self.out.push(Action::Signal { id, pid, to: Target::Group, signal: Signal::KILL });
        let grace = match self.container.stop() {
            Some(_) => Some(self.now.plus(REAP_GRACE)),
            None if who == Killed::Leftovers => Some(self.now.plus(REAP_GRACE)),
            None => None,
        };
        self.timers.set(id, TimerKind::State, grace);
        self.timers.set(id, TimerKind::Secondary, None);
    }

    /// KILL did not end it in time: while the container stops it is no longer waited for; otherwise the leftovers of a main
    /// process are untracked, and the service continues without them.
    pub(super) fn abandon_kill(&mut self, id: Id) {
        if let State::StoppingGroup { pid, .. } = self.services[id].state
            && self.container.stop().is_none()
        {
            self.report(Report::LeftoversAbandoned { id, pid });
            self.out.push(Action::UntrackGroup { id, pid });
            self.group_gone(id);
        } else {
            self.mark_unkillable(id);
        }
    }

    /// Stops waiting for what KILL did not end.
    pub(super) fn mark_unkillable(&mut self, id: Id) {
        let (pid, has_main_process, role) = match self.services[id].state {
            State::Stopping { run, .. } => (run.pid, true, Role::Run),
            State::Finishing { pid, .. } => (pid, true, Role::Finish),
            State::StoppingGroup { pid, ended_role: EndedRole::Run(_), .. } => (pid, false, Role::Run),
            State::StoppingGroup { pid, ended_role: EndedRole::Finish(..), .. } => (pid, false, Role::Finish),
            State::StopCommandRunning { pid, .. } => (pid, true, Role::StopCommand),
            State::StoppingGroup { pid, ended_role: EndedRole::StopCommand, .. } => (pid, false, Role::StopCommand),
            State::Unkillable { .. } | at_rest!() | pending!() | spawning!() | running!() => return,
        };
        if has_main_process && self.is_main(id) {
            self.exit_code_inputs.main = Some(exit_code::code(Exit::Signal(Signal::KILL)));
        }
        self.set(id, State::Unkillable { pid, has_main_process, role });
        self.report(Report::Unkillable { id, pid });
    }

    /// When something that is sent the stop signal now is killed.
    pub(super) fn kill_at(&self, id: Id) -> EngineTime {
        let spec = &self.services[id].spec;
        let own = spec.stop.timeout.map(|timeout| self.now.plus(timeout));
        match self.container.stop() {
            Some(stop) => {
                let shared = stop.budget.kill_at(self.services[id].counts.later_layers, spec.finish.is_some());
                own.map_or(shared, |own| own.min(shared)).max(self.now)
            }
            None => own.unwrap_or(self.now.plus(self.stop_timeout)),
        }
    }

    /// When a finish script that starts now is killed.
    pub(super) fn finish_until(&self, id: Id) -> Option<EngineTime> {
        let own = self.services[id].spec.finish.and_then(|rule| rule.timeout).map(|timeout| self.now.plus(timeout));
        match self.container.stop() {
            Some(stop) => {
                let shared = stop.budget.layer_end(self.services[id].counts.later_layers).max(self.now);
                Some(own.map_or(shared, |own| own.min(shared)))
            }
            None => own,
        }
    }
}
