//! What left the session of a service ([`crate::sys::process::detached`]): whether it ends with the run, and what is said
//! of processes that no service can be shown to have started.

use super::event_loop::EventLoop;
use super::process_manager::ProcessManager;
use super::process_table::Process;
use crate::config::service::Kind;
use crate::config::values::Signal;
use crate::supervise::{Exit, Id, Phase, Pid, Role};
use crate::sys::process::mark::Mark;
use crate::sys::read_file;
use crate::text::shown_bytes;

impl EventLoop<'_> {
    /// What is told to end loses what it has started: notes it before.
    pub(super) fn note_below(&mut self, id: Id, pid: Pid, signal: Signal) {
        if signal != Signal::CONT && self.supervisor.phase(id) == Some(Phase::Stopping) {
            self.processes.process_table.note_below(pid);
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
        let mut services = ended.iter().filter_map(|id| self.members.get(id.0)).filter(|it| !it.is_main());
        let Some(member) = services.next() else { return };
        for pid in strangers {
            tracing::info!(
                "{}: ended; process {} ({}) has lost its parent and carries no mark of a service: it may be one that this \
                 service started, is not ended with it, and ends with the container",
                member.plan.name,
                pid.0,
                command_of(pid),
            );
        }
    }

    /// Returns the mark of what ends with a process; `None`: what has left its session lives on. A oneshot that is done may
    /// have started a daemon: that is what some are for.
    pub(super) fn ends_with(&self, process: &Process, exit: Exit) -> Option<Mark> {
        let service = self.members.get(process.id.0).map(|member| &member.service);
        let is_done = service.is_some_and(|service| match (service.kind, process.role, exit) {
            (Kind::Oneshot, Role::Run, Exit::Code(code)) => service.success_codes.contains(&code),
            (Kind::Oneshot, Role::Run, Exit::Signal(_)) => false,
            (Kind::Oneshot, Role::Finish | Role::StopCommand, _) | (Kind::Longrun, _, _) => false,
        });
        (!is_done).then_some(process.mark)
    }
}

/// Returns the command line of a process, shortened; its name in brackets where it has none, as ps(1) has it.
pub fn command_of(pid: Pid) -> String {
    const LONGEST: usize = 60;
    let line = read_file::proc(&format!("/proc/{}/cmdline", pid.0));
    let words: Vec<String> = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(shown_bytes).collect();
    let text = match words.is_empty() {
        false => words.join(" "),
        true => format!("[{}]", String::from_utf8_lossy(&read_file::proc(&format!("/proc/{}/comm", pid.0))).trim_end()),
    };
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}
