//! Permission to signal processes of other users (kill(2)): by CAP_KILL where it is permitted, else as their users, for which
//! SETUID is enough (`--cap-drop ALL --cap-add CHOWN,SETUID,SETGID`).
//!
//! Only the effective uid is changed, for one system call: the real and the saved uid stay our own, so that no process of that
//! user may signal or trace PID 1 meanwhile. It may lower the priority of PID 1 and choose its processors at that moment, which
//! lasts: setpriority(2), sched_setscheduler(2) and sched_setaffinity(2) compare the effective uid. A forked child that becomes
//! that user entirely could be stopped by it, and PID 1 would wait for it.
#![allow(unsafe_code)] // kill(2) with 0: nix has it for its own type only

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::libc;

use crate::config::values::{CapSet, Capability, Signal, Uid};
use crate::supervise::Pid;
use crate::sys::effective_user::with_effective_user;
use crate::sys::privilege::with_raised;
use crate::sys::process::capset::permitted;
use crate::sys::read_file;

/// More rounds than needed: a killed process does not fork any more.
const ROUNDS: usize = 8;

/// Calls `send`, which signals one process, with a permission that suffices.
///
/// # Errors
/// That of `send`; EPERM: there is no such permission.
pub(super) fn to_one(pid: Pid, mut send: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    match send() {
        Err(Errno::EPERM) => {}
        sent => return sent,
    }
    let permitted = permitted();
    if permitted.has(Capability::KILL) {
        return with_raised(CapSet::EMPTY.with(Capability::KILL), send);
    }
    let owner = if permitted.has(Capability::SETUID) { real_uid(pid) } else { None };
    owner.map_or(Err(Errno::EPERM), |uid| with_effective_user(uid, send)?)
}

/// How old a list of processes may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// As old as a snapshot of `/proc` may be.
    Recent,
    /// Made for this request.
    Now,
}

/// Calls `send_all`, which signals many processes at once, with a permission that suffices for all of them. kill(2) succeeds if
/// any of them may be signalled, and says nothing of the others: without CAP_KILL those are signalled one by one. `members`
/// returns them; `None`: no process is visible, not even a zombie.
///
/// # Errors
/// ESRCH when there is none, EPERM when any may not be signalled.
pub(super) fn to_many(
    signal: Signal,
    mut send_all: impl FnMut() -> Result<(), Errno>,
    mut members: impl FnMut(Age) -> Option<Vec<Pid>>,
    send_one: impl Fn(Pid) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let permitted = permitted();
    if permitted.has(Capability::KILL) {
        return with_raised(CapSet::EMPTY.with(Capability::KILL), send_all);
    }
    let sent = send_all();
    if sent == Err(Errno::ESRCH) || !permitted.has(Capability::SETUID) {
        return sent;
    }
    // Without a usable `/proc` (hidepid, not mounted) there is nothing but the answer of the kernel.
    let Some(mut found) = members(Age::Recent) else { return sent };
    let mut signalled = BTreeSet::new();
    let mut result = sent.or(Err(Errno::ESRCH));
    let mut age = Age::Recent;
    for _ in 0..ROUNDS {
        let refusing: Vec<Pid> =
            found.into_iter().filter(|pid| signalled.insert(*pid) && probe(*pid) == Err(Errno::EPERM)).collect();
        let is_last = match (signal, refusing.is_empty()) {
            // What a process starts because of a signal gets that signal too if it is KILL, and no other.
            (Signal::KILL, false) => false,
            (_, false) => true,
            // An older list need not have those because of whom the kernel refused.
            (_, true) => age == Age::Now || (signal != Signal::KILL && sent.is_ok()),
        };
        for pid in refusing {
            result = combine(result, to_one(pid, || send_one(pid)));
        }
        if is_last {
            break;
        }
        age = Age::Now;
        found = members(age).unwrap_or_default();
    }
    result
}

