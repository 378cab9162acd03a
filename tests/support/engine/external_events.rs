//! What happens in a simulation without an action of the engine: the kinds of such events, and when signals, requests,
//! reloads and due times come.

use std::time::Duration;

use stepdown::config::values::Signal;
use stepdown::supervise::{EngineTime, Event, Exit, Id, Pid, ProbeResult, Request};

use super::rng::Rng;
use super::simulation::{Simulation, milliseconds};

/// What can happen without an action of the engine.
#[derive(Clone, Debug)]
pub enum ExternalEvent {
    Executes(Pid),
    CannotExecute(Pid, i32),
    NotifiesReady(Pid),
    Exits(Pid, Exit),
    LeftoversExit(Pid),
    /// The result of a probe; the number tells whether that probe is still under way.
    ProbeEnds(Id, u64, ProbeResult),
    /// It sends a notification other than readiness.
    Notifies(Pid, Notification),
    Direct(Event),
    /// A reload with changed definitions.
    Reload,
    /// The second reading of the definitions ends, mostly with such a reload.
    RereadEnds,
}

/// A notification of a service, other than readiness.
#[derive(Clone, Copy, Debug)]
pub enum Notification {
    KeepAlive(Option<Duration>),
    ExtendTimeout(Duration),
    WatchdogTrigger,
}

impl Simulation {
    /// Plans what no action causes: the beginning, signals, requests, reloads.
    pub(super) fn plan_external_events(&mut self, has_many_events: bool) {
        let begin = EngineTime(milliseconds(self.rng.below(20)));
        self.schedule(begin, ExternalEvent::Direct(Event::Begin));
        if self.rng.percent(3) {
            self.schedule(
                EngineTime::default(),
                ExternalEvent::Direct(Event::Request(Request::Shutdown { code: None })),
            );
        }
        let duration = self.rng.pick(&[0, 30, 500, 5_000, 40_000, 200_000]);
        let end = EngineTime(milliseconds(self.rng.between(0, duration)));
        // Some requests are repeated before the first can have been carried out.
        let again = self.rng.pick(&[0, 10, 200, 6_000, 9_000]);
        let code = self.rng.percent(30).then(|| self.rng.pick(&[0, 1, 7, 255]));
        let first = if self.rng.percent(25) {
            Event::Request(Request::Shutdown { code })
        } else {
            Event::StopSignal(self.rng.pick(&[Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP, Signal::PWR]))
        };
        self.schedule(end, ExternalEvent::Direct(first));
        let most_events = if has_many_events { 12 } else { 4 };
        for _ in 0..self.rng.below(most_events) {
            let later = end.plus(milliseconds(self.rng.between(0, again)));
            let event = match self.rng.below(4) {
                0 => Event::StopSignal(Signal::TERM),
                1 => Event::StopSignal(Signal::INT),
                2 => Event::Request(Request::Shutdown { code: None }),
                _ => Event::Forward(Signal::HUP),
            };
            self.schedule(later, ExternalEvent::Direct(event));
        }
        for _ in 0..self.rng.below(most_events) {
            let at = EngineTime(milliseconds(self.rng.between(0, duration + 8_000)));
            let signal = self.rng.pick(&[Signal::HUP, Signal::CHLD]);
            self.schedule(at, ExternalEvent::Direct(Event::Forward(signal)));
        }
        let services = u64::try_from(self.specs.len()).unwrap_or(1);
        for _ in 0..self.rng.pick(&[0, 0, 2, 12]) {
            let id = Id(usize::try_from(self.rng.below(services)).unwrap_or(0));
            let at = EngineTime(milliseconds(self.rng.between(0, duration + 1_000)));
            let request = random_request(&mut self.rng, id);
            self.schedule(at, ExternalEvent::Direct(Event::Request(request)));
            if self.rng.percent(30) {
                // A request is followed by another one.
                let again = random_request(&mut self.rng, id);
                let soon = at.plus(milliseconds(self.rng.between(0, 200)));
                self.schedule(soon, ExternalEvent::Direct(Event::Request(again)));
            }
        }
        if self.seed % 4 == 1 {
            for _ in 0..self.rng.between(1, 4) {
                let at = EngineTime(milliseconds(self.rng.between(0, duration)));
                self.schedule(at, ExternalEvent::Reload);
            }
        }
        // In any case a stop signal comes in the end: a simulation of healthy services would not end otherwise.
        self.schedule(end.plus(Duration::from_secs(1_000)), ExternalEvent::Direct(Event::StopSignal(Signal::TERM)));
    }

    /// Plans due times of any service.
    pub(super) fn plan_due_times(&mut self, clock: &mut Rng) {
        let services = u64::try_from(self.specs.len()).unwrap_or(1);
        let duration = clock.pick(&[100, 5_000, 60_000]);
        for _ in 0..clock.pick(&[0, 4, 16]) {
            let id = Id(usize::try_from(clock.below(services)).unwrap_or(0));
            let at = EngineTime(milliseconds(clock.between(0, duration)));
            self.schedule(at, ExternalEvent::Direct(Event::Due { id }));
        }
    }

    fn schedule(&mut self, at: EngineTime, external: ExternalEvent) {
        self.order += 1;
        self.queue.insert((at, self.order), external);
    }

    /// Plans something for later.
    pub fn after(&mut self, low: u64, high: u64, external: ExternalEvent) {
        let pause = milliseconds(self.rng.between(low, high));
        self.schedule(self.now.plus(pause), external);
    }
}

fn random_request(rng: &mut Rng, id: Id) -> Request {
    let once = Request::Once { id, start: rng.percent(50) };
    rng.pick(&[Request::Start(id), Request::Stop(id), Request::Restart(id), once])
}
