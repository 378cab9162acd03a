//! The generated parts about images made for s6-overlay: what becomes of their files and variables, from the table that the loader
//! itself uses, and how the helper commands differ from their originals.

use std::fmt::Write;

use stepdown::config::s6::table::{self, ItemScope, Treatment};
use stepdown::s6_commands;

use super::parts::escape_cell;

/// The tables: their scopes, and their headings.
const SCOPES: [(ItemScope, &str, &str); 8] = [
    (ItemScope::Longrun, "Files of a longrun in `/etc/s6-overlay/s6-rc.d`", "file"),
    (ItemScope::Oneshot, "Files of a oneshot in `/etc/s6-overlay/s6-rc.d`", "file"),
    (ItemScope::Bundle, "Files of a bundle in `/etc/s6-overlay/s6-rc.d` and `user-bundles.d`", "file"),
    (ItemScope::Legacy, "Files of a service in `/etc/services.d` of such an image", "file"),
    (ItemScope::TreeLongrun, "Files of a longrun in s6's format in any other image", "file"),
    (ItemScope::TreeOneshot, "Files of a oneshot in s6's format in a services tree", "file"),
    (ItemScope::Variable, "Variables", "variable"),
    (ItemScope::VersionTwo, "Images made for s6-overlay 2", "path or variable"),
];

fn treatment(treatment: Treatment) -> (&'static str, &'static str) {
    match treatment {
        Treatment::Honoured => ("honoured", ""),
        Treatment::Differs { difference } => ("differs", difference),
        Treatment::Ignored { reason } => ("ignored", reason),
        Treatment::Refused { write } => ("refused", write),
    }
}

pub fn s6_overlay() -> String {
    let mut out = String::new();
    for (scope, heading, what) in SCOPES {
        write!(out, "\n## {heading}\n\n| {what} | effect | why, or what to write |\n|---|---|---|\n").unwrap();
        for row in table::rows(scope) {
            let (effect, why) = treatment(row.treatment);
            writeln!(out, "| `{}` | {effect} | {} |", row.item, escape_cell(why)).unwrap();
        }
    }
    out
}

pub fn differences() -> String {
    let mut out = String::from("| command | case | original | here | why |\n|---|---|---|---|---|\n");
    for it in s6_commands::differences::DIFFERENCES {
        let cells = [it.case, it.original, it.ours, it.reason].map(escape_cell).join(" | ");
        writeln!(out, "| `{}` | {cells} |", it.command).unwrap();
    }
    out
}

pub fn not_provided() -> String {
    let mut out = String::from("| program | of | instead |\n|---|---|---|\n");
    for it in s6_commands::not_provided::NOT_PROVIDED {
        writeln!(out, "| `{}` | {} | {} |", it.name, it.origin.name(), escape_cell(it.instead)).unwrap();
    }
    out
}

#[test]
fn every_row_of_the_table_of_s6_overlay_has_its_scope_here() {
    let rows: usize = SCOPES.iter().map(|(scope, ..)| table::rows(*scope).count()).sum();
    assert_eq!(rows, table::TABLE.len());
}
