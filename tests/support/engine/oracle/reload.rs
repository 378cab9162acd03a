//! The oracle's model of reloads: which services are new, changed and removed, and when a new definition applies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stepdown::config::values::ServiceName;
use stepdown::supervise::{EngineTime, Id, Role, Setup, Spec, Start};

use super::{NEVER, Oracle, ProbeModel, Property, ServiceModel, ServiceState};

impl Oracle {
    /// Takes note of another set of services that the engine is about to be given.
    pub fn reload(&mut self, now: EngineTime, setup: &Setup, changed: &BTreeSet<ServiceName>) {
        if self.running() {
            self.now = now;
            self.replace(setup, changed);
            self.propagate();
        }
    }

    fn replace(&mut self, setup: &Setup, changed: &BTreeSet<ServiceName>) {
        let named = |service: &ServiceModel| service.spec.name.clone();
        let there = |id: &Id| self.main != Some(*id) && !self.retired.contains(id);
        let known: BTreeMap<ServiceName, Id> =
            self.ids().filter(there).map(|id| (named(&self.services[id.0]), id)).collect();
        // The lowest place that is free, else one more.
        let mut places: Vec<Id> = self.free.iter().copied().collect();
        let fresh = setup.specs.iter().filter(|spec| !known.contains_key(&spec.name));
        places.extend((self.services.len()..).map(Id).take(fresh.clone().count()));
        let fresh: BTreeMap<&ServiceName, Id> = fresh.map(|spec| &spec.name).zip(places).collect();
        let id = |name: &ServiceName| known.get(name).or_else(|| fresh.get(name)).copied().expect("a service");
        let edges = |places: &[Id]| places.iter().map(|place| id(&setup.specs[place.0].name)).collect();
        let mut touched = BTreeSet::new();
        for spec in &setup.specs {
            let spec = Spec { requires: edges(&spec.requires), after: edges(&spec.after), ..spec.clone() };
            let Some(id) = known.get(&spec.name).copied() else {
                let id = fresh[&spec.name];
                if id.0 < self.services.len() {
                    self.services[id.0] = ServiceModel::new(spec);
                } else {
                    self.services.push(ServiceModel::new(spec));
                }
                self.free.remove(&id);
                self.retired.remove(&id);
                continue;
            };
            if changed.contains(&spec.name) || self.services[id.0].removed {
                touched.insert(id);
                self.change(id, spec);
            }
        }
        for (name, id) in &known {
            if !setup.specs.iter().any(|spec| spec.name == *name) {
                let service = &mut self.services[id.0];
                (service.removed, service.wanted, service.stopped_by_request, service.next) =
                    (true, false, false, None);
                if let ServiceState::Pending(_) | ServiceState::WaitForProbing(_) = service.state {
                    service.state = ServiceState::Down;
                }
                touched.insert(*id);
            }
        }
        self.fresh = fresh.into_values().collect();
        self.link();
        self.due.renewed = true;
        self.due.reload = Some(touched);
    }

    fn change(&mut self, id: Id, spec: Spec) {
        let service = &mut self.services[id.0];
        (service.removed, service.stopped_by_request) = (false, false);
        service.wanted = spec.start == Start::Wanted || (service.wanted && spec.start == Start::Down);
        let wanted = service.wanted;
        service.next = Some(spec);
        let stop_sent = |proc: &super::ProcessModel| {
            proc.role != Role::Run || !proc.leader || proc.stop_sent || proc.killed_at.is_some()
        };
        if wanted && self.proc(id).is_some_and(|proc| !stop_sent(proc)) {
            self.due.restarts.insert(id);
        }
    }

    /// Judges that a new definition applies: no process of the old one may be left, and its stop command must have run.
    pub fn judge_renewal(&mut self, id: Id) {
        let now = self.now;
        let fits = self.running() && !self.alive(id) && !self.is_undone_by_command(id);
        let state = self.services[id.0].state.clone();
        self.demand(fits, Property::WhatChangedIsRestartedOnce, || format!("{id:?} is {state:?}"));
        let service = &mut self.services[id.0];
        let Some(spec) = service.next.take() else {
            return self.violate(Property::WhatChangedIsRestartedOnce, format!("{id:?} has not changed"));
        };
        *service = ServiceModel {
            wanted: service.wanted,
            code: service.code,
            probe: ProbeModel { open: service.probe.open, ..ProbeModel::default() },
            ..ServiceModel::new(spec)
        };
        let mut revived = vec![id];
        while let Some(lost) = revived.pop() {
            for id in self.ids() {
                let service = &mut self.services[id.0];
                if matches!(service.state, ServiceState::Failed) && service.lost_for == Some(lost) && !service.removed {
                    (service.state, service.wanted, service.lost_for) = (ServiceState::Pending(now), true, None);
                    (service.failures, service.pauses, service.last_pause) = (0, 0, Duration::ZERO);
                    service.failing = None;
                    revived.push(id);
                }
            }
        }
        self.due.renewed = true;
    }

