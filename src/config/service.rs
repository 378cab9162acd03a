//! [`Service`]: one service with every default filled in, from any format (TOML, an s6 directory).
//! Must not know files or formats.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::calendar::Calendar;
use super::probe::{Health, Probe};
use super::restart::{Restart, RestartPolicy};
use super::s6_overlay::{S6Origin, S6Overlay};
use super::search_path::PathSource;
use super::success_codes::SuccessCodes;
pub use super::values::GroupRef;
use super::values::{CapSet, Gid, LogFormat, ServiceName, Signal, Uid, UserName};
use crate::error::Place;

/// s6 gives a finish script five seconds (`timeout-finish`, s6-supervise).
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(5);
/// `log.max_size`.
pub const LOG_MAX_SIZE: u64 = 10 << 20;
/// `log.keep`.
pub const LOG_KEEP: u32 = 10;

/// One service, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The file's or directory's name.
    pub name: ServiceName,
    /// The file that declares it, for problems found later (a missing requirement, a missing program).
    pub at: Place,
    /// Longrun or oneshot.
    pub kind: Kind,
    /// Its command.
    pub command: Command,
    /// Must be up (longrun) or done (oneshot) first; stops after this one.
    pub requires: Vec<ServiceName>,
    /// Order only, when both are wanted.
    pub after: Vec<ServiceName>,
    /// Its user.
    pub user: RunAs,
    /// Supplementary groups instead of the account's; `None`: the account's own.
    pub groups: Option<Vec<GroupRef>>,
    /// Given as ambient capabilities.
    pub capabilities: CapSet,
    /// The working directory; `None`: `/` (an s6 directory: itself).
    pub directory: Option<PathBuf>,
    /// Added to the container's environment.
    pub environment: BTreeMap<String, String>,
    /// Start from an empty environment instead of the container's.
    pub clear_environment: bool,
    /// The secrets that it asks for; `None`: it asks for none in particular.
    pub secrets: Option<Vec<String>>,
    /// `NAME=value` lines read at each start.
    pub environment_file: Option<PathBuf>,
    /// When it is restarted.
    pub restart: Restart,
    /// Exit codes that count as success; 0 unless configured otherwise.
    pub success_codes: SuccessCodes,
    /// When it has ended and is not restarted, the container ends with its code. Default: true for oneshots.
    pub essential: bool,
    /// Its readiness check.
    pub ready: Ready,
    /// Probes of things outside the container that must succeed before it starts.
    pub wait_for: Vec<Probe>,
    /// A oneshot that has not ended this long after its start is ended, and has failed; `None`: no limit.
    pub timeout: Option<Duration>,
    /// A oneshot runs again this long after its last start; `None`: once.
    pub every: Option<Duration>,
    /// A oneshot runs at these times, and not at the start.
    pub calendar: Option<Box<Calendar>>,
    /// Its health check.
    pub health: Option<Box<Health>>,
    /// How it re-reads its configuration; `None`: not supported.
    pub reload: Option<Box<Reload>>,
    /// The service that reads its standard output as standard input.
    pub pipe_to: Option<ServiceName>,
    /// Its log settings, as far as they differ from the container's.
    pub log: Log,
    /// How it is stopped.
    pub stop: Stop,
    /// The command that undoes a oneshot, at the stop.
    pub stop_command: Option<Box<Command>>,
    /// Run after each exit, with exit code (256 if signalled), signal number, name and pgid as arguments (s6).
    pub finish: Option<Box<Finish>>,
    /// Resource limits.
    pub limits: Vec<Limit>,
    /// Niceness, -20 to 19; below 0 counts as privilege.
    pub nice: Option<i32>,
    /// -1000 to 1000; lower than inherited counts as privilege.
    pub oom_score_adj: Option<i32>,
    /// File mode creation mask; `None`: the container's.
    pub umask: Option<u32>,
    /// `no_new_privs` in the service. Default true.
    pub no_new_privileges: bool,
    /// What to do with a service of another user if the container has no root.
    pub without_root: WithoutRoot,
    /// Where it comes from, in an image made for s6-overlay; `None`: it is a native service.
    pub s6: Option<S6Origin>,
    /// Whether it is started at boot (false: an s6 `down` file); otherwise manually, or when what is started requires it.
    pub enabled: bool,
}

impl Service {
    /// Returns whether it is a script of `/etc/cont-init.d`.
    pub fn is_init_script(&self) -> bool {
        self.s6 == Some(S6Origin::InitScript)
    }

    /// Returns a longrun of the app user that is run once, with defaults.
    pub fn plain(name: ServiceName, command: Command) -> Self {
        Self {
            name,
            at: Place::Machine,
            kind: Kind::Longrun,
            command,
            requires: Vec::new(),
            after: Vec::new(),
            user: RunAs::App,
            groups: None,
            capabilities: CapSet::EMPTY,
            directory: None,
            environment: BTreeMap::new(),
            clear_environment: false,
            secrets: None,
            environment_file: None,
            restart: Restart { limit: None, ..Restart::standard(RestartPolicy::Never) },
            success_codes: SuccessCodes::default(),
            essential: false,
            ready: Ready::Executed,
            wait_for: Vec::new(),
            timeout: None,
            every: None,
            calendar: None,
            health: None,
            reload: None,
            pipe_to: None,
            log: Log::default(),
            stop: Stop { signal: Signal::TERM, timeout: None, group: false },
            stop_command: None,
            finish: None,
            limits: Vec::new(),
            nice: None,
            oom_score_adj: None,
            umask: None,
            no_new_privileges: true,
            without_root: WithoutRoot::Run,
            s6: None,
            enabled: true,
        }
    }

