//! The keys of the container file (DESIGN §4, second listing, and §3.2). A table of words; must not know how they are
//! read.

use super::key_reference::{ConfigFile, KeyDoc, TableDoc, key, later};
use super::service_keys;

/// The file's own keys.
pub const CONTAINER: TableDoc = TableDoc { file: ConfigFile::Container, name: "", header: "", keys: CONTAINER_KEYS };
/// `log = { … }`.
pub const LOG: TableDoc = TableDoc { file: ConfigFile::Container, name: "log", header: "[log]", keys: LOG_KEYS };
/// `[app]`.
pub const APP: TableDoc = TableDoc { file: ConfigFile::Container, name: "app", header: "[app]", keys: APP_KEYS };
/// `[[own]]`.
pub const OWN: TableDoc = TableDoc { file: ConfigFile::Container, name: "own", header: "[[own]]", keys: OWN_KEYS };
/// `[[directory]]`.
pub const DIRECTORY: TableDoc =
    TableDoc { file: ConfigFile::Container, name: "directory", header: "[[directory]]", keys: DIRECTORY_KEYS };

/// `signals.USR1 = { … }`, the same for each signal.
pub const SIGNAL: TableDoc =
    TableDoc { file: ConfigFile::Container, name: "signals.USR1", header: "[signals.USR1]", keys: SIGNAL_KEYS };

/// `[secrets]`.
pub const SECRETS: TableDoc =
    TableDoc { file: ConfigFile::Container, name: "secrets", header: "[secrets]", keys: SECRETS_KEYS };

/// `[main]`.
pub const MAIN: TableDoc = TableDoc { file: ConfigFile::Container, name: "main", header: "[main]", keys: MAIN_KEYS };
/// `main.stop = { … }`: as in a service's file.
pub const MAIN_STOP: TableDoc = TableDoc { name: "main.stop", header: "[main.stop]", ..of_main(service_keys::STOP) };
/// `main.ready = { … }`: as in a service's file.
pub const MAIN_READY: TableDoc =
    TableDoc { name: "main.ready", header: "[main.ready]", ..of_main(service_keys::READY) };
/// `main.health = { … }`: as in a service's file, but for the words of `then`.
pub const MAIN_HEALTH: TableDoc =
    TableDoc { name: "main.health", header: "[main.health]", ..of_main(service_keys::HEALTH) };

const fn of_main(table: TableDoc) -> TableDoc {
    TableDoc { file: ConfigFile::Container, ..table }
}

#[rustfmt::skip] // a table: one key in two lines
const CONTAINER_KEYS: &[KeyDoc] = &[
    key("drop", "a string", r#""auto""#, r#"drop = "app""#,
        "how far PID 1 drops: `auto` (keeps what the services need), `app` (keeps nothing), `root` (stays root)"),
    key("without_root", "a string", r#""run""#, r#"without_root = "refuse""#,
        "started under `--user`: `run` and say what is lost, or `refuse`"),
    key("without_drop", "a string", r#""refuse""#, r#"without_drop = "run""#,
        "root without SETUID and SETGID: `refuse`, or `run` on as root without them"),
    key("stop_timeout", "a duration", r#""8s""#, r#"stop_timeout = "25s""#,
        "the whole stop; keep it below the runtime's own (docker stop: 10s)"),
    key("pid1_filter", "true or false", "true", "pid1_filter = false",
        "a seccomp filter keeps services from changing the limits, priorities and processors of PID 1"),
    key("log", "a table", "{}", r#"log = { format = "tagged", level = "info" }"#,
        "how lines are written, and how much we say"),
    key("app", "a table", "{}", r#"app = { user = "app" }"#,
        "the user that everything steps down to"),
    key("own", "an array of tables", "[]", r#"own = [{ path = "/config" }]"#,
        "paths whose owner is established at boot"),
    key("directory", "an array of tables", "[]", r#"directory = [{ path = "/run/nginx" }]"#,
        "directories that are created at boot"),
    key("trust", "an array of absolute paths", "[]", r#"trust = ["/opt/app"]"#,
        "places whose programs may run with more rights than the app user although users other than root can write them: those users have these rights"),
    key("signals", "a table", "{}", r#"signals = { USR1 = "db" }"#,
        "signals that PID 1 forwards: `USR1 = \"db\"`, `HUP = \"main\"` (the main command), or a table"),
    key("secrets", "a table", "{}", r#"secrets = { from_files = { DB_PASSWORD = "/run/secrets/db" } }"#,
        "variables whose values are in files, for the services that list them"),
    key("main", "a table", "(none)", r#"main = { success_codes = [0, 143] }"#,
        "the main command (`docker run IMAGE COMMAND`), described like a service"),
    key("s6", "true or false", "(whether there is `/etc/s6-overlay` or `/etc/cont-init.d`)", "s6 = true",
        "the image was made for s6-overlay: its definitions are read, and its scripts run as root unless `drop = \"app\"`"),
    later("harden", "a sandbox of named strength", "leave it out for now"),
];

