//! Privilege as a type: [`Root`] is the proof that this process runs as root. Functions that need it take `&Root`;
//! [`Root::step_down`] consumes it, verifies the drop and returns [`Dropped`].
#![allow(unsafe_code)] // prctl(2) reads that nix does not wrap
#![allow(clippy::disallowed_methods)] // the one place that drops

use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use caps::{CapSet as Set, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::{libc, unistd};

use crate::config::values::{CapSet, Gid, Uid};
use crate::error::Refused;
use crate::plan::{DropLevel, Identity, Privilege};
use crate::sys::process::capset::{capget, capset};
use crate::sys::process::spawn::threads;

/// Proof that this process runs with effective uid 0.
///
/// There is only one, made by [`detect`]; it is neither `Clone` nor `Send`. It protects our own API against mistakes, not
/// against attacks.
#[derive(Debug)]
pub struct Root {
    _not_send: PhantomData<*const ()>,
}

/// The privilege of this process at the start.
#[derive(Debug)]
pub enum EffectiveUser {
    /// Effective uid 0, with whatever capabilities.
    Root(Root),
    /// Any other uid.
    Unprivileged,
}

/// Proof that PID 1 has dropped its privilege for good. Services can only be started with it.
#[derive(Debug)]
pub struct Dropped {
    _not_send: PhantomData<*const ()>,
}

/// Detects the privilege of this process. Called once, at the start, while single-threaded.
pub fn detect() -> EffectiveUser {
    if unistd::geteuid().is_root() {
        EffectiveUser::Root(Root { _not_send: PhantomData })
    } else {
        EffectiveUser::Unprivileged
    }
}

impl Root {
    /// Changes to the app user as `privilege` says, and verifies that it worked.
    ///
    /// Order: groups → gid → uid → capability sets → not dumpable → no_new_privs, because each needs a privilege that the
    /// next one drops. Must be called while single-threaded: capabilities and no_new_privs are the thread's (SECURITY fact
    /// 6).
    ///
    /// # Errors
    /// When a system call fails or anything reads back differently. No service may run then.
    ///
    /// Using the token afterwards does not compile:
    /// ```compile_fail,E0382
    /// # use stepdown::{plan::{Identity, Privilege}, sys::privilege::{EffectiveUser, detect}};
    /// # fn spend(identity: &Identity, privilege: &Privilege) {
    /// if let EffectiveUser::Root(root) = detect() {
    ///     let _dropped = root.step_down(identity, privilege);
    ///     let _again = root.step_down(identity, privilege); // spent
    /// }
    /// # }
    /// ```
    pub fn step_down(self, identity: &Identity, privilege: &Privilege) -> Result<Dropped, Refused> {
        match privilege.drop {
            DropLevel::ToApp => change_user(identity, privilege)?,
            DropLevel::StayRoot | DropLevel::LimitedRoot | DropLevel::AlreadyUser => {}
        }
        lock_down(privilege)?;
        verify(identity, privilege)?;
        Ok(Dropped { _not_send: PhantomData })
    }
}

/// Locks down a process that never was root: nothing to drop, but not dumpable, and no_new_privs as planned.
///
/// # Errors
/// As [`Root::step_down`].
pub fn lock_down_unprivileged(identity: &Identity, privilege: &Privilege) -> Result<Dropped, Refused> {
    set_capability_sets(privilege.kept)?;
    lock_down(privilege)?;
    verify(identity, privilege)?;
    Ok(Dropped { _not_send: PhantomData })
}

fn change_user(identity: &Identity, privilege: &Privilege) -> Result<(), Refused> {
    let Identity { uid, gid, .. } = identity;
    let groups: Vec<_> = identity.groups.iter().map(|gid| unistd::Gid::from_raw(gid.0)).collect();
    unistd::setgroups(&groups).map_err(|errno| refused("cannot set the supplementary groups", errno))?;
    let app = unistd::Gid::from_raw(gid.0);
    let saved = unistd::Gid::from_raw(privilege.private_gid.unwrap_or(*gid).0);
    unistd::setresgid(app, app, saved).map_err(|errno| refused(format!("cannot switch to group {gid}"), errno))?;
    // Off since the exec (capabilities(7)).
    let keep = !privilege.kept.is_empty();
    if keep {
        prctl::set_keepcaps(true).map_err(|errno| refused("cannot set whether capabilities are kept", errno))?;
    }
    let app = unistd::Uid::from_raw(uid.0);
    unistd::setresuid(app, app, app).map_err(|errno| refused(format!("cannot switch to user {uid}"), errno))?;
    if keep {
        prctl::set_keepcaps(false).map_err(|errno| refused("cannot stop keeping capabilities", errno))?;
    }
    set_capability_sets(privilege.kept)
}

/// Leaves `kept` in *permitted* and empties the other three sets.
fn set_capability_sets(kept: CapSet) -> Result<(), Refused> {
    // Ambient goes with inheritable (capabilities(7)).
    capset(CapSet::EMPTY, kept, CapSet::EMPTY).map_err(|errno| refused("cannot set the capabilities", errno))
}

fn lock_down(privilege: &Privilege) -> Result<(), Refused> {
    // After a setresuid from root it is off by itself, under `--user` it is on, and then the app can read our memory
    // and environment (SECURITY fact 3).
    prctl::set_dumpable(false).map_err(|errno| refused("cannot make this process undumpable", errno))?;
    if privilege.no_new_privs {
        prctl::set_no_new_privs().map_err(|errno| refused("cannot set no_new_privs", errno))?;
    }
    Ok(())
}

/// Checks that ids, groups and capabilities are as planned (SECURITY 1.3, verification step).
fn verify(identity: &Identity, privilege: &Privilege) -> Result<(), Refused> {
    let expect = |holds: bool, what: &str| {
        let wrong = || Refused::new("cannot verify the step down", io::Error::other(what.to_owned()));
        if holds { Ok(()) } else { Err(wrong()) }
    };
    // One thread, so that what holds for this one holds for all.
    expect(threads() == 1, "more than one thread is running")?;
    let unreadable = |errno| refused("cannot read the ids", errno);
    if privilege.drop == DropLevel::ToApp {
        let (uid, gid) = (unistd::Uid::from_raw(identity.uid.0), unistd::Gid::from_raw(identity.gid.0));
        let saved = unistd::Gid::from_raw(privilege.private_gid.unwrap_or(identity.gid).0);
        let uids = unistd::getresuid().map_err(unreadable)?;
        expect((uids.real, uids.effective, uids.saved) == (uid, uid, uid), "a user id is not the app user's")?;
        let gids = unistd::getresgid().map_err(unreadable)?;
        expect((gids.real, gids.effective, gids.saved) == (gid, gid, saved), "a group id is not as planned")?;
        expect(groups_are(&identity.groups).map_err(unreadable)?, "the supplementary groups are not as planned")?;
    }
    if matches!(privilege.drop, DropLevel::ToApp | DropLevel::AlreadyUser) {
        // Ambient is a part of inheritable (capabilities(7)).
        let sets = capget().map_err(|errno| refused("cannot read the capabilities", errno))?;
        for (which, set, planned) in [
            (Set::Permitted, sets.permitted, privilege.kept),
            (Set::Effective, sets.effective, CapSet::EMPTY),
            (Set::Inheritable, sets.inheritable, CapSet::EMPTY),
        ] {
            expect(set == planned, &format!("the {} capabilities are not as planned", set_name(which)))?;
        }
        let root = unistd::Uid::from_raw(0);
        let way_back = unistd::setresuid(root, root, root);
        // EINVAL: uid 0 is not mapped in this user namespace.
        let closed = matches!(way_back, Err(Errno::EPERM | Errno::EINVAL));
        expect(identity.uid == Uid::ROOT || closed, "it can still become root")?;
    }
    expect(dumpable() == 0, "it is still dumpable")?;
    let no_new_privs = prctl::get_no_new_privs().map_err(unreadable)?;
    expect(no_new_privs || !privilege.no_new_privs, "no_new_privs is not on")
}

/// Returns whether these, sorted, are the supplementary groups. nix's call reads `ngroups_max` from `/proc` first.
fn groups_are(planned: &[Gid]) -> Result<bool, Errno> {
    let mut found: Vec<libc::gid_t> = vec![0; planned.len() + 1];
    let space = libc::c_int::try_from(found.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the array outlives the call and has that much space.
    match Errno::result(unsafe { libc::getgroups(space, found.as_mut_ptr()) }) {
        // There are more.
        Err(Errno::EINVAL) => Ok(false),
        Err(errno) => Err(errno),
        Ok(count) => {
            found.truncate(usize::try_from(count).unwrap_or_default());
            found.sort_unstable();
            Ok(found.iter().copied().eq(planned.iter().map(|gid| gid.0)))
        }
    }
}

/// Returns whether this process is dumpable: 0, 1, or 2, for root alone (PR_SET_DUMPABLE(2const)).
pub(super) fn dumpable() -> libc::c_int {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }
}

/// Makes this process dumpable again as it was; returns whether it worked. The kernel makes it `fs.suid_dumpable` at every
/// change of an effective or filesystem id: on a host where that is 1 the app could read the memory of PID 1.
pub(super) fn restore_dumpable(before: libc::c_int) -> bool {
    // Only the kernel may set 2.
    dumpable() == before || prctl::set_dumpable(before == 1).is_ok()
}

/// The name of a set in capabilities(7).
const fn set_name(set: Set) -> &'static str {
    match set {
        Set::Ambient => "ambient",
        Set::Bounding => "bounding",
        Set::Effective => "effective",
        Set::Inheritable => "inheritable",
        Set::Permitted => "permitted",
    }
}

