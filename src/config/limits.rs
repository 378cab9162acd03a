//! `limits = { … }` → resource limits. Must not know what the machine allows.

use super::file_report::FileReport;
use super::quote::ticked;
use super::service::{Limit, Resource};
use super::toml_field::Field;
use super::toml_table::Table;
use super::{service_keys, units};

/// Each resource, its name, and whether it counts bytes.
const RESOURCES: [(&str, Resource, Counts); 14] = [
    ("as", Resource::As, Counts::Bytes),
    ("core", Resource::Core, Counts::Bytes),
    ("cpu", Resource::Cpu, Counts::Units),
    ("data", Resource::Data, Counts::Bytes),
    ("fsize", Resource::Fsize, Counts::Bytes),
    ("memlock", Resource::Memlock, Counts::Bytes),
    ("msgqueue", Resource::Msgqueue, Counts::Bytes),
    ("nice", Resource::Nice, Counts::Units),
    ("nofile", Resource::Nofile, Counts::Units),
    ("nproc", Resource::Nproc, Counts::Units),
    ("rtprio", Resource::Rtprio, Counts::Units),
    ("rttime", Resource::Rttime, Counts::Units),
    ("sigpending", Resource::Sigpending, Counts::Units),
    ("stack", Resource::Stack, Counts::Bytes),
];

/// What a limit counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// Sizes may be written.
    Bytes,
    /// A plain number.
    Units,
}

/// Its name in `limits`. Not next to the type, which the engine uses without the parser.
impl std::fmt::Display for Resource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(RESOURCES.iter().find(|(_, other, _)| other == self).map_or("limit", |(name, ..)| name))
    }
}

/// Returns the limits of the table, by resource.
pub fn read(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<Limit> {
    let Some(table) = field.table(&service_keys::LIMITS, report) else { return Vec::new() };
    let each = RESOURCES.iter().filter_map(|(name, resource, counts)| Some((table.get(name)?, *resource, *counts)));
    each.filter_map(|(field, resource, counts)| limit(&field, resource, counts, report)).collect()
}

fn limit(field: &Field<'_>, resource: Resource, counts: Counts, report: &mut FileReport<'_>) -> Option<Limit> {
    if !field.is_table() {
        let both = value(field, resource, counts, report)?;
        return Some(Limit { resource, soft: both, hard: both });
    }
    let table = field.table(&service_keys::LIMIT, report)?;
    let side = |name: &str, report: &mut FileReport<'_>| side(&table, field, name, resource, counts, report);
    let (soft, hard) = (side("soft", report), side("hard", report));
    let (soft, hard) = (soft?, hard?);
    if soft.unwrap_or(u64::MAX) > hard.unwrap_or(u64::MAX) {
        report.line(table.line(), format!("{}: `soft` is above `hard`", field.name()), "raise `hard` or lower `soft`");
    }
    Some(Limit { resource, soft, hard })
}

fn side(
    table: &Table<'_>,
    whole: &Field<'_>,
    name: &str,
    resource: Resource,
    counts: Counts,
    report: &mut FileReport<'_>,
) -> Option<Option<u64>> {
    match table.get(name) {
        Some(field) => value(&field, resource, counts, report),
        None => {
            let what = format!("{} lacks {}", whole.name(), ticked(name));
            report.line(table.line(), what, "write both `soft` and `hard`, or one number for both");
            None
        }
    }
}

/// Returns a number, or `None` within for infinity.
fn value(field: &Field<'_>, resource: Resource, counts: Counts, report: &mut FileReport<'_>) -> Option<Option<u64>> {
    if field.is_integer() {
        return field.integer(0..=i64::MAX, report).and_then(|number| u64::try_from(number).ok()).map(Some);
    }
    let expects = match counts {
        Counts::Bytes => "a number of bytes, a size or \"infinity\"",
        Counts::Units => "a number or \"infinity\"",
    };
    if !field.is_string() {
        field.mistyped(expects, report);
        return None;
    }
    let text = field.string(report)?;
    if text == "infinity" && resource == Resource::Nofile {
        field.refuse("the kernel has no such limit; write a number such as 1048576", report);
        return None;
    }
    if text == "infinity" {
        return Some(None);
    }
    match (counts, units::size(text)) {
        (Counts::Bytes, Some(bytes)) => Some(Some(bytes)),
        (Counts::Bytes, None) => {
            field.refuse("write a size such as \"64M\" (K, M, G, T), a number of bytes or \"infinity\"", report);
            None
        }
        (Counts::Units, _) => {
            field.refuse("write a number without quotes, or \"infinity\"", report);
            None
        }
    }
}
