//! How the simulated machine's processes start, run, and handle signals.

use stepdown::config::service::Kind;
use stepdown::config::values::Signal;
use stepdown::supervise::{Event, Exit, Id, Pid, ProbeResult, Role, SpawnError, SpawnStep, Target};

use super::behaviour::Behaviour;
use super::external_events::{ExternalEvent, Notification};
use super::simulation::{Process, Simulation, milliseconds};

impl Simulation {
    /// Starts a process, or returns why it cannot be started.
    pub fn spawn(&mut self, id: Id, role: Role) -> Event {
        let behaviour = self.behaviours[id.0].clone();
        if self.rng.percent(behaviour.cannot_spawn) {
            let errno = self.rng.pick(&[2, 11, 12, 13, 8, 24]);
            return Event::SpawnFailed { id, why: SpawnError::new(SpawnStep::Fork, errno) };
        }
        self.next_pid += 1;
        let pid = Pid(self.next_pid);
        let process = Process {
            id,
            alive: true,
            has_leftovers: false,
            leaves_processes: self.rng.percent(behaviour.leaves_processes),
            ignores_signals: self.rng.percent(behaviour.ignores_signals),
            leftovers_ignore_signals: self.rng.percent(behaviour.ignores_signals),
            frozen: self.rng.percent(behaviour.frozen),
            pending: None,
            unkillable: self.rng.percent(behaviour.unkillable),
        };
        let hangs = process.unkillable;
        self.processes.insert(pid, process);
        if self.rng.percent(behaviour.cannot_execute) {
            let errno = self.rng.pick(&[2, 13, 8, 5]);
            let latest = if hangs { 12_000 } else { 100 };
            self.after(0, latest, ExternalEvent::CannotExecute(pid, errno));
            return Event::Spawned { id, pid };
        }
        // One that cannot be killed may hang in its exec, on a file system that does not answer.
        let latest = if hangs { 12_000 } else { 20 };
        self.after(0, latest, ExternalEvent::Executes(pid));
        match role {
            Role::Run => self.plan_run(pid, id, &behaviour),
            Role::StopCommand => {
                let (exit, length) = (self.random_exit(70), self.rng.pick(&[10, 300, 8_000]));
                self.after(20, length + 20, ExternalEvent::Exits(pid, exit));
            }
            Role::Finish => {
                let exit = if self.rng.percent(behaviour.finish_fails_permanently) {
                    Exit::Code(125)
                } else {
                    self.random_exit(50)
                };
                let length = self.rng.pick(&[10, 300, 8_000]);
                self.after(20, length + 20, ExternalEvent::Exits(pid, exit));
            }
        }
        Event::Spawned { id, pid }
    }

    /// Starts a probe of a service: its result comes within five seconds.
    pub fn start_probe(&mut self, id: Id) {
        self.order += 1;
        let (number, behaviour) = (self.order, self.behaviours[id.0].clone());
        self.probes.insert(id, number);
        let passes = self.rng.percent(behaviour.probe_passes) && !self.rng.percent(behaviour.hangs);
        let latest = if passes { self.rng.pick(&[1, 300]) } else { self.rng.pick(&[1, 300, 5_000]) };
        let answer = if passes { ProbeResult::Pass } else { ProbeResult::Fail("connection refused".to_owned()) };
        self.after(0, latest, ExternalEvent::ProbeEnds(id, number, answer));
    }

    /// Its input has ended: most processes exit then, some later than they may.
    pub fn end_input(&mut self, id: Id) {
        let Some(pid) = self.engine.pid(id) else { return };
        let latest = self.rng.pick(&[5, 400, 3_000]);
        if self.rng.percent(80) {
            self.after(0, latest, ExternalEvent::Exits(pid, Exit::Code(0)));
        }
    }

    fn plan_run(&mut self, pid: Pid, id: Id, behaviour: &Behaviour) {
        if self.rng.percent(behaviour.notifies_ready) {
            let latest = self.rng.pick(&[10, 400, 6_000, 20_000]);
            for _ in 0..self.rng.between(1, 3) {
                self.after(0, latest, ExternalEvent::NotifiesReady(pid));
            }
        }
        if self.rng.percent(behaviour.sends_notifications) {
            let within = milliseconds(self.rng.pick(&[0, 500, 2_000]));
            for notification in [
                Notification::KeepAlive(Some(within)),
                Notification::ExtendTimeout(milliseconds(self.rng.pick(&[0, 9_000]))),
            ] {
                self.after(0, 4_000, ExternalEvent::Notifies(pid, notification));
            }
            if self.rng.percent(20) {
                self.after(0, 9_000, ExternalEvent::Notifies(pid, Notification::WatchdogTrigger));
            }
        }
        let exit = self.random_exit(behaviour.succeeds);
        match self.specs[id.0].kind {
            Kind::Oneshot if self.rng.percent(90) => self.after(20, 4_000, ExternalEvent::Exits(pid, exit)),
            Kind::Oneshot => {}
            Kind::Longrun if self.rng.percent(behaviour.stable) => {
                self.after(60_000, 61_500, ExternalEvent::Exits(pid, exit))
            }
            Kind::Longrun if self.rng.percent(behaviour.crashes) => {
                self.after(0, 3_000, ExternalEvent::Exits(pid, exit))
            }
            Kind::Longrun => {}
        }
    }

    fn random_exit(&mut self, succeeds: u64) -> Exit {
        if self.rng.percent(succeeds) {
            return Exit::Code(0);
        }
        match self.rng.below(4) {
            0 => Exit::Signal(Signal::KILL),
            1 => Exit::Code(143),
            2 => Exit::Code(0),
            _ => Exit::Code(u8::try_from(self.rng.between(1, 255)).expect("a code")),
        }
    }

    /// Delivers a signal to a process and its group.
    pub fn signal(&mut self, pid: Pid, to: Target, signal: Signal) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let mut handled = None;
        match signal {
            Signal::KILL if process.unkillable => {
                if self.rng.percent(50) {
                    let event = if process.alive {
                        ExternalEvent::Exits(pid, Exit::Signal(signal))
                    } else {
                        ExternalEvent::LeftoversExit(pid)
                    };
                    self.after(0, 2_000, event);
                }
                return;
            }
            Signal::KILL => {
                let (alive, group) = (process.alive, to == Target::Group);
                process.leaves_processes &= !group || self.rng.percent(5);
                let rest = process.has_leftovers || process.leaves_processes;
                if alive {
                    self.after(0, 3, ExternalEvent::Exits(pid, Exit::Signal(signal)));
                }
                if rest && group {
                    self.after(3, 9, ExternalEvent::LeftoversExit(pid));
                }
                return;
            }
            Signal::CONT => {
                process.frozen = false;
                handled = process.pending.take().or(handled);
            }
            Signal::CHLD => return,
            other if process.frozen => process.pending = Some(other),
            other => handled = Some(other),
        }
        let Some(signal) = handled else { return };
        let (ignores_signals, leftovers_ignore_signals, alive) =
            (process.ignores_signals, process.leftovers_ignore_signals, process.alive);
        if alive && !ignores_signals {
            let exit = if self.rng.percent(50) { Exit::Signal(signal) } else { self.random_exit(60) };
            let latest = self.rng.pick(&[5, 700, 4_000]);
            self.after(0, latest, ExternalEvent::Exits(pid, exit));
        }
        if to == Target::Group && !leftovers_ignore_signals {
            let latest = self.rng.pick(&[5, 700]);
            self.after(0, latest, ExternalEvent::LeftoversExit(pid));
        }
    }
}
