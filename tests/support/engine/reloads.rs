//! Random reloads: the tree of services that the simulated container gets next.

use std::collections::{BTreeMap, BTreeSet};

use stepdown::config::values::ServiceName;
use stepdown::supervise::{Id, RereadOrder, Setup, Spec, Start};

use super::behaviour::{random_spec, remove_programs};
use super::rng::Rng;

/// A tree of services as its files have it: neighbours are names.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: BTreeMap<ServiceName, Node>,
    /// Services only depend on those of lower rank, for good: no reload ever makes a cycle.
    ranks: BTreeMap<ServiceName, u64>,
    most: u64,
    /// From this rank on services may come after a second reading of the definitions.
    first_after: Option<u64>,
    /// Decides which services have a program and hold the main command, and nothing else.
    programs: Rng,
    /// Decides which services only depend on others than before.
    order: Rng,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    spec: Spec,
    requires: BTreeSet<ServiceName>,
    after: BTreeSet<ServiceName>,
}

impl Tree {
    /// Returns the tree of these services, without the main command.
    pub fn new(specs: &[Spec], programs: Rng, first_after: Option<u64>) -> Self {
        let names = |ids: &[Id]| ids.iter().map(|id| specs[id.0].name.clone()).collect();
        let services = || specs.iter().filter(|spec| !spec.is_main);
        let node = |spec: &Spec| Node {
            requires: names(&spec.requires),
            after: names(&spec.after),
            spec: Spec { requires: Vec::new(), after: Vec::new(), ..spec.clone() },
        };
        Self {
            nodes: services().map(|spec| (spec.name.clone(), node(spec))).collect(),
            ranks: (1..).zip(services()).map(|(at, spec)| (spec.name.clone(), at * 100)).collect(),
            most: services().count() as u64 + 3,
            first_after: first_after.map(|at| (at + 1) * 100),
            order: Rng::new(programs.clone().below(u64::from(u32::MAX))),
            programs,
        }
    }

    /// Makes it another one: some services are removed, some added (again), some changed, some get other dependencies alone.
    /// Returns the names of those that changed.
    pub fn change(&mut self, rng: &mut Rng) -> BTreeSet<ServiceName> {
        let before = self.nodes.clone();
        let (go, differ, come) = (rng.pick(&[0, 0, 20, 100]), rng.pick(&[0, 20, 60]), rng.pick(&[0, 30]));
        for at in 0..self.most {
            let name = ServiceName::new(&format!("s{at}")).expect("a name");
            let (there, rank) = (self.nodes.contains_key(&name), rng.below(self.most * 100));
            if there && rng.percent(go) {
                self.nodes.remove(&name);
            } else if (there && rng.percent(differ)) || (!there && rng.percent(come)) {
                self.ranks.entry(name.clone()).or_insert(rank);
                let node = self.random_node(rng, at, &name);
                self.nodes.insert(name, node);
            }
        }
        self.reorder();
        let there: BTreeSet<ServiceName> = self.nodes.keys().cloned().collect();
        for node in self.nodes.values_mut() {
            node.requires.retain(|name| there.contains(name));
            node.after.retain(|name| there.contains(name));
        }
        let differs = |old: &Node, node: &Node| old.spec != node.spec;
        let changed = self.nodes.iter().filter(|(name, node)| before.get(*name).is_some_and(|old| differs(old, node)));
        let changed: BTreeSet<ServiceName> = changed.map(|(name, _)| name.clone()).collect();
        for node in self.nodes.iter_mut().filter(|(name, _)| changed.contains(*name)).map(|(_, node)| node) {
            // What changed has not been done before, and is not skipped; it may be held back.
            node.spec.start = match node.spec.start {
                _ if self.programs.percent(10) => Start::HeldBack,
                Start::Down => Start::Down,
                _ => Start::Wanted,
            };
        }
        changed
    }

    /// Gives some of the services other dependencies, and nothing else.
    fn reorder(&mut self) {
        let (some, density) = (self.order.pick(&[0, 0, 30]), self.order.pick(&[0, 20, 50]));
        for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
            if !self.order.percent(some) {
                continue;
            }
            let lower: Vec<_> =
                self.nodes.keys().filter(|other| self.ranks[*other] < self.ranks[&name]).cloned().collect();
            let (mut requires, mut after) = (BTreeSet::new(), BTreeSet::new());
            for other in lower {
                if self.order.percent(density) {
                    requires.insert(other);
                } else if self.order.percent(density) {
                    after.insert(other);
                }
            }
            let node = self.nodes.get_mut(&name).expect("it was just listed");
            (node.requires, node.after) = (requires, after);
        }
    }

    fn random_node(&mut self, rng: &mut Rng, at: u64, name: &ServiceName) -> Node {
        let mut spec = random_spec(rng, at);
        remove_programs(&mut self.programs, [&mut spec]);
        spec.holds_main = !self.programs.percent(30);
        if self.first_after.is_some_and(|rank| self.ranks[name] >= rank && at.is_multiple_of(2)) {
            spec.reread = RereadOrder::After;
        }
        let lower = |other: &&ServiceName| self.ranks[*other] < self.ranks[name];
        let density = rng.pick(&[0, 15, 30, 60]);
        let mut some = |percent| {
            self.nodes.keys().filter(lower).filter(|_| rng.percent(percent)).cloned().collect::<BTreeSet<_>>()
        };
        let (requires, after) = (some(density), some(density));
        let start = if spec.start == Start::Down { Start::Down } else { Start::Wanted };
        Node {
            after: after.difference(&requires).cloned().collect(),
            requires,
            spec: Spec { requires: Vec::new(), after: Vec::new(), start, ..spec },
        }
    }

    pub fn setup(&self, stop_timeout: std::time::Duration) -> Setup {
        let place = |name: &ServiceName| Id(self.nodes.keys().position(|other| other == name).expect("a service"));
        let specs = self.nodes.values().map(|node| Spec {
            requires: node.requires.iter().map(place).collect(),
            after: node.after.iter().map(place).collect(),
            ..node.spec.clone()
        });
        Setup { specs: specs.collect(), stop_timeout, start_limit: None }
    }
}
