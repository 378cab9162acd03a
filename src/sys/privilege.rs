//! Power as a type: [`Root`] is the proof that this process may still do what root does. Whoever needs it takes `&Root`;
//! [`Root::step_down`] spends it, verifies what is left and returns [`Dropped`].
#![allow(unsafe_code)] // prctl(2) reads that nix does not wrap
#![allow(clippy::disallowed_methods)] // the one place that drops

use std::collections::HashSet;
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use caps::{CapSet as Set, CapsHashSet};
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::unistd;

use crate::config::values::{CapSet, Capability, Gid, Uid};
use crate::error::Refused;
use crate::plan::{Credentials, DropLevel, Identity, Privilege};

/// Proof that this process runs with effective uid 0.
///
/// There is one, made by [`detect`]; it is neither `Clone` nor `Send`. It guards our own API against mistakes, not
/// against malice.
#[derive(Debug)]
pub struct Root {
    _here: PhantomData<*const ()>,
}

/// What this process is at the start.
#[derive(Debug)]
pub enum Power {
    /// Effective uid 0, with whatever capabilities.
    Root(Root),
    /// Anybody else.
    User,
}

/// Proof that PID 1 is what it will be for the rest of its life. Services are started with it only.
#[derive(Debug)]
pub struct Dropped {
    _here: PhantomData<*const ()>,
}

/// Returns what this process is. Called once, at the start, while single-threaded.
pub fn detect() -> Power {
    if unistd::geteuid().is_root() { Power::Root(Root { _here: PhantomData }) } else { Power::User }
}

impl Root {
    /// Becomes the app user as `privilege` has it, and proves that it worked.
    ///
    /// Order: groups → gid → uid → capability sets → not dumpable → no_new_privs, because each needs what the next one
    /// gives away. Must be called while single-threaded: capabilities and no_new_privs are the thread's (SECURITY
    /// fact 6).
    ///
    /// # Errors
    /// When the kernel refuses a step or anything reads back differently. No service may run then.
    ///
    /// Using the token afterwards does not compile:
    /// ```compile_fail,E0382
    /// # use stepdown::{plan::{Identity, Privilege}, sys::privilege::{Power, detect}};
    /// # fn spend(identity: &Identity, privilege: &Privilege) {
    /// if let Power::Root(root) = detect() {
    ///     let _dropped = root.step_down(identity, privilege);
    ///     let _again = root.step_down(identity, privilege); // spent
    /// }
    /// # }
    /// ```
    pub fn step_down(self, identity: &Identity, privilege: &Privilege) -> Result<Dropped, Refused> {
        match privilege.drop {
            DropLevel::ToApp => become_app(identity, privilege)?,
            DropLevel::StayRoot | DropLevel::Powerless | DropLevel::AlreadyUser => {}
        }
        close_up(privilege)?;
        verify(identity, privilege)?;
        Ok(Dropped { _here: PhantomData })
    }
}

/// Closes up a process that never was root: nothing to drop, but not dumpable, and no_new_privs as planned.
///
/// # Errors
/// As [`Root::step_down`].
pub fn stay(identity: &Identity, privilege: &Privilege) -> Result<Dropped, Refused> {
    set_sets(privilege.kept)?;
    close_up(privilege)?;
    verify(identity, privilege)?;
    Ok(Dropped { _here: PhantomData })
}

fn become_app(identity: &Identity, privilege: &Privilege) -> Result<(), Refused> {
    let Identity { uid, gid, .. } = identity;
    let groups: Vec<_> = identity.groups.iter().map(|gid| unistd::Gid::from_raw(gid.0)).collect();
    unistd::setgroups(&groups).map_err(|errno| refused("cannot set the supplementary groups", errno))?;
    let app = unistd::Gid::from_raw(gid.0);
    let saved = unistd::Gid::from_raw(privilege.private_gid.unwrap_or(*gid).0);
    unistd::setresgid(app, app, saved).map_err(|errno| refused(format!("cannot switch to group {gid}"), errno))?;
    let keep = !privilege.kept.is_empty();
    prctl::set_keepcaps(keep).map_err(|errno| refused("cannot set whether capabilities are kept", errno))?;
    let app = unistd::Uid::from_raw(uid.0);
    unistd::setresuid(app, app, app).map_err(|errno| refused(format!("cannot switch to user {uid}"), errno))?;
    prctl::set_keepcaps(false).map_err(|errno| refused("cannot stop keeping capabilities", errno))?;
    set_sets(privilege.kept)
}

/// Leaves `kept` in *permitted* and empties the other three sets.
fn set_sets(kept: CapSet) -> Result<(), Refused> {
    let set = |which: Set, value: &CapsHashSet| {
        caps::set(None, which, value).map_err(|error| {
            Refused::new(format!("cannot set the {} capabilities", called(which)), io::Error::other(error))
        })
    };
    // Ambient goes with inheritable (capabilities(7)); effective before permitted, of which it is a part.
    set(Set::Inheritable, &HashSet::default())?;
    set(Set::Effective, &HashSet::default())?;
    set(Set::Permitted, &names(kept))
}

