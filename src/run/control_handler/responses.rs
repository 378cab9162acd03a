//! The requests `status`, `env` and `logs`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::event_loop::EventLoop;
use super::super::reasons;
use super::super::service_entry::EnvironmentFileState;
use super::waiters::{ControlHandler, response};
use crate::config::hidden::looks_secret;
use crate::config::values::Uid;
use crate::control::event_history::Audience;
use crate::control::metrics::{Metrics, ServiceCounts};
use crate::control::protocol::{MAX_LINES_OF_ALL, milliseconds};
use crate::control::reason::Reason;
use crate::control::responses::{
    EnvResponse, EnvVariable, ProcessUser, Response, ServiceKind, ServiceStatus, Snapshot,
};
use crate::control::server::PendingRequest;
use crate::control::service_index::RequestRefused;
use crate::control::snapshot;
use crate::inspect::usage;
use crate::log::clock::Timestamp;
use crate::supervise::{Id, Phase, Pid, Status, StatusState};
use crate::sys::process::stat::ProcessStat;
use crate::text::shown;

/// How long measured resource usage is used again: measuring visits every process.
const USAGE_AGE: Duration = Duration::from_millis(500);
/// How many lines or events may wait for one follower.
const FOLLOWER_ROOM: usize = 64;

impl EventLoop<'_> {
    /// Returns the response to `status`, with resource usage.
    pub(super) fn snapshot(&mut self, mut services: Vec<ServiceStatus>, caller: Uid) -> Snapshot {
        let stopping = self.is_stopping();
        let revision = snapshot::revision(stopping, &services);
        for it in &mut services {
            it.paused = it.pid.and_then(ProcessStat::read).is_some_and(|stat| stat.is_stopped());
        }
        self.refresh_usage();
        if let Some((_, usage)) = &self.control_handler.usage {
            for it in &mut services {
                let Some(measured) = it.pid.and_then(|pid| usage.get(&Pid(pid))) else { continue };
                it.usage = Some(snapshot::resource_usage(measured));
                it.user = measured.user.map(|(uid, gid)| ProcessUser { uid: uid.0, gid: gid.0 });
            }
        }
        let mut fixed = self.control_handler.fixed.clone();
        if !self.sees_all(caller) {
            // The reasons name services.
            fixed.reasons.clear();
        }
        Snapshot { uptime_ms: milliseconds(self.now().0), stopping, revision, services, ..fixed }
    }

    pub(super) fn metrics(&mut self, caller: Uid) -> Metrics {
        let ids = self.visible(caller);
        let services = self.describe(&ids);
        let counts = ids.iter().map(|id| {
            let written = self.processes.logs.written(*id);
            let (log_bytes, log_lines) = written.unzip();
            ServiceCounts { log_bytes, log_lines, ..self.control_handler.exit_counts.of(*id) }
        });
        let counts = counts.collect();
        let steps = if self.sees_all(caller) { self.control_handler.steps.clone() } else { Vec::new() };
        Metrics {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: self.snapshot(services, caller),
            counts,
            steps,
        }
    }

    fn refresh_usage(&mut self) {
        let now = Instant::now();
        if self.control_handler.usage.as_ref().is_none_or(|(at, _)| now.duration_since(*at) >= USAGE_AGE) {
            let main_pids: Vec<Pid> =
                self.supervisor.ids().into_iter().filter_map(|id| self.supervisor.pid(id)).collect();
            self.control_handler.usage = Some((now, usage::usage_of(&main_pids)));
        }
    }

    /// Returns the states of these services, without resource usage.
    pub(super) fn describe(&self, ids: &[Id]) -> Vec<ServiceStatus> {
        let statuses: BTreeMap<Id, Status> =
            self.supervisor.status().into_iter().map(|status| (status.id, status)).collect();
        ids.iter().filter_map(|id| Some(self.describe_one(*id, statuses.get(id)?))).collect()
    }

    fn describe_one(&self, id: Id, status: &Status) -> ServiceStatus {
        let now = self.now();
        let record = self.processes.records.get(id);
        let entry = self.control_handler.service_index.get(id);
        let has_process = matches!(status.state, StatusState::Starting | StatusState::Up | StatusState::Stopping)
            && status.pid.is_some();
        let started = self.control_handler.journal.started(id).filter(|_| has_process);
        let waits_for = match self.supervisor.phase(id) {
            Some(Phase::Waiting) => snapshot::waits_for(id, &self.control_handler.service_index, &self.supervisor),
            Some(Phase::WaitForProbing) => {
                vec![self.processes.records.wait_target(id, self.control_handler.journal.wait_for_index(id))]
            }
            Some(Phase::Spawning | Phase::Starting) => self.processes.readiness_condition(id).into_iter().collect(),
            Some(_) | None => Vec::new(),
        };
        ServiceStatus {
            kind: entry.map_or_else(ServiceKind::default, |entry| entry.kind),
            skipped: entry.is_some_and(|entry| entry.is_skipped()),
            uptime_ms: started.map(|started| milliseconds(now.since(started))),
            waits_for,
            next_run: self.next_run(id).filter(|_| status.wanted),
            health_result: (status.healthy == Some(false)).then(|| self.supervisor.unhealthy_reason(id).to_owned()),
            status_text: record.and_then(|record| record.notify_socket.as_ref()?.status()).map(str::to_owned),
            why: status.why.as_ref().map(|why| {
                let why = reasons::status_reason(id, why, &self.supervisor, self.processes.records.recorded(id));
                let out_of_memory = status.state == StatusState::Failed && self.processes.records.is_out_of_memory(id);
                if out_of_memory { Reason::OutOfMemory(Box::new(why)) } else { why }
            }),
            log_error: self.processes.logs.write_error(id).map(str::to_owned),
            ..snapshot::service_status(status, now)
        }
    }

    /// Returns when a oneshot runs next, as RFC 3339 has it in the container's zone.
    fn next_run(&self, id: Id) -> Option<String> {
        let calendars = &self.processes.calendars;
        let is_pausing = matches!(self.supervisor.phase(id), Some(Phase::Resting | Phase::Backoff));
        let periodic =
            || self.control_handler.journal.next_run(id).filter(|_| is_pausing && self.supervisor.runs_again(id));
        calendars.next(id).or_else(|| periodic().map(|at| calendars.format_time(at)))
    }

    pub(super) fn variables(&self, name: &str, caller: Uid, show_secrets: bool) -> Result<EnvResponse, RequestRefused> {
        let id = self.resolve_one(name)?;
        let unknown = || RequestRefused::Refused(format!("cannot find `{name}`"));
        let entry = self.processes.records.entry(id).ok_or_else(unknown)?;
        let owner = entry.plan.credentials.uid;
        if caller != Uid::ROOT && caller != owner {
            return Err(RequestRefused::Refused(format!(
                "user {caller} may not see the environment of `{name}`; root and user {owner} may"
            )));
        }
        let file = self.processes.file_of_run(id).unwrap_or(EnvironmentFileState::Unread(None));
        let all = entry.environment(&self.processes.context, &file).ok_or_else(|| {
            RequestRefused::Refused(format!("`{name}` has not been started: its environment_file is read at its start"))
        })?;
        let is_secret = |name: &OsStr| entry.plan.secrets.iter().any(|secret| name == secret.as_str());
        let is_hidden = |name: &OsStr, value: &OsStr| {
            is_secret(name) || (!show_secrets && looks_secret(name.as_bytes(), value.as_bytes()))
        };
        let variables = all.iter().map(|(name, value)| EnvVariable {
            name: shown(name),
            value: (!is_hidden(name, value)).then(|| shown(value)),
        });
        Ok(EnvResponse { variables: variables.collect() })
    }

    pub(super) fn respond_events(&mut self, pending: PendingRequest, names: &[String], follow: bool) {
        let audience = match names {
            [] if self.sees_all(pending.caller) => Audience::All,
            [] => Audience::Services(self.visible(pending.caller).into_iter().collect()),
            names => match self.control_handler.service_index.resolve(names) {
                Ok(ids) => Audience::Services(ids.into_iter().collect()),
                Err(refused) => return pending.respond(response::<()>(Err(refused))),
            },
        };
        let ControlHandler { history, service_index, .. } = &mut self.control_handler;
        let last = history.last(&audience, |id| service_index.name(id));
        let coming = follow.then(|| history.follow(audience, FOLLOWER_ROOM));
        pending.respond_events(last, coming);
    }

    pub(super) fn respond_logs(
        &mut self,
        pending: PendingRequest,
        names: &[String],
        lines: Option<usize>,
        since: Timestamp,
        follow: bool,
    ) {
        let ids = match names {
            [] => Ok(self.visible(pending.caller)),
            names => self.control_handler.service_index.resolve(names),
        };
        let ids = match ids {
            Ok(ids) => ids,
            Err(refused) => return pending.respond(response::<()>(Err(refused))),
        };
        let service_index = &self.control_handler.service_index;
        let (read, unread): (Vec<Id>, Vec<Id>) = ids.into_iter().partition(|id| self.processes.logs.captures(*id));
        // Of those that are named all are wanted.
        if let Some(id) = unread.first().filter(|_| !names.is_empty() || read.is_empty()) {
            let name = service_index.name(*id);
            return pending.respond(Response::<()>::Error(format!(
                "`{name}` writes to the container's own output, past us; from outside: docker logs CONTAINER, or have \
                 `log.format` be `tagged` or `json`"
            )));
        }
        let services: Vec<_> = read.into_iter().map(|id| (id, Arc::from(service_index.name(id)))).collect();
        let most = lines.unwrap_or(if names.is_empty() { MAX_LINES_OF_ALL } else { usize::MAX });
        let last = self.processes.logs.last_lines_of(&services, most, since);
        let later = names.is_empty() && self.sees_all(pending.caller);
        let coming = follow.then(|| self.processes.logs.follow(&services, later, FOLLOWER_ROOM));
        pending.respond_lines(last, coming);
    }
}
