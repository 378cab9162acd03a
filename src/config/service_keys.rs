//! The keys of a service's file (DESIGN §4, first listing). A table of words; must not know how they are read.

use super::key_reference::Expects::{
    AbsolutePath, Array, Boolean, Calendar, Count, CountOrInfinity, Duration, HostPort, Integer, Limit, LimitSide,
    NameOrNumber, Octal, Signal, Size, Status, Table, TableOf, Text, True, Url, Word, WordOrTable,
};
use super::key_reference::LimitUnit::{Bytes, FiniteNumber, Microseconds, Number, Seconds};
use super::key_reference::TextForm::{Any, AnyVariable, Capability, Filled, RunAs, Variable, WaitTarget};
use super::key_reference::{ConfigFile, Expects, KeyDoc, Needs, TableDoc, key, later};

/// The file's own keys.
pub const SERVICE: TableDoc =
    TableDoc::new(ConfigFile::Service, "", "", SERVICE_KEYS, Needs::One(&["command", "script"]));
/// `restart = { … }`.
pub const RESTART: TableDoc = table("restart", "[restart]", RESTART_KEYS, Needs::Nothing);
/// `ready = { … }`.
pub const READY: TableDoc = table(
    "ready",
    "[ready]",
    READY_KEYS,
    Needs::One(&["fd", "notify", "tcp", "http", "path", "socket", "command", "delay"]),
);
/// `health = { … }`.
pub const HEALTH: TableDoc =
    table("health", "[health]", HEALTH_KEYS, Needs::One(&["tcp", "http", "path", "socket", "command"]));
/// `stop = { … }`.
pub const STOP: TableDoc = table("stop", "[stop]", STOP_KEYS, Needs::Nothing);
/// `reload = { … }`.
pub const RELOAD: TableDoc = table("reload", "[reload]", RELOAD_KEYS, Needs::One(&["signal", "command"]));
/// `log = { … }`.
pub const LOG: TableDoc = table("log", "[log]", LOG_KEYS, Needs::Nothing);
/// `limits = { … }`.
pub const LIMITS: TableDoc = table("limits", "[limits]", LIMITS_KEYS, Needs::Nothing);
/// `limits.nofile = { … }`, the same for each resource.
pub const LIMIT: TableDoc = table("limits.nofile", "[limits.nofile]", LIMIT_KEYS, Needs::All(&["soft", "hard"]));

const fn table(name: &'static str, header: &'static str, keys: &'static [KeyDoc], needs: Needs) -> TableDoc {
    TableDoc::new(ConfigFile::Service, name, header, keys, needs)
}

/// A program and its arguments.
const ARGV: Expects = Array(&Text(Any), 1);
const STRINGS: Expects = Array(&Text(Any), 0);
/// Groups by name or number.
pub(super) const GROUPS: Expects = Array(&NameOrNumber, 0);
/// Names of variables.
pub(super) const VARIABLES: Expects = Array(&Text(Variable), 0);
/// Exit codes.
pub(super) const EXIT_CODES: Expects = Array(&Integer(0, 255), 1);
const POLICIES: &[&str] = &["always", "on-failure", "never"];

