//! How the simulated machine's processes are born, live, and take signals.

use stepdown::config::service::Kind;
use stepdown::config::values::Signal;
use stepdown::supervise::{Event, Exit, Id, Pid, ProbeResult, Role, SpawnError, SpawnStep, Target};

use super::behaviour::Behaviour;
use super::world::{Happening, Process, Saying, World, milliseconds};

impl World {
    /// Starts a process, or refuses to.
    pub fn spawn(&mut self, id: Id, role: Role) -> Event {
        let behaviour = self.behaviours[id.0].clone();
        if self.rng.percent(behaviour.refuses) {
            let errno = self.rng.pick(&[2, 11, 12, 13, 8, 24]);
            return Event::SpawnFailed { id, why: SpawnError::new(SpawnStep::Fork, errno) };
        }
        self.next_pid += 1;
        let pid = Pid(self.next_pid);
        let process = Process {
            id,
            alive: true,
            rest: false,
            leaves: self.rng.percent(behaviour.leaves),
            ignores: self.rng.percent(behaviour.ignores),
            rest_ignores: self.rng.percent(behaviour.ignores),
            frozen: self.rng.percent(behaviour.frozen),
            pending: None,
            unkillable: self.rng.percent(behaviour.unkillable),
        };
        let hangs = process.unkillable;
        self.processes.insert(pid, process);
        if self.rng.percent(behaviour.cannot_execute) {
            let errno = self.rng.pick(&[2, 13, 8, 5]);
            let latest = if hangs { 12_000 } else { 100 };
            self.after(0, latest, Happening::CannotExecute(pid, errno));
            return Event::Spawned { id, pid };
        }
        // One that cannot be killed may be stuck in its very exec, on a file system that does not answer.
        let latest = if hangs { 12_000 } else { 20 };
        self.after(0, latest, Happening::Executes(pid));
        match role {
            Role::Run => self.plan_run(pid, id, &behaviour),
            Role::StopCommand => {
                let (exit, length) = (self.any_exit(70), self.rng.pick(&[10, 300, 8_000]));
                self.after(20, length + 20, Happening::Ends(pid, exit));
            }
            Role::Finish => {
                let exit =
                    if self.rng.percent(behaviour.finish_says_stop) { Exit::Code(125) } else { self.any_exit(50) };
                let length = self.rng.pick(&[10, 300, 8_000]);
                self.after(20, length + 20, Happening::Ends(pid, exit));
            }
        }
        Event::Spawned { id, pid }
    }

    /// Somebody asks about a service: the answer comes within five seconds, from whoever is asked then.
    pub fn ask(&mut self, id: Id) {
        self.order += 1;
        let (number, behaviour) = (self.order, self.behaviours[id.0].clone());
        self.questions.insert(id, number);
        let well = self.rng.percent(behaviour.answers_well) && !self.rng.percent(behaviour.hangs);
        let latest = if well { self.rng.pick(&[1, 300]) } else { self.rng.pick(&[1, 300, 5_000]) };
        let answer = if well { ProbeResult::Pass } else { ProbeResult::Fail("connection refused".to_owned()) };
        self.after(0, latest, Happening::Answers(id, number, answer));
    }

    /// Its input has ended: most end then, some later than they may.
    pub fn end_input(&mut self, id: Id) {
        let Some(pid) = self.engine.live(id) else { return };
        let latest = self.rng.pick(&[5, 400, 3_000]);
        if self.rng.percent(80) {
            self.after(0, latest, Happening::Ends(pid, Exit::Code(0)));
        }
    }

    fn plan_run(&mut self, pid: Pid, id: Id, behaviour: &Behaviour) {
        if self.rng.percent(behaviour.says_ready) {
            let latest = self.rng.pick(&[10, 400, 6_000, 20_000]);
            for _ in 0..self.rng.between(1, 3) {
                self.after(0, latest, Happening::SaysReady(pid));
            }
        }
        if self.rng.percent(behaviour.speaks) {
            let within = milliseconds(self.rng.pick(&[0, 500, 2_000]));
            for saying in [Saying::KeepAlive(Some(within)), Saying::MoreTime(milliseconds(self.rng.pick(&[0, 9_000])))]
            {
                self.after(0, 4_000, Happening::Says(pid, saying));
            }
            if self.rng.percent(20) {
                self.after(0, 9_000, Happening::Says(pid, Saying::WatchdogTrigger));
            }
        }
        let exit = self.any_exit(behaviour.succeeds);
        match self.specs[id.0].kind {
            Kind::Oneshot if self.rng.percent(90) => self.after(20, 4_000, Happening::Ends(pid, exit)),
            Kind::Oneshot => {}
            Kind::Longrun if self.rng.percent(behaviour.stable) => {
                self.after(60_000, 90_000, Happening::Ends(pid, exit))
            }
            Kind::Longrun if self.rng.percent(behaviour.crashes) => self.after(0, 3_000, Happening::Ends(pid, exit)),
            Kind::Longrun => {}
        }
    }

    fn any_exit(&mut self, succeeds: u64) -> Exit {
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

    /// Lets a process and its group feel a signal.
    pub fn signal(&mut self, pid: Pid, to: Target, signal: Signal) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let mut heard = None;
        match signal {
            Signal::KILL if process.unkillable => {
                if self.rng.percent(50) {
                    let event = if process.alive {
                        Happening::Ends(pid, Exit::Signal(signal))
                    } else {
                        Happening::RestEnds(pid)
                    };
                    self.after(0, 2_000, event);
                }
                return;
            }
            Signal::KILL => {
                let (alive, group) = (process.alive, to == Target::Group);
                process.leaves &= !group || self.rng.percent(5);
                let rest = process.rest || process.leaves;
                if alive {
                    self.after(0, 3, Happening::Ends(pid, Exit::Signal(signal)));
                }
                if rest && group {
                    self.after(3, 9, Happening::RestEnds(pid));
                }
                return;
            }
            Signal::CONT => {
                process.frozen = false;
                heard = process.pending.take().or(heard);
            }
            Signal::CHLD => return,
            other if process.frozen => process.pending = Some(other),
            other => heard = Some(other),
        }
        let Some(signal) = heard else { return };
        let (ignores, rest_ignores, alive) = (process.ignores, process.rest_ignores, process.alive);
        if alive && !ignores {
            let exit = if self.rng.percent(50) { Exit::Signal(signal) } else { self.any_exit(60) };
            let latest = self.rng.pick(&[5, 700, 4_000]);
            self.after(0, latest, Happening::Ends(pid, exit));
        }
        if to == Target::Group && !rest_ignores {
            let latest = self.rng.pick(&[5, 700]);
            self.after(0, latest, Happening::RestEnds(pid));
        }
    }
}
