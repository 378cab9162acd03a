//! The limit of the start as a whole, and which services keep the main command from its start. Must not know why there is one.

use super::start_rule::{StartInProgress, StartTimeoutAction};
use super::supervisor::Supervisor;
use super::{EngineTime, Id, Report, StopReason};

impl Supervisor {
    /// The start begins.
    pub(super) fn begin_start(&mut self) {
        self.unawaited = self.services.ids().filter(|id| !self.services[*id].spec.holds_main).collect();
        let awaited = |id: &Id| self.main != Some(*id) && self.services[*id].spec.holds_main;
        let unsettled = self.services.ids().filter(awaited).collect();
        self.start =
            self.start_limit.map(|limit| StartInProgress { until: self.now.plus(limit.timeout), limit, unsettled });
    }

    /// Returns when the start has taken too long, while it goes on.
    pub(super) fn start_deadline(&self) -> Option<EngineTime> {
        self.start.as_ref().map(|start| start.until)
    }

    /// Notes which services have come so far. Returns whether the start has taken too long, after what follows from that.
    pub(super) fn advance_start(&mut self) -> bool {
        let Some(mut start) = self.start.take() else { return false };
        start.unsettled.retain(|id| !self.services[*id].state.phase().satisfies_after());
        if start.unsettled.is_empty() && self.is_rereading_over() {
            return false;
        }
        if self.now < start.until {
            self.start = Some(start);
            return false;
        }
        let (after, on) = (start.limit.timeout, start.unsettled.into_iter().collect());
        match start.limit.then {
            StartTimeoutAction::StopContainer => self.begin_stop(StopReason::StartTimedOut { after, on }),
            StartTimeoutAction::StartMain => {
                self.report(Report::StartTimedOut { after, on });
                self.is_main_released = true;
                self.to_evaluate.extend(self.main);
            }
        }
        true
    }

    /// Whether a service may start, as far as the others are concerned.
    pub(super) fn may_start(&self, id: Id) -> bool {
        let nothing_holds_main = || self.graph.after(id).iter().all(|on| !self.holds_main(*on));
        let is_free = || self.services[id].counts.may_start() || (self.is_main(id) && nothing_holds_main());
        !self.waits_for_rereading(id) && is_free()
    }

    /// Whether the main command waits for a service.
    pub(super) fn holds_main(&self, on: Id) -> bool {
        let service = &self.services[on];
        let is_awaited = service.spec.holds_main || service.starts == 0;
        is_awaited && !self.is_main_released && !service.state.phase().satisfies_after()
    }
}
