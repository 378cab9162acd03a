//! Details of a service in a few words each: readiness, health checks, logs and so on. Must not know where they are printed.

use std::path::Path;
use std::time::Duration;

use super::labels;
use crate::config::container::LogFormat;
use crate::config::probe::{Health, Probe, UnhealthyAction};
use crate::config::service::{Log, Ready, Service};
use crate::config::units::show_duration;

/// One detail.
pub(super) struct Detail {
    /// Its key.
    pub key: &'static str,
    /// The verb of a sentence about it.
    pub verb: &'static str,
    /// The declared value; `None`: not declared.
    pub value: Option<String>,
}

/// Returns all details, also those that are not declared.
pub(super) fn details(service: &Service) -> [Detail; 8] {
    let awaited: Vec<_> = service.wait_for.iter().map(probe).collect();
    let part = |key, verb, value| Detail { key, verb, value };
    [
        part("wait_for", "waits for", (!awaited.is_empty()).then(|| awaited.join(", "))),
        part("ready", "ready by", ready(&service.ready)),
        part("health", "health", service.health.as_deref().map(health)),
        part("timeout", "at most", service.timeout.map(show_duration)),
        part("every", "every", service.every.map(show_duration)),
        part("at", "at", service.calendar.as_ref().map(ToString::to_string)),
        part("pipe_to", "pipes to", service.pipe_to.as_ref().map(ToString::to_string)),
        part("log", "logs", log(&service.log)),
    ]
}

fn ready(ready: &Ready) -> Option<String> {
    match ready {
        Ready::Executed => None,
        Ready::Fd { fd, timeout } => Some(within(format!("fd {fd}"), *timeout)),
        Ready::Notify { timeout, .. } => Some(within("notify".to_owned(), *timeout)),
        Ready::Probe { probe, timeout, .. } => Some(within(self::probe(probe), *timeout)),
        Ready::Delay(delay) => Some(format!("delay {}", show_duration(*delay))),
    }
}

fn within(what: String, timeout: Option<Duration>) -> String {
    timeout.map_or_else(|| what.clone(), |timeout| format!("{what} within {}", show_duration(timeout)))
}

fn health(health: &Health) -> String {
    let then = match health.then {
        UnhealthyAction::Restart => "restart",
        UnhealthyAction::StopContainer => "stop-container",
        UnhealthyAction::Report => "report",
    };
    let Health { probe, interval, failures, .. } = health;
    format!("{} each {}, {then} after {failures}", self::probe(probe), show_duration(*interval))
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Command(words) => labels::command(words),
        Probe::Tcp(_) | Probe::Http(_) | Probe::Path(_) | Probe::Socket(_) => {
            labels::path(Path::new(&probe.to_string()))
        }
    }
}

fn log(log: &Log) -> Option<String> {
    match (&log.directory, log.format) {
        (Some(directory), _) => Some(format!("to {}", labels::path(&directory.path))),
        (None, Some(format)) => Some(format!("as {}", self::format(format))),
        (None, None) => None,
    }
}

/// Returns a format's own word.
pub(super) fn format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Auto => "auto",
        LogFormat::Inherit => "inherit",
        LogFormat::Tagged => "tagged",
        LogFormat::Json => "json",
    }
}
