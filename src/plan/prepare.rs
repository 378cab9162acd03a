//! The *prepare* stage (DESIGN §3, step 5): which services run before the drop. Must not know capabilities.
//!
//! These are the oneshots that run as root, and the oneshots for which they wait (`requires`, and `after`, so that a
//! declared order holds across the drop). A root oneshot that waits for a longrun, directly or not, cannot be among them:
//! longruns start after the drop; it forces PID 1 to stay root. One that is `down` is started by hand, later: likewise.
//! The stage is the same where PID 1 stays root for another reason, so that one image boots in one order.

use super::order;
use crate::config::service::{Kind, Service};

/// Which services run in the stage, and which root oneshots cannot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// Places of those that run before the drop, in start order.
    pub members: Vec<usize>,
    /// The same, by place.
    member: Vec<bool>,
    /// Places of root oneshots that have to run after it, each with the reason.
    pub too_late: Vec<(usize, String)>,
}

impl Stage {
    /// Returns whether the service at that place runs before the drop.
    pub(super) fn has(&self, at: usize) -> bool {
        self.member.get(at) == Some(&true)
    }
}

/// Returns the stage; `is_root` tells which services run as uid 0.
pub(super) fn stage(services: &[Service], is_root: &[bool]) -> Stage {
    let needs = order::needs(services);
    let sorted: Vec<usize> = order::layers(services).into_iter().flatten().collect();
    let mut longrun = vec![None; services.len()];
    let mut stage = Stage::default();
    let mut queue = Vec::new();
    for at in &sorted {
        let Some(service) = services.get(*at) else { continue };
        let found = needs.get(*at).into_iter().flatten().find_map(|need| match services.get(*need)?.kind {
            Kind::Longrun => Some(*need),
            Kind::Oneshot => *longrun.get(*need)?,
        });
        if let Some(slot) = longrun.get_mut(*at) {
            *slot = found;
        }
        let root = is_root.get(*at) == Some(&true) && service.kind == Kind::Oneshot;
        match found.and_then(|need| services.get(need)) {
            Some(need) if root => stage.too_late.push((*at, format!("it waits for `{}`, a longrun", need.name))),
            None if root && service.down => stage.too_late.push((*at, "it is `down` and started by hand".to_owned())),
            None if root => queue.push(*at),
            Some(_) | None => {}
        }
    }
    stage.member = vec![false; services.len()];
    while let Some(at) = queue.pop() {
        match stage.member.get_mut(at) {
            Some(seen) if !*seen => *seen = true,
            Some(_) | None => continue,
        }
        queue.extend(needs.get(at).into_iter().flatten());
    }
    stage.members = sorted.into_iter().filter(|at| stage.has(*at)).collect();
    stage
}
