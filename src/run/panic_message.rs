//! Keeps the message of a panic. A panic unwinds to [`super::run`], which stops the services in order: an abort in PID 1 would
//! end as 139 and kill every service (SECURITY T24). The hook only keeps the message; the code that catches the panic logs it.

#[cfg(debug_assertions)]
use std::collections::BTreeMap;
#[cfg(debug_assertions)]
use std::ffi::{OsStr, OsString};
use std::sync::Mutex;

#[cfg(debug_assertions)]
use crate::sys::privilege;

static MESSAGE: Mutex<Option<String>> = Mutex::new(None);

/// In debug builds this signal makes the loop panic, for tests.
#[cfg(debug_assertions)]
pub const PANIC_SIGNAL: i32 = 64;

/// Injects the faults that variables ask for, for tests: a panic of the boot, a privilege that cannot be given back.
#[cfg(debug_assertions)]
pub fn inject_faults(environment: &BTreeMap<OsString, OsString>) {
    assert!(!environment.contains_key(OsStr::new("PANIC_ON_PURPOSE")), "requested by a test");
    if environment.contains_key(OsStr::new("STUCK_ON_PURPOSE")) {
        privilege::simulate_not_restored();
    }
}

/// Replaces the default hook, which writes to stderr and may wait for its reader.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut message) = MESSAGE.try_lock() {
            *message = Some(panic.to_string());
        }
    }));
}

/// Returns the message of the last panic.
pub fn take() -> String {
    let message = MESSAGE.try_lock().ok().and_then(|mut message| message.take());
    format!("internal error: {}", message.as_deref().unwrap_or("its message is unknown"))
}
