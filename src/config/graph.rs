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

/// Fills `requires`, `after` and `pipe_to` of every draft; `declared` are all names, also those whose files are broken.
pub fn dependency(drafts: &mut [Draft], declared: &BTreeSet<ServiceName>, problems: &mut Problems) {
    let mut unknowns = 0;
    for draft in drafts.iter_mut() {
        let mut seen = BTreeSet::new();
        draft.dependencies.retain(|dependency| seen.insert((dependency.relation, dependency.to.clone())));
        for dependency in &draft.dependencies {
            let Some(to) = target(&draft.service.name, dependency, declared, &mut unknowns, problems) else { continue };
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
    declared: &BTreeSet<ServiceName>,
    unknowns: &mut usize,
    problems: &mut Problems,
) -> Option<ServiceName> {
    if dependency.to == from.as_str() {
        let what = format!("{}: {} names itself", dependency.written, ticked(&dependency.to));
        problems.push(Problem::new(dependency.at.clone(), what, "remove it"));
        return None;
    }
    let found = ServiceName::new(&dependency.to).filter(|name| declared.contains(name));
    if found.is_none() {
        *unknowns += 1;
        let fix = match dependency.to.as_str() {
            ServiceName::MAIN => "the main command starts after all services by itself: remove it".to_owned(),
            _ if declared.len() < 2 => "there is no other service: remove it, or add that service".to_owned(),
            _ => unknown(&dependency.to, Some(from), declared, *unknowns <= MAX_COMPARED),
        };
        let what = format!("{}: there is no service {}", dependency.written, ticked(&dependency.to));
        problems.push(Problem::new(dependency.at.clone(), what, fix));
    }
    found
}

/// Returns the fix for an unknown service name; `from` itself is not suggested.
pub fn unknown(to: &str, from: Option<&ServiceName>, declared: &BTreeSet<ServiceName>, compare: bool) -> String {
    let others = declared.iter().filter(|name| Some(*name) != from).map(ServiceName::as_str);
    match compare.then(|| suggest::nearest(to, others.clone())).flatten() {
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
                    Some(Edge { relation: dependency.relation, to, at: &dependency.at })
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
        let key = match edge.relation {
            Relation::Requires => "requires",
            Relation::After => "after",
            Relation::PipesTo | Relation::ConsumesFrom => "pipe_to",
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
