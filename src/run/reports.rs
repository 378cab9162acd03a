//! The engine's reports as log lines. The only place where a state change is logged.

use super::reasons::{count, exit_text, failure_reason, not_ready, timed_out, watchdog};
use super::service_records::ServiceRecords;
use super::{kill_report, main_blockers};
use crate::config::units::duration_text;
use crate::supervise::{EngineTime, Exit, FailureReason, Id, Killed, Report, StopReason, Supervisor};
use crate::sys::process::spawn_message;

/// What is run: it decides which reports are worth a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Services, and perhaps a main command.
    Serving,
    /// The oneshots before the drop: that they are all done is not logged.
    Preparing,
    /// Only a main command: like tini, PID 1 logs nothing as long as all goes well.
    MainOnly,
}

/// What the log lines need besides the report.
pub struct ReportContext<'a> {
    /// What is run.
    pub run_kind: RunKind,
    /// What is kept of each service.
    pub records: &'a ServiceRecords,
    /// Which processes are killed or left running, where that is what is reported; or why they cannot be killed.
    pub processes: &'a str,
    /// Whether a stop was requested a second time: what is killed has not had its time.
    pub is_forced: bool,
    /// What the engine's clock says.
    pub now: EngineTime,
}

/// Logs one report: at `info` what went as requested, at `warn` what needs attention, at `error` what will not recover.
pub fn log(report: &Report, supervisor: &Supervisor, context: &ReportContext<'_>) {
    let ReportContext { run_kind, records, .. } = *context;
    let main_only = run_kind == RunKind::MainOnly;
    let name = |id: Id| supervisor.name(id).as_str();
    let main_waits = || if supervisor.main_waits() { "; the main command waits for it" } else { "" };
    let memory = |id: Id| if records.is_out_of_memory(id) { " (out of memory)" } else { "" };
    match report {
        Report::WaitsForServices { id, on } => {
            let names: Vec<_> = on.iter().map(|id| name(*id)).collect();
            let names = if on.is_empty() { main_blockers::REREADING.to_owned() } else { names.join(", ") };
            tracing::debug!("{}: waits for {names}", name(*id));
        }
        Report::MainStillWaits { since, on, .. } => {
            let (since, on) = (duration_text(*since), (on, main_blockers::blockers(on, supervisor, context.now)));
            match main_blockers::is_any_failing(on.0, supervisor) {
                true => tracing::warn!("main: not started after {since}, waiting for {}", on.1),
                false => tracing::info!("main: not started after {since}, waiting for {}", on.1),
            }
        }
        Report::Starting { id, pid } => tracing::debug!("{}: started, pid {}", name(*id), pid.0),
        Report::Up { id, .. } if main_only => tracing::debug!("{}: up", name(*id)),
        Report::Up { id, pid, took } => {
            tracing::info!("{}: up, pid {}, after {}", name(*id), pid.0, duration_text(*took))
        }
        Report::Done { id, took, again: None } => tracing::info!("{}: done after {}", name(*id), duration_text(*took)),
        Report::Done { id, took, again: Some(pause) } => {
            tracing::info!(
                "{}: done after {}, runs again in {}",
                name(*id),
                duration_text(*took),
                duration_text(*pause)
            );
        }
        // The exit report says how it ended.
        Report::Ended { id, .. } | Report::Stopped { id, .. } if main_only => {
            tracing::debug!("{}: ended", name(*id))
        }
        // `Done` is logged instead.
        Report::Ended { id, exit: Exit::Code(0), .. } if supervisor.is_oneshot(*id) => {}
        Report::Ended { id, exit, ran } if supervisor.is_success(*id, *exit) => {
            tracing::info!("{}: {} after {}", name(*id), exit_text(*exit), duration_text(*ran));
        }
        Report::Ended { id, exit, ran } => {
            tracing::warn!("{}: {}{} after {}", name(*id), exit_text(*exit), memory(*id), duration_text(*ran));
        }
        Report::Stopped { id, exit, took } => {
            tracing::info!("{}: stopped, {} after {}", name(*id), exit_text(*exit), duration_text(*took));
        }
        Report::CannotStart { id, why } => tracing::error!("{}: {}", name(*id), spawn_message::message(why)),
        Report::Backoff { id, pause, failures } => {
            let when = if pause.is_zero() { "at once".to_owned() } else { format!("in {}", duration_text(*pause)) };
            tracing::warn!(
                "{}: starts again {when} ({}){}",
                name(*id),
                count(*failures, "consecutive failure"),
                main_waits()
            );
        }
        Report::Failed { id, why } => {
            let why = failure_reason(*id, why, supervisor, records.recorded(*id));
            tracing::error!("{}: failed: {why}{}", name(*id), memory(*id))
        }
        Report::Killing { id, who, after } => {
            let what = match who {
                Killed::Command => "did not exit",
                Killed::Finish => "its finish script did not exit",
                Killed::StopCommand => "its stop command did not exit",
                Killed::Leftovers => "what it left did not exit",
            };
            let fix = kill_report::fix(*id, *who, *after, supervisor, context.is_forced);
            tracing::warn!(
                "{}: {what} within {}; sending SIGKILL to {}{fix}",
                name(*id),
                duration_text(*after),
                context.processes
            );
        }
        Report::ReadyTimedOut { id, after, why } => {
            let not_ready = not_ready(*id, *after, None, supervisor);
            let result = why.as_ref().map(|why| format!("; the last result: {why}")).unwrap_or_default();
            tracing::warn!("{}: {not_ready}, stopping it{result}", name(*id));
        }
        Report::TimedOut { id, after } => {
            tracing::warn!("{}: {}, stopping it", name(*id), timed_out(*after));
        }
        Report::StillNotReady { id, since, why } => {
            tracing::info!("{}: not ready after {}: {why}{}", name(*id), duration_text(*since), main_waits());
        }
        Report::Leftovers { id } => {
            tracing::debug!("{}: ended, and left others in its process group: ending them", name(*id))
        }
        // Before the step down it is ended, and named then.
        Report::LeftoversContinue { .. } if run_kind == RunKind::Preparing || context.processes.is_empty() => {}
        Report::LeftoversContinue { id, .. } => tracing::info!(
            "{}: succeeded and left {} running, which is not supervised; if it is a daemon, make it a service",
            name(*id),
            context.processes
        ),
        Report::Unkillable { id, pid } => {
            tracing::error!("{}: process {} cannot be killed ({}), leaving it", name(*id), pid.0, context.processes);
        }
        Report::LeftoversAbandoned { id, pid } => {
            let (what, why) = (name(*id), context.processes);
            let pid = pid.0;
            tracing::warn!("{what}: what it left in process group {pid} cannot be killed ({why}), going on without it");
        }
        Report::WaitForFails { id, at, since, why } => {
            let what = supervisor.name(*id);
            tracing::info!(
                "{what}: waiting for {} for {}: {why}",
                records.wait_target(*id, *at),
                duration_text(*since)
            );
        }
        Report::Unhealthy { id, failures, why } => {
            tracing::warn!(
                "{}: unhealthy, {}, the last one: {why}",
                name(*id),
                count(*failures, "consecutive failure")
            );
        }
        Report::Healthy { id } => tracing::info!("{}: healthy again", name(*id)),
        Report::Watchdog { id, after } => tracing::warn!("{}: {}, stopping it", name(*id), watchdog(*after)),
        Report::PeriodicFailed { id, pause } => {
            tracing::warn!("{}: runs again in {}", name(*id), duration_text(*pause))
        }
        Report::StopCommandEnded { id, exit: Exit::Code(0), took } => {
            tracing::info!("{}: stop command succeeded after {}", name(*id), duration_text(*took));
        }
        Report::StopCommandEnded { id, exit, took } => {
            tracing::warn!("{}: its stop command {} after {}", name(*id), exit_text(*exit), duration_text(*took));
        }
        Report::StartTimedOut { after, on } => {
            let missing = main_blockers::blockers(on, supervisor, context.now);
            tracing::warn!("not every service is up after {}; going on without {missing}", duration_text(*after));
        }
        Report::Stopping { reason } => log_stopping(reason, supervisor, context),
    }
}

