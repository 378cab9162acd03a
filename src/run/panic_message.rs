//! Keeps the message of a panic. The panic unwinds to the loop's border, where services are stopped in order: an abort in PID 1 would end
//! as 139 and take every service along (SECURITY T24). The hook only keeps the message; the code that stops the unwinding logs it.

#[cfg(debug_assertions)]
use std::collections::BTreeMap;
#[cfg(debug_assertions)]
use std::ffi::{OsStr, OsString};
use std::sync::Mutex;

#[cfg(debug_assertions)]
use crate::sys::privilege;

static NOTE: Mutex<Option<String>> = Mutex::new(None);

/// With debug assertions this signal makes the loop panic, for the test of the border.
#[cfg(debug_assertions)]
pub const ON_PURPOSE: i32 = 64;

/// With debug assertions these variables make the boot panic, or as if a privilege could not be given back, likewise.
#[cfg(debug_assertions)]
pub fn on_purpose(environment: &BTreeMap<OsString, OsString>) {
    assert!(!environment.contains_key(OsStr::new("PANIC_ON_PURPOSE")), "on purpose");
    if environment.contains_key(OsStr::new("STUCK_ON_PURPOSE")) {
        privilege::simulate_not_restored();
    }
}

/// Replaces the default hook, which writes to stderr and may wait for its reader.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut note) = NOTE.try_lock() {
            *note = Some(panic.to_string());
        }
    }));
}

/// Returns the message of the last panic.
pub fn take() -> String {
    let note = NOTE.try_lock().ok().and_then(|mut note| note.take());
    format!("internal error: {}", note.as_deref().unwrap_or("no note was taken"))
}
