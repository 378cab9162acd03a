//! The umask while a file is created, so that its mode need not be changed afterwards by a name, which may be another file's
//! by then. Must not know what is created.

use nix::sys::stat::{Mode, umask};

/// The previous umask; dropping this restores it, also while a panic unwinds. The umask belongs to the process: only to be
/// used with one thread (DESIGN §11).
#[derive(Debug)]
pub struct Umask(Mode);

impl Umask {
    /// Sets the umask to 0 until this is dropped.
    pub fn clear() -> Self {
        Self(umask(Mode::empty()))
    }

    /// Masks execute permission until this is dropped.
    pub fn without_execute() -> Self {
        Self(umask(Mode::from_bits_truncate(0o111)))
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        umask(self.0);
    }
}