#[rustfmt::skip] // a table: one key in two lines
const LOG_KEYS: &[KeyDoc] = &[
    key("format", "a string", r#""auto""#, r#"format = "tagged""#,
        "`inherit` (untouched), `tagged` (`web | line`), `json` (one object a line), `auto` (inherit with one program, tagged with several)"),
    key("level", "a string", r#""info""#, r#"level = "warn""#,
        "our own messages: `error`, `warn`, `info`, `debug`"),
];

#[rustfmt::skip] // a table: one key in two lines
const APP_KEYS: &[KeyDoc] = &[
    key("user", "a string", r#""app""#, r#"user = "abc""#,
        "its name; created if missing"),
    key("group", "a string", "(the user's name)", r#"group = "users""#,
        "its group's name; created if missing"),
    key("uid", "an integer from 0 to 4294967293", "(the account's own, otherwise 1000)", "uid = 1000",
        "its uid when PUID is not set"),
    key("gid", "an integer from 0 to 4294967293", "(the account's own, otherwise 1000)", "gid = 1000",
        "its gid when PGID is not set"),
    key("uid_from", "an array of strings", r#"["PUID"]"#, r#"uid_from = ["PUID", "USER_ID"]"#,
        "variables that give its uid; the first one set wins"),
    key("gid_from", "an array of strings", r#"["PGID"]"#, r#"gid_from = ["PGID", "GROUP_ID"]"#,
        "variables that give its gid; the first one set wins"),
    key("home", "an absolute path", "(the account's own, otherwise `/`)", r#"home = "/config""#,
        "its home; never walked"),
    key("shell", "an absolute path", "(the account's own, otherwise `/sbin/nologin`)", r#"shell = "/bin/sh""#,
        "its shell in /etc/passwd"),
    key("groups", "an array of names or numbers", "[]", r#"groups = ["video", 44]"#,
        "more groups"),
    key("device_groups", "an array of absolute paths", "[]", r#"device_groups = ["/dev/dri"]"#,
        "paths whose owning groups it joins, where they exist"),
    key("allow_root", "true or false", "false", "allow_root = true",
        "accept uid or gid 0"),
    key("umask", "a string of octal digits", "(inherited)", r#"umask = "022""#,
        "file mode creation mask when UMASK is not set"),
];

