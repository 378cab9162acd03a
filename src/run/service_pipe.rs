//! [`ServicePipe`]: the pipe that one service reads and others write (`pipe_to`). Both ends stay open here, so that neither
//! side loses a byte when the other one is restarted. Must not know which services are up.

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
    /// Creates one.
    ///
    /// # Errors
    /// When the process has no space for more descriptors.
    pub fn new() -> Result<Self, Errno> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // Services of any user may open it again as `/dev/stdin` or `/dev/stdout`.
        fchmod(&write, Mode::from_bits_truncate(0o666))?;
        Ok(Self { read, write: Some(write) })
    }

    /// Returns the consumer's end.
    pub fn input(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Returns the producers' end, while it is open.
    pub fn output(&self) -> Option<RawFd> {
        self.write.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Closes our write end: the consumer reads the end of its input once no producer has the pipe open.
    pub fn end_input(&mut self) {
        self.write = None;
    }
}
