//! Probes of services: started for the engine with the service's launch, and their results as events.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::probe::{ProbeOwner, ProbeStartError};
use super::process_manager::ProcessManager;
use super::service_entry::Descriptors;
use crate::config::probe::{PROBE_TIMEOUT, Probe};
use crate::config::service::{Kind, Ready, Service};
use crate::config::units::show_duration;
use crate::supervise::{Event, Id, ProbePurpose, ProbeResult, SpawnError, SpawnStep};

impl ProcessManager {
    /// Starts a probe. One that cannot be started counts as failed: the engine starts the next one in its time.
    pub fn start_probe(&mut self, id: Id, purpose: ProbePurpose, now: Instant, events: &mut VecDeque<Event>) {
        if let Err(why) = self.try_start_probe(id, purpose, now) {
            events.push_back(Event::ProbeResult { id, result: ProbeResult::Fail(why.to_string()) });
        }
    }

    fn try_start_probe(&mut self, id: Id, purpose: ProbePurpose, now: Instant) -> Result<(), ProbeStartError> {
        let entry = self.records.entry(id).ok_or(ProbeStartError::NothingToProbe)?;
        let (probe, timeout) = probe_of(&entry.service, purpose).ok_or(ProbeStartError::NothingToProbe)?;
        let launch = entry.command(&self.context, Descriptors::default(), self.file_of_run(id)?)?;
        self.probes.start(ProbeOwner::Engine(id), probe, timeout, now, launch)?;
        Ok(())
    }

    /// Ends the probe of a service, without a result.
    pub fn cancel_probe(&mut self, id: Id) {
        self.probes.cancel(ProbeOwner::Engine(id));
    }

    /// Ends the probes that are out of time.
    pub fn expire_probes(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        for (owner, result) in self.probes.expire(now) {
            self.probe_finished(owner, result, events);
        }
    }

    /// Passes the result of a probe to its owner.
    pub fn probe_finished(&mut self, owner: ProbeOwner, result: ProbeResult, events: &mut VecDeque<Event>) {
        match owner {
            ProbeOwner::Engine(id) => events.push_back(Event::ProbeResult { id, result }),
            ProbeOwner::ReloadCommand(id) => self.reload_results.push((id, result)),
        }
    }

    /// Starts a reload command as a service; its result is added to `reload_results`.
    ///
    /// # Errors
    /// When no process can be forked, or the previous command still runs.
    pub fn start_reload_command(
        &mut self,
        id: Id,
        words: &[OsString],
        timeout: Duration,
        now: Instant,
    ) -> Result<(), ProbeStartError> {
        let unknown = || SpawnError::new(SpawnStep::FindService, Errno::EINVAL as i32);
        let (entry, file) = (self.records.entry(id).ok_or_else(unknown)?, self.file_of_run(id)?);
        let launch = entry.command(&self.context, Descriptors::default(), file)?;
        self.probes.start(ProbeOwner::ReloadCommand(id), &Probe::Command(words.to_vec()), timeout, now, launch)?;
        Ok(())
    }

    /// Returns what makes a started service ready, as text; `None` if that is its start.
    pub fn readiness_condition(&self, id: Id) -> Option<String> {
        let service = &self.records.entry(id).filter(|entry| entry.service.kind == Kind::Longrun)?.service;
        match &service.ready {
            Ready::Executed => None,
            Ready::Fd { fd, .. } => Some(format!("a newline on descriptor {fd}")),
            Ready::Notify { .. } => Some("READY=1".to_owned()),
            Ready::Probe { probe, .. } => Some(probe.to_string()),
            Ready::Delay(delay) => Some(format!("its delay of {}", show_duration(*delay))),
        }
    }
}

fn probe_of(service: &Service, purpose: ProbePurpose) -> Option<(&Probe, Duration)> {
    match purpose {
        ProbePurpose::WaitFor(at) => service.wait_for.get(at).map(|probe| (probe, PROBE_TIMEOUT)),
        ProbePurpose::Ready => match &service.ready {
            Ready::Probe { probe, .. } => Some((probe, PROBE_TIMEOUT)),
            Ready::Executed | Ready::Fd { .. } | Ready::Notify { .. } | Ready::Delay(_) => None,
        },
        ProbePurpose::Health => service.health.as_ref().map(|health| (&health.probe, health.timeout)),
    }
}
