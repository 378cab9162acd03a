//! The mode of what is made, given by the umask while it is made: a mode that is changed afterwards is a second look at a
//! name, which may be another file's by then. Must not know what is made.

use nix::sys::stat::{Mode, umask};

/// The umask as it was, put back when this is dropped, also while a panic unwinds. The umask is the process's: to be used
/// where there is one thread (DESIGN §11).
#[derive(Debug)]
pub struct Umask(Mode);

impl Umask {
    /// Takes no bit away from what is made until this is dropped.
    pub fn open() -> Self {
        Self(umask(Mode::empty()))
    }

    /// What is made until this is dropped is nobody's to execute.
    pub fn without_execute() -> Self {
        Self(umask(Mode::from_bits_truncate(0o111)))
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        umask(self.0);
    }
}
