//! What `status` shows. Reads the engine, changes nothing.

use super::supervisor::Supervisor;
use super::{Exit, Id, Phase, Pid, Status, Why};
use crate::config::values::ServiceName;

impl Supervisor {
    /// Returns a line for every service, in the order of their ids.
    pub fn status(&self) -> Vec<Status> {
        self.services
            .iter()
            .map(|service| {
                let phase = service.state.phase();
                Status {
                    name: service.spec.name.clone(),
                    state: phase.word(),
                    wanted: service.wanted,
                    pid: service.state.pid(),
                    since: service.since,
                    restarts: service.starts.saturating_sub(1),
                    last_exit: service.last_exit,
                    why: self.why(service.state.why()),
                    healthy: service.looks.healthy,
                }
            })
            .collect()
    }

    /// Returns its name; the main command's where there is no such service.
    pub fn name(&self, id: Id) -> &ServiceName {
        if self.services.has(id) { &self.services[id].spec.name } else { &self.nobody }
    }

    /// Returns whether it is the main command.
    pub fn is_main(&self, id: Id) -> bool {
        self.main == Some(id)
    }

    /// Returns its process, as long as that or the rest of its group lives: the pid may be signalled (as a process
    /// or as a group) and belongs to nobody else.
    pub fn live(&self, id: Id) -> Option<Pid> {
        self.services.has(id).then(|| self.services[id].state.pid()).flatten()
    }

    /// Returns the name of its state, finer than the word of `status`.
    pub fn phase(&self, id: Id) -> Option<Phase> {
        self.services.has(id).then(|| self.services[id].state.phase())
    }

    /// Says in words why it is failed.
    fn why(&self, why: Option<&Why>) -> Option<String> {
        why.map(|why| match why {
            Why::Ended(exit) => in_words(*exit),
            Why::Limit(times) => format!("{times} failures in a row"),
            Why::FinishSaidStop => "its finish script said 125".to_owned(),
            Why::Requirement(id) => format!("requires {}, which is {}", self.name(*id), self.word(*id)),
            Why::CannotStart(why) => {
                format!("{}: {}", why.what, std::io::Error::from_raw_os_error(why.errno))
            }
            Why::Skipped => "left out in this mode".to_owned(),
        })
    }

    fn word(&self, id: Id) -> &'static str {
        self.phase(id).map_or("unknown", Phase::word)
    }
}

fn in_words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("ended with code {code}"),
        Exit::Signal(signal) => format!("killed by {signal}"),
    }
}
