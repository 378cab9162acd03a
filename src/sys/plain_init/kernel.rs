//! Signal calls that nix does not have for real-time signals.
#![allow(unsafe_code)] // prctl(2), sigaction(2), signal(2), strsignal(3), sigwaitinfo(2)

use std::ffi::CStr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::SigSet;

pub(super) fn is_subreaper() -> bool {
    let mut is = 0;
    // SAFETY: `is` outlives the call.
    let result = unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut is) };
    result == 0 && is == 1
}

pub(super) fn is_ignored(signal: i32) -> bool {
    // SAFETY: nothing is set; zeroes are a valid value of it, which outlives the call.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Sets the default; KILL and STOP cannot be set and always have it.
pub(super) fn set_default(signal: i32) {
    // SAFETY: SIG_DFL is no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

pub(super) fn name_of(signal: i32) -> String {
    // SAFETY: the text lives until the next call, and this process has one thread.
    let text = unsafe { libc::strsignal(signal) };
    // SAFETY: it is a C string unless it is null.
    if text.is_null() { signal.to_string() } else { unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned() }
}

pub(super) fn wait_for(signals: &SigSet) -> i32 {
    loop {
        // SAFETY: the set outlives the call, and no information about the signal is requested.
        let signal = unsafe { libc::sigwaitinfo(signals.as_ref(), std::ptr::null_mut()) };
        if signal > 0 {
            return signal;
        }
    }
}

pub(super) fn prctl(option: i32, value: i32) -> Result<(), Errno> {
    // SAFETY: both options take one number.
    Errno::result(unsafe { libc::prctl(option, value, 0, 0, 0) }).map(drop)
}
