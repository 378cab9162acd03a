//! The keys of a service's file (DESIGN §4, first listing). A table of words; must not know how they are read.

use super::key_reference::{ConfigFile, KeyDoc, TableDoc, key, later};

/// The file's own keys.
pub const SERVICE: TableDoc = TableDoc { file: ConfigFile::Service, name: "", header: "", keys: SERVICE_KEYS };
/// `restart = { … }`.
pub const RESTART: TableDoc =
    TableDoc { file: ConfigFile::Service, name: "restart", header: "[restart]", keys: RESTART_KEYS };
/// `ready = { … }`.
pub const READY: TableDoc = TableDoc { file: ConfigFile::Service, name: "ready", header: "[ready]", keys: READY_KEYS };
/// `health = { … }`.
pub const HEALTH: TableDoc =
    TableDoc { file: ConfigFile::Service, name: "health", header: "[health]", keys: HEALTH_KEYS };
/// `stop = { … }`.
pub const STOP: TableDoc = TableDoc { file: ConfigFile::Service, name: "stop", header: "[stop]", keys: STOP_KEYS };
/// `reload = { … }`.
pub const RELOAD: TableDoc =
    TableDoc { file: ConfigFile::Service, name: "reload", header: "[reload]", keys: RELOAD_KEYS };
/// `log = { … }`.
pub const LOG: TableDoc = TableDoc { file: ConfigFile::Service, name: "log", header: "[log]", keys: LOG_KEYS };
/// `limits = { … }`.
pub const LIMITS: TableDoc =
    TableDoc { file: ConfigFile::Service, name: "limits", header: "[limits]", keys: LIMITS_KEYS };
/// `limits.nofile = { … }`, the same for each resource.
pub const LIMIT: TableDoc =
    TableDoc { file: ConfigFile::Service, name: "limits.nofile", header: "[limits.nofile]", keys: LIMIT_KEYS };

#[rustfmt::skip] // a table: one key in two lines
const SERVICE_KEYS: &[KeyDoc] = &[
    key("command", "an array of strings", "(required, or `script`)", r#"command = ["nginx", "-g", "daemon off;"]"#,
        "the program and its arguments; no shell reads them"),
    key("script", "a string", "(none)", r#"script = "exec nginx -g 'daemon off;'""#,
        "instead of `command`: run by `/bin/sh -e -c`"),
    key("type", "a string", r#""longrun""#, r#"type = "oneshot""#,
        "`longrun`: a daemon; `oneshot`: runs to its end once"),
    key("requires", "an array of strings", "[]", r#"requires = ["db"]"#,
        "services that must be up (oneshots: done) first; they stop after this one"),
    key("after", "an array of strings", "[]", r#"after = ["db"]"#,
        "services that start earlier if they start at all: order only"),
    key("user", "a string", r#""app""#, r#"user = "root""#,
        "the user it runs as: `app` (the app user), `root`, an account's name, or `uid:gid`"),
    key("groups", "an array of names or numbers", "(the account's own)", r#"groups = ["video", 44]"#,
        "supplementary groups, instead of the account's"),
    key("capabilities", "an array of strings", "[]", r#"capabilities = ["NET_BIND_SERVICE"]"#,
        "Linux capabilities that it has as ambient ones"),
    key("directory", "an absolute path", "(`/`)", r#"directory = "/srv""#,
        "the working directory"),
    key("environment", "a table of strings", "{}", r#"environment = { MODE = "prod" }"#,
        "variables added to the container's"),
    key("clear_environment", "true or false", "false", "clear_environment = true",
        "start from an empty environment instead of the container's"),
    key("environment_file", "an absolute path", "(none)", r#"environment_file = "/config/web.env""#,
        "a file of `NAME=value` lines, read at each start with the service's rights, and kept for that run's checks, `finish` and other commands; root's alone, where it has more than the app user"),
    key("secrets", "an array of strings", "(of the app user: all of `FILE__NAME`; else none)", r#"secrets = ["DB_PASSWORD"]"#,
        "the secrets that it gets as variables, by name: of `[secrets]` in the container file, and of `FILE__NAME` variables"),
    key("restart", "a string or a table", r#""always""#, r#"restart = "on-failure""#,
        "when it is started again: `always`, `on-failure`, `never`, or a table; a oneshot never is"),
    key("success_codes", "an array of integers", "[0]", "success_codes = [0, 143]",
        "exit codes that count as success"),
    key("essential", "true or false", "false", "essential = true",
        "when it ends for good, the container ends with its exit code; oneshots: true by default"),
    key("enabled", "true or false", "true", "enabled = false",
        "false: known and shown, but started only by `stepdown start` or when a service that is started requires it; a oneshot is then not `essential` by default"),
    key("ready", "a table", "(its program was executed)", "ready = { fd = 3 }",
        "what makes it ready, so that what requires it may start"),
    key("stop", "a table", "{}", r#"stop = { signal = "QUIT", timeout = "5s" }"#,
        "how it is stopped"),
    key("finish", "an array of strings", "(none)", r#"finish = ["/usr/bin/cleanup"]"#,
        "run after each end, with exit code (256 if signalled), signal, name and process group as s6 gives them; at most 5s"),
    key("limits", "a table", "{}", "limits = { nofile = 65536 }",
        "resource limits, by their names in setrlimit(2)"),
    key("nice", "an integer from -20 to 19", "(inherited)", "nice = 5",
        "niceness; below 0 counts as privilege"),
    key("oom_score_adj", "an integer from -1000 to 1000", "(inherited)", "oom_score_adj = 500",
        "what the kernel kills first; lower than inherited counts as privilege"),
    key("umask", "a string of octal digits", "(the container's)", r#"umask = "022""#,
        "file mode creation mask"),
    key("no_new_privileges", "true or false", "true", "no_new_privileges = false",
        "no setuid program gains anything in it; sudo and cron need false"),
    key("without_root", "a string", r#""run""#, r#"without_root = "skip""#,
        "a service of another user in a container without root: `run` as the user that there is, `skip` it, or `fail`"),
    key("wait_for", "an array of strings", "[]", r#"wait_for = ["tcp://db:5432"]"#,
        "what must be there before it starts: `tcp://HOST:PORT`, `http://HOST/PATH`, `path:/FILE`, `socket:/FILE`"),
    key("timeout", "a duration", "(none)", r#"timeout = "5m""#,
        "a oneshot that has not ended by then is stopped, and has failed"),
    key("every", "a duration", "(once)", r#"every = "1h""#,
        "a oneshot runs again this long after its last start; it is then not `essential` by default"),
    key("at", "a time of day, with weekdays or a date", "(none)", r#"at = "03:00""#,
        "a oneshot runs when that time comes (zone: TZ) and not at the start; it is then not `essential` by default"),
    key("stop_command", "an array of strings", "(none)", r#"stop_command = ["/usr/bin/unmount-it"]"#,
        "what undoes a oneshot that is done, at the stop"),
    key("health", "a table", "(none)", r#"health = { http = "http://127.0.0.1/ping" }"#,
        "how its health is checked while it is up"),
    key("reload", "a table", "(none)", r#"reload = { signal = "HUP" }"#,
        "how it re-reads its configuration"),
    key("pipe_to", "a string", "(none)", r#"pipe_to = "db""#,
        "the longrun that reads its standard output; that one starts first and stops last"),
    key("log", "a table", "{}", r#"log = { format = "json" }"#,
        "how its lines are written, where it is not as the container says"),
    later("harden", "a sandbox of named strength", "leave it out for now"),
];