    /// Judges that a place is given up: it is one of a service that a reload has left out and that has ended.
    pub fn judge_retirement(&mut self, id: Id) {
        let ServiceModel { removed, state, .. } = &self.services[id.0];
        // The container may begin to stop in the same step, because nothing is left.
        let fits = *removed
            && matches!(state, ServiceState::Down | ServiceState::Failed)
            && self.exit.is_none()
            && !self.retired.contains(&id);
        let text = format!("{id:?} is {state:?}, gone: {removed}");
        self.demand(fits, Property::WhatIsGoneGivesUpItsPlaceOnce, || text);
        self.retired.insert(id);
        for service in &mut self.services {
            service.spec.requires.retain(|below| *below != id);
            service.spec.after.retain(|below| *below != id);
        }
        self.services[id.0].spec.requires.clear();
        self.services[id.0].spec.after.clear();
        self.link();
    }

    /// Its place may be given to another one.
    pub fn place_is_free(&mut self, id: Id) {
        if self.retired.contains(&id) {
            self.free.insert(id);
        }
    }

    /// Checks that what is gone and has ended has given up its place, that nothing names it, and that there are no more
    /// places than services have needed at once.
    pub fn check_places(&mut self, places: usize) {
        let left = |id: &Id| {
            let ServiceModel { removed, state, .. } = &self.services[id.0];
            *removed && matches!(state, ServiceState::Down | ServiceState::Failed) && !self.retired.contains(id)
        };
        let left: Vec<Id> = self.ids().filter(left).collect();
        let all = self.services.len();
        let fits = !self.running() || left.is_empty();
        self.demand(fits, Property::WhatIsGoneGivesUpItsPlaceOnce, || format!("{left:?} have not"));
        self.demand(places == all, Property::WhatIsGoneGivesUpItsPlaceOnce, || format!("{places} places, not {all}"));
    }

    /// Who is wanted for the first time begins to wait.
    fn relink(&mut self) {
        self.link();
        for _ in self.ids() {
            for id in self.ids() {
                for on in self.services[id.0].spec.requires.clone() {
                    let ServiceModel { was_started, stopped_by_request, removed, state, spec, next, .. } =
                        &self.services[on.0];
                    let free = !was_started
                        && !stopped_by_request
                        && !removed
                        && matches!(state, ServiceState::Down)
                        && next.is_none();
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
                && service.next.is_none()
            {
                service.state =
                    if service.spec.scheduled { ServiceState::Resting(NEVER) } else { ServiceState::Pending(self.now) };
            }
        }
    }

    /// All definitions that can hold do: now it shows who waits for what can no longer come.
    pub fn settle_renewals(&mut self) {
        let left = |service: &mut ServiceModel| {
            let ended = service.removed && matches!(service.state, ServiceState::Down | ServiceState::Failed);
            let edges = !service.spec.requires.is_empty() || !service.spec.after.is_empty();
            if ended && edges {
                (service.spec.requires, service.spec.after) = (Vec::new(), Vec::new());
            }
            ended && edges
        };
        let cleared = self.running() && self.services.iter_mut().map(left).filter(|cleared| *cleared).count() > 0;
        let renewed = std::mem::take(&mut self.due.renewed);
        if cleared || renewed {
            self.relink();
        }
        if !renewed {
            return;
        }
        for id in self.ids() {
            self.fail_if_lost(id);
        }
        self.advance_time();
        self.lose_dependents();
        self.end_if_nothing_is_left();
    }

    /// Checks that what can become what a reload has made of it has become so.
    pub fn check_reload(&mut self, id: Id) {
        let due = self.running() && self.services[id.0].next.is_some() && !self.alive(id);
        self.demand(!due, Property::WhatChangedIsRestartedOnce, || format!("{id:?} is still what it was"));
    }
}
