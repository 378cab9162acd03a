//! The oracle's model of reloads: which services are new, changed and removed, and when a new definition applies.

use std::collections::{BTreeMap, BTreeSet};

use stepdown::config::values::ServiceName;
use stepdown::supervise::{EngineTime, Id, Role, Setup, Spec, Start};

use super::{NEVER, Oracle, ProbeModel, Property, ServiceModel, ServiceState};

impl Oracle {
    /// Notes another set of services before the engine gets it.
    pub fn reload(&mut self, now: EngineTime, setup: &Setup, changed: &BTreeSet<ServiceName>) {
        if self.running() {
            self.now = now;
            self.replace(setup, changed);
            self.propagate();
        }
    }

    fn replace(&mut self, setup: &Setup, changed: &BTreeSet<ServiceName>) {
        let named = |service: &ServiceModel| service.spec.name.clone();
        let there = |id: &Id| self.main != Some(*id) && !self.removal_done.contains(id);
        let known: BTreeMap<ServiceName, Id> =
            self.ids().filter(there).map(|id| (named(&self.services[id.0]), id)).collect();
        // The lowest id that is free, or a new one.
        let mut ids: Vec<Id> = self.free.iter().copied().collect();
        let added = setup.specs.iter().filter(|spec| !known.contains_key(&spec.name));
        ids.extend((self.services.len()..).map(Id).take(added.clone().count()));
        let added: BTreeMap<&ServiceName, Id> = added.map(|spec| &spec.name).zip(ids).collect();
        let id = |name: &ServiceName| known.get(name).or_else(|| added.get(name)).copied().expect("a service");
        let edges = |ids: &[Id]| ids.iter().map(|place| id(&setup.specs[place.0].name)).collect();
        let (mut affected, mut reordered) = (BTreeSet::new(), BTreeSet::new());
        for spec in &setup.specs {
            let spec = Spec { requires: edges(&spec.requires), after: edges(&spec.after), ..spec.clone() };
            let Some(id) = known.get(&spec.name).copied() else {
                let id = added[&spec.name];
                if id.0 < self.services.len() {
                    self.services[id.0] = ServiceModel::new(spec);
                } else {
                    self.services.push(ServiceModel::new(spec));
                }
                self.free.remove(&id);
                self.removal_done.remove(&id);
                continue;
            };
            if changed.contains(&spec.name) || self.services[id.0].removed {
                affected.insert(id);
                self.change(id, spec);
            } else if self.reorder(id, spec) {
                reordered.insert(id);
            }
        }
        for (name, id) in &known {
            if !setup.specs.iter().any(|spec| spec.name == *name) {
                let service = &mut self.services[id.0];
                (service.removed, service.wanted, service.stopped_manually, service.pending_spec) =
                    (true, false, false, None);
                if let ServiceState::Pending(_) | ServiceState::WaitForProbing(_) = service.state {
                    service.state = ServiceState::Down;
                }
                affected.insert(*id);
            }
        }
        self.added = added.into_values().collect();
        self.update_edges();
        self.obligations.definitions_changed = true;
        self.obligations.reload = Some(affected);
        self.obligations.reordered = reordered;
    }

    /// A service that has not changed depends on these now; one that has a new definition yet to apply, when that does. Returns
    /// whether it depends on others by now.
    fn reorder(&mut self, id: Id, Spec { requires, after, .. }: Spec) -> bool {
        let service = &mut self.services[id.0];
        let spec = service.pending_spec.as_mut().unwrap_or(&mut service.spec);
        if (&spec.requires, &spec.after) == (&requires, &after) {
            return false;
        }
        (spec.requires, spec.after) = (requires.clone(), after);
        if service.pending_spec.is_some() {
            return false;
        }
        if service.failed_requirement.is_some_and(|failed| !requires.contains(&failed)) {
            self.restart_failed(vec![id]);
        }
        true
    }

    /// Starts those again that failed only because of a requirement, and those that failed because of them.
    fn restart_failed(&mut self, mut all: Vec<Id>) {
        while let Some(failed) = all.pop() {
            let now = self.now;
            let service = &mut self.services[failed.0];
            if matches!(service.state, ServiceState::Failed) && !service.removed {
                (service.state, service.wanted, service.failed_requirement) = (ServiceState::Pending(now), true, None);
                (service.failures, service.delays) = (0, 0);
                (service.failing, service.was_up, service.was_requested) = (None, false, true);
                all.extend(self.ids().filter(|id| self.services[id.0].failed_requirement == Some(failed)));
            }
        }
    }

    fn change(&mut self, id: Id, spec: Spec) {
        let goes_on = !self.waits_for_rereading(id);
        let service = &mut self.services[id.0];
        (service.removed, service.stopped_manually, service.once) = (false, false, false);
        service.wanted = spec.start == Start::Wanted || (service.wanted && spec.start == Start::Down && goes_on);
        let wanted = service.wanted;
        service.pending_spec = Some(spec);
        let stop_sent = |proc: &super::ProcessModel| {
            proc.role != Role::Run || !proc.leader || proc.stop_sent || proc.killed_at.is_some()
        };
        if wanted && self.proc(id).is_some_and(|proc| !stop_sent(proc)) {
            self.obligations.restarts.insert(id);
        }
    }

