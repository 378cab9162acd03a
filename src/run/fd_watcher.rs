//! [`FdWatcher`]: one epoll set for the descriptors that the loop waits for besides logs, probes and signals.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};

use crate::supervise::{Id, Pid};
use crate::sys::lazy_epoll::LazyEpoll;

/// Events taken in one iteration.
const EVENTS: usize = 64;
/// How much is read from a notification pipe at a time: as much as a pipe usually holds, so that bytes before the newline
/// cause no delay; bounded, because a service may write there without end.
const READS: usize = 16;
const CHUNK: usize = 4096;

/// The set.
#[derive(Default)]
pub struct FdWatcher {
    epoll: LazyEpoll,
    watched: HashMap<u64, Watched>,
    next: u64,
}

/// A descriptor of the set.
#[derive(Debug)]
pub enum Watched {
    /// A child's exec pipe, which stays with its owner.
    ExecPipe(Pid),
    /// A service's notification pipe, which is read here.
    NotifyFd(Id, File),
    /// A service's notification socket, which stays with its owner.
    NotifySocket(Id),
    /// The timer on the system clock.
    Clock,
    /// The process that reads the configuration for a reload.
    ConfigReader,
}

/// A descriptor that is readable.
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
    /// The process that reads the configuration for a reload.
    ConfigReader,
}

/// A key of the set, for taking a descriptor out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl FdWatcher {
    /// Watches an exec pipe, which stays with its owner.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn exec_pipe(&mut self, pid: Pid, pipe: impl AsFd) -> Result<Key, Errno> {
        let key = self.add(pipe)?;
        self.watched.insert(key.0, Watched::ExecPipe(pid));
        Ok(key)
    }

    /// Watches the read end (O_NONBLOCK) of a notification pipe.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn notify(&mut self, id: Id, pipe: OwnedFd) -> Result<Key, Errno> {
        let pipe = File::from(pipe);
        let key = self.add(&pipe)?;
        self.watched.insert(key.0, Watched::NotifyFd(id, pipe));
        Ok(key)
    }

    /// Watches a service's notification socket, until that is closed.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn notify_socket(&mut self, id: Id, socket: impl AsFd) -> Result<Key, Errno> {
        let key = self.add(socket)?;
        self.watched.insert(key.0, Watched::NotifySocket(id));
        Ok(key)
    }

    /// Watches the timer on the system clock, until that is closed.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn clock(&mut self, timer: impl AsFd) -> Result<(), Errno> {
        let key = self.add(timer)?;
        self.watched.insert(key.0, Watched::Clock);
        Ok(())
    }

    /// Watches the pipe of the process that reads the configuration, which stays with its owner.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn config_reader(&mut self, pipe: impl AsFd) -> Result<Key, Errno> {
        let key = self.add(pipe)?;
        self.watched.insert(key.0, Watched::ConfigReader);
        Ok(key)
    }

    fn add(&mut self, pipe: impl AsFd) -> Result<Key, Errno> {
        let key = self.next;
        self.epoll.add(&pipe, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
        self.next += 1;
        Ok(Key(key))
    }

    /// Stops watching an exec pipe or a socket before it is closed.
    pub fn remove(&mut self, key: Key, pipe: impl AsFd) {
        self.watched.remove(&key.0);
        // A copy in a child that has not executed yet would keep it in the set.
        let _gone = self.epoll.delete(pipe);
    }

    /// Removes and closes a notification pipe. Returns whether a newline came before.
    pub fn remove_notify(&mut self, key: Key) -> bool {
        match self.watched.remove(&key.0) {
            Some(Watched::NotifyFd(_, mut pipe)) => {
                let is_ready = read_newline(&mut pipe) == Some(true);
                // A copy in a child that has not executed yet would keep it in the set.
                let _gone = self.epoll.delete(&pipe);
                is_ready
            }
            Some(Watched::ExecPipe(_) | Watched::NotifySocket(_) | Watched::Clock | Watched::ConfigReader) | None => {
                false
            }
        }
    }

    /// Returns the set itself: readable when one of its descriptors is.
    ///
    /// # Errors
    /// When no epoll descriptor is available.
    pub fn fd(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.epoll.fd()
    }

    /// Returns what is readable now, at most [`EVENTS`] of it; empty when nothing is.
    pub fn ready(&mut self) -> Vec<ReadyFd> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.poll(&mut events).unwrap_or(0);
        let keys = events.iter().take(count).map(|event| event.data());
        keys.filter_map(|key| match self.watched.get(&key)? {
            Watched::ExecPipe(pid) => Some(ReadyFd::ExecPipe(*pid)),
            Watched::NotifyFd(..) => Some(ReadyFd::NotifyFd(Key(key))),
            Watched::NotifySocket(id) => Some(ReadyFd::NotifySocket(*id)),
            Watched::Clock => Some(ReadyFd::Clock),
            Watched::ConfigReader => Some(ReadyFd::ConfigReader),
        })
        .collect()
    }

    /// Reads a notification pipe. Returns its service and whether that is ready, once a newline came or the pipe was closed;
    /// the pipe is removed then.
    pub fn read_notify(&mut self, key: Key) -> Option<(Id, bool)> {
        let Some(Watched::NotifyFd(id, pipe)) = self.watched.get_mut(&key.0) else { return None };
        let id = *id;
        let is_ready = read_newline(pipe)?;
        self.remove_notify(key);
        Some((id, is_ready))
    }
}

/// Returns whether a newline came (s6 `notification-fd`); `Some(false)`: the pipe was closed before; `None`: not yet.
fn read_newline(pipe: &mut File) -> Option<bool> {
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
