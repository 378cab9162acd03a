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
//!
//! While the whole container stops nobody's descendants are looked for, which costs more than all the rest of a stop: what
//! is adopted then without a tag is taken for one of whatever has ended since the scan before, which may be several runs. It
//! holds each of them, so that none counts as down before it is gone.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use nix::errno::Errno;
use nix::libc::pid_t;
use nix::sys::prctl;

use crate::config::values::Signal;
use crate::supervise::Pid;
use crate::sys::process::children::OpenList;
use crate::sys::process::permission::{self, combine};
use crate::sys::process::run_tag::{self, RunTag, RunTags};
use crate::sys::process::session;
use crate::sys::process::stat::ProcessStat;
use crate::sys::process::{children, group, pidfd};

/// More rounds than needed: a killed process does not fork any more.
const MAX_ROUNDS: usize = 8;
/// More than the exits that are reaped between two scans; bounded, because who forks without end decides it otherwise.
const MAX_CANDIDATES: usize = 1024;

/// The processes that became our children, as of the last scan.
#[derive(Debug)]
pub struct Detached {
    tags: RunTags,
    adopted: HashMap<Pid, ProcessOrigin>,
    /// Processes seen below a service's main process: start time and run.
    seen: HashMap<Pid, (u64, RunTag)>,
    /// While the container stops.
    stop: Option<StopScans>,
    /// Whether a process that loses its parent becomes our child, once that was asked.
    adopts: Option<bool>,
}

/// What tells whose those are that are adopted without a tag while the container stops.
#[derive(Debug, Default)]
struct StopScans {
    /// Our own children.
    list: Option<OpenList>,
    /// What has ended since the last scan.
    ended: Candidates,
    /// Those of what the last scan has found, whose parent may be a zombie that is not reaped yet.
    latest: Candidates,
    /// Found before the stop, and not reported yet.
    unreported: Vec<Pid>,
}

/// Where processes that one scan has found may come from: no origin of these is [`ProcessOrigin::AnyOf`] itself.
type Candidates = Rc<RefCell<Vec<ProcessOrigin>>>;

/// The result of a scan.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChildScan {
    /// Those that cannot be assigned to a service.
    pub unassigned: Vec<Pid>,
    /// Whether anything may be left of runs whose main processes were reaped before: nothing is if all our children are main
    /// processes themselves. What is in the session of one that has ended descends from it (fork(2)), so that it is below a
    /// child that we have adopted.
    pub may_be_left: bool,
}

/// Where an adopted process comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ProcessOrigin {
    /// It has this limit, which the tag of a run may cover.
    Limit(u64),
    /// It was seen below the main process of this run, and has lost the tag.
    Ancestry(RunTag),
    /// It was adopted while the container stops, and has lost the tag: of one of these.
    AnyOf(Candidates),
    /// PID 1 has forked it for itself, not for a run.
    PidOne,
    Unknown,
}

impl Detached {
    /// Returns an empty set. Lowers this process's own limit, from which the tags of runs count down.
    pub fn lower_our_limit() -> Self {
        Self {
            tags: RunTags::lower_our_limit(),
            adopted: HashMap::new(),
            seen: HashMap::new(),
            stop: None,
            adopts: None,
        }
    }

    /// Returns the tag of the next run.
    pub fn next_tag(&mut self) -> RunTag {
        self.tags.next_tag()
    }

    /// Scans for new children; `running` are those that were started as services.
    pub fn scan_children(&mut self, running: impl Fn(Pid) -> bool) -> ChildScan {
        let open = self.stop.as_ref().and_then(|stop| stop.list.as_ref()).and_then(OpenList::read);
        self.scan(open.or_else(|| children::children_of(us())), running)
    }

    /// The same where waiting has found that there is no child (ECHILD): the kernel's list, which would be empty, is not read.
    pub fn scan_none(&mut self) -> ChildScan {
        self.scan(Some(Vec::new()), |_| false)
    }

    fn scan(&mut self, listed: Option<Vec<pid_t>>, running: impl Fn(Pid) -> bool) -> ChildScan {
        let mut scan = ChildScan { unassigned: Vec::new(), may_be_left: listed.is_none() || !self.adopts() };
        for pid in listed.unwrap_or_default().into_iter().map(Pid).filter(|pid| !running(*pid)) {
            scan.may_be_left = true;
            if self.adopted.contains_key(&pid) || session::is_dead(pid) != Some(false) {
                continue;
            }
            let origin = match (self.origin(pid), &mut self.stop) {
                (ProcessOrigin::Unknown, Some(stop)) => ProcessOrigin::AnyOf(Rc::clone(&stop.ended)),
                (ProcessOrigin::Unknown, None) => {
                    scan.unassigned.push(pid);
                    ProcessOrigin::Unknown
                }
                (origin, _) => origin,
            };
            self.adopted.insert(pid, origin);
        }
        if let Some(stop) = &mut self.stop {
            stop.latest = std::mem::take(&mut stop.ended);
            scan.unassigned.append(&mut stop.unreported);
        }
        scan
    }

    /// The container stops. What is there already is not of what ends from now on.
    pub fn begin_stop(&mut self, running: impl Fn(Pid) -> bool) {
        if self.stop.is_none() {
            let ChildScan { unassigned, .. } = self.scan_children(running);
            let list = OpenList::open(us());
            self.stop = Some(StopScans { list, unreported: unassigned, ..StopScans::default() });
        }
    }

    /// A main process was reaped.
    pub fn main_ended(&mut self, run: RunTag) {
        if let Some(stop) = &mut self.stop {
            // Each run ends once, so that it is in neither yet.
            stop.ended.borrow_mut().push(ProcessOrigin::Ancestry(run));
            if Rc::strong_count(&stop.latest) > 1 {
                stop.latest.borrow_mut().push(ProcessOrigin::Ancestry(run));
            }
        }
    }

    /// No child is a zombie: nothing else that has ended was a parent of those that the last scan has found.
    pub fn all_are_reaped(&mut self) {
        self.stop.iter_mut().for_each(|stop| stop.latest = Candidates::default());
    }

    /// An adopted process was reaped.
    fn orphan_ended(&mut self, origin: &ProcessOrigin) {
        let Some(stop) = &mut self.stop else { return };
        let origins = match origin {
            ProcessOrigin::AnyOf(candidates) => candidates.borrow().clone(),
            one => vec![one.clone()],
        };
        for candidates in [&stop.ended, &stop.latest] {
            let mut candidates = candidates.borrow_mut();
            for origin in &origins {
                if candidates.len() < MAX_CANDIDATES && !candidates.contains(origin) {
                    candidates.push(origin.clone());
                }
            }
        }
    }

    fn adopts(&mut self) -> bool {
        let is_reaper = || us() == 1 || prctl::get_child_subreaper().unwrap_or(false);
        *self.adopts.get_or_insert_with(is_reaper)
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
        match self.adopted.remove(&pid) {
            Some(ProcessOrigin::PidOne | ProcessOrigin::Unknown) | None => {}
            Some(origin) => self.orphan_ended(&origin),
        }
        if let Some(stop) = &mut self.stop {
            stop.unreported.retain(|other| *other != pid);
        }
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
    fn is_of(&self, run: RunTag) -> bool {
        match self {
            Self::Limit(limit) => run.covers(*limit),
            Self::Ancestry(of) => *of == run,
            Self::AnyOf(candidates) => candidates.borrow().iter().any(|origin| origin.is_of(run)),
            Self::PidOne | Self::Unknown => false,
        }
    }
}

fn us() -> i32 {
    i32::try_from(std::process::id()).unwrap_or(1)
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