#[rustfmt::skip] // a table: one key in two lines
const SERVICE_KEYS: &[KeyDoc] = &[
    key("command", ARGV, "(required, or `script`)", r#"command = ["nginx", "-g", "daemon off;"]"#,
        "the program and its arguments; no shell reads them"),
    key("script", Text(Filled), "(none)", r#"script = "exec nginx -g 'daemon off;'""#,
        "instead of `command`: run by `/bin/sh -e -c`"),
    key("type", Word(&["longrun", "oneshot"]), r#""longrun""#, r#"type = "oneshot""#,
        "`longrun`: a daemon; `oneshot`: runs to its end once"),
    key("requires", STRINGS, "[]", r#"requires = ["db"]"#,
        "services that must be up (oneshots: done) first; they stop after this one"),
    key("after", STRINGS, "[]", r#"after = ["db"]"#,
        "services that start earlier if they start at all: order only"),
    key("user", Text(RunAs), r#""app""#, r#"user = "www-data""#,
        "the user it runs as: `app` (the app user), `root`, an account's name, or `uid:gid`"),
    key("groups", GROUPS, "(the account's own)", r#"groups = ["video", 44]"#,
        "supplementary groups, instead of the account's"),
    key("capabilities", Array(&Text(Capability), 0), "[]", r#"capabilities = ["NET_BIND_SERVICE"]"#,
        "Linux capabilities that it has as ambient ones"),
    key("directory", AbsolutePath, "(`/`)", r#"directory = "/srv""#,
        "the working directory"),
    key("environment", TableOf(AnyVariable, &Text(Any)), "{}", r#"environment = { MODE = "prod" }"#,
        "variables added to the container's"),
    key("clear_environment", Boolean, "false", "clear_environment = true",
        "start from an empty environment instead of the container's"),
    key("environment_file", AbsolutePath, "(none)", r#"environment_file = "/config/web.env""#,
        "a file of `NAME=value` lines, read at each start with the service's rights, and kept for that run's checks, `finish` and other commands; root's alone, where it has more than the app user"),
    key("secrets", VARIABLES, "(of the app user: all of `FILE__NAME`; else none)", r#"secrets = ["DB_PASSWORD"]"#,
        "the secrets that it gets as variables, by name: of `[secrets]` in the container file, and of `FILE__NAME` variables"),
    key("restart", WordOrTable(POLICIES, &RESTART), r#""always""#, r#"restart = "on-failure""#,
        "when it is started again: `always`, `on-failure`, `never`, or a table; a oneshot never is"),
    key("success_codes", EXIT_CODES, "[0]", "success_codes = [0, 143]",
        "exit codes that count as success"),
    key("essential", Boolean, "false", "essential = true",
        "when it ends for good, the container ends with its exit code; oneshots: true by default"),
    key("enabled", Boolean, "true", "enabled = false",
        "false: known and shown, but started only by `stepdown start` or when a service that is started requires it; a oneshot is then not `essential` by default"),
    key("ready", Table(&READY), "(its program was executed)", "ready = { fd = 3 }",
        "what makes it ready, so that what requires it may start"),
    key("stop", Table(&STOP), "{}", r#"stop = { signal = "QUIT", timeout = "5s" }"#,
        "how it is stopped"),
    key("finish", ARGV, "(none)", r#"finish = ["/usr/bin/cleanup"]"#,
        "run after each end, with exit code (256 if signalled), signal, name and process group as s6 gives them; at most 5s"),
    key("limits", Table(&LIMITS), "{}", "limits = { nofile = 65536 }",
        "resource limits, by their names in setrlimit(2)"),
    key("nice", Integer(-20, 19), "(inherited)", "nice = 5",
        "niceness; below 0 counts as privilege"),
    key("oom_score_adj", Integer(-1000, 1000), "(inherited)", "oom_score_adj = 500",
        "what the kernel kills first; lower than inherited counts as privilege"),
    key("umask", Octal(0o777), "(the container's)", r#"umask = "022""#,
        "file mode creation mask"),
    key("no_new_privileges", Boolean, "true", "no_new_privileges = false",
        "no setuid program gains anything in it; sudo and cron need false"),
    key("without_root", Word(&["run", "skip", "fail"]), r#""run""#, r#"without_root = "skip""#,
        "a service of another user in a container without root: `run` as the user that there is, `skip` it, or `fail`"),
    key("wait_for", Array(&Text(WaitTarget), 0), "[]", r#"wait_for = ["tcp://db:5432"]"#,
        "what must be there before it starts: `tcp://HOST:PORT`, `http://HOST/PATH`, `path:/FILE`, `socket:/FILE`"),
    key("timeout", Duration, "(none)", r#"timeout = "5m""#,
        "a oneshot that has not ended by then is stopped, and has failed"),
    key("every", Duration, "(once)", r#"every = "1h""#,
        "a oneshot runs again this long after its last start; it is then not `essential` by default"),
    key("at", Calendar, "(none)", r#"at = "03:00""#,
        "a oneshot runs when that time comes (zone: TZ) and not at the start; it is then not `essential` by default"),
    key("stop_command", ARGV, "(none)", r#"stop_command = ["/usr/bin/unmount-it"]"#,
        "what undoes a oneshot that is done, at the stop"),
    key("health", Table(&HEALTH), "(none)", r#"health = { http = "http://127.0.0.1/ping" }"#,
        "how its health is checked while it is up"),
    key("reload", Table(&RELOAD), "(none)", r#"reload = { signal = "HUP" }"#,
        "how it re-reads its configuration"),
    key("pipe_to", Text(Any), "(none)", r#"pipe_to = "db""#,
        "the longrun that reads its standard output; that one starts first and stops last"),
    key("log", Table(&LOG), "{}", r#"log = { format = "json" }"#,
        "how its lines are written, where it is not as the container says"),
    later("harden", "a sandbox of named strength", "leave it out for now"),
];

