//! The oracle's model of the second reading of the definitions.

use std::collections::BTreeSet;

use stepdown::supervise::{Id, RereadOrder};

use super::{Oracle, Property};

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
