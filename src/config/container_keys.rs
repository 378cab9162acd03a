//! The keys of the container file (DESIGN §4, second listing, and §3.2). A table of words; must not know how they are
//! read.

use super::key_reference::Expects::{
    AbsolutePath, Array, Boolean, Duration, Integer, NameOrNumber, Octal, PasswdPath, RelativePath, Signal, Signals,
    Table, TableOf, Text, Word,
};
use super::key_reference::TextForm::{Account, NamePattern, RunAs, ServiceOrMain, Variable, VariableEnd};
use super::key_reference::{ConfigFile, Expects, KeyDoc, Needs, TableDoc, key, later};
use super::service_keys::{self, EXIT_CODES, GROUPS, VARIABLES};
use super::units::MAX_ID;

/// The file's own keys.
pub const CONTAINER: TableDoc = table("", "", CONTAINER_KEYS, Needs::Nothing);
/// `log = { … }`.
pub const LOG: TableDoc = table("log", "[log]", LOG_KEYS, Needs::Nothing);
/// `[app]`.
pub const APP: TableDoc = table("app", "[app]", APP_KEYS, Needs::Nothing);
/// `[[own]]`.
pub const OWN: TableDoc = table("own", "[[own]]", OWN_KEYS, Needs::All(&["path"]));
/// `[[directory]]`.
pub const DIRECTORY: TableDoc = table("directory", "[[directory]]", DIRECTORY_KEYS, Needs::All(&["path"]));
/// `signals.USR1 = { … }`, the same for each signal.
pub const SIGNAL: TableDoc = table("signals.USR1", "[signals.USR1]", SIGNAL_KEYS, Needs::All(&["service"]));
/// `[secrets]`.
pub const SECRETS: TableDoc = table("secrets", "[secrets]", SECRETS_KEYS, Needs::Nothing);
/// `[main]`.
pub const MAIN: TableDoc = table("main", "[main]", MAIN_KEYS, Needs::Nothing);
/// `main.stop = { … }`: as in a service's file.
pub const MAIN_STOP: TableDoc = TableDoc { name: "main.stop", header: "[main.stop]", ..of_main(service_keys::STOP) };
/// `main.ready = { … }`: as in a service's file.
pub const MAIN_READY: TableDoc =
    TableDoc { name: "main.ready", header: "[main.ready]", ..of_main(service_keys::READY) };
/// `main.health = { … }`: as in a service's file, but for the words of `then`.
pub const MAIN_HEALTH: TableDoc = TableDoc {
    name: "main.health",
    header: "[main.health]",
    keys: &service_keys::health_keys(MAIN_THEN),
    ..of_main(service_keys::HEALTH)
};

const fn of_main(table: TableDoc) -> TableDoc {
    TableDoc { file: ConfigFile::Container, ..table }
}

const fn table(name: &'static str, header: &'static str, keys: &'static [KeyDoc], needs: Needs) -> TableDoc {
    TableDoc::new(ConfigFile::Container, name, header, keys, needs)
}

const MAIN_THEN: KeyDoc = key(
    "then",
    Word(&["stop-container", "report"]),
    r#""stop-container""#,
    r#"then = "report""#,
    "what happens then: `stop-container`, or only `report`",
);

const ID: Expects = Integer(0, MAX_ID as i64);
/// Modes of directories: setgid and sticky bits, too.
const DIRECTORY_MODE: Expects = Octal(0o3777);

