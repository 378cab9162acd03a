//! Pipes between services (`pipe_to`): both ends stay open here, so that neither side loses a byte when the other one is
//! started again. Must not know who is up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;

use super::service_entry::ServiceEntry;
use crate::config::values::ServiceName;
use crate::supervise::Id;

/// One pipe: what its consumer reads, and what its producers write into.
struct Pipe {
    read: OwnedFd,
    write: Option<OwnedFd>,
}

/// The pipes, by their consumers.
#[derive(Default)]
pub struct Pipes {
    pipes: HashMap<Id, Pipe>,
    /// The consumer of each producer.
    to: HashMap<Id, Id>,
    /// Ids by name.
    names: HashMap<ServiceName, Id>,
}

impl Pipes {
    /// Makes a pipe for each service that others write to.
    ///
    /// # Errors
    /// When the process has no room for more descriptors.
    pub fn new(members: &[ServiceEntry]) -> Result<Self, Errno> {
        let mut pipes = Self::default();
        members.iter().enumerate().for_each(|(at, member)| pipes.name(Id(at), member));
        for (at, member) in members.iter().enumerate() {
            pipes.link(Id(at), member)?;
        }
        Ok(pipes)
    }

    /// Takes a service that others may write to. All that are new are named before any of them is linked.
    pub fn name(&mut self, id: Id, member: &ServiceEntry) {
        self.names.insert(member.plan.name.clone(), id);
    }

    /// From now on this service writes to whom it says, if anybody. The pipe is made if it is missing; what is in one stays
    /// there. A service of which nothing runs, and to which nobody writes any more, has no pipe.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn link(&mut self, id: Id, member: &ServiceEntry) -> Result<(), Errno> {
        self.to.remove(&id);
        if !self.to.values().any(|consumer| *consumer == id) {
            self.pipes.remove(&id);
        }
        let to = member.service.pipe_to.as_ref();
        let Some(consumer) = to.and_then(|name| self.names.get(name)).copied() else { return Ok(()) };
        if let Entry::Vacant(room) = self.pipes.entry(consumer) {
            room.insert(Pipe::new()?);
        }
        self.to.insert(id, consumer);
        Ok(())
    }

    /// There is no such service any more.
    pub fn remove(&mut self, id: Id) {
        self.names.retain(|_, known| *known != id);
        self.pipes.remove(&id);
        self.to.retain(|producer, consumer| *producer != id && *consumer != id);
    }

    /// Returns what a service's standard input is, if others write to it.
    pub fn input(&self, id: Id) -> Option<RawFd> {
        self.pipes.get(&id).map(|pipe| pipe.read.as_raw_fd())
    }

    /// Returns what a service's standard output is, if another one reads it.
    pub fn output(&self, id: Id) -> Option<RawFd> {
        let pipe = self.pipes.get(self.to.get(&id)?)?;
        pipe.write.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Lets a consumer read the end of its input, once no producer holds the other end any more.
    pub fn end_input(&mut self, consumer: Id) {
        if let Some(pipe) = self.pipes.get_mut(&consumer) {
            pipe.write = None;
        }
    }
}

impl Pipe {
    fn new() -> Result<Self, Errno> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // Opened again as `/dev/stdin` and `/dev/stdout` by services of whichever users the two are.
        fchmod(&write, Mode::from_bits_truncate(0o666))?;
        Ok(Self { read, write: Some(write) })
    }
}
