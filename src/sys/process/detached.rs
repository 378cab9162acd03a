//! Processes of services that left their session and process group: daemons that fork twice or call setsid(2). A process
//! whose parent exits becomes our child; its service is identified by its [`RunTag`], or because it was seen below the
//! service's main process when that one was stopped.
//!
//! `/proc` is read only when a run ends or is stopped: the list of our own children, each new one of them once, and the
//! descendants of those that are signalled. If the kernel has no list of children (CONFIG_PROC_CHILDREN), or hides it
//! (hidepid), none is found.
//!
//! What each method misses, measured by disabling it: which processes are left after the service was stopped / after its
//! command had exited by itself, without an earlier scan.
//!
//! | started by a service               | both        | no tag     | no ancestry | neither     |
//! |------------------------------------|-------------|-------------|-------------|-------------|
//! | in its session                     | none / none | none / none | none / none | none / none |
//! | `setsid`, its parent lives         | none / none | none / left | none / none | left / left |
//! | `setsid -f`                        | none / none | left / left | none / none | left / left |
//! | the same twice, no environment     | none / none | left / left | none / none | left / left |
//! | the same as another user           | none / none | left / left | none / none | left / left |
//! | tag shed, its parent lives        | none / left | none / left | left / left | left / left |
//! | tag shed, its parent gone         | left / left | left / left | left / left | left / left |
//!
//! Processes that are left have no tag and are reported once (`run/detached.rs`).

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;

use crate::config::values::Signal;
use crate::supervise::Pid;
use crate::sys::process::permission::{self, combine};
use crate::sys::process::run_tag::{self, RunTag, RunTags};
use crate::sys::process::session;
use crate::sys::process::stat::ProcessStat;
use crate::sys::process::{children, group, pidfd};

/// More rounds than needed: a killed process does not fork any more.
const MAX_ROUNDS: usize = 8;

/// The processes that became our children, as of the last scan.
#[derive(Debug)]
pub struct Detached {
    tags: RunTags,
    adopted: HashMap<Pid, ProcessOrigin>,
    /// Processes seen below a service's main process: start time and run.
    seen: HashMap<Pid, (u64, RunTag)>,
}

/// Where an adopted process comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessOrigin {
    /// It has this limit, which the tag of a run may cover.
    Limit(u64),
    /// It was seen below the main process of this run, and has lost the tag.
    Ancestry(RunTag),
    /// PID 1 has forked it for itself, not for a run.
    PidOne,
    Unknown,
}

impl Detached {
    /// Returns an empty set. Lowers this process's own limit, from which the tags of runs count down.
    pub fn lower_our_limit() -> Self {
        Self { tags: RunTags::lower_our_limit(), adopted: HashMap::new(), seen: HashMap::new() }
    }

    /// Returns the tag of the next run.
    pub fn next_tag(&mut self) -> RunTag {
        self.tags.next_tag()
    }

    /// Scans for new children; `running` are those that were started as services. Returns those that cannot be assigned to a
    /// service.
    pub fn scan_children(&mut self, running: impl Fn(Pid) -> bool) -> Vec<Pid> {
        let us = i32::try_from(std::process::id()).unwrap_or(1);
        let mut unassigned = Vec::new();
        for pid in children::children_of(us).unwrap_or_default().into_iter().map(Pid) {
            if running(pid) || self.adopted.contains_key(&pid) || session::is_dead(pid) != Some(false) {
                continue;
            }
            let origin = self.origin(pid);
            if origin == ProcessOrigin::Unknown {
                unassigned.push(pid);
            }
            self.adopted.insert(pid, origin);
        }
        unassigned
    }

    fn origin(&self, pid: Pid) -> ProcessOrigin {
        match (self.seen.get(&pid), run_tag::limit_of(pid)) {
            (Some((began, tag)), _) if start_time(pid) == Some(*began) => ProcessOrigin::Ancestry(*tag),
            (_, Some(limit)) if self.tags.is_ours(limit) => ProcessOrigin::PidOne,
            (_, Some(limit)) if self.tags.is_any_run(limit) => ProcessOrigin::Limit(limit),
            (_, Some(_) | None) => ProcessOrigin::Unknown,
        }
    }

