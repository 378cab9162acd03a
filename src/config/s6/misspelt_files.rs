//! Misspelt names of files in an s6-style directory, and files where they have no effect. Names in, notices out.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use super::table;
use crate::config::quote::{quoted, quoted_os};
use crate::config::service::{Command, Service};
use crate::config::values::ServiceName;
use crate::config::{Content, suggest};

/// Files that a service.toml may use itself, and the keys that say the same.
const PARTS: [(&str, &str); 6] = [
    ("down", "`enabled = false`"),
    ("finish", "`finish`"),
    ("log", "`log`"),
    ("run", "`command`"),
    ("type", "`type`"),
    ("up", "`command`"),
];

/// Returns the notice about files of an s6-style directory next to the `service.toml` of a service, where they have no
/// effect. Programs and others that this one names are not among them.
pub fn beside_toml(service: &Service, entries: &BTreeMap<OsString, Content>) -> Option<String> {
    let settings = || table::proposed().filter(|known| known.contains(['-', '.']));
    let part = |text: &str| PARTS.iter().find(|(name, _)| *name == text).map(|(_, key)| *key);
    let is_setting = |text: &str| suggest::nearest(text, settings()).is_some();
    // A directory may hold its own log files.
    let is_part = |text: &str, content: &Content| match content {
        Content::Dir(inner) => text == "log" && inner.contains_key(OsStr::new("run")),
        _ => text != "log" && part(text).is_some(),
    };
    let names = entries.iter().filter_map(|(entry, content)| Some((entry.to_str()?, content)));
    let is_ignored =
        |(text, content): &(&str, &Content)| is_setting(text) || (is_part(text, content) && !uses(service, text));
    let ignored: Vec<_> = names.filter(is_ignored).map(|(text, _)| text).collect();
    let verb = match ignored.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let keys = match ignored.iter().map(|text| part(text)).collect::<Option<BTreeSet<_>>>() {
        Some(keys) => keys.into_iter().collect::<Vec<_>>().join(", "),
        None => "the keys for it".to_owned(),
    };
    let files: Vec<_> = ignored.into_iter().map(quoted).collect();
    Some(format!("{}: {} {verb} ignored next to `service.toml`: write {keys} there", service.name, files.join(", ")))
}

/// Whether a command of the service may mean the file of this name in its directory.
fn uses(service: &Service, file: &str) -> bool {
    let is_named = |word: &OsString| word.to_str().is_some_and(|word| word.rsplit('/').next() == Some(file));
    let names = |command: &Command| match command {
        Command::Argv(argv) => argv.iter().any(is_named),
        Command::Script(script) => script.contains(file),
        Command::File(_) | Command::Nothing => false,
    };
    names(&service.command) || service.auxiliary_commands().iter().any(|(_, command)| names(command))
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
