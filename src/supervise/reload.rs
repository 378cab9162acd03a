//! Another set of services while the old one runs: what is new starts, what is gone stops, what changed is stopped and
//! started again, everything else is untouched. Ids stay what they are; new services get new ones.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::restart::Tally;
use super::shutdown::Life;
use super::spec::{Setup, Spec, Start};
use super::state::{Cause, Links, Service, State};
use super::supervisor::Supervisor;
use super::{Action, Id, Time, Why};
use crate::config::values::ServiceName;

impl Supervisor {
    /// Takes over another set of services, of which those in `changed` are not what they were. The main command stays.
    /// Returns what to do, as [`Supervisor::step`] does; nothing while the container begins or ends.
    ///
    /// A service that changed keeps its old definition until its process is gone; [`Action::Renew`] tells when the new
    /// one holds. One that is gone stops after everything that requires it, and is not shown any more once it is down.
    pub fn adopt(&mut self, now: Time, setup: Setup, changed: &BTreeSet<ServiceName>) -> Vec<Action> {
        if matches!(self.life, Life::Running) {
            self.now = self.now.max(now);
            self.replace(setup, changed);
            self.settle();
        }
        std::mem::take(&mut self.out)
    }

    /// Returns the service of that name.
    pub fn id(&self, name: &ServiceName) -> Option<Id> {
        self.services.ids().find(|id| self.services[*id].spec.name == *name)
    }

    /// Returns every service that there is, in the order of their ids, the main command last.
    pub fn ids(&self) -> Vec<Id> {
        let there = |id: &Id| !self.services[*id].gone || !self.ended(*id);
        self.services.ids().filter(|id| self.main != Some(*id) && there(id)).chain(self.main).collect()
    }

    /// Returns what everybody shall be at the moment, by id, also those that are gone.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.services.iter().map(|service| &service.spec)
    }

    fn replace(&mut self, setup: Setup, changed: &BTreeSet<ServiceName>) {
        let known: BTreeMap<ServiceName, Id> = self
            .services
            .ids()
            .filter(|id| self.main != Some(*id))
            .map(|id| (self.services[id].spec.name.clone(), id))
            .collect();
        let mut next = self.services.len();
        let mut ids = Vec::new();
        for spec in &setup.specs {
            ids.push(known.get(&spec.name).copied().unwrap_or_else(|| {
                next += 1;
                Id(next - 1)
            }));
        }
        let translate = |places: &[Id]| places.iter().filter_map(|place| ids.get(place.0).copied()).collect();
        for (spec, id) in setup.specs.iter().zip(&ids) {
            let spec = Spec { requires: translate(&spec.requires), after: translate(&spec.after), ..spec.clone() };
            if !self.services.has(*id) {
                self.add(spec);
            } else if self.services[*id].gone || changed.contains(&spec.name) {
                self.change(*id, spec);
            }
        }
        let stays: BTreeSet<Id> = ids.into_iter().collect();
        for id in known.into_values().filter(|id| !stays.contains(id)) {
            let service = &mut self.services[id];
            (service.gone, service.wanted, service.held, service.next) = (true, false, false, None);
        }
        // All of them before anything is looked at: else one would fail for want of another that is yet to change.
        for id in self.services.ids() {
            self.take_over(id);
        }
        self.relink();
    }

    /// Those that failed only because a service did that is another one now have another chance.
    fn revive(&mut self, changed: Id) {
        let mut revived = vec![changed];
        while let Some(lost) = revived.pop() {
            for id in self.services.ids() {
                let for_its_sake = self.services[id].state.why() == Some(&Why::Requirement(lost));
                if for_its_sake && !self.services[id].gone {
                    self.services[id].wanted = true;
                    self.services[id].tally = Tally::default();
                    self.set(id, State::Waiting { said: false });
                    revived.push(id);
                }
            }
        }
    }

    fn add(&mut self, spec: Spec) {
        let wanted = spec.start == Start::Wanted;
        self.services.push(Service::new(spec));
        self.timers.push();
        if let (Some(id), true) = (self.services.ids().next_back(), wanted) {
            // Its links are made, with everybody's, when all are there.
            self.services[id].wanted = true;
        }
    }

    fn change(&mut self, id: Id, spec: Spec) {
        let service = &mut self.services[id];
        (service.gone, service.held) = (false, false);
        service.wanted = spec.start == Start::Wanted || (service.wanted && spec.start == Start::Down);
        service.next = Some(Box::new(spec));
        match service.state {
            State::Starting { .. } | State::Up { .. } if service.wanted => self.tell(id, Cause::Asked),
            State::Starting { .. } | State::Up { .. } => {}
            State::Down | State::Waiting { .. } | State::Awaiting { .. } | State::Spawning => {}
            State::Stopping { .. } | State::Draining { .. } | State::FinishSpawning { .. } => {}
            State::Finishing { .. } | State::Lost { .. } | State::Backoff | State::Failed { .. } => {}
            State::Resting | State::Done | State::UndoSpawning | State::Undoing { .. } => {}
        }
    }

    /// What a reload has made of it holds as soon as it can. Returns whether anything changed.
    pub(super) fn renew(&mut self, id: Id) -> bool {
        let ended = self.ended(id);
        let Service { spec, gone, .. } = &mut self.services[id];
        if *gone && ended && !(spec.requires.is_empty() && spec.after.is_empty()) {
            (spec.requires, spec.after) = (Vec::new(), Vec::new());
        } else if !self.take_over(id) {
            return false;
        }
        self.relink();
        true
    }

    /// The new definition holds from now on, if no process of the old one is left, and what the old one did is undone.
    /// Returns whether it does.
    fn take_over(&mut self, id: Id) -> bool {
        if self.services[id].next.is_none() || self.services[id].state.phase().alive() {
            return false;
        }
        if self.undoable(id) {
            self.undo(id);
            return false;
        }
        let service = &mut self.services[id];
        let Some(spec) = service.next.take() else { return false };
        service.spec = *spec;
        service.tally = Tally::default();
        service.watchdog = service.spec.watchdog;
        // As if it were new: whether it begins to wait is said when all edges are there.
        (service.starts, service.restarts, service.again) = (0, 0, false);
        self.out.push(Action::Renew { id });
        self.set(id, State::Down);
        self.revive(id);
        true
    }

    /// Whether nothing more comes of it by itself.
    fn ended(&self, id: Id) -> bool {
        matches!(self.services[id].state, State::Down | State::Failed { .. })
    }

    /// Makes the graph, and what hangs on it, anew; those that are wanted for the first time begin to wait.
    fn relink(&mut self) {
        let specs: Vec<Spec> = self.services.iter().map(|service| service.spec.clone()).collect();
        self.graph = Graph::new(&specs);
        self.want_what_is_required();
        for id in self.services.ids() {
            let service = &self.services[id];
            if service.starts == 0 && service.wanted && matches!(service.state, State::Down) {
                self.begin_to_wait(id);
            }
        }
        for id in self.services.ids() {
            let phase = |on: &&Id| self.services[**on].state.phase();
            let requires = self.graph.requires(id);
            let unmet = requires.iter().filter(|on| !phase(on).met()).count();
            let lost = requires.iter().filter(|on| phase(on).hopeless()).count();
            let unsettled = self.graph.after(id).iter().filter(|on| !phase(on).settled()).count();
            self.services[id].links = Links { unmet, lost, unsettled, ..Links::default() };
            self.work.push_back(id);
        }
    }
}
