//! The requests `reload` and `signal`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::super::event_loop::EventLoop;
use super::super::kill_report;
use super::super::probe::ProbeStartError;
use super::super::reloader::ReloadRequest;
use super::waiters::{WaitFor, response};
use crate::config::service::Reload;
use crate::config::units::duration_text;
use crate::config::values::{Signal, Uid};
use crate::control::event_history::Occurrence;
use crate::control::events::RequestVerb;
use crate::control::responses::ReloadedService;
use crate::control::server::PendingRequest;
use crate::control::service_index::RequestRefused;
use crate::supervise::{Id, Phase, Target};

/// How long a `reload.command` may take before it is killed.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(30);

impl EventLoop<'_> {
    /// Requests a reload of the tree, as HUP does.
    pub(super) fn reload_tree(&mut self, pending: PendingRequest) {
        let requested = Occurrence::Requested(RequestVerb::Reload, pending.caller, None);
        self.control_handler.record_event(None, requested);
        self.next_reload_requests.get_or_insert_default().push(ReloadRequest::Caller(pending));
    }

    pub(super) fn reload_services(&mut self, pending: PendingRequest, names: &[String]) {
        let methods =
            self.control_handler.service_index.resolve(names).and_then(|ids| self.unless_stopping(ids)).and_then(
                |ids| {
                    let methods: Result<Vec<(Id, Reload)>, RequestRefused> =
                        ids.into_iter().map(|id| Ok((id, self.reload_method(id)?))).collect();
                    methods
                },
            );
        let methods = match methods {
            Ok(methods) => methods,
            Err(refused) => return pending.respond(response::<()>(Err(refused))),
        };
        let mut results = HashMap::new();
        for (id, method) in &methods {
            let requested = Occurrence::Requested(RequestVerb::Reload, pending.caller, None);
            self.control_handler.record_event(Some(*id), requested);
            let name = self.control_handler.service_index.name(*id).to_owned();
            match self.begin_reload(*id, method) {
                Ok(Some(how)) => drop(results.insert(*id, ReloadedService { name, done: true, how })),
                Ok(None) => {}
                Err(how) => drop(results.insert(*id, ReloadedService { name, done: false, how })),
            }
        }
        let ids = methods.into_iter().map(|(id, _)| id).collect();
        self.control_handler.wait(pending, None, WaitFor::Reload { ids, results });
    }

    fn reload_method(&self, id: Id) -> Result<Reload, RequestRefused> {
        let entry = self.processes.records.entry(id);
        let method = entry.and_then(|entry| entry.service.reload.as_deref().cloned());
        method.ok_or_else(|| {
            let name = self.control_handler.service_index.name(id);
            let fix = match entry.filter(|entry| !entry.is_main()) {
                Some(_) => format!(
                    "write `reload = {{ signal = \"HUP\" }}`, or whatever it understands, in its file; or `stepdown restart \
                     {name}`"
                ),
                None => format!("send what it understands: `stepdown signal {name} HUP`"),
            };
            RequestRefused::Refused(format!("`{name}` does not say how it re-reads its configuration; {fix}"))
        })
    }

    /// Begins to reload a service. Returns the result if it is known at once; `None` while a command runs.
    fn begin_reload(&mut self, id: Id, method: &Reload) -> Result<Option<String>, String> {
        let is_running = matches!(self.supervisor.phase(id), Some(Phase::Starting | Phase::Up));
        let Some(pid) = self.supervisor.pid(id).filter(|_| is_running) else {
            return Err(format!("it is {}", self.supervisor.phase(id).map_or("unknown", Phase::name)));
        };
        match method {
            Reload::Signal(signal) => match self.processes.deliver(pid, Target::Process, *signal) {
                Ok(()) => Ok(Some(format!("sent {signal}"))),
                Err(errno) => Err(format!("cannot send {signal}: {}", kill_report::refusal(errno))),
            },
            Reload::Command(words) => {
                match self.processes.start_reload_command(id, words, RELOAD_TIMEOUT, Instant::now()) {
                    Ok(()) => Ok(None),
                    Err(ProbeStartError::InProgress) => Err("the reload before it is not over".to_owned()),
                    Err(why @ (ProbeStartError::NothingToProbe | ProbeStartError::Spawn(_))) => Err(why.to_string()),
                }
            }
        }
    }

    pub(super) fn send_signal(
        &mut self,
        caller: Uid,
        name: &str,
        signal: &str,
        group: bool,
    ) -> Result<(), RequestRefused> {
        let id = self.resolve_one(name)?;
        let no_signal = || RequestRefused::Unknown(format!("there is no signal `{signal}`; write one as TERM or 15"));
        let signal = Signal::parse(signal).ok_or_else(no_signal)?;
        let (to, reachable) = match self.supervisor.phase(id) {
            Some(Phase::Starting | Phase::Up | Phase::Stopping) if group => (Target::Group, true),
            Some(Phase::Starting | Phase::Up | Phase::Stopping) => (Target::Process, true),
            // Its main process has ended.
            Some(Phase::StoppingGroup) => (Target::Group, group),
            Some(_) | None => (Target::Process, false),
        };
        let phase = self.supervisor.phase(id).map_or("unknown", Phase::name);
        let Some(pid) = self.supervisor.pid(id).filter(|_| reachable) else {
            let how = match self.supervisor.pause_left(id, self.now()) {
                Some(pause) => format!("it failed and starts again in {}", duration_text(pause)),
                None => format!("it is {phase}"),
            };
            return Err(RequestRefused::Refused(format!("`{name}` has no process: {how}")));
        };
        let refused = |errno| {
            let why = kill_report::refusal(errno);
            RequestRefused::Refused(format!("cannot send {signal} to `{name}`: {why}"))
        };
        self.processes.deliver(pid, to, signal).map_err(refused)?;
        let requested = Occurrence::Requested(RequestVerb::Signal, caller, Some(signal));
        self.control_handler.record_event(Some(id), requested);
        Ok(())
    }
}
