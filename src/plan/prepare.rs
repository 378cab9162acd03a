//! The *prepare* stage (DESIGN §3, step 5): which services run before the drop. Must not know capabilities.
//!
//! These are the oneshots that run as root, and the oneshots for which they wait (`requires`, and `after`, so that a
//! declared order holds across the drop). A root oneshot that waits for a longrun, directly or not, cannot be included:
//! longruns start after the drop; it forces PID 1 to stay root. The same holds for one that is not `enabled` and started manually
//! later, for one that runs again or has a `stop_command`, and for what waits for it. The stage is the same if PID 1 stays
//! root for another reason, so that an image always boots in the same order; `boot` makes one exception, for images made for
//! s6-overlay.

use std::rc::Rc;

use super::order;
use crate::config::service::{Command, Kind, Service};

/// Which services run in the stage, and which root oneshots cannot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PrepareStage {
    /// Indexes of those that run before the drop, in start order.
    members: Vec<usize>,
    /// The same, by index.
    is_member: Vec<bool>,
    /// Indexes of root oneshots that must run after it, each with the reason.
    pub after_drop: Vec<(usize, String)>,
}

impl PrepareStage {
    /// Returns the stage of those for which `is_member` has true at their index; `sorted`: all of them in start order.
    fn new(sorted: Vec<usize>, is_member: Vec<bool>, after_drop: Vec<(usize, String)>) -> Self {
        let members = sorted.into_iter().filter(|at| is_member.get(*at) == Some(&true)).collect();
        Self { members, is_member, after_drop }
    }

    /// Returns the indexes of those that run before the drop, in start order.
    pub(super) fn members(&self) -> &[usize] {
        &self.members
    }

    /// Returns whether the service with that index runs before the drop.
    pub(super) fn has(&self, at: usize) -> bool {
        self.is_member.get(at) == Some(&true)
    }
}

/// Returns the stage; `is_root`: which services run as uid 0.
pub(super) fn stage(services: &[Rc<Service>], is_root: &[bool]) -> PrepareStage {
    let needs = order::needs(services);
    let sorted: Vec<usize> = order::layers(services).into_iter().flatten().collect();
    // What each of them waits for, directly or not, that runs after the drop.
    let mut later = vec![None; services.len()];
    let mut after_drop = Vec::new();
    let mut queue = Vec::new();
    for at in &sorted {
        let Some(service) = services.get(*at) else { continue };
        let found = needs.get(*at).into_iter().flatten().find_map(|need| match services.get(*need)?.kind {
            Kind::Longrun => Some(*need),
            Kind::Oneshot => *later.get(*need)?,
        });
        let root = is_root.get(*at) == Some(&true) && service.kind == Kind::Oneshot;
        let again = not_over(service);
        if let Some(slot) = later.get_mut(*at) {
            *slot = found.or(again.map(|_| *at));
        }
        let waits = found.and_then(|need| services.get(need)).map(|need| match need.kind {
            Kind::Longrun => format!("it waits for `{}`, a longrun", need.name),
            Kind::Oneshot => format!("it waits for `{}`, which runs after the drop", need.name),
        });
        let manual_reason = (!service.enabled).then(|| "it is not `enabled` and is started manually".to_owned());
        match waits.or(again.map(str::to_owned)).or(manual_reason) {
            Some(why) if root => after_drop.push((*at, why)),
            None if root => queue.push(*at),
            Some(_) | None => {}
        }
    }
    let mut is_member = vec![false; services.len()];
    while let Some(at) = queue.pop() {
        match is_member.get_mut(at) {
            Some(seen) if !*seen => *seen = true,
            Some(_) | None => continue,
        }
        queue.extend(needs.get(at).into_iter().flatten());
    }
    PrepareStage::new(sorted, is_member, after_drop)
}

/// Returns the scripts of `cont-init.d` as the stage, if everything else that an image made for s6-overlay starts waits for
/// the last of them; otherwise nothing, because they may wait for what runs beside them.
///
/// s6-overlay copies `/etc/services.d` after the scripts, which may write it (FIELD §2.2): without a stage of theirs the engine
/// has the definitions read again, by a reload. The stage does more than a reload can, and is why both exist: PID 1 is root
/// and alone, so that the new plan decides about the drop and about what is kept, finds the accounts that scripts have
/// created, has its root steps done, and reads what others than root may write, as the first one did.
pub(super) fn init_scripts(services: &[Rc<Service>]) -> PrepareStage {
    let needs = order::needs(services);
    let sorted: Vec<usize> = order::layers(services).into_iter().flatten().collect();
    let is_member: Vec<bool> = services.iter().map(|service| service.is_init_script()).collect();
    let Some(last) = sorted.iter().rfind(|at| is_member.get(**at) == Some(&true)) else {
        return PrepareStage::default();
    };
    // Which of them are the last script or wait for it, directly or not.
    let mut waits = vec![false; services.len()];
    for at in &sorted {
        let mut needed = needs.get(*at).into_iter().flatten();
        let is_after = at == last || needed.any(|need| waits.get(*need) == Some(&true));
        if let Some(slot) = waits.get_mut(*at) {
            *slot = is_after;
        }
    }
    let runs_beside = |(service, waits): (&Rc<Service>, &bool)| {
        service.enabled && service.command != Command::Nothing && !service.is_init_script() && !waits
    };
    if services.iter().zip(&waits).any(runs_beside) {
        return PrepareStage::default();
    }
    PrepareStage::new(sorted, is_member, Vec::new())
}

/// Why a oneshot is needed after it is done, if it is: the stage ends and stops everything in it.
fn not_over(service: &Service) -> Option<&'static str> {
    if service.calendar.is_some() {
        return Some("it runs when its time comes (`at`)");
    }
    match (service.every, &service.stop_command) {
        (Some(_), _) => Some("it runs again and again (`every`)"),
        (None, Some(_)) => Some("its `stop_command` does"),
        (None, None) => None,
    }
}