#[rustfmt::skip] // a table: one key in two lines
const RESTART_KEYS: &[KeyDoc] = &[
    key("policy", "a string", r#""always""#, r#"policy = "on-failure""#,
        "`always`, `on-failure` (an exit code that does not count as success, or a signal), `never`"),
    key("delay", "a duration", r#""1s""#, r#"delay = "2s""#,
        "the first delay of the back-off; after a run of 60s or more there is none"),
    key("max_delay", "a duration", r#""30s""#, r#"max_delay = "1m""#,
        "delays double up to this one, until a run of 60s or more"),
    key("limit", "a positive integer or \"infinity\"", "10", "limit = 5",
        "consecutive failures until it is failed; the count starts again after 60s up"),
];

#[rustfmt::skip] // a table: one key in two lines
const READY_KEYS: &[KeyDoc] = &[
    key("fd", "an integer from 3 to 1023", "(one of these is required)", "fd = 3",
        "ready once it writes a newline to this descriptor (s6 `notification-fd`)"),
    key("notify", "true", "(one of these is required)", "notify = true",
        "ready once it says so with sd_notify(3)"),
    TCP, HTTP, PATH, SOCKET, COMMAND,
    key("delay", "a duration", "(one of these is required)", r#"delay = "2s""#,
        "ready once it has lived this long"),
    STATUS,
    key("timeout", "a duration", "(none)", r#"timeout = "30s""#,
        "after this long without readiness the start counts as failed"),
    key("watchdog", "a duration", "(none)", "notify = true\nwatchdog = \"30s\"",
        "with `notify`: it sends WATCHDOG=1 at least this often, or is restarted as hung"),
    key("interval", "a duration", r#""500ms""#, r#"interval = "1s""#,
        "the longest pause between two checks; the first ones come faster"),
];

#[rustfmt::skip] // a table: one key in two lines
const HEALTH_KEYS: &[KeyDoc] = &[
    TCP, HTTP, PATH, SOCKET, COMMAND, STATUS,
    key("interval", "a duration", r#""30s""#, r#"interval = "10s""#,
        "from one check to the next"),
    key("timeout", "a duration", r#""5s""#, r#"timeout = "2s""#,
        "a check that takes longer has failed"),
    key("failures", "a positive integer", "3", "failures = 5",
        "consecutive failures before action is taken"),
    key("successes", "a positive integer", "1", "successes = 2",
        "consecutive successes before it is healthy again"),
    key("then", "a string", r#""restart""#, r#"then = "report""#,
        "what happens then: `restart` it, `stop-container`, or only `report`"),
];

