//! Values of other systems' keys that mean something of their own there, such as a 0 that means no limit. Must not know where
//! they were found.

use toml::de::DeValue;

use super::foreign_tables::{COMPOSE, ForeignKey, S6, SYSTEMD};
use super::units;
use super::values::Signal;

const NO_STOP_LIMIT: &str = "remove it: it means no limit there, and here without the key only the whole stop's holds";
const NO_LIMIT: &str = "remove it: it means no limit there, which is so here without the key";
const OWN_LOG: &str = "remove it: what it writes goes to the log";

/// Returns what to write instead of this value of a foreign key, if our key with the same value does not say it.
pub(super) fn fix(key: &ForeignKey, value: &DeValue<'_>) -> Option<String> {
    let text = match value {
        DeValue::String(text) => text.trim().to_owned(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Array(all) if all.len() == 1 => all.iter().find_map(|word| word.get_ref().as_str())?.to_owned(),
        DeValue::Table(all) => {
            let is_off = all.get("disable").is_some_and(|off| off.get_ref().as_bool() == Some(true));
            let what = "remove it: without `health`, nothing is checked";
            return (key.word == "healthcheck" && is_off).then(|| what.to_owned());
        }
        DeValue::Array(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => return None,
    };
    let is_zero = is_zero(&text);
    let fix = match (key.system, key.word, text.as_str()) {
        (S6, "timeoutkill", _) if is_zero => "remove it: 0 means never to s6, and here it would kill at once",
        (S6, "timeoutup" | "timeoutdown", _) if is_zero => NO_LIMIT,
        (SYSTEMD, "timeoutstopsec" | "timeoutsec" | "timeoutabortsec", text) if is_zero || text == "infinity" => {
            NO_STOP_LIMIT
        }
        (SYSTEMD, "timeoutstartsec" | "jobtimeoutsec", text) if is_zero || text == "infinity" => NO_LIMIT,
        (SYSTEMD, "watchdogsec", text) if is_zero || text == "infinity" => "remove it: it means no watchdog",
        (SYSTEMD, "restartsec", _) if is_zero => "write `restart = { delay = \"100ms\" }`, the shortest",
        (_, "startsecs", _) if is_zero => "remove it: without `ready`, it counts as ready once its program runs",
        (SYSTEMD, "standardoutput" | "standarderror", "journal" | "inherit" | "syslog" | "kmsg" | "tty") => OWN_LOG,
        (SYSTEMD, "standardoutput" | "standarderror", "journal+console" | "syslog+console" | "kmsg+console") => OWN_LOG,
        (SYSTEMD, _, text) if matches!(key.native, "after" | "requires") && are_units(text) => {
            "remove it: there are no such units here"
        }
        (SYSTEMD, "execreload", text) => return sent_signal(text),
        (COMPOSE, "capadd", "ALL" | "all") => {
            "name those that it needs, for example `capabilities = [\"NET_BIND_SERVICE\"]`: no word means all of them"
        }
        _ => return None,
    };
    Some(fix.to_owned())
}

/// Returns whether a duration of systemd, s6 or supervisord is 0.
fn is_zero(text: &str) -> bool {
    matches!(text.parse(), Ok(0_u32)) || units::other_duration(text).is_some_and(|span| span.is_zero())
}

/// Returns whether all of these are units of systemd other than services.
fn are_units(text: &str) -> bool {
    const KINDS: [&str; 8] = ["target", "socket", "mount", "path", "timer", "device", "slice", "swap"];
    let mut words = text.split_whitespace().peekable();
    words.peek().is_some() && words.all(|word| word.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind)))
}

/// The fix for `/bin/kill -HUP $MAINPID`.
fn sent_signal(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (program, rest) = words.split_first()?;
    let rest = rest.strip_suffix(&["$MAINPID"]).or_else(|| rest.strip_suffix(&["${MAINPID}"]))?;
    let name = match rest {
        ["-s" | "--signal", name] => name,
        [flag] => flag.strip_prefix("--signal=").or_else(|| flag.strip_prefix('-'))?,
        _ => return None,
    };
    let is_kill = program.rsplit('/').next() == Some("kill");
    let signal = Signal::parse(&name.to_ascii_uppercase()).filter(|_| is_kill)?;
    Some(format!("write `reload = {{ signal = \"{}\" }}`", short_name(signal)))
}

/// Returns the name of a signal as our files have it.
pub(super) fn short_name(signal: Signal) -> String {
    let name = signal.to_string();
    match name.strip_prefix("SIG") {
        Some(name) => name.to_owned(),
        None => signal.number().to_string(),
    }
}
