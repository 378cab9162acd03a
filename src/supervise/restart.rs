//! When a service is started again, and how soon: arithmetic. Must not know states or clocks.

use std::time::Duration;

use crate::config::restart::{MIN_RESTART_DELAY, Restart, RestartPause, RestartPolicy, STABLE_AFTER};

/// What a service's latest ends amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RestartHistory {
    /// Consecutive failures.
    failures: u32,
    /// The latest delay of the back-off since the last stable run.
    delay: Option<Duration>,
}

/// How a run ended, as far as the restart rule needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunResult {
    /// By itself, with a success code.
    pub(super) succeeded: bool,
    /// How long ago it was started; zero if it was not.
    pub(super) since_start: Duration,
    /// How long it was up, if it ever was.
    pub(super) up: Option<Duration>,
    /// It was ready, or up for [`CAME_UP_AFTER`](crate::config::restart::CAME_UP_AFTER).
    pub(super) came_up: bool,
}

/// What the restart rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestartDecision {
    /// Started again after the pause; consecutive failures so far.
    Restart { pause: Duration, failures: u32 },
    /// The policy is not to.
    Never,
    /// The limit of consecutive failures is reached.
    Limit(u32),
}

impl RestartHistory {
    /// Returns what follows this end, and counts it.
    ///
    /// Ends are counted up to `rule.limit`; a stable run starts the count again. A success counts like a failure where it
    /// came too soon to be stable: under `always` it would be a busy loop otherwise.
    pub(super) fn after(&mut self, ended: RunResult, rule: &Restart) -> RestartDecision {
        match (rule.policy, ended.succeeded) {
            (RestartPolicy::Never, _) | (RestartPolicy::OnFailure, true) => return RestartDecision::Never,
            (RestartPolicy::Always, _) | (RestartPolicy::OnFailure, false) => {}
        }
        let stable = ended.up.is_some_and(|up| up >= STABLE_AFTER);
        if stable {
            *self = Self::default();
        }
        if !(stable && ended.succeeded) {
            self.failures = self.failures.saturating_add(1);
        }
        if rule.limit.is_some_and(|limit| self.failures > 0 && self.failures >= limit) {
            return RestartDecision::Limit(self.failures);
        }
        let pause = match rule.pause {
            RestartPause::Backoff { .. } if ended.came_up && self.failures <= 1 => Duration::ZERO,
            RestartPause::Backoff { delay, max_delay } => self.next_delay(delay, max_delay),
            RestartPause::StartInterval(interval) => interval.saturating_sub(ended.since_start),
        };
        RestartDecision::Restart { pause, failures: self.failures }
    }

