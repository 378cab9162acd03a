//! The oracle's model of the second reading of the definitions.

use std::collections::BTreeSet;

use stepdown::supervise::{Id, RereadOrder, Start};

use super::constants::EXIT_WRONG;
use super::{Oracle, Property, ServiceState};

/// How far the second reading is.
#[derive(Clone, Debug, Default)]
pub enum RereadModel {
    /// It is over, or there is none.
    #[default]
    Over,
    /// It comes after these, which have not come yet.
    Awaits(BTreeSet<Id>),
    /// It was requested.
    UnderWay,
}

impl Oracle {
    pub fn begin_rereading(&mut self) {
        let before = |id: &Id| self.services[id.0].spec.reread == RereadOrder::Before;
        let before: BTreeSet<Id> = self.ids().filter(before).collect();
        self.rereading = if before.is_empty() { RereadModel::Over } else { RereadModel::Awaits(before) };
    }

    pub fn is_rereading_over(&self) -> bool {
        matches!(self.rereading, RereadModel::Over)
    }

    /// Whether the second reading keeps it from its start.
    pub fn waits_for_rereading(&self, id: Id) -> bool {
        let is_released = self.main == Some(id) && self.main_is_released;
        self.services[id.0].spec.reread == RereadOrder::After && !self.is_rereading_over() && !is_released
    }

    /// Returns whether all before it have come, and it was not requested.
    fn is_rereading_due(&mut self) -> bool {
        let RereadModel::Awaits(before) = self.rereading.clone() else { return false };
        let left: BTreeSet<Id> = before.into_iter().filter(|id| !self.satisfies_after(*id)).collect();
        let is_due = left.is_empty();
        self.rereading = RereadModel::Awaits(left);
        is_due
    }

    pub fn judge_reread(&mut self) {
        let is_due = self.is_rereading_due() && self.running();
        let model = self.rereading.clone();
        self.check(is_due, Property::TheSecondReadingHasItsOrder, || format!("requested: {model:?}"));
        self.rereading = RereadModel::UnderWay;
    }

    /// Checks that it was requested as soon as possible.
    pub fn check_rereading(&mut self) {
        let is_due = self.begun && self.running() && self.is_rereading_due();
        self.check(!is_due, Property::TheSecondReadingHasItsOrder, || "it was not requested".to_owned());
    }

    /// Services whose definitions may not be used fail, as soon as these are theirs.
    pub fn hold_back(&mut self) {
        for id in self.ids() {
            let service = &mut self.services[id.0];
            let is_due = service.spec.start == Start::HeldBack
                && matches!(service.state, ServiceState::Down)
                && service.pending_spec.is_none()
                && !service.removed;
            if is_due {
                (service.state, service.wanted, service.code) = (ServiceState::Failed, false, Some(EXIT_WRONG));
                self.last_failure = Some(EXIT_WRONG);
                self.obligations.failed.insert(id);
                self.obligations.essentials.extend(self.services[id.0].spec.essential.then_some(id));
                self.obligations.unpropagated_failures.push_back(id);
            }
        }
    }

    pub fn reread_ended(&mut self) {
        if !matches!(self.rereading, RereadModel::UnderWay) {
            return;
        }
        self.rereading = RereadModel::Over;
        let awaited = |id: &Id| {
            let spec = &self.services[id.0].spec;
            spec.reread == RereadOrder::After && spec.holds_main && self.main != Some(*id)
        };
        let awaited: Vec<Id> = self.ids().filter(awaited).collect();
        if let Some(start) = &mut self.start {
            start.unsettled.extend(awaited);
        }
    }
}
