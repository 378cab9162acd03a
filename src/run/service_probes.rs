//! What the engine wants to know about services, asked by `run::probe` under their identity; and the answers, as events.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::event_loop::EventLoop;
use super::probe::{ProbeOwner, ProbeStartError};
use super::process_manager::ProcessManager;
use super::service_entry::Descriptors;
use crate::config::probe::{PROBE_TIMEOUT, Probe};
use crate::config::service::{Kind, Ready, Service};
use crate::config::units::show_duration;
use crate::supervise::{Event, Id, ProbeKind, ProbeResult, SpawnError, SpawnStage, Time};

impl EventLoop<'_> {
    /// Returns when something has to happen by itself.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let engine = self.supervisor.deadline().map(|Time(after)| self.started_at + after);
        let leftovers = self.processes.next_check().into_iter().chain(self.processes.process_table.scores_due());
        let others = self
            .processes
            .probes
            .deadline()
            .into_iter()
            .chain(self.processes.logs.deadline())
            .chain(self.control_handler.deadline())
            .chain(self.processes.config_reader.deadline());
        engine.into_iter().chain(leftovers).chain(others).min()
    }
}

impl ProcessManager {
    /// Begins to ask. What cannot be asked counts as answered badly: the engine asks again in its time.
    pub fn start_probe(&mut self, id: Id, kind: ProbeKind, now: Instant, events: &mut VecDeque<Event>) {
        if let Err(why) = self.try_start_probe(id, kind, now) {
            events.push_back(Event::ProbeResult { id, result: ProbeResult::Fail(why.to_string()) });
        }
    }

    fn try_start_probe(&mut self, id: Id, kind: ProbeKind, now: Instant) -> Result<(), ProbeStartError> {
        let entry = self.slots.entry(id).ok_or(ProbeStartError::NothingToProbe)?;
        let (probe, timeout) = probe_of(&entry.service, kind).ok_or(ProbeStartError::NothingToProbe)?;
        let launch = entry.command(&self.context, Descriptors::default(), self.file_of_run(id)?)?;
        self.probes.start(ProbeOwner::Engine(id), probe, timeout, now, launch)?;
        Ok(())
    }

    /// Waits for no answer any more.
    pub fn cancel_probe(&mut self, id: Id) {
        self.probes.cancel(ProbeOwner::Engine(id));
    }

    /// Ends the questions whose time is over.
    pub fn expire_probes(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        for (owner, answer) in self.probes.expire(now) {
            self.probe_finished(owner, answer, events);
        }
    }

    /// Passes an answer on to who asked.
    pub fn probe_finished(&mut self, owner: ProbeOwner, answer: ProbeResult, events: &mut VecDeque<Event>) {
        match owner {
            ProbeOwner::Engine(id) => events.push_back(Event::ProbeResult { id, result: answer }),
            ProbeOwner::Caller(id) => self.command_results.push((id, answer)),
        }
    }

    /// Begins to run a command as a service; what comes of it stands in `command_results` one day.
    ///
    /// # Errors
    /// When no process can be had, or the command before it is not over.
    pub fn start_command(
        &mut self,
        id: Id,
        words: &[OsString],
        timeout: Duration,
        now: Instant,
    ) -> Result<(), ProbeStartError> {
        let nobody = || SpawnError::new(SpawnStage::FindService, Errno::EINVAL as i32);
        let (entry, file) = (self.slots.entry(id).ok_or_else(nobody)?, self.file_of_run(id)?);
        let launch = entry.command(&self.context, Descriptors::default(), file)?;
        self.probes.start(ProbeOwner::Caller(id), &Probe::Command(words.to_vec()), timeout, now, launch)?;
        Ok(())
    }

    /// Returns by what a service that was started becomes ready, where that is more than its being there.
    pub fn ready_by(&self, id: Id) -> Option<String> {
        let service = &self.slots.entry(id).filter(|entry| entry.service.kind == Kind::Longrun)?.service;
        match &service.ready {
            Ready::Started => None,
            Ready::Fd { fd, .. } => Some(format!("a newline on descriptor {fd}")),
            Ready::Notify { .. } => Some("READY=1".to_owned()),
            Ready::Probe { probe, .. } => Some(probe.to_string()),
            Ready::Delay(delay) => Some(format!("its delay of {}", show_duration(*delay))),
        }
    }
}

fn probe_of(service: &Service, kind: ProbeKind) -> Option<(&Probe, Duration)> {
    match kind {
        ProbeKind::Await(at) => service.wait_for.get(at).map(|probe| (probe, PROBE_TIMEOUT)),
        ProbeKind::Ready => match &service.ready {
            Ready::Probe { probe, .. } => Some((probe, PROBE_TIMEOUT)),
            Ready::Started | Ready::Fd { .. } | Ready::Notify { .. } | Ready::Delay(_) => None,
        },
        ProbeKind::Health => service.health.as_ref().map(|health| (&health.probe, health.timeout)),
    }
}