/// Returns whether it ended by itself and as it should.
fn has_succeeded(id: Id, exit: Exit, supervisor: &Supervisor) -> bool {
    supervisor.is_success(id, exit) && supervisor.ended_by_us(id).is_none()
}

fn log_stopping(stop_reason: &StopReason, supervisor: &Supervisor, context: &ReportContext<'_>) {
    let ReportContext { run_kind, records, .. } = *context;
    let main_only = run_kind == RunKind::MainOnly;
    match stop_reason {
        StopReason::Signal(signal) if main_only => tracing::debug!("got {signal}"),
        StopReason::Signal(signal) => tracing::info!("got {signal}: stopping"),
        StopReason::Requested => tracing::info!("shutdown requested: stopping"),
        StopReason::Main(_) if main_only => tracing::debug!("the main command ended"),
        StopReason::Main(exit) => tracing::info!("the main command {}: stopping", exit_text(*exit)),
        StopReason::Essential(id, FailureReason::Ended(exit)) if has_succeeded(*id, *exit, supervisor) => {
            let name = supervisor.name(*id);
            tracing::info!("{name} is essential and has ended for good ({}): stopping", exit_text(*exit));
        }
        StopReason::Essential(id, why) => {
            let name = supervisor.name(*id);
            tracing::error!(
                "{name} is essential and has ended for good ({}{}): stopping",
                failure_reason(*id, why, supervisor, records.recorded(*id)),
                if records.is_out_of_memory(*id) { ", out of memory" } else { "" },
            );
        }
        StopReason::LateStart(id) => {
            tracing::error!("{} has failed in the start of the container: stopping", supervisor.name(*id));
        }
        StopReason::Unhealthy(id) => tracing::error!("{} is unhealthy: stopping", supervisor.name(*id)),
        StopReason::StartTimedOut { after, on } => {
            let missing = main_blockers::blockers(on, supervisor, context.now);
            tracing::error!("not every service is up after {}, {missing}: stopping", duration_text(*after));
        }
        StopReason::NothingLeft if run_kind == RunKind::Preparing => tracing::debug!("prepared"),
        StopReason::NothingLeft => tracing::info!("nothing is up or wanted any more"),
    }
}
