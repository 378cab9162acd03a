//! The rows of the table that concern an image: what has no effect is said once, however many services have it; what has is
//! listed for `check`. Must not know formats.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use super::table::{self, ItemScope, Row, Treatment};
use crate::config::draft::Draft;
use crate::config::quote::shown_value;
use crate::config::s6_overlay::OverlayVersion;
use crate::config::suggest;
use crate::text::shown;

/// The prefix of all variables of s6-overlay.
const PREFIX: &str = "S6_";
/// Those that only say which version an image was built with.
const OF_BUILD: &str = "S6_OVERLAY_";

/// Returns one notice for each file without effect, with the services that have it.
pub fn notices(drafts: &[Draft], bundles: &[(String, &'static Row)]) -> Vec<String> {
    let of_drafts = drafts.iter().flat_map(|draft| draft.rows.iter().map(|row| (draft.service.name.as_str(), *row)));
    let mut all: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (name, row) in of_drafts.chain(bundles.iter().map(|(name, row)| (name.as_str(), *row))) {
        if let Treatment::Ignored { reason } = row.treatment {
            all.entry((row.item, reason)).or_default().push(name);
        }
    }
    let line = |((file, reason), names): (&(&str, &str), &Vec<&str>)| {
        format!("`{file}` is ignored: {reason} ({})", suggest::list(names.iter().copied()))
    };
    all.iter().map(line).collect()
}

/// Returns one notice for each variable without effect that is set to another value than s6-overlay's default, and for each
/// one that s6-overlay does not know.
pub fn variables(env: &BTreeMap<OsString, OsString>) -> Vec<String> {
    let mut notices = Vec::new();
    for (name, value) in env {
        let Some(text) = name.to_str().filter(|text| text.starts_with(PREFIX)) else { continue };
        let known = table::rows(ItemScope::Variable).find(|row| row.item == text);
        match known.map(|row| row.treatment) {
            Some(Treatment::Ignored { reason }) if !is_unset(value) => {
                notices.push(format!("{text}={} is ignored: {reason}", shown_value(value)));
            }
            Some(Treatment::Ignored { .. } | Treatment::Honoured | Treatment::Differs { .. }) => {}
            Some(Treatment::Refused { .. }) => {}
            None if text.starts_with(OF_BUILD) => {}
            None => {
                let meant = suggest::nearest(text, table::rows(ItemScope::Variable).map(|row| row.item));
                let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
                notices.push(format!("{} is no variable of s6-overlay: ignored{hint}", shown(name)));
            }
        }
    }
    notices
}

/// Returns what an image has of the table that is honoured.
pub fn honoured(drafts: &[Draft], env: &BTreeMap<OsString, OsString>, version: OverlayVersion) -> Vec<&'static str> {
    let is_set = |row: &&Row| env.contains_key(OsStr::new(row.item));
    let set = table::rows(ItemScope::Variable).filter(is_set);
    let of_version = table::rows(ItemScope::VersionTwo).filter(|row| row.item.starts_with('/') || is_set(row));
    let of_version = of_version.filter(|_| version == OverlayVersion::Two);
    let rows = drafts.iter().flat_map(|draft| draft.rows.iter().copied()).chain(set).chain(of_version);
    let items: BTreeSet<_> = rows.filter(|row| row.is_honoured()).map(|row| row.item).collect();
    items.into_iter().collect()
}

fn is_unset(value: &OsStr) -> bool {
    value.is_empty() || value == "0"
}
