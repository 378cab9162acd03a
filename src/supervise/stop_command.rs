//! The stop command of a oneshot that is done (`stop_command`): in its layer when the container stops, or when it is
//! stopped manually. What its process's events mean stands in `process`.

use super::state::State;
use super::supervisor::Supervisor;
use super::{Action, Id, Role};

impl Supervisor {
    /// Whether it is done and has a stop command.
    pub(super) fn needs_stop_command(&self, id: Id) -> bool {
        self.services[id].spec.has_stop_command
            && matches!(self.services[id].state, State::Done | State::Scheduled | State::Resting)
    }

    /// Begins to run its stop command.
    pub(super) fn run_stop_command(&mut self, id: Id) {
        self.set(id, State::StopCommandSpawning);
        self.out.push(Action::Spawn { id, role: Role::StopCommand, after: None });
    }

    /// Its stop command has ended: it is down, or runs again if that was requested meanwhile.
    pub(super) fn stop_command_ended(&mut self, id: Id) {
        let wanted = self.services[id].wanted;
        self.set(id, if wanted { State::Waiting { reported: false } } else { State::Down });
    }
}
