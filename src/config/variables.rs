//! The variables of the environment that are read, each with its meaning. Must not know their values.

/// Every variable that we read, and its meaning: the help texts and the book are generated from this table.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PUID", "uid of the app user (another name: `uid_from`)"),
    ("PGID", "gid of the app user (another name: `gid_from`)"),
    ("UMASK", "file mode creation mask of the services, octal, such as 022"),
    ("TZ", "time zone, such as Europe/Berlin; handed on to the services"),
    ("FILE__NAME", "a file with the value of the variable NAME, such as FILE__DB_PASSWORD=/run/secrets/db"),
    ("STEPDOWN_SERVICES", "more services trees, separated by `:`"),
    ("STEPDOWN_STOP_TIMEOUT", "budget of the whole stop, such as 25s; keep it below the runtime's own"),
    ("STEPDOWN_WITHOUT_DROP", "root without SETUID and SETGID: `refuse`, or `run` on as root without them"),
    ("STEPDOWN_LOG", "our own messages: error, warn, info, debug"),
    ("STEPDOWN_LOG_FORMAT", "lines of the services: auto, inherit, tagged, json"),
];