    /// Returns which PATH it has, unless it has more rights than the app user: it then has what is safe of it.
    pub fn path_source(&self) -> PathSource<'_> {
        match self.environment.get("PATH") {
            Some(path) => PathSource::Declared(OsStr::new(path)),
            // Also without S6_KEEP_ENV: it is the one variable that s6-overlay keeps.
            None if self.s6.is_some() => PathSource::Container,
            None if self.clear_environment => PathSource::Default,
            None => PathSource::Container,
        }
    }

    /// Returns whether it gets the container's variables: a service of s6-overlay only if the image keeps them (`s6`).
    pub fn inherits_variables(&self, s6: Option<&S6Overlay>) -> bool {
        !self.clear_environment && (self.s6.is_none() || s6.is_none_or(|s6| s6.keep_env))
    }

    /// Returns its programs besides the command, each with its key. Not the `finish` of a oneshot, which needs no cleanup
    /// between two runs.
    pub fn auxiliary_commands(&self) -> Vec<(&'static str, Command)> {
        let finish = self.finish.as_ref().filter(|_| self.kind == Kind::Longrun).map(|finish| finish.command.clone());
        let ready = match &self.ready {
            Ready::Probe { probe, .. } => probe.command(),
            Ready::Executed | Ready::Fd { .. } | Ready::Notify { .. } | Ready::Delay(_) => None,
        };
        let reload = match self.reload.as_deref() {
            Some(Reload::Command(argv)) => Some(argv.clone()),
            Some(Reload::Signal(_)) | None => None,
        };
        let health = self.health.as_ref().and_then(|health| health.probe.command());
        let stop_command = self.stop_command.as_deref().cloned();
        let argv = [ready, health, reload].map(|argv| argv.map(Command::Argv));
        let all = [finish, stop_command].into_iter().chain(argv);
        AUXILIARY_KEYS.into_iter().zip(all).filter_map(|(key, command)| Some((key, command?))).collect()
    }
}

/// The keys of [`Service::auxiliary_commands`], in their order.
pub const AUXILIARY_KEYS: [&str; 5] = ["finish", "stop_command", "ready.command", "health.command", "reload.command"];

/// The two kinds of service (s6-rc).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A daemon.
    Longrun,
    /// Runs to its end once.
    Oneshot,
}

/// What a service executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A program and its arguments; the program is looked up in the service's PATH if it has no slash.
    Argv(Vec<OsString>),
    /// Run by `/bin/sh -e -c`.
    Script(String),
    /// A script file executed by its path with the service's name as its argument (s6 `run`, `finish`, `up`).
    File(PathBuf),
    /// Nothing: a oneshot that is done as soon as what it requires is there (an empty s6-rc `up`).
    Nothing,
}

/// The user of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The app user, the default.
    App,
    /// uid 0.
    Root,
    /// An account of `/etc/passwd`, with its groups.
    Account(UserName),
    /// Numbers, with no supplementary groups.
    Ids(Uid, Gid),
}

/// The readiness check of a longrun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Its program was executed.
    Executed,
    /// It wrote a newline to this descriptor (s6 `notification-fd`), within the timeout if there is one.
    Fd {
        /// Its number in the service, 3 or more.
        fd: i32,
        /// When it is not ready after this time the start has failed.
        timeout: Option<Duration>,
    },
    /// It sent READY=1 (sd_notify(3)).
    Notify {
        /// As above.
        timeout: Option<Duration>,
        /// How often it must send WATCHDOG=1 at least; `None`: only if it enables the watchdog itself.
        watchdog: Option<Duration>,
    },
    /// A probe succeeded.
    Probe {
        /// The probe.
        probe: Box<Probe>,
        /// The longest interval between two probes.
        interval: Duration,
        /// As above.
        timeout: Option<Duration>,
    },
    /// It has been running for this time.
    Delay(Duration),
}

/// How a service re-reads its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// A signal to its main process.
    Signal(Signal),
    /// A command, run as its user.
    Command(Vec<OsString>),
}

/// The log settings of a service; `None`: the container's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The format on the container's output.
    pub format: Option<LogFormat>,
    /// Log files instead of the container's output.
    pub directory: Option<Box<LogDirectory>>,
}

/// Log files: `current`, and older ones named by their time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirectory {
    /// The directory; created if it is missing.
    pub path: PathBuf,
    /// `current` is rotated before it grows beyond this many bytes.
    pub max_size: u64,
    /// The number of older files that are kept.
    pub keep: u32,
    /// Older files are removed at this age; `None`: never.
    pub max_age: Option<Duration>,
    /// Whether older files are compressed.
    pub compress: bool,
}

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The signal that is sent first (followed by CONT, for a stopped process).
    pub signal: Signal,
    /// KILL is sent after this time; `None`: when the budget of the whole stop ends.
    pub timeout: Option<Duration>,
    /// Whether it is sent to the whole process group, not only to the main process.
    pub group: bool,
}

/// The program that runs after each exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The program.
    pub command: Command,
    /// KILL is sent after this time; `None`: no limit (s6 `timeout-finish` 0).
    pub timeout: Option<Duration>,
}

/// One resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The resource.
    pub resource: Resource,
    /// `None`: infinity.
    pub soft: Option<u64>,
    /// `None`: infinity.
    pub hard: Option<u64>,
}

/// The resources of setrlimit(2) that a service may limit, by their names there in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the names are setrlimit(2)'s
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

/// What to do with a service with `user = "root"` (or another account) if the container has no root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutRoot {
    /// Run it as the present user; the report says so.
    Run,
    /// Skip it, and fail services that require it.
    Skip,
    /// Do not start the container.
    Fail,
}
