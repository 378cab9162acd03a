//! A lock on an open directory. Must not know what the directory is for.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The directory, open for listing; locked, except on file systems without locks (NFS).
#[derive(Debug)]
pub enum DirectoryLock {
    /// Until this is dropped.
    Held(Flock<OwnedFd>),
    /// There are none.
    Unsupported(OwnedFd),
}

impl DirectoryLock {
    /// Returns `None` if another running process has the lock.
    pub fn take(handle: OwnedFd) -> Option<Self> {
        match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Some(Self::Held(held)),
            Err((_, Errno::EWOULDBLOCK)) => None,
            Err((handle, _)) => Some(Self::Unsupported(handle)),
        }
    }
}

impl AsFd for DirectoryLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Held(handle) => handle.as_fd(),
            Self::Unsupported(handle) => handle.as_fd(),
        }
    }
}
