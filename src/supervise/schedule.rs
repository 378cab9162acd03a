//! When a periodic oneshot runs next (`every`): arithmetic. Must not know states.

use std::time::Duration;

use super::EngineTime;
use crate::config::values::ServiceName;

/// A run comes later by up to this part of the period, so that many containers do not do the same thing at once.
const SPREAD: u32 = 20;
/// … and by no more than this.
const MAX_SPREAD: Duration = Duration::from_secs(60);

/// Returns the pause from `now` to the next run: the first one after `now` that lies a whole number of periods behind
/// `started`, so that runs missed by a long run or a stopped machine are not caught up.
pub(super) fn pause(name: &ServiceName, run: u32, started: EngineTime, now: EngineTime, every: Duration) -> Duration {
    let every = every.max(Duration::from_millis(1));
    let elapsed = now.since(started).as_nanos();
    let periods = (elapsed / every.as_nanos()).saturating_add(1);
    let until = u32::try_from(periods).map_or(Duration::MAX, |periods| every.saturating_mul(periods));
    until.saturating_sub(now.since(started)).saturating_add(spread(name, run, every))
}

/// The same for the same service and run: FNV-1a.
fn spread(name: &ServiceName, run: u32, every: Duration) -> Duration {
    let bytes = name.as_str().bytes().chain(run.to_le_bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let most = (every / SPREAD).min(MAX_SPREAD);
    most.saturating_mul(hash % 1024) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> EngineTime {
        EngineTime(Duration::from_secs(seconds))
    }

    fn seconds(started: u64, now: u64, every: u64) -> u64 {
        let name = ServiceName::new("job").expect("a name");
        let every = Duration::from_secs(every);
        let pause = pause(&name, 1, at(started), at(now), every);
        let spread = spread(&name, 1, every);
        assert!(spread <= every / SPREAD && spread <= MAX_SPREAD);
        (pause - spread).as_secs()
    }

    #[test]
    fn runs_lie_whole_periods_apart_and_missed_ones_are_not_caught_up() {
        assert_eq!(seconds(100, 110, 3600), 3590);
        assert_eq!(seconds(100, 100, 3600), 3600);
        assert_eq!(seconds(0, 25, 10), 5);
        assert_eq!(seconds(0, 30, 10), 10);
    }

    #[test]
    fn runs_of_different_services_are_spread() {
        let every = Duration::from_secs(3600);
        let spreads = ["a", "b", "c"].map(|name| spread(&ServiceName::new(name).expect("a name"), 1, every));
        assert!(spreads[0] != spreads[1] && spreads[1] != spreads[2]);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let name = ServiceName::new("job").expect("a name");
        assert!(pause(&name, u32::MAX, at(0), EngineTime(Duration::MAX), Duration::ZERO) > Duration::ZERO);
        assert!(pause(&name, 0, EngineTime(Duration::MAX), at(0), Duration::MAX) > Duration::ZERO);
    }
}
