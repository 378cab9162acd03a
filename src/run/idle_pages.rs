//! When memory is released that is not needed while nothing happens, the pages of our own program's file and what was freed of
//! the heap: a moment after work that is done seldom, and that uses much of both (starts, callers). Must not know what was done.

use std::time::{Duration, Instant};

use crate::sys::{heap, program_pages};

/// Long enough that a boot and a caller's requests release them once.
const AFTER: Duration = Duration::from_secs(1);

/// When they are released, if at all.
#[derive(Debug, Default)]
pub(super) struct IdlePages {
    due: Option<Instant>,
}

impl IdlePages {
    /// Work was done: they are released a moment later, unless more is done until then.
    pub(super) fn note_work(&mut self) {
        self.due = Some(Instant::now() + AFTER);
    }

    /// Returns when they are due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Releases them if they are due, after `free` has freed what is kept for the next work.
    pub(super) fn release_if_due(&mut self, now: Instant, free: impl FnOnce()) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            free();
            heap::release_free();
            program_pages::release();
        }
    }
}
