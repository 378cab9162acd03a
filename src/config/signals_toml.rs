//! `[signals]` of the container file: signals that PID 1 forwards, and to which service. Must not know whether those exist.

use super::container::SignalRule;
use super::file_report::FileReport;
use super::toml_field::Field;
use super::values::{ServiceName, Signal};
use super::{container_keys, service_parts};
use crate::error::Place;

/// Signals that cannot be forwarded: those that PID 1 handles itself, and faults that the kernel sends. The last two are
/// used by the C library.
const NOT_FORWARDABLE: [(&str, &str); 14] = [
    ("TERM", STOPS),
    ("INT", STOPS),
    ("CHLD", "it says that a process has ended"),
    ("KILL", "it cannot be caught"),
    ("STOP", "it cannot be caught"),
    ("ILL", FAULT),
    ("TRAP", FAULT),
    ("BUS", FAULT),
    ("FPE", FAULT),
    ("SEGV", FAULT),
    ("PIPE", FAULT),
    ("SYS", FAULT),
    ("32", FAULT),
    ("33", FAULT),
];
const STOPS: &str = "it stops the container";
const FAULT: &str = "it tells a process of its own faults";

/// Returns the rules of the table, in the order of the file.
pub fn read(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<SignalRule> {
    let mut rules: Vec<SignalRule> = Vec::new();
    for (name, field) in field.entries(report).unwrap_or_default() {
        let Some(rule) = rule(name, &field, report) else { continue };
        match rules.iter().any(|other| other.from == rule.from) {
            true => report.line(field.line(), format!("{} is forwarded already", field.name()), "keep one of them"),
            false => rules.push(rule),
        }
    }
    rules
}

fn rule(name: &str, field: &Field<'_>, report: &mut FileReport<'_>) -> Option<SignalRule> {
    let from = from(name, field, report);
    let (service, to) = if field.is_table() {
        let table = field.table(&container_keys::SIGNAL, report)?;
        let to = table.get("signal").map(|field| service_parts::signal(&field, report));
        let Some(field) = table.get("service") else {
            report.line(table.line(), format!("{} has no `service`", field.name()), "write `service = \"web\"`");
            return None;
        };
        (service(&field, report), to)
    } else if field.is_string() {
        (service(field, report), None)
    } else {
        field.mistyped("a service's name or a table", report);
        return None;
    };
    let to = match to {
        Some(written) => written?,
        None => from?,
    };
    Some(SignalRule { from: from?, service: service?, to, at: Place::line(report.path(), field.line()) })
}

fn from(name: &str, field: &Field<'_>, report: &mut FileReport<'_>) -> Option<Signal> {
    let Some(signal) = Signal::parse(name) else {
        report.line(
            field.line(),
            format!("{} is not a signal", field.name()),
            "write a name such as USR1, in upper case",
        );
        return None;
    };
    if let Some(why) = why_not(signal) {
        let fix = "remove it; HUP, QUIT, USR1, USR2, WINCH and the like can be";
        report.line(field.line(), format!("{} cannot be forwarded: {why}", field.name()), fix);
        return None;
    }
    Some(signal)
}

/// Returns why a signal cannot be forwarded.
pub fn why_not(signal: Signal) -> Option<&'static str> {
    NOT_FORWARDABLE.iter().find(|(name, _)| Signal::parse(name) == Some(signal)).map(|(_, why)| *why)
}

fn service(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<ServiceName> {
    let text = field.string(report)?;
    if text == ServiceName::MAIN {
        return Some(ServiceName::main());
    }
    let name = ServiceName::new(text);
    if name.is_none() {
        field.refuse("write a service's name, or `main` for the main command", report);
    }
    name
}
