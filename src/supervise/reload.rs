//! Another set of services while the old one runs: what is new starts, what is gone stops, what changed is stopped and
//! started again, everything else is untouched. Ids stay what they are; new services get those that are free, the lowest
//! first, or new ones. What is gone and has ended is retired: its place is free once nothing of it is left outside either.

use std::collections::BTreeSet;

use super::restart::RestartHistory;
use super::spec::{Setup, Spec, Start};
use super::state::{Cause, Links, Service, State, at_rest, ending, pending, running, spawning};
use super::supervisor::Supervisor;
use super::{Action, FailureReason, Id, Time};
use crate::config::values::ServiceName;

impl Supervisor {
    /// Takes over another set of services, of which those in `changed` have another definition. The main command stays.
    /// Returns what to do, as [`Supervisor::step`] does; nothing while the container begins or ends.
    ///
    /// A service that changed keeps its old definition until its process is gone; [`Action::ApplyReload`] tells when the new
    /// one holds. One that is gone stops after everything that requires it, and is not shown any more once it is down.
    pub fn reload(&mut self, now: Time, setup: Setup, changed: &BTreeSet<ServiceName>) -> Vec<Action> {
        if self.container.is_running() {
            self.now = self.now.max(now);
            self.replace(setup, changed);
            self.settle();
        }
        std::mem::take(&mut self.out)
    }

    /// Returns the service of that name.
    pub fn id(&self, name: &ServiceName) -> Option<Id> {
        self.names.get(name).copied()
    }

    /// Returns every service that there is, in the order of their ids, the main command last.
    pub fn ids(&self) -> Vec<Id> {
        let there = |id: &Id| !self.services[*id].gone || !self.ended(*id);
        self.services.ids().filter(|id| self.main != Some(*id) && there(id)).chain(self.main).collect()
    }

    /// Returns the definition of a service that holds at the moment.
    pub fn spec(&self, id: Id) -> Option<&Spec> {
        self.services.has(id).then(|| &self.services[id].spec)
    }

    /// Returns how many places there are, those included that nobody has.
    pub fn places(&self) -> usize {
        self.services.len()
    }

    /// Returns for how many services reloads have set the edges: what they have cost besides one look-up for each name.
    pub fn relinked(&self) -> u64 {
        self.relinked
    }

    fn replace(&mut self, setup: Setup, changed: &BTreeSet<ServiceName>) {
        let mut free = std::mem::take(&mut self.free).into_iter();
        let mut places = self.services.len();
        let mut ids = Vec::new();
        for spec in &setup.specs {
            let known = self.names.get(&spec.name).copied().filter(|id| self.main != Some(*id));
            ids.push(known.or_else(|| free.next()).unwrap_or_else(|| {
                places += 1;
                Id(places - 1)
            }));
        }
        self.free = free.collect();
        let translate = |places: &[Id]| places.iter().filter_map(|place| ids.get(place.0).copied()).collect();
        let mut touched = BTreeSet::new();
        for (spec, id) in setup.specs.iter().zip(&ids) {
            let made = || Spec { requires: translate(&spec.requires), after: translate(&spec.after), ..spec.clone() };
            if !self.names.contains_key(&spec.name) {
                self.add(*id, made());
                touched.insert(*id);
            } else if self.services[*id].gone || changed.contains(&spec.name) {
                self.change(*id, made());
                touched.insert(*id);
            }
        }
        let stays: BTreeSet<Id> = ids.into_iter().chain(self.main).collect();
        for id in self.services.ids().filter(|id| !stays.contains(id)) {
            let service = &mut self.services[id];
            if !service.gone {
                (service.gone, service.wanted, service.held, service.next) = (true, false, false, None);
                touched.insert(id);
            }
        }
        // All of them before any service is considered: else one would fail for want of another that is yet to change.
        for id in &touched {
            self.take_over(*id);
        }
        self.relink(touched);
    }

    /// Those that failed only because of a service whose definition has changed are started again.
    fn revive(&mut self, changed: Id) {
        let mut revived = vec![changed];
        while let Some(lost) = revived.pop() {
            for id in self.graph.required_by(lost).to_vec() {
                let failed_for_it = self.services[id].state.why() == Some(&FailureReason::Requirement(lost));
                if failed_for_it && !self.services[id].gone {
                    self.services[id].wanted = true;
                    self.services[id].history = RestartHistory::default();
                    self.services[id].failing = None;
                    self.set(id, State::Waiting { reported: false });
                    revived.push(id);
                }
            }
        }
    }

    /// Its links are made, with everybody's that is touched, when all are there.
    fn add(&mut self, id: Id, spec: Spec) {
        self.names.insert(spec.name.clone(), id);
        let service = Service::new(spec);
        if self.services.has(id) {
            self.services[id] = service;
        } else {
            self.services.push(service);
            self.graph.push();
        }
    }

