//! [`ServiceRecords`]: what the loop keeps of each service, one [`ServiceRecord`] for each id of the engine. The record of a
//! removed service can be reused once nothing of the service is left. Must not know processes.

use std::collections::BTreeSet;
use std::os::fd::RawFd;
use std::rc::Rc;

use nix::errno::Errno;

use super::fd_watcher::FdWatcher;
use super::notify_sockets::{NotifySocket, Sockets};
use super::reasons::Recorded;
use super::service_entry::ServiceEntry;
use super::service_pipe::ServicePipe;
use crate::supervise::{Id, Pid, SpawnError};

/// One service, or the main command.
pub struct ServiceRecord {
    /// How it is started.
    pub entry: ServiceEntry,
    /// Its changed definition after a reload, applied once nothing of the old one runs. Rare, and large.
    pub next: Option<Box<ServiceEntry>>,
    /// The process of its last run.
    pub last_pid: Option<Pid>,
    /// What its last run has read from its `environment_file`; whatever is started beside that run uses the same.
    pub file: Option<Rc<[u8]>>,
    /// Whether the OOM killer has killed its last process, or one that it had started.
    pub out_of_memory: bool,
    /// Why its latest start failed, if it did.
    pub refusal: Option<Box<SpawnError>>,
    /// Its sd_notify socket.
    pub notify_socket: Option<Box<NotifySocket>>,
    /// The pipe to its standard input, if others write to it.
    input: Option<ServicePipe>,
    /// The service that reads its standard output.
    consumer: Option<Id>,
    /// A reload has removed it.
    is_removed: bool,
}

impl ServiceRecord {
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

/// The records, in the order of the engine's ids.
pub struct ServiceRecords {
    records: Vec<ServiceRecord>,
    /// Removed services whose ids are not released yet.
    unreleased: BTreeSet<Id>,
}

impl ServiceRecords {
    /// Returns the records of these services, with the sockets that were opened for them before the drop.
    ///
    /// # Errors
    /// As [`ServicePipe::new`].
    pub fn new(entries: Vec<ServiceEntry>, mut sockets: Sockets, fd_watcher: &mut FdWatcher) -> Result<Self, Errno> {
        let mut all =
            Self { records: entries.into_iter().map(ServiceRecord::new).collect(), unreleased: BTreeSet::new() };
        for at in 0..all.records.len() {
            all.link(Id(at))?;
        }
        for (at, record) in all.records.iter_mut().enumerate() {
            let Some(socket) = sockets.remove(&record.entry.plan.name) else { continue };
            match NotifySocket::watched(Id(at), &mut record.entry, socket, fd_watcher) {
                Ok(socket) => record.notify_socket = Some(Box::new(socket)),
                Err(errno) => {
                    let name = &record.entry.plan.name;
                    tracing::warn!("{name}: cannot watch its notification socket: {}", errno.desc());
                }
            }
        }
        Ok(all)
    }

    /// Returns a service's record.
    pub fn get(&self, id: Id) -> Option<&ServiceRecord> {
        self.records.get(id.0)
    }

    /// Returns a service's record.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut ServiceRecord> {
        self.records.get_mut(id.0)
    }

    /// Returns how a service is started.
    pub fn entry(&self, id: Id) -> Option<&ServiceEntry> {
        self.get(id).map(|record| &record.entry)
    }

    /// Returns the process of a service's last run.
    pub fn last_pid(&self, id: Id) -> Option<Pid> {
        self.get(id)?.last_pid
    }

    /// Returns what else is known of a failure of a service.
    pub fn recorded(&self, id: Id) -> Recorded<'_> {
        let held_back = self.entry(id).map_or(&[][..], |entry| &entry.plan.held_back);
        Recorded { refusal: self.refusal(id), held_back }
    }

    /// Returns why the latest start of a service failed, if it did.
    pub fn refusal(&self, id: Id) -> Option<&SpawnError> {
        self.get(id)?.refusal.as_deref()
    }

    /// Returns whether the OOM killer has killed the last process of a service, or one that it had started.
    pub fn is_out_of_memory(&self, id: Id) -> bool {
        self.get(id).is_some_and(|record| record.out_of_memory)
    }

    /// Returns one of the `wait_for` of a service, as text.
    pub fn wait_target(&self, id: Id, at: usize) -> String {
        let probe = self.entry(id).and_then(|entry| entry.service.wait_for.get(at));
        probe.map(ToString::to_string).unwrap_or_default()
    }

    /// Returns how each service is started.
    pub fn entries(&self) -> impl Iterator<Item = (Id, &ServiceEntry)> {
        self.records.iter().enumerate().map(|(at, record)| (Id(at), &record.entry))
    }

    /// Puts the entry of a service that a reload has added or changed. Returns whether it is in use at once: a changed one waits
    /// until nothing of the old one runs.
    pub fn put(&mut self, id: Id, entry: ServiceEntry) -> bool {
        match self.records.get_mut(id.0) {
            Some(record) if record.is_removed => *record = ServiceRecord::new(entry),
            Some(record) => {
                record.next = Some(Box::new(entry));
                return false;
            }
            None => self.records.push(ServiceRecord::new(entry)),
        }
        true
    }

    /// Connects a service to the one in its `pipe_to`, if any. A missing pipe is created; what is in a pipe stays there. A service
    /// of which nothing runs, and to which no other writes any more, loses its pipe.
    ///
    /// # Errors
    /// As [`ServicePipe::new`].
    pub fn link(&mut self, id: Id) -> Result<(), Errno> {
        let Some(record) = self.records.get_mut(id.0) else { return Ok(()) };
        record.consumer = None;
        if record.input.is_some() && !self.records.iter().any(|record| record.consumer == Some(id)) {
            self.records.get_mut(id.0).into_iter().for_each(|record| record.input = None);
        }
        let Some(name) = self.entry(id).and_then(|entry| entry.service.pipe_to.as_ref()) else { return Ok(()) };
        let is_consumer = |record: &ServiceRecord| !record.is_removed && record.entry.plan.name == *name;
        let Some(consumer) = self.records.iter().position(is_consumer) else { return Ok(()) };
        if let Some(reader) = self.records.get_mut(consumer).filter(|reader| reader.input.is_none()) {
            reader.input = Some(ServicePipe::new()?);
        }
        if let Some(record) = self.records.get_mut(id.0) {
            record.consumer = Some(Id(consumer));
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
        if let Some(pipe) = self.get_mut(consumer).and_then(|record| record.input.as_mut()) {
            pipe.end_input();
        }
    }

    /// Removes all but the name of a service that a reload has removed.
    pub fn remove(&mut self, id: Id, fd_watcher: &mut FdWatcher) {
        self.records.iter_mut().filter(|record| record.consumer == Some(id)).for_each(|record| record.consumer = None);
        if let Some(record) = self.records.get_mut(id.0) {
            record.notify_socket.take().into_iter().for_each(|socket| socket.close(fd_watcher));
            *record = ServiceRecord { is_removed: true, ..ServiceRecord::new(record.entry.clone()) };
            self.unreleased.insert(id);
        }
    }

    /// Returns the removed services whose ids are not released yet.
    pub fn unreleased(&self) -> impl Iterator<Item = Id> {
        self.unreleased.iter().copied()
    }

    /// Notes that the id of a removed service is released.
    pub fn release(&mut self, id: Id) {
        self.unreleased.remove(&id);
    }
}
