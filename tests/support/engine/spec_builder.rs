//! Services for tests, in a few words: `longrun("web").requires("db").essential()`.

use std::time::Duration;

use stepdown::config::probe::UnhealthyAction;
use stepdown::config::restart::{Restart, RestartPause, RestartPolicy};
use stepdown::config::service::{Kind, Stop};
use stepdown::config::values::{ServiceName, Signal};
use stepdown::supervise::{FinishRule, HealthRule, Id, LateStart, Readiness, RereadOrder, Setup, Spec, Start};

/// A service whose neighbours are still names.
#[derive(Clone, Debug)]
pub struct SpecBuilder {
    pub spec: Spec,
    requires: Vec<&'static str>,
    after: Vec<&'static str>,
}

fn draft(name: &str, kind: Kind, policy: RestartPolicy) -> SpecBuilder {
    let spec = Spec {
        name: ServiceName::new(name).expect("a test's service has a name"),
        kind,
        restart: Restart::standard(policy),
        stop: Stop { signal: Signal::TERM, timeout: None, group: true },
        is_main: false,
        forwards_stop_signal: false,
        ..Spec::main()
    };
    SpecBuilder { spec, requires: Vec::new(), after: Vec::new() }
}

/// A daemon that is restarted whenever it ends.
pub fn longrun(name: &str) -> SpecBuilder {
    draft(name, Kind::Longrun, RestartPolicy::Always)
}

/// Something that runs once.
pub fn oneshot(name: &str) -> SpecBuilder {
    draft(name, Kind::Oneshot, RestartPolicy::Never)
}

pub fn main_command() -> SpecBuilder {
    SpecBuilder { spec: Spec::main(), requires: Vec::new(), after: Vec::new() }
}

impl SpecBuilder {
    pub fn requires(mut self, name: &'static str) -> Self {
        self.requires.push(name);
        self
    }

    pub fn after(mut self, name: &'static str) -> Self {
        self.after.push(name);
        self
    }

    pub fn essential(mut self) -> Self {
        self.spec.essential = true;
        self
    }

    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.spec.restart.policy = policy;
        self
    }

    pub fn start_interval(mut self, seconds: u64) -> Self {
        self.spec.restart.pause = RestartPause::StartInterval(Duration::from_secs(seconds));
        self
    }

    pub fn limit(mut self, limit: u32) -> Self {
        self.spec.restart.limit = Some(limit);
        self
    }

    pub fn success_codes(mut self, codes: &[u8]) -> Self {
        self.spec.success_codes = codes.to_vec().into();
        self
    }

    pub fn notifies_ready(mut self, timeout: Option<Duration>) -> Self {
        self.spec.ready = Readiness::Notified { timeout };
        self
    }

    pub fn stop(mut self, signal: Signal, timeout: Option<Duration>, group: bool) -> Self {
        self.spec.stop = Stop { signal, timeout, group };
        self
    }

    pub fn finish(mut self, timeout: Option<Duration>) -> Self {
        self.spec.finish = Some(FinishRule { timeout });
        self
    }

    pub fn start(mut self, start: Start) -> Self {
        self.spec.start = start;
        self
    }

    /// It runs nothing.
    pub fn without_program(mut self) -> Self {
        self.spec.has_program = false;
        self
    }

    /// Its `wait_for` has this many targets.
    pub fn wait_for(mut self, count: usize) -> Self {
        self.spec.wait_for_count = count;
        self
    }

    pub fn probed(mut self, interval: Duration, timeout: Option<Duration>) -> Self {
        self.spec.ready = Readiness::Probed { interval, timeout };
        self
    }

    pub fn ready_after(mut self, time: Duration) -> Self {
        self.spec.ready = Readiness::Delay(time);
        self
    }

    /// Its health is probed every ten seconds; three failures make it unhealthy, two successes healthy again.
    pub fn health(mut self, then: UnhealthyAction) -> Self {
        let interval = Duration::from_secs(10);
        self.spec.health = Some(Box::new(HealthRule { interval, failures: 3, successes: 2, then }));
        self
    }

    pub fn watchdog(mut self, within: Duration) -> Self {
        self.spec.watchdog = Some(within);
        self
    }

    /// A oneshot may take this long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = Some(timeout);
        self
    }

    pub fn every(mut self, period: Duration) -> Self {
        self.spec.every = Some(period);
        self
    }

    /// It runs when its time comes.
    pub fn scheduled(mut self) -> Self {
        self.spec.scheduled = true;
        self
    }

    /// The main command is sent `stop.signal`, whatever signal PID 1 got.
    pub fn keeps_stop_signal(mut self) -> Self {
        self.spec.forwards_stop_signal = false;
        self
    }

    /// The main command does not wait until it is up.
    pub fn not_awaited(mut self) -> Self {
        self.spec.holds_main = false;
        self
    }

    /// What follows if it is not ready in time.
    pub fn late_start(mut self, late_start: LateStart) -> Self {
        self.spec.late_start = late_start;
        self
    }

    /// The definitions are read again once it has ended.
    pub fn before_rereading(mut self) -> Self {
        self.spec.reread = RereadOrder::Before;
        self
    }

    /// It starts after the definitions were read again.
    pub fn after_rereading(mut self) -> Self {
        self.spec.reread = RereadOrder::After;
        self
    }

    /// It has a stop command.
    pub fn stop_command(mut self) -> Self {
        self.spec.has_stop_command = true;
        self
    }

    /// Other services write to its standard input.
    pub fn consumer(mut self) -> Self {
        self.spec.is_consumer = true;
        self
    }
}

/// Returns the setup of these, names resolved; the main command, if any, comes last.
pub fn setup(builders: &[SpecBuilder], stop_timeout: Duration) -> Setup {
    let id = |name: &&str| {
        let place = builders.iter().position(|draft| draft.spec.name.as_str() == *name);
        Id(place.unwrap_or_else(|| panic!("the test has no service {name}")))
    };
    let specs = builders
        .iter()
        .map(|draft| Spec {
            requires: draft.requires.iter().map(id).collect(),
            after: draft.after.iter().map(id).collect(),
            ..draft.spec.clone()
        })
        .collect();
    Setup { specs, stop_timeout, start_limit: None }
}
