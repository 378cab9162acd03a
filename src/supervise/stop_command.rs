//! How a oneshot that is done is undone (`stop_command`): in its turn when the container stops, or when somebody stops
//! it. What its process's events mean stands in `process`.

use super::Action;
use super::Id;
use super::Role;
use super::state::State;
use super::supervisor::Supervisor;

impl Supervisor {
    /// Whether it is done and has a command that undoes that.
    pub(super) fn needs_stop_command(&self, id: Id) -> bool {
        self.services[id].spec.undo && matches!(self.services[id].state, State::Done | State::Resting { .. })
    }

    /// Begins to undo it.
    pub(super) fn undo(&mut self, id: Id) {
        self.set(id, State::StopCommandSpawning);
        self.out.push(Action::Spawn { id, role: Role::StopCommand, after: None });
    }

    /// It is undone, as well as its command could; or done again, if somebody has asked for it meanwhile.
    pub(super) fn stop_command_ended(&mut self, id: Id) {
        let wanted = self.services[id].wanted;
        self.set(id, if wanted { State::Waiting { said: false } } else { State::Down });
    }
}
