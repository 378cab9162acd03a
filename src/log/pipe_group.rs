//! [`PipeGroup`]: the pipes whose lines go to the same output, in one epoll set: a full output stops only the reading of its
//! own pipes. Must not know formats.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::own_messages::Stream;
use super::split::Splitter;
use crate::supervise::Id;
use crate::sys::lazy_epoll::LazyEpoll;

/// Events taken from epoll at a time.
const EVENTS: usize = 64;
/// A pipe's default size (pipe(7)), if F_GETPIPE_SZ fails.
const PIPE_SIZE: usize = 64 * 1024;

/// Pipes in one epoll set.
#[derive(Debug, Default)]
pub struct PipeGroup {
    epoll: LazyEpoll,
    pipes: HashMap<u64, Pipe>,
    /// The keys of each service's pipes, so that an exit costs nothing for the pipes of others.
    by_service: HashMap<Id, Vec<u64>>,
    next: u64,
    /// Reported readable and not read since: read before pipes that become readable later.
    queue: VecDeque<u64>,
}

/// The read end of what a service writes to.
#[derive(Debug)]
pub struct Pipe {
    file: File,
    paused: bool,
    /// The service that writes to it.
    pub service: Id,
    /// Which of the service's outputs it is.
    pub stream: Stream,
    /// Splits its bytes into lines.
    pub splitter: Splitter,
    /// Whether the unfinished line in the splitter needs no escape in its format.
    pub needs_no_escape: bool,
}

/// The result of reading a pipe once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadResult {
    /// The number of bytes read.
    Bytes(usize),
    /// Nothing to read now.
    WouldBlock,
    /// All writers have closed it.
    EndOfFile,
}

impl PipeGroup {
    /// Takes the read end (O_NONBLOCK) of a pipe.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn add(&mut self, pipe: OwnedFd, service: Id, stream: Stream, longest: usize) -> Result<(), Errno> {
        let key = self.next;
        self.epoll.add(&pipe, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
        self.next += 1;
        let splitter = Splitter::new(longest);
        self.by_service.entry(service).or_default().push(key);
        self.pipes.insert(
            key,
            Pipe { file: File::from(pipe), paused: false, service, stream, splitter, needs_no_escape: true },
        );
        Ok(())
    }

    /// Returns the epoll descriptor: readable when one of the pipes is.
    ///
    /// # Errors
    /// When no epoll descriptor is available.
    pub fn fd(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.epoll.fd()
    }

    /// Returns the next pipe to read, each in its turn: epoll alone would begin with the same one each time, and a
    /// caller that stops early because its output is full would starve the others. `None`: nothing can be read now.
    pub fn next_ready(&mut self) -> Option<u64> {
        if self.queue.is_empty() {
            let mut events = [EpollEvent::empty(); EVENTS];
            let count = self.epoll.poll(&mut events).unwrap_or(0);
            self.queue.extend(events.iter().take(count).map(EpollEvent::data));
        }
        self.queue.pop_front()
    }

    /// Returns a pipe.
    pub fn pipe(&mut self, key: u64) -> Option<&mut Pipe> {
        self.pipes.get_mut(&key)
    }

    /// Returns the pipes of one service, in the order in which they were added.
    pub fn keys_of(&self, id: Id) -> Vec<u64> {
        self.by_service.get(&id).cloned().unwrap_or_default()
    }

    /// Returns whether it has any pipe of that service.
    pub fn has(&self, id: Id) -> bool {
        self.by_service.contains_key(&id)
    }

    /// Returns all pipes, in the order in which they were added.
    pub fn keys(&self) -> Vec<u64> {
        let mut keys: Vec<_> = self.pipes.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// Stops watching a pipe for now. It stays open, and its writer waits once it is full.
    pub fn pause(&mut self, key: u64) {
        if let Some(pipe) = self.pipes.get_mut(&key).filter(|pipe| !pipe.paused) {
            // Deleted, not modified: EPOLLHUP would be reported with an empty event mask too (epoll_ctl(2)).
            pipe.paused = self.epoll.delete(&pipe.file).is_ok();
        }
    }

    /// Watches a paused pipe again.
    pub fn resume(&mut self, key: u64) {
        if let Some(pipe) = self.pipes.get_mut(&key).filter(|pipe| pipe.paused) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
            // ENOMEM, at worst: tried again at the next call.
            pipe.paused = self.epoll.add(&pipe.file, event).is_err();
        }
    }

