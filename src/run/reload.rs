//! A reload in the loop: what was read again goes to the engine and to the process manager; one line logs the result.

use std::collections::{BTreeMap, VecDeque};

use super::event_loop::EventLoop;
use super::notify_sockets::NotifySocket;
use super::probe::ProbeOwner;
use super::process_manager::ProcessManager;
use super::reload_error::ReloadError;
use super::reloader::{Occasion, ReloadPlan, ReloadRequest};
use super::service_entry::ServiceEntry;
use crate::control::event_history::Occurrence;
use crate::control::events::EventName;
use crate::control::responses::{Reloaded, Response};
use crate::plan::S6Directory;
use crate::supervise::{Action, Event, Id, ProbeResult};

/// What is reported of a reload without an effect.
const UNCHANGED: &str = "nothing has changed";

impl Occasion {
    fn log_error(self, why: &ReloadError) {
        match self {
            Self::Request => tracing::error!("{why}"),
            Self::Scripts => tracing::error!("{self}: {why}"),
        }
    }
}

impl EventLoop<'_> {
    /// Starts to read for a reload that is due, or applies what was read. A request that comes while the files are being read
    /// gets a reload of its own: they may have changed since. Returns the actions of a reload that has just ended.
    pub(super) fn continue_reload(&mut self) -> Option<Vec<Action>> {
        let stops = self.supervisor.stop_reason().is_some();
        if stops {
            self.processes.config_reader.cancel(&mut self.processes.fd_watcher, ReloadError::Stopping);
        }
        if let Some(read) = self.processes.config_reader.take_result() {
            let requests = std::mem::take(&mut self.current_reload_requests);
            let occasion = Occasion::of(&requests);
            let read = if stops { Err(ReloadError::Stopping) } else { read };
            return Some(self.end_reload(requests, read, occasion));
        }
        if self.processes.config_reader.is_running() {
            return None;
        }
        let requests = self.next_reload_requests.take()?;
        match self.start_reading(Occasion::of(&requests)) {
            Ok(()) => {
                self.current_reload_requests = requests;
                None
            }
            Err(why) => match Occasion::of(&requests) {
                Occasion::Request => {
                    self.respond_to_reload(requests, &Err(why));
                    Some(Vec::new())
                }
                Occasion::Scripts => Some(self.end_reload(requests, Err(why), Occasion::Scripts)),
            },
        }
    }

    /// Applies what was read, and answers. Returns what the engine does.
    fn end_reload(
        &mut self,
        requests: Vec<ReloadRequest>,
        read: Result<Vec<u8>, ReloadError>,
        occasion: Occasion,
    ) -> Vec<Action> {
        let (plan, error) = self.reload_plan(read, occasion);
        if let Some(why) = error.as_ref().filter(|_| self.supervisor.stop_reason().is_none()) {
            occasion.log_error(why);
        }
        let (response, actions) = plan.map(|plan| self.apply_reload_plan(plan, occasion)).unzip();
        let response = match (error, response) {
            (None, Some(response)) => Ok(response),
            (None, None) => Err(ReloadError::NotServing),
            (Some(why), _) => Err(why),
        };
        if self.supervisor.stop_reason().is_none() {
            let name = if response.is_ok() { EventName::Reloaded } else { EventName::ReloadRefused };
            self.control_handler.record_event(None, Occurrence::Plain(name, None, None));
        }
        self.respond_to_reload(requests, &response);
        actions.unwrap_or_default()
    }

    /// Returns what is to be applied, and why what was read is not.
    fn reload_plan(
        &mut self,
        read: Result<Vec<u8>, ReloadError>,
        occasion: Occasion,
    ) -> (Option<ReloadPlan>, Option<ReloadError>) {
        let stops = self.supervisor.stop_reason().is_some();
        let Some(reloader) = self.reloader.as_mut().filter(|_| !stops) else {
            return (None, read.err());
        };
        match (occasion, read) {
            (Occasion::Request, Err(why)) => (None, Some(why)),
            (Occasion::Request, Ok(bytes)) => match reloader.plan_reload(&bytes) {
                Ok(plan) => (Some(plan), None),
                Err(error) => (None, Some(ReloadError::Rejected(error))),
            },
            (Occasion::Scripts, read) => {
                let (bytes, unread) = read.map_or_else(|why| (None, Some(why)), |bytes| (Some(bytes), None));
                let (plan, error) = reloader.plan_rereading(bytes.as_deref());
                (Some(plan), unread.or(error.map(ReloadError::Rejected)))
            }
        }
    }

    fn respond_to_reload(&mut self, requests: Vec<ReloadRequest>, response: &Result<ReloadResponse, ReloadError>) {
        for request in requests {
            match request {
                ReloadRequest::Caller(pending) => pending.respond(match response {
                    Ok(ReloadResponse { summary, notices }) => Response::Ok(Reloaded {
                        tree: Some(summary.clone().unwrap_or_else(|| UNCHANGED.to_owned())),
                        notices: notices.clone(),
                        services: Vec::new(),
                    }),
                    Err(why) => Response::Error(why.to_string()),
                }),
                ReloadRequest::Engine => self.queue.push_back(Event::RereadEnded),
            }
        }
    }

    fn start_reading(&mut self, occasion: Occasion) -> Result<(), ReloadError> {
        let reloader = self.reloader.as_ref().ok_or(ReloadError::NotServing)?;
        if self.supervisor.stop_reason().is_some() {
            return Err(ReloadError::Stopping);
        }
        self.processes.config_reader.start(&mut self.processes.fd_watcher, || reloader.read_sources(occasion))
    }

    /// Applies the plan. Returns the response to the callers, and what the engine does.
    fn apply_reload_plan(&mut self, plan: ReloadPlan, occasion: Occasion) -> (ReloadResponse, Vec<Action>) {
        let summary = plan.summary();
        match &summary {
            Some(summary) => tracing::info!("{occasion}: {summary}"),
            None => match occasion {
                Occasion::Request => tracing::info!("{occasion}: {UNCHANGED}"),
                Occasion::Scripts => tracing::debug!("{occasion}: {UNCHANGED}"),
            },
        }
        plan.notices.iter().for_each(|notice| tracing::warn!("{occasion}: {notice}"));
        let ReloadPlan { setup, entries, s6_directories, new, changed, notices, .. } = plan;
        for directory in s6_directories {
            if new.contains(&directory.name) || changed.contains(&directory.name) {
                self.processes.s6_directories.insert(directory.name.clone(), directory);
            } else if self.supervisor.id(&directory.name).is_some_and(|id| self.supervisor.waits_for_rereading(id))
                && let Some(s6) = &mut self.processes.context.s6
            {
                // Scripts may have changed its files, but for those that are its definition.
                s6.remove(&directory);
                s6.add(&[directory]);
            }
        }
        let actions = self.supervisor.reload(self.now(), setup, &changed);
        self.note_order();
        let entries = entries.into_iter().filter_map(|entry| Some((self.supervisor.id(&entry.plan.name)?, entry)));
        for id in self.processes.add_entries(entries.collect()) {
            if let Some(spec) = self.supervisor.spec(id) {
                self.control_handler.service_index.set(id, spec);
            }
        }
        self.allowed_users.set(self.find_allowed_users());
        (ReloadResponse { summary, notices }, actions)
    }
}

