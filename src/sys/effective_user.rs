//! Another user's effective uid, for as long as a system call needs it.
#![allow(clippy::disallowed_methods)] // setresuid(2), which gives nothing up for good

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd;

use crate::config::values::{CapSet, Capability, Uid};
use crate::sys::privilege::{RestoreOnDrop, dumpable, read_set, restore_dumpable, set_effective, with_raised};

/// Runs `work` with that user's effective uid. The real and the saved uid stay as they are, with the capabilities in
/// *permitted*; those in *effective* are as before afterwards.
///
/// # Errors
/// EPERM without CAP_SETUID: `work` is not run then. If anything cannot be restored,
/// [`crate::sys::privilege::take_not_restored`] reports it.
pub(super) fn with_effective_user<T>(uid: Uid, work: impl FnOnce() -> T) -> Result<T, Errno> {
    let before = unistd::geteuid();
    let read = |set| read_set(set).map_err(|_| Errno::EPERM);
    let (effective, permitted) = (read(caps::CapSet::Effective)?, read(caps::CapSet::Permitted)?);
    let was_dumpable = dumpable();
    // Where root is only this effective uid, coming back leaves no id 0, and the kernel empties *permitted* then, unless it is
    // told to keep it (capabilities(7)).
    let keeps = uid == Uid::ROOT;
    if keeps {
        prctl::set_keepcaps(true)?;
    }
    // Before the first change, so that a partial failure is reverted too. Leaving root empties *effective*, coming back fills it.
    let _back = RestoreOnDrop(|| {
        let is_back = set_euid(before).is_ok();
        let is_over = !keeps || prctl::set_keepcaps(false).is_ok();
        let are_set = set_effective(effective) && read(caps::CapSet::Permitted) == Ok(permitted);
        restore_dumpable(was_dumpable) && is_back && is_over && are_set
    });
    with_raised(CapSet::EMPTY.with(Capability::SETUID), || set_euid(unistd::Uid::from_raw(uid.0)))?;
    Ok(work())
}

fn set_euid(uid: unistd::Uid) -> Result<(), Errno> {
    let same = unistd::Uid::from_raw(u32::MAX);
    unistd::setresuid(same, uid, same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::privilege::take_not_restored;
    use crate::sys::privilege::tests::in_child;

    fn sets() -> [CapSet; 2] {
        [caps::CapSet::Effective, caps::CapSet::Permitted].map(|set| read_set(set).unwrap())
    }

    /// Becomes the app user with some capabilities permitted, as PID 1 does for services of other users.
    fn step_down() {
        let app = unistd::Uid::from_raw(4242);
        prctl::set_keepcaps(true).unwrap();
        unistd::setresuid(app, app, app).unwrap();
        prctl::set_keepcaps(false).unwrap();
        let kept = [caps::Capability::CAP_SETUID, caps::Capability::CAP_SETGID].into_iter().collect();
        caps::set(None, caps::CapSet::Permitted, &kept).unwrap();
    }

    #[test]
    fn root_in_between_takes_no_capability_away() {
        in_child(|| {
            step_down();
            let before = sets();
            let between = with_effective_user(Uid::ROOT, unistd::geteuid);
            assert!(between.unwrap().is_root() && unistd::geteuid().as_raw() == 4242);
            assert_eq!((sets(), prctl::get_keepcaps(), take_not_restored()), (before, Ok(false), false));
        });
    }

    #[test]
    fn it_is_dumpable_afterwards_as_it_was() {
        for uid in [Uid(1234), Uid::ROOT] {
            in_child(|| {
                step_down();
                for was in [false, true] {
                    prctl::set_dumpable(was).unwrap();
                    with_effective_user(uid, || ()).unwrap();
                    assert_eq!((dumpable(), take_not_restored()), (i32::from(was), false));
                }
            });
        }
    }
}
