//! When a longrun is restarted, and how fast. Must not know how restarts are counted.

use std::time::Duration;

/// The first back-off delay.
pub const RESTART_DELAY: Duration = Duration::from_secs(1);
/// A run without a readiness check of this length had come up: one failure after it is no sign of a broken service.
pub const CAME_UP_AFTER: Duration = Duration::from_secs(1);
/// The shortest delay of the back-off: without one a broken service would be a busy loop. (s6 waits a second.)
pub const MIN_RESTART_DELAY: Duration = Duration::from_millis(100);
/// The longest delay; delays double up to it.
pub const RESTART_MAX_DELAY: Duration = Duration::from_secs(30);
/// Consecutive failures until a service is *failed*.
pub const RESTART_LIMIT: u32 = 10;
/// A run of this length is stable: the count of failures is reset.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);

/// When a longrun is restarted, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// After which exits.
    pub policy: RestartPolicy,
    /// How long after them.
    pub pause: RestartPause,
    /// Consecutive failures until it is failed; `None`: never (also an s6 directory without `max-death-tally`, as under s6).
    pub limit: Option<u32>,
}

impl Restart {
    /// Returns the rule of a native service that says no more than the policy.
    pub const fn standard(policy: RestartPolicy) -> Self {
        let pause = RestartPause::Backoff { delay: RESTART_DELAY, max_delay: RESTART_MAX_DELAY };
        Self { policy, pause, limit: Some(RESTART_LIMIT) }
    }
}

/// How long a longrun stays down before it is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPause {
    /// Not at all after the first of several failures, if it had come up: it had been ready, or up for [`CAME_UP_AFTER`].
    /// From the second on delays double, until a run is stable.
    Backoff {
        /// The first delay.
        delay: Duration,
        /// Delays double up to this one.
        max_delay: Duration,
    },
    /// s6-supervise's rule: at once, but at least this long after the latest start.
    StartInterval(Duration),
}

/// After which exits a longrun is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// After any exit.
    Always,
    /// After a code that is not in `success_codes`, or a signal.
    OnFailure,
    /// Never.
    Never,
}
