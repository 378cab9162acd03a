//! The rules of the engine, stated a second time and independently: the oracle sees only what goes into the engine
//! (events, time) and what comes out (actions), keeps a model of every service, and records each violation under the
//! property that it breaks. It reads the engine's state only to compare it with the model.
//!
//! Here: the model, and the properties. In its submodules: [`events`], [`reload`] and [`requests`] (what each changes in the model),
//! [`probes`], [`stop`] (the stop and its budget), [`actions`] (whether an action is right), [`checks`] (what must be true
//! between two steps).

mod actions;
mod checks;
mod constants;
mod events;
mod probes;
mod reload;
mod requests;
mod stop;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use stepdown::config::service::Kind;
use stepdown::config::values::Signal;
use stepdown::supervise::{EngineTime, Exit, Id, Pid, ProbePurpose, Readiness, Role, Setup, Spec, Start, Target};

/// What is always true. The names are the tests' names, and what a failure prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    AtMostOneProcessPerService,
    OnlyLiveProcessesAreSignalled,
    NothingStartsBeforeItsRequirementsAreUp,
    NothingStartsBeforeItsAfterIsSatisfied,
    NothingStopsBeforeItsDependentsAreDown,
    AfterAStopRequestNothingStarts,
    TheContainerEndsWithinItsBudget,
    ThereIsExactlyOneExitAndItIsLast,
    NoDeadlineLiesInThePast,
    TheDeadlineIsTheNextDueTime,
    ATickAtTheDeadlineChangesTheState,
    AnEarlyTickChangesNothing,
    BackOffNeverShrinksWhileFailingAndHasACap,
    NoServiceIsStartedAgainBeyondItsLimitOrPolicy,
    AStableRunResetsTheBackOff,
    TheExitCodeFollowsTheRule,
    AServiceIsOnlySignalledForAReason,
    StopTimeoutsAreGivenInFull,
    AServiceThatDoesNotStopIsKilled,
    LeftoversOfAGroupAreEnded,
    LeftoversOfAOneshotContinue,
    AStopSignalIsTheRightOneAndFollowedByCont,
    AFinishScriptRunsOnceAfterEachEnd,
    APermanentFailureOfFinishIsObeyed,
    AServiceThatMayStartStartsAtOnce,
    AServiceThatMayStopIsSignalledAtOnce,
    TheStopBeginsForTheRightReason,
    AFailedRequirementFailsItsWaitingDependents,
    ALateReadinessIsAFailure,
    ForwardedSignalsReachOnlyALivingMain,
    EveryLiveProcessAtTheEndIsNamed,
    AWaitingMainCommandIsReported,
    StatusMatchesTheModel,
    ProbesRunOneAtATimeAndWhenDue,
    NoUnneededProbeIsLeftOpen,
    AnUnhealthyServiceIsTreatedAsDeclared,
    AServiceThatMissesItsWatchdogIsStopped,
    APeriodicOneshotRunsWhenDue,
    AStopCommandRunsInItsOrder,
    AOneshotWithoutAProgramIsDoneAtOnce,
    ARequestIsCarriedOut,
    AReloadAffectsOnlyChangedServices,
    AChangedServiceIsRestartedOnce,
    ARemovedServiceEndsAndStaysAway,
    TheIdOfARemovedServiceIsReleasedOnce,
    EverySimulationEnds,
}

/// The model of a process.
#[derive(Clone, Debug)]
pub struct ProcessModel {
    pub pid: Pid,
    pub role: Role,
    /// Its main process is there.
    pub leader: bool,
    /// Leftovers of its group are there, although its main process is not.
    pub group_left: bool,
    pub started: EngineTime,
    pub executed: bool,
    pub up_at: Option<EngineTime>,
    /// When it has to be ready.
    pub ready_by: Option<EngineTime>,
    /// When its watchdog time is over.
    pub watchdog_at: Option<EngineTime>,
    /// How its main process ended.
    pub exit: Option<Exit>,
    pub stop_sent: bool,
    /// It may end by itself, at the end of its input, until then.
    pub signal_by: Option<EngineTime>,
    /// It was sent the stop signal because of a request or because nothing needs it.
    pub asked: bool,
    pub group_signalled: bool,
    pub not_ready: bool,
    /// When it has to be killed, unless it ends before.
    pub kill_by: Option<EngineTime>,
    pub killed_at: Option<EngineTime>,
    /// When its leftovers, killed, are untracked although they may be there: only while the container does not stop.
    pub gone_by: Option<EngineTime>,
    pub unkillable: bool,
}

