//! [`Lane`]: the pipes whose bytes go the same way, in one epoll set: a full output stops the reading of its own pipes and
//! of nobody else's. Must not know formats.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ours::Stream;
use super::split::Splitter;
use crate::supervise::Id;

/// Pipes looked at in one turn.
const EVENTS: usize = 64;

/// The set.
#[derive(Debug)]
pub struct Lane {
    epoll: Epoll,
    pipes: HashMap<u64, Pipe>,
    next: u64,
    /// Whose turn it was when the room ran out.
    due: Option<u64>,
}

/// The read end of what a service writes to.
#[derive(Debug)]
pub struct Pipe {
    file: File,
    parked: bool,
    /// Whose.
    pub from: Id,
    /// Which of its outputs.
    pub stream: Stream,
    /// Its lines.
    pub splitter: Splitter,
    /// Whether what the splitter holds needs no escape in its format.
    pub plain: bool,
}

/// What one look at a pipe brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

impl Lane {
    /// Returns a lane without pipes.
    ///
    /// # Errors
    /// When no epoll descriptor can be had.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, pipes: HashMap::new(), next: 0, due: None })
    }

    /// Takes the read end (O_NONBLOCK) of a pipe.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn add(&mut self, pipe: OwnedFd, from: Id, stream: Stream, longest: usize) -> Result<(), Errno> {
        let key = self.next;
        self.epoll.add(&pipe, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
        self.next += 1;
        let splitter = Splitter::new(longest);
        self.pipes.insert(key, Pipe { file: File::from(pipe), parked: false, from, stream, splitter, plain: true });
        Ok(())
    }

    /// Returns the keys of pipes that can be read now, so many at a time; whoever is due first. The kernel alone would begin
    /// with the same one each time, which fills the room that there is and leaves none to the others.
    pub fn ready(&mut self) -> impl Iterator<Item = u64> + use<> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        let due = self.due.take();
        let first = due.and_then(|due| events.iter().take(count).position(|event| event.data() == due)).unwrap_or(0);
        (first..count).chain(0..first).filter_map(move |at| events.get(at).map(EpollEvent::data))
    }

    /// Notes that there was no room for this one: the next look begins with it.
    pub fn is_due(&mut self, key: u64) {
        self.due = Some(key);
    }

    /// Returns a pipe.
    pub fn pipe(&mut self, key: u64) -> Option<&mut Pipe> {
        self.pipes.get_mut(&key)
    }

    /// Returns the pipes of one service, or of all.
    pub fn keys(&self, of: Option<Id>) -> Vec<u64> {
        let wanted = self.pipes.iter().filter(|(_, pipe)| of.is_none_or(|id| pipe.from == id));
        let mut keys: Vec<_> = wanted.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    /// Stops watching a pipe for now. It stays open, and its writer waits once it is full.
    pub fn park(&mut self, key: u64) {
        if let Some(pipe) = self.pipes.get_mut(&key).filter(|pipe| !pipe.parked) {
            // Taken out altogether: a hang-up would be reported whatever is asked for (epoll_ctl(2)).
            pipe.parked = self.epoll.delete(&pipe.file).is_ok();
        }
    }

    /// Watches a parked pipe again.
    pub fn unpark(&mut self, key: u64) {
        if let Some(pipe) = self.pipes.get_mut(&key).filter(|pipe| pipe.parked) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
            // ENOMEM, at worst: tried again with the next look.
            pipe.parked = self.epoll.add(&pipe.file, event).is_err();
        }
    }

    /// Closes a pipe.
    pub fn forget(&mut self, key: u64) {
        if let Some(pipe) = self.pipes.remove(&key).filter(|pipe| !pipe.parked) {
            // Closing it would do; a fork that still holds a copy must not keep it in the set.
            let _gone = self.epoll.delete(&pipe.file);
        }
    }
}

impl Pipe {
    /// Reads what is there.
    pub fn read(&mut self, chunk: &mut [u8]) -> Got {
        match self.file.read(chunk) {
            Ok(0) => Got::End,
            Ok(length) => Got::Bytes(length),
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Got::Nothing,
            Err(_) => Got::End,
        }
    }
}

impl AsFd for Lane {
    /// Returns the set itself: readable when one of its pipes is.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, write};

    #[test]
    fn whoever_found_no_room_comes_first() {
        let mut lane = Lane::new().unwrap();
        let _writers: Vec<_> = (0..3)
            .map(|id| {
                let (read, write_end) = pipe().unwrap();
                write(&write_end, b"x").unwrap();
                lane.add(read, Id(id), Stream::Stdout, 100).unwrap();
                write_end
            })
            .collect();
        // All can be read all the time; there is room for one each time.
        let mut served = Vec::new();
        for _ in 0..6 {
            let mut ready = lane.ready();
            served.extend(ready.next());
            let left_out = ready.next();
            left_out.into_iter().for_each(|key| lane.is_due(key));
        }
        let mut each = served.clone();
        each.sort_unstable();
        assert_eq!(each, [0, 0, 1, 1, 2, 2], "{served:?}");
    }
}