fn close_up(privilege: &Privilege) -> Result<(), Refused> {
    // After a setresuid from root it is off by itself, under `--user` it is on, and then the app can read our memory
    // and environment (SECURITY fact 3).
    prctl::set_dumpable(false).map_err(|errno| refused("cannot make this process undumpable", errno))?;
    if privilege.no_new_privs {
        prctl::set_no_new_privs().map_err(|errno| refused("cannot set no_new_privs", errno))?;
    }
    Ok(())
}

/// What the kernel says must be what was planned (SECURITY 1.3, verification step).
fn verify(identity: &Identity, privilege: &Privilege) -> Result<(), Refused> {
    let expect = |holds: bool, what: &str| {
        let wrong = || Refused::new("cannot verify the step down", io::Error::other(what.to_owned()));
        if holds { Ok(()) } else { Err(wrong()) }
    };
    // One thread, so that what holds for this one holds for all. Without /proc there is nobody to ask.
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    expect(threads == 1, "more than one thread is running")?;
    let unreadable = |errno| refused("cannot read the ids", errno);
    if privilege.drop == DropLevel::ToApp {
        let (uid, gid) = (unistd::Uid::from_raw(identity.uid.0), unistd::Gid::from_raw(identity.gid.0));
        let saved = unistd::Gid::from_raw(privilege.private_gid.unwrap_or(identity.gid).0);
        let uids = unistd::getresuid().map_err(unreadable)?;
        expect((uids.real, uids.effective, uids.saved) == (uid, uid, uid), "a user id is not the app user's")?;
        let gids = unistd::getresgid().map_err(unreadable)?;
        expect((gids.real, gids.effective, gids.saved) == (gid, gid, saved), "a group id is not as planned")?;
        let mut groups: Vec<_> = unistd::getgroups().map_err(unreadable)?.iter().map(|gid| Gid(gid.as_raw())).collect();
        groups.sort_unstable();
        expect(groups == identity.groups, "the supplementary groups are not as planned")?;
    }
    if matches!(privilege.drop, DropLevel::ToApp | DropLevel::AlreadyUser) {
        // Ambient is a part of inheritable (capabilities(7)).
        for (set, planned) in
            [(Set::Permitted, privilege.kept), (Set::Effective, CapSet::EMPTY), (Set::Inheritable, CapSet::EMPTY)]
        {
            expect(read_set(set)? == planned, &format!("the {} capabilities are not as planned", called(set)))?;
        }
        let root = unistd::Uid::from_raw(0);
        let way_back = unistd::setresuid(root, root, root);
        // EINVAL: uid 0 is not mapped in this user namespace.
        let closed = matches!(way_back, Err(Errno::EPERM | Errno::EINVAL));
        expect(identity.uid == Uid::ROOT || closed, "it can still become root")?;
    }
    // SAFETY: takes numbers only.
    let dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) };
    expect(dumpable == 0, "it is still dumpable")?;
    let no_new_privs = prctl::get_no_new_privs().map_err(unreadable)?;
    expect(no_new_privs || !privilege.no_new_privs, "no_new_privs is not on")
}

/// What capabilities(7) calls a set.
const fn called(set: Set) -> &'static str {
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
        Refused::new(format!("cannot read the {} capabilities", called(which)), io::Error::other(error))
    })?;
    Ok(CapSet(all.iter().fold(0, |bits, capability| bits | capability.bitmask())))
}

/// Some privilege that was taken for a moment could not be given back.
static IS_STUCK: AtomicBool = AtomicBool::new(false);

/// Returns, once, whether PID 1 has more than it should: it must not go on then, and the loop stops everything in order.
pub fn take_stuck() -> bool {
    IS_STUCK.swap(false, Ordering::Relaxed)
}

/// With debug assertions: as if it had happened, for the test of the stop.
#[cfg(debug_assertions)]
pub fn stuck_on_purpose() {
    IS_STUCK.store(true, Ordering::Relaxed);
}

/// Gives back what was taken, also while a panic unwinds. A refusal is noted for [`take_stuck`].
struct GiveBack<F: FnMut() -> bool>(F);