    /// Removes a child that was reaped: its pid may be reused.
    pub fn reaped(&mut self, pid: Pid) {
        self.adopted.remove(&pid);
    }

    /// Returns whether an adopted process of that run is not reaped yet.
    pub fn has(&self, run: RunTag) -> bool {
        self.adopted.values().any(|origin| origin.is_of(run))
    }

    /// Records the descendants of a main process that have sessions of their own, before it exits.
    pub fn record_descendants(&mut self, leader: Pid, run: RunTag) {
        for pid in children::descendants_of(leader.0).unwrap_or_default().into_iter().map(Pid) {
            if session::session_of(pid) != Some(leader)
                && let Some(began) = start_time(pid)
            {
                self.seen.insert(pid, (began, run));
            }
        }
    }

    /// Drops what was recorded of a run.
    pub fn remove_run(&mut self, run: RunTag) {
        self.seen.retain(|_, (_, of)| *of != run);
    }

    /// Returns whether anybody was recorded below the main process of that run.
    #[cfg(test)]
    pub fn has_recorded(&self, run: RunTag) -> bool {
        self.seen.values().any(|(_, of)| *of == run)
    }

    /// Returns the adopted processes of a run, and their descendants.
    pub fn processes_of(&self, run: RunTag) -> Vec<Pid> {
        self.roots(run).into_iter().flat_map(process_tree).map(|(pid, _)| pid).collect()
    }

    fn roots(&self, run: RunTag) -> Vec<Pid> {
        self.adopted.iter().filter(|(_, origin)| origin.is_of(run)).map(|(pid, _)| *pid).collect()
    }

    /// Sends a signal to the adopted processes of a run and their descendants; with KILL until no new one appears.
    ///
    /// # Errors
    /// ESRCH when there is none, EPERM when one is another user's.
    pub fn signal(&self, run: RunTag, signal: Signal) -> Result<(), Errno> {
        let roots = self.roots(run);
        let mut signalled = HashSet::new();
        let mut result = Err(Errno::ESRCH);
        for _ in 0..MAX_ROUNDS {
            let below = roots.iter().flat_map(|root| process_tree(*root));
            let new: Vec<(Pid, Option<Pid>)> = below.filter(|(pid, _)| signalled.insert(*pid)).collect();
            if new.is_empty() {
                break;
            }
            for (pid, parent) in new {
                result = combine(result, send(pid, parent, run, signal));
            }
            if signal != Signal::KILL {
                break;
            }
        }
        result
    }
}

impl ProcessOrigin {
    fn is_of(self, run: RunTag) -> bool {
        match self {
            Self::Limit(limit) => run.covers(limit),
            Self::Ancestry(of) => of == run,
            Self::PidOne | Self::Unknown => false,
        }
    }
}

/// Returns a child of ours and its descendants, each with its parent; the child's own is `None`.
fn process_tree(root: Pid) -> Vec<(Pid, Option<Pid>)> {
    let mut all = vec![(root, None)];
    let mut at = 0;
    while let Some((parent, _)) = all.get(at).copied() {
        let more = children::children_of(parent.0).unwrap_or_default();
        all.extend(more.into_iter().map(|child| (Pid(child), Some(parent))));
        at += 1;
    }
    all
}

/// A child of ours keeps its pid until we reap it; that of any other process may have been reused.
fn send(pid: Pid, parent: Option<Pid>, run: RunTag, signal: Signal) -> Result<(), Errno> {
    let Some(parent) = parent else { return group::signal_child(pid, signal) };
    let is_below = || children::children_of(parent.0).is_some_and(|children| children.contains(&pid.0));
    permission::to_one(pid, || pidfd::send_to(pid, signal, || run.is_on(pid) || is_below()))
}

/// The start time of a process in ticks since boot: together with its pid it identifies the process.
fn start_time(pid: Pid) -> Option<u64> {
    ProcessStat::read(pid.0)?.number(22)
}
