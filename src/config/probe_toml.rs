//! `ready`, `health` and `wait_for` of a service's file. Must not know how probes are run.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::file_report::FileReport;
use super::keys::TableDoc;
use super::probe::{
    HEALTH_FAILURES, HEALTH_INTERVAL, HEALTH_SUCCESSES, HTTP_SUCCESS, Health, HostPort, Http, PROBE_TIMEOUT, Probe,
    READY_INTERVAL, UnhealthyAction,
};
use super::quote::quoted;
use super::service::{Kind, Ready};
use super::toml_field::Field;
use super::toml_table::Table;
use super::{paths, service_keys, suggest, url};

/// Descriptors that readiness may have: above the standard ones, below the usual soft limit of open files.
const READY_FDS: RangeInclusive<i64> = 3..=1023;
/// A shorter interval would keep a CPU busy, a shorter timeout would always expire.
pub(super) const MIN_TIME: Duration = Duration::from_millis(10);
const NO_VARIABLE: &str = "no variable is expanded here: write the value itself, or a shell's check, such as `command = [\"sh\", \
                           \"-c\", \"curl -fsS http://127.0.0.1:$PORT/\"]`";
/// Final HTTP statuses (RFC 9110).
const STATUSES: RangeInclusive<u16> = 200..=599;

const THEN: [(&str, UnhealthyAction); 3] = [
    ("restart", UnhealthyAction::Restart),
    ("stop-container", UnhealthyAction::StopContainer),
    ("report", UnhealthyAction::Report),
];

/// The keys and values of a `health` table.
pub struct HealthKeys {
    /// Its keys.
    pub doc: &'static TableDoc,
    /// What `then` accepts.
    pub then: &'static [(&'static str, UnhealthyAction)],
    /// The default of `then`.
    pub default: UnhealthyAction,
    /// A value of `then` that is valid in other tables, and why it is not here.
    pub not_here: Option<(&'static str, &'static str)>,
}

impl HealthKeys {
    /// Those of a service.
    pub const OF_SERVICE: Self =
        Self { doc: &service_keys::HEALTH, then: &THEN, default: UnhealthyAction::Restart, not_here: None };

    fn then(&self, field: &Field<'_>, report: &mut FileReport<'_>) -> Option<UnhealthyAction> {
        if let Some((word, fix)) = self.not_here
            && field.is_string()
            && field.string(report) == Some(word)
        {
            field.refuse(fix, report);
            return None;
        }
        field.choice(self.then, report)
    }
}

/// The keys of `ready` and `health` that select the kind of check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProbeKey {
    Fd,
    Notify,
    Delay,
    Probe(ProbeKind),
}

/// The kinds of probes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProbeKind {
    Tcp,
    Http,
    Path,
    Socket,
    Command,
}

const PROBE_KEYS: [(&str, ProbeKey); 8] = [
    ("fd", ProbeKey::Fd),
    ("notify", ProbeKey::Notify),
    ("tcp", ProbeKey::Probe(ProbeKind::Tcp)),
    ("http", ProbeKey::Probe(ProbeKind::Http)),
    ("path", ProbeKey::Probe(ProbeKind::Path)),
    ("socket", ProbeKey::Probe(ProbeKind::Socket)),
    ("command", ProbeKey::Probe(ProbeKind::Command)),
    ("delay", ProbeKey::Delay),
];

/// Returns what makes a service ready.
pub fn ready(table: &Table<'_>, doc: &'static TableDoc, kind: Kind, report: &mut FileReport<'_>) -> Ready {
    let ready = table.get("ready").and_then(|field| ready_table(&field, doc, report));
    ready.filter(|_| kind == Kind::Longrun).unwrap_or(Ready::Executed)
}

