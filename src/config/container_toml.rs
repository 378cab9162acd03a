//! `/etc/stepdown.toml` → [`Container`] before the environment (DESIGN §4, second listing). Must not know files, nor
//! the environment.

use std::path::{Path, PathBuf};

use super::container::{App, Container, DropPolicy, Level, LogFormat, OnMissingPrivilege, STOP_TIMEOUT};
use super::file_report::FileReport;
use super::quote::quoted;
use super::secrets::{self, SecretsTable};
use super::toml_field::Field;
use super::toml_reader::Document;
use super::toml_table::Table;
use super::values::{Gid, GroupName, Uid, UserName};
use super::{container_keys, line_endings, main_toml, own_toml, paths, signals_toml, users};
use crate::error::Place;

/// What `log.format` and `STEPDOWN_LOG_FORMAT` accept.
pub const FORMATS: [(&str, LogFormat); 4] = [
    ("auto", LogFormat::Auto),
    ("inherit", LogFormat::Inherit),
    ("tagged", LogFormat::Tagged),
    ("json", LogFormat::Json),
];

/// What `log.level` and `STEPDOWN_LOG` accept.
pub const LEVELS: [(&str, Level); 4] =
    [("error", Level::Error), ("warn", Level::Warn), ("info", Level::Info), ("debug", Level::Debug)];

/// What `without_root`, `without_drop` and `STEPDOWN_WITHOUT_DROP` accept.
pub const WITHOUT: [(&str, OnMissingPrivilege); 2] =
    [("run", OnMissingPrivilege::Run), ("refuse", OnMissingPrivilege::Refuse)];

/// The container file, complete, and the variables for ids.
#[derive(Clone, Debug)]
pub struct ContainerFile {
    /// With the file's values, else the defaults.
    pub container: Container,
    /// Names of the variables for the uid; the first one set wins.
    pub uid_from: Vec<String>,
    /// Names of the variables for the gid.
    pub gid_from: Vec<String>,
    /// Secrets, before the variables that name more of them.
    pub secrets: SecretsTable,
    /// What of it the file itself says, so that an image made for s6-overlay does not decide it.
    pub says: FileSays,
}

/// Settings for which an image made for s6-overlay has values, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSays {
    /// `app.user`.
    pub user: bool,
    /// `stop_timeout`.
    pub stop_timeout: bool,
}

/// Reads the container file; an empty text gives the defaults.
pub fn read(text: &str, report: &mut FileReport<'_>) -> ContainerFile {
    let unix = line_endings::unix(text);
    Document::parse(&unix, line_endings::windows(text)).walk(&container_keys::CONTAINER, report, whole)
}

fn whole(table: &Table<'_>, report: &mut FileReport<'_>) -> ContainerFile {
    let drops = [("auto", DropPolicy::Auto), ("app", DropPolicy::App), ("root", DropPolicy::Root)];
    let without = |key: &str, default: OnMissingPrivilege, report: &mut FileReport<'_>| {
        table.get(key).and_then(|field| field.choice(&WITHOUT, report)).unwrap_or(default)
    };
    let (log, level) = log(table, report);
    let app = table.get("app").and_then(|field| field.table(&container_keys::APP, report));
    let names = |key: &str, default: &str, report: &mut FileReport<'_>| match app.as_ref().and_then(|app| app.get(key))
    {
        Some(field) => variables(&field, report),
        None => vec![default.to_owned()],
    };
    let uid_from = names("uid_from", "PUID", report);
    let gid_from = names("gid_from", "PGID", report);
    let says = FileSays {
        user: app.as_ref().is_some_and(|app| app.get("user").is_some()),
        stop_timeout: table.get("stop_timeout").is_some(),
    };
    let app = self::app(app.as_ref(), report);
    let container = Container {
        drop: table.get("drop").and_then(|field| field.choice(&drops, report)).unwrap_or(DropPolicy::Auto),
        without_root: without("without_root", OnMissingPrivilege::Run, report),
        without_drop: without("without_drop", OnMissingPrivilege::Refuse, report),
        stop_timeout: table.get("stop_timeout").and_then(|field| field.duration(report)).unwrap_or(STOP_TIMEOUT),
        pid1_filter: table.get("pid1_filter").and_then(|field| field.boolean(report)).unwrap_or(true),
        log,
        level,
        s6: table.get("s6").and_then(|field| field.boolean(report)),
        own: table.get("own").map_or_else(Vec::new, |field| own_toml::own(&field, &app, report)),
        directories: table.get("directory").map_or_else(Vec::new, |field| own_toml::directories(&field, &app, report)),
        app,
        trust: table.get("trust").map_or_else(Vec::new, |field| trust(&field, report)),
        signals: table.get("signals").map_or_else(Vec::new, |field| signals_toml::read(&field, report)),
        secrets: Vec::new(),
        main: main_toml::read(table, report),
    };
    ContainerFile { container, uid_from, gid_from, secrets: secrets::read(table, report), says }
}