impl EventLoop<'_> {
    /// Shows of every known service what it depends on now.
    fn note_order(&mut self) {
        let index = &mut self.control_handler.service_index;
        for id in self.supervisor.ids() {
            if let Some(spec) = self.supervisor.spec(id).filter(|spec| !spec.is_main) {
                index.set_order(id, spec);
            }
        }
    }

    /// Removes a service that has ended.
    pub(super) fn remove_service(&mut self, id: Id) {
        self.processes.remove_service(id);
        self.control_handler.history.remove(id, self.supervisor.name(id));
        self.control_handler.service_index.remove(id);
        self.control_handler.journal.forget(id);
        self.control_handler.exit_counts.forget(id);
        self.allowed_users.set(self.find_allowed_users());
    }

    /// Releases ids to the engine: those of removed services for which no caller waits.
    pub(super) fn release_ids(&mut self) {
        let ended: Vec<Id> =
            self.processes.records.unreleased().filter(|id| !self.control_handler.is_waited_for(*id)).collect();
        for id in ended {
            self.processes.release_id(id, &mut self.queue);
        }
    }
}

/// What the callers of a reload are answered.
struct ReloadResponse {
    /// What is new, changed and gone; `None`: nothing.
    summary: Option<String>,
    notices: Vec<String>,
}

