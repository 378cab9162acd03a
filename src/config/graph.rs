//! Resolves the dependencies between services: every name exists, none is the service's own, no cycle. Names in, names out; must
//! not know file formats.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Dependency, Draft, Relation};
use super::quote::ticked;
use super::service::Service;
use super::values::ServiceName;
use super::{suggest, topology};
use crate::error::{Place, Problem, Problems};

/// Most cycles that are reported.
const MAX_CYCLES: usize = 50;
/// Most unknown names that are compared with every name: ten thousand times ten thousand comparisons take minutes.
const MAX_COMPARED: usize = 100;
/// A longer cycle is shortened in its middle.
const MAX_SHOWN: usize = 40;

/// Names that a dependency may have.
pub struct KnownNames<'n> {
    /// All services, also those whose files are broken.
    pub declared: &'n BTreeSet<ServiceName>,
    /// These and the bundles, which dependencies do not have any more.
    pub proposed: &'n BTreeSet<ServiceName>,
}

/// Fills `requires`, `after` and `pipe_to` of every draft.
pub fn dependency(drafts: &mut [Draft], known: &KnownNames<'_>, problems: &mut Problems) {
    let mut unknowns = 0;
    for draft in drafts.iter_mut() {
        let mut seen = BTreeSet::new();
        draft.dependencies.retain(|dependency| seen.insert((dependency.relation, dependency.to.clone())));
        for dependency in &draft.dependencies {
            let Some(to) = target(&draft.service.name, dependency, known, &mut unknowns, problems) else { continue };
            match dependency.relation {
                Relation::Requires => draft.service.requires.push(to),
                Relation::After => draft.service.after.push(to),
                Relation::PipesTo => draft.service.pipe_to = Some(to),
                Relation::ConsumesFrom => {}
            }
        }
        // The reader starts before the writer, and stops after it.
        let Service { after, pipe_to, .. } = &mut draft.service;
        after.extend(pipe_to.clone().filter(|to| !after.contains(to)));
    }
    find_cycles(drafts, problems);
}

fn target(
    from: &ServiceName,
    dependency: &Dependency,
    known: &KnownNames<'_>,
    unknowns: &mut usize,
    problems: &mut Problems,
) -> Option<ServiceName> {
    if dependency.to == from.as_str() {
        problems.push(dependency.problem(format!("{} names itself", ticked(&dependency.to)), "remove it"));
        return None;
    }
    let found = ServiceName::new(&dependency.to).filter(|name| known.declared.contains(name));
    if found.is_none() {
        *unknowns += 1;
        let fix = match dependency.to.as_str() {
            ServiceName::MAIN => "the main command starts after all services by itself: remove it".to_owned(),
            _ => unknown(&dependency.to, Some(from), known, *unknowns <= MAX_COMPARED),
        };
        problems.push(dependency.problem(format!("there is no service {}", ticked(&dependency.to)), fix));
    }
    found
}

/// Returns the fix for an unknown service name; `from` itself is not suggested.
pub fn unknown(to: &str, from: Option<&ServiceName>, known: &KnownNames<'_>, compare: bool) -> String {
    let without_itself = |name: &&ServiceName| Some(*name) != from;
    let others = known.declared.iter().filter(without_itself).map(ServiceName::as_str);
    let proposed = known.proposed.iter().filter(without_itself).map(ServiceName::as_str);
    let is_alone = others.clone().next().is_none();
    match compare.then(|| suggest::nearest(to, proposed)).flatten() {
        Some(meant) if is_alone => format!("did you mean `{meant}`?"),
        None if is_alone => "there is no other service: remove it, or add that service".to_owned(),
        Some(meant) => format!("did you mean `{meant}`? services are: {}", suggest::nearest_first(to, others)),
        None if compare => format!("services are: {}", suggest::nearest_first(to, others)),
        None => format!("services are: {}", suggest::list(others)),
    }
}

/// A dependency between two services, by index.
struct Edge<'d> {
    relation: Relation,
    to: usize,
    at: &'d Place,
    written: &'d str,
}

fn find_cycles(drafts: &[Draft], problems: &mut Problems) {
    let edges = edges(drafts);
    let needs = |node: usize| edges.get(node).into_iter().flatten().map(|edge| edge.to);
    for cycle in topology::sort(0..drafts.len(), needs, MAX_CYCLES).cycles {
        problems.push(cycle_problem(&cycle, drafts, &edges));
    }
}

fn edges(drafts: &[Draft]) -> Vec<Vec<Edge<'_>>> {
    let index: BTreeMap<&str, usize> =
        drafts.iter().enumerate().map(|(at, draft)| (draft.service.name.as_str(), at)).collect();
    let mut all = Vec::with_capacity(drafts.len());
    for (from, draft) in drafts.iter().enumerate() {
        let dependencies =
            draft.dependencies.iter().filter(|dependency| dependency.relation != Relation::ConsumesFrom).filter_map(
                |dependency| {
                    let to = *index.get(dependency.to.as_str()).filter(|to| **to != from)?;
                    let Dependency { relation, at, written, .. } = dependency;
                    Some(Edge { relation: *relation, to, at, written })
                },
            );
        all.push(dependencies.collect());
    }
    all
}

fn cycle_problem(cycle: &[usize], drafts: &[Draft], edges: &[Vec<Edge<'_>>]) -> Problem {
    let name = |node: usize| drafts.get(node).map_or("", |draft| draft.service.name.as_str());
    let step = |from: usize, to: usize| edges.get(from).and_then(|all| all.iter().find(|edge| edge.to == to));
    let mut text = String::new();
    let mut at = Place::Machine;
    let mut keys: Vec<&str> = Vec::new();
    for (position, from) in cycle.iter().copied().enumerate() {
        let to = cycle.get((position + 1) % cycle.len()).copied().unwrap_or(from);
        let Some(edge) = step(from, to) else { continue };
        if position == 0 {
            at = edge.at.clone();
        }
        let key = match (edge.written.split(':').next(), edge.relation) {
            // The file of s6-rc in which it is written.
            (Some(file @ ("dependencies.d" | "dependencies" | "producer-for")), _) => file,
            (_, Relation::Requires) => "requires",
            (_, Relation::After) => "after",
            (_, Relation::PipesTo | Relation::ConsumesFrom) => "pipe_to",
        };
        if !keys.contains(&key) {
            keys.push(key);
        }
        if position < MAX_SHOWN {
            text.push_str(&format!("{} → ", name(from)));
        }
    }
    if cycle.len() > MAX_SHOWN {
        text.push_str(&format!("… ({} more) → ", cycle.len() - MAX_SHOWN));
    }
    text.push_str(name(cycle.first().copied().unwrap_or_default()));
    let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    Problem::new(at, format!("dependency cycle: {text}"), format!("remove one of these {}", keys.join(" and ")))
}
