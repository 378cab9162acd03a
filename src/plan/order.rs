//! The order in which services start and stop, for planning and printing. The engine keeps order by
//! itself, event by event: this is the picture of it. Must not know privileges.

use std::collections::BTreeMap;

use crate::config::service::Service;
use crate::config::values::ServiceName;

/// Returns the services in layers, by their place in the list: each one after all that it requires or comes after. Within
/// a layer, by name. A cycle (which the configuration refuses) ends up in a last layer of its own.
pub fn layers(services: &[Service]) -> Vec<Vec<usize>> {
    let needs = needs(services);
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut wanted_by = vec![Vec::new(); services.len()];
    for (at, needed) in needs.iter().enumerate() {
        for need in needed {
            if let Some(list) = wanted_by.get_mut(*need) {
                list.push(at);
            }
        }
    }
    let mut placed = vec![false; services.len()];
    let mut layer: Vec<usize> = (0..services.len()).filter(|at| waiting.get(*at) == Some(&0)).collect();
    let mut all = Vec::new();
    while !layer.is_empty() {
        let mut next = Vec::new();
        for at in &layer {
            if let Some(done) = placed.get_mut(*at) {
                *done = true;
            }
            for later in wanted_by.get(*at).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(*later) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        next.push(*later);
                    }
                }
            }
        }
        all.push(std::mem::replace(&mut layer, next));
    }
    let rest: Vec<usize> = (0..services.len()).filter(|at| placed.get(*at) == Some(&false)).collect();
    if !rest.is_empty() {
        all.push(rest);
    }
    for layer in &mut all {
        layer.sort_by(|a, b| services.get(*a).map(|it| &it.name).cmp(&services.get(*b).map(|it| &it.name)));
    }
    all
}

/// Returns the services in the layers in which they stop, given those in which they start: each one once all that depend
/// on it are down, and no later. Those on which nobody depends are the first. Within a layer, by name.
pub fn stop_layers(services: &[Service], layers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let needs = needs(services);
    let mut depths = vec![0_usize; services.len()];
    for at in layers.iter().rev().flatten() {
        let below = depths.get(*at).copied().unwrap_or_default().saturating_add(1);
        for need in needs.get(*at).into_iter().flatten() {
            if let Some(depth) = depths.get_mut(*need) {
                *depth = below.max(*depth).min(services.len());
            }
        }
    }
    let deepest = depths.iter().copied().max().unwrap_or_default();
    let of = |layer| layers.iter().flatten().copied().filter(|at| depths.get(*at) == Some(&layer)).collect();
    let mut all: Vec<Vec<usize>> = (0..=deepest).map(of).collect();
    for layer in &mut all {
        layer.sort_by(|a, b| services.get(*a).map(|it| &it.name).cmp(&services.get(*b).map(|it| &it.name)));
    }
    all
}

/// Returns for each service the places of those that it requires or comes after, without repeats.
pub(super) fn needs(services: &[Service]) -> Vec<Vec<usize>> {
    let places: BTreeMap<&ServiceName, usize> = services.iter().enumerate().map(|(at, it)| (&it.name, at)).collect();
    let mut all = Vec::with_capacity(services.len());
    for service in services {
        let names = service.requires.iter().chain(&service.after);
        let mut needed: Vec<usize> = names.filter_map(|name| places.get(name).copied()).collect();
        needed.sort_unstable();
        needed.dedup();
        all.push(needed);
    }
    all
}
