//! How many descriptors the programs of a stage take. Must not know how many there are.

use super::process_manager::ProcessManager;
use super::service_entry::ServiceEntry;
use crate::config::service::Ready;
use crate::supervise::Id;
use crate::sys::descriptors::Needs;

impl ProcessManager {
    /// Returns how many descriptors its programs keep open here while all of them run.
    pub fn descriptor_needs(&self) -> Needs {
        let kept = |(at, member): (usize, &ServiceEntry)| {
            let says_ready = matches!(member.service.ready, Ready::Fd { .. });
            let outputs = if self.logs.captures(Id(at)) { 2 } else { 0 };
            outputs + usize::from(says_ready)
        };
        Needs {
            programs: self.members.len(),
            kept: self.members.iter().enumerate().map(kept).sum(),
            has_main: self.members.iter().any(ServiceEntry::is_main),
        }
    }
}