#[rustfmt::skip] // a table: one key in two lines
const OWN_KEYS: &[KeyDoc] = &[
    key("path", "an absolute path", "(required)", r#"path = "/config""#,
        "what is owned"),
    key("user", "a name or a number", r#""app""#, r#"user = 1000"#,
        "its owner"),
    key("group", "a name or a number", r#""app""#, r#"group = "users""#,
        "its group"),
    key("recursive", "true or false", "true", "recursive = false",
        "walk what lies below"),
    key("create", "true or false", "false", "create = true",
        "create it, as a directory, if it is missing"),
    key("mode", "a string of octal digits", "(left alone)", r#"mode = "0640""#,
        "mode of files"),
    key("dir_mode", "a string of octal digits", "(left alone)", r#"dir_mode = "0750""#,
        "mode of directories"),
    key("when", "a string", r#""mismatch""#, r#"when = "root-mismatch""#,
        "`always`, `mismatch` (change what is wrong), `root-mismatch` (if the top is right, do not walk), `never` (check)"),
    key("optional", "true or false", "false", "optional = true",
        "it may be missing"),
    key("required", "true or false", "false", "required = true",
        "if the app user cannot use it in the end, do not start"),
    key("cross_mounts", "true or false", "false", "cross_mounts = true",
        "enter mounts below it"),
    key("exclude", "an array of relative paths", "[]", r#"exclude = [".snapshots"]"#,
        "left alone, with everything below"),
    key("hard_links", "a string", r#""same-owner""#, r#"hard_links = "refuse""#,
        "files with more than one link: `same-owner` (changed if the top's old owner has them, never root's), `refuse`, `allow`"),
    key("take_over", "true or false", "false", "take_over = true",
        "take it although it is somebody else's and users other than root can move things into its place"),
];

#[rustfmt::skip] // a table: one key in two lines
const DIRECTORY_KEYS: &[KeyDoc] = &[
    key("path", "an absolute path", "(required)", r#"path = "/run/nginx""#,
        "what is created"),
    key("user", "a name or a number", r#""app""#, r#"user = "root""#,
        "its owner"),
    key("group", "a name or a number", r#""app""#, r#"group = "www-data""#,
        "its group"),
    key("mode", "a string of octal digits", r#""0755""#, r#"mode = "0750""#,
        "its mode"),
    key("clean", "an array of strings", "[]", r#"clean = ["*.pid"]"#,
        "names with `*` and `?`: leftovers directly below that are removed"),
    key("take_over", "true or false", "false", "take_over = true",
        "take and clean it although it is somebody else's and users other than root can move things into its place"),
];

#[rustfmt::skip] // a table: one key in two lines
const SIGNAL_KEYS: &[KeyDoc] = &[
    key("service", "a string", "(required)", r#"service = "db""#,
        "the longrun that gets it; `main` is the main command"),
    key("signal", "a signal's name or number", "(the same)", r#"signal = "HUP""#,
        "as what"),
];

#[rustfmt::skip] // a table: one key in two lines
const SECRETS_KEYS: &[KeyDoc] = &[
    key("from_files", "a table of absolute paths", "{}", r#"from_files = { DB_PASSWORD = "/run/secrets/db" }"#,
        "variables, each with the file that has its value, of which one newline at the end is cut; without that file the container does not start"),
    key("suffixes", "an array of strings", "[]", r#"suffixes = ["__FILE", "_FILE"]"#,
        "ends of variables that name a file too: with `_FILE`, `DB_PASSWORD_FILE=/run/secrets/db` does what `FILE__DB_PASSWORD` always does"),
];

#[rustfmt::skip] // a table: one key in two lines
const MAIN_KEYS: &[KeyDoc] = &[
    key("user", "a string", r#""app""#, r#"user = "www-data""#,
        "the user it runs as: `app` (the app user), `root`, an account's name, or `uid:gid`"),
    key("success_codes", "an array of integers", "[0]", "success_codes = [0, 143]",
        "exit codes that make the container end with 0, 128+n for the signal n, as tini's `-e`; 0 ends it with 1 if it is omitted"),
    key("stop", "a table", "{}", r#"stop = { signal = "INT", timeout = "5s" }"#,
        "how it is stopped, as a service's `stop`; without `signal` it gets the signal that PID 1 got"),
    key("ready", "a table", "(its program was executed)", "ready = { tcp = 8080 }",
        "what makes it ready, as a service's `ready`; not ready after `timeout`, it is stopped and the container ends with 1"),
    key("secrets", "an array of strings", "(of the app user: all of `FILE__NAME`; else none)", r#"secrets = ["DB_PASSWORD"]"#,
        "the secrets that it gets as variables, as a service's `secrets`"),
    key("health", "a table", "(none)", "health = { tcp = 8080 }",
        "how its health is checked while it is up, as a service's `health`; `then`: `stop-container` (the default) or `report`"),
];
