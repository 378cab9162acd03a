//! What services started and what left their session and process group since: daemons that fork twice, whatever calls
//! setsid(2). Whoever loses its parent becomes our child; whose it is says the [`Mark`] that it carries, or that it was
//! seen below a service's first process when that one was told to stop.
//!
//! `/proc` is looked at only where a run ends or is told to end: the list of our own children, each new one of them once,
//! and what lies below those that are signalled. Where the kernel keeps no list of children (CONFIG_PROC_CHILDREN), or
//! shows none (hidepid), nobody is found.
//!
//! What each of the two misses, measured by switching them off: who lives on after the service was stopped / after its
//! command had ended by itself, when nobody was told to look before.
//!
//! | started by a service               | both        | no mark     | no ancestry | neither     |
//! |------------------------------------|-------------|-------------|-------------|-------------|
//! | in its session                     | none / none | none / none | none / none | none / none |
//! | `setsid`, its parent lives         | none / none | none / left | none / none | left / left |
//! | `setsid -f`                        | none / none | left / left | none / none | left / left |
//! | the same twice, no environment     | none / none | left / left | none / none | left / left |
//! | the same as another user           | none / none | left / left | none / none | left / left |
//! | mark shed, its parent lives        | none / left | none / left | left / left | left / left |
//! | mark shed, its parent gone         | left / left | left / left | left / left | left / left |
//!
//! Who is left carries no mark and is named, once (`run/detached.rs`).
#![allow(unsafe_code)] // kill(2): no wrapper in nix that knows real-time signals

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;
use nix::libc;

use crate::config::values::Signal;
use crate::supervise::Pid;
use crate::sys::process::children;
use crate::sys::process::mark::{self, Mark, Marks};
use crate::sys::process::pidfd;
use crate::sys::process::session::{self, either};
use crate::sys::process::stat::ProcessStat;

/// More rounds than it takes: whom KILL reaches forks no more.
const ROUNDS: usize = 8;

/// Everybody who was adopted, as far as it was looked at.
#[derive(Debug)]
pub struct Detached {
    marks: Marks,
    adopted: HashMap<Pid, Origin>,
    /// Seen below a first process: when each began, and of which run it is.
    seen: HashMap<Pid, (u64, Mark)>,
}

/// Whose an adopted process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It has this limit, which a run's mark may cover.
    Limit(u64),
    /// It was seen below the first process of this run, and has shed the mark.
    Ancestry(Mark),
    /// It is ours: forked for no run.
    Ours,
    Unknown,
}

impl Detached {
    /// Returns an empty set.
    pub fn watch() -> Self {
        Self { marks: Marks::lower_our_limit(), adopted: HashMap::new(), seen: HashMap::new() }
    }

    /// Returns the mark of the next run.
    pub fn next_mark(&mut self) -> Mark {
        self.marks.next_mark()
    }

    /// Looks at children that were not known yet; `living` are those that were started as services. Returns those of whom
    /// nothing says whose they are.
    pub fn adopt(&mut self, living: impl Fn(Pid) -> bool) -> Vec<Pid> {
        let us = i32::try_from(std::process::id()).unwrap_or(1);
        let mut strangers = Vec::new();
        for pid in children::of(us).unwrap_or_default().into_iter().map(Pid) {
            if living(pid) || self.adopted.contains_key(&pid) || session::is_dead(pid) != Some(false) {
                continue;
            }
            let origin = self.origin(pid);
            if origin == Origin::Unknown {
                strangers.push(pid);
            }
            self.adopted.insert(pid, origin);
        }
        strangers
    }

    fn origin(&self, pid: Pid) -> Origin {
        match (self.seen.get(&pid), mark::limit_of(pid)) {
            (Some((began, mark)), _) if start_of(pid) == Some(*began) => Origin::Ancestry(*mark),
            (_, Some(limit)) if self.marks.is_ours(limit) => Origin::Ours,
            (_, Some(limit)) if self.marks.is_any(limit) => Origin::Limit(limit),
            (_, Some(_) | None) => Origin::Unknown,
        }
    }

