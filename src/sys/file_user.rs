//! Another user's rights to files, for as long as a piece of work needs them.
#![allow(clippy::disallowed_methods)] // setgroups(2), which gives nothing up for good

use std::io;

use nix::errno::Errno;
use nix::unistd;

use crate::config::values::{CapSet, Capability, Gid, Uid};
use crate::plan::Credentials;
use crate::sys::privilege::{RestoreOnDrop, dumpable, restore_dumpable, with_raised};

/// A user whose rights to files are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUser {
    uid: Uid,
    gid: Gid,
    /// `None`: the groups of PID 1, which is that user itself.
    groups: Option<Vec<Gid>>,
}

impl FileUser {
    /// Returns these rights.
    pub fn new(uid: Uid, gid: Gid, groups: Option<Vec<Gid>>) -> Self {
        Self { uid, gid, groups }
    }

    /// Returns the user's ids.
    pub fn ids(&self) -> (Uid, Gid) {
        (self.uid, self.gid)
    }
}

impl From<&Credentials> for FileUser {
    fn from(of: &Credentials) -> Self {
        Self::new(of.uid, of.gid, of.groups.clone())
    }
}

/// Runs `work` with exactly that user's rights to files: a file in a directory that the app can write must not be read with
/// more rights (it may be a link to another user's secret), and files that only that user may access can be accessed. The
/// groups are that user's too: root's would allow reading files of group root. setfsuid(2) also clears root's DAC_OVERRIDE.
///
/// # Errors
/// When PID 1 cannot get these rights: `work` is not run then. If they cannot be restored,
/// [`crate::sys::privilege::take_not_restored`] reports it.
pub fn with_file_user<T>(user: &FileUser, work: impl FnOnce() -> T) -> io::Result<T> {
    let FileUser { uid, gid, groups } = user;
    let is_me = unistd::geteuid().as_raw() == uid.0 && groups.is_none();
    if *uid == Uid::ROOT || is_me {
        return Ok(work());
    }
    let switch = CapSet::EMPTY.with(Capability::SETUID).with(Capability::SETGID);
    let before = FilesystemIds { uid: unistd::geteuid(), gid: unistd::getegid(), groups: unistd::getgroups()? };
    let groups = groups.as_deref().unwrap_or(std::slice::from_ref(gid));
    let wanted = FilesystemIds {
        uid: unistd::Uid::from_raw(uid.0),
        gid: unistd::Gid::from_raw(gid.0),
        groups: groups.iter().map(|gid| unistd::Gid::from_raw(gid.0)).collect(),
    };
    let was_dumpable = dumpable();
    // Before the first call, so that a partial failure is reverted too.
    let _back = RestoreOnDrop(|| {
        let is_back = with_raised(switch, || before.apply()).is_ok();
        restore_dumpable(was_dumpable) && is_back
    });
    with_raised(switch, || wanted.apply())?;
    Ok(work())
}

/// The ids that the kernel uses for access to files.
struct FilesystemIds {
    uid: unistd::Uid,
    gid: unistd::Gid,
    groups: Vec<unistd::Gid>,
}

impl FilesystemIds {
    /// Groups first, so that a failure leaves the uid unchanged.
    fn apply(&self) -> Result<(), Errno> {
        unistd::setgroups(&self.groups)?;
        unistd::setfsgid(self.gid);
        unistd::setfsuid(self.uid);
        // setfsuid(2) reports no error; called with an invalid id it returns the present one.
        let nobody = u32::MAX;
        let taken = unistd::setfsgid(unistd::Gid::from_raw(nobody)) == self.gid
            && unistd::setfsuid(unistd::Uid::from_raw(nobody)) == self.uid;
        if taken { Ok(()) } else { Err(Errno::EPERM) }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use nix::sys::prctl;

    use super::*;
    use crate::sys::privilege::take_not_restored;
    use crate::sys::privilege::tests::in_child;

    #[test]
    fn a_panic_leaves_nobody_elses_rights_to_files() {
        in_child(|| {
            let user = FileUser::new(Uid(4242), Gid(4242), None);
            let mine = || unistd::setfsuid(unistd::Uid::from_raw(u32::MAX));
            let passed = catch_unwind(|| with_file_user(&user, || assert_ne!(mine().as_raw(), 4242, "on purpose")));
            assert!(passed.is_err() && mine().is_root() && !take_not_restored());
        });
    }

    #[test]
    fn it_is_dumpable_afterwards_as_it_was() {
        in_child(|| {
            for was in [false, true] {
                prctl::set_dumpable(was).unwrap();
                with_file_user(&FileUser::new(Uid(4242), Gid(4242), None), || ()).unwrap();
                assert_eq!((dumpable(), take_not_restored()), (i32::from(was), false));
            }
        });
    }
}
