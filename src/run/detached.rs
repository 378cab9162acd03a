//! Processes that have left the session of their service ([`crate::sys::process::detached`]): when they are attributed to it,
//! and the message about those that carry no service's tag.

use super::event_loop::EventLoop;
use super::kill_report::command_of;
use super::process_manager::ProcessManager;
use crate::config::values::Signal;
use crate::supervise::{Id, Phase, Pid};
use crate::sys::process::detached::ChildScan;
use crate::sys::process::reap::WaitResult;

impl EventLoop<'_> {
    /// Records the descendants of a process before a stop signal: they are adopted once it has ended. While the container
    /// stops they are told by what has ended.
    pub(super) fn record_descendants(&mut self, id: Id, pid: Pid, signal: Signal) {
        if self.is_stopping() {
            self.processes.process_table.begin_stop();
        } else if signal != Signal::CONT && self.supervisor.phase(id) == Some(Phase::Stopping) {
            self.processes.process_table.record_descendants(pid);
        }
    }
}

impl ProcessManager {
    /// Attributes what was adopted because these services have ended, and logs once each process that carries no tag. Returns
    /// whether anything may be left of them, in their sessions or elsewhere. `waited`: what waiting has found last.
    pub(super) fn assign_and_log_orphans(&mut self, ended: &[Id], waited: WaitResult) -> bool {
        if ended.is_empty() {
            return false;
        }
        let ChildScan { unassigned, may_be_left } = self.process_table.assign_orphans(waited);
        let mut services = ended.iter().filter_map(|id| self.records.entry(*id)).filter(|it| !it.is_main());
        let Some(entry) = services.next() else { return may_be_left };
        for pid in unassigned {
            tracing::info!(
                "{}: ended; process {} ({}) has lost its parent and carries no tag of a service: it may be one that this \
                 service started, is not ended with it, and ends with the container",
                entry.plan.name,
                pid.0,
                command_of(pid),
            );
        }
        may_be_left
    }
}
