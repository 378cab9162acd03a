//! Waiting for a condition that no line of output announces.

use std::time::{Duration, Instant};

use super::try_container::LIMIT;

/// Waits until a condition is met.
#[track_caller]
pub fn wait_until(what: &str, is_met: impl FnMut() -> bool) {
    wait_until_or_show(what, is_met, String::new);
}

/// The same; a failure shows what `details` returns.
#[track_caller]
pub fn wait_until_or_show(what: &str, mut is_met: impl FnMut() -> bool, details: impl Fn() -> String) {
    let deadline = Instant::now() + LIMIT;
    while !is_met() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}{}", details());
        std::thread::sleep(Duration::from_millis(5));
    }
}