    fn change(&mut self, id: Id, spec: Spec) {
        let service = &mut self.services[id];
        (service.gone, service.held) = (false, false);
        service.wanted = spec.start == Start::Wanted || (service.wanted && spec.start == Start::Down);
        service.next = Some(Box::new(spec));
        match service.state {
            State::Starting { .. } | State::Up { .. } if service.wanted => self.terminate(id, Cause::Asked),
            State::Lost { .. } | at_rest!() | pending!() | spawning!() | running!() | ending!() => {}
        }
    }

    /// Applies what a reload has changed about it, if it can be applied by now. Returns whether anything changed.
    pub(super) fn apply_reload(&mut self, id: Id) -> bool {
        let Service { gone, retired, .. } = self.services[id];
        if gone && !retired && self.ended(id) {
            self.retire(id);
        } else if self.take_over(id) {
            self.relink(BTreeSet::from([id]));
        } else {
            return false;
        }
        true
    }

    /// Nothing names it any more, and nothing of it is kept but its place.
    fn retire(&mut self, id: Id) {
        let above: Vec<Id> = self.graph.above(id).filter(|above| self.main != Some(*above)).collect();
        self.work.extend(self.graph.detach(id));
        for above in above {
            let spec = &mut self.services[above].spec;
            spec.requires.retain(|below| *below != id);
            spec.after.retain(|below| *below != id);
            self.count_links(above);
            self.work.push_back(above);
        }
        self.names.remove(&self.services[id].spec.name);
        self.exit_code_inputs.failed = self.exit_code_inputs.failed.filter(|failed| *failed != id);
        self.timers.clear(id);
        let spec = &mut self.services[id].spec;
        (spec.requires, spec.after) = (Vec::new(), Vec::new());
        self.services[id].retired = true;
        self.out.push(Action::Retire { id });
    }

    /// Nothing of it is left outside either: the next one that comes may have its place.
    pub(super) fn free(&mut self, id: Id) {
        if self.services[id].retired {
            self.free.insert(id);
        }
    }

    /// The new definition holds from now on, if no process of the old one is left, and the stop command of the old one has run.
    /// Returns whether it does.
    fn take_over(&mut self, id: Id) -> bool {
        if self.services[id].next.is_none() || self.services[id].state.phase().alive() {
            return false;
        }
        if self.needs_stop_command(id) {
            self.run_stop_command(id);
            return false;
        }
        let service = &mut self.services[id];
        let Some(spec) = service.next.take() else { return false };
        service.spec = *spec;
        service.history = RestartHistory::default();
        service.failing = None;
        service.watchdog = service.spec.watchdog;
        // As if it were new: whether it begins to wait is said when all edges are there.
        (service.starts, service.restarts, service.again) = (0, 0, false);
        self.out.push(Action::ApplyReload { id });
        self.set(id, State::Down);
        self.revive(id);
        true
    }

    /// Whether nothing more comes of it by itself.
    fn ended(&self, id: Id) -> bool {
        matches!(self.services[id].state, State::Down | State::Failed { .. })
    }

    /// Sets the edges of these again, and what follows from them; those that are wanted for the first time begin to wait. All
    /// others keep theirs, and their counts go on being kept up by [`Supervisor::set`].
    fn relink(&mut self, touched: BTreeSet<Id>) {
        self.relinked = self.relinked.saturating_add(u64::try_from(touched.len()).unwrap_or(u64::MAX));
        for id in &touched {
            let Spec { requires, after, .. } = &self.services[*id].spec;
            self.work.extend(self.graph.set(*id, requires, after));
        }
        let above = touched.iter().flat_map(|id| self.graph.required_by(*id));
        // What an earlier stage did needs nobody any more.
        let needs = |id: &Id| self.services[*id].wanted && self.services[*id].spec.start != Start::AlreadyDone;
        let wanted = touched.iter().chain(above).copied().filter(needs).collect();
        let more = self.want_what_is_required(wanted);
        for id in touched.iter().copied().chain(more) {
            let service = &self.services[id];
            if service.starts == 0 && service.wanted && matches!(service.state, State::Down) {
                self.begin_to_wait(id);
            }
        }
        for id in touched {
            self.count_links(id);
            self.work.push_back(id);
        }
    }

    fn count_links(&mut self, id: Id) {
        let phase = |on: &&Id| self.services[**on].state.phase();
        let requires = self.graph.requires(id);
        let unmet = requires.iter().filter(|on| !phase(on).met()).count();
        let lost = requires.iter().filter(|on| phase(on).hopeless()).count();
        let unsettled = self.graph.after(id).iter().filter(|on| !phase(on).settled()).count();
        self.services[id].links = Links { unmet, lost, unsettled, ..Links::default() };
    }
}