fn trust(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<PathBuf> {
    let paths = field.elements(report).unwrap_or_default();
    let place = |field: &Field<'_>, report: &mut FileReport<'_>| {
        let path = paths::absolute(field, report)?;
        if path == Path::new("/") {
            field.refuse("name the place that users other than root can write", report);
            return None;
        }
        Some(path)
    };
    paths.iter().filter_map(|path| place(path, report)).collect()
}

fn log(table: &Table<'_>, report: &mut FileReport<'_>) -> (LogFormat, Level) {
    let Some(table) = table.get("log").and_then(|field| field.table(&container_keys::LOG, report)) else {
        return (LogFormat::Auto, Level::Info);
    };
    let format = table.get("format").and_then(|field| field.choice(&FORMATS, report));
    let level = table.get("level").and_then(|field| field.choice(&LEVELS, report));
    (format.unwrap_or(LogFormat::Auto), level.unwrap_or(Level::Info))
}

/// Names of environment variables.
fn variables(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for (field, name) in field.strings(report).unwrap_or_default() {
        let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
        if begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            names.push(name.to_owned());
        } else {
            field.refuse("write a variable's name, such as \"PUID\"", report);
        }
    }
    names
}

fn app(table: Option<&Table<'_>>, report: &mut FileReport<'_>) -> App {
    let get = |key: &str| table.and_then(|table| table.get(key));
    let named = get("user").or_else(|| get("group"));
    let at = named.map_or_else(|| Place::file(report.path()), |field| Place::line(report.path(), field.line()));
    let allow_root = get("allow_root").and_then(|field| field.boolean(report)).unwrap_or(false);
    let user = get("user").and_then(|field| {
        let name = users::user_name(&field, report)?;
        if name.as_str() == "root" && !allow_root {
            field.refuse("everything steps down to it; name another user, or write `allow_root = true`", report);
            return None;
        }
        Some(name)
    });
    let user = user.or_else(|| UserName::new(users::APP)).expect("`app` is an account's name");
    let group = get("group").and_then(|field| users::group_name(&field, report));
    App {
        group: group.or_else(|| GroupName::new(user.as_str())).expect("users and groups have the same letters"),
        user,
        env_uid: None,
        env_gid: None,
        uid: get("uid").and_then(|field| users::id(&field, report)).map(Uid),
        gid: get("gid").and_then(|field| users::id(&field, report)).map(Gid),
        home: get("home").and_then(|field| paths::for_passwd(&field, report)),
        shell: get("shell").and_then(|field| paths::for_passwd(&field, report)),
        groups: get("groups").and_then(|field| users::group_refs(&field, report)).unwrap_or_default(),
        device_groups: get("device_groups").map_or_else(Vec::new, |field| {
            let paths = field.elements(report).unwrap_or_default();
            paths.iter().filter_map(|path| paths::absolute(path, report)).collect()
        }),
        allow_root,
        umask: get("umask").and_then(|field| field.octal(0o777, report)),
        at,
    }
}

/// Returns the names of choices, quoted, for messages.
pub fn quoted_choices<T>(choices: &[(&str, T)]) -> String {
    choices.iter().map(|(word, _)| quoted(word)).collect::<Vec<_>>().join(", ")
}
