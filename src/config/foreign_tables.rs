//! Keys and values of systemd, compose, supervisord, s6 and others, and ours for them. Tables; must not know how they are
//! found, nor what a message says.

/// A word that has no meaning in our files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignWord {
    /// The system; empty if several have it, or none.
    pub system: &'static str,
    /// In lower case, without `_` and `-`.
    pub(super) word: &'static str,
    /// Our key, with its table: `stop.timeout`; empty if there is none.
    pub ours: &'static str,
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

/// Returns a foreign word.
const fn word(system: &'static str, word: &'static str, ours: &'static str, note: Note) -> ForeignWord {
    ForeignWord { system, word, ours, note }
}

const SYSTEMD: &str = "systemd";
const COMPOSE: &str = "compose";
const SUPERVISORD: &str = "supervisord";
const S6: &str = "s6";
/// Of several systems, or of none.
const ANY: &str = "";

const NOT_NEEDED: Note = Note::Text("remove it: it is not needed here");
const OF_COMPOSE: Note = Note::Text("it belongs in the compose file: remove it here");
const ALWAYS_STARTED: Note = Note::Text("remove it: what lies in the tree is started at boot");
const MADE_AT_BOOT: Note = Note::Text("write `[[directory]]` into the container file /etc/stepdown.toml");
const FOREGROUND: Note = Note::Text("run the program in the foreground: no pid file is needed");

