//! Terminals: the developer's, raw while another one is shown in it and always restored; the container's, its size and its
//! session.
#![allow(unsafe_code)] // terminal ioctls are generated as unsafe functions

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

nix::ioctl_read_bad!(get_size, libc::TIOCGWINSZ, libc::winsize);
nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, libc::winsize);
nix::ioctl_write_int_bad!(take_control, libc::TIOCSCTTY);

/// Standard input in raw mode; dropping this restores its settings, also while unwinding.
#[derive(Debug)]
pub struct RawMode(Termios);

impl RawMode {
    /// Enters raw mode.
    ///
    /// # Errors
    /// When it is no terminal.
    pub fn enter() -> Result<Self, Errno> {
        let before = tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _gone = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// Returns how many lines and columns the terminal of standard output has; `None` if it is none, or has no size.
pub fn window() -> Option<(usize, usize)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes a `winsize`, which outlives the call.
    unsafe { get_size(std::io::stdout().as_raw_fd(), &raw mut size) }.ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then(|| (usize::from(size.ws_row), usize::from(size.ws_col)))
}

/// Gives the terminal inside the size of the one outside; the kernel signals its foreground process group (WINCH).
pub(super) fn resize(master: impl AsFd) {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes a `winsize`, TIOCSWINSZ reads one; it outlives both calls.
    let _no_terminal = unsafe {
        get_size(std::io::stdin().as_raw_fd(), &raw mut size)
            .and_then(|_| set_size(master.as_fd().as_raw_fd(), &raw const size))
    };
}

/// Makes the terminal `slave` the controlling one of this session, whose leader we are.
pub(super) fn set_controlling(slave: impl AsFd) -> Result<(), Errno> {
    // SAFETY: TIOCSCTTY takes a number.
    unsafe { take_control(slave.as_fd().as_raw_fd(), 0) }.map(|_| ())
}
