//! Slots of services that a reload has removed: one is free for another service once no process of the old one is left and
//! no caller waits for it.

use std::collections::{BTreeSet, VecDeque};

use super::event_loop::EventLoop;
use super::probes::ProbeOwner;
use super::process_manager::ProcessManager;
use crate::supervise::{Event, Id, ProbeResult};

/// Slots of services that reloads have removed.
#[derive(Debug, Default)]
pub struct ServiceSlots {
    /// They have ended; something may still come from them.
    pub retiring: BTreeSet<Id>,
    /// The engine may give them to others.
    pub vacant: BTreeSet<Id>,
}

impl EventLoop<'_> {
    /// Removes a service that has ended.
    pub(super) fn retire(&mut self, id: Id) {
        self.processes.retire(id);
        self.control_handler.service_index.remove(id);
        self.control_handler.journal.forget(id);
        self.refusals.remove(&id);
        self.callers.set(self.users());
    }

    /// Reports free slots to the engine.
    pub(super) fn free_slots(&mut self) {
        if self.processes.slots.retiring.is_empty() {
            return;
        }
        let waits = |id: &Id| self.control_handler.is_waited_for(*id);
        let ended: Vec<Id> = self.processes.slots.retiring.iter().copied().filter(|id| !waits(id)).collect();
        for id in ended {
            self.processes.free_slot(id, &mut self.queue);
        }
    }
}

impl ProcessManager {
    fn retire(&mut self, id: Id) {
        self.next.remove(&id);
        self.files.remove(&id);
        self.scores.retain(|(of, ..)| *of != id);
        self.memory.note(id, false);
        self.notify_sockets.remove(id, &mut self.watch);
        self.pipes.remove(id);
        if let Some(member) = self.members.get(id.0) {
            self.calendars.put(id, &member.plan.name, None, &mut self.watch);
        }
        self.probes.cancel(ProbeOwner::Caller(id));
        self.command_results.push((id, ProbeResult::Fail("a reload has left it out".to_owned())));
        self.slots.retiring.insert(id);
    }

    /// Frees a slot, unless a process still writes to a pipe of the service, or was not reaped yet.
    fn free_slot(&mut self, id: Id, events: &mut VecDeque<Event>) {
        if self.logs.has_open_pipe(id) || self.process_table.has(id) {
            return;
        }
        self.logs.remove(id);
        if let Some(last) = self.last.get_mut(id.0) {
            *last = None;
        }
        self.slots.retiring.remove(&id);
        self.slots.vacant.insert(id);
        events.push_back(Event::Retired { id });
    }
}