    /// Takes note that a child was reaped: its number is its own no more.
    pub fn reaped(&mut self, pid: Pid) {
        self.adopted.remove(&pid);
    }

    /// Returns whether anybody of that run was adopted and is not reaped yet.
    pub fn has(&self, run: Mark) -> bool {
        self.adopted.values().any(|origin| origin.is_of(run))
    }

    /// Notes who lives below a first process in sessions of their own, before they lose it.
    pub fn note_below(&mut self, leader: Pid, run: Mark) {
        for pid in children::below(leader.0).unwrap_or_default().into_iter().map(Pid) {
            if session::of(pid) != Some(leader)
                && let Some(began) = start_of(pid)
            {
                self.seen.insert(pid, (began, run));
            }
        }
    }

    /// Nobody asks for that run any more.
    pub fn forget(&mut self, run: Mark) {
        self.seen.retain(|_, (_, of)| *of != run);
    }

    /// Returns whether anybody was noted below the first process of that run.
    #[cfg(test)]
    pub fn has_noted(&self, run: Mark) -> bool {
        self.seen.values().any(|(_, of)| *of == run)
    }

    /// Returns all that was adopted of a run, and all below.
    pub fn of(&self, run: Mark) -> Vec<Pid> {
        self.roots(run).into_iter().flat_map(family).map(|(pid, _)| pid).collect()
    }

    fn roots(&self, run: Mark) -> Vec<Pid> {
        self.adopted.iter().filter(|(_, origin)| origin.is_of(run)).map(|(pid, _)| *pid).collect()
    }

    /// Sends a signal to all that was adopted of a run, and to all below; with KILL until there is nobody new.
    ///
    /// # Errors
    /// ESRCH when there is none, EPERM when one is another user's.
    pub fn signal(&self, run: Mark, signal: Signal) -> Result<(), Errno> {
        let roots = self.roots(run);
        let mut told = HashSet::new();
        let mut answer = Err(Errno::ESRCH);
        for _ in 0..ROUNDS {
            let below = roots.iter().flat_map(|root| family(*root));
            let new: Vec<(Pid, Option<Pid>)> = below.filter(|(pid, _)| told.insert(*pid)).collect();
            if new.is_empty() {
                break;
            }
            for (pid, parent) in new {
                answer = either(answer, send(pid, parent, run, signal));
            }
            if signal != Signal::KILL {
                break;
            }
        }
        answer
    }
}

impl Origin {
    fn is_of(self, run: Mark) -> bool {
        match self {
            Self::Limit(limit) => run.covers(limit),
            Self::Ancestry(of) => of == run,
            Self::Ours | Self::Unknown => false,
        }
    }
}

/// Returns a child of ours and everybody below, each with its parent; the child's own is `None`.
fn family(root: Pid) -> Vec<(Pid, Option<Pid>)> {
    let mut all = vec![(root, None)];
    let mut at = 0;
    while let Some((parent, _)) = all.get(at).copied() {
        let more = children::of(parent.0).unwrap_or_default();
        all.extend(more.into_iter().map(|child| (Pid(child), Some(parent))));
        at += 1;
    }
    all
}

/// A child of ours keeps its number until we reap it; anybody else's may have become another's.
fn send(pid: Pid, parent: Option<Pid>, run: Mark, signal: Signal) -> Result<(), Errno> {
    let Some(parent) = parent else {
        // SAFETY: takes numbers only.
        return Errno::result(unsafe { libc::kill(pid.0, signal.number()) }).map(drop);
    };
    let is_below = || children::of(parent.0).is_some_and(|children| children.contains(&pid.0));
    pidfd::send_to(pid, signal, || run.is_on(pid) || is_below())
}

/// When a process began, in ticks since the machine did: with its number it names it for good.
fn start_of(pid: Pid) -> Option<u64> {
    ProcessStat::read(pid.0)?.number(22)
}
