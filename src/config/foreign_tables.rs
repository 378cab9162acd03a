//! Keys and values of systemd, compose, supervisord, s6 and others, and ours for them. Tables; must not know how they are
//! found, nor what a message says.

/// A key that has no meaning in our files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The system; empty if several have it, or none.
    pub system: &'static str,
    /// In lower case, without `_` and `-`.
    pub(super) word: &'static str,
    /// Our key, with its table: `stop.timeout`; empty if there is none.
    pub native: &'static str,
    /// What else to do, or to know.
    pub(super) note: Note,
}

/// What to do besides writing our key, or instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Nothing.
    None,
    /// The key goes into the file of the other service.
    OtherService,
    /// The key names a oneshot with a file of its own.
    OwnOneshot,
    /// This text.
    Text(&'static str),
}

/// Returns a foreign key.
pub(super) const fn entry(system: &'static str, word: &'static str, native: &'static str, note: Note) -> ForeignKey {
    ForeignKey { system, word, native, note }
}

pub(super) const SYSTEMD: &str = "systemd";
pub(super) const COMPOSE: &str = "compose";
pub(super) const SUPERVISORD: &str = "supervisord";
pub(super) const S6: &str = "s6";
/// Of several systems, or of none.
const ANY: &str = "";

const NOT_NEEDED: Note = Note::Text("remove it: it is not needed here");
const OF_COMPOSE: Note = Note::Text("it belongs in the compose file: remove it here");
const ALWAYS_STARTED: Note = Note::Text("remove it: what lies in the tree is started at boot");
const MADE_AT_BOOT: Note = Note::Text("write `[[directory]]` into the container file /etc/stepdown.toml");
const OWNED_AT_BOOT: Note = Note::Text("write `[[own]]` into the container file /etc/stepdown.toml");
const CONSECUTIVE: Note =
    Note::Text("write `restart = { limit = 5 }`: consecutive failures count, however long they take");
const FOREGROUND: Note = Note::Text("run the program in the foreground: no pid file is needed");