#[rustfmt::skip] // a table: one key in two lines
const CONTAINER_KEYS: &[KeyDoc] = &[
    key("drop", Word(&["auto", "app", "root"]), r#""auto""#, r#"drop = "app""#,
        "how far PID 1 drops: `auto` (keeps what the services need), `app` (keeps nothing), `root` (stays root)"),
    key("without_root", Word(&["run", "refuse"]), r#""run""#, r#"without_root = "refuse""#,
        "started under `--user`: `run` and say what is lost, or `refuse`"),
    key("without_drop", Word(&["run", "refuse"]), r#""refuse""#, r#"without_drop = "run""#,
        "root without SETUID and SETGID: `refuse`, or `run` on as root without them"),
    key("stop_timeout", Duration, r#""8s""#, r#"stop_timeout = "25s""#,
        "the whole stop; keep it below the runtime's own (docker stop: 10s)"),
    key("pid1_filter", Boolean, "true", "pid1_filter = false",
        "a seccomp filter keeps services from changing the limits, priorities and processors of PID 1"),
    key("log", Table(&LOG), "{}", r#"log = { format = "tagged", level = "info" }"#,
        "how lines are written, and how much we say"),
    key("app", Table(&APP), "{}", r#"app = { user = "app" }"#,
        "the user that everything steps down to"),
    key("own", Array(&Table(&OWN), 0), "[]", r#"own = [{ path = "/config" }]"#,
        "paths whose owner is established at boot"),
    key("directory", Array(&Table(&DIRECTORY), 0), "[]", r#"directory = [{ path = "/run/nginx" }]"#,
        "directories that are created at boot"),
    key("trust", Array(&AbsolutePath, 0), "[]", r#"trust = ["/opt/app"]"#,
        "places whose programs may run with more rights than the app user although users other than root can write them: those users have these rights"),
    key("signals", Signals(&SIGNAL), "{}", r#"signals = { USR1 = "db" }"#,
        "signals that PID 1 forwards: `USR1 = \"db\"`, `HUP = \"main\"` (the main command), or a table"),
    key("secrets", Table(&SECRETS), "{}", r#"secrets = { from_files = { DB_PASSWORD = "/run/secrets/db" } }"#,
        "variables whose values are in files, for the services that list them"),
    key("main", Table(&MAIN), "(none)", r#"main = { success_codes = [0, 143] }"#,
        "the main command (`docker run IMAGE COMMAND`), described like a service"),
    key("s6", Boolean, "(whether there is `/etc/s6-overlay` or `/etc/cont-init.d`)", "s6 = true",
        "the image was made for s6-overlay: its definitions are read, and its scripts run as root unless `drop = \"app\"`"),
    later("harden", "a sandbox of named strength", "leave it out for now"),
];

#[rustfmt::skip] // a table: one key in two lines
const LOG_KEYS: &[KeyDoc] = &[
    key("format", Word(&["auto", "inherit", "tagged", "json"]), r#""auto""#, r#"format = "tagged""#,
        "`inherit` (untouched), `tagged` (`web | line`), `json` (one object a line), `auto` (inherit with one program, tagged with several)"),
    key("level", Word(&["error", "warn", "info", "debug"]), r#""info""#, r#"level = "warn""#,
        "our own messages: `error`, `warn`, `info`, `debug`"),
];

#[rustfmt::skip] // a table: one key in two lines
const APP_KEYS: &[KeyDoc] = &[
    key("user", Text(Account), r#""app""#, r#"user = "abc""#,
        "its name; created if missing"),
    key("group", Text(Account), "(the user's name)", r#"group = "users""#,
        "its group's name; created if missing"),
    key("uid", ID, "(the account's own, otherwise 1000)", "uid = 1000",
        "its uid when PUID is not set"),
    key("gid", ID, "(the account's own, otherwise 1000)", "gid = 1000",
        "its gid when PGID is not set"),
    key("uid_from", VARIABLES, r#"["PUID"]"#, r#"uid_from = ["PUID", "USER_ID"]"#,
        "variables that give its uid; the first one set wins"),
    key("gid_from", VARIABLES, r#"["PGID"]"#, r#"gid_from = ["PGID", "GROUP_ID"]"#,
        "variables that give its gid; the first one set wins"),
    key("home", PasswdPath, "(the account's own, otherwise `/`)", r#"home = "/config""#,
        "its home; never walked"),
    key("shell", PasswdPath, "(the account's own, otherwise `/sbin/nologin`)", r#"shell = "/bin/sh""#,
        "its shell in /etc/passwd"),
    key("groups", GROUPS, "[]", r#"groups = ["video", 44]"#,
        "more groups"),
    key("device_groups", Array(&AbsolutePath, 0), "[]", r#"device_groups = ["/dev/dri"]"#,
        "paths whose owning groups it joins, where they exist"),
    key("allow_root", Boolean, "false", "allow_root = true",
        "accept uid or gid 0"),
    key("umask", Octal(0o777), "(inherited)", r#"umask = "022""#,
        "file mode creation mask when UMASK is not set"),
];

