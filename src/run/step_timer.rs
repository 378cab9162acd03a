//! [`StepTimer`]: how long the steps of a boot take, for `timings`.
#![allow(clippy::disallowed_methods)] // it times

use std::time::Instant;

use crate::control::millis::Millis;
use crate::control::responses::StepTime;

/// Steps in order, and when the first one began.
#[derive(Clone, Debug)]
pub struct StepTimer {
    started_at: Instant,
    last: Instant,
    steps: Vec<StepTime>,
}

impl StepTimer {
    /// Starts it.
    pub fn start() -> Self {
        let now = Instant::now();
        Self { started_at: now, last: now, steps: Vec::new() }
    }

    /// Returns when it was started.
    pub fn started_at(&self) -> Instant {
        self.started_at
    }

    /// Records that a step is done, which began when the previous one ended.
    pub fn done(&mut self, name: &str) {
        let now = Instant::now();
        self.steps.push(StepTime {
            name: name.to_owned(),
            at_ms: Millis(self.last.duration_since(self.started_at)),
            took_ms: Millis(now.duration_since(self.last)),
        });
        self.last = now;
    }

    /// Returns the steps so far.
    pub fn steps(&self) -> Vec<StepTime> {
        self.steps.clone()
    }
}