    /// Judges that a new definition applies: no process of the old one may be left, and its stop command must have run.
    pub fn judge_apply_reload(&mut self, id: Id) {
        let fits = self.running() && !self.has_process(id) && !self.needs_stop_command(id);
        let state = self.services[id.0].state.clone();
        self.check(fits, Property::AChangedServiceIsRestartedOnce, || format!("{id:?} is {state:?}"));
        let service = &mut self.services[id.0];
        let Some(spec) = service.pending_spec.take() else {
            return self.violate(Property::AChangedServiceIsRestartedOnce, format!("{id:?} has not changed"));
        };
        *service = ServiceModel {
            wanted: service.wanted && spec.start != Start::HeldBack,
            code: service.code,
            stopped_manually: service.stopped_manually,
            probe: ProbeModel { open: service.probe.open, ..ProbeModel::default() },
            ..ServiceModel::new(spec)
        };
        let failed = self.ids().filter(|other| self.services[other.0].failed_requirement == Some(id)).collect();
        self.restart_failed(failed);
        self.obligations.definitions_changed = true;
    }

    /// Judges a removal: a reload has removed the service, and it has ended.
    pub fn judge_removal(&mut self, id: Id) {
        let ServiceModel { removed, state, .. } = &self.services[id.0];
        // The container may begin to stop in the same step, because nothing is left.
        let fits = *removed
            && matches!(state, ServiceState::Down | ServiceState::Failed)
            && self.exit.is_none()
            && !self.removal_done.contains(&id);
        let text = format!("{id:?} is {state:?}, removed: {removed}");
        self.check(fits, Property::TheIdOfARemovedServiceIsReleasedOnce, || text);
        self.removal_done.insert(id);
        for service in &mut self.services {
            service.spec.requires.retain(|below| *below != id);
            service.spec.after.retain(|below| *below != id);
        }
        self.services[id.0].spec.requires.clear();
        self.services[id.0].spec.after.clear();
        self.update_edges();
    }

    /// Its id may be given to another one.
    pub fn id_released(&mut self, id: Id) {
        if self.removal_done.contains(&id) {
            self.free.insert(id);
        }
    }

    /// Checks that the removal of each removed service that has ended is done, and that there are no more ids than services
    /// have needed at once.
    pub fn check_ids(&mut self, ids: usize) {
        let left = |id: &Id| {
            let ServiceModel { removed, state, .. } = &self.services[id.0];
            *removed && matches!(state, ServiceState::Down | ServiceState::Failed) && !self.removal_done.contains(id)
        };
        let left: Vec<Id> = self.ids().filter(left).collect();
        let all = self.services.len();
        let fits = !self.running() || left.is_empty();
        self.check(fits, Property::TheIdOfARemovedServiceIsReleasedOnce, || format!("{left:?} have not"));
        self.check(ids == all, Property::TheIdOfARemovedServiceIsReleasedOnce, || format!("{ids} places, not {all}"));
    }

    /// Services that are wanted for the first time begin to wait.
    fn begin_to_wait(&mut self) {
        self.update_edges();
        for _ in self.ids() {
            for id in self.ids() {
                for on in self.services[id.0].spec.requires.clone() {
                    let ServiceModel { was_started, stopped_manually, removed, state, spec, pending_spec, .. } =
                        &self.services[on.0];
                    let free = !was_started
                        && !stopped_manually
                        && !removed
                        && matches!(state, ServiceState::Down)
                        && pending_spec.is_none();
                    let above = &self.services[id.0];
                    let needs = above.wanted && above.spec.start != Start::AlreadyDone;
                    let pulled = needs && free && spec.start == Start::Down;
                    self.services[on.0].wanted |= pulled;
                }
            }
        }
        for service in &mut self.services {
            if !service.was_started
                && service.wanted
                && matches!(service.state, ServiceState::Down)
                && service.pending_spec.is_none()
            {
                service.was_requested = true;
                service.state =
                    if service.spec.scheduled { ServiceState::Resting(NEVER) } else { ServiceState::Pending(self.now) };
            }
        }
    }

    /// All definitions that can be applied are: now the dependents of failed requirements are known, and whether the container
    /// stops.
    pub fn settle_definitions(&mut self) {
        if self.settle_failures() {
            self.obligations.definitions_changed = false;
            self.propagate();
        }
    }

    /// The same, but for the stop: it begins with the failure of an essential service, and until that is reported others fail,
    /// and what a reload stops is stopped. Returns whether anything is to be settled.
    pub fn settle_failures(&mut self) -> bool {
        let left = |service: &mut ServiceModel| {
            let ended = service.removed && matches!(service.state, ServiceState::Down | ServiceState::Failed);
            let edges = !service.spec.requires.is_empty() || !service.spec.after.is_empty();
            if ended && edges {
                (service.spec.requires, service.spec.after) = (Vec::new(), Vec::new());
            }
            ended && edges
        };
        let cleared = self.running() && self.services.iter_mut().map(left).filter(|cleared| *cleared).count() > 0;
        let definitions_changed = std::mem::take(&mut self.obligations.definitions_changed);
        if cleared || definitions_changed {
            self.begin_to_wait();
        }
        if !definitions_changed {
            return false;
        }
        if self.running() {
            self.hold_back();
        }
        self.propagate_failures();
        self.obligations.definitions_changed = true;
        true
    }

    /// Checks that a new definition is applied as soon as possible.
    pub fn check_reload(&mut self, id: Id) {
        let due = self.running() && self.services[id.0].pending_spec.is_some() && !self.has_process(id);
        self.check(!due, Property::AChangedServiceIsRestartedOnce, || format!("{id:?} has its old definition still"));
    }
}
