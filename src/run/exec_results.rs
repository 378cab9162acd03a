//! Reads the pipes through which children report: whether they could execute their program, and whether they are ready.

#![allow(clippy::disallowed_methods)] // when a score is first tried

use std::collections::VecDeque;
use std::time::Instant;

use nix::errno::Errno;

use super::fd_watcher::ReadyFd;
use super::process_manager::ProcessManager;
use super::service_records::ServiceRecord;
use crate::plan::checks::{ALLOW_FILTERS, UNFILTERED};
use crate::supervise::{Event, Id, Pid, Role, SpawnError};
use crate::sys::process::oom_score::MAX_ATTEMPTS;
use crate::sys::process::spawn::ExecResult;
use crate::sys::process::{filter, reap};

impl ProcessManager {
    /// Reads exec results and readiness. Returns whether there may be more.
    pub fn read_ready(&mut self, events: &mut VecDeque<Event>) -> bool {
        let ready = self.fd_watcher.ready();
        for fd in &ready {
            match fd {
                ReadyFd::ExecPipe(pid) => self.read_exec_result(*pid, false, events),
                ReadyFd::NotifyFd(key) => match self.fd_watcher.read_notify(*key) {
                    Some((id, true)) => events.push_back(Event::Ready { id }),
                    Some((id, false)) => self.log_notify_fd_closed(id),
                    None => {}
                },
                ReadyFd::NotifySocket(id) => self.receive_notifications(*id, events),
                ReadyFd::ConfigReader => self.config_reader.read_ready(&mut self.fd_watcher),
                ReadyFd::Clock => events.extend(self.calendars.handle_timer().into_iter().map(|id| Event::Due { id })),
            }
        }
        !ready.is_empty()
    }

    /// Logs that a running service has closed its notification fd. After its exit that is expected.
    fn log_notify_fd_closed(&self, id: Id) {
        let is_running = self.records.last_pid(id).is_some_and(reap::is_running);
        if let Some(entry) = self.records.entry(id).filter(|_| is_running) {
            tracing::warn!("{}: closed its notification fd without a newline: it is not ready", entry.plan.name);
        }
    }

    pub(super) fn receive_notifications(&mut self, id: Id, events: &mut VecDeque<Event>) {
        if let Some(ServiceRecord { entry, notify_socket: Some(socket), .. }) = self.records.get_mut(id) {
            socket.receive(id, &entry.plan.name, events);
        }
    }

    /// Reads what a child has reported so far; if it has ended, that is all.
    pub(super) fn read_exec_result(&mut self, pid: Pid, has_ended: bool, events: &mut VecDeque<Event>) {
        let Some(process) = self.process_table.get(pid) else { return };
        let Some((key, mut pipe)) = process.exec_pipe.take() else { return };
        let (id, role) = (process.id, process.role);
        let result = if has_ended { pipe.read_to_end() } else { pipe.read() };
        if let Some(errno) = pipe.unfiltered() {
            log_unfiltered(errno);
        }
        let file = if result == ExecResult::Pending { None } else { process.file.take() };
        process.refused |= matches!(result, ExecResult::Refused(_));
        let refused = process.refused;
        match result {
            ExecResult::Pending => {
                process.exec_pipe = Some((key, pipe));
                return;
            }
            ExecResult::Executed => {
                if let (Some(bytes), Some(record)) = (file.and_then(|file| file.get()), self.records.get_mut(id)) {
                    record.file = Some(bytes.into());
                }
                events.push_back(Event::Executed { id });
            }
            ExecResult::Refused(why) => {
                let why = self.explain(id, role, why);
                events.push_back(Event::SpawnFailed { id, why });
            }
        }
        self.fd_watcher.remove(key, &pipe);
        if !refused && self.records.entry(id).is_some_and(|entry| entry.service.oom_score_adj.is_some()) {
            self.process_table.set_score_later(pid, Instant::now(), MAX_ATTEMPTS);
            self.adjust_oom_scores();
        }
    }

    pub(super) fn explain(&self, id: Id, role: Role, why: SpawnError) -> SpawnError {
        match self.records.entry(id) {
            Some(entry) => entry.explain(role, why),
            None => why,
        }
    }
}

/// Logs once that services run without the filter: the reason is the same for each.
fn log_unfiltered(errno: Errno) {
    if filter::record_refused(errno) {
        tracing::warn!("{UNFILTERED}: seccomp(2) was refused: {}; {ALLOW_FILTERS}", errno.desc());
    }
}
