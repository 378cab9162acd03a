//! What left the session of a service ([`crate::sys::process::detached`]): whose it is noted to be, and what is said of
//! processes that no service can be shown to have started.

use super::event_loop::EventLoop;
use super::kill_report::command_of;
use super::process_manager::ProcessManager;
use crate::config::values::Signal;
use crate::supervise::{Id, Phase, Pid};

impl EventLoop<'_> {
    /// What is told to end loses what it has started: notes it before.
    pub(super) fn record_descendants(&mut self, id: Id, pid: Pid, signal: Signal) {
        if signal != Signal::CONT && self.supervisor.phase(id) == Some(Phase::Stopping) {
            self.processes.process_table.record_descendants(pid);
        }
    }
}

impl ProcessManager {
    /// Looks at what was adopted, now that these have ended, and says what cannot be attributed. Each process is said once.
    pub(super) fn adopt_after(&mut self, ended: &[Id]) {
        if ended.is_empty() {
            return;
        }
        let strangers = self.process_table.adopt();
        let mut services = ended.iter().filter_map(|id| self.slots.entry(*id)).filter(|it| !it.is_main());
        let Some(entry) = services.next() else { return };
        for pid in strangers {
            tracing::info!(
                "{}: ended; process {} ({}) has lost its parent and carries no mark of a service: it may be one that this \
                 service started, is not ended with it, and ends with the container",
                entry.plan.name,
                pid.0,
                command_of(pid),
            );
        }
    }
}
