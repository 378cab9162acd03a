//! The times and signals that the oracle judges by, written down a second time: taken from the engine, they could not show
//! that it has others. `tests/architecture.rs` checks that the oracle imports types alone.

use std::time::Duration;

use stepdown::config::values::Signal;

/// How long after KILL a process may still be there (DESIGN §8).
pub const REAP_GRACE: Duration = Duration::from_millis(250);

/// What the stop keeps for every layer that comes later (DESIGN §8).
pub const LAYER_RESERVE: Duration = Duration::from_millis(500);

/// How long a service that reads another one's output may take to end by itself, after the end of its input.
pub const END_OF_INPUT_TIMEOUT: Duration = Duration::from_secs(1);

/// The code of a service that is held back because of its definition: the configuration is wrong (DESIGN §8).
pub const EXIT_WRONG: u8 = 100;

/// Between two probes of a `wait_for` target (DESIGN §4).
pub const WAIT_FOR_PAUSE: Duration = Duration::from_secs(1);

/// How long the main command waits before it is reported what for; then twice as long each time (the book, "Services").
pub const MAIN_WAIT_REPORT_PAUSE: Duration = Duration::from_secs(5);
/// … and at least this often.
pub const MAIN_WAIT_REPORT_MAX_PAUSE: Duration = Duration::from_secs(300);

/// Between the first two readiness probes of a service (DESIGN §4, `ready`).
pub const FIRST_READY_PAUSE: Duration = Duration::from_millis(20);

/// The shortest pause between two starts (DESIGN §4, `restart`).
pub const MIN_RESTART_DELAY: Duration = Duration::from_millis(100);

/// So long up, and the failures before do not count any more (DESIGN §4, `restart`).
pub const STABLE_AFTER: Duration = Duration::from_secs(60);

/// A run of this length without a readiness check had come up.
pub const CAME_UP_AFTER: Duration = Duration::from_secs(1);

/// Returns whether the kernel drops it when CONT comes after it (signal(7)).
pub fn is_stopping(signal: Signal) -> bool {
    matches!(signal.number(), 19..=22) // STOP, TSTP, TTIN, TTOU
}

/// Returns whether it asks PID 1 alone for a stop, so that no service is sent it.
pub fn is_for_pid_one(signal: Signal) -> bool {
    matches!(signal.number(), 30 | 37) // PWR, RTMIN+3
}
