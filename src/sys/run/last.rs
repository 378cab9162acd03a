//! The end of a stage: whatever still lives is ended, the last lines are written, the story is told.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use super::reports::{self, Manner};
use super::story::{self, Culprit};
use super::{LAST_LINES, Outcome, Turning, mishap, sweep};
use crate::error::EXIT_REFUSED;
use crate::supervise::{Because, Why};

impl Turning<'_> {
    /// Without the engine: what lives is stopped, the youngest first. Returns the exit code of a refused step. Whatever
    /// panicked before may do so again: the sweep at the end finds everybody all the same.
    pub(super) fn give_up(&mut self) -> u8 {
        self.because = Because::Asked;
        let until = self.end_of_budget();
        let one_by_one = AssertUnwindSafe(|| sweep::one_by_one(&mut self.hands, until));
        if std::panic::catch_unwind(one_by_one).is_err() {
            tracing::error!("{}: ending all that is left", mishap::told());
        }
        EXIT_REFUSED
    }

    /// Leaves no process and no line behind.
    pub(super) fn end(mut self, code: u8) -> Outcome {
        let until = self.end_of_budget();
        self.hands.probes.cancel_all();
        sweep::everybody(&mut self.hands, until);
        self.hands.logs.finish(Instant::now() + LAST_LINES);
        self.tell_story(code);
        let lines = self.supervisor.status();
        let done = lines.iter().filter(|line| line.state == "done").map(|line| line.name.clone()).collect();
        let moments =
            lines.into_iter().filter_map(|line| Some((line.name, self.front.journal.moments.get(line.id.0).cloned()?)));
        let moments = moments.collect();
        Outcome { code, because: self.because, done, moments }
    }

    /// The container's last lines, and what Kubernetes shows of it.
    pub(super) fn tell_story(&mut self, code: u8) {
        if self.manner == Manner::Preparing && self.because == Because::NothingLeft {
            return;
        }
        let culprit = self.supervisor.culprit().and_then(|id| {
            let status = self.supervisor.status().into_iter().find(|status| status.id == id)?;
            // How it ended is told in any case.
            let why = self.supervisor.failed(id).filter(|why| !matches!(why, Why::Ended(_)));
            let why = why.map(|why| reports::reason(id, why, &self.supervisor, &self.refusals));
            let last = self.hands.logs.last(id, story::LAST);
            Some(Culprit { status, out_of_memory: self.hands.is_out_of_memory(id), why, last })
        });
        let story = story::tell(&self.because, code, culprit.as_ref());
        story.iter().for_each(|line| tracing::error!("{line}"));
        if let Some(log) = self.termination_log.take().filter(|_| !story.is_empty()) {
            // A full disk: the lines above have said it.
            let _unwritten = log.write(&(story.join("\n") + "\n"));
        }
    }

    /// One budget for all that a stop does, from the moment at which it began.
    pub(super) fn end_of_budget(&mut self) -> Instant {
        *self.ends_by.get_or_insert_with(|| Instant::now() + self.stop_timeout)
    }
}
