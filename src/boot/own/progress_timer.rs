//! How the calling thread of a walk tells progress: a few times a second, whatever the walk does. Must not know how it is
//! shown.
#![allow(clippy::disallowed_methods)] // how long a walk has taken, for its progress

use std::time::{Duration, Instant};

use super::report::Progress;

/// How often progress is told.
pub(super) const EVERY: Duration = Duration::from_millis(250);

/// How the calling thread tells progress.
pub(super) struct ProgressTimer<'p> {
    progress: &'p mut dyn FnMut(&Progress),
    began: Instant,
    next: Instant,
}

impl<'p> ProgressTimer<'p> {
    pub fn new(progress: &'p mut dyn FnMut(&Progress)) -> Self {
        let now = Instant::now();
        Self { progress, began: now, next: now + EVERY }
    }

    pub fn ring(&mut self, entries: u64) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + EVERY;
            (self.progress)(&Progress { entries, elapsed: now - self.began });
        }
    }
}
