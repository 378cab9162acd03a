//! The second reading of the definitions, between two groups of services: those before it may write what those after it are.
//! It is requested once; until it is over nothing that comes after it starts. Must not know what is read, or how.

use std::collections::BTreeSet;

use super::reread_state::Rereading;
use super::spec::RereadOrder;
use super::supervisor::Supervisor;
use super::{Action, Id};

impl Supervisor {
    /// The container begins.
    pub(super) fn begin_rereading(&mut self) {
        let is_before = |id: &Id| self.services[*id].spec.reread == RereadOrder::Before;
        let before: BTreeSet<Id> = self.services.ids().filter(is_before).collect();
        self.rereading = if before.is_empty() { Rereading::Over } else { Rereading::Awaits(before) };
    }

    /// Requests the second reading once all before it has come. Returns whether it was requested now.
    pub(super) fn advance_rereading(&mut self) -> bool {
        let Rereading::Awaits(before) = &mut self.rereading else { return false };
        before.retain(|id| !self.services[*id].state.phase().satisfies_after());
        if !before.is_empty() {
            return false;
        }
        self.rereading = Rereading::UnderWay;
        self.out.push(Action::Reread);
        true
    }

    /// The definitions were read again, and what has changed was applied, or nothing was.
    pub(super) fn reread_ended(&mut self) {
        match self.rereading {
            Rereading::UnderWay => self.rereading = Rereading::Over,
            Rereading::Over | Rereading::Awaits(_) => return,
        }
        let is_after = |id: &Id| self.services[*id].spec.reread == RereadOrder::After;
        let after: Vec<Id> = self.services.ids().filter(is_after).collect();
        if let Some(start) = &mut self.start {
            let awaited = |id: &&Id| self.main != Some(**id) && self.services[**id].spec.holds_main;
            start.unsettled.extend(after.iter().filter(awaited));
        }
        self.to_evaluate.extend(after);
    }

    /// Returns whether there is no second reading to come.
    pub(super) fn is_rereading_over(&self) -> bool {
        matches!(self.rereading, Rereading::Over)
    }

    /// Returns whether it waits for the second reading.
    pub fn waits_for_rereading(&self, id: Id) -> bool {
        let is_after = self.services.has(id) && self.services[id].spec.reread == RereadOrder::After;
        is_after && !self.is_rereading_over() && !(self.is_main(id) && self.is_main_released)
    }
}
