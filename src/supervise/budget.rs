//! How long each service may take to stop: arithmetic. Must not know services or signals.

use std::time::Duration;

use super::EngineTime;

/// What is kept for every layer of the stop order that comes later (DESIGN §8), so that a service which hangs leaves
/// time to those it depends on.
pub const LAYER_RESERVE: Duration = Duration::from_millis(500);

/// How long after KILL a process may still be there. Longer means uninterruptible sleep: the stop goes on without it,
/// and the engine ends at most this much after its share of the container's budget ([`StopShares`]).
pub const REAP_GRACE: Duration = Duration::from_millis(250);

/// How the container's whole stop is shared out (DESIGN §8), so that all of it ends within its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopShares {
    /// The services' share, until everything is killed; [`REAP_GRACE`] follows.
    pub services: Duration,
    /// For killing what services left in sessions of their own.
    pub leftovers: Duration,
    /// For the last lines to be read.
    pub lines: Duration,
    /// For delays of the machine.
    pub margin: Duration,
}

impl StopShares {
    /// Shares a budget out. Of a small one the services have half: below 0.8 s it is exceeded, where KILL ends nothing, by
    /// no more than [`REAP_GRACE`].
    pub fn of(total: Duration) -> Self {
        let [leftovers, lines, margin] = [250, 400, 100].map(|most| Duration::from_millis(most).min(total / 16));
        let kept = REAP_GRACE + leftovers + lines + margin;
        Self { services: total.saturating_sub(kept).max(total / 2), leftovers, lines, margin }
    }
}

/// So long has a service that reads another one's output to end by itself after the end of its input, before it is
/// signalled: what is still in the pipe is not lost. At most half of its stop timeout.
pub const END_OF_INPUT_TIMEOUT: Duration = Duration::from_secs(1);

/// The deadline of a whole stop, shared out over its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    total: EngineTime,
    reserve: Duration,
}

impl Budget {
    /// Returns the budget of a stop of so many layers that begins now.
    ///
    /// Where the layers are so many that the reserves alone would use it up, the reserve is an equal share.
    pub(super) fn new(began: EngineTime, timeout: Duration, layers: u32) -> Self {
        let share = timeout.checked_div(layers.max(1)).unwrap_or_default();
        Self { total: began.plus(timeout), reserve: LAYER_RESERVE.min(share) }
    }

    /// Returns when everything is killed.
    pub(super) fn total(&self) -> EngineTime {
        self.total
    }

    /// Returns when a layer with so many `later` ones must be over: all that remains less the reserve of each.
    pub(super) fn layer_end(&self, later: u32) -> EngineTime {
        EngineTime(self.total.0.saturating_sub(self.reserve.saturating_mul(later)))
    }

    /// Returns when a service of that layer is killed; half a reserve earlier if a finish script has to follow.
    pub(super) fn kill_at(&self, later: u32, finish: bool) -> EngineTime {
        let end = self.layer_end(later);
        if finish { EngineTime(end.0.saturating_sub(self.reserve / 2)) } else { end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> EngineTime {
        EngineTime(Duration::from_millis(milliseconds))
    }

    #[test]
    fn each_layer_has_all_that_remains_less_half_a_second_for_every_later_one() {
        let budget = Budget::new(at(1_000), Duration::from_secs(8), 3);
        assert_eq!(budget.total(), at(9_000));
        assert_eq!([2, 1, 0].map(|later| budget.layer_end(later)), [at(8_000), at(8_500), at(9_000)]);
    }

    #[test]
    fn a_finish_script_has_half_a_reserve_of_its_own() {
        let budget = Budget::new(at(0), Duration::from_secs(8), 2);
        assert_eq!(budget.kill_at(1, true), at(7_250));
        assert_eq!(budget.kill_at(0, false), at(8_000));
    }

    #[test]
    fn many_layers_share_equally_and_the_first_still_has_its_share() {
        let budget = Budget::new(at(0), Duration::from_secs(8), 80);
        assert_eq!(budget.layer_end(79), at(100));
        assert_eq!(budget.layer_end(0), at(8_000));
    }

    #[test]
    fn all_that_a_stop_does_ends_within_its_budget() {
        for total in (0..60_000).map(Duration::from_millis).chain([Duration::MAX]) {
            let StopShares { services, leftovers, lines, margin } = StopShares::of(total);
            let all = services.saturating_add(REAP_GRACE + leftovers + lines + margin);
            let allowed = if total < Duration::from_millis(800) { total + REAP_GRACE } else { total };
            assert!(all <= allowed && services >= total / 2, "{total:?}");
        }
        assert_eq!(StopShares::of(Duration::from_secs(8)).services, Duration::from_secs(7));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let endless = Budget::new(at(5), Duration::MAX, u32::MAX);
        assert_eq!(endless.total(), EngineTime(Duration::MAX));
        assert!(endless.kill_at(u32::MAX, true) <= endless.total());
        let none = Budget::new(at(5), Duration::ZERO, 0);
        assert_eq!((none.total(), none.kill_at(9, true)), (at(5), at(5)));
    }
}
