//! What the engine wants to know about members, asked by [`Probes`] under their identity; and the answers, as events.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::member::Descriptors;
use super::perform::Hands;
use crate::config::probe::{PROBE_TIMEOUT, Probe};
use crate::config::service::{Ready, Service};
use crate::supervise::{Answer, Event, Id, Look, SpawnError};

impl Hands {
    /// Begins to ask. What cannot be asked counts as answered badly: the engine asks again in its time.
    pub fn look(&mut self, id: Id, look: Look, now: Instant, events: &mut VecDeque<Event>) {
        if let Err(why) = self.try_look(id, look, now) {
            let why = format!("{}: {}", why.what, Errno::from_raw(why.errno).desc());
            events.push_back(Event::Looked { id, answer: Answer::Badly(why) });
        }
    }

    fn try_look(&mut self, id: Id, look: Look, now: Instant) -> Result<(), SpawnError> {
        let nothing = || SpawnError { what: "cannot find what to ask".to_owned(), errno: Errno::EINVAL as i32 };
        let member = self.members.get(id.0).ok_or_else(nothing)?;
        let (probe, timeout) = member.service.as_ref().and_then(|it| question(it, look)).ok_or_else(nothing)?;
        let launch = member.command(&self.around, Descriptors::default())?;
        self.probes.start(id, probe, timeout, now, launch)?;
        Ok(())
    }

    /// Waits for no answer any more.
    pub fn forget(&mut self, id: Id) {
        self.probes.cancel(id);
    }

    /// Ends the questions whose time is over.
    pub fn expire_looks(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        events.extend(self.probes.expire(now).into_iter().map(|(id, answer)| Event::Looked { id, answer }));
    }

    /// Returns the name of one of the things that a service waits for.
    pub fn awaited(&self, id: Id, at: usize) -> String {
        let service = self.members.get(id.0).and_then(|member| member.service.as_ref());
        service.and_then(|service| service.wait_for.get(at)).map(ToString::to_string).unwrap_or_default()
    }
}

fn question(service: &Service, look: Look) -> Option<(&Probe, Duration)> {
    match look {
        Look::Await(at) => service.wait_for.get(at).map(|probe| (probe, PROBE_TIMEOUT)),
        Look::Ready => match &service.ready {
            Ready::Probe { probe, .. } => Some((probe, PROBE_TIMEOUT)),
            Ready::Started | Ready::Fd { .. } | Ready::Notify { .. } | Ready::Delay(_) => None,
        },
        Look::Health => service.health.as_ref().map(|health| (&health.probe, health.timeout)),
    }
}