/// The state of a service in the model.
#[derive(Clone, Debug)]
pub enum ServiceState {
    Down,
    /// Wanted; not before that time.
    Pending(EngineTime),
    /// This target of its `wait_for` is the next.
    WaitForProbing(usize),
    /// The engine returned the action to spawn a process.
    SpawnRequested(Role),
    Live(ProcessModel),
    /// Its command has ended; its finish script has to be spawned in this step.
    FinishDue,
    /// A periodic oneshot until its next run.
    Resting(EngineTime),
    Done,
    /// Failed for good.
    Failed,
}

/// Until an event other than time comes.
pub const NEVER: EngineTime = EngineTime(Duration::MAX);

/// The model of a service.
#[derive(Clone, Debug)]
pub struct ServiceModel {
    pub spec: Spec,
    pub state: ServiceState,
    /// Started by itself or because something wanted requires it.
    pub wanted: bool,
    pub failures: u32,
    /// Pauses since the last stable run.
    pub pauses: u32,
    pub last_pause: Duration,
    pub code: Option<u8>,
    /// The end whose finish script runs.
    pub end: Option<RunEnd>,
    /// It was stopped manually.
    pub stopped_manually: bool,
    pub probe: ProbeModel,
    pub watchdog: Option<Duration>,
    /// When its command was last started, or should have been.
    pub began: EngineTime,
    /// It was started since its definition was applied.
    pub was_started: bool,
    /// Its new definition after a reload.
    pub pending_spec: Option<Spec>,
    /// A reload has removed it.
    pub removed: bool,
    /// The code of its last failure, until it comes up.
    pub failing: Option<u8>,
    /// It failed only because that requirement did.
    pub failed_requirement: Option<Id>,
}

impl ServiceModel {
    pub fn new(spec: Spec) -> Self {
        Self {
            state: ServiceState::Down,
            wanted: spec.start == Start::Wanted,
            failures: 0,
            pauses: 0,
            last_pause: Duration::ZERO,
            code: None,
            end: None,
            stopped_manually: false,
            probe: ProbeModel::default(),
            watchdog: spec.watchdog,
            began: EngineTime::default(),
            was_started: false,
            pending_spec: None,
            removed: false,
            failing: None,
            failed_requirement: None,
            spec,
        }
    }
}

/// The model of the probes of a service.
#[derive(Clone, Debug, Default)]
pub struct ProbeModel {
    /// What the probe under way is for.
    pub open: Option<ProbePurpose>,
    /// When the next one is due.
    pub due: Option<EngineTime>,
    pub attempts: u32,
    /// Consecutive failures while it is healthy, or passes while it is not.
    pub opposite_results: u32,
    pub healthy: Option<bool>,
}

/// The model of a run's end.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd {
    pub exit: Exit,
    pub succeeded: bool,
    pub stable: bool,
    pub asked: bool,
    /// It was sent the stop signal, so that its exit code does not count.
    pub stop_sent: bool,
}

/// Why the container ends, without details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Signal(Signal),
    Asked,
    Main,
    Essential(Id),
    Unhealthy(Id),
    NothingLeft,
}

/// The model of the container's stop.
#[derive(Clone, Debug)]
pub struct Stopping {
    pub reason: Reason,
    pub at: EngineTime,
    /// For each service, when its layer is over, and when its process is killed.
    pub layer_end: BTreeMap<Id, EngineTime>,
    pub kill_at: BTreeMap<Id, EngineTime>,
    pub total: EngineTime,
    /// When the budget was over for all services.
    pub over_at: Option<EngineTime>,
    pub announced: bool,
}

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
    /// In the step of a reload: the services that it may affect.
    pub reload: Option<BTreeSet<Id>>,
    /// Definitions have changed: which services fail by that is not known yet.
    pub definitions_changed: bool,
}

impl Oracle {
    pub fn new(setup: &Setup) -> Self {
        let services: Vec<ServiceModel> = setup.specs.iter().cloned().map(ServiceModel::new).collect();
        let main = services.iter().position(|service| service.spec.is_main).map(Id);
        let mut oracle = Self { main, services, stop_timeout: setup.stop_timeout, ..Self::default() };
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

    /// Returns how long it may take to become ready.
    pub fn ready_timeout(&self, id: Id) -> Option<Duration> {
        match self.services[id.0].spec.ready {
            _ if self.is_oneshot(id) => None,
            Readiness::Notified { timeout } | Readiness::Probed { timeout, .. } => timeout,
            Readiness::Delay(_) | Readiness::Executed => None,
        }
    }
}
