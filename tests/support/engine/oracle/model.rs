//! The oracle's model of services, of their processes, probes and runs, and of the container's stop, as plain values.

use std::collections::BTreeMap;
use std::time::Duration;

use stepdown::config::values::Signal;
use stepdown::supervise::{EngineTime, Exit, Id, Pid, ProbePurpose, Role, Spec, Start};

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
    pub requested: bool,
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
    /// Delays of the back-off since the last stable run.
    pub delays: u32,
    pub code: Option<u8>,
    /// The end whose finish script runs.
    pub end: Option<RunEnd>,
    /// It was stopped manually.
    pub stopped_manually: bool,
    /// It has been up since its start was requested.
    pub was_up: bool,
    /// Its start was requested, or follows from a reload.
    pub was_requested: bool,
    /// Its run is the last one.
    pub once: bool,
    pub probe: ProbeModel,
    pub watchdog: Option<Duration>,
    /// When its command was last started, or should have been.
    pub began: EngineTime,
    /// It was started since its definition was applied.
    pub was_started: bool,
    /// It was started at any time.
    pub was_ever_started: bool,
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
            delays: 0,
            code: None,
            end: None,
            stopped_manually: false,
            was_up: false,
            was_requested: false,
            once: false,
            probe: ProbeModel::default(),
            watchdog: spec.watchdog,
            began: EngineTime::default(),
            was_started: false,
            was_ever_started: false,
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
    pub started: EngineTime,
    /// It was ready, or up long enough for one without a readiness check.
    pub came_up: bool,
    pub stable: bool,
    /// It was not ready in time.
    pub not_ready: bool,
    pub requested: bool,
    /// It was sent the stop signal, so that its exit code does not count.
    pub stop_sent: bool,
}

/// Why the container ends, without details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Signal(Signal),
    Requested,
    Main,
    Essential(Id),
    Unhealthy(Id),
    StartTimedOut,
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
