//! When a state that a client waits for is reached, and when it never will be. Values only.

use super::protocol::Until;
use crate::supervise::Phase;

/// Whether one service has reached the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitState {
    /// It is in the state that was waited for.
    Reached,
    /// It will not be, unless it is started or stopped manually.
    Never,
    /// It may still be.
    NotYet,
}

/// Returns whether the state is reached. `was_started`: the request itself started the service, so that being down again is a
/// failure; `stopping`: the container is stopping, and nothing starts any more.
pub fn wait_state(until: Until, phase: Phase, was_started: bool, stopping: bool) -> WaitState {
    let rising = if stopping { WaitState::Never } else { WaitState::NotYet };
    match (until, phase) {
        // What requires a scheduled oneshot does not wait for its time.
        (Until::Ready, Phase::Up | Phase::Done | Phase::Scheduled | Phase::Resting)
        | (Until::Done, Phase::Done | Phase::Resting)
        | (Until::Down, Phase::Down | Phase::Failed) => WaitState::Reached,
        (Until::Ready | Until::Done, Phase::Failed) => WaitState::Never,
        // It was started and has exited.
        (Until::Ready | Until::Done, Phase::Down | Phase::Backoff) if was_started => WaitState::Never,
        (Until::Ready | Until::Done, _) => rising,
        (Until::Down, _) => WaitState::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_reached_awaited_or_given_up() {
        let reached = |until| {
            let all = Phase::ALL.into_iter();
            all.filter(|phase| wait_state(until, *phase, false, false) == WaitState::Reached).collect::<Vec<_>>()
        };
        assert_eq!(reached(Until::Ready), [Phase::Up, Phase::Scheduled, Phase::Resting, Phase::Done]);
        assert_eq!(reached(Until::Done), [Phase::Resting, Phase::Done]);
        assert_eq!(reached(Until::Down), [Phase::Down, Phase::Failed]);
        assert_eq!(wait_state(Until::Ready, Phase::Failed, false, false), WaitState::Never);
    }

    #[test]
    fn one_that_was_just_asked_to_start_and_is_down_has_ended() {
        assert_eq!(wait_state(Until::Ready, Phase::Down, true, false), WaitState::Never);
        assert_eq!(wait_state(Until::Ready, Phase::Backoff, true, false), WaitState::Never);
        assert_eq!(wait_state(Until::Ready, Phase::Backoff, false, false), WaitState::NotYet);
        assert_eq!(wait_state(Until::Ready, Phase::Down, false, false), WaitState::NotYet);
        assert_eq!(wait_state(Until::Down, Phase::Up, true, false), WaitState::NotYet);
    }

    #[test]
    fn nothing_rises_any_more_while_the_container_stops() {
        for phase in [Phase::Waiting, Phase::Starting, Phase::Down, Phase::Backoff] {
            assert_eq!(wait_state(Until::Ready, phase, false, true), WaitState::Never);
            assert_eq!(wait_state(Until::Done, phase, false, true), WaitState::Never);
        }
        assert_eq!(wait_state(Until::Down, Phase::Stopping, false, true), WaitState::NotYet);
    }
}
