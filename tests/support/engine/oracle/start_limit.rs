//! The oracle's model of the limit of the start.

use std::collections::BTreeSet;

use stepdown::supervise::{EngineTime, Id, StartLimit, StartTimeoutAction};

use super::{Oracle, Property, Reason};

/// The start, while it has a limit.
#[derive(Clone, Debug)]
pub struct StartModel {
    pub by: EngineTime,
    pub limit: StartLimit,
    /// Services that were neither up nor done nor failed yet.
    pub unsettled: BTreeSet<Id>,
}

impl Oracle {
    pub fn begin_start(&mut self) {
        let awaited = |id: &Id| self.main != Some(*id) && self.services[id.0].spec.holds_main;
        let unsettled = self.ids().filter(awaited).collect();
        self.start = self.start_limit.map(|limit| StartModel { by: self.now.plus(limit.timeout), limit, unsettled });
    }

    /// What has come so far, and what follows if that is too late.
    pub fn advance_start(&mut self) {
        let Some(mut start) = self.start.take().filter(|_| self.running()) else { return };
        start.unsettled.retain(|id| !self.satisfies_after(*id));
        if start.unsettled.is_empty() && self.is_rereading_over() {
            return;
        }
        if self.now < start.by {
            self.start = Some(start);
            return;
        }
        match start.limit.then {
            StartTimeoutAction::StopContainer => self.begin_stop(Reason::StartTimedOut),
            StartTimeoutAction::StartMain => {
                self.main_is_released = true;
                self.obligations.start_timed_out = Some(start.unsettled);
            }
        }
    }

    /// Whether the main command waits for it.
    pub fn holds_main(&self, on: Id) -> bool {
        let service = &self.services[on.0];
        let awaited = service.spec.holds_main || !service.was_ever_started;
        awaited && !self.main_is_released && !self.satisfies_after(on)
    }

    pub fn judge_start_timed_out(&mut self, on: &[Id]) {
        let expected = self.obligations.start_timed_out.take();
        let fits = expected == Some(on.iter().copied().collect());
        self.check(fits, Property::TheStartHasALimit, || format!("{on:?} instead of {expected:?}"));
    }

    /// Checks that the start is over in time.
    pub fn check_start(&mut self) {
        let now = self.now;
        if let Some(start) = &mut self.start {
            let settled: Vec<Id> = start.unsettled.iter().copied().collect();
            let settled: Vec<Id> = settled.into_iter().filter(|id| self.satisfies_after(*id)).collect();
            if let Some(start) = &mut self.start {
                start.unsettled.retain(|id| !settled.contains(id));
            }
        }
        let is_rereading_over = self.is_rereading_over();
        self.start.take_if(|start| start.unsettled.is_empty() && is_rereading_over);
        let late = self.running() && self.start.as_ref().is_some_and(|start| start.by <= now);
        self.check(!late, Property::TheStartHasALimit, || format!("now {now:?}"));
    }
}
