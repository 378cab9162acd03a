//! [`ServiceSlots`]: what the loop keeps of each service, one [`ServiceSlot`] for each id of the engine. The slot of a removed
//! service is free once nothing of it is left. Must not know processes.

use std::collections::BTreeSet;
use std::os::fd::RawFd;
use std::rc::Rc;

use nix::errno::Errno;

use super::fd_watcher::FdWatcher;
use super::notify_sockets::{NotifySocket, Sockets};
use super::service_entry::ServiceEntry;
use super::service_pipe::ServicePipe;
use crate::supervise::{Id, Pid, SpawnError};

/// One service, or the main command.
pub struct ServiceSlot {
    /// How it is started.
    pub entry: ServiceEntry,
    /// Its changed definition after a reload, applied once nothing of the old one runs.
    pub next: Option<ServiceEntry>,
    /// The process of its last run.
    pub last_pid: Option<Pid>,
    /// What its last run has read from its `environment_file`; whatever is started beside that run uses the same.
    pub file: Option<Rc<[u8]>>,
    /// Whether the OOM killer has killed its last process, or one that it had started.
    pub out_of_memory: bool,
    /// Why its latest start failed, if it did.
    pub refusal: Option<SpawnError>,
    /// Its sd_notify socket.
    pub notify_socket: Option<NotifySocket>,
    /// The pipe to its standard input, if others write to it.
    input: Option<ServicePipe>,
    /// The service that reads its standard output.
    consumer: Option<Id>,
    /// A reload has removed it.
    is_removed: bool,
}

impl ServiceSlot {
    fn new(entry: ServiceEntry) -> Self {
        Self {
            entry,
            next: None,
            last_pid: None,
            file: None,
            out_of_memory: false,
            refusal: None,
            notify_socket: None,
            input: None,
            consumer: None,
            is_removed: false,
        }
    }
}

/// The slots, in the order of the engine's ids.
pub struct ServiceSlots {
    slots: Vec<ServiceSlot>,
    /// Removed services of which something is left.
    retiring: BTreeSet<Id>,
}

impl ServiceSlots {
    /// Returns the slots of these services, with the sockets that were opened for them before the drop.
    ///
    /// # Errors
    /// As [`ServicePipe::new`].
    pub fn new(entries: Vec<ServiceEntry>, mut sockets: Sockets, fd_watcher: &mut FdWatcher) -> Result<Self, Errno> {
        let mut all = Self { slots: entries.into_iter().map(ServiceSlot::new).collect(), retiring: BTreeSet::new() };
        for at in 0..all.slots.len() {
            all.link(Id(at))?;
        }
        for (at, slot) in all.slots.iter_mut().enumerate() {
            let Some(socket) = sockets.remove(&slot.entry.plan.name) else { continue };
            match NotifySocket::watched(Id(at), &mut slot.entry, socket, fd_watcher) {
                Ok(socket) => slot.notify_socket = Some(socket),
                Err(errno) => {
                    let name = &slot.entry.plan.name;
                    tracing::warn!("{name}: cannot watch its notification socket: {}", errno.desc());
                }
            }
        }
        Ok(all)
    }

    /// Returns a slot.
    pub fn get(&self, id: Id) -> Option<&ServiceSlot> {
        self.slots.get(id.0)
    }

