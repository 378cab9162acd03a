//! The life of PID 1: `init` boots and drops privileges (`boot_context`), runs the engine twice (`prepare`, then the services)
//! in an event loop (`event_loop`), and ends what is left (`teardown`). Must not know what a state transition is.
#![allow(clippy::disallowed_methods)] // the engine's clock

mod async_fd;
pub mod boot_context;
mod calendars;
pub mod cgroup;
mod config_reader;
mod control_handler;
mod descriptor_needs;
mod detached;
mod environment;
mod event_fields;
mod event_loop;
mod event_sources;
mod exec_results;
mod exit_report;
mod fd_watcher;
pub mod host_notify;
mod idle_pages;
pub mod init;
mod journal;
mod kill_remaining;
mod kill_report;
mod main_blockers;
#[cfg(test)]
mod memory_tests;
pub mod notify;
pub mod notify_sockets;
mod oom_scores;
mod oom_tracker;
pub mod panic_message;
pub mod probe;
mod process_manager;
mod process_table;
mod reasons;
mod reload;
mod reload_error;
pub mod reload_planning;
mod reloader;
mod reports;
mod second_plan;
mod service_entry;
mod service_pipe;
mod service_probes;
mod service_records;
mod shortcut;
mod signals_received;
mod stage;
pub mod stage2_hook;
pub mod step_timer;
mod teardown;
pub mod terminal;
pub mod termination_log;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

pub use environment::Environment;
pub use reloader::{Occasion, ReloadPlan, Reloader};
pub use service_entry::{LaunchContext, ServiceEntry};
pub use stage::{HostReporting, LeftoverPolicy, OpenPipe, Stage, StageResult};

use crate::error::Refused;
use crate::sys::descriptors;
use event_loop::EventLoop;

/// How long the last lines may take outside of a stop.
pub const LAST_LINES: Duration = Duration::from_millis(400);

/// Runs a stage to its end and leaves no process of it behind.
///
/// # Errors
/// Only before the first process is started: too few open files are allowed. What is refused after that stops the services in
/// order.
pub fn run(stage: Stage<'_>) -> Result<StageResult, Refused> {
    let refused = |cause: std::io::Error| descriptors::refused_at_limit("cannot set up the event loop", cause);
    let new_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut event_loop = EventLoop::new(stage).map_err(refused)?;
    event_loop.begin_signals().map_err(refused)?;
    let (mut runtime, mut sources) = (None, None);
    if let Some(limit) = descriptors::low_limit() {
        // Programs must not take what the loop needs.
        let _inside = runtime.insert(new_runtime().map_err(refused)?).enter();
        sources = Some(event_loop.sources().map_err(refused)?);
        descriptors::check_limit(limit, &event_loop.processes.descriptor_needs())?;
    }
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        if let Some(code) = event_loop.begin() {
            return Ok(code);
        }
        // Not earlier: the first programs need none.
        let made = match runtime.take() {
            Some(made) => made,
            None => new_runtime()?,
        };
        runtime.insert(made).block_on(event_loop.run(sources))
    }));
    let code = match result {
        Ok(Ok(code)) => code,
        Ok(Err(cause)) => {
            tracing::error!("{}: stopping every service in order", refused(cause));
            event_loop.stop_without_engine()
        }
        Err(_) => {
            tracing::error!("{}: stopping every service in order", panic_message::take());
            event_loop.stop_without_engine()
        }
    };
    Ok(event_loop.tear_down(code))
}