impl ProcessManager {
    /// Takes the entries that a reload has added or changed: new ones are applied at once, the others by
    /// [`ProcessManager::apply_reload`]. Returns the new ones.
    pub(super) fn add_entries(&mut self, entries: BTreeMap<Id, ServiceEntry>) -> Vec<Id> {
        let new: Vec<Id> =
            entries.into_iter().filter_map(|(id, entry)| self.records.put(id, entry).then_some(id)).collect();
        for id in &new {
            self.apply_entry(*id);
            if let Some(entry) = self.records.entry(*id) {
                self.logs.follow_added(*id, entry.plan.name.as_str());
            }
        }
        new
    }

    /// Replaces the entry of a service by the one that the last reload has made of it.
    pub fn apply_reload(&mut self, id: Id) {
        let Some(record) = self.records.get_mut(id) else { return };
        if let Some(next) = record.next.take() {
            let before = std::mem::replace(&mut record.entry, *next);
            record.file = None;
            self.remove_s6_directory(&before);
            self.apply_entry(id);
        }
    }

    fn apply_entry(&mut self, id: Id) {
        let Some(record) = self.records.get_mut(id) else { return };
        let entry = &mut record.entry;
        self.logs.set_route(id, entry.route(&self.context));
        let socket = record.notify_socket.take().map(|socket| *socket);
        record.notify_socket = NotifySocket::changed(socket, id, entry, &mut self.fd_watcher).map(Box::new);
        let name = entry.plan.name.clone();
        self.calendars.put(id, &name, entry.service.calendar.as_deref(), &mut self.fd_watcher);
        if let (Some(s6), Some(directory)) = (&mut self.context.s6, self.s6_directories.remove(&name)) {
            s6.add(&[directory]);
        }
        if let Err(errno) = self.records.link(id) {
            tracing::warn!("{name}: cannot create a pipe between services: {}", errno.desc());
        }
    }

    /// Removes a service that has ended.
    pub(super) fn remove_service(&mut self, id: Id) {
        if let Some(entry) = self.records.entry(id).cloned() {
            self.calendars.put(id, &entry.plan.name, None, &mut self.fd_watcher);
            self.remove_s6_directory(&entry);
        }
        self.probes.cancel(ProbeOwner::ReloadCommand(id));
        self.reload_results.push((id, ProbeResult::Fail("a reload has removed it".to_owned())));
        self.records.remove(id, &mut self.fd_watcher);
    }

    fn remove_s6_directory(&mut self, entry: &ServiceEntry) {
        if let (Some(s6), Some(directory)) = (&mut self.context.s6, S6Directory::of(&entry.service, &[])) {
            s6.remove(&directory);
        }
    }

    /// Releases an id, unless a process still writes to a pipe of the service, or was not reaped yet.
    fn release_id(&mut self, id: Id, events: &mut VecDeque<Event>) {
        if !self.logs.has_open_pipe(id) && !self.process_table.has(id) {
            self.logs.remove(id);
            self.records.release(id);
            events.push_back(Event::IdReleased { id });
        }
    }
}
