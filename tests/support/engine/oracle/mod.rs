//! The rules of the engine, stated a second time and independently: the oracle sees only what goes into the engine
//! (events, time) and what comes out (actions), keeps a model of every service, and records each violation under the
//! property that it breaks. It reads the engine's state only to compare it with the model.
//!
//! Here: its state. In its submodules: [`model`] and [`property`] (plain values), [`events`], [`run_ends`], [`reload`],
//! [`reread`] and [`requests`] (what each changes in the model), [`probes`], [`stop`] (the stop and its budget), [`actions`] and [`reports`]
//! (whether each is right), [`checks`] (what must be true between two steps).

mod actions;
mod checks;
mod constants;
mod events;
mod model;
mod probes;
mod property;
mod reload;
mod reports;
mod requests;
mod reread;
mod run_ends;
mod start_limit;
mod stop;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use stepdown::config::service::Kind;
use stepdown::config::values::Signal;
use stepdown::supervise::{EngineTime, Exit, Id, Pid, Readiness, Role, Setup, StartLimit, Target};

pub use model::{NEVER, ProbeModel, ProcessModel, Reason, RunEnd, ServiceModel, ServiceState, Stopping};
pub use property::Property;
use reread::RereadModel;
use start_limit::StartModel;

/// The oracle.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub services: Vec<ServiceModel>,
    pub main: Option<Id>,
    pub stop_timeout: Duration,
    pub now: EngineTime,
    pub begun: bool,
    pub stop: Option<Stopping>,
    pub stop_signals: u32,
    pub asked_code: Option<u8>,
    pub main_code: Option<u8>,
    /// How it ended, where it was executed.
    pub main_exit: Option<Exit>,
    pub last_failure: Option<u8>,
    /// Since when the main command waits, and when that is reported.
    pub main_waits: Option<(EngineTime, EngineTime)>,
    /// What its code is if it never runs: that of a service which kept failing.
    pub blocked_code: Option<u8>,
    pub exit: Option<u8>,
    pub violations: Vec<(Property, String)>,
    /// Everything that each service depends on, through however many others.
    pub below: BTreeMap<Id, BTreeSet<Id>>,
    /// Removed and ended: nothing names them. Some of their ids are free.
    pub removal_done: BTreeSet<Id>,
    pub free: BTreeSet<Id>,
    /// The services that the last reload has added.
    pub added: Vec<Id>,
    pub start_limit: Option<StartLimit>,
    pub start: Option<StartModel>,
    /// The start took too long: the main command waits for nothing any more.
    pub main_is_released: bool,
    pub rereading: RereadModel,
    /// What the step under way still has to do.
    pub obligations: Obligations,
}

/// What a step has to do after an event.
#[derive(Clone, Debug, Default)]
pub struct Obligations {
    pub cont: Option<(Id, Pid, Target)>,
    /// CONT came before the signal that it would take away.
    pub continued: Option<(Id, Pid, Target)>,
    pub leftovers: BTreeSet<Id>,
    /// Oneshots that succeeded and have leftovers, which must continue.
    pub leftovers_continue: BTreeMap<Id, Pid>,
    /// Their leftovers were killed and their time is over: must be reported and untracked.
    pub leftovers_abandoned: BTreeMap<Id, Pid>,
    pub backoff: BTreeMap<Id, (Duration, u32)>,
    pub failed: BTreeSet<Id>,
    pub forward: Option<Signal>,
    pub not_ready: BTreeSet<Id>,
    /// Unhealthy by their last probe: must be reported, and (with `restart`) stopped.
    pub unhealthy: BTreeSet<Id>,
    pub unhealthy_stop: BTreeSet<Id>,
    pub healthy: BTreeSet<Id>,
    pub watchdog_expired: BTreeSet<Id>,
    /// Reported a failure themselves (`WATCHDOG=trigger`).
    pub watchdog_triggered: BTreeSet<Id>,
    /// Restart requested: must be sent the stop signal.
    pub restarts: BTreeSet<Id>,
    /// Restart requested: their stop command must run first.
    pub stop_commands: BTreeSet<Id>,
    /// Periodic oneshots that have ended: whether with success.
    pub periodic_ends: BTreeMap<Id, bool>,
    /// Ended for good: their waiting dependents have not failed yet.
    pub unpropagated_failures: VecDeque<Id>,
    /// Essential ones among those that have ended for good.
    pub essentials: Vec<Id>,
    /// The start took too long: must be reported with these.
    pub start_timed_out: Option<BTreeSet<Id>>,
    /// In the step of a reload: the services that it may affect.
    pub reload: Option<BTreeSet<Id>>,
    /// In the step of a reload: the services that only depend on others than before.
    pub reordered: BTreeSet<Id>,
    /// Definitions have changed: which services fail by that is not known yet.
    pub definitions_changed: bool,
}

impl Oracle {
    pub fn new(setup: &Setup) -> Self {
        let services: Vec<ServiceModel> = setup.specs.iter().cloned().map(ServiceModel::new).collect();
        let main = services.iter().position(|service| service.spec.is_main).map(Id);
        let mut oracle = Self {
            main,
            services,
            stop_timeout: setup.stop_timeout,
            start_limit: setup.start_limit,
            ..Self::default()
        };
        oracle.update_edges();
        oracle
    }

