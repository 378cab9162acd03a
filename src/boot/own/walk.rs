//! The walk: several threads, one shared stack of directories, children before their directory. Must not know how the
//! declared top was found nor who will read the report.
//!
//! A directory's listing is read in pieces; each piece's files are dealt with at once and its directories go on the
//! stack, so that what is held in memory is a few pieces for each level and not the tree. A directory is *done*, and
//! changed if it is wrong, when its listing and all its children are ([`Dir::outstanding`]); whichever thread ends the
//! last of them does it.
//!
//! A directory that root may not list (0700 of another, without DAC_OVERRIDE) is taken: owned by root while it is
//! walked, then given to its new owner. That is done only if it has to change hands anyway; if it is right
//! already it is left closed and counted, since what is right is never touched.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::dir::{Budget, Dir};
use super::progress_timer;
use super::rules::Rules;
use crate::sys::files::beneath::Beneath;

/// Deeper than any path that a program can name: PATH_MAX is 4096 bytes and a component takes two.
pub const MAX_DEPTH: u32 = 2048;

/// More threads than this bring nothing but on a network file system, and there they would be a flood.
const MOST_THREADS: usize = 8;

/// One walk, as all its threads see it.
pub(super) struct Walk<'a> {
    pub beneath: Beneath,
    pub rules: Rules,
    /// The declared path, escaped.
    pub top: &'a str,
    /// The components of each excluded path.
    pub excludes: Vec<Vec<CString>>,
    stop: &'a AtomicBool,
    /// Set when the whole mount turns out to be read-only.
    hopeless: AtomicBool,
    /// Whether anything was left undone because of either.
    cut_short: AtomicBool,
    entries: AtomicU64,
    pub budget: Budget,
    pub threads: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
}

struct Queue {
    /// The last one first: depth before breadth.
    jobs: Vec<Job>,
    /// Threads that may still add jobs.
    busy: usize,
}

pub(super) enum Job {
    /// Opens a directory and begins its listing.
    Enter { parent: Arc<Dir>, name: Box<CStr> },
    /// Goes on with the listing of one that keeps its handle.
    List(Arc<Dir>),
}

impl<'a> Walk<'a> {
    pub fn new(
        beneath: Beneath,
        rules: Rules,
        top: &'a str,
        excludes: Vec<Vec<CString>>,
        stop: &'a AtomicBool,
    ) -> Self {
        let threads = threads();
        Self {
            beneath,
            rules,
            top,
            excludes,
            stop,
            hopeless: AtomicBool::new(false),
            cut_short: AtomicBool::new(false),
            entries: AtomicU64::new(0),
            budget: Budget::new(threads),
            threads,
            queue: Mutex::new(Queue { jobs: Vec::new(), busy: 1 }),
            wake: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more thread may add jobs.
    pub fn begin_work(&self) {
        self.lock().busy += 1;
    }

    /// A thread adds no more jobs.
    pub fn end_work(&self) {
        let mut queue = self.lock();
        queue.busy = queue.busy.saturating_sub(1);
        self.wake.notify_all();
    }

    /// Takes all of `jobs`, leaving its memory to be used again.
    pub fn push(&self, jobs: &mut Vec<Job>) {
        match jobs.len() {
            0 => {}
            1 => {
                self.lock().jobs.append(jobs);
                self.wake.notify_one();
            }
            _ => {
                self.lock().jobs.append(jobs);
                self.wake.notify_all();
            }
        }
    }

    /// Returns the next job; waits while other threads may still add some. `None`: all is done. `waiting` is called
    /// now and then meanwhile.
    pub fn next(&self, mut waiting: impl FnMut()) -> Option<Job> {
        let mut queue = self.lock();
        if let Some(job) = queue.jobs.pop() {
            return Some(job);
        }
        queue.busy = queue.busy.saturating_sub(1);
        loop {
            if let Some(job) = queue.jobs.pop() {
                queue.busy += 1;
                return Some(job);
            }
            if queue.busy == 0 {
                self.wake.notify_all();
                return None;
            }
            queue = self.wake.wait_timeout(queue, progress_timer::EVERY).unwrap_or_else(PoisonError::into_inner).0;
            waiting();
        }
    }

    /// Adds to the count of entries; returns the sum.
    pub fn count(&self, entries: u32) -> u64 {
        let more = u64::from(entries);
        self.entries.fetch_add(more, Ordering::Relaxed) + more
    }

    /// Gives up: the mount that the walk stays on is read-only, so every further change would fail alike.
    pub fn give_up(&self) {
        self.hopeless.store(true, Ordering::Relaxed);
    }

    /// Returns whether something was left undone because the walk was to stop.
    pub fn was_interrupted(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed) && self.stop.load(Ordering::Relaxed)
    }

    /// Returns whether to stop doing things; asked only where there is something left to do.
    pub fn ended(&self) -> bool {
        let ended = self.stop.load(Ordering::Relaxed) || self.hopeless.load(Ordering::Relaxed);
        if ended {
            self.cut_short.store(true, Ordering::Relaxed);
        }
        ended
    }

    pub fn excluded(&self, dir: &Dir, name: &CStr) -> bool {
        let at = dir.depth as usize;
        dir.excludes
            .iter()
            .filter_map(|index| self.excludes.get(*index))
            .any(|path| path.len() == at + 1 && path.get(at).is_some_and(|part| part.as_c_str() == name))
    }

    /// Returns which excluded paths lie below a child of `dir`.
    pub fn excludes_below(&self, dir: &Dir, name: &CStr) -> Box<[usize]> {
        let at = dir.depth as usize;
        let still = dir.excludes.iter().copied().filter(|index| {
            self.excludes.get(*index).and_then(|path| path.get(at)).is_some_and(|part| part.as_c_str() == name)
        });
        still.collect()
    }
}

/// At least two, as many as there are processors to run on: affinity, without reading the cgroup's files.
fn threads() -> usize {
    let processors = sched_getaffinity(Pid::from_raw(0))
        .map_or(2, |set| (0..CpuSet::count()).filter(|number| set.is_set(*number).unwrap_or(false)).count());
    processors.clamp(2, MOST_THREADS)
}
