//! The walk: several threads, one shared stack of directories, children before their directory. Must not know how the
//! declared path was opened, nor how the report is used.
//!
//! A directory's listing is read in chunks; each chunk's files are changed at once and its directories are pushed on the
//! stack, so that memory holds a few chunks for each level and not the tree. A directory is *done*, and changed if needed,
//! when its listing and all its children are ([`Dir::outstanding`]); the thread that finishes the last of them does it.
//!
//! A directory that root may not list (0700 of another, without DAC_OVERRIDE) is taken over: owned by root while it is
//! walked, then given to its new owner. That is done only if its owner has to change anyway; if it is right already it is
//! not listed and only counted, since a right entry is never changed.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::directory::{Dir, HandleBudget};
use super::progress_timer;
use super::rules::Rules;
use crate::sys::files::beneath::Beneath;

/// Deeper than any path that a program can name: PATH_MAX is 4096 bytes and a component takes two.
pub const MAX_DEPTH: u32 = 2048;

/// More threads are only faster on a network file system, and there they would be too much load.
const MAX_THREADS: usize = 8;

/// One walk, shared by its threads.
pub(super) struct Walk<'a> {
    pub beneath: Beneath,
    pub rules: Rules,
    /// The declared path, escaped.
    pub top: &'a str,
    /// The components of each excluded path.
    pub excludes: Vec<Vec<CString>>,
    stop: &'a AtomicBool,
    /// Whether the whole mount is read-only.
    is_read_only: AtomicBool,
    /// Whether anything was not done because of either.
    cut_short: AtomicBool,
    entries: AtomicU64,
    pub budget: HandleBudget,
    pub threads: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
}

struct Queue {
    /// A stack: depth before breadth.
    jobs: Vec<Job>,
    /// Threads that may still add jobs.
    busy: usize,
}

pub(super) enum Job {
    /// Opens a directory and begins its listing.
    Enter { parent: Arc<Dir>, name: Box<CStr> },
    /// Continues the listing of one that keeps its handle.
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
            is_read_only: AtomicBool::new(false),
            cut_short: AtomicBool::new(false),
            entries: AtomicU64::new(0),
            budget: HandleBudget::new(threads),
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

    /// Takes all of `jobs` and leaves its memory to be reused.
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

    /// Returns the next job; waits while other threads may still add some. `None`: everything is done. `waiting` is
    /// called from time to time meanwhile.
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
            queue = self.wake.wait_timeout(queue, progress_timer::INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
            waiting();
        }
    }

    /// Adds to the count of entries; returns the sum.
    pub fn count(&self, entries: u32) -> u64 {
        let more = u64::from(entries);
        self.entries.fetch_add(more, Ordering::Relaxed) + more
    }

    /// Stops the walk: its mount is read-only, so every further change would fail too.
    pub fn stop_read_only(&self) {
        self.is_read_only.store(true, Ordering::Relaxed);
    }

    /// Returns whether something was left undone because the walk was to stop.
    pub fn was_interrupted(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed) && self.stop.load(Ordering::Relaxed)
    }

    /// Returns whether to stop; called only if something is left to do.
    pub fn is_stopped(&self) -> bool {
        let is_stopped = self.stop.load(Ordering::Relaxed) || self.is_read_only.load(Ordering::Relaxed);
        if is_stopped {
            self.cut_short.store(true, Ordering::Relaxed);
        }
        is_stopped
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

/// Returns the number of threads: the CPUs of the affinity mask (cgroup quotas are not read), at least two.
fn threads() -> usize {
    let processors = sched_getaffinity(Pid::from_raw(0))
        .map_or(2, |set| (0..CpuSet::count()).filter(|number| set.is_set(*number).unwrap_or(false)).count());
    processors.clamp(2, MAX_THREADS)
}
