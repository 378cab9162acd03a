//! How many descriptors the programs of a stage need. Must not know the limit.

use super::process_manager::ProcessManager;
use super::service_entry::ServiceEntry;
use crate::config::service::{Kind, Ready};
use crate::supervise::Id;
use crate::sys::descriptors::{DescriptorNeeds, ProgramNeeds};

/// The two ends of the pipe by which a child reports whether it executed its program.
const EXEC_PIPE: usize = 2;
/// The two ends of the pipe by which it reports readiness, and the exec pipe's duplicate that makes space for it.
const NOTIFY_PIPE: usize = 3;

impl ProcessManager {
    /// Returns how many descriptors its programs take here while they are started and while they run.
    pub fn descriptor_needs(&self) -> DescriptorNeeds {
        let starts = |entry: &&ServiceEntry| {
            let service = &entry.service;
            let is_started = service.enabled && service.calendar.is_none() && entry.plan.skipped.is_none();
            entry.is_main() || is_started
        };
        let entries = self.records.entries().filter(|(_, entry)| starts(entry));
        DescriptorNeeds {
            programs: entries.map(|(id, entry)| self.needs_of(id, entry)).collect(),
            has_main: self.records.entries().any(|(_, entry)| entry.is_main()),
        }
    }

    fn needs_of(&self, id: Id, entry: &ServiceEntry) -> ProgramNeeds {
        let service = &entry.service;
        let has_notify_pipe = match service.ready {
            Ready::Fd { .. } => true,
            Ready::Executed | Ready::Notify { .. } | Ready::Probe { .. } | Ready::Delay(_) => false,
        };
        let pipes = match (self.logs.captures(id), self.records.output(id)) {
            (false, _) => 0,
            (true, None) => 2,
            (true, Some(_)) => 1,
        };
        let start = EXEC_PIPE
            + 2 * pipes
            + if has_notify_pipe { NOTIFY_PIPE } else { 0 }
            // The child has all of them open, and reads a file.
            + usize::from(service.environment_file.is_some());
        let stays = service.kind == Kind::Longrun || entry.is_main();
        let writer_socket = usize::from(service.log.directory.is_some());
        let kept = pipes + usize::from(has_notify_pipe) + writer_socket;
        ProgramNeeds { start, kept: if stays { kept } else { 0 } }
    }
}