    /// Watches another descriptor with the pipes, under a key that no pipe has.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn watch(&self, other: impl AsFd, key: u64) -> Result<(), Errno> {
        self.epoll.add(other, EpollEvent::new(EpollFlags::EPOLLIN, key))
    }

    /// Stops watching it, before it is closed: a copy of the descriptor in a child would keep it in the set.
    pub fn unwatch(&self, other: impl AsFd) {
        let _gone = self.epoll.delete(other);
    }

    /// Removes a pipe, with the unfinished line in its splitter.
    pub fn take(&mut self, key: u64) -> Option<Pipe> {
        let pipe = self.pipes.remove(&key)?;
        if let Some(keys) = self.by_service.get_mut(&pipe.service) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.by_service.remove(&pipe.service);
            }
        }
        if !pipe.paused {
            // Closing it is not enough: a copy of the descriptor in a child would keep it in the set.
            let _gone = self.epoll.delete(&pipe.file);
        }
        Some(pipe)
    }

    /// Adds a pipe that was removed from another group.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn insert(&mut self, mut pipe: Pipe) -> Result<(), Errno> {
        let key = self.next;
        self.epoll.add(&pipe.file, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
        self.next += 1;
        pipe.paused = false;
        self.by_service.entry(pipe.service).or_default().push(key);
        self.pipes.insert(key, pipe);
        Ok(())
    }

    /// Closes a pipe.
    pub fn close(&mut self, key: u64) {
        drop(self.take(key));
    }
}

impl Pipe {
    /// Returns its size: the most that its writers can have written and we not read.
    pub fn size(&self) -> usize {
        let size = fcntl(&self.file, FcntlArg::F_GETPIPE_SZ).ok();
        size.and_then(|size| usize::try_from(size).ok()).unwrap_or(PIPE_SIZE)
    }

    /// Reads what is there.
    pub fn read(&mut self, chunk: &mut [u8]) -> ReadResult {
        match self.file.read(chunk) {
            Ok(0) => ReadResult::EndOfFile,
            Ok(length) => ReadResult::Bytes(length),
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                ReadResult::WouldBlock
            }
            Err(_) => ReadResult::EndOfFile,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, write};

    #[test]
    fn each_readable_pipe_is_read_in_turn() {
        let mut pipe_group = PipeGroup::default();
        let _writers: Vec<_> = (0..3)
            .map(|id| {
                let (read, write_end) = pipe().unwrap();
                write(&write_end, b"x").unwrap();
                pipe_group.add(read, Id(id), Stream::Stdout, 100).unwrap();
                write_end
            })
            .collect();
        // All can be read all the time; there is space for one each time.
        let served: Vec<u64> = (0..6).filter_map(|_| pipe_group.next_ready()).collect();
        let mut each = served.clone();
        each.sort_unstable();
        assert_eq!(each, [0, 0, 1, 1, 2, 2], "{served:?}");
    }

    #[test]
    fn a_service_has_its_own_pipes_and_none_once_they_are_closed() {
        let mut pipe_group = PipeGroup::default();
        for id in [0, 1, 0] {
            let (read, _write) = pipe().unwrap();
            pipe_group.add(read, Id(id), Stream::Stdout, 100).unwrap();
        }
        assert_eq!(
            (pipe_group.keys_of(Id(0)), pipe_group.keys_of(Id(1)), pipe_group.keys()),
            (vec![0, 2], vec![1], vec![0, 1, 2])
        );
        pipe_group.keys_of(Id(0)).into_iter().for_each(|key| pipe_group.close(key));
        assert_eq!((pipe_group.keys_of(Id(0)), pipe_group.keys()), (vec![], vec![1]));
        assert_eq!(pipe_group.by_service.len(), 1, "a service without pipes costs nothing");
    }
}
