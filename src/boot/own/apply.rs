//! Does what a verdict says of one entry. Must not know how the entry was found.

use std::io;
use std::os::fd::BorrowedFd;

use nix::libc;

use super::report::Attempt;
use super::rules::EntryAction;
use crate::config::values::Uid;
use crate::plan::Owner;
use crate::sys::files::change;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::stat::Stat;

/// Does what a verdict says through a handle.
pub(super) fn apply_to(
    kernel: Kernel,
    handle: BorrowedFd<'_>,
    stat: &Stat,
    owner: Owner,
    verdict: EntryAction,
) -> Result<(), (Attempt, io::Error)> {
    let EntryAction::Change { chown, chmod } = verdict else {
        return Ok(());
    };
    let set_owner = || change::owner(kernel, handle, stat, owner).map_err(|error| (Attempt::Chown, error));
    let set_mode = |mode| change::mode(kernel, handle, stat, mode).map_err(|error| (Attempt::Chmod, error));
    match (chown, chmod) {
        (false, None) => Ok(()),
        (true, None) => set_owner(),
        (false, Some(mode)) => set_mode(mode),
        // What is root's can be chmodded without FOWNER as long as it is; but a chown clears setuid and setgid bits.
        (true, Some(mode)) if stat.uid == Uid::ROOT && mode & 0o6000 == 0 => set_mode(mode).and_then(|()| set_owner()),
        (true, Some(mode)) => set_owner().and_then(|()| set_mode(mode)),
    }
}

/// Returns the number of a refusal.
pub(super) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