#[rustfmt::skip] // a table: one key in one line
pub(super) const KEYS: &[ForeignKey] = &[
    // systemd.service(5)
    entry(SYSTEMD, "execstart", "command", Note::None),
    entry(SYSTEMD, "execstartpre", "requires", Note::OwnOneshot),
    entry(SYSTEMD, "execcondition", "requires", Note::OwnOneshot),
    entry(SYSTEMD, "execstartpost", "", Note::Text("write a oneshot with a file of its own that requires this service")),
    entry(SYSTEMD, "execstop", "stop.signal", Note::Text("a program is told to stop by a signal")),
    entry(SYSTEMD, "execstoppost", "finish", Note::None),
    entry(SYSTEMD, "execreload", "reload.command", Note::None),
    entry(SYSTEMD, "restartsec", "restart.delay", Note::None),
    entry(SYSTEMD, "restartsteps", "", Note::Text("remove it: each delay is twice the one before, up to `restart.max_delay`")),
    entry(SYSTEMD, "restartmaxdelaysec", "restart.max_delay", Note::None),
    entry(SYSTEMD, "restartpreventexitstatus", "success_codes", Note::None),
    entry(SYSTEMD, "successexitstatus", "success_codes", Note::None),
    entry(SYSTEMD, "timeoutstartsec", "ready.timeout", Note::Text("together with what makes it ready")),
    entry(SYSTEMD, "timeoutstopsec", "stop.timeout", Note::None),
    entry(SYSTEMD, "timeoutsec", "stop.timeout", Note::None),
    entry(SYSTEMD, "watchdogsec", "ready.watchdog", Note::None),
    entry(SYSTEMD, "notifyaccess", "ready.notify", Note::None),
    entry(SYSTEMD, "busname", "ready.command", Note::None),
    entry(SYSTEMD, "pidfile", "", FOREGROUND),
    entry(SYSTEMD, "guessmainpid", "", FOREGROUND),
    entry(SYSTEMD, "remainafterexit", "", Note::Text("remove it: a oneshot that is done stays so")),
    entry(SYSTEMD, "restartforceexitstatus", "restart.policy", Note::None),
    entry(SYSTEMD, "restartmode", "", NOT_NEEDED),
    entry(SYSTEMD, "exittype", "", NOT_NEEDED),
    entry(SYSTEMD, "runtimemaxsec", "", Note::Text("run the program with timeout(1)")),
    entry(SYSTEMD, "timeoutabortsec", "stop.timeout", Note::None),
    entry(SYSTEMD, "reloadsignal", "reload.signal", Note::None),
    entry(SYSTEMD, "oompolicy", "", NOT_NEEDED),
    entry(SYSTEMD, "sockets", "", Note::Text("let the program open its socket itself")),
    entry(SYSTEMD, "nonblocking", "", NOT_NEEDED),
    entry(SYSTEMD, "permissionsstartonly", "", NOT_NEEDED),
    entry(SYSTEMD, "rootdirectorystartonly", "", NOT_NEEDED),
    // systemd.unit(5)
    entry(SYSTEMD, "wants", "after", Note::Text("what lies in the tree is started at boot, so that only the order is left")),
    entry(SYSTEMD, "also", "", ALWAYS_STARTED),
    entry(SYSTEMD, "bindsto", "requires", Note::None),
    entry(SYSTEMD, "partof", "requires", Note::None),
    entry(SYSTEMD, "requisite", "requires", Note::None),
    entry(SYSTEMD, "upholds", "requires", Note::OtherService),
    entry(SYSTEMD, "conflicts", "", Note::Text("not available here: remove it; what lies in the tree is started, but for `enabled = false`")),
    entry(SYSTEMD, "onfailure", "finish", Note::None),
    entry(SYSTEMD, "startlimitburst", "restart.limit", Note::None),
    entry(SYSTEMD, "startlimitintervalsec", "", CONSECUTIVE),
    entry(SYSTEMD, "startlimitinterval", "", CONSECUTIVE),
    entry(SYSTEMD, "wantedby", "", ALWAYS_STARTED),
    entry(SYSTEMD, "requiredby", "requires", Note::OtherService),
    entry(SYSTEMD, "description", "", Note::Text("write it as a comment: `# …`")),
    entry(SYSTEMD, "documentation", "", Note::Text("write it as a comment: `# …`")),
    entry(SYSTEMD, "defaultdependencies", "", NOT_NEEDED),
    entry(SYSTEMD, "alias", "", NOT_NEEDED),
    entry(SYSTEMD, "upheldby", "requires", Note::OtherService),
    entry(SYSTEMD, "onsuccess", "finish", Note::None),
    entry(SYSTEMD, "propagatesstopto", "requires", Note::OtherService),
    entry(SYSTEMD, "stoppropagatedfrom", "requires", Note::None),
    entry(SYSTEMD, "propagatesreloadto", "", NOT_NEEDED),
    entry(SYSTEMD, "reloadpropagatedfrom", "", NOT_NEEDED),
    entry(SYSTEMD, "requiresmountsfor", "wait_for", Note::Text("a mount of the container is there before its first process")),
    entry(SYSTEMD, "failureaction", "essential", Note::None),
    entry(SYSTEMD, "successaction", "essential", Note::None),
    entry(SYSTEMD, "startlimitaction", "essential", Note::None),
    entry(SYSTEMD, "jobtimeoutsec", "ready.timeout", Note::Text("together with what makes it ready")),
    entry(SYSTEMD, "stopwhenunneeded", "", NOT_NEEDED),
    entry(SYSTEMD, "refusemanualstart", "", NOT_NEEDED),
    entry(SYSTEMD, "refusemanualstop", "", NOT_NEEDED),
    entry(SYSTEMD, "ignoreonisolate", "", NOT_NEEDED),
    entry(SYSTEMD, "allowisolate", "", NOT_NEEDED),
    entry(SYSTEMD, "collectmode", "", NOT_NEEDED),
    entry(SYSTEMD, "sourcepath", "", NOT_NEEDED),
    entry(SYSTEMD, "conditionpathexists", "wait_for", Note::None),
    entry(SYSTEMD, "conditionpathisdirectory", "wait_for", Note::None),
    entry(SYSTEMD, "conditionfilenotempty", "requires", Note::OwnOneshot),
    entry(SYSTEMD, "conditiondirectorynotempty", "requires", Note::OwnOneshot),
    entry(SYSTEMD, "conditionfileisexecutable", "requires", Note::OwnOneshot),
    entry(SYSTEMD, "conditionenvironment", "requires", Note::OwnOneshot),
    entry(SYSTEMD, "conditionvirtualization", "", NOT_NEEDED),
    entry(SYSTEMD, "assertpathexists", "wait_for", Note::None),
    // systemd.exec(5), systemd.kill(5)
    entry(SYSTEMD, "workingdirectory", "directory", Note::None),
    entry(SYSTEMD, "environmentfile", "environment_file", Note::None),
    entry(SYSTEMD, "passenvironment", "", Note::Text("remove it: a service has the container's environment")),
    entry(SYSTEMD, "supplementarygroups", "groups", Note::None),
    entry(SYSTEMD, "dynamicuser", "", Note::Text("remove it: a service runs as the app user")),
    entry(SYSTEMD, "ambientcapabilities", "capabilities", Note::None),
    entry(SYSTEMD, "oomscoreadjust", "oom_score_adj", Note::None),
    entry(SYSTEMD, "group", "", Note::Text("remove it: it runs with its account's own group; others are in `groups`, and `user` may be `uid:gid`")),
    entry(SYSTEMD, "loadcredential", "secrets", Note::None),
    entry(SYSTEMD, "unsetenvironment", "clear_environment", Note::None),
    entry(SYSTEMD, "limitmsgqueue", "limits.msgqueue", Note::None),
    entry(SYSTEMD, "limitnice", "limits.nice", Note::None),
    entry(SYSTEMD, "limitrttime", "limits.rttime", Note::None),
    entry(SYSTEMD, "limitsigpending", "limits.sigpending", Note::None),
    entry(SYSTEMD, "memorymax", "", OF_COMPOSE),
    entry(SYSTEMD, "memoryhigh", "", OF_COMPOSE),
    entry(SYSTEMD, "cpuquota", "", OF_COMPOSE),
    entry(SYSTEMD, "tasksmax", "limits.nproc", Note::None),
    entry(SYSTEMD, "limitas", "limits.as", Note::None),
    entry(SYSTEMD, "limitcore", "limits.core", Note::None),
    entry(SYSTEMD, "limitcpu", "limits.cpu", Note::None),
    entry(SYSTEMD, "limitdata", "limits.data", Note::None),
    entry(SYSTEMD, "limitfsize", "limits.fsize", Note::None),
    entry(SYSTEMD, "limitmemlock", "limits.memlock", Note::None),
    entry(SYSTEMD, "limitnofile", "limits.nofile", Note::None),
    entry(SYSTEMD, "limitnproc", "limits.nproc", Note::None),
    entry(SYSTEMD, "limitrtprio", "limits.rtprio", Note::None),
    entry(SYSTEMD, "limitstack", "limits.stack", Note::None),
    entry(SYSTEMD, "standardoutput", "log", Note::None),
    entry(SYSTEMD, "standarderror", "log", Note::None),
    entry(SYSTEMD, "standardinput", "pipe_to", Note::OtherService),
    entry(SYSTEMD, "syslogidentifier", "", Note::Text("remove it: lines are tagged with the service's name")),
    entry(SYSTEMD, "runtimedirectory", "", MADE_AT_BOOT),
    entry(SYSTEMD, "statedirectory", "", MADE_AT_BOOT),
    entry(SYSTEMD, "cachedirectory", "", MADE_AT_BOOT),
    entry(SYSTEMD, "logsdirectory", "log.directory", Note::None),
    entry(SYSTEMD, "killsignal", "stop.signal", Note::None),
    entry(SYSTEMD, "killmode", "stop.group", Note::Text("what is left of its processes is ended in any case")),
    // systemd.timer(5)
    entry(SYSTEMD, "oncalendar", "at", Note::None),
    entry(SYSTEMD, "onunitactivesec", "every", Note::None),
    entry(SYSTEMD, "onunitinactivesec", "every", Note::None),
    entry(SYSTEMD, "onbootsec", "every", Note::None),
    entry(SYSTEMD, "persistent", "", Note::Text("remove it: what was missed is not caught up")),
    // The Compose file reference
    entry(COMPOSE, "dependson", "requires", Note::None),
    entry(COMPOSE, "stopgraceperiod", "stop.timeout", Note::None),
    entry(COMPOSE, "healthcheck", "health", Note::None),
    entry(COMPOSE, "init", "", Note::Text("remove it: stepdown is the init")),
    entry(COMPOSE, "entrypoint", "command", Note::None),
    entry(COMPOSE, "envfile", "environment_file", Note::None),
    entry(COMPOSE, "workingdir", "directory", Note::None),
    entry(COMPOSE, "capadd", "capabilities", Note::None),
    entry(COMPOSE, "capdrop", "", Note::Text("remove it: a service has no capability but those of `capabilities`")),
    entry(COMPOSE, "groupadd", "groups", Note::None),
    entry(COMPOSE, "ulimits", "limits", Note::None),
    entry(COMPOSE, "logging", "log", Note::None),
    entry(COMPOSE, "securityopt", "", Note::Text("remove it: no service gains privileges, unless it says `no_new_privileges = false`")),
    entry(COMPOSE, "tmpfs", "", MADE_AT_BOOT),
    entry(COMPOSE, "image", "", OF_COMPOSE),
    entry(COMPOSE, "build", "", OF_COMPOSE),
    entry(COMPOSE, "containername", "", OF_COMPOSE),
    entry(COMPOSE, "deploy", "", OF_COMPOSE),
    entry(COMPOSE, "networks", "", OF_COMPOSE),
    entry(COMPOSE, "ports", "", OF_COMPOSE),
    entry(COMPOSE, "privileged", "", OF_COMPOSE),
    entry(COMPOSE, "volumes", "", OF_COMPOSE),
    entry(COMPOSE, "retries", "health.failures", Note::None),
    entry(COMPOSE, "startperiod", "ready", Note::Text("its health checks begin once it is ready")),
    entry(COMPOSE, "startinterval", "ready.interval", Note::Text("together with what makes it ready")),
    entry(COMPOSE, "test", "health.command", Note::None),
    entry(COMPOSE, "memlimit", "", OF_COMPOSE),
    entry(COMPOSE, "cpus", "", OF_COMPOSE),
    entry(COMPOSE, "pidslimit", "", OF_COMPOSE),
    entry(COMPOSE, "readonly", "", OF_COMPOSE),
    entry(COMPOSE, "extrahosts", "", OF_COMPOSE),
    entry(COMPOSE, "networkmode", "", OF_COMPOSE),
    entry(COMPOSE, "hostname", "", OF_COMPOSE),
    entry(COMPOSE, "expose", "", OF_COMPOSE),
    entry(COMPOSE, "devices", "", OF_COMPOSE),
    entry(COMPOSE, "sysctls", "", OF_COMPOSE),
    entry(COMPOSE, "profiles", "", Note::Text("write `enabled = false`: `stepdown start` starts it")),
    // supervisord's manual, "[program:x] section"
    entry(SUPERVISORD, "autostart", "", Note::Text("remove it where it is true; otherwise write `enabled = false`")),
    entry(SUPERVISORD, "autorestart", "restart", Note::None),
    entry(SUPERVISORD, "startsecs", "ready.delay", Note::None),
    entry(SUPERVISORD, "startretries", "restart.limit", Note::None),
    entry(SUPERVISORD, "stopwaitsecs", "stop.timeout", Note::None),
    entry(SUPERVISORD, "stopasgroup", "stop.group", Note::None),
    entry(SUPERVISORD, "killasgroup", "stop.group", Note::None),
    entry(SUPERVISORD, "exitcodes", "success_codes", Note::None),
    entry(SUPERVISORD, "priority", "after", Note::None),
    entry(SUPERVISORD, "numprocs", "", Note::Text("write one file for each process")),
    entry(SUPERVISORD, "processname", "", Note::Text("its name is that of its file: remove it")),
    entry(SUPERVISORD, "redirectstderr", "", Note::Text("remove it: both streams go to the log")),
    entry(SUPERVISORD, "stdoutlogfile", "log.directory", Note::None),
    entry(SUPERVISORD, "stderrlogfile", "log.directory", Note::None),
    entry(SUPERVISORD, "stdoutlogfilemaxbytes", "log.max_size", Note::Text("together with `directory`")),
    entry(SUPERVISORD, "stdoutlogfilebackups", "log.keep", Note::Text("together with `directory`")),
    entry(SUPERVISORD, "stderrlogfilemaxbytes", "log.max_size", Note::Text("together with `directory`")),
    entry(SUPERVISORD, "stderrlogfilebackups", "log.keep", Note::Text("together with `directory`")),
    entry(SUPERVISORD, "stdoutcapturemaxbytes", "", NOT_NEEDED),
    entry(SUPERVISORD, "stdoutsyslog", "", NOT_NEEDED),
    entry(SUPERVISORD, "serverurl", "", NOT_NEEDED),
    entry(SUPERVISORD, "numprocsstart", "", Note::Text("write one file for each process")),
    // servicedir of s6, source directories of s6-rc
    entry(S6, "notificationfd", "ready.fd", Note::None),
    entry(S6, "timeoutkill", "stop.timeout", Note::None),
    entry(S6, "timeoutfinish", "", Note::Text("remove it: `finish` has 5s")),
    entry(S6, "timeoutup", "ready.timeout", Note::Text("together with what makes it ready")),
    entry(S6, "downsignal", "stop.signal", Note::None),
    entry(S6, "maxdeathtally", "restart.limit", Note::None),
    entry(S6, "flagessential", "essential", Note::None),
    entry(S6, "producerfor", "pipe_to", Note::None),
    entry(S6, "consumerfor", "pipe_to", Note::OtherService),
    entry(S6, "dependenciesd", "requires", Note::None),
    entry(S6, "run", "command", Note::None),
    entry(S6, "timeoutdown", "stop.timeout", Note::None),
    entry(S6, "down", "", Note::Text("write `enabled = false`")),
    entry(S6, "contentsd", "", Note::Text("require the services themselves")),
    entry(S6, "nosetsid", "", NOT_NEEDED),
    // its commands, and those of execline and s6-overlay
    entry(S6, "withcontenv", "", Note::Text("remove it: a service has the container's environment")),
    entry(S6, "s6setuidgid", "user", Note::Text("without it, it runs as the app user")),
    entry(S6, "s6applyuidgid", "user", Note::Text("without it, it runs as the app user")),
    entry(S6, "s6envdir", "environment_file", Note::Text("a file of `NAME=value` lines")),
    entry(S6, "s6softlimit", "limits", Note::None),
    entry(S6, "s6notifyoncheck", "ready.command", Note::None),
    entry(S6, "s6log", "log.directory", Note::None),
    entry(S6, "execlineb", "command", Note::Text("a script of execline may stay in a file `run`, in a directory of the service's name")),
    entry(S6, "fixattrs", "", OWNED_AT_BOOT),
    entry(S6, "fixattrsd", "", OWNED_AT_BOOT),
    entry(S6, "continit", "requires", Note::OwnOneshot),
    entry(S6, "continitd", "requires", Note::OwnOneshot),
    entry(S6, "contfinish", "stop_command", Note::Text("in the file of a oneshot, which runs it at the stop")),
    entry(S6, "contfinishd", "stop_command", Note::Text("in the file of a oneshot, which runs it at the stop")),
    // compose and supervisord
    entry(ANY, "stopsignal", "stop.signal", Note::None),
    // runit, Horust, OpenRC, pebble, cron
    entry(ANY, "before", "after", Note::OtherService),
    entry(ANY, "calendar", "at", Note::None),
    entry(ANY, "caps", "capabilities", Note::None),
    entry(ANY, "chdir", "directory", Note::None),
    entry(ANY, "cmd", "command", Note::None),
    entry(ANY, "cron", "at", Note::None),
    entry(ANY, "cwd", "directory", Note::None),
    entry(ANY, "depends", "requires", Note::None),
    entry(ANY, "disabled", "", Note::Text("remove it where it is false; otherwise write `enabled = false`")),
    entry(ANY, "dependencies", "requires", Note::None),
    entry(ANY, "env", "environment", Note::None),
    entry(ANY, "exec", "command", Note::None),
    entry(ANY, "grace", "stop.timeout", Note::None),
    entry(ANY, "need", "requires", Note::None),
    entry(ANY, "needs", "requires", Note::None),
    entry(ANY, "owner", "user", Note::None),
    entry(ANY, "respawn", "restart", Note::None),
    entry(ANY, "schedule", "at", Note::None),
    entry(ANY, "shellcommand", "script", Note::None),
    entry(ANY, "startafter", "after", Note::None),
    entry(ANY, "wait", "wait_for", Note::None),
    entry(ANY, "workdir", "directory", Note::None),
];

