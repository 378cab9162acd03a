//! What the loop hears from outside, and what it lets them know: signals to PID 1, and whoever started the container.

use super::Turning;
#[cfg(debug_assertions)]
use super::mishap;
use crate::config::values::Signal;
use crate::supervise::{Event, Report, Target};

impl Turning<'_> {
    /// Reads the signals that came and tells the engine what they ask for.
    pub(super) fn hear(&mut self) {
        for signal in self.signals.pending() {
            match signal {
                Signal::CHLD => {}
                Signal::TERM | Signal::INT | Signal::QUIT => self.queue.push_back(Event::StopSignal(signal)),
                Signal::HUP if self.tty => self.queue.push_back(Event::StopSignal(signal)),
                #[cfg(debug_assertions)]
                signal if signal.number() == mishap::ON_PURPOSE => panic!("on purpose"),
                mapped if self.mapped.iter().any(|rule| rule.from == mapped) => self.pass_on(mapped),
                Signal::HUP => drop(self.reload_asked.get_or_insert_default()),
                other => self.queue.push_back(Event::Forward(other)),
            }
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
}