#[rustfmt::skip] // a table: one word in one line
pub(super) const WORDS: &[ForeignWord] = &[
    // systemd.service(5)
    word(SYSTEMD, "execstart", "command", Note::None),
    word(SYSTEMD, "execstartpre", "requires", Note::OwnOneshot),
    word(SYSTEMD, "execcondition", "requires", Note::OwnOneshot),
    word(SYSTEMD, "execstartpost", "", Note::Text("write a oneshot with a file of its own that requires this service")),
    word(SYSTEMD, "execstop", "stop.signal", Note::Text("a program is told to stop by a signal")),
    word(SYSTEMD, "execstoppost", "finish", Note::None),
    word(SYSTEMD, "execreload", "reload.command", Note::None),
    word(SYSTEMD, "restartsec", "restart.delay", Note::None),
    word(SYSTEMD, "restartsteps", "restart.max_delay", Note::None),
    word(SYSTEMD, "restartmaxdelaysec", "restart.max_delay", Note::None),
    word(SYSTEMD, "restartpreventexitstatus", "success_codes", Note::None),
    word(SYSTEMD, "successexitstatus", "success_codes", Note::None),
    word(SYSTEMD, "timeoutstartsec", "ready.timeout", Note::Text("together with what makes it ready")),
    word(SYSTEMD, "timeoutstopsec", "stop.timeout", Note::None),
    word(SYSTEMD, "timeoutsec", "stop.timeout", Note::None),
    word(SYSTEMD, "watchdogsec", "ready.watchdog", Note::None),
    word(SYSTEMD, "notifyaccess", "ready.notify", Note::None),
    word(SYSTEMD, "busname", "ready.command", Note::None),
    word(SYSTEMD, "pidfile", "", FOREGROUND),
    word(SYSTEMD, "guessmainpid", "", FOREGROUND),
    word(SYSTEMD, "remainafterexit", "", Note::Text("remove it: a oneshot that is done stays so")),
    word(SYSTEMD, "restartforceexitstatus", "restart.policy", Note::None),
    word(SYSTEMD, "restartmode", "", NOT_NEEDED),
    word(SYSTEMD, "exittype", "", NOT_NEEDED),
    word(SYSTEMD, "runtimemaxsec", "", Note::Text("run the program with timeout(1)")),
    word(SYSTEMD, "timeoutabortsec", "stop.timeout", Note::None),
    word(SYSTEMD, "reloadsignal", "reload.signal", Note::None),
    word(SYSTEMD, "oompolicy", "", NOT_NEEDED),
    word(SYSTEMD, "sockets", "", Note::Text("let the program open its socket itself")),
    word(SYSTEMD, "nonblocking", "", NOT_NEEDED),
    word(SYSTEMD, "permissionsstartonly", "", NOT_NEEDED),
    word(SYSTEMD, "rootdirectorystartonly", "", NOT_NEEDED),
    // systemd.unit(5)
    word(SYSTEMD, "wants", "after", Note::Text("what lies in the tree is started at boot, so that only the order is left")),
    word(SYSTEMD, "also", "", ALWAYS_STARTED),
    word(SYSTEMD, "bindsto", "requires", Note::None),
    word(SYSTEMD, "partof", "requires", Note::None),
    word(SYSTEMD, "requisite", "requires", Note::None),
    word(SYSTEMD, "upholds", "requires", Note::OtherService),
    word(SYSTEMD, "conflicts", "", NOT_NEEDED),
    word(SYSTEMD, "onfailure", "finish", Note::None),
    word(SYSTEMD, "startlimitburst", "restart.limit", Note::None),
    word(SYSTEMD, "startlimitintervalsec", "restart.limit", Note::Text("failures in a row count")),
    word(SYSTEMD, "startlimitinterval", "restart.limit", Note::Text("failures in a row count")),
    word(SYSTEMD, "wantedby", "", ALWAYS_STARTED),
    word(SYSTEMD, "requiredby", "requires", Note::OtherService),
    word(SYSTEMD, "description", "", Note::Text("write it as a comment: `# …`")),
    word(SYSTEMD, "documentation", "", Note::Text("write it as a comment: `# …`")),
    word(SYSTEMD, "defaultdependencies", "", NOT_NEEDED),
    word(SYSTEMD, "alias", "", NOT_NEEDED),
    word(SYSTEMD, "upheldby", "requires", Note::OtherService),
    word(SYSTEMD, "onsuccess", "finish", Note::None),
    word(SYSTEMD, "propagatesstopto", "requires", Note::OtherService),
    word(SYSTEMD, "stoppropagatedfrom", "requires", Note::None),
    word(SYSTEMD, "propagatesreloadto", "", NOT_NEEDED),
    word(SYSTEMD, "reloadpropagatedfrom", "", NOT_NEEDED),
    word(SYSTEMD, "requiresmountsfor", "wait_for", Note::Text("a mount of the container is there before its first process")),
    word(SYSTEMD, "failureaction", "essential", Note::None),
    word(SYSTEMD, "successaction", "essential", Note::None),
    word(SYSTEMD, "startlimitaction", "essential", Note::None),
    word(SYSTEMD, "jobtimeoutsec", "ready.timeout", Note::Text("together with what makes it ready")),
    word(SYSTEMD, "stopwhenunneeded", "", NOT_NEEDED),
    word(SYSTEMD, "refusemanualstart", "", NOT_NEEDED),
    word(SYSTEMD, "refusemanualstop", "", NOT_NEEDED),
    word(SYSTEMD, "ignoreonisolate", "", NOT_NEEDED),
    word(SYSTEMD, "allowisolate", "", NOT_NEEDED),
    word(SYSTEMD, "collectmode", "", NOT_NEEDED),
    word(SYSTEMD, "sourcepath", "", NOT_NEEDED),
    word(SYSTEMD, "conditionpathexists", "wait_for", Note::None),
    word(SYSTEMD, "conditionpathisdirectory", "wait_for", Note::None),
    word(SYSTEMD, "conditionfilenotempty", "requires", Note::OwnOneshot),
    word(SYSTEMD, "conditiondirectorynotempty", "requires", Note::OwnOneshot),
    word(SYSTEMD, "conditionfileisexecutable", "requires", Note::OwnOneshot),
    word(SYSTEMD, "conditionenvironment", "requires", Note::OwnOneshot),
    word(SYSTEMD, "conditionvirtualization", "", NOT_NEEDED),
    word(SYSTEMD, "assertpathexists", "wait_for", Note::None),
    // systemd.exec(5), systemd.kill(5)
    word(SYSTEMD, "workingdirectory", "directory", Note::None),
    word(SYSTEMD, "environmentfile", "environment_file", Note::None),
    word(SYSTEMD, "passenvironment", "", Note::Text("remove it: a service has the container's environment")),
    word(SYSTEMD, "supplementarygroups", "groups", Note::None),
    word(SYSTEMD, "dynamicuser", "user", Note::None),
    word(SYSTEMD, "ambientcapabilities", "capabilities", Note::None),
    word(SYSTEMD, "capabilityboundingset", "capabilities", Note::None),
    word(SYSTEMD, "oomscoreadjust", "oom_score_adj", Note::None),
    word(SYSTEMD, "group", "user", Note::Text("as `uid:gid`, or the account's own group")),
    word(SYSTEMD, "loadcredential", "secrets", Note::None),
    word(SYSTEMD, "unsetenvironment", "clear_environment", Note::None),
    word(SYSTEMD, "limitmsgqueue", "limits.msgqueue", Note::None),
    word(SYSTEMD, "limitnice", "limits.nice", Note::None),
    word(SYSTEMD, "limitrttime", "limits.rttime", Note::None),
    word(SYSTEMD, "limitsigpending", "limits.sigpending", Note::None),
    word(SYSTEMD, "memorymax", "", OF_COMPOSE),
    word(SYSTEMD, "memoryhigh", "", OF_COMPOSE),
    word(SYSTEMD, "cpuquota", "", OF_COMPOSE),
    word(SYSTEMD, "tasksmax", "limits.nproc", Note::None),
    word(SYSTEMD, "limitas", "limits.as", Note::None),
    word(SYSTEMD, "limitcore", "limits.core", Note::None),
    word(SYSTEMD, "limitcpu", "limits.cpu", Note::None),
    word(SYSTEMD, "limitdata", "limits.data", Note::None),
    word(SYSTEMD, "limitfsize", "limits.fsize", Note::None),
    word(SYSTEMD, "limitmemlock", "limits.memlock", Note::None),
    word(SYSTEMD, "limitnofile", "limits.nofile", Note::None),
    word(SYSTEMD, "limitnproc", "limits.nproc", Note::None),
    word(SYSTEMD, "limitrtprio", "limits.rtprio", Note::None),
    word(SYSTEMD, "limitstack", "limits.stack", Note::None),
    word(SYSTEMD, "standardoutput", "log", Note::None),
    word(SYSTEMD, "standarderror", "log", Note::None),
    word(SYSTEMD, "standardinput", "pipe_to", Note::OtherService),
    word(SYSTEMD, "syslogidentifier", "", Note::Text("remove it: lines are tagged with the service's name")),
    word(SYSTEMD, "runtimedirectory", "", MADE_AT_BOOT),
    word(SYSTEMD, "statedirectory", "", MADE_AT_BOOT),
    word(SYSTEMD, "cachedirectory", "", MADE_AT_BOOT),
    word(SYSTEMD, "logsdirectory", "log.directory", Note::None),
    word(SYSTEMD, "privatetmp", "", NOT_NEEDED),
    word(SYSTEMD, "protectsystem", "", NOT_NEEDED),
    word(SYSTEMD, "protecthome", "", NOT_NEEDED),
    word(SYSTEMD, "killsignal", "stop.signal", Note::None),
    word(SYSTEMD, "killmode", "stop.group", Note::Text("what is left of its processes is ended in any case")),
    // systemd.timer(5)
    word(SYSTEMD, "oncalendar", "at", Note::None),
    word(SYSTEMD, "onunitactivesec", "every", Note::None),
    word(SYSTEMD, "onunitinactivesec", "every", Note::None),
    word(SYSTEMD, "onbootsec", "every", Note::None),
    word(SYSTEMD, "persistent", "", Note::Text("remove it: what was missed is not caught up")),
    // The Compose file reference
    word(COMPOSE, "dependson", "requires", Note::None),
    word(COMPOSE, "stopgraceperiod", "stop.timeout", Note::None),
    word(COMPOSE, "healthcheck", "health", Note::None),
    word(COMPOSE, "init", "", Note::Text("remove it: stepdown is the init")),
    word(COMPOSE, "entrypoint", "command", Note::None),
    word(COMPOSE, "envfile", "environment_file", Note::None),
    word(COMPOSE, "workingdir", "directory", Note::None),
    word(COMPOSE, "capadd", "capabilities", Note::None),
    word(COMPOSE, "capdrop", "", Note::Text("remove it: a service has no capability but those of `capabilities`")),
    word(COMPOSE, "groupadd", "groups", Note::None),
    word(COMPOSE, "ulimits", "limits", Note::None),
    word(COMPOSE, "logging", "log", Note::None),
    word(COMPOSE, "securityopt", "no_new_privileges", Note::None),
    word(COMPOSE, "tmpfs", "", MADE_AT_BOOT),
    word(COMPOSE, "image", "", OF_COMPOSE),
    word(COMPOSE, "build", "", OF_COMPOSE),
    word(COMPOSE, "containername", "", OF_COMPOSE),
    word(COMPOSE, "deploy", "", OF_COMPOSE),
    word(COMPOSE, "networks", "", OF_COMPOSE),
    word(COMPOSE, "ports", "", OF_COMPOSE),
    word(COMPOSE, "privileged", "", OF_COMPOSE),
    word(COMPOSE, "volumes", "", OF_COMPOSE),
    word(COMPOSE, "retries", "health.failures", Note::None),
    word(COMPOSE, "startperiod", "ready", Note::Text("its health is asked once it is ready")),
    word(COMPOSE, "test", "health.command", Note::None),
    // supervisord's manual, "[program:x] section"
    word(SUPERVISORD, "autostart", "", Note::Text("remove it where it is true; otherwise write `enabled = false`")),
    word(SUPERVISORD, "autorestart", "restart", Note::None),
    word(SUPERVISORD, "startsecs", "ready.delay", Note::None),
    word(SUPERVISORD, "startretries", "restart.limit", Note::None),
    word(SUPERVISORD, "stopwaitsecs", "stop.timeout", Note::None),
    word(SUPERVISORD, "stopasgroup", "stop.group", Note::None),
    word(SUPERVISORD, "killasgroup", "stop.group", Note::None),
    word(SUPERVISORD, "exitcodes", "success_codes", Note::None),
    word(SUPERVISORD, "priority", "after", Note::None),
    word(SUPERVISORD, "numprocs", "", Note::Text("write one file for each process")),
    word(SUPERVISORD, "processname", "", Note::Text("its name is that of its file: remove it")),
    word(SUPERVISORD, "redirectstderr", "", Note::Text("remove it: both streams go to the log")),
    word(SUPERVISORD, "stdoutlogfile", "log.directory", Note::None),
    word(SUPERVISORD, "stderrlogfile", "log.directory", Note::None),
    word(SUPERVISORD, "stdoutlogfilemaxbytes", "log.max_size", Note::Text("together with `directory`")),
    word(SUPERVISORD, "stdoutlogfilebackups", "log.keep", Note::Text("together with `directory`")),
    // servicedir of s6, source directories of s6-rc
    word(S6, "notificationfd", "ready.fd", Note::None),
    word(S6, "timeoutkill", "stop.timeout", Note::None),
    word(S6, "timeoutfinish", "", Note::Text("remove it: `finish` has 5s")),
    word(S6, "timeoutup", "ready.timeout", Note::Text("together with what makes it ready")),
    word(S6, "downsignal", "stop.signal", Note::None),
    word(S6, "maxdeathtally", "restart.limit", Note::None),
    word(S6, "flagessential", "essential", Note::None),
    word(S6, "producerfor", "pipe_to", Note::None),
    word(S6, "consumerfor", "pipe_to", Note::OtherService),
    word(S6, "dependenciesd", "requires", Note::None),
    word(S6, "run", "command", Note::None),
    // compose and supervisord
    word(ANY, "stopsignal", "stop.signal", Note::None),
    // runit, Horust, OpenRC, pebble, cron
    word(ANY, "before", "after", Note::OtherService),
    word(ANY, "boundingset", "capabilities", Note::None),
    word(ANY, "calendar", "at", Note::None),
    word(ANY, "caps", "capabilities", Note::None),
    word(ANY, "chdir", "directory", Note::None),
    word(ANY, "cmd", "command", Note::None),
    word(ANY, "cron", "at", Note::None),
    word(ANY, "cwd", "directory", Note::None),
    word(ANY, "depends", "requires", Note::None),
    word(ANY, "disabled", "enabled", Note::None),
    word(ANY, "dependencies", "requires", Note::None),
    word(ANY, "env", "environment", Note::None),
    word(ANY, "exec", "command", Note::None),
    word(ANY, "grace", "stop.timeout", Note::None),
    word(ANY, "need", "requires", Note::None),
    word(ANY, "needs", "requires", Note::None),
    word(ANY, "owner", "user", Note::None),
    word(ANY, "respawn", "restart", Note::None),
    word(ANY, "schedule", "at", Note::None),
    word(ANY, "shellcommand", "script", Note::None),
    word(ANY, "startafter", "after", Note::None),
    word(ANY, "wait", "wait_for", Note::None),
    word(ANY, "workdir", "directory", Note::None),
];

/// Foreign words in the container file.
#[rustfmt::skip] // a table: one word in one line
pub(super) const OF_CONTAINER: &[ForeignWord] = &[
    word(COMPOSE, "stopgraceperiod", "stop_timeout", Note::None),
    word(COMPOSE, "volumes", "own", Note::None),
    word(ANY, "chown", "own", Note::None),
    word(ANY, "puid", "app.uid", Note::None),
    word(ANY, "pgid", "app.gid", Note::None),
    word(ANY, "timeout", "stop_timeout", Note::None),
];

/// Sections of systemd's units (systemd.syntax(7)).
pub(super) const SECTIONS: [&str; 6] = ["Unit", "Service", "Install", "Timer", "Socket", "Path"];

/// Values of other systems: our key, their value, and what to write.
pub(super) const VALUES: [(&str, &str, &str); 13] = [
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
        "run the program in the foreground, where its first process stays (`nginx -g \"daemon off;\"`), and write `type = \
         \"longrun\"`",
    ),
    ("type", "bundle", "require the services themselves"),
];
