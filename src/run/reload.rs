//! A reload in the loop: what was read again goes to the engine and to whoever acts; one line says what came of it.

use std::collections::{BTreeMap, VecDeque};

use super::event_loop::EventLoop;
use super::notify_sockets::NotifySocket;
use super::probe::ProbeOwner;
use super::process_manager::ProcessManager;
use super::reload_error::ReloadError;
use super::reloader::ReloadPlan;
use super::service_entry::ServiceEntry;
use crate::control::responses::{Reloaded, Response};
use crate::control::server::Call;
use crate::supervise::{Action, Event, Id, ProbeResult};

impl EventLoop<'_> {
    /// Begins to read what is asked for, or goes on with what was read. Who asks while that is being read waits for the next
    /// time: the files may have changed since. Returns what to do now, if a reload is over.
    pub(super) fn go_on_reloading(&mut self) -> Option<Vec<Action>> {
        if self.supervisor.stop_reason().is_some() {
            self.processes.config_reader.give_up(&mut self.processes.fd_watcher, ReloadError::Stopping);
        }
        if let Some(read) = self.processes.config_reader.take() {
            let stops = self.supervisor.stop_reason().is_some();
            let reread = match read {
                Ok(_) if stops => Err(ReloadError::Stopping),
                Ok(read) => self.reread(&read),
                Err(why) => Err(why),
            };
            let (told, actions) = match reread {
                Ok((reply, actions)) => (Ok(reply), actions),
                Err(why) => {
                    if !stops {
                        tracing::error!("{why}");
                    }
                    (Err(why), Vec::new())
                }
            };
            answer(std::mem::take(&mut self.reloading), &told);
            return Some(actions);
        }
        if self.processes.config_reader.is_under_way() {
            return None;
        }
        let calls = self.reload_asked.take()?;
        match self.begin_to_read() {
            Ok(()) => {
                self.reloading = calls;
                None
            }
            Err(why) => {
                answer(calls, &Err(why));
                Some(Vec::new())
            }
        }
    }

    fn begin_to_read(&mut self) -> Result<(), ReloadError> {
        let reloader = self.reloader.as_ref().ok_or(ReloadError::NotServing)?;
        if self.supervisor.stop_reason().is_some() {
            return Err(ReloadError::Stopping);
        }
        self.processes.config_reader.begin(&mut self.processes.fd_watcher, || reloader.read())
    }

    /// Begins what follows from what was read. Returns what was done in words.
    fn reread(&mut self, read: &[u8]) -> Result<(ReloadReply, Vec<Action>), ReloadError> {
        let reloader = self.reloader.as_mut().ok_or(ReloadError::NotServing)?;
        let reread = reloader.reread(read).map_err(ReloadError::Rejected)?;
        let told = reread.told();
        tracing::info!("reload: {told}");
        reread.notices.iter().for_each(|notice| tracing::warn!("reload: {notice}"));
        let ReloadPlan { setup, entries, changed, notices, .. } = reread;
        let actions = self.supervisor.reload(self.now(), setup, &changed);
        let entries = entries.into_iter().filter_map(|entry| Some((self.supervisor.id(&entry.plan.name)?, entry)));
        for id in self.processes.adopt(entries.collect()) {
            if let Some(spec) = self.supervisor.spec(id) {
                self.control_handler.service_index.set(id, spec);
            }
        }
        self.callers.set(self.users());
        Ok((ReloadReply { told, notices }, actions))
    }
}

impl EventLoop<'_> {
    /// Removes a service that has ended.
    pub(super) fn retire(&mut self, id: Id) {
        self.processes.retire(id);
        self.control_handler.service_index.remove(id);
        self.control_handler.journal.forget(id);
        self.callers.set(self.users());
    }

    /// Reports free slots to the engine: those of removed services for which no caller waits.
    pub(super) fn free_slots(&mut self) {
        let ended: Vec<Id> =
            self.processes.slots.retiring().filter(|id| !self.control_handler.is_waited_for(*id)).collect();
        for id in ended {
            self.processes.free_slot(id, &mut self.queue);
        }
    }
}

/// What came of it.
struct ReloadReply {
    told: String,
    notices: Vec<String>,
}

/// What callers are told of it.
fn answer(calls: Vec<Call>, told: &Result<ReloadReply, ReloadError>) {
    for call in calls {
        call.respond(match told {
            Ok(ReloadReply { told, notices }) => {
                Response::Ok(Reloaded { tree: Some(told.clone()), notices: notices.clone(), services: Vec::new() })
            }
            Err(why) => Response::Error(why.to_string()),
        });
    }
}

impl ProcessManager {
    /// Takes the entries that a reload has added or changed: new ones at once, known ones when [`ProcessManager::apply_reload`] is
    /// called.
    /// Returns the new ones.
    pub(super) fn adopt(&mut self, entries: BTreeMap<Id, ServiceEntry>) -> Vec<Id> {
        let new: Vec<Id> =
            entries.into_iter().filter_map(|(id, entry)| self.slots.adopt(id, entry).then_some(id)).collect();
        new.iter().for_each(|id| self.apply_entry(*id));
        new
    }

    /// Replaces the entry of a service by the one that the last reload has made of it.
    pub fn apply_reload(&mut self, id: Id) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if let Some(next) = slot.next.take() {
            slot.entry = next;
            slot.file = None;
            self.apply_entry(id);
        }
    }

    fn apply_entry(&mut self, id: Id) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let entry = &mut slot.entry;
        self.logs.set_route(id, entry.route(&self.context));
        slot.notify_socket = NotifySocket::changed(slot.notify_socket.take(), id, entry, &mut self.fd_watcher);
        let name = entry.plan.name.clone();
        self.calendars.put(id, &name, entry.service.calendar.as_ref(), &mut self.fd_watcher);
        if let Err(errno) = self.slots.link(id) {
            tracing::warn!("{name}: cannot make a pipe between services: {}", errno.desc());
        }
    }

    /// Removes a service that has ended.
    pub(super) fn retire(&mut self, id: Id) {
        if let Some(entry) = self.slots.entry(id) {
            self.calendars.put(id, &entry.plan.name, None, &mut self.fd_watcher);
        }
        self.probes.cancel(ProbeOwner::Caller(id));
        self.command_results.push((id, ProbeResult::Fail("a reload has left it out".to_owned())));
        self.slots.remove(id, &mut self.fd_watcher);
    }

    /// Frees a slot, unless a process still writes to a pipe of the service, or was not reaped yet.
    fn free_slot(&mut self, id: Id, events: &mut VecDeque<Event>) {
        if !self.logs.has_open_pipe(id) && !self.process_table.has(id) {
            self.logs.remove(id);
            self.slots.free(id);
            events.push_back(Event::Retired { id });
        }
    }
}
