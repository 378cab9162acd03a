//! Descriptors of children that the loop waits on besides logs: exec pipes and notification fds, in one epoll set.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::supervise::{Id, Pid};

/// Events taken in one iteration.
const EVENTS: usize = 64;
/// What is read from a notification pipe at a time: as much as one usually holds, so that what stands before the newline
/// delays nothing; bounded, for a service may write there without end.
const READS: usize = 16;
const CHUNK: usize = 4096;

/// The set.
pub struct FdWatcher {
    epoll: Epoll,
    known: HashMap<u64, Watched>,
    next: u64,
}

/// What a readable descriptor is about.
#[derive(Debug)]
pub enum Watched {
    /// A child reports whether it executed its program.
    ExecPipe(Pid),
    /// A service says that it is ready.
    NotifyFd(Id, File),
    /// A service's notification socket, which stays with its owner.
    NotifySocket(Id),
    /// A time of day has come, or the clock was set.
    Clock,
    /// The process that reads the configuration again has read some, or ended.
    ConfigReader,
}

/// What became readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyFd {
    /// The exec pipe of that child.
    ExecPipe(Pid),
    /// A notification pipe.
    NotifyFd(Key),
    /// That service's socket.
    NotifySocket(Id),
    /// The timer on the system clock.
    Clock,
    /// The process that reads the configuration again.
    ConfigReader,
}

/// A key of the set, for taking a descriptor out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl FdWatcher {
    /// Returns an empty set.
    ///
    /// # Errors
    /// When no epoll descriptor can be had.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, known: HashMap::new(), next: 0 })
    }

    /// Watches an exec pipe, which stays with its owner.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn exec_pipe(&mut self, pid: Pid, pipe: impl AsFd) -> Result<Key, Errno> {
        let key = self.add(pipe)?;
        self.known.insert(key.0, Watched::ExecPipe(pid));
        Ok(key)
    }

    /// Waits for readiness on the read end (O_NONBLOCK) of a notification pipe.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn notify(&mut self, id: Id, pipe: OwnedFd) -> Result<Key, Errno> {
        let pipe = File::from(pipe);
        let key = self.add(&pipe)?;
        self.known.insert(key.0, Watched::NotifyFd(id, pipe));
        Ok(key)
    }

    /// Waits for what a service says on its socket, for as long as that is open.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn notify_socket(&mut self, id: Id, socket: impl AsFd) -> Result<Key, Errno> {
        let key = self.add(socket)?;
        self.known.insert(key.0, Watched::NotifySocket(id));
        Ok(key)
    }

    /// Waits for the timer on the system clock, for as long as that is open.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn clock(&mut self, timer: impl AsFd) -> Result<(), Errno> {
        let key = self.add(timer)?;
        self.known.insert(key.0, Watched::Clock);
        Ok(())
    }

    /// Waits for what the process that reads the configuration has read; the pipe stays with its owner.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn config_reader(&mut self, pipe: impl AsFd) -> Result<Key, Errno> {
        let key = self.add(pipe)?;
        self.known.insert(key.0, Watched::ConfigReader);
        Ok(key)
    }

    fn add(&mut self, pipe: impl AsFd) -> Result<Key, Errno> {
        let key = self.next;
        self.epoll.add(&pipe, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
        self.next += 1;
        Ok(Key(key))
    }

    /// Stops watching an exec pipe or a socket before it is closed.
    pub fn forget(&mut self, key: Key, pipe: impl AsFd) {
        self.known.remove(&key.0);
        // A copy in a child that has not executed yet would keep it in the set.
        let _gone = self.epoll.delete(pipe);
    }

    /// Forgets and closes a notification pipe; returns whether it said *ready* before.
    pub fn forget_notify(&mut self, key: Key) -> bool {
        match self.known.remove(&key.0) {
            Some(Watched::NotifyFd(_, mut pipe)) => {
                let said = says_ready(&mut pipe) == Some(true);
                // A copy in a child that has not executed yet would keep it in the set.
                let _gone = self.epoll.delete(&pipe);
                said
            }
            Some(Watched::ExecPipe(_) | Watched::NotifySocket(_) | Watched::Clock | Watched::ConfigReader) | None => {
                false
            }
        }
    }

    /// Returns what is readable now, at most [`EVENTS`] of it; empty when nothing is.
    pub fn ready(&mut self) -> Vec<ReadyFd> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        let keys = events.iter().take(count).map(|event| event.data());
        keys.filter_map(|key| match self.known.get(&key)? {
            Watched::ExecPipe(pid) => Some(ReadyFd::ExecPipe(*pid)),
            Watched::NotifyFd(..) => Some(ReadyFd::NotifyFd(Key(key))),
            Watched::NotifySocket(id) => Some(ReadyFd::NotifySocket(*id)),
            Watched::Clock => Some(ReadyFd::Clock),
            Watched::ConfigReader => Some(ReadyFd::ConfigReader),
        })
        .collect()
    }

    /// Reads a notification pipe: whose it is, and whether that one is ready. A pipe that said it, or closed, is done.
    pub fn read_notify(&mut self, key: Key) -> Option<(Id, bool)> {
        let Some(Watched::NotifyFd(id, pipe)) = self.known.get_mut(&key.0) else { return None };
        let id = *id;
        let said = says_ready(pipe)?;
        self.forget_notify(key);
        Some((id, said))
    }
}

/// Returns whether a newline came (s6 `notification-fd`), or that it never will; `None`: nothing yet.
fn says_ready(pipe: &mut File) -> Option<bool> {
    let mut chunk = [0; CHUNK];
    for _ in 0..READS {
        match pipe.read(&mut chunk) {
            Ok(0) => return Some(false),
            Ok(length) if chunk.iter().take(length).any(|byte| *byte == b'\n') => return Some(true),
            Ok(_) => {}
            Err(cause) if crate::sys::signals::would_block(&cause) => return None,
            Err(_) => return Some(false),
        }
    }
    None
}

impl AsFd for FdWatcher {
    /// Returns the set itself: readable when one of its descriptors is.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
