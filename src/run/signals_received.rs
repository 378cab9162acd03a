//! Signals to PID 1, and progress reported to whatever started the container.

use super::event_loop::EventLoop;
#[cfg(debug_assertions)]
use super::panic_message;
use super::reports::RunKind;
use crate::config::values::{ServiceName, Signal};
use crate::supervise::{Event, Report, Target};

impl EventLoop<'_> {
    /// Reads received signals and queues what they mean as events. Returns whether a child may have exited.
    pub(super) fn read_signals(&mut self) -> bool {
        let mut may_have_exited = false;
        let came = self.signals.pending();
        if let Some(pid) = self.signals.take_exited() {
            self.processes.reap_orphan(pid);
        }
        for signal in came {
            match signal {
                Signal::CHLD => may_have_exited = true,
                #[cfg(debug_assertions)]
                signal if signal.number() == panic_message::PANIC_SIGNAL => panic!("requested by a test"),
                signal if self.signal_rules.iter().any(|rule| rule.from == signal) => self.forward_by_rule(signal),
                Signal::HUP if self.tty => self.queue.push_back(Event::StopSignal(signal)),
                // As in tini: the main command gets every signal, TERM and INT too once a stop was requested.
                signal if self.run_kind == RunKind::MainOnly => {
                    let is_requested = self.queue.iter().any(|event| matches!(event, Event::StopSignal(_)));
                    self.queue.push_back(match signal {
                        Signal::TERM | Signal::INT if !is_requested && !self.is_stopping() => Event::StopSignal(signal),
                        other => Event::Forward(other),
                    });
                }
                // Its end begins the stop.
                Signal::TERM | Signal::INT | Signal::QUIT | Signal::PWR
                    if self.main_receives_signals && self.main_is_running() =>
                {
                    self.queue.push_back(Event::Forward(signal));
                }
                Signal::TERM | Signal::INT | Signal::QUIT | Signal::PWR | Signal::RTMIN_3 => {
                    self.queue.push_back(Event::StopSignal(signal));
                }
                Signal::HUP => drop(self.next_reload_requests.get_or_insert_default()),
                other => {
                    if self.supervisor.id(&ServiceName::main()).is_none() {
                        self.log_unhandled_signal(other);
                    }
                    self.queue.push_back(Event::Forward(other));
                }
            }
        }
        may_have_exited
    }

    fn main_is_running(&self) -> bool {
        self.supervisor.id(&ServiceName::main()).is_some_and(|id| self.supervisor.pid(id).is_some())
    }

    /// Logs, once for each signal, that it has no effect, and what to write where it was meant to have one. A resize of the
    /// terminal and a CONT to what is not stopped have none by nature.
    fn log_unhandled_signal(&mut self, signal: Signal) {
        let has_none = signal == Signal::CONT || (self.tty && signal == Signal::WINCH);
        if has_none || !self.unhandled_signals.insert(signal) {
            return;
        }
        let name = signal.to_string();
        let bare = name.trim_start_matches("SIG");
        let stop = match signal.is_used_as_stop_signal() {
            true => {
                "if it is the image's STOPSIGNAL, write `STOPSIGNAL TERM` in the Dockerfile (or run with \
                 `--stop-signal TERM`); "
            }
            false => "",
        };
        tracing::info!(
            "got {signal}: no service takes it; {stop}if a service wants it, write `signals = {{ \"{bare}\" = \"NAME\" }}` \
             in /etc/stepdown.toml"
        );
    }

    /// `[signals]`: passes a signal on to the services that are configured for it.
    pub(super) fn forward_by_rule(&mut self, signal: Signal) {
        for rule in self.signal_rules.iter().filter(|rule| rule.from == signal) {
            match self.supervisor.id(&rule.service).and_then(|id| self.supervisor.pid(id)) {
                Some(pid) => self.processes.signal(pid, Target::Process, rule.to),
                None => tracing::info!("got {signal} for {}, which is not running: dropped", rule.service),
            }
        }
    }

    /// Reports progress to the host (NOTIFY_SOCKET).
    pub(super) fn notify_host(&mut self, report: &Report) {
        match report {
            Report::Up { .. } | Report::Done { .. } | Report::Failed { .. } => {
                self.host_notify.progress(|| self.supervisor.up_and_wanted());
            }
            Report::Stopping { .. } => self.host_notify.stopping(),
            _ => {}
        }
    }
}