/// Combines two results: an error other than ESRCH, or success, or ESRCH.
pub fn combine(one: Result<(), Errno>, other: Result<(), Errno>) -> Result<(), Errno> {
    match (one, other) {
        (Err(Errno::EPERM), _) | (_, Err(Errno::EPERM)) => Err(Errno::EPERM),
        (Ok(()), _) | (_, Ok(())) => Ok(()),
        (Err(errno), Err(_)) => Err(errno),
    }
}

/// Returns whether nothing gives us the permission to signal a process.
pub fn is_refused(pid: Pid) -> bool {
    to_one(pid, || probe(pid)) == Err(Errno::EPERM)
}

fn probe(pid: Pid) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::kill(pid.0, 0) }).map(drop)
}

/// Returns the real uid of a process, which is one of those that kill(2) compares.
fn real_uid(pid: Pid) -> Option<Uid> {
    let status = read_file::read_proc(&format!("/proc/{}/status", pid.0));
    let mut lines = status.split(|byte| *byte == b'\n');
    let ids = std::str::from_utf8(lines.find_map(|line| line.strip_prefix(b"Uid:"))?).ok()?;
    ids.split_ascii_whitespace().next()?.parse().ok().map(Uid)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // a child of another user, started by nothing of ours
mod tests {
    use std::cell::RefCell;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::slice;

    use super::*;
    use crate::sys::privilege::tests::in_child;

    const REFUSED: Result<(), Errno> = Err(Errno::EPERM);

    /// PID 1 that is root without CAP_KILL.
    fn lower_kill() {
        caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_KILL).unwrap();
        caps::drop(None, caps::CapSet::Permitted, caps::Capability::CAP_KILL).unwrap();
    }

    /// Signals a group of which `lists` are found, one after the other; returns the age of each list too.
    fn to_group(
        signal: Signal,
        sent: Result<(), Errno>,
        lists: &[Option<Vec<Pid>>],
    ) -> (Result<(), Errno>, Vec<Age>, Vec<Pid>) {
        let (ages, signalled) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let members = |age| {
            let list = lists.get(ages.borrow().len()).cloned().flatten();
            ages.borrow_mut().push(age);
            list
        };
        let result = to_many(
            signal,
            || sent,
            members,
            |pid| {
                signalled.borrow_mut().push(pid);
                Ok(())
            },
        );
        (result, ages.into_inner(), signalled.into_inner())
    }

    #[test]
    fn a_refusal_is_one_where_no_process_is_visible() {
        in_child(|| {
            lower_kill();
            assert_eq!(to_group(Signal::TERM, REFUSED, &[None]), (REFUSED, vec![Age::Recent], vec![]));
            let gone = to_group(Signal::TERM, REFUSED, &[Some(vec![]), Some(vec![])]);
            assert_eq!(gone, (Err(Errno::ESRCH), vec![Age::Recent, Age::Now], vec![]));
        });
    }

    #[test]
    fn a_recent_list_is_enough_unless_it_could_miss_one() {
        in_child(|| {
            let mut other = Command::new("/bin/sleep").arg("600").uid(4242).gid(4242).spawn().unwrap();
            lower_kill();
            let pid = Pid(i32::try_from(other.id()).unwrap());
            let (none, one) = (Some(vec![]), Some(vec![pid]));
            let term = |sent, lists: &[_]| to_group(Signal::TERM, sent, lists);
            assert_eq!(term(Ok(()), slice::from_ref(&none)), (Ok(()), vec![Age::Recent], vec![]));
            assert_eq!(term(Ok(()), slice::from_ref(&one)), (Ok(()), vec![Age::Recent], vec![pid]));
            assert_eq!(term(REFUSED, &[none.clone(), one.clone()]), (Ok(()), vec![Age::Recent, Age::Now], vec![pid]));
            let killed = to_group(Signal::KILL, Ok(()), &[none, one.clone(), one]);
            assert_eq!(killed, (Ok(()), vec![Age::Recent, Age::Now, Age::Now], vec![pid]));
            // SAFETY: takes numbers only.
            to_one(pid, || Errno::result(unsafe { libc::kill(pid.0, libc::SIGKILL) }).map(drop)).unwrap();
            other.wait().unwrap();
        });
    }
}
