//! The order in which services start and stop, for planning and printing. The engine keeps the order itself, event by event.
//! Must not know privileges.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::config::service::Service;
use crate::config::topology;
use crate::config::values::ServiceName;

/// Returns the services in layers, by index: each one after all that it requires or that are in its `after`. Within
/// a layer, by name. A cycle (which the configuration refuses) is put in a last layer.
pub fn layers(services: &[Rc<Service>]) -> Vec<Vec<usize>> {
    let needs = needs(services);
    let needed = |at: usize| needs.get(at).into_iter().flatten().copied();
    let sorted = topology::sort(0..services.len(), needed, 0);
    let mut depths = vec![0; services.len()];
    for at in sorted.order {
        let below = needed(at).filter_map(|need| depths.get(need)).max();
        let depth = below.map_or(0, |depth| depth + 1);
        raise(&mut depths, at, depth);
    }
    let last = depths.iter().max().map_or(0, |deepest| deepest + 1);
    sorted.unordered.into_iter().for_each(|at| raise(&mut depths, at, last));
    by_depth(services, &depths)
}

/// Returns the services in the layers in which they stop, given those in which they start: each one as soon as all that
/// depend on it are down. Those without dependents are the first. Within a layer, by name.
pub fn stop_layers(services: &[Rc<Service>], layers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let needs = needs(services);
    let mut depths = vec![0_usize; services.len()];
    for at in layers.iter().rev().flatten() {
        let below = depths.get(*at).copied().unwrap_or_default().saturating_add(1).min(services.len());
        needs.get(*at).into_iter().flatten().for_each(|need| raise(&mut depths, *need, below));
    }
    by_depth(services, &depths)
}

fn raise(depths: &mut [usize], at: usize, to: usize) {
    if let Some(depth) = depths.get_mut(at) {
        *depth = to.max(*depth);
    }
}

fn by_depth(services: &[Rc<Service>], depths: &[usize]) -> Vec<Vec<usize>> {
    let mut by_name: Vec<usize> = (0..services.len()).collect();
    by_name.sort_by_key(|at| services.get(*at).map(|service| &service.name));
    let mut layers = vec![Vec::new(); depths.iter().max().map_or(0, |deepest| deepest + 1)];
    for at in by_name {
        if let Some(layer) = depths.get(at).and_then(|depth| layers.get_mut(*depth)) {
            layer.push(at);
        }
    }
    layers
}

/// Returns for each service the indexes of those that it requires or that are in its `after`, without repeats.
pub(super) fn needs(services: &[Rc<Service>]) -> Vec<Vec<usize>> {
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
