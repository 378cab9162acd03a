//! Which services of an image made for s6-overlay are started: those in the bundles `user` and `user2`, and what these
//! depend on. Must not know files.

use std::collections::{BTreeMap, BTreeSet};

use super::bundles::Bundles;
use crate::config::draft::{Draft, DraftSource, Relation};
use crate::config::suggest;
use crate::config::values::ServiceName;

/// The bundles whose services s6-overlay starts.
pub const STARTED: [&str; 2] = ["user", "user2"];

/// Marks the definitions that nothing starts; they can be started manually. Links to bundles are expanded already.
pub fn stop_unreachable(drafts: &mut [Draft], bundles: &Bundles, notices: &mut Vec<String>) {
    let index: BTreeMap<&str, usize> =
        drafts.iter().enumerate().map(|(at, draft)| (draft.service.name.as_str(), at)).collect();
    let named = STARTED.iter().flat_map(|bundle| bundles.services(bundle)).map(ServiceName::as_str);
    let native =
        drafts.iter().filter(|draft| draft.source == DraftSource::Tree).map(|draft| draft.service.name.as_str());
    let mut queue: Vec<&str> = named.chain(native).collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = queue.pop() {
        let Some(at) = index.get(name).filter(|at| reached.insert(**at)) else { continue };
        let dependencies = drafts.get(*at).into_iter().flat_map(|draft| &draft.dependencies);
        // s6-rc makes a producer depend on its consumer.
        let needs =
            dependencies.filter(|dependency| matches!(dependency.relation, Relation::Requires | Relation::PipesTo));
        queue.extend(needs.map(|dependency| dependency.to.as_str()));
    }
    let mut left = Vec::new();
    for (at, draft) in drafts.iter_mut().enumerate() {
        if draft.source == DraftSource::Definitions && !reached.contains(&at) {
            draft.service.enabled = false;
            left.push(draft.service.name.to_string());
        }
    }
    if !left.is_empty() {
        let names = suggest::list(left.iter().map(String::as_str));
        notices.push(format!("not in the bundle `user` and not started: {names}"));
    }
}
