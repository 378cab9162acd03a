//! `[[own]]` and `[[directory]]` of the container file. Must not know whether the paths exist.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::container::{App, Directory, HardLinks, Own, OwnOptions, OwnWhen, UnknownOwner, UserRef};
use super::file_report::FileReport;
use super::quote::quoted;
use super::toml_field::Field;
use super::toml_table::Table;
use super::values::GroupRef;
use super::{container_keys, paths, users};
use crate::error::Place;

/// The default mode of a directory.
const DIRECTORY_MODE: u32 = 0o755;
/// Setuid, setgid and sticky bits are never set on files.
const FILE_MODES: u32 = 0o777;
/// Directories may have the sticky and setgid bits.
const DIRECTORY_MODES: u32 = 0o3777;

const WHEN: [(&str, OwnWhen); 4] = [
    ("always", OwnWhen::Always),
    ("mismatch", OwnWhen::Mismatch),
    ("root-mismatch", OwnWhen::RootMismatch),
    ("never", OwnWhen::Never),
];

const HARD_LINKS: [(&str, HardLinks); 3] =
    [("same-owner", HardLinks::SameOwner), ("refuse", HardLinks::Refuse), ("allow", HardLinks::Allow)];

/// Returns the paths whose owner is established.
pub fn own(field: &Field<'_>, app: &App, report: &mut FileReport<'_>) -> Vec<Own> {
    let mut seen = Seen::default();
    let tables = tables(field, "own", &container_keys::OWN, report);
    tables.iter().filter_map(|table| own_one(table, app, &mut seen, report)).collect()
}

fn own_one(table: &Table<'_>, app: &App, seen: &mut Seen, report: &mut FileReport<'_>) -> Option<Own> {
    let path = path(table, "own", seen, report);
    let rest = Own {
        path: PathBuf::new(),
        user: user(table, app, report),
        group: group(table, app, report),
        options: options(table, report),
        at: Place::line(report.path(), table.line()),
    };
    Some(Own { path: path?, ..rest })
}

fn options(table: &Table<'_>, report: &mut FileReport<'_>) -> OwnOptions {
    let default = OwnOptions::default();
    let flag = |key: &str, default: bool, report: &mut FileReport<'_>| {
        table.get(key).and_then(|field| field.boolean(report)).unwrap_or(default)
    };
    OwnOptions {
        recursive: flag("recursive", default.recursive, report),
        create: flag("create", default.create, report),
        mode: table.get("mode").and_then(|field| field.octal(FILE_MODES, report)),
        dir_mode: table.get("dir_mode").and_then(|field| field.octal(DIRECTORY_MODES, report)),
        when: table.get("when").and_then(|field| field.choice(&WHEN, report)).unwrap_or(default.when),
        optional: flag("optional", default.optional, report),
        required: flag("required", default.required, report),
        cross_mounts: flag("cross_mounts", default.cross_mounts, report),
        exclude: table.get("exclude").map_or(default.exclude, |field| exclude(&field, report)),
        hard_links: table
            .get("hard_links")
            .and_then(|field| field.choice(&HARD_LINKS, report))
            .unwrap_or(default.hard_links),
        take_over: flag("take_over", default.take_over, report),
        unknown_owner: UnknownOwner::Refuse,
    }
}

fn exclude(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<PathBuf> {
    let all = field.strings(report).unwrap_or_default();
    all.iter().filter_map(|(field, text)| paths::relative(field, text, report)).collect()
}

/// Returns the directories that are created.
pub fn directories(field: &Field<'_>, app: &App, report: &mut FileReport<'_>) -> Vec<Directory> {
    let mut seen = Seen::default();
    let tables = tables(field, "directory", &container_keys::DIRECTORY, report);
    tables.iter().filter_map(|table| directory(table, app, &mut seen, report)).collect()
}

fn directory(table: &Table<'_>, app: &App, seen: &mut Seen, report: &mut FileReport<'_>) -> Option<Directory> {
    let path = path(table, "directory", seen, report);
    let rest = Directory {
        path: PathBuf::new(),
        user: user(table, app, report),
        group: group(table, app, report),
        mode: table.get("mode").and_then(|field| field.octal(DIRECTORY_MODES, report)).unwrap_or(DIRECTORY_MODE),
        clean: table.get("clean").map_or_else(Vec::new, |field| clean(&field, report)),
        take_over: table.get("take_over").and_then(|field| field.boolean(report)).unwrap_or(false),
        at: Place::line(report.path(), table.line()),
    };
    Some(Directory { path: path?, ..rest })
}

fn clean(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<String> {
    let mut patterns = Vec::new();
    for (field, text) in field.strings(report).unwrap_or_default() {
        if text.is_empty() || text.contains('/') || matches!(text, "." | "..") {
            field.refuse("write a name directly below it, with `*` and `?`, such as \"*.pid\"", report);
        } else {
            patterns.push(text.to_owned());
        }
    }
    patterns
}

/// The lines of paths that were declared already.
#[derive(Default)]
struct Seen(BTreeMap<PathBuf, usize>);

fn tables<'t>(
    field: &Field<'t>,
    name: &str,
    doc: &'static super::keys::TableDoc,
    report: &mut FileReport<'_>,
) -> Vec<Table<'t>> {
    let elements = field.elements(report).unwrap_or_default();
    elements.iter().filter_map(|element| element.table_called(name, doc, report)).collect()
}

fn path(table: &Table<'_>, name: &str, seen: &mut Seen, report: &mut FileReport<'_>) -> Option<PathBuf> {
    let Some(field) = table.get("path") else {
        report.line(table.line(), format!("`[[{name}]]` has no `path`"), "write `path = \"/config\"` below it");
        return None;
    };
    let path = paths::declared(&field, report)?;
    if let Some(line) = seen.0.insert(path.clone(), field.line()) {
        let what = format!("{} is declared twice, here and on line {line}", quoted(&path.to_string_lossy()));
        report.line(field.line(), what, "keep one of them");
    }
    Some(path)
}

/// `None`: the app user, also if it is given by name.
fn user(table: &Table<'_>, app: &App, report: &mut FileReport<'_>) -> Option<UserRef> {
    let user = users::user_ref(&table.get("user")?, report)?;
    match &user {
        UserRef::Name(name) if name.as_str() == users::APP || *name == app.user => None,
        UserRef::Name(_) | UserRef::Id(_) => Some(user),
    }
}

/// `None`: the app user's group (or the named user's).
fn group(table: &Table<'_>, app: &App, report: &mut FileReport<'_>) -> Option<GroupRef> {
    let group = users::group_ref(&table.get("group")?, report)?;
    match group {
        GroupRef::Name(name) if name.as_str() == users::APP => Some(GroupRef::Name(app.group.clone())),
        GroupRef::Name(_) | GroupRef::Id(_) => Some(group),
    }
}
