//! [`ServicePipe`]: what one service reads and others write (`pipe_to`). Both ends stay open here, so that neither side loses
//! a byte when the other one is started again. Must not know who is up.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;

/// A pipe between services.
pub struct ServicePipe {
    read: OwnedFd,
    write: Option<OwnedFd>,
}

impl ServicePipe {
    /// Makes one.
    ///
    /// # Errors
    /// When the process has no room for more descriptors.
    pub fn new() -> Result<Self, Errno> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // Opened again as `/dev/stdin` and `/dev/stdout` by services of whichever users the two are.
        fchmod(&write, Mode::from_bits_truncate(0o666))?;
        Ok(Self { read, write: Some(write) })
    }

    /// Returns what its consumer reads.
    pub fn input(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Returns what its producers write into, while its input has not ended.
    pub fn output(&self) -> Option<RawFd> {
        self.write.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Lets the consumer read the end of its input, once no producer holds the other end any more.
    pub fn end_input(&mut self) {
        self.write = None;
    }
}