/// Returns one of this thread's three base sets.
///
/// # Errors
/// When the kernel refuses capget(2).
pub fn read_set(which: Set) -> Result<CapSet, Refused> {
    let all = caps::read(None, which).map_err(|error| {
        Refused::new(format!("cannot read the {} capabilities", set_name(which)), io::Error::other(error))
    })?;
    Ok(CapSet(all.iter().fold(0, |bits, capability| bits | capability.bitmask())))
}

/// Whether the privilege from before a temporary change could not be restored.
static NOT_RESTORED: AtomicBool = AtomicBool::new(false);

/// Returns, once, whether PID 1 has another privilege than it should: the event loop then stops everything in order.
pub fn take_not_restored() -> bool {
    NOT_RESTORED.swap(false, Ordering::Relaxed)
}

/// With debug assertions: simulates that, for the test of the stop.
#[cfg(debug_assertions)]
pub fn simulate_not_restored() {
    NOT_RESTORED.store(true, Ordering::Relaxed);
}

/// Restores privilege on drop, also while a panic unwinds. A failure is recorded for [`take_not_restored`].
pub(super) struct RestoreOnDrop<F: FnMut() -> bool>(pub(super) F);

impl<F: FnMut() -> bool> std::ops::Drop for RestoreOnDrop<F> {
    fn drop(&mut self) {
        if !(self.0)() {
            NOT_RESTORED.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs `work` with `wanted` raised in *effective*, as far as it is permitted; lowered again in any case, or
/// [`take_not_restored`] says so.
pub fn with_raised<T>(wanted: CapSet, work: impl FnOnce() -> T) -> T {
    let permitted = read_set(Set::Permitted).unwrap_or_default();
    let before = read_set(Set::Effective).unwrap_or_default();
    let missing = wanted.intersection(permitted).minus(before);
    if missing.is_empty() {
        return work();
    }
    // If it is refused, the work itself fails with EPERM.
    let _lowered = set_effective(before.union(missing)).then(|| RestoreOnDrop(|| set_effective(before)));
    work()
}

/// Sets *effective*; returns whether it worked.
pub(super) fn set_effective(value: CapSet) -> bool {
    caps::set(None, Set::Effective, &names(value)).is_ok()
}

fn names(set: CapSet) -> CapsHashSet {
    set.iter().filter_map(|capability| format!("CAP_{capability}").parse().ok()).collect()
}

fn refused(what: impl Into<String>, errno: Errno) -> Refused {
    Refused::new(what, errno)
}

#[cfg(test)]
pub(super) mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;
    use crate::config::values::Capability;
    use crate::sys::process::spawn::fork_child;

    /// Runs `test` as root in a child: what it changes is the process's.
    pub fn in_child(test: impl FnOnce()) {
        if !unistd::geteuid().is_root() {
            assert!(std::env::var_os("STEPDOWN_TEST_STRICT").is_none_or(|strict| strict != "1"), "it needs root");
            return writeln!(io::stderr(), "SKIPPED (it needs root)").unwrap();
        }
        let child = fork_child(|| -> Infallible {
            let ended = catch_unwind(AssertUnwindSafe(test));
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(i32::from(ended.is_err())) }
        });
        let child = unistd::Pid::from_raw(child.unwrap().0);
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
    }

    fn chown() -> CapSet {
        CapSet::EMPTY.with(Capability::CHOWN)
    }

    fn lower_chown() {
        caps::drop(None, Set::Effective, caps::Capability::CAP_CHOWN).unwrap();
    }

    fn has_chown() -> bool {
        read_set(Set::Effective).unwrap().has(Capability::CHOWN)
    }

    #[test]
    fn a_panic_leaves_no_capability_raised() {
        in_child(|| {
            lower_chown();
            let passed = catch_unwind(|| with_raised(chown(), || assert!(!has_chown(), "on purpose")));
            assert!(passed.is_err() && !has_chown() && !take_not_restored());
        });
    }

    #[test]
    fn what_cannot_be_given_back_is_noted() {
        in_child(|| {
            lower_chown();
            with_raised(chown(), || {
                // The only way to make the kernel refuse to lower a capability.
                let filter = [
                    libc::sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
                    libc::sock_filter { code: 0x15, jt: 0, jf: 1, k: u32::try_from(libc::SYS_capset).unwrap() },
                    libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | 1 },
                    libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
                ];
                prctl::set_no_new_privs().unwrap();
                let program = libc::sock_fprog { len: 4, filter: filter.as_ptr().cast_mut() };
                // SAFETY: the program outlives the call, and the kernel copies it.
                let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
                assert_eq!(set, 0, "{}", io::Error::last_os_error());
            });
            assert!(has_chown() && take_not_restored());
        });
    }
}
