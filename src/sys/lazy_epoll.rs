//! [`LazyEpoll`]: an epoll set that is created when it is first used, because most containers never use most of theirs, and
//! none is needed before the first program is executed. Must not know what is watched.

use std::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};

/// The set.
#[derive(Debug, Default)]
pub struct LazyEpoll(OnceCell<Epoll>);

impl LazyEpoll {
    /// Adds a descriptor.
    ///
    /// # Errors
    /// When it cannot be added, or no epoll descriptor is available.
    pub fn add(&self, fd: impl AsFd, event: EpollEvent) -> Result<(), Errno> {
        self.epoll()?.add(fd, event)
    }

    /// Removes a descriptor.
    ///
    /// # Errors
    /// When it is not in the set.
    pub fn delete(&self, fd: impl AsFd) -> Result<(), Errno> {
        self.0.get().ok_or(Errno::ENOENT)?.delete(fd)
    }

    /// Returns how many events there are now. Never waits.
    ///
    /// # Errors
    /// The kernel's.
    pub fn poll(&self, events: &mut [EpollEvent]) -> Result<usize, Errno> {
        self.0.get().map_or(Ok(0), |epoll| epoll.wait(events, EpollTimeout::ZERO))
    }

    /// Returns the descriptor of the set, which is readable when one of its descriptors is.
    ///
    /// # Errors
    /// When no epoll descriptor is available.
    pub fn fd(&self) -> Result<BorrowedFd<'_>, Errno> {
        Ok(self.epoll()?.0.as_fd())
    }

    fn epoll(&self) -> Result<&Epoll, Errno> {
        match self.0.get() {
            Some(epoll) => Ok(epoll),
            None => {
                let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
                Ok(self.0.get_or_init(|| epoll))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::epoll::EpollFlags;

    use super::*;

    #[test]
    fn a_set_is_empty_until_something_is_added() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let (set, mut events) = (LazyEpoll::default(), [EpollEvent::empty(); 2]);
        assert_eq!((set.poll(&mut events), set.delete(&reader)), (Ok(0), Err(Errno::ENOENT)));
        assert!(set.0.get().is_none());
        set.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, 7)).unwrap();
        assert_eq!(set.poll(&mut events), Ok(0));
        nix::unistd::write(&writer, b"x").unwrap();
        assert_eq!((set.poll(&mut events), events[0].data()), (Ok(1), 7));
        set.delete(&reader).unwrap();
        assert_eq!(set.poll(&mut events), Ok(0));
    }
}
