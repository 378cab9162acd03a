//! The loop: events in, actions out, until the engine says exit. One thread, one waiter, one deadline (DESIGN §11).
//!
//! Nothing in here is fatal: what goes wrong comes back to the engine as an event or is logged.
#![allow(clippy::disallowed_methods)] // the engine's clock

pub mod boot_context;
mod calendars;
pub mod cgroup;
mod control_handler;
mod descriptor_needs;
mod detached;
mod end;
mod environment;
mod event_loop;
mod events;
mod exit_report;
pub mod host_notify;
pub mod init;
mod journal;
mod kill;
mod kill_remaining;

mod exec_results;
pub mod notify;
pub mod notify_sockets;
mod oom_tracker;
pub mod panic_note;
pub mod probe;
mod probes;
mod process_manager;
mod process_table;
mod readiness;
mod reading;
mod reload;
mod reload_error;
mod reports;
pub mod reread;
mod scores;
mod service_entry;
mod service_pipe;
mod service_slots;
mod signals_received;
mod sources;
pub mod stopwatch;
pub mod terminal;
pub mod termination_log;
mod watch;

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

pub use environment::Environment;
pub use reload::{Origin, ReloadPlan};
pub use service_entry::{LaunchContext, ServiceEntry};

use crate::config::container::SignalRule;
use crate::config::values::ServiceName;
use crate::control::server::{self};
use crate::control::timings::Moments;
use crate::error::Refused;
use crate::run::host_notify::HostNotify;
use crate::run::termination_log::TerminationLog;
use crate::supervise::{Setup, StopReason};
use crate::sys::descriptors;
use crate::sys::signals::Signals;
use event_loop::EventLoop;

/// How long the last lines may take to leave where no stop has a budget.
pub const LAST_LINES: Duration = Duration::from_millis(400);

/// One run of the engine: *prepare* or *serve*.
pub struct Stage<'a> {
    /// The engine's services and stop timeout.
    pub setup: Setup,
    /// How long its whole stop may take.
    pub stop_timeout: Duration,
    /// The services, in the order of the engine's ids.
    pub members: Vec<ServiceEntry>,
    /// What all of them share when they are started.
    pub launch_context: LaunchContext,
    /// Notification sockets of services.
    pub sockets: notify_sockets::Sockets,
    /// The handlers.
    pub signals: &'a mut Signals,
    /// The bound control socket.
    pub control: Option<UnixListener>,
    /// The fixed part of answers on the control socket.
    pub control_context: server::ControlContext,
    /// Whether this is *prepare*.
    pub preparing: bool,
    /// When PID 1 started.
    pub started_at: Instant,
    /// Whether HUP is a hang-up: standard input is a terminal.
    pub tty: bool,
    /// Where the host is notified.
    pub host_channels: HostChannels,
    /// `[signals]`: which service gets a signal instead of the main command.
    pub signal_rules: Vec<SignalRule>,
    /// What a reload reads again; `None`: no reload in this stage.
    pub origin: Option<&'a mut dyn Origin>,
}

/// What is reported to the host. Opened before the drop.
#[derive(Debug, Default)]
pub struct HostChannels {
    /// `NOTIFY_SOCKET` as it was given to the container.
    pub host_notify: HostNotify,
    /// Kubernetes' file.
    pub termination_log: Option<TerminationLog>,
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// The exit code that it would give the container.
    pub code: u8,
    /// Why it ended.
    pub because: StopReason,
    /// Oneshots that are done.
    pub done: BTreeSet<ServiceName>,
    /// When things happened.
    pub moments: Vec<(ServiceName, Moments)>,
    /// Until when the last lines may leave.
    pub until: Instant,
}

/// Runs a stage to its end and leaves no process of it behind.
///
/// # Errors
/// Only before the first process is started: no runtime, no epoll set.
pub fn run(stage: Stage<'_>) -> Result<StageResult, Refused> {
    let refused = |cause: std::io::Error| descriptors::refused_at_limit("cannot set up the event loop", cause);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    let (mut event_loop, sources) = {
        let _inside = runtime.enter();
        let mut event_loop = EventLoop::new(stage).map_err(refused)?;
        let sources = event_loop.sources().map_err(refused)?;
        (event_loop, sources)
    };
    descriptors::check_limit(&event_loop.processes.descriptor_needs())?;
    let turned = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(event_loop.run(&sources))));
    let code = match turned {
        Ok(code) => code,
        Err(_) => {
            tracing::error!("{}: stopping every service in order", panic_note::take());
            event_loop.give_up()
        }
    };
    Ok(event_loop.end(code))
}