    /// Returns the next delay of the back-off.
    fn next_delay(&mut self, delay: Duration, max_delay: Duration) -> Duration {
        let first = delay.max(MIN_RESTART_DELAY);
        let next = self.delay.map_or(first, |last| last.saturating_mul(2)).min(max_delay.max(first));
        self.delay = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Too short to have come up.
    const SHORT: RunResult = failed_after(Duration::from_millis(400), false);
    /// It had come up.
    const UP: RunResult = failed_after(Duration::from_secs(59), true);
    const STABLE: RunResult = failed_after(STABLE_AFTER, true);
    const NEVER_UP: RunResult =
        RunResult { succeeded: false, since_start: Duration::from_secs(90), up: None, came_up: false };

    const fn failed_after(up: Duration, came_up: bool) -> RunResult {
        RunResult { succeeded: false, since_start: up, up: Some(up), came_up }
    }

    const fn succeeded(run: RunResult) -> RunResult {
        RunResult { succeeded: true, ..run }
    }

    fn rule(policy: RestartPolicy, limit: Option<u32>) -> Restart {
        Restart { limit, ..Restart::standard(policy) }
    }

    fn pauses(history: &mut RestartHistory, rule: &Restart, ends: &[RunResult]) -> Vec<f32> {
        ends.iter()
            .map(|end| match history.after(*end, rule) {
                RestartDecision::Restart { pause, .. } => pause.as_secs_f32(),
                RestartDecision::Never | RestartDecision::Limit(_) => -1.0,
            })
            .collect()
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let always = rule(RestartPolicy::Always, None);
        assert_eq!(
            pauses(&mut RestartHistory::default(), &always, &[SHORT; 8]),
            [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        );
    }

    #[test]
    fn the_first_failure_of_one_that_had_come_up_has_no_pause() {
        let always = rule(RestartPolicy::Always, None);
        let ends = [UP, UP, SHORT, UP, STABLE, UP, STABLE, SHORT];
        assert_eq!(pauses(&mut RestartHistory::default(), &always, &ends), [0.0, 1.0, 2.0, 4.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(pauses(&mut RestartHistory::default(), &always, &[SHORT, UP]), [1.0, 2.0]);
    }

    #[test]
    fn a_stable_run_starts_the_count_again() {
        let mut history = RestartHistory::default();
        let always = rule(RestartPolicy::Always, Some(4));
        assert_eq!(pauses(&mut history, &always, &[SHORT, SHORT, STABLE, SHORT, SHORT]), [1.0, 2.0, 0.0, 1.0, 2.0]);
        assert_eq!(history.after(SHORT, &always), RestartDecision::Limit(4));
    }

    #[test]
    fn s6_has_an_interval_between_two_starts_and_no_delay() {
        let pause = RestartPause::StartInterval(Duration::from_secs(1));
        let rule = Restart { policy: RestartPolicy::Always, pause, limit: None };
        let ends = [SHORT, SHORT, UP, UP, NEVER_UP, STABLE, SHORT];
        let pauses = pauses(&mut RestartHistory::default(), &rule, &ends);
        assert_eq!(pauses, [0.6, 0.6, 0.0, 0.0, 0.0, 0.0, 0.6]);
    }

    #[test]
    fn the_limit_is_reached_by_the_failure_of_that_number() {
        let mut history = RestartHistory::default();
        let three = rule(RestartPolicy::OnFailure, Some(3));
        assert_eq!(
            history.after(SHORT, &three),
            RestartDecision::Restart { pause: Duration::from_secs(1), failures: 1 }
        );
        assert_eq!(
            history.after(SHORT, &three),
            RestartDecision::Restart { pause: Duration::from_secs(2), failures: 2 }
        );
        assert_eq!(history.after(SHORT, &three), RestartDecision::Limit(3));
        for end in [STABLE, UP] {
            let one = rule(RestartPolicy::Always, Some(1));
            assert_eq!(RestartHistory::default().after(end, &one), RestartDecision::Limit(1));
        }
        assert_eq!(
            RestartHistory::default().after(SHORT, &rule(RestartPolicy::Always, Some(0))),
            RestartDecision::Limit(1)
        );
    }

    #[test]
    fn a_quick_success_under_always_counts_and_a_stable_one_does_not() {
        let mut history = RestartHistory::default();
        let always = rule(RestartPolicy::Always, Some(2));
        let quick = succeeded(SHORT);
        assert_eq!(
            history.after(quick, &always),
            RestartDecision::Restart { pause: Duration::from_secs(1), failures: 1 }
        );
        assert_eq!(
            history.after(succeeded(STABLE), &always),
            RestartDecision::Restart { pause: Duration::ZERO, failures: 0 }
        );
        assert_eq!(
            history.after(quick, &always),
            RestartDecision::Restart { pause: Duration::from_secs(1), failures: 1 }
        );
        assert_eq!(history.after(quick, &always), RestartDecision::Limit(2));
    }

    #[test]
    fn policies_say_after_which_ends() {
        let well = succeeded(SHORT);
        assert_eq!(
            RestartHistory::default().after(well, &rule(RestartPolicy::OnFailure, None)),
            RestartDecision::Never
        );
        for end in [SHORT, UP, NEVER_UP] {
            let never = rule(RestartPolicy::Never, None);
            assert_eq!(RestartHistory::default().after(end, &never), RestartDecision::Never);
        }
    }

    #[test]
    fn a_start_that_never_came_up_is_not_stable_however_long_it_took() {
        let mut history = RestartHistory::default();
        let always = rule(RestartPolicy::Always, None);
        assert_eq!(pauses(&mut history, &always, &[NEVER_UP; 3]), [1.0, 2.0, 4.0]);
    }

    #[test]
    fn no_configuration_makes_a_busy_loop_or_an_overflow() {
        let backoff = |delay, max_delay| RestartPause::Backoff { delay, max_delay };
        for (pause, last) in [
            (backoff(Duration::ZERO, Duration::ZERO), MIN_RESTART_DELAY),
            (backoff(Duration::ZERO, Duration::from_millis(300)), Duration::from_millis(300)),
            (backoff(Duration::MAX, Duration::MAX), Duration::MAX),
            (backoff(Duration::from_secs(5), Duration::ZERO), Duration::from_secs(5)),
        ] {
            let rule = Restart { pause, ..rule(RestartPolicy::Always, None) };
            for end in [SHORT, UP] {
                let mut history = RestartHistory::default();
                let mut before = if end.came_up { Duration::ZERO } else { MIN_RESTART_DELAY };
                for _ in 0..100 {
                    match history.after(end, &rule) {
                        RestartDecision::Restart { pause, failures } => {
                            assert!(pause >= before && (failures == 1 || pause >= MIN_RESTART_DELAY));
                            before = pause;
                        }
                        other @ (RestartDecision::Never | RestartDecision::Limit(_)) => panic!("{other:?}"),
                    }
                }
                assert_eq!(before, last);
            }
        }
    }
}
