//! What others are told besides the log: whoever started the container of its state, Kubernetes of its end, services of
//! the signals that PID 1 got.

use super::Turning;
use super::reports::{self, Manner};
use super::story::{self, Culprit};
use crate::config::values::Signal;
use crate::supervise::{Because, Report, Target, Why};

impl Turning<'_> {
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

    /// What whoever started the container waits for.
    pub(super) fn tell_outside(&mut self, report: &Report) {
        match report {
            Report::Up { .. } | Report::Done { .. } | Report::Failed { .. } => {
                let (up, wanted) = self.supervisor.up_and_wanted();
                self.outward.status(&format!("{up} of {wanted} up"));
                if up == wanted && !std::mem::replace(&mut self.said_ready, true) {
                    self.outward.ready();
                }
            }
            Report::Stopping { .. } => self.outward.stopping(),
            _ => {}
        }
    }

    /// `[signals]`: what PID 1 got goes to the services that are declared for it.
    pub(super) fn pass_on(&mut self, signal: Signal) {
        for rule in self.mapped.iter().filter(|rule| rule.from == signal) {
            match self.supervisor.id(&rule.service).and_then(|id| self.supervisor.live(id)) {
                Some(pid) => self.hands.signal(pid, Target::Process, rule.to),
                None => tracing::info!("got {signal}: {} is not running, nobody gets it", rule.service),
            }
        }
    }
}
