//! [`Stage`]: what the event loop is made from, and [`StageResult`]: how it ended. Must not know the loop.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use super::host_notify::HostNotify;
use super::notify_sockets::Sockets;
use super::reloader::Reloader;
use super::service_entry::{LaunchContext, ServiceEntry};
use super::termination_log::TerminationLog;
use crate::config::container::SignalRule;
use crate::config::values::ServiceName;
use crate::control::event_history::EarlierEvents;
use crate::control::server::ControlContext;
use crate::control::timings::Moments;
use crate::log::pipe_group::Pipe;
use crate::supervise::{Setup, StopReason};
use crate::sys::signals::Signals;

/// One run of the engine: *prepare* or *serve*.
pub struct Stage<'a> {
    /// The engine's services and stop timeout.
    pub setup: Setup,
    /// How long its whole stop may take.
    pub stop_timeout: Duration,
    /// The services, in the order of the engine's ids.
    pub entries: Vec<ServiceEntry>,
    /// What all of them share when they are started.
    pub launch_context: LaunchContext,
    /// Notification sockets of services.
    pub sockets: Sockets,
    /// The handlers.
    pub signals: &'a mut Signals,
    /// The bound control socket.
    pub control: Option<UnixListener>,
    /// The fixed part of responses on the control socket.
    pub control_context: ControlContext,
    /// Whether this is *prepare*.
    pub preparing: bool,
    /// What becomes of processes that its services have left.
    pub leftovers: LeftoverPolicy,
    /// What processes that an earlier stage has left still write to.
    pub open_pipes: Vec<OpenPipe>,
    /// When PID 1 started.
    pub started_at: Instant,
    /// Whether HUP is a hang-up: standard input is a terminal.
    pub tty: bool,
    /// Where the host is notified.
    pub host_reporting: HostReporting,
    /// `[signals]`: which service gets a signal instead of the main command.
    pub signal_rules: Vec<SignalRule>,
    /// Whether signals that stop the container go to the main command while it runs, whose end begins the stop
    /// (`S6_CMD_RECEIVE_SIGNALS`).
    pub main_receives_signals: bool,
    /// What a reload reads again; `None`: no reload in this stage.
    pub reloader: Option<&'a mut dyn Reloader>,
}

/// What becomes of processes that the services of a stage have left, when nothing of it is left to do. Those of scripts of
/// `cont-init.d` go on where PID 1 stays root, which is known when the definitions that they have written were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftoverPolicy {
    /// They are ended.
    End,
    /// They go on.
    Keep,
}

/// What is reported to the host. Opened before the drop.
#[derive(Debug, Default)]
pub struct HostReporting {
    /// `NOTIFY_SOCKET` as it was given to the container.
    pub host_notify: HostNotify,
    /// Kubernetes' file.
    pub termination_log: Option<TerminationLog>,
}

/// A pipe that a process writes to which a service has left, by the name of the service.
pub type OpenPipe = (ServiceName, Pipe);

/// How a stage ended.
#[derive(Debug)]
pub struct StageResult {
    /// The exit code that it would give the container.
    pub code: u8,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Oneshots that are done.
    pub done: BTreeSet<ServiceName>,
    /// The times of its services.
    pub moments: Vec<(ServiceName, Moments)>,
    /// Its last events.
    pub events: EarlierEvents,
    /// The deadline for writing the last lines.
    pub output_deadline: Instant,
    /// What processes that it has left still write to.
    pub open_pipes: Vec<OpenPipe>,
}
