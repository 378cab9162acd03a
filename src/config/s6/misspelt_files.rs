//! Misspelt names of files in an s6-style directory, and files where they have no effect. Names in, notices out.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::table;
use crate::config::quote::quoted_os;
use crate::config::values::ServiceName;
use crate::config::{Content, suggest};

/// Returns the files of an s6-style directory next to a `service.toml`, where they have no effect. Programs are not among
/// them: `service.toml` may name them.
pub fn beside_toml(entries: &BTreeMap<OsString, Content>) -> Vec<&OsString> {
    let settings = || table::proposed().filter(|known| known.contains(['-', '.']));
    let is_setting =
        |entry: &&OsString| entry.to_str().is_some_and(|text| suggest::nearest(text, settings()).is_some());
    entries.keys().filter(is_setting).collect()
}

/// s6 ignores unknown files; a misspelt name is reported, because it has no effect. What becomes of the others is in the table.
pub fn notices<'n>(name: &ServiceName, entries: impl Iterator<Item = &'n OsString>) -> Vec<String> {
    let unknown = entries.filter_map(|entry| Some((entry, entry.to_str()?))).filter(|(_, text)| !table::is_file(text));
    let meant = unknown.filter(|(_, text)| text.len() > 2).filter_map(|(entry, text)| {
        let meant = suggest::nearest(text, table::proposed())?;
        Some(format!("{name}: {} is ignored; did you mean {meant}?", quoted_os(entry)))
    });
    meant.collect()
}
