//! How many descriptors the programs of a stage take. Must not know how many there are.

use super::process_manager::ProcessManager;
use super::service_entry::ServiceEntry;
use crate::config::service::{Kind, Ready};
use crate::supervise::Id;
use crate::sys::descriptors::{DescriptorNeeds, ProgramNeeds};

/// The two ends of the pipe by which a child says whether it executed its program.
const EXEC_PIPE: usize = 2;
/// The two ends of the pipe by which it says that it is ready, and the exec pipe's duplicate that makes room for it.
const NOTIFY_PIPE: usize = 3;

impl ProcessManager {
    /// Returns how many descriptors its programs take here while they are started and while they run.
    pub fn descriptor_needs(&self) -> DescriptorNeeds {
        let starts = |member: &&ServiceEntry| {
            let service = &member.service;
            let by_itself = !service.down && service.calendar.is_none() && member.plan.skipped.is_none();
            member.is_main() || by_itself
        };
        let members = self.slots.entries().filter(|(_, member)| starts(member));
        DescriptorNeeds {
            programs: members.map(|(id, member)| self.needs_of(id, member)).collect(),
            has_main: self.slots.entries().any(|(_, member)| member.is_main()),
        }
    }

    fn needs_of(&self, id: Id, member: &ServiceEntry) -> ProgramNeeds {
        let service = &member.service;
        let says_ready = matches!(service.ready, Ready::Fd { .. });
        let pipes = match (self.logs.captures(id), self.slots.output(id)) {
            (false, _) => 0,
            (true, None) => 2,
            (true, Some(_)) => 1,
        };
        let start = EXEC_PIPE
            + 2 * pipes
            + if says_ready { NOTIFY_PIPE } else { 0 }
            // The child has all of them open, and reads a file.
            + usize::from(service.environment_file.is_some());
        let stays = service.kind == Kind::Longrun || member.is_main();
        let writer_socket = usize::from(service.log.directory.is_some());
        let kept = pipes + usize::from(says_ready) + writer_socket;
        ProgramNeeds { start, kept: if stays { kept } else { 0 } }
    }
}
