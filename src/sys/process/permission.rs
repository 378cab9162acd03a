//! Permission to signal processes of other users (kill(2)): by CAP_KILL where it is permitted, else as their users, for which
//! SETUID is enough (`--cap-drop ALL --cap-add CHOWN,SETUID,SETGID`).
//!
//! Only the effective uid is changed, for one system call: the real and the saved uid stay our own, so that no process of that
//! user may signal or trace PID 1 meanwhile. A forked child that becomes that user entirely could be stopped by it, and PID 1
//! would wait for it.
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

/// Calls `send_all`, which signals many processes at once, with a permission that suffices for all of them. kill(2) succeeds if
/// any of them may be signalled, and says nothing of the others: without CAP_KILL those are signalled one by one.
///
/// # Errors
/// ESRCH when there is none, EPERM when any may not be signalled.
pub(super) fn to_many(
    signal: Signal,
    mut send_all: impl FnMut() -> Result<(), Errno>,
    mut members: impl FnMut() -> Vec<Pid>,
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
    let mut told = BTreeSet::new();
    let mut result = sent.or(Err(Errno::ESRCH));
    // What a process starts because of a signal does not get that signal too, unless it is KILL.
    for _ in 0..if signal == Signal::KILL { ROUNDS } else { 1 } {
        let refusing: Vec<Pid> =
            members().into_iter().filter(|pid| told.insert(*pid) && probe(*pid) == Err(Errno::EPERM)).collect();
        if refusing.is_empty() {
            break;
        }
        for pid in refusing {
            result = combine(result, to_one(pid, || send_one(pid)));
        }
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
