//! The pipes of services' outputs: one epoll set for each of the container's outputs, so that a full one stops the reading
//! of its own pipes and of nobody else's.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::lines::Tagger;
use super::ours::{Stream, with_outputs};

/// What one turn reads from one pipe: a flood must not keep a quiet service waiting.
const AT_ONCE: usize = 64 * 1024;
/// Pipes looked at in one turn.
const EVENTS: usize = 64;

/// All pipes that lead to one output.
pub struct Pump {
    stream: Stream,
    epoll: Epoll,
    pipes: HashMap<u64, (File, Tagger)>,
    next: u64,
    chunk: Box<[u8]>,
}

impl Pump {
    /// Returns a pump without pipes.
    ///
    /// # Errors
    /// When no epoll descriptor can be had.
    pub fn new(stream: Stream) -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { stream, epoll, pipes: HashMap::new(), next: 0, chunk: Box::default() })
    }

    /// Takes the read end of a pipe (O_NONBLOCK) whose lines begin with `tag`.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn add(&mut self, pipe: OwnedFd, tag: &str) -> Result<(), Errno> {
        let key = self.next;
        self.epoll.add(&pipe, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
        self.next += 1;
        self.pipes.insert(key, (File::from(pipe), Tagger::new(tag)));
        Ok(())
    }

    /// Returns whether there is room to read more.
    pub fn may_read(&self) -> bool {
        with_outputs(|outputs| outputs.sink(self.stream).has_room())
    }

    /// Reads what is there, as long as the output has room, and writes what goes. Returns whether there may be more.
    pub fn turn(&mut self) -> bool {
        let mut events = [EpollEvent::empty(); EVENTS];
        let ready = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        if ready > 0 && self.chunk.is_empty() {
            self.chunk = vec![0; AT_ONCE].into();
        }
        for event in events.iter().take(ready) {
            if !self.may_read() {
                return true;
            }
            self.read(event.data());
        }
        ready > 0
    }

    /// Ends every stream: what was written without a newline becomes a line. For the very end, after the last turn.
    pub fn finish(&mut self) {
        let stream = self.stream;
        for (_, tagger) in self.pipes.values_mut() {
            with_outputs(|outputs| tagger.finish(outputs.sink(stream).buffer()));
        }
        with_outputs(|outputs| outputs.sink(stream).flush());
    }

    fn read(&mut self, key: u64) {
        let Some((pipe, tagger)) = self.pipes.get_mut(&key) else { return };
        let stream = self.stream;
        match pipe.read(&mut self.chunk) {
            Ok(0) => {
                with_outputs(|outputs| tagger.finish(outputs.sink(stream).buffer()));
                self.forget(key);
            }
            Ok(length) => {
                let bytes = self.chunk.get(..length).unwrap_or_default();
                with_outputs(|outputs| tagger.feed(bytes, outputs.sink(stream).buffer()));
            }
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.forget(key),
        }
        with_outputs(|outputs| outputs.sink(stream).flush());
    }

    fn forget(&mut self, key: u64) {
        if let Some((pipe, _)) = self.pipes.remove(&key) {
            // Closing it would do; a fork that still holds a copy must not keep it in the set.
            let _gone = self.epoll.delete(&pipe);
        }
    }
}

impl AsFd for Pump {
    /// Returns the set itself: readable when one of its pipes is.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
