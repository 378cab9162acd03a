//! [`Bundles`]: names that stand for several services (s6-rc). Dependencies on them become dependencies on their members. Must not know
//! files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::draft::{Dependency, Draft, Relation};
use crate::config::quote::ticked;
use crate::config::values::ServiceName;
use crate::config::{suggest, topology};
use crate::error::{Place, Problem, Problems};

/// Most cycles of bundles that are reported.
const MAX_CYCLES: usize = 20;

/// One name in a bundle.
#[derive(Clone, Debug)]
pub struct Member {
    /// A service or a bundle.
    pub name: String,
    /// Where it is named.
    pub at: Place,
}

/// A bundle as read.
#[derive(Clone, Debug)]
struct Bundle {
    members: Vec<Member>,
    /// How what depends on it depends on its members.
    relation: Relation,
}

/// All bundles of an image.
#[derive(Clone, Debug, Default)]
pub struct Bundles {
    all: BTreeMap<String, Bundle>,
    /// Where each is declared; not the built-in ones.
    declared: BTreeMap<String, PathBuf>,
    /// Names of definitions that are refused.
    refused: BTreeSet<String>,
    /// The services in each, when resolved.
    services: BTreeMap<String, BTreeMap<ServiceName, Relation>>,
}

impl Bundles {
    /// Declares a bundle; a second one of that name, also a built-in one, is returned as the path of the first.
    pub fn declare(&mut self, name: &str, path: PathBuf, members: Vec<Member>) -> Result<(), PathBuf> {
        if let Some(first) = self.declared.get(name) {
            return Err(first.clone());
        }
        self.declared.insert(name.to_owned(), path);
        self.all.insert(name.to_owned(), Bundle { members, relation: Relation::Requires });
        Ok(())
    }

    /// Adds one that s6-overlay itself has, or adds to it; what depends on it has that relation to its members.
    pub fn add_built_in(&mut self, name: &str, members: impl IntoIterator<Item = String>, relation: Relation) {
        let bundle = self.all.entry(name.to_owned()).or_insert(Bundle { members: Vec::new(), relation });
        bundle.members.extend(members.into_iter().map(|name| Member { name, at: Place::Machine }));
    }

    /// Notes a definition whose name is refused: it is not reported once more where a bundle contains it.
    pub fn refuse(&mut self, name: String) {
        self.refused.insert(name);
    }

    /// Returns the names of all bundles.
    pub fn names(&self) -> impl Iterator<Item = ServiceName> {
        self.all.keys().filter_map(|name| ServiceName::new(name))
    }

    /// Returns where a bundle of that name is declared.
    pub fn path(&self, name: &str) -> Option<&PathBuf> {
        self.declared.get(name)
    }

    /// Returns the services in a bundle, if there is one; once resolved.
    pub fn services(&self, name: &str) -> impl Iterator<Item = &ServiceName> {
        self.services.get(name).into_iter().flat_map(BTreeMap::keys)
    }

    /// Resolves every bundle to services. A cycle, and a name that is neither a bundle nor `declared`, are problems.
    pub fn resolve(&mut self, declared: &BTreeSet<ServiceName>, problems: &mut Problems) {
        let names: Vec<&String> = self.all.keys().collect();
        let bundles: Vec<&Bundle> = self.all.values().collect();
        let place = |name: &str| names.binary_search_by(|other| other.as_str().cmp(name)).ok();
        let inner = |node: usize| {
            let members = bundles.get(node).into_iter().flat_map(|bundle| &bundle.members);
            members.filter_map(|member| place(&member.name)).collect::<Vec<_>>().into_iter()
        };
        let sorted = topology::sort(0..bundles.len(), inner, MAX_CYCLES);
        for cycle in &sorted.cycles {
            problems.push(cycle_problem(cycle, &names, &bundles));
        }
        let mut resolved: BTreeMap<String, BTreeMap<ServiceName, Relation>> = BTreeMap::new();
        for node in sorted.order.into_iter().chain(sorted.unordered) {
            let (Some(name), Some(bundle)) = (names.get(node), bundles.get(node)) else { continue };
            let mut services = BTreeMap::new();
            for Member { name: member, at } in &bundle.members {
                if let Some(inner) = resolved.get(member) {
                    services.extend(inner.iter().map(|(name, relation)| (name.clone(), *relation)));
                } else if let Some(service) = ServiceName::new(member).filter(|name| declared.contains(name)) {
                    services.insert(service, bundle.relation);
                } else if !self.all.contains_key(member) && !self.refused.contains(member) {
                    problems.push(unknown(name, member, at, declared));
                }
            }
            resolved.insert((*name).clone(), services);
        }
        self.services = resolved;
    }

    /// Replaces the dependencies on bundles by dependencies on the services in them; once resolved.
    pub fn expand(&self, drafts: &mut [Draft]) {
        for draft in drafts {
            let mut dependencies = Vec::with_capacity(draft.dependencies.len());
            for dependency in std::mem::take(&mut draft.dependencies) {
                match self.services.get(&dependency.to).filter(|_| may_be_bundle(dependency.relation)) {
                    Some(services) => dependencies.extend(services.iter().map(|(name, relation)| Dependency {
                        to: name.to_string(),
                        // An order stays one.
                        relation: dependency.relation.max(*relation),
                        written: format!("{}: bundle {}", dependency.written, ticked(&dependency.to)),
                        at: dependency.at.clone(),
                    })),
                    None => dependencies.push(dependency),
                }
            }
            draft.dependencies = dependencies;
        }
    }
}

/// A pipe has two ends; the rest may be with several.
fn may_be_bundle(relation: Relation) -> bool {
    match relation {
        Relation::Requires | Relation::After => true,
        Relation::PipesTo | Relation::ConsumesFrom => false,
    }
}

fn cycle_problem(cycle: &[usize], names: &[&String], bundles: &[&Bundle]) -> Problem {
    let name = |node: usize| names.get(node).map_or("", |name| name.as_str());
    // s6-overlay's own members are not written anywhere.
    let next = cycle.iter().copied().cycle().skip(1);
    let at = cycle.iter().copied().zip(next).find_map(|(from, to)| {
        let mut members = bundles.get(from).into_iter().flat_map(|bundle| &bundle.members);
        let written = members.find(|member| member.name == name(to) && member.at != Place::Machine)?;
        Some(written.at.clone())
    });
    let path: Vec<&str> = cycle.iter().copied().chain(cycle.first().copied()).map(name).collect();
    let what = format!("bundles contain each other: {}", path.join(" → "));
    Problem::new(at.unwrap_or(Place::Machine), what, "remove one of these members")
}

fn unknown(bundle: &str, member: &str, at: &Place, declared: &BTreeSet<ServiceName>) -> Problem {
    let all = || declared.iter().map(ServiceName::as_str);
    let fix = match suggest::nearest(member, all()) {
        Some(meant) => format!("did you mean `{meant}`? otherwise remove it, or add that service"),
        None => "remove it, or add that service".to_owned(),
    };
    let what = format!("the bundle `{bundle}` contains {}, and there is no such service", ticked(member));
    Problem::new(at.clone(), what, fix)
}
