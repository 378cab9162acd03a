//! [`ControlHandler`]: what is known for the sake of callers, and those of them who wait. Must not know the loop.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::super::journal::Journal;
use crate::config::values::Uid;
use crate::control::protocol::Until;
use crate::control::responses::{ReloadedService, Response, Snapshot, StepTime};
use crate::control::server::Call;
use crate::control::service_index::{CommandRefused, ServiceIndex};
use crate::inspect::usage::Usage;
use crate::supervise::{Id, Pid, ProbeResult};

/// What is known for the sake of callers, and those who wait.
pub struct ControlHandler {
    /// The answer to `status`, but for the engine's part.
    pub fixed: Snapshot,
    /// The app user.
    pub app: Uid,
    /// What was done before this stage.
    pub steps: Vec<StepTime>,
    /// The services by name.
    pub service_index: ServiceIndex,
    /// What happened when.
    pub journal: Journal,
    /// Whether those who wait must be looked at.
    pub changed: bool,
    pub waiters: Vec<Waiter>,
    pub usage: Option<(Instant, HashMap<Pid, Usage>)>,
}

/// A caller who waits for services. The server bounds how many there are.
pub struct Waiter {
    pub call: Call,
    /// When it is answered at the latest.
    pub until: Option<Instant>,
    /// When those that are up have been so for long enough.
    pub settled: Option<Instant>,
    pub what: WaitFor,
}

impl Waiter {
    pub fn due(&self) -> Option<Instant> {
        self.until.into_iter().chain(self.settled).min()
    }
}

pub enum WaitFor {
    /// Those behind `ids` are stopped with them: whom each of them requires.
    States {
        ids: Vec<Id>,
        until: Until,
        asked: bool,
        with: Vec<(Id, Id)>,
    },
    Change {
        ids: Vec<Id>,
        seen: u64,
        not_before: Instant,
    },
    Reload {
        ids: Vec<Id>,
        tried: HashMap<Id, ReloadedService>,
    },
}

impl ControlHandler {
    /// Returns a handler without waiting callers.
    pub fn new(app: Uid, fixed: Snapshot, steps: Vec<StepTime>, service_index: ServiceIndex, journal: Journal) -> Self {
        Self { app, fixed, steps, service_index, journal, changed: false, waiters: Vec::new(), usage: None }
    }

    /// Returns when those who wait must be looked at, whether or not anything has changed.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.waiters.iter().filter_map(|waiter| match waiter.what {
            WaitFor::Change { not_before, .. } if self.changed => Some(not_before),
            WaitFor::Change { .. } | WaitFor::States { .. } | WaitFor::Reload { .. } => waiter.due(),
        });
        due.min()
    }

    /// Returns whether anybody waits for that service.
    pub fn is_waited_for(&self, id: Id) -> bool {
        self.waiters.iter().filter(|waiter| !waiter.call.is_gone()).any(|waiter| match &waiter.what {
            WaitFor::States { ids, with, .. } => {
                ids.contains(&id) || with.iter().any(|(it, on)| *it == id || *on == id)
            }
            WaitFor::Change { ids, .. } | WaitFor::Reload { ids, .. } => ids.contains(&id),
        })
    }

    pub fn wait(&mut self, call: Call, timeout_ms: Option<u64>, what: WaitFor) {
        // Those that have hung up make room.
        self.waiters.retain(|waiter| !waiter.call.is_gone());
        let until = timeout_ms.and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)));
        self.waiters.push(Waiter { call, until, settled: None, what });
        self.changed = true;
    }
}

/// Returns what a caller is told.
pub fn response<T>(outcome: Result<T, CommandRefused>) -> Response<T> {
    match outcome {
        Ok(answer) => Response::Ok(answer),
        Err(CommandRefused::Unknown(what)) => Response::Wrong(what),
        Err(CommandRefused::Refused(why)) => Response::Error(why),
    }
}

/// Returns what came of a reload command.
pub fn outcome(name: &str, answer: &ProbeResult) -> ReloadedService {
    let (done, how) = match answer {
        ProbeResult::Pass => (true, "its reload command succeeded".to_owned()),
        ProbeResult::Fail(why) => (false, format!("its reload command: {why}")),
    };
    ReloadedService { name: name.to_owned(), done, how }
}
