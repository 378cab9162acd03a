//! Another user's effective uid, for as long as a system call needs it.
#![allow(clippy::disallowed_methods)] // setresuid(2), which gives nothing up for good

use nix::errno::Errno;
use nix::unistd;

use crate::config::values::{CapSet, Capability, Uid};
use crate::sys::privilege::{RestoreOnDrop, read_set, set_effective, with_raised};

/// Runs `work` with that user's effective uid. The real and the saved uid stay as they are, with the capabilities in
/// *permitted*; those in *effective* are as before afterwards.
///
/// # Errors
/// EPERM without CAP_SETUID: `work` is not run then. If the uid cannot be restored,
/// [`crate::sys::privilege::take_not_restored`] reports it.
pub(super) fn with_effective_user<T>(uid: Uid, work: impl FnOnce() -> T) -> Result<T, Errno> {
    let before = unistd::geteuid();
    let effective = read_set(caps::CapSet::Effective).map_err(|_| Errno::EPERM)?;
    // Before the first call, so that a partial failure is reverted too. Leaving root empties *effective*, coming back fills it.
    let _back = RestoreOnDrop(|| set_euid(before).is_ok() && set_effective(effective));
    with_raised(CapSet::EMPTY.with(Capability::SETUID), || set_euid(unistd::Uid::from_raw(uid.0)))?;
    Ok(work())
}

fn set_euid(uid: unistd::Uid) -> Result<(), Errno> {
    let same = unistd::Uid::from_raw(u32::MAX);
    unistd::setresuid(same, uid, same)
}