impl<F: FnMut() -> bool> std::ops::Drop for GiveBack<F> {
    fn drop(&mut self) {
        if !(self.0)() {
            IS_STUCK.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs `work` with `wanted` raised in *effective*, as far as it is permitted; lowered again in any case, or [`take_stuck`]
/// says so.
pub fn with_raised<T>(wanted: CapSet, work: impl FnOnce() -> T) -> T {
    let permitted = read_set(Set::Permitted).unwrap_or_default();
    let before = read_set(Set::Effective).unwrap_or_default();
    let missing = wanted.intersection(permitted).minus(before);
    if missing.is_empty() {
        return work();
    }
    // A refusal shows in the work itself: EPERM.
    let lower = names(before);
    let raised = caps::set(None, Set::Effective, &names(before.union(missing))).is_ok();
    let _lowered = raised.then(|| GiveBack(|| caps::set(None, Set::Effective, &lower).is_ok()));
    work()
}

/// Whose rights to files are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesOf {
    uid: Uid,
    gid: Gid,
    /// `None`: those that PID 1 has when it is that user itself.
    groups: Option<Vec<Gid>>,
}

impl FilesOf {
    /// Returns these rights.
    pub fn new(uid: Uid, gid: Gid, groups: Option<Vec<Gid>>) -> Self {
        Self { uid, gid, groups }
    }

    /// Returns whose they are.
    pub fn ids(&self) -> (Uid, Gid) {
        (self.uid, self.gid)
    }
}

impl From<&Credentials> for FilesOf {
    fn from(of: &Credentials) -> Self {
        Self::new(of.uid, of.gid, of.groups.clone())
    }
}

/// Runs `work` with that user's rights to files, and no others: a file in a place that the app can write must not be read
/// with more (a link to somebody else's secret), and what only that user may touch can be touched. The groups are that
/// user's too: root's own open what is 0640 and root's. For root, setfsuid(2) takes DAC_OVERRIDE out of *effective*, too.
///
/// # Errors
/// When PID 1 cannot take on these rights: `work` is not done then. What cannot be given back is told by [`take_stuck`].
pub fn with_files_of<T>(user: &FilesOf, work: impl FnOnce() -> T) -> io::Result<T> {
    let FilesOf { uid, gid, groups } = user;
    let is_me = unistd::geteuid().as_raw() == uid.0 && groups.is_none();
    if *uid == Uid::ROOT || is_me {
        return Ok(work());
    }
    let switch = CapSet::EMPTY.with(Capability::SETUID).with(Capability::SETGID);
    let before = Files { uid: unistd::geteuid(), gid: unistd::getegid(), groups: unistd::getgroups()? };
    let groups = groups.as_deref().unwrap_or(std::slice::from_ref(gid));
    let wanted = Files {
        uid: unistd::Uid::from_raw(uid.0),
        gid: unistd::Gid::from_raw(gid.0),
        groups: groups.iter().map(|gid| unistd::Gid::from_raw(gid.0)).collect(),
    };
    // From the first call on: what fails half-way is taken back as well.
    let _back = GiveBack(|| with_raised(switch, || before.take()).is_ok());
    with_raised(switch, || wanted.take())?;
    Ok(work())
}

/// Ids by which the kernel judges access to files.
struct Files {
    uid: unistd::Uid,
    gid: unistd::Gid,
    groups: Vec<unistd::Gid>,
}

impl Files {
    /// Groups first: the uid takes nothing that they need, but what fails then leaves the uid as it was.
    fn take(&self) -> Result<(), Errno> {
        unistd::setgroups(&self.groups)?;
        unistd::setfsgid(self.gid);
        unistd::setfsuid(self.uid);
        // They say nothing of a refusal; asked for what cannot be, they say what is (setfsuid(2)).
        let nobody = u32::MAX;
        let taken = unistd::setfsgid(unistd::Gid::from_raw(nobody)) == self.gid
            && unistd::setfsuid(unistd::Uid::from_raw(nobody)) == self.uid;
        if taken { Ok(()) } else { Err(Errno::EPERM) }
    }
}

fn names(set: CapSet) -> CapsHashSet {
    set.iter().filter_map(|capability| format!("CAP_{capability}").parse().ok()).collect()
}

fn refused(what: impl Into<String>, errno: Errno) -> Refused {
    Refused::new(what, errno)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;
    use crate::sys::process::spawn::forked;

    /// Runs `test` as root in a child: what it changes is the process's.
    fn in_child(test: impl FnOnce()) {
        if !unistd::geteuid().is_root() {
            assert!(std::env::var_os("STEPDOWN_TEST_STRICT").is_none_or(|strict| strict != "1"), "it needs root");
            return writeln!(io::stderr(), "SKIPPED (it needs root)").unwrap();
        }
        let child = forked(|| -> Infallible {
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
            assert!(passed.is_err() && !has_chown() && !take_stuck());
        });
    }

    #[test]
    fn a_panic_leaves_nobody_elses_rights_to_files() {
        in_child(|| {
            let user = FilesOf::new(Uid(4242), Gid(4242), None);
            let mine = || unistd::setfsuid(unistd::Uid::from_raw(u32::MAX));
            let passed = catch_unwind(|| with_files_of(&user, || assert_ne!(mine().as_raw(), 4242, "on purpose")));
            assert!(passed.is_err() && mine().is_root() && !take_stuck());
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
            assert!(has_chown() && take_stuck());
        });
    }
}
