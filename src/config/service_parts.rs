//! `restart`, `stop` and `reload` of a service's file. Must not know the rest of it.

use super::file_report::FileReport;
use super::keys::TableDoc;
use super::restart::{
    MIN_RESTART_DELAY, RESTART_DELAY, RESTART_LIMIT, RESTART_MAX_DELAY, Restart, RestartPause, RestartPolicy,
};
use super::service::{Kind, Reload, Stop};
use super::service_keys;
use super::success_codes::SuccessCodes;
use super::toml_field::Field;
use super::toml_table::Table;
use super::units::show_duration;
use super::values::Signal;

/// What `stop.signal` and `down-signal` accept.
pub const SIGNALS: &str = "write a name such as \"TERM\", or a number from 1 to 64";

const POLICIES: [(&str, RestartPolicy); 3] =
    [("always", RestartPolicy::Always), ("on-failure", RestartPolicy::OnFailure), ("never", RestartPolicy::Never)];

/// Returns when a service is restarted; a oneshot never is.
pub fn restart(table: &Table<'_>, kind: Kind, report: &mut FileReport<'_>) -> Restart {
    let written = table.get("restart").map(|field| match field.is_table() {
        true => restart_table(&field, report),
        false => Restart::standard(field.choice(&POLICIES, report).unwrap_or(RestartPolicy::Always)),
    });
    match kind {
        Kind::Longrun => written.unwrap_or_else(|| Restart::standard(RestartPolicy::Always)),
        Kind::Oneshot => Restart::standard(RestartPolicy::Never),
    }
}

fn restart_table(field: &Field<'_>, report: &mut FileReport<'_>) -> Restart {
    let Some(table) = field.table(&service_keys::RESTART, report) else {
        return Restart::standard(RestartPolicy::Always);
    };
    let policy = table.get("policy").and_then(|field| field.choice(&POLICIES, report)).unwrap_or(RestartPolicy::Always);
    let delay = table.get("delay").and_then(|field| field.duration_from(MIN_RESTART_DELAY, report));
    let most = table.get("max_delay").and_then(|field| field.duration_from(MIN_RESTART_DELAY, report));
    if let (Some(delay), Some(most)) = (delay, most)
        && delay > most
    {
        let what = format!(
            "`restart.delay` ({}) is above `restart.max_delay` ({})",
            show_duration(delay),
            show_duration(most)
        );
        report.line(table.line(), what, "raise `max_delay` or lower `delay`");
    }
    // If only one of the two is set, the other's default is adapted.
    let max_delay = most.unwrap_or_else(|| delay.map_or(RESTART_MAX_DELAY, |delay| delay.max(RESTART_MAX_DELAY)));
    let delay = delay.unwrap_or_else(|| RESTART_DELAY.min(max_delay));
    let limit = match table.get("limit") {
        Some(field) => limit(&field, report),
        None => Some(RESTART_LIMIT),
    };
    Restart { policy, pause: RestartPause::Backoff { delay, max_delay }, limit }
}

fn limit(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<u32> {
    if field.is_string() {
        return field.choice(&[("infinity", None)], report).unwrap_or(Some(RESTART_LIMIT));
    }
    field.count(report)
}

/// Returns the exit codes that count as success, sorted.
pub fn success_codes(table: &Table<'_>, report: &mut FileReport<'_>) -> SuccessCodes {
    let Some(field) = table.get("success_codes") else { return SuccessCodes::default() };
    let Some(elements) = field.elements(report) else { return SuccessCodes::default() };
    if elements.is_empty() {
        report.line(field.line(), format!("{} is empty", field.name()), field.paste());
    }
    let codes = elements.iter().filter_map(|code| code.integer(0..=255, report));
    let mut codes: Vec<u8> = codes.filter_map(|code| u8::try_from(code).ok()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.into()
}

/// Opens `stop`.
pub fn stop_table<'t>(table: &Table<'t>, doc: &'static TableDoc, report: &mut FileReport<'_>) -> Option<Table<'t>> {
    table.get("stop").and_then(|field| field.table(doc, report))
}

/// Returns how a service is stopped, from its `stop`.
pub fn stop(table: Option<&Table<'_>>, report: &mut FileReport<'_>) -> Stop {
    let default = Stop { signal: Signal::TERM, timeout: None, group: false };
    let Some(table) = table else { return default };
    Stop {
        signal: table.get("signal").and_then(|field| signal(&field, report)).unwrap_or(default.signal),
        timeout: table.get("timeout").and_then(|field| field.duration(report)),
        group: table.get("group").and_then(|field| field.boolean(report)).unwrap_or(default.group),
    }
}

/// Returns how a service re-reads its configuration.
pub fn reload(table: &Table<'_>, kind: Kind, report: &mut FileReport<'_>) -> Option<Reload> {
    let table = table.get("reload")?.table(&service_keys::RELOAD, report)?;
    let reload = match (table.get("signal"), table.get("command")) {
        (Some(_), Some(command)) => {
            report.line(command.line(), "`reload` has both `signal` and `command`", "keep one of them");
            None
        }
        (Some(field), None) => signal(&field, report).map(Reload::Signal),
        (None, Some(field)) => field.argv(report).map(Reload::Command),
        (None, None) => {
            report.line(table.line(), "`reload` has neither `signal` nor `command`", "write `signal = \"HUP\"`");
            None
        }
    };
    reload.filter(|_| kind == Kind::Longrun)
}

/// Returns a signal by its name or number.
pub fn signal(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<Signal> {
    if field.is_integer() {
        let number = field.integer(1..=i64::from(Signal::MAX), report)?;
        return i32::try_from(number).ok().and_then(Signal::from_number);
    }
    let text = field.string(report)?;
    let signal = Signal::parse(text);
    if signal.is_none() {
        match Signal::parse(&text.to_ascii_uppercase()) {
            Some(_) => field.refuse(format!("did you mean \"{}\"?", text.to_ascii_uppercase()), report),
            None => field.refuse(SIGNALS, report),
        }
    }
    signal
}