    /// Computes again what depends on the edges.
    pub fn update_edges(&mut self) {
        let all: Vec<Id> = self.ids().filter(|id| self.main != Some(*id) && !self.removal_done.contains(id)).collect();
        if let Some(main) = self.main {
            self.services[main.0].spec.after = all;
        }
        self.below.clear();
        for _ in 0..=self.services.len() {
            for (at, service) in self.services.iter().enumerate() {
                let direct: Vec<Id> = service.spec.requires.iter().chain(&service.spec.after).copied().collect();
                let mut all: BTreeSet<Id> = direct.iter().copied().collect();
                all.extend(direct.iter().filter_map(|id| self.below.get(id)).flatten().copied());
                self.below.insert(Id(at), all);
            }
        }
    }

    /// Returns the main command.
    pub fn main(&self) -> Option<Id> {
        self.main
    }

    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.services.len()).map(Id)
    }

    pub fn violate(&mut self, property: Property, what: impl Into<String>) {
        self.violations.push((property, what.into()));
    }

    pub fn check(&mut self, holds: bool, property: Property, what: impl FnOnce() -> String) {
        if !holds {
            self.violate(property, what());
        }
    }

    pub fn proc(&self, id: Id) -> Option<&ProcessModel> {
        match &self.services[id.0].state {
            ServiceState::Live(proc) => Some(proc),
            ServiceState::Down
            | ServiceState::Pending(_)
            | ServiceState::WaitForProbing(_)
            | ServiceState::SpawnRequested(_)
            | ServiceState::FinishDue => None,
            ServiceState::Resting(_) | ServiceState::Done | ServiceState::Failed => None,
        }
    }

    pub fn proc_mut(&mut self, id: Id) -> Option<&mut ProcessModel> {
        match &mut self.services[id.0].state {
            ServiceState::Live(proc) => Some(proc),
            ServiceState::Down
            | ServiceState::Pending(_)
            | ServiceState::WaitForProbing(_)
            | ServiceState::SpawnRequested(_)
            | ServiceState::FinishDue => None,
            ServiceState::Resting(_) | ServiceState::Done | ServiceState::Failed => None,
        }
    }

    pub fn is_oneshot(&self, id: Id) -> bool {
        self.services[id.0].spec.kind == Kind::Oneshot
    }

    /// Returns whether what requires it may start.
    pub fn satisfies_requires(&self, id: Id) -> bool {
        match &self.services[id.0].state {
            ServiceState::Done | ServiceState::Resting(_) => true,
            ServiceState::Live(proc) => {
                proc.role == Role::Run && proc.leader && !proc.stop_sent && proc.up_at.is_some()
            }
            ServiceState::Down
            | ServiceState::Pending(_)
            | ServiceState::WaitForProbing(_)
            | ServiceState::SpawnRequested(_)
            | ServiceState::FinishDue
            | ServiceState::Failed => false,
        }
    }

    /// Returns whether what is after it may start.
    pub fn satisfies_after(&self, id: Id) -> bool {
        self.satisfies_requires(id) || matches!(self.services[id.0].state, ServiceState::Down | ServiceState::Failed)
    }

    /// Returns whether it has a process that is waited for.
    pub fn has_process(&self, id: Id) -> bool {
        match &self.services[id.0].state {
            ServiceState::SpawnRequested(_) | ServiceState::FinishDue => true,
            ServiceState::Live(proc) => !proc.unkillable,
            ServiceState::Down
            | ServiceState::Pending(_)
            | ServiceState::WaitForProbing(_)
            | ServiceState::Resting(_)
            | ServiceState::Done
            | ServiceState::Failed => false,
        }
    }

    /// Returns whether it is done and has a stop command.
    pub fn needs_stop_command(&self, id: Id) -> bool {
        self.services[id.0].spec.has_stop_command
            && matches!(self.services[id.0].state, ServiceState::Done | ServiceState::Resting(_))
    }

    /// Returns whether anything that requires it has a process, or is still done although it is no longer wanted.
    pub fn is_needed(&self, id: Id) -> bool {
        let there = |other: Id| {
            let ServiceModel { wanted, pending_spec, .. } = &self.services[other.0];
            self.has_process(other)
                || (!wanted && self.satisfies_requires(other))
                || (pending_spec.is_some() && self.needs_stop_command(other))
        };
        self.ids().any(|other| self.services[other.0].spec.requires.contains(&id) && there(other))
    }

    /// Returns the property that what takes too long breaks.
    pub fn lateness(&self, id: Id) -> Property {
        match self.services[id.0].spec.kind {
            Kind::Longrun => Property::ALateReadinessIsAFailure,
            Kind::Oneshot => Property::AOneshotThatTakesTooLongHasFailed,
        }
    }

    /// Returns how long it may take to become ready, or (a oneshot) to end.
    pub fn ready_timeout(&self, id: Id) -> Option<Duration> {
        match self.services[id.0].spec.ready {
            _ if self.is_oneshot(id) => self.services[id.0].spec.timeout,
            Readiness::Notified { timeout } | Readiness::Probed { timeout, .. } => timeout,
            Readiness::Delay(_) | Readiness::Executed => None,
        }
    }
}