#[rustfmt::skip] // a table: one key in two lines
const OWN_KEYS: &[KeyDoc] = &[
    key("path", AbsolutePath, "(required)", r#"path = "/config""#,
        "what is owned"),
    key("user", NameOrNumber, r#""app""#, r#"user = 1000"#,
        "its owner"),
    key("group", NameOrNumber, r#""app""#, r#"group = "users""#,
        "its group"),
    key("recursive", Boolean, "true", "recursive = false",
        "walk what lies below"),
    key("create", Boolean, "false", "create = true",
        "create it, as a directory, if it is missing"),
    key("mode", Octal(0o777), "(left alone)", r#"mode = "0640""#,
        "mode of files"),
    key("dir_mode", DIRECTORY_MODE, "(left alone)", r#"dir_mode = "0750""#,
        "mode of directories"),
    key("when", Word(&["always", "mismatch", "root-mismatch", "never"]), r#""mismatch""#, r#"when = "root-mismatch""#,
        "`always`, `mismatch` (change what is wrong), `root-mismatch` (if the top is right, do not walk), `never` (check)"),
    key("optional", Boolean, "false", "optional = true",
        "it may be missing"),
    key("required", Boolean, "false", "required = true",
        "if the app user cannot use it in the end, do not start"),
    key("cross_mounts", Boolean, "false", "cross_mounts = true",
        "enter mounts below it"),
    key("exclude", Array(&RelativePath, 0), "[]", r#"exclude = [".snapshots"]"#,
        "left alone, with everything below"),
    key("hard_links", Word(&["same-owner", "refuse", "allow"]), r#""same-owner""#, r#"hard_links = "refuse""#,
        "files with more than one link: `same-owner` (changed if the top's old owner has them, never root's), `refuse`, `allow`"),
    key("take_over", Boolean, "false", "take_over = true",
        "take it although it is somebody else's and users other than root can move things into its place"),
];

#[rustfmt::skip] // a table: one key in two lines
const DIRECTORY_KEYS: &[KeyDoc] = &[
    key("path", AbsolutePath, "(required)", r#"path = "/run/nginx""#,
        "what is created"),
    key("user", NameOrNumber, r#""app""#, r#"user = "root""#,
        "its owner"),
    key("group", NameOrNumber, r#""app""#, r#"group = "www-data""#,
        "its group"),
    key("mode", DIRECTORY_MODE, r#""0755""#, r#"mode = "0750""#,
        "its mode"),
    key("clean", Array(&Text(NamePattern), 0), "[]", r#"clean = ["*.pid"]"#,
        "names with `*` and `?`: leftovers directly below that are removed"),
    key("take_over", Boolean, "false", "take_over = true",
        "take and clean it although it is somebody else's and users other than root can move things into its place"),
];

#[rustfmt::skip] // a table: one key in two lines
const SIGNAL_KEYS: &[KeyDoc] = &[
    key("service", Text(ServiceOrMain), "(required)", r#"service = "db""#,
        "the longrun that gets it; `main` is the main command"),
    key("signal", Signal, "(the same)", r#"signal = "HUP""#,
        "as what"),
];

#[rustfmt::skip] // a table: one key in two lines
const SECRETS_KEYS: &[KeyDoc] = &[
    key("from_files", TableOf(Variable, &AbsolutePath), "{}", r#"from_files = { DB_PASSWORD = "/run/secrets/db" }"#,
        "variables, each with the file that has its value, of which one newline at the end is cut; without that file the container does not start"),
    key("suffixes", Array(&Text(VariableEnd), 0), "[]", r#"suffixes = ["_FILE", "__FILE"]"#,
        "ends of variables that name a file too: with `_FILE`, `DB_PASSWORD_FILE=/run/secrets/db` does what `FILE__DB_PASSWORD` always does"),
];

#[rustfmt::skip] // a table: one key in two lines
const MAIN_KEYS: &[KeyDoc] = &[
    key("user", Text(RunAs), r#""app""#, r#"user = "www-data""#,
        "the user it runs as: `app` (the app user), `root`, an account's name, or `uid:gid`"),
    key("success_codes", EXIT_CODES, "[0]", "success_codes = [0, 143]",
        "exit codes that make the container end with 0, 128+n for the signal n, as tini's `-e`; 0 ends it with 1 if it is omitted"),
    key("stop", Table(&MAIN_STOP), "{}", r#"stop = { signal = "INT", timeout = "5s" }"#,
        "how it is stopped, as a service's `stop`; without `signal` it gets the signal that PID 1 got"),
    key("ready", Table(&MAIN_READY), "(its program was executed)", "ready = { tcp = 8080 }",
        "what makes it ready, as a service's `ready`; not ready after `timeout`, it is stopped and the container ends with 1"),
    key("secrets", VARIABLES, "(of the app user: all of `FILE__NAME`; else none)", r#"secrets = ["DB_PASSWORD"]"#,
        "the secrets that it gets as variables, as a service's `secrets`"),
    key("health", Table(&MAIN_HEALTH), "(none)", "health = { tcp = 8080 }",
        "how its health is checked while it is up, as a service's `health`; `then`: `stop-container` (the default) or `report`"),
];
