//! When a service is started again, and how soon: arithmetic. Must not know states or clocks.

use std::time::Duration;

use crate::config::service::{MIN_RESTART_DELAY, Restart, RestartPolicy, STABLE_AFTER};

/// What a service's latest ends amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RestartHistory {
    /// Consecutive failures.
    failures: u32,
    /// The latest pause since the last stable run.
    pause: Option<Duration>,
}

/// How a run ended, as far as the restart rule needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunResult {
    /// By itself, with a success code, after having been up this long.
    Success(Duration),
    /// In any other way, or never started; how long it had been up, if it ever was.
    Failure(Option<Duration>),
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
    /// The first end after a stable run is followed by a start at once. From then on pauses double, from
    /// `rule.delay` to `rule.max_delay`, and ends are counted up to `rule.limit`. A success counts like a failure
    /// where it came too soon to be stable: under `always` it would be a busy loop otherwise.
    pub(super) fn after(&mut self, ended: RunResult, rule: &Restart) -> RestartDecision {
        match (rule.policy, ended) {
            (RestartPolicy::Never, _) | (RestartPolicy::OnFailure, RunResult::Success(_)) => {
                return RestartDecision::Never;
            }
            (RestartPolicy::Always, _) | (RestartPolicy::OnFailure, RunResult::Failure(_)) => {}
        }
        let stable = match ended {
            RunResult::Success(up) | RunResult::Failure(Some(up)) => up >= STABLE_AFTER,
            RunResult::Failure(None) => false,
        };
        if stable {
            *self = Self::default();
        }
        match ended {
            RunResult::Success(_) if stable => {}
            RunResult::Success(_) | RunResult::Failure(_) => self.failures = self.failures.saturating_add(1),
        }
        if rule.limit.is_some_and(|limit| self.failures > 0 && self.failures >= limit) {
            return RestartDecision::Limit(self.failures);
        }
        let pause = if stable { Duration::ZERO } else { self.pause(rule) };
        RestartDecision::Restart { pause, failures: self.failures }
    }

    fn pause(&mut self, rule: &Restart) -> Duration {
        let first = rule.delay.max(MIN_RESTART_DELAY);
        let pause = self.pause.map_or(first, |last| last.saturating_mul(2)).min(rule.max_delay.max(first));
        self.pause = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: RunResult = RunResult::Failure(Some(Duration::from_secs(59)));
    const STABLE: RunResult = RunResult::Failure(Some(STABLE_AFTER));

    fn rule(policy: RestartPolicy, limit: Option<u32>) -> Restart {
        Restart { policy, delay: Duration::from_secs(1), max_delay: Duration::from_secs(30), limit }
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
    fn pauses_double_up_to_the_cap() {
        let always = rule(RestartPolicy::Always, None);
        assert_eq!(
            pauses(&mut RestartHistory::default(), &always, &[SHORT; 8]),
            [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        );
    }

    #[test]
    fn the_first_end_after_a_stable_run_has_no_pause_and_starts_the_count_again() {
        let mut history = RestartHistory::default();
        let always = rule(RestartPolicy::Always, Some(4));
        assert_eq!(pauses(&mut history, &always, &[SHORT, SHORT, STABLE, SHORT, SHORT]), [1.0, 2.0, 0.0, 1.0, 2.0]);
        assert_eq!(history.after(SHORT, &always), RestartDecision::Limit(4));
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
        assert_eq!(
            RestartHistory::default().after(STABLE, &rule(RestartPolicy::Always, Some(1))),
            RestartDecision::Limit(1)
        );
        assert_eq!(
            RestartHistory::default().after(SHORT, &rule(RestartPolicy::Always, Some(0))),
            RestartDecision::Limit(1)
        );
    }

    #[test]
    fn a_quick_success_under_always_counts_and_a_stable_one_does_not() {
        let mut history = RestartHistory::default();
        let always = rule(RestartPolicy::Always, Some(2));
        let quick = RunResult::Success(Duration::from_secs(1));
        assert_eq!(
            history.after(quick, &always),
            RestartDecision::Restart { pause: Duration::from_secs(1), failures: 1 }
        );
        assert_eq!(
            history.after(RunResult::Success(STABLE_AFTER), &always),
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
        let well = RunResult::Success(Duration::ZERO);
        assert_eq!(
            RestartHistory::default().after(well, &rule(RestartPolicy::OnFailure, None)),
            RestartDecision::Never
        );
        assert_eq!(RestartHistory::default().after(SHORT, &rule(RestartPolicy::Never, None)), RestartDecision::Never);
        assert_eq!(
            RestartHistory::default().after(RunResult::Failure(None), &rule(RestartPolicy::Never, None)),
            RestartDecision::Never
        );
    }

    #[test]
    fn a_start_that_never_came_up_is_not_stable_however_long_it_took() {
        let mut history = RestartHistory::default();
        let always = rule(RestartPolicy::Always, None);
        assert_eq!(pauses(&mut history, &always, &[RunResult::Failure(None); 3]), [1.0, 2.0, 4.0]);
    }

    #[test]
    fn no_configuration_makes_a_busy_loop_or_an_overflow() {
        let nothing = Restart { delay: Duration::ZERO, max_delay: Duration::ZERO, ..rule(RestartPolicy::Always, None) };
        let doubling = Restart { max_delay: Duration::from_millis(300), ..nothing.clone() };
        let endless = Restart { delay: Duration::MAX, max_delay: Duration::MAX, ..nothing.clone() };
        let upside_down = Restart { delay: Duration::from_secs(5), ..nothing.clone() };
        for (rule, last) in [
            (nothing, MIN_RESTART_DELAY),
            (doubling, Duration::from_millis(300)),
            (endless, Duration::MAX),
            (upside_down, Duration::from_secs(5)),
        ] {
            let mut history = RestartHistory::default();
            let mut before = MIN_RESTART_DELAY;
            for _ in 0..100 {
                match history.after(SHORT, &rule) {
                    RestartDecision::Restart { pause, .. } => {
                        assert!(pause >= before);
                        before = pause;
                    }
                    other @ (RestartDecision::Never | RestartDecision::Limit(_)) => panic!("{other:?}"),
                }
            }
            assert_eq!(before, last);
        }
    }
}
