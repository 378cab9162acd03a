//! Pipes between services (`pipe_to`): both ends stay open here, so that neither side loses a byte when the other one is
//! started again. Must not know who is up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;

use super::member::Member;
use crate::config::values::ServiceName;
use crate::supervise::Id;

/// One pipe: what its consumer reads, and what its producers write into.
struct Pipe {
    read: OwnedFd,
    write: Option<OwnedFd>,
}

/// All of them, by their consumers.
#[derive(Default)]
pub struct Pipes {
    pipes: HashMap<Id, Pipe>,
    /// Whom each producer writes to.
    to: HashMap<Id, Id>,
}

impl Pipes {
    /// Makes a pipe for each service that others write to.
    ///
    /// # Errors
    /// When the process has no room for more descriptors.
    pub fn new(members: &[Member]) -> Result<Self, Errno> {
        let mut pipes = Self::default();
        pipes.link(members)?;
        Ok(pipes)
    }

    /// Makes the pipes that are missing, and writes down anew who writes to whom. What is in a pipe stays there.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn link(&mut self, members: &[Member]) -> Result<(), Errno> {
        self.to.clear();
        let ids: HashMap<&ServiceName, Id> =
            members.iter().enumerate().map(|(at, member)| (&member.plan.name, Id(at))).collect();
        for (at, member) in members.iter().enumerate() {
            let to = member.service.pipe_to.as_ref();
            let Some(consumer) = to.and_then(|name| ids.get(name)).copied() else { continue };
            if let Entry::Vacant(room) = self.pipes.entry(consumer) {
                room.insert(Pipe::new()?);
            }
            self.to.insert(Id(at), consumer);
        }
        Ok(())
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