#[rustfmt::skip] // a table: one key in two lines
const RESTART_KEYS: &[KeyDoc] = &[
    key("policy", Word(POLICIES), r#""always""#, r#"policy = "on-failure""#,
        "`always`, `on-failure` (an exit code that does not count as success, or a signal), `never`"),
    key("delay", Duration, r#""1s""#, r#"delay = "2s""#,
        "the first delay of the back-off; after a run of 60s or more there is none"),
    key("max_delay", Duration, r#""30s""#, r#"max_delay = "1m""#,
        "delays double up to this one, until a run of 60s or more"),
    key("limit", CountOrInfinity, "10", "limit = 5",
        "consecutive failures until it is failed; the count starts again after 60s up"),
];

#[rustfmt::skip] // a table: one key in two lines
const READY_KEYS: &[KeyDoc] = &[
    key("fd", Integer(3, 1023), "(one of these is required)", "fd = 3",
        "ready once it writes a newline to this descriptor (s6 `notification-fd`)"),
    key("notify", True, "(one of these is required)", "notify = true",
        "ready once it says so with sd_notify(3)"),
    TCP, HTTP, PATH, SOCKET, COMMAND,
    key("delay", Duration, "(one of these is required)", r#"delay = "2s""#,
        "ready once it has lived this long"),
    STATUS,
    key("timeout", Duration, "(none)", r#"timeout = "30s""#,
        "after this long without readiness the start counts as failed"),
    key("watchdog", Duration, "(none)", "notify = true\nwatchdog = \"30s\"",
        "with `notify`: it sends WATCHDOG=1 at least this often, or is restarted as hung"),
    key("interval", Duration, r#""500ms""#, r#"interval = "1s""#,
        "the longest pause between two checks; the first ones come faster"),
];

const HEALTH_KEYS: &[KeyDoc] = &health_keys(THEN);

/// Returns the keys of a `health` table: what may follow a failure depends on what is checked.
#[rustfmt::skip] // a table: one key in two lines
pub(super) const fn health_keys(then: KeyDoc) -> [KeyDoc; 11] {
    [
        TCP, HTTP, PATH, SOCKET, COMMAND, STATUS,
        key("interval", Duration, r#""30s""#, r#"interval = "10s""#,
            "from one check to the next"),
        key("timeout", Duration, r#""5s""#, r#"timeout = "2s""#,
            "a check that takes longer has failed"),
        key("failures", Count, "3", "failures = 5",
            "consecutive failures before action is taken"),
        key("successes", Count, "1", "successes = 2",
            "consecutive successes before it is healthy again"),
        then,
    ]
}

const THEN: KeyDoc = key(
    "then",
    Word(&["restart", "stop-container", "report"]),
    r#""restart""#,
    r#"then = "report""#,
    "what happens then: `restart` it, `stop-container`, or only `report`",
);