    /// Returns a slot.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut ServiceSlot> {
        self.slots.get_mut(id.0)
    }

    /// Returns how a service is started.
    pub fn entry(&self, id: Id) -> Option<&ServiceEntry> {
        self.get(id).map(|slot| &slot.entry)
    }

    /// Returns the process of a service's last run.
    pub fn last_pid(&self, id: Id) -> Option<Pid> {
        self.get(id)?.last_pid
    }

    /// Returns why the latest start of a service failed, if it did.
    pub fn refusal(&self, id: Id) -> Option<&SpawnError> {
        self.get(id)?.refusal.as_ref()
    }

    /// Returns whether the OOM killer has killed the last process of a service, or one that it had started.
    pub fn is_out_of_memory(&self, id: Id) -> bool {
        self.get(id).is_some_and(|slot| slot.out_of_memory)
    }

    /// Returns one of the `wait_for` of a service, as text.
    pub fn wait_target(&self, id: Id, at: usize) -> String {
        let probe = self.entry(id).and_then(|entry| entry.service.wait_for.get(at));
        probe.map(ToString::to_string).unwrap_or_default()
    }

    /// Returns how each service is started.
    pub fn entries(&self) -> impl Iterator<Item = (Id, &ServiceEntry)> {
        self.slots.iter().enumerate().map(|(at, slot)| (Id(at), &slot.entry))
    }

    /// Puts the entry of a service that a reload has added or changed. Returns whether it is in use at once: a changed one waits
    /// until nothing of the old one runs.
    pub fn put(&mut self, id: Id, entry: ServiceEntry) -> bool {
        match self.slots.get_mut(id.0) {
            Some(slot) if slot.is_removed => *slot = ServiceSlot::new(entry),
            Some(slot) => {
                slot.next = Some(entry);
                return false;
            }
            None => self.slots.push(ServiceSlot::new(entry)),
        }
        true
    }

    /// Connects a service to the one in its `pipe_to`, if any. A missing pipe is made; what is in a pipe stays there. A service
    /// of which nothing runs, and to which no other writes any more, loses its pipe.
    ///
    /// # Errors
    /// As [`ServicePipe::new`].
    pub fn link(&mut self, id: Id) -> Result<(), Errno> {
        let Some(slot) = self.slots.get_mut(id.0) else { return Ok(()) };
        slot.consumer = None;
        if slot.input.is_some() && !self.slots.iter().any(|slot| slot.consumer == Some(id)) {
            self.slots.get_mut(id.0).into_iter().for_each(|slot| slot.input = None);
        }
        let Some(name) = self.entry(id).and_then(|entry| entry.service.pipe_to.as_ref()) else { return Ok(()) };
        let is_consumer = |slot: &ServiceSlot| !slot.is_removed && slot.entry.plan.name == *name;
        let Some(consumer) = self.slots.iter().position(is_consumer) else { return Ok(()) };
        if let Some(reader) = self.slots.get_mut(consumer).filter(|reader| reader.input.is_none()) {
            reader.input = Some(ServicePipe::new()?);
        }
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.consumer = Some(Id(consumer));
        }
        Ok(())
    }

    /// Returns the pipe to a service's standard input, if others write to it.
    pub fn input(&self, id: Id) -> Option<RawFd> {
        self.get(id)?.input.as_ref().map(ServicePipe::input)
    }

    /// Returns the pipe from a service's standard output, if another one reads it.
    pub fn output(&self, id: Id) -> Option<RawFd> {
        self.get(self.get(id)?.consumer?)?.input.as_ref()?.output()
    }

    /// Closes our write end of a service's input, so that it reads the end.
    pub fn end_input(&mut self, consumer: Id) {
        if let Some(pipe) = self.get_mut(consumer).and_then(|slot| slot.input.as_mut()) {
            pipe.end_input();
        }
    }

    /// Removes all but the name of a service that a reload has removed.
    pub fn remove(&mut self, id: Id, fd_watcher: &mut FdWatcher) {
        self.slots.iter_mut().filter(|slot| slot.consumer == Some(id)).for_each(|slot| slot.consumer = None);
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.notify_socket.take().into_iter().for_each(|socket| socket.close(fd_watcher));
            *slot = ServiceSlot { is_removed: true, ..ServiceSlot::new(slot.entry.clone()) };
            self.retiring.insert(id);
        }
    }

    /// Returns the removed services whose slots are not free yet.
    pub fn retiring(&self) -> impl Iterator<Item = Id> {
        self.retiring.iter().copied()
    }

    /// Frees the slot of a removed service.
    pub fn free(&mut self, id: Id) {
        self.retiring.remove(&id);
    }
}