/// Keys of systemd whose names differ from ours by their case alone, as systemd writes them.
#[rustfmt::skip] // a table: one key in one line
pub(super) const CASED: &[ForeignKey] = &[
    entry(SYSTEMD, "After", "after", Note::None),
    entry(SYSTEMD, "Environment", "environment", Note::None),
    entry(SYSTEMD, "Nice", "nice", Note::None),
    entry(SYSTEMD, "NoNewPrivileges", "no_new_privileges", Note::None),
    entry(SYSTEMD, "Requires", "requires", Note::None),
    entry(SYSTEMD, "Restart", "restart", Note::None),
    entry(SYSTEMD, "Type", "type", Note::None),
    entry(SYSTEMD, "UMask", "umask", Note::None),
    entry(SYSTEMD, "User", "user", Note::None),
];

/// Words of [`KEYS`] that stand in a table of that name, and whose meaning here is elsewhere.
pub(super) const IN_TABLES: [(&str, &str); 3] =
    [("health", "startperiod"), ("health", "startinterval"), ("main.health", "startperiod")];

/// Words whose value is not one of the key that does the same here.
pub(super) const OTHER_VALUES: [&str; 6] =
    ["onfailure", "onsuccess", "busname", "execlineb", "s6envdir", "s6notifyoncheck"];

