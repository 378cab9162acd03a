//! Another set of services while the old one runs: new ones start, removed ones stop, changed ones are stopped and started
//! again, everything else runs on, in its new order. Ids stay what they are; new services get those that are free, the lowest first, or
//! new ones. The id of a removed service is free after [`Event::IdReleased`](super::Event::IdReleased).

use std::collections::BTreeSet;

use super::restart::RestartHistory;
use super::spec::{Setup, Spec, Start};
use super::state::{Cause, DependencyCounts, ServiceRuntime, State, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::{Action, EngineTime, FailureReason, Id};
use crate::config::values::ServiceName;

impl Supervisor {
    /// Takes over another set of services, of which those in `changed` have another definition. The main command stays, and so
    /// does what runs of a service that only depends on others than before.
    /// Returns what to do, as [`Supervisor::step`] does; nothing while the container begins or ends.
    ///
    /// A service that changed keeps its old definition until its process has ended; [`Action::ApplyReload`] tells when the new
    /// one holds. A removed one stops after everything that requires it, and is not shown any more once it is down.
    pub fn reload(&mut self, now: EngineTime, setup: Setup, changed: &BTreeSet<ServiceName>) -> Vec<Action> {
        if self.container.is_running() {
            self.now = self.now.max(now);
            self.replace(setup, changed);
            self.run_to_fixpoint();
        }
        std::mem::take(&mut self.out)
    }

    /// Returns the service of that name.
    pub fn id(&self, name: &ServiceName) -> Option<Id> {
        self.names.get(name).copied()
    }

    /// Returns every service that there is, in the order of their ids, the main command last.
    pub fn ids(&self) -> Vec<Id> {
        let there = |id: &Id| !self.services[*id].removed || !self.ended(*id);
        self.services.ids().filter(|id| self.main != Some(*id) && there(id)).chain(self.main).collect()
    }

    /// Returns the definition of a service that holds at the moment.
    pub fn spec(&self, id: Id) -> Option<&Spec> {
        self.services.has(id).then(|| &self.services[id].spec)
    }

    /// Returns how many ids there are, free ones included.
    pub fn id_count(&self) -> usize {
        self.services.len()
    }

    /// Returns for how many services reloads have set the edges: their cost, but for one look-up for each name.
    pub fn edge_updates(&self) -> u64 {
        self.edge_updates
    }

    fn replace(&mut self, setup: Setup, changed: &BTreeSet<ServiceName>) {
        let mut free = std::mem::take(&mut self.free_ids).into_iter();
        let mut id_count = self.services.len();
        let mut ids = Vec::new();
        for spec in &setup.specs {
            let known = self.names.get(&spec.name).copied().filter(|id| self.main != Some(*id));
            ids.push(known.or_else(|| free.next()).unwrap_or_else(|| {
                id_count += 1;
                Id(id_count - 1)
            }));
        }
        self.free_ids = free.collect();
        let translate =
            |places: &[Id]| -> Vec<Id> { places.iter().filter_map(|place| ids.get(place.0).copied()).collect() };
        let (mut affected, mut reordered) = (BTreeSet::new(), BTreeSet::new());
        for (spec, id) in setup.specs.iter().zip(&ids) {
            let edges = (translate(&spec.requires), translate(&spec.after));
            let made = |(requires, after)| Spec { requires, after, ..spec.clone() };
            if !self.names.contains_key(&spec.name) {
                self.add(*id, made(edges));
                affected.insert(*id);
            } else if self.services[*id].removed || changed.contains(&spec.name) {
                self.change(*id, made(edges));
                affected.insert(*id);
            } else if self.reorder(*id, edges) {
                reordered.insert(*id);
            }
        }
        let stays: BTreeSet<Id> = ids.into_iter().chain(self.main).collect();
        for id in self.services.ids().filter(|id| !stays.contains(id)) {
            let service = &mut self.services[id];
            if !service.removed {
                (service.removed, service.wanted, service.stopped_manually, service.pending_spec) =
                    (true, false, false, None);
                affected.insert(id);
            }
        }
        // All of them before any service is reevaluated: otherwise one would fail because of another that is yet to change.
        for id in &affected {
            self.apply_spec(*id);
        }
        for id in &reordered {
            self.restart_without_requirement(*id);
        }
        affected.extend(reordered);
        self.update_edges(affected);
    }

    /// Gives a service that has not changed what it depends on now: one that waits for a changed definition to hold gets it with
    /// that one. Returns whether its edges are others by now.
    fn reorder(&mut self, id: Id, (requires, after): (Vec<Id>, Vec<Id>)) -> bool {
        let service = &mut self.services[id];
        let is_pending = service.pending_spec.is_some();
        let spec = service.pending_spec.as_deref_mut().unwrap_or(&mut service.spec);
        let is_same = spec.requires == requires && spec.after == after;
        (spec.requires, spec.after) = (requires, after);
        !is_same && !is_pending
    }

    /// Starts one again that failed only because of a service that it does not require any more.
    fn restart_without_requirement(&mut self, id: Id) {
        let ServiceRuntime { state, spec, .. } = &self.services[id];
        let Some(FailureReason::Requirement(failed)) = state.failure() else { return };
        if !spec.requires.contains(failed) {
            self.restart_failed(id);
            self.restart_failed_dependents(id);
        }
    }

    /// Starts those again that failed only because of a service whose definition has changed.
    fn restart_failed_dependents(&mut self, changed: Id) {
        let mut restarted = vec![changed];
        while let Some(failed) = restarted.pop() {
            for id in self.graph.required_by(failed).to_vec() {
                let failed_for_it = self.services[id].state.failure() == Some(&FailureReason::Requirement(failed));
                if failed_for_it && !self.services[id].removed {
                    self.restart_failed(id);
                    restarted.push(id);
                }
            }
        }
    }

    fn restart_failed(&mut self, id: Id) {
        let service = &mut self.services[id];
        (service.wanted, service.history) = (true, RestartHistory::default());
        (service.failing, service.was_up, service.was_requested) = (None, false, true);
        self.set(id, State::Waiting { reported: false });
    }

    /// The main command does not wait for it once it was started, or does.
    fn note_unawaited(&mut self, id: Id, is_unawaited: bool) {
        if is_unawaited {
            self.unawaited.insert(id);
        } else {
            self.unawaited.remove(&id);
        }
    }

    /// Its edges are set with those of all affected services, once all of them are there.
    fn add(&mut self, id: Id, spec: Spec) {
        self.names.insert(spec.name.clone(), id);
        self.note_unawaited(id, !spec.holds_main);
        let service = ServiceRuntime::new(spec);
        if self.services.has(id) {
            self.services[id] = service;
        } else {
            self.services.push(service);
            self.graph.push();
        }
    }

    fn change(&mut self, id: Id, spec: Spec) {
        // Not started by itself any more: what runs goes on, what has waited for this reading is not started.
        let goes_on = !self.waits_for_rereading(id);
        let service = &mut self.services[id];
        (service.removed, service.stopped_manually, service.once) = (false, false, false);
        service.wanted = spec.start == Start::Wanted || (service.wanted && spec.start == Start::Down && goes_on);
        service.pending_spec = Some(Box::new(spec));
        match service.state {
            State::Starting { .. } | State::Up { .. } if service.wanted => self.terminate(id, Cause::Requested),
            State::Unkillable { .. } | at_rest!() | pending!() | spawning!() | running!() | ending!() => {}
        }
    }

    /// Applies what a reload has changed about it, if it can be applied by now. Returns whether anything changed.
    pub(super) fn apply_reload(&mut self, id: Id) -> bool {
        let ServiceRuntime { removed, removal_done, .. } = self.services[id];
        if removed && !removal_done && self.ended(id) {
            self.remove_service(id);
        } else if self.apply_spec(id) {
            self.update_edges(BTreeSet::from([id]));
        } else {
            return false;
        }
        true
    }

    /// Nothing names it any more, and only its id is kept.
    fn remove_service(&mut self, id: Id) {
        let dependents: Vec<Id> = self.graph.dependents(id).filter(|dependent| self.main != Some(*dependent)).collect();
        self.to_evaluate.extend(self.graph.detach(id));
        for dependent in dependents {
            let spec = &mut self.services[dependent].spec;
            spec.requires.retain(|dependency| *dependency != id);
            spec.after.retain(|dependency| *dependency != id);
            self.count_dependencies(dependent);
            self.to_evaluate.push_back(dependent);
        }
        self.names.remove(&self.services[id].spec.name);
        self.exit_code_inputs.failed = self.exit_code_inputs.failed.filter(|failed| *failed != id);
        self.timers.clear(id);
        let spec = &mut self.services[id].spec;
        (spec.requires, spec.after) = (Vec::new(), Vec::new());
        self.services[id].removal_done = true;
        self.out.push(Action::Remove { id });
    }

    /// Nothing of it is left in the container either: the next new service may have its id.
    pub(super) fn release_id(&mut self, id: Id) {
        if self.services[id].removal_done {
            self.free_ids.insert(id);
        }
    }

    /// Applies the new definition, if no process of the old one is left, and the stop command of the old one has run. Returns
    /// whether it was applied.
    fn apply_spec(&mut self, id: Id) -> bool {
        if self.services[id].pending_spec.is_none() || self.services[id].state.phase().has_process() {
            return false;
        }
        if self.needs_stop_command(id) {
            self.run_stop_command(id);
            return false;
        }
        let service = &mut self.services[id];
        let Some(spec) = service.pending_spec.take() else { return false };
        service.spec = *spec;
        // Although it was requested in the meantime.
        service.wanted &= service.spec.start != Start::HeldBack;
        service.history = RestartHistory::default();
        (service.failing, service.was_up) = (None, false);
        service.watchdog = service.spec.watchdog;
        let is_unawaited = !service.spec.holds_main;
        // As if it were new: it begins to wait once all edges are set.
        (service.starts, service.restarts, service.next_start_is_restart) = (0, 0, false);
        self.note_unawaited(id, is_unawaited);
        self.out.push(Action::ApplyReload { id });
        self.set(id, State::Down);
        self.restart_failed_dependents(id);
        true
    }

    /// Whether it does nothing more by itself.
    fn ended(&self, id: Id) -> bool {
        matches!(self.services[id].state, State::Down | State::Failed { .. })
    }

    /// Sets the edges of these again, and what follows from them; those that are wanted for the first time begin to wait. All
    /// others keep theirs, and [`Supervisor::set`] updates their counts.
    fn update_edges(&mut self, affected: BTreeSet<Id>) {
        self.edge_updates = self.edge_updates.saturating_add(u64::try_from(affected.len()).unwrap_or(u64::MAX));
        for id in &affected {
            let Spec { requires, after, .. } = &self.services[*id].spec;
            self.to_evaluate.extend(self.graph.set(*id, requires, after));
        }
        let dependents = affected.iter().flat_map(|id| self.graph.required_by(*id));
        // What an earlier stage did needs no other service any more.
        let needs = |id: &Id| self.services[*id].wanted && self.services[*id].spec.start != Start::AlreadyDone;
        let wanted = affected.iter().chain(dependents).copied().filter(needs).collect();
        let more = self.want_what_is_required(wanted);
        for id in affected.iter().copied().chain(more) {
            let service = &mut self.services[id];
            if service.starts == 0 && service.wanted && matches!(service.state, State::Down) {
                service.was_requested = true;
                self.begin_to_wait(id);
            }
        }
        for id in &affected {
            self.count_dependencies(*id);
            self.to_evaluate.push_back(*id);
        }
        for id in affected {
            let service = &self.services[id];
            if service.spec.start == Start::HeldBack && matches!(service.state, State::Down) && !service.removed {
                self.fail(id, FailureReason::HeldBack);
            }
        }
    }

    fn count_dependencies(&mut self, id: Id) {
        let phase = |on: &&Id| self.services[**on].state.phase();
        let requires = self.graph.requires(id);
        let unsatisfied_requires = requires.iter().filter(|on| !phase(on).satisfies_requires()).count();
        let failed_requirements = requires.iter().filter(|on| phase(on).cannot_satisfy()).count();
        let unsatisfied_after = self.graph.after(id).iter().filter(|on| !phase(on).satisfies_after()).count();
        self.services[id].counts = DependencyCounts {
            unsatisfied_requires,
            failed_requirements,
            unsatisfied_after,
            ..DependencyCounts::default()
        };
    }
}