fn ready_table(field: &Field<'_>, doc: &'static TableDoc, report: &mut FileReport<'_>) -> Option<Ready> {
    let table = ProbeTable::open(field, doc, report)?;
    let timeout = table.time("timeout", report);
    let interval = table.time("interval", report);
    let watchdog = table.time("watchdog", report);
    let (key, how, value) = table.only_probe_key(report)?;
    match how {
        ProbeKey::Fd => table.report_unused(&["interval", "status", "watchdog"], key, report),
        ProbeKey::Notify => table.report_unused(&["interval", "status"], key, report),
        ProbeKey::Delay => table.report_unused(&["timeout", "interval", "status", "watchdog"], key, report),
        ProbeKey::Probe(_) => table.report_unused(&["watchdog"], key, report),
    }
    match how {
        ProbeKey::Fd => {
            let fd = i32::try_from(value.integer(READY_FDS, report)?).ok()?;
            Some(Ready::Fd { fd, timeout })
        }
        ProbeKey::Notify => {
            if !value.boolean(report)? {
                value.refuse("write true, or remove it", report);
                return None;
            }
            Some(Ready::Notify { timeout, watchdog })
        }
        ProbeKey::Delay => value.duration_from(MIN_TIME, report).map(Ready::Delay),
        ProbeKey::Probe(probe_kind) => {
            let probe = table.probe(probe_kind, &value, report)?;
            Some(Ready::Probe { probe: Box::new(probe), interval: interval.unwrap_or(READY_INTERVAL), timeout })
        }
    }
}

/// Returns the health check of a service.
pub fn health(table: &Table<'_>, keys: &HealthKeys, kind: Kind, report: &mut FileReport<'_>) -> Option<Health> {
    let table = ProbeTable::open(&table.get("health")?, keys.doc, report)?;
    let interval = table.time("interval", report).unwrap_or(HEALTH_INTERVAL);
    let timeout = table.time("timeout", report).unwrap_or(PROBE_TIMEOUT);
    let failures = table.count("failures", report).unwrap_or(HEALTH_FAILURES);
    let successes = table.count("successes", report).unwrap_or(HEALTH_SUCCESSES);
    let then = table.table.get("then").and_then(|field| keys.then(&field, report)).unwrap_or(keys.default);
    let (_, ProbeKey::Probe(probe_kind), value) = table.only_probe_key(report)? else { return None };
    let probe = table.probe(probe_kind, &value, report)?;
    (kind == Kind::Longrun).then_some(Health { probe, interval, timeout, failures, successes, then })
}

/// `ready` or `health`.
struct ProbeTable<'t> {
    /// In backticks.
    name: String,
    table: Table<'t>,
    doc: &'static TableDoc,
}

impl<'t> ProbeTable<'t> {
    fn open(field: &Field<'t>, doc: &'static TableDoc, report: &mut FileReport<'_>) -> Option<Self> {
        let table = field.table(doc, report)?;
        Some(Self { name: field.name().to_owned(), table, doc })
    }

    fn time(&self, key: &str, report: &mut FileReport<'_>) -> Option<Duration> {
        self.table.get(key).and_then(|field| field.duration_from(MIN_TIME, report))
    }

    fn count(&self, key: &str, report: &mut FileReport<'_>) -> Option<u32> {
        self.table.get(key).and_then(|field| field.count(report))
    }

    /// Returns the only key that selects the kind of check; none or several are problems. `socket` beside `http` is its
    /// transport.
    fn only_probe_key(&self, report: &mut FileReport<'_>) -> Option<(&'static str, ProbeKey, Field<'t>)> {
        let known = PROBE_KEYS.iter().filter(|(key, _)| self.doc.key(key).is_some());
        let http = self.table.get("http").is_some();
        let is_transport = |how: ProbeKey| http && how == ProbeKey::Probe(ProbeKind::Socket);
        let mut found = known
            .clone()
            .filter_map(|(key, how)| Some((*key, *how, self.table.get(key).filter(|_| !is_transport(*how))?)));
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            (Some((one, ..)), Some((other, _, field))) => {
                report.line(field.line(), format!("{} has both `{one}` and `{other}`", self.name), "keep one of them");
                None
            }
            (None, _) => {
                let keys = suggest::list(known.map(|(key, _)| *key));
                report.line(
                    self.table.line(),
                    format!("{} does not say how", self.name),
                    format!("write one of {keys}"),
                );
                None
            }
        }
    }

    /// Reports those of `keys` that have no effect with `with`.
    fn report_unused(&self, keys: &[&str], with: &str, report: &mut FileReport<'_>) {
        for field in keys.iter().filter_map(|key| self.table.get(key)) {
            report.line(field.line(), format!("{} means nothing with `{with}`", field.name()), "remove it");
        }
    }

    fn probe(&self, kind: ProbeKind, value: &Field<'_>, report: &mut FileReport<'_>) -> Option<Probe> {
        if kind != ProbeKind::Http
            && let Some(field) = self.table.get("status")
        {
            report.line(field.line(), format!("{} means nothing without `http`", field.name()), "remove it");
        }
        match kind {
            ProbeKind::Tcp => tcp(value, report).map(Probe::Tcp),
            ProbeKind::Http => {
                let socket = self.table.get("socket").map(|field| paths::absolute(&field, report));
                let status = self.table.get("status").map(|field| status(&field, report));
                let http = http(value, report)?;
                Some(Probe::Http(Http {
                    socket: socket.flatten(),
                    status: status.flatten().unwrap_or(HTTP_SUCCESS),
                    ..http
                }))
            }
            ProbeKind::Path => paths::absolute(value, report).map(Probe::Path),
            ProbeKind::Socket => paths::absolute(value, report).map(Probe::Socket),
            ProbeKind::Command => value.argv(report).map(Probe::Command),
        }
    }
}

