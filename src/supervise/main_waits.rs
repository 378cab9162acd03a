//! What keeps the main command from its start: reported from time to time, and remembered for the exit code where it never ran.

use super::exit_code::{self, FAILURE};
use super::process::RunEnd;
use super::state::State;
use super::supervisor::Supervisor;
use super::timers::TimerKind;
use super::{Id, LastFailure, MainBlocked, Report, probes};

impl Supervisor {
    /// It begins to wait: what for is reported if that lasts.
    pub(super) fn watch_main_wait(&mut self, id: Id) {
        if self.is_main(id) {
            self.timers.set(id, TimerKind::Secondary, Some(self.now.plus(probes::WAIT_REPORT_PAUSE)));
        }
    }

    /// Reports what the main command waits for, and sets the time of the next such report.
    pub(super) fn report_main_wait(&mut self, id: Id) {
        let (on, began) = (self.missing(id), self.services[id].since);
        if !self.is_main(id) || (on.is_empty() && !self.waits_for_rereading(id)) {
            return;
        }
        self.report(Report::MainStillWaits { id, since: self.now.since(began), on });
        self.timers.set(id, TimerKind::Secondary, Some(self.now.plus(probes::report_pause(began, self.now))));
    }

    /// Notes how a run failed that is tried again, until one comes up.
    pub(super) fn note_failing(&mut self, id: Id, outcome: &RunEnd, is_failure: bool) {
        let ended_by_us = self.services[id].ended_by_us.clone();
        let failing = is_failure.then(|| match (outcome, ended_by_us) {
            (RunEnd::CannotStart(why), _) => LastFailure::CannotStart(why.clone()),
            (RunEnd::Success(_) | RunEnd::Failure(_), Some(why)) => LastFailure::EndedByUs(*why),
            (RunEnd::Success(end) | RunEnd::Failure(end), None) => LastFailure::Ended(end.exit),
        });
        self.services[id].failing = failing.map(Box::new);
    }

    /// Returns how its last run failed, while it is tried again and has not come up since.
    pub fn failing(&self, id: Id) -> Option<&LastFailure> {
        let service = self.services.has(id).then(|| &self.services[id])?;
        service.failing.as_deref().filter(|_| !service.state.phase().satisfies_after())
    }

    /// Returns what the main command waits for, if it has never run.
    pub(super) fn find_main_blocked(&self) -> Option<MainBlocked> {
        let main = self.main.filter(|main| self.services[*main].starts == 0)?;
        let waits = matches!(self.services[main].state, State::Waiting { .. } | State::WaitForProbing { .. });
        let on = if waits { self.missing(main) } else { Vec::new() };
        let failing = on.iter().find_map(|id| Some((*id, self.failing(*id)?.clone())));
        Some(MainBlocked { on, failing })
    }

    /// Returns what the main command waited for when the container began to stop, if it has never run.
    pub fn main_blocked(&self) -> Option<&MainBlocked> {
        self.main_blocked.as_ref()
    }
}

impl LastFailure {
    /// Returns the code that it amounts to: never 0.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::EndedByUs(_) => FAILURE,
            Self::Ended(exit) => exit_code::code(*exit).max(FAILURE),
            Self::CannotStart(why) => exit_code::spawn_code(why.errno),
        }
    }
}
