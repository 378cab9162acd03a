//! Requests of the control socket, answered between two iterations of the loop. Callers that wait for services are kept in a
//! list, which is checked when something has changed. Nothing in here blocks.

mod doctor;
mod permissions;
mod reload_and_signal;
mod responses;
mod waiters;

use std::time::{Duration, Instant};

use super::event_loop::EventLoop;
use crate::config::service::{Kind, Ready};
use crate::config::values::Uid;
use crate::control::event_history::Occurrence;
use crate::control::events::RequestVerb;
use crate::control::health::{Asked, HealthReport};
use crate::control::protocol::{ControlRequest, HealthCriterion, Until};
use crate::control::reason::Reason;
use crate::control::responses::{Accepted, Reloaded, Response, ServiceResult, ServiceStatus, Waited};
use crate::control::server::PendingRequest;
use crate::control::service_index::{ManualChange, RequestRefused};
use crate::control::snapshot;
use crate::control::timings::{self, BootProgress};
use crate::control::wait_condition::{WaitState, wait_state};
use crate::log::clock::Timestamp;
use crate::supervise::{Event, Id, Phase, Request, StatusState};
pub use waiters::ControlHandler;
use waiters::{WaitFor, reloaded, response};

/// The pause between two responses to a watcher: changes in between are answered as one.
const WATCH_PAUSE: Duration = Duration::from_millis(100);

/// A service without a readiness check is up once its program is executed, even if it ends at once. A caller that has
/// requested its start is answered only after this time.
const SETTLE_TIME: Duration = Duration::from_millis(250);