/// A port may be a number.
fn tcp(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<HostPort> {
    let text = match field.is_integer() {
        true => field.integer(1..=i64::from(u16::MAX), report)?.to_string(),
        false => field.string(report)?.to_owned(),
    };
    accept(unless_a_variable(url::host_port(&text), &text), field, report)
}

fn http(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<Http> {
    let text = field.string(report)?;
    if text.starts_with("https://") {
        let curl = format!("`command = [\"curl\", \"-fsS\", {}]`", quoted(text));
        field.refuse(format!("there is no TLS here; write {curl} instead, with a curl in the image"), report);
        return None;
    }
    accept(unless_a_variable(url::http(text), text), field, report)
}

/// The fix for what cannot be read because of a variable in it.
fn unless_a_variable<T>(read: Result<T, &'static str>, text: &str) -> Result<T, &'static str> {
    read.map_err(|fix| if text.contains('$') { NO_VARIABLE } else { fix })
}

fn accept<T>(read: Result<T, &'static str>, field: &Field<'_>, report: &mut FileReport<'_>) -> Option<T> {
    read.map_err(|fix| field.refuse(fix, report)).ok()
}

/// `200`, `"200"` or `"200-399"`.
fn status(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<RangeInclusive<u16>> {
    let fix = "write a status from 200 to 599, or a range of them such as \"200-399\"";
    let text = match field.is_integer() {
        true => field.written(),
        false => field.string(report)?.to_owned(),
    };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let number = |text: &str| text.parse::<u16>().ok().filter(|status| text.len() == 3 && STATUSES.contains(status));
    let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
    if range.is_none() {
        field.refuse(fix, report);
    }
    range.map(|(first, last)| first..=last)
}

/// Returns the probes that must succeed before a service starts.
pub fn wait_for(table: &Table<'_>, report: &mut FileReport<'_>) -> Vec<Probe> {
    let all = table.get("wait_for").and_then(|field| field.strings(report)).unwrap_or_default();
    all.iter().filter_map(|(field, text)| accept(unless_a_variable(wait_target(text), text), field, report)).collect()
}

fn wait_target(text: &str) -> Result<Probe, &'static str> {
    let path = |text: &str| paths::normal(text).map(PathBuf::from);
    if let Some(rest) = text.strip_prefix("tcp://") {
        url::host_port(rest).map(Probe::Tcp)
    } else if text.starts_with("http://") {
        url::http(text).map(Probe::Http)
    } else if text.starts_with("https://") {
        Err("there is no TLS here; write \"tcp://HOST:443\", or wait in the service's own command")
    } else if let Some(rest) = text.strip_prefix("path:") {
        path(rest).map(Probe::Path)
    } else if let Some(rest) = text.strip_prefix("socket:") {
        path(rest).map(Probe::Socket)
    } else {
        Err("write tcp://HOST:PORT, http://HOST/PATH, path:/FILE or socket:/FILE")
    }
}
