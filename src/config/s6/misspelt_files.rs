//! Misspelt names of files in an s6-style directory, and files where they have no effect. Names in, notices out.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::config::quote::quoted_os;
use crate::config::values::ServiceName;
use crate::config::{Content, suggest};

/// Supported files, to detect misspelt names; without the shortest ones (`run`, `up`, `log`, `env`), which too many names
/// are like.
const KNOWN: [&str; 17] = [
    "consumer-for",
    "dependencies",
    "dependencies.d",
    "down",
    "down-signal",
    "finish",
    "flag-essential",
    "flag-timeout-killpg",
    "max-death-tally",
    "notification-fd",
    "pipeline-name",
    "producer-for",
    "timeout-finish",
    "timeout-kill",
    "timeout-up",
    "timeout-down",
    "type",
];

/// Returns the files of an s6-style directory next to a `service.toml`, where they have no effect. Programs are not among
/// them: `service.toml` may name them.
pub fn beside_toml(entries: &BTreeMap<OsString, Content>) -> Vec<&OsString> {
    let settings = || KNOWN.into_iter().filter(|known| known.contains(['-', '.']));
    let is_setting =
        |entry: &&OsString| entry.to_str().is_some_and(|text| suggest::nearest(text, settings()).is_some());
    entries.keys().filter(is_setting).collect()
}

/// s6 ignores unknown files; a misspelt name is reported, because it has no effect. `later` are names that are reported
/// already.
pub fn notices<'n>(
    name: &ServiceName,
    entries: impl Iterator<Item = &'n OsString>,
    later: impl Iterator<Item = &'static str> + Clone,
) -> Vec<String> {
    let mut notices = Vec::new();
    for entry in entries {
        let Some(text) = entry.to_str().filter(|text| text.len() > 2) else { continue };
        if KNOWN.contains(&text) || later.clone().any(|later| later == text) {
            continue;
        }
        if let Some(meant) = suggest::nearest(text, KNOWN) {
            notices.push(format!("{name}: {} is ignored; did you mean {meant}?", quoted_os(entry)));
        }
    }
    notices
}