impl EventLoop<'_> {
    /// Answers a caller, or adds it to those that wait.
    pub(super) fn handle_request(&mut self, pending: PendingRequest) {
        if let Err(refused) = self.permit(pending.caller, &pending.request) {
            return pending.respond(response::<()>(Err(refused)));
        }
        match pending.request.clone() {
            ControlRequest::Status { services, after } => self.respond_status(pending, &services, after),
            ControlRequest::Health { services, criterion } => {
                let health = self.health(pending.caller, &services, criterion);
                pending.respond(response(health));
            }
            ControlRequest::Shutdown { code } => {
                let requested = Occurrence::Requested(RequestVerb::Shutdown, pending.caller, None);
                self.control_handler.record_event(None, requested);
                self.queue.push_back(Event::Request(Request::Shutdown { code }));
                pending.respond(Response::Ok(Accepted {}));
            }
            ControlRequest::Start { services, wait_ms } => {
                self.change(pending, ManualChange::Start, &services, wait_ms)
            }
            ControlRequest::Stop { services, wait_ms } => self.change(pending, ManualChange::Stop, &services, wait_ms),
            ControlRequest::Restart { services, wait_ms } => {
                self.change(pending, ManualChange::Restart, &services, wait_ms)
            }
            ControlRequest::Once { service, start } => {
                let accepted = self.run_once(pending.caller, service, start);
                pending.respond(response(accepted.map(|()| Accepted {})));
            }
            ControlRequest::Reload { services } if services.is_empty() => self.reload_tree(pending),
            ControlRequest::Reload { services } => self.reload_services(pending, &services),
            ControlRequest::Signal { service, signal, group } => {
                let sent = self.send_signal(pending.caller, &service, &signal, group);
                pending.respond(response(sent.map(|()| Accepted {})));
            }
            ControlRequest::Wait { services, until, timeout_ms } => match self.awaitable(&services, until) {
                Ok(ids) => self.control_handler.wait(
                    pending,
                    timeout_ms,
                    WaitFor::States { ids, until, requested: false, with: Vec::new() },
                ),
                Err(_) if self.are_later(&services) => {
                    self.control_handler.wait(pending, timeout_ms, WaitFor::NextStage { services });
                }
                Err(refused) => pending.respond(response::<()>(Err(refused))),
            },
            ControlRequest::Env { service, show_secrets } => {
                let variables = self.variables(&service, pending.caller, show_secrets);
                pending.respond(response(variables));
            }
            ControlRequest::Timings {} => {
                let journal = &self.control_handler.journal;
                let mut all = timings::timings(
                    &self.control_handler.service_index,
                    &journal.moments,
                    (journal.boot, self.now()),
                    |id| self.progress(id),
                );
                all.steps.clone_from(&self.control_handler.steps);
                pending.respond(Response::Ok(all));
            }
            ControlRequest::Metrics {} => {
                let metrics = self.metrics(pending.caller);
                pending.respond(Response::Ok(metrics));
            }
            ControlRequest::Doctor {} => match self.doctor_report() {
                Some(report) => pending.respond(Response::Ok(report)),
                None => pending.respond(Response::<()>::Error("the boot is not over yet; try again".to_owned())),
            },
            ControlRequest::Events { services, follow } => self.respond_events(pending, &services, follow),
            ControlRequest::Logs { services, lines, since_us, follow } => {
                let since = Timestamp(since_us.unwrap_or_default());
                self.respond_logs(pending, &services, lines, since, follow);
            }
        }
    }

    /// Checks the callers that wait, if anything has changed or a time is over.
    pub(super) fn check_waiters(&mut self) {
        let now = Instant::now();
        let due = self.control_handler.waiters.iter().any(|waiter| waiter.due().is_some_and(|due| due <= now));
        if !due && !self.control_handler.changed && self.processes.reload_results.is_empty() {
            return;
        }
        self.control_handler.changed = false;
        let reload_results = std::mem::take(&mut self.processes.reload_results);
        for mut waiter in std::mem::take(&mut self.control_handler.waiters) {
            if waiter.pending.is_gone() {
                continue;
            }
            let is_over = waiter.deadline.is_some_and(|deadline| deadline <= now);
            waiter.settled = None;
            match &mut waiter.what {
                WaitFor::States { ids, until: Until::Ready, requested: true, .. }
                    if !is_over && self.settles_at(ids) > Some(now) =>
                {
                    waiter.settled = self.settles_at(ids);
                    self.control_handler.waiters.push(waiter);
                }
                WaitFor::States { ids, until, requested, with } => {
                    match self.reached(ids, *until, *requested, is_over, with) {
                        Some(waited) => waiter.pending.respond(Response::Ok(waited)),
                        None => self.control_handler.waiters.push(waiter),
                    }
                }
                WaitFor::NextStage { .. } if !is_over => self.control_handler.waiters.push(waiter),
                WaitFor::NextStage { services } => {
                    let services = services.iter().map(|name| snapshot::service_result(&self.described(name), false));
                    waiter.pending.respond(Response::Ok(Waited { services: services.collect() }));
                }
                WaitFor::Change { not_before, .. } if now < *not_before => {
                    self.control_handler.changed = true;
                    self.control_handler.waiters.push(waiter);
                }
                WaitFor::Change { ids, seen, not_before } => {
                    let services = self.describe(ids);
                    if snapshot::revision(self.is_stopping(), &services) == *seen {
                        *not_before = now + WATCH_PAUSE;
                        self.control_handler.waiters.push(waiter);
                    } else {
                        let snapshot = self.snapshot(services, waiter.pending.caller);
                        waiter.pending.respond(Response::Ok(snapshot));
                    }
                }
                WaitFor::Reload { ids, results } => {
                    for (id, response) in reload_results.iter().filter(|(id, _)| ids.contains(id)) {
                        results
                            .entry(*id)
                            .or_insert_with(|| reloaded(self.control_handler.service_index.name(*id), response));
                    }
                    if results.len() < ids.len() {
                        self.control_handler.waiters.push(waiter);
                    } else {
                        let services = ids.iter().filter_map(|id| results.remove(id)).collect();
                        waiter.pending.respond(Response::Ok(Reloaded { tree: None, notices: Vec::new(), services }));
                    }
                }
            }
        }
    }

    fn respond_status(&mut self, pending: PendingRequest, names: &[String], after: Option<u64>) {
        let ids = match names {
            [] => Ok(self.visible(pending.caller)),
            names => self.control_handler.service_index.resolve(names),
        };
        match (ids, after) {
            (Err(refused), _) => pending.respond(response::<()>(Err(refused))),
            (Ok(ids), Some(seen)) => {
                self.control_handler.wait(pending, None, WaitFor::Change { ids, seen, not_before: Instant::now() });
            }
            (Ok(ids), None) => {
                let services = self.describe(&ids);
                let snapshot = self.snapshot(services, pending.caller);
                pending.respond(Response::Ok(snapshot));
            }
        }
    }

    fn health(
        &self,
        caller: Uid,
        names: &[String],
        criterion: HealthCriterion,
    ) -> Result<HealthReport, RequestRefused> {
        let (services, asked) = match names {
            [] => (self.describe(&self.visible(caller)), Asked::All),
            // A service that waits for its start is alive, and not ready.
            names if self.are_later(names) => (names.iter().map(|name| self.described(name)).collect(), Asked::Named),
            names => (self.describe(&self.control_handler.service_index.resolve(names)?), Asked::Named),
        };
        Ok(HealthReport::new(criterion, asked, &services, self.is_stopping()))
    }

    fn change(&mut self, pending: PendingRequest, change: ManualChange, names: &[String], wait_ms: Option<u64>) {
        let ids = self
            .control_handler
            .service_index
            .resolve_changeable(names, change)
            .and_then(|ids| self.unless_stopping(ids));
        let ids = match ids {
            Ok(ids) => ids,
            Err(refused) => return pending.respond(response::<()>(Err(refused))),
        };
        let now = self.now();
        let with = if change == ManualChange::Stop { self.supervisor.stops_with(&ids) } else { Vec::new() };
        for id in ids.iter().copied() {
            let (request, verb) = match change {
                ManualChange::Start => (Request::Start(id), RequestVerb::Start),
                ManualChange::Stop => (Request::Stop(id), RequestVerb::Stop),
                ManualChange::Restart => (Request::Restart(id), RequestVerb::Restart),
            };
            self.control_handler.record_event(Some(id), Occurrence::Requested(verb, pending.caller, None));
            if change != ManualChange::Stop {
                self.control_handler.journal.record_request(id, now);
            }
            self.queue.push_back(Event::Request(request));
        }
        let until = if change == ManualChange::Stop { Until::Down } else { Until::Ready };
        // A caller that does not wait is answered once the engine has taken the request.
        self.control_handler.wait(
            pending,
            Some(wait_ms.unwrap_or(0)),
            WaitFor::States { ids, until, requested: true, with },
        );
    }

    fn run_once(&mut self, caller: Uid, service: String, start: bool) -> Result<(), RequestRefused> {
        let change = if start { ManualChange::Start } else { ManualChange::Stop };
        let ids = self.control_handler.service_index.resolve_changeable(&[service], change);
        for id in ids.and_then(|ids| self.unless_stopping(ids))? {
            self.control_handler.record_event(Some(id), Occurrence::Requested(RequestVerb::Once, caller, None));
            self.queue.push_back(Event::Request(Request::Once { id, start }));
        }
        Ok(())
    }

    fn awaitable(&self, names: &[String], until: Until) -> Result<Vec<Id>, RequestRefused> {
        let ids = self.control_handler.service_index.resolve(names)?;
        let never = |id: &&Id| until == Until::Done && !self.supervisor.is_oneshot(**id);
        match ids.iter().find(never) {
            Some(id) => {
                let name = self.control_handler.service_index.name(*id);
                Err(RequestRefused::Unknown(format!(
                    "`{name}` is not a oneshot and never done; wait for `--ready` or `--down`"
                )))
            }
            None => Ok(ids),
        }
    }

    /// Returns whether all of these services exist, and some of them only in a later stage of the boot.
    fn are_later(&self, names: &[String]) -> bool {
        let index = &self.control_handler.service_index;
        let is_known = |name: &String| index.is_later(name) || index.resolve(std::slice::from_ref(name)).is_ok();
        names.iter().any(|name| index.is_later(name)) && names.iter().all(is_known)
    }

    /// Describes a service of this stage, or of a later one, which waits for this one.
    fn described(&self, name: &str) -> ServiceStatus {
        let known = self.resolve_one(name).ok().and_then(|id| self.describe(&[id]).pop());
        known.unwrap_or_else(|| ServiceStatus {
            name: name.to_owned(),
            state: StatusState::Waiting,
            wanted: true,
            waits_for: vec!["the preparation of the container".to_owned()],
            ..ServiceStatus::default()
        })
    }

    fn progress(&self, id: Id) -> BootProgress {
        match self.supervisor.phase(id) {
            Some(Phase::Waiting) => {
                BootProgress::WaitsFor(snapshot::blockers(id, &self.control_handler.service_index, &self.supervisor))
            }
            Some(Phase::WaitForProbing | Phase::Spawning | Phase::Starting | Phase::Backoff) => BootProgress::Working,
            Some(Phase::Stopping | Phase::StoppingGroup | Phase::FinishSpawning | Phase::Finishing) => {
                BootProgress::Working
            }
            Some(Phase::Down | Phase::Up | Phase::Failed | Phase::Scheduled | Phase::Resting | Phase::Done) => {
                BootProgress::Settled
            }
            Some(Phase::Unkillable | Phase::StopCommandSpawning | Phase::StopCommandRunning) | None => {
                BootProgress::Settled
            }
        }
    }

    pub(super) fn resolve_one(&self, name: &str) -> Result<Id, RequestRefused> {
        let ids = self.control_handler.service_index.resolve(&[name.to_owned()])?;
        ids.first().copied().ok_or_else(|| RequestRefused::Unknown(format!("there is no service `{name}`")))
    }

    pub(super) fn unless_stopping(&self, ids: Vec<Id>) -> Result<Vec<Id>, RequestRefused> {
        if self.is_stopping() { Err(RequestRefused::Refused("the container is stopping".to_owned())) } else { Ok(ids) }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.supervisor.stop_reason().is_some()
    }

    /// Returns when those of them that have no readiness check have been up for the settle time.
    fn settles_at(&self, ids: &[Id]) -> Option<Instant> {
        let has_no_check = |id: &&Id| {
            let service = self.processes.records.entry(**id).map(|entry| &entry.service);
            service.is_some_and(|service| service.kind == Kind::Longrun && is_up_once_executed(&service.ready))
        };
        let up = ids.iter().filter(|id| self.supervisor.phase(**id) == Some(Phase::Up)).filter(has_no_check);
        up.filter_map(|id| Some(self.started_at + self.supervisor.since(*id)?.0 + SETTLE_TIME)).max()
    }

    /// Returns their states once none of them will come closer to what is waited for, or time is over.
    fn reached(&self, named: &[Id], until: Until, requested: bool, is_over: bool, with: &[(Id, Id)]) -> Option<Waited> {
        let ids: Vec<Id> = named.iter().copied().chain(with.iter().map(|(id, _)| *id)).collect();
        let stopping = self.is_stopping();
        let wait_state_of =
            |id: &Id| self.supervisor.phase(*id).map(|phase| wait_state(until, phase, requested, stopping));
        if !is_over && ids.iter().any(|id| wait_state_of(id) == Some(WaitState::NotYet)) {
            return None;
        }
        let services = self.describe(&ids);
        let reached = services.iter().zip(&ids).map(|(it, id)| {
            let requires = with
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, on)| self.control_handler.service_index.name(*on).to_owned());
            let result = snapshot::service_result(it, wait_state_of(id) == Some(WaitState::Reached));
            let unscheduled = until == Until::Down && requested && result.reached && self.supervisor.runs_again(*id);
            let unscheduled_note = unscheduled.then(|| Reason::NoLongerScheduled(result.name.clone()));
            ServiceResult { requires, why: unscheduled_note.or(result.why), ..result }
        });
        Some(Waited { services: reached.collect() })
    }
}

fn is_up_once_executed(ready: &Ready) -> bool {
    match ready {
        Ready::Executed => true,
        Ready::Fd { .. } | Ready::Notify { .. } | Ready::Probe { .. } | Ready::Delay(_) => false,
    }
}
