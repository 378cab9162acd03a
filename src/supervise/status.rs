//! What `status` shows. Reads the engine, changes nothing.

use super::supervisor::Supervisor;
use super::{Because, Exit, Id, Phase, Pid, Status, Why, verdict};
use crate::config::values::ServiceName;

impl Supervisor {
    /// Returns a line for every service, in the order of their ids, the main command last.
    pub fn status(&self) -> Vec<Status> {
        self.ids()
            .into_iter()
            .map(|id| {
                let service = &self.services[id];
                let phase = service.state.phase();
                Status {
                    id,
                    name: service.spec.name.clone(),
                    state: phase.word(),
                    wanted: service.wanted,
                    pid: service.state.pid(),
                    since: service.since,
                    restarts: service.starts.saturating_sub(1),
                    last_exit: service.last_exit,
                    last_ran: service.last_ran,
                    why: self.why(id, service.state.why()),
                    healthy: service.looks.healthy,
                }
            })
            .collect()
    }

    /// Returns its name; the main command's where there is no such service.
    pub fn name(&self, id: Id) -> &ServiceName {
        if self.services.has(id) { &self.services[id].spec.name } else { &self.nobody }
    }

    /// Returns whose end explains the container's, once that has begun.
    pub fn culprit(&self) -> Option<Id> {
        match self.because()? {
            Because::Main(_) => self.main,
            Because::Essential(id, _) | Because::Unhealthy(id) => Some(*id),
            Because::NothingLeft => self.verdict.failed,
            Because::Signal(_) | Because::Asked => None,
        }
    }

    /// Returns how many of all that shall run are up (oneshots: done), and how many shall run.
    pub fn up_and_wanted(&self) -> (usize, usize) {
        let wanted = self.services.iter().filter(|service| service.wanted);
        wanted.fold((0, 0), |(up, all), service| (up + usize::from(service.state.phase().met()), all + 1))
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

    /// Returns how its last run ended; `None` where the last start was refused, so that there was no run.
    pub fn last_exit(&self, id: Id) -> Option<Exit> {
        let service = self.services.has(id).then(|| &self.services[id])?;
        // A refused start has a code of its own and leaves the exit of the run before; a failure that ended with 0 has 1.
        service.last_exit.filter(|exit| service.code.is_none_or(|code| code == verdict::code(*exit).max(1)))
    }

    /// Returns why it is failed, if it is.
    pub fn failed(&self, id: Id) -> Option<&Why> {
        self.services.has(id).then(|| self.services[id].state.why()).flatten()
    }

    /// Says in words why it is failed.
    fn why(&self, id: Id, why: Option<&Why>) -> Option<String> {
        why.map(|why| match why {
            Why::Ended(exit) => in_words(*exit),
            Why::Limit(times) => {
                let last = self.last_exit(id).map_or_else(|| "could not be started".to_owned(), shortly);
                format!("{times} failures in a row, last: {last}")
            }
            Why::FinishSaidStop => "its finish script said 125".to_owned(),
            Why::Requirement(id) => format!("requires {}, which is {}", self.name(*id), self.word(*id)),
            Why::CannotStart(why) => {
                format!("{}: {}", why.what, std::io::Error::from_raw_os_error(why.errno))
            }
            Why::Skipped => "left out in this mode".to_owned(),
            Why::FailedBefore => "failed before the step down".to_owned(),
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

fn shortly(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => signal.to_string(),
    }
}
