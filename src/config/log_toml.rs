//! `log = { … }` of a service's file. Must not know what the container says, nor how a line is written.

use std::time::Duration;

use super::container::LogFormat;
use super::file_report::FileReport;
use super::service::{LOG_KEEP, LOG_MAX_SIZE, Log, LogDirectory};
use super::toml_field::Field;
use super::toml_table::Table;
use super::{paths, service_keys, units};

/// The formats for a service; `auto` depends on the number of services, so it is only for the container.
const FORMATS: [(&str, LogFormat); 3] =
    [("inherit", LogFormat::Inherit), ("tagged", LogFormat::Tagged), ("json", LogFormat::Json)];

/// Keys that need `directory`.
const FILE_KEYS: [&str; 4] = ["max_size", "keep", "max_age", "compress"];

/// A smaller file would be rotated every few lines.
const MIN_SIZE: u64 = 4096;
/// A directory with more files is not useful, and it is listed at each rotation.
const MAX_KEPT: i64 = 10_000;
/// Below this, a file would be removed before it can be read.
const MIN_AGE: Duration = Duration::from_secs(60);

/// Returns the log settings of a service.
pub fn read(table: &Table<'_>, report: &mut FileReport<'_>) -> Log {
    let Some(table) = table.get("log").and_then(|field| field.table(&service_keys::LOG, report)) else {
        return Log::default();
    };
    let format = table.get("format").and_then(|field| field.choice(&FORMATS, report));
    let max_size = table.get("max_size").and_then(|field| size(&field, report));
    let keep = table.get("keep").and_then(|field| field.integer(0..=MAX_KEPT, report));
    let max_age = table.get("max_age").and_then(|field| field.duration_from(MIN_AGE, report));
    let compress = table.get("compress").and_then(|field| field.boolean(report));
    let Some(path) = table.get("directory") else {
        for field in FILE_KEYS.iter().filter_map(|key| table.get(key)) {
            let what = format!("{} concerns files, and `log` names no directory", field.name());
            report.line(field.line(), what, "write `directory = \"/var/log/web\"` next to it, or remove it");
        }
        return Log { format, directory: None };
    };
    let directory = paths::declared(&path, report).map(|path| {
        Box::new(LogDirectory {
            path,
            max_size: max_size.unwrap_or(LOG_MAX_SIZE),
            keep: keep.and_then(|keep| u32::try_from(keep).ok()).unwrap_or(LOG_KEEP),
            max_age,
            compress: compress.unwrap_or(false),
        })
    });
    Log { format, directory }
}

fn size(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<u64> {
    let size = match field.is_integer() {
        true => field.integer(0..=i64::MAX, report).and_then(|size| u64::try_from(size).ok())?,
        false => match units::size(field.string(report)?) {
            Some(size) => size,
            None => {
                field.refuse("write a size such as \"10M\" (K, M, G, T), or a number of bytes", report);
                return None;
            }
        },
    };
    if size < MIN_SIZE {
        field.refuse("write at least \"4K\"", report);
        return None;
    }
    Some(size)
}
