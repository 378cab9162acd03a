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
mod main_waits;

mod exec_results;
pub mod notify;
pub mod notify_sockets;
mod oom_tracker;
mod origin;
pub mod panic_note;
pub mod probe;
mod probes;
mod process_manager;
mod process_table;
mod readiness;
mod reading;
mod reasons;
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
mod stage;
pub mod stopwatch;
pub mod terminal;
pub mod termination_log;
mod watch;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

pub use environment::Environment;
pub use origin::{Origin, ReloadPlan};
pub use service_entry::{LaunchContext, ServiceEntry};
pub use stage::{HostChannels, Stage, StageResult};

use crate::error::Refused;
use crate::sys::descriptors;
use event_loop::EventLoop;

/// How long the last lines may take to leave where no stop has a budget.
pub const LAST_LINES: Duration = Duration::from_millis(400);

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