/// Foreign keys in the container file.
#[rustfmt::skip] // a table: one key in one line
pub(super) const OF_CONTAINER: &[ForeignKey] = &[
    entry(COMPOSE, "stopgraceperiod", "stop_timeout", Note::None),
    entry(COMPOSE, "volumes", "own", Note::None),
    entry(SYSTEMD, "timeoutstopsec", "stop_timeout", Note::None),
    entry(SYSTEMD, "runtimedirectory", "directory", Note::None),
    entry(SYSTEMD, "statedirectory", "directory", Note::None),
    entry(SYSTEMD, "cachedirectory", "directory", Note::None),
    entry(COMPOSE, "tmpfs", "directory", Note::None),
    entry(S6, "fixattrs", "own", Note::None),
    entry(S6, "fixattrsd", "own", Note::None),
    entry(S6, "s6setuidgid", "app.user", Note::None),
    entry(ANY, "chown", "own", Note::None),
    entry(ANY, "umask", "app.umask", Note::None),
    entry(ANY, "tz", "", Note::Text("set the variable TZ of the container")),
    entry(ANY, "puid", "app.uid", Note::None),
    entry(ANY, "pgid", "app.gid", Note::None),
    entry(ANY, "timeout", "stop_timeout", Note::None),
];

/// Values of other systems: our key, their value, and what to write.
pub(super) const VALUES: [(&str, &str, &str); 17] = [
    ("restart", "no", "write `restart = \"never\"`"),
    ("restart", "unless-stopped", "write `restart = \"always\"`: stopped manually, it stays stopped"),
    ("restart", "on-abnormal", "write `restart = \"on-failure\"`"),
    ("restart", "on-abort", "write `restart = \"on-failure\"`"),
    ("restart", "on-watchdog", "write `restart = \"on-failure\"`"),
    ("restart", "on-success", "write `restart = \"always\"`, or `type = \"oneshot\"` with `every`"),
    ("restart", "unexpected", "write `restart = \"on-failure\"`"),
    ("type", "simple", "write `type = \"longrun\"`"),
    ("type", "exec", "write `type = \"longrun\"`"),
    ("type", "idle", "write `type = \"longrun\"`"),
    ("type", "notify", "write `type = \"longrun\"` and `ready = { notify = true }`"),
    (
        "type",
        "forking",
        "run the program in the foreground, where its main process stays (`nginx -g \"daemon off;\"`), and write `type = \
         \"longrun\"`",
    ),
    ("type", "bundle", "require the services themselves"),
    ("log.directory", "/dev/stdout", TO_THE_LOG),
    ("log.directory", "/dev/stderr", TO_THE_LOG),
    ("log.directory", "/dev/fd/1", TO_THE_LOG),
    ("log.directory", "/proc/self/fd/1", TO_THE_LOG),
];

const TO_THE_LOG: &str = "remove it: what it writes goes to the log";
