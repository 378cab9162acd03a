//! Changes one entry as its rules say. Must not know how the entry was found.

use std::io;
use std::os::fd::BorrowedFd;

use nix::libc;

use super::report::Operation;
use super::rules::EntryAction;
use crate::config::values::Uid;
use crate::plan::Owner;
use crate::sys::files::change;
use crate::sys::files::stat::Stat;
use crate::sys::files::syscall_support::SyscallSupport;

/// Changes an entry through a handle.
pub(super) fn apply_action(
    syscalls: SyscallSupport,
    handle: BorrowedFd<'_>,
    stat: &Stat,
    owner: Owner,
    action: EntryAction,
) -> Result<(), (Operation, io::Error)> {
    let EntryAction::Change { chown, chmod } = action else {
        return Ok(());
    };
    let set_owner = || change::owner(syscalls, handle, stat, owner).map_err(|error| (Operation::Chown, error));
    let set_mode = |mode| change::mode(syscalls, handle, stat, mode).map_err(|error| (Operation::Chmod, error));
    match (chown, chmod) {
        (false, None) => Ok(()),
        (true, None) => set_owner(),
        (false, Some(mode)) => set_mode(mode),
        // Without FOWNER root can chmod only while it is the owner; but a later chown clears setuid and setgid bits.
        (true, Some(mode)) if stat.uid == Uid::ROOT && mode & 0o6000 == 0 => set_mode(mode).and_then(|()| set_owner()),
        (true, Some(mode)) => set_owner().and_then(|()| set_mode(mode)),
    }
}

/// Returns the errno of an error.
pub(super) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