const TCP: KeyDoc = key(
    "tcp",
    HostPort,
    "(one of these is required)",
    r#"tcp = "127.0.0.1:80""#,
    "a port that accepts a connection; a port alone is the container's own",
);
const HTTP: KeyDoc = key(
    "http",
    Url,
    "(one of these is required)",
    r#"http = "http://127.0.0.1/ping""#,
    "a URL that responds with success; with `socket`, over that",
);
const PATH: KeyDoc =
    key("path", AbsolutePath, "(one of these is required)", r#"path = "/run/web.pid""#, "a path that exists");
const SOCKET: KeyDoc = key(
    "socket",
    AbsolutePath,
    "(one of these is required)",
    r#"socket = "/run/web.sock""#,
    "a unix socket that accepts a connection",
);
const COMMAND: KeyDoc = key(
    "command",
    ARGV,
    "(one of these is required)",
    r#"command = ["pg_isready", "-q"]"#,
    "a command that exits with 0, run as the service's user",
);
const STATUS: KeyDoc = key(
    "status",
    Status,
    r#""200-399""#,
    r#"status = "200-299""#,
    "with `http`: the status codes that count as success",
);

#[rustfmt::skip] // a table: one key in two lines
const STOP_KEYS: &[KeyDoc] = &[
    key("signal", Signal, r#""TERM""#, r#"signal = "QUIT""#,
        "sent first"),
    key("timeout", Duration, "(what the whole stop allows)", r#"timeout = "5s""#,
        "then KILL"),
    key("group", Boolean, "false", "group = true",
        "send `signal` to its whole process group, not only to its main process; what is left is ended in any case"),
];

#[rustfmt::skip] // a table: one key in two lines
const LIMITS_KEYS: &[KeyDoc] = &[
    key("as", Limit(Bytes), "(inherited)", r#"as = "2G""#, "address space"),
    key("core", Limit(Bytes), "(inherited)", "core = 0", "size of a core file"),
    key("cpu", Limit(Seconds), "(inherited)", "cpu = 3600", "processor time"),
    key("data", Limit(Bytes), "(inherited)", r#"data = "1G""#, "data segment"),
    key("fsize", Limit(Bytes), "(inherited)", r#"fsize = "10G""#, "size of a written file"),
    key("memlock", Limit(Bytes), "(inherited)", r#"memlock = "infinity""#, "locked memory"),
    key("msgqueue", Limit(Bytes), "(inherited)", r#"msgqueue = "800K""#, "POSIX message queues of its user"),
    key("nice", Limit(Number), "(inherited)", "nice = 20", "ceiling of niceness: 20 - it"),
    key("nofile", Limit(FiniteNumber), "(inherited)", "nofile = { soft = 1024, hard = 65536 }", "open files"),
    key("nproc", Limit(Number), "(inherited)", "nproc = 512", "processes of its user"),
    key("rtprio", Limit(Number), "(inherited)", "rtprio = 10", "ceiling of real-time priority"),
    key("rttime", Limit(Microseconds), "(inherited)", "rttime = 200000", "processor time under real-time scheduling"),
    key("sigpending", Limit(Number), "(inherited)", "sigpending = 1024", "queued signals of its user"),
    key("stack", Limit(Bytes), "(inherited)", r#"stack = "8M""#, "stack of the first thread"),
];

#[rustfmt::skip] // a table: one key in two lines
const LIMIT_KEYS: &[KeyDoc] = &[
    key("soft", LimitSide, "(required)", "soft = 1024\nhard = 65536",
        "what holds at first; the service may raise it up to `hard`"),
    key("hard", LimitSide, "(required)", "soft = 1024\nhard = 65536",
        "the ceiling; above the inherited one it counts as privilege"),
];

#[rustfmt::skip] // a table: one key in two lines
const RELOAD_KEYS: &[KeyDoc] = &[
    key("signal", Signal, "(this or `command` is required)", r#"signal = "HUP""#,
        "sent to its main process"),
    key("command", ARGV, "(this or `signal` is required)", r#"command = ["nginx", "-s", "reload"]"#,
        "run as its user"),
];

#[rustfmt::skip] // a table: one key in two lines
const LOG_KEYS: &[KeyDoc] = &[
    key("format", Word(&["inherit", "tagged", "json"]), "(the container's)", r#"format = "json""#,
        "`inherit`, `tagged` or `json`"),
    key("directory", AbsolutePath, "(none)", r#"directory = "/var/log/web""#,
        "into files there instead of the container's output: `current`, and older ones named by their time"),
    key("max_size", Size(4096), r#""10M""#, r#"max_size = "1M""#,
        "`current` is renamed before it grows beyond this"),
    key("keep", Integer(0, 10_000), "10", "keep = 3",
        "how many older files are kept"),
    key("max_age", Duration, "(none)", r#"max_age = "7d""#,
        "older files are removed at this age"),
    key("compress", Boolean, "false", "compress = true",
        "gzip older files"),
];
