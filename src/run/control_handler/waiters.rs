//! [`ControlHandler`]: what responses to callers are made of, and the callers that wait. Must not know the loop.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::super::journal::Journal;
use crate::config::values::Uid;
use crate::control::event_history::{EventHistory, Occurrence};
use crate::control::metrics::ExitCounts;
use crate::control::protocol::Until;
use crate::control::responses::{ReloadedService, Response, Snapshot, StepTime};
use crate::control::server::PendingRequest;
use crate::control::service_index::{RequestRefused, ServiceIndex};
use crate::inspect::usage::Usage;
use crate::supervise::{Id, Pid, ProbeResult};

/// What responses are made of, and the callers that wait.
pub struct ControlHandler {
    /// The response to `status`, but for the engine's part.
    pub fixed: Snapshot,
    /// The app user.
    pub app: Uid,
    /// What was done before this stage.
    pub steps: Vec<StepTime>,
    /// The services by name.
    pub service_index: ServiceIndex,
    /// What happened when.
    pub journal: Journal,
    /// The last events.
    pub history: EventHistory,
    /// How often each service was started, and ended.
    pub exit_counts: ExitCounts,
    /// Whether something has changed since the waiting callers were checked.
    pub changed: bool,
    pub waiters: Vec<Waiter>,
    pub usage: Option<(Instant, HashMap<Pid, Usage>)>,
}

/// A caller who waits for services. The server bounds how many there are.
pub struct Waiter {
    pub pending: PendingRequest,
    /// When it is answered at the latest.
    pub deadline: Option<Instant>,
    /// When the services that are up have been so for the settle time.
    pub settled: Option<Instant>,
    pub what: WaitFor,
}

impl Waiter {
    /// Returns when it must be checked, whether or not anything has changed.
    pub fn due(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.settled).min()
    }
}

/// What a caller waits for.
pub enum WaitFor {
    /// Until services have a state. `with`: services that are stopped too, each with one of `ids` that it requires.
    States { ids: Vec<Id>, until: Until, requested: bool, with: Vec<(Id, Id)> },
    /// Until the stage of the boot ends that does not have all of these services: the caller then asks the next one.
    NextStage { services: Vec<String> },
    /// Until anything about services has changed since the revision `seen`.
    Change { ids: Vec<Id>, seen: u64, not_before: Instant },
    /// Until the reload commands of services have ended.
    Reload { ids: Vec<Id>, results: HashMap<Id, ReloadedService> },
}

impl ControlHandler {
    /// Returns a handler without waiting callers.
    pub fn new(
        app: Uid,
        fixed: Snapshot,
        steps: Vec<StepTime>,
        service_index: ServiceIndex,
        journal: Journal,
        history: EventHistory,
    ) -> Self {
        Self {
            app,
            fixed,
            steps,
            service_index,
            journal,
            history,
            exit_counts: ExitCounts::default(),
            changed: false,
            waiters: Vec::new(),
            usage: None,
        }
    }

    /// Adds an event to the history; `None`: it is about the container.
    pub fn record_event(&mut self, id: Option<Id>, occurrence: Occurrence) {
        let Self { history, service_index, .. } = self;
        history.record(id, occurrence, |id| service_index.name(id));
    }

    /// Returns when waiting callers must be checked, whether or not anything has changed.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.waiters.iter().filter_map(|waiter| match waiter.what {
            WaitFor::Change { not_before, .. } if self.changed => Some(not_before),
            WaitFor::Change { .. } | WaitFor::States { .. } | WaitFor::Reload { .. } | WaitFor::NextStage { .. } => {
                waiter.due()
            }
        });
        due.min()
    }

    /// Returns whether a caller waits for that service.
    pub fn is_waited_for(&self, id: Id) -> bool {
        self.waiters.iter().filter(|waiter| !waiter.pending.is_gone()).any(|waiter| match &waiter.what {
            WaitFor::States { ids, with, .. } => {
                ids.contains(&id) || with.iter().any(|(it, on)| *it == id || *on == id)
            }
            WaitFor::Change { ids, .. } | WaitFor::Reload { ids, .. } => ids.contains(&id),
            WaitFor::NextStage { .. } => false,
        })
    }

    /// Adds a caller that waits.
    pub fn wait(&mut self, pending: PendingRequest, timeout_ms: Option<u64>, what: WaitFor) {
        // Callers that have hung up are removed.
        self.waiters.retain(|waiter| !waiter.pending.is_gone());
        let deadline = timeout_ms.and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)));
        self.waiters.push(Waiter { pending, deadline, settled: None, what });
        self.changed = true;
    }
}

/// Returns the response to a caller.
pub fn response<T>(outcome: Result<T, RequestRefused>) -> Response<T> {
    match outcome {
        Ok(response) => Response::Ok(response),
        Err(RequestRefused::Unknown(what)) => Response::Wrong(what),
        Err(RequestRefused::Refused(why)) => Response::Error(why),
    }
}

/// Returns the result of a reload command.
pub fn reloaded(name: &str, response: &ProbeResult) -> ReloadedService {
    let (done, how) = match response {
        ProbeResult::Pass => (true, "its reload command succeeded".to_owned()),
        ProbeResult::Fail(why) => (false, format!("its reload command: {why}")),
    };
    ReloadedService { name: name.to_owned(), done, how }
}