const TCP: KeyDoc = key(
    "tcp",
    "a host and a port",
    "(one of these is required)",
    r#"tcp = "127.0.0.1:80""#,
    "a port that accepts a connection; a port alone is the container's own",
);
const HTTP: KeyDoc = key(
    "http",
    "a URL",
    "(one of these is required)",
    r#"http = "http://127.0.0.1/ping""#,
    "a URL that responds with success; with `socket`, over that",
);
const PATH: KeyDoc =
    key("path", "an absolute path", "(one of these is required)", r#"path = "/run/web.pid""#, "a path that exists");
const SOCKET: KeyDoc = key(
    "socket",
    "an absolute path",
    "(one of these is required)",
    r#"socket = "/run/web.sock""#,
    "a unix socket that accepts a connection",
);
const COMMAND: KeyDoc = key(
    "command",
    "an array of strings",
    "(one of these is required)",
    r#"command = ["pg_isready", "-q"]"#,
    "a command that exits with 0, run as the service's user",
);
const STATUS: KeyDoc = key(
    "status",
    "an integer or a range",
    r#""200-399""#,
    r#"status = "200-299""#,
    "with `http`: the status codes that count as success",
);

#[rustfmt::skip] // a table: one key in two lines
const STOP_KEYS: &[KeyDoc] = &[
    key("signal", "a signal's name or number", r#""TERM""#, r#"signal = "QUIT""#,
        "sent first"),
    key("timeout", "a duration", "(what the whole stop allows)", r#"timeout = "5s""#,
        "then KILL"),
    key("group", "true or false", "false", "group = true",
        "send `signal` to its whole process group, not only to its main process; what is left is ended in any case"),
];

#[rustfmt::skip] // a table: one key in two lines
const LIMITS_KEYS: &[KeyDoc] = &[
    key("as", "a limit in bytes", "(inherited)", r#"as = "2G""#, "address space"),
    key("core", "a limit in bytes", "(inherited)", "core = 0", "size of a core file"),
    key("cpu", "a limit in seconds", "(inherited)", "cpu = 3600", "processor time"),
    key("data", "a limit in bytes", "(inherited)", r#"data = "1G""#, "data segment"),
    key("fsize", "a limit in bytes", "(inherited)", r#"fsize = "10G""#, "size of a written file"),
    key("memlock", "a limit in bytes", "(inherited)", r#"memlock = "infinity""#, "locked memory"),
    key("msgqueue", "a limit in bytes", "(inherited)", r#"msgqueue = "800K""#, "POSIX message queues of its user"),
    key("nice", "a limit", "(inherited)", "nice = 20", "ceiling of niceness: 20 - it"),
    key("nofile", "a limit", "(inherited)", "nofile = { soft = 1024, hard = 65536 }", "open files"),
    key("nproc", "a limit", "(inherited)", "nproc = 512", "processes of its user"),
    key("rtprio", "a limit", "(inherited)", "rtprio = 10", "ceiling of real-time priority"),
    key("rttime", "a limit in microseconds", "(inherited)", "rttime = 200000", "processor time under real-time scheduling"),
    key("sigpending", "a limit", "(inherited)", "sigpending = 1024", "queued signals of its user"),
    key("stack", "a limit in bytes", "(inherited)", r#"stack = "8M""#, "stack of the first thread"),
];

#[rustfmt::skip] // a table: one key in two lines
const LIMIT_KEYS: &[KeyDoc] = &[
    key("soft", "a limit", "(required)", "soft = 1024\nhard = 65536",
        "what holds at first; the service may raise it up to `hard`"),
    key("hard", "a limit", "(required)", "soft = 1024\nhard = 65536",
        "the ceiling; above the inherited one it counts as privilege"),
];

#[rustfmt::skip] // a table: one key in two lines
const RELOAD_KEYS: &[KeyDoc] = &[
    key("signal", "a signal's name or number", "(this or `command` is required)", r#"signal = "HUP""#,
        "sent to its main process"),
    key("command", "an array of strings", "(this or `signal` is required)", r#"command = ["nginx", "-s", "reload"]"#,
        "run as its user"),
];

#[rustfmt::skip] // a table: one key in two lines
const LOG_KEYS: &[KeyDoc] = &[
    key("format", "a string", "(the container's)", r#"format = "json""#,
        "`inherit`, `tagged` or `json`"),
    key("directory", "an absolute path", "(none)", r#"directory = "/var/log/web""#,
        "into files there instead of the container's output: `current`, and older ones named by their time"),
    key("max_size", "a size", r#""10M""#, r#"max_size = "1M""#,
        "`current` is renamed before it grows beyond this"),
    key("keep", "an integer from 0 to 10000", "10", "keep = 3",
        "how many older files are kept"),
    key("max_age", "a duration", "(none)", r#"max_age = "7d""#,
        "older files are removed at this age"),
    key("compress", "true or false", "false", "compress = true",
        "gzip older files"),
];
