//! capget(2) and capset(2) as a forked child may call them: nothing is allocated, no lock is taken, errno stays.
#![allow(unsafe_code)] // the raw calls

use nix::errno::Errno;

use crate::config::values::CapSet;
use crate::sys::process::raw::call;

/// Version 3 of the header: two words of 32 bits for each set (capget(2)).
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The three base sets of a thread (capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapSets {
    /// What the kernel checks.
    pub effective: CapSet,
    /// What may be made effective.
    pub permitted: CapSet,
    /// What exec(2) may pass on.
    pub inheritable: CapSet,
}

/// Returns the *permitted* set of this process; empty on an error.
pub fn permitted() -> CapSet {
    capget().map_or(CapSet::EMPTY, |sets| sets.permitted)
}

/// Returns the three sets of this thread.
///
/// # Errors
/// The kernel's.
pub fn capget() -> Result<CapSets, Errno> {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut words = [CapData::default(); 2];
    // SAFETY: both outlive the call and have the layout that version 3 asks for.
    unsafe { call!(capget, &raw mut header, words.as_mut_ptr()) }?;
    let [low, high] = words;
    let set = |word: fn(&CapData) -> u32| CapSet(u64::from(word(&high)) << 32 | u64::from(word(&low)));
    Ok(CapSets {
        effective: set(|it| it.effective),
        permitted: set(|it| it.permitted),
        inheritable: set(|it| it.inheritable),
    })
}

/// Sets the three sets of this process.
///
/// # Errors
/// The kernel's.
pub fn capset(effective: CapSet, permitted: CapSet, inheritable: CapSet) -> Result<(), Errno> {
    let header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let half = |shift: u32| {
        let word = |set: CapSet| u32::try_from(set.0 >> shift & u64::from(u32::MAX)).unwrap_or_default();
        CapData { effective: word(effective), permitted: word(permitted), inheritable: word(inheritable) }
    };
    let words = [half(0), half(32)];
    // SAFETY: both outlive the call and have the layout that version 3 asks for.
    unsafe { call!(capset, &raw const header, words.as_ptr()) }.map(drop)
}
