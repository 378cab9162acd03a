//! Calls the progress callback of a walk a few times a second, from the calling thread. Must not know how progress is shown.
#![allow(clippy::disallowed_methods)] // how long a walk has taken, for its progress

use std::time::{Duration, Instant};

use super::report::WalkProgress;

/// How often progress is reported.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// Reports progress from the calling thread.
pub(super) struct ProgressTimer<'p> {
    progress: &'p mut dyn FnMut(&WalkProgress),
    started: Instant,
    next: Instant,
}

impl<'p> ProgressTimer<'p> {
    pub fn new(progress: &'p mut dyn FnMut(&WalkProgress)) -> Self {
        let now = Instant::now();
        Self { progress, started: now, next: now + INTERVAL }
    }

    pub fn tick(&mut self, entries: u64) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + INTERVAL;
            (self.progress)(&WalkProgress { entries, elapsed: now - self.started });
        }
    }
}
