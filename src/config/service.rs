//! [`Service`]: one service with every default filled in, whichever format it came from (TOML, an s6 directory).
//! Must not know files or formats.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::calendar::Calendar;
use super::probe::{Health, Probe};
pub use super::values::GroupRef;
use super::values::{CapSet, Gid, LogFormat, ServiceName, Signal, Uid, UserName};
use crate::error::Place;

/// s6 gives a finish script five seconds (`timeout-finish`, s6-supervise).
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause after a crash that was not the first after a stable run (DESIGN §4).
pub const RESTART_DELAY: Duration = Duration::from_secs(1);
/// The shortest pause: no delay at all would make a broken service a busy loop. (s6 waits a second.)
pub const MIN_RESTART_DELAY: Duration = Duration::from_millis(100);
/// The longest pause; delays double up to it.
pub const RESTART_MAX_DELAY: Duration = Duration::from_secs(30);
/// Failures in a row until a service is *failed*.
pub const RESTART_LIMIT: u32 = 10;
/// `log.max_size`.
pub const LOG_MAX_SIZE: u64 = 10 << 20;
/// `log.keep`.
pub const LOG_KEEP: u32 = 10;
/// A run this long is stable: the count starts again.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);

/// One service, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The file's or directory's name.
    pub name: ServiceName,
    /// The file that declares it, for problems found later (a missing requirement, a missing program).
    pub at: Place,
    /// Longrun or oneshot.
    pub kind: Kind,
    /// What is run.
    pub command: Command,
    /// Must be up (longrun) or done (oneshot) first; stops after this one.
    pub requires: Vec<ServiceName>,
    /// Order only, when both are wanted.
    pub after: Vec<ServiceName>,
    /// As whom.
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
    /// `NAME=value` lines read at each start.
    pub environment_file: Option<PathBuf>,
    /// When it is started again.
    pub restart: Restart,
    /// Exit codes that count as success; always holds 0 unless the user wrote otherwise.
    pub success_codes: Vec<u8>,
    /// When it ends for good, the container ends with its code. Default: true for oneshots.
    pub essential: bool,
    /// What makes it *ready*.
    pub ready: Ready,
    /// Things outside the container that must be there before it starts.
    pub wait_for: Vec<Probe>,
    /// A oneshot runs again this long after its last start; `None`: once.
    pub every: Option<Duration>,
    /// A oneshot runs when one of these times comes, and not at the start.
    pub calendar: Option<Calendar>,
    /// What it is asked while it is up.
    pub health: Option<Health>,
    /// How it re-reads its configuration; `None`: it cannot.
    pub reload: Option<Reload>,
    /// The service whose standard input its standard output is.
    pub pipe_to: Option<ServiceName>,
    /// How its lines are written, where it is not as the container says.
    pub log: Log,
    /// How it is stopped.
    pub stop: Stop,
    /// What undoes a oneshot that is done, at the stop.
    pub stop_command: Option<Command>,
    /// Run after each end, with exit code (256 if signalled), signal number, name and pgid as arguments (s6).
    pub finish: Option<Finish>,
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
    /// What happens to a service with another user when the container has no root.
    pub without_root: WithoutRoot,
    /// Not started at boot (an s6 `down` file); can be started by hand.
    pub down: bool,
}

impl Service {
    /// Returns a longrun of the app user that is run once and of which nothing else is known.
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
            environment_file: None,
            restart: Restart {
                policy: RestartPolicy::Never,
                delay: RESTART_DELAY,
                max_delay: RESTART_MAX_DELAY,
                limit: None,
            },
            success_codes: vec![0],
            essential: false,
            ready: Ready::Started,
            wait_for: Vec::new(),
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
            down: false,
        }
    }

    /// Returns what it runs beside its command, each with the key that it stands in. A oneshot's `finish` is none: what
    /// ends once needs no clearing up between two runs.
    pub fn helpers(&self) -> Vec<(&'static str, Command)> {
        let finish = self.finish.as_ref().filter(|_| self.kind == Kind::Longrun).map(|finish| finish.command.clone());
        let ready = match &self.ready {
            Ready::Probe { probe, .. } => probe.command(),
            Ready::Started | Ready::Fd { .. } | Ready::Notify { .. } | Ready::Delay(_) => None,
        };
        let reload = match &self.reload {
            Some(Reload::Command(words)) => Some(words.clone()),
            Some(Reload::Signal(_)) | None => None,
        };
        let health = self.health.as_ref().and_then(|health| health.probe.command());
        let stop_command = self.stop_command.clone();
        let argv = [ready, health, reload].map(|words| words.map(Command::Argv));
        let all = [finish, stop_command].into_iter().chain(argv);
        HELPER_KEYS.into_iter().zip(all).filter_map(|(key, command)| Some((key, command?))).collect()
    }
}

/// The keys of [`Service::helpers`], in their order.
pub const HELPER_KEYS: [&str; 5] = ["finish", "stop_command", "ready.command", "health.command", "reload.command"];

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
}

/// As whom a service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The app user, as everything by default.
    App,
    /// uid 0.
    Root,
    /// An account of `/etc/passwd`, with its groups.
    Account(UserName),
    /// Numbers, with no supplementary groups.
    Ids(Uid, Gid),
}

/// When a longrun is started again, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// After which ends.
    pub policy: RestartPolicy,
    /// The first pause.
    pub delay: Duration,
    /// Pauses double up to this one.
    pub max_delay: Duration,
    /// Failures in a row until it is failed; `None`: never (also an s6 directory without `max-death-tally`, as under s6).
    pub limit: Option<u32>,
}

/// After which ends a longrun is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Whatever its exit.
    Always,
    /// After a code that is not in `success_codes`, or a signal.
    OnFailure,
    /// Never.
    Never,
}

/// What makes a longrun ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Its program was executed.
    Started,
    /// It wrote a newline to this descriptor (s6 `notification-fd`), within the timeout if there is one.
    Fd {
        /// The number that it has in the service, 3 or more.
        fd: i32,
        /// After this long without readiness the start counts as failed.
        timeout: Option<Duration>,
    },
    /// It said READY=1 (sd_notify(3)).
    Notify {
        /// As above.
        timeout: Option<Duration>,
        /// It says at least this often that it is alive (WATCHDOG=1); `None`: only if it asks for that itself.
        watchdog: Option<Duration>,
    },
    /// The question is answered well.
    Probe {
        /// The question.
        probe: Probe,
        /// The longest pause between two looks.
        interval: Duration,
        /// As above.
        timeout: Option<Duration>,
    },
    /// It has lived this long.
    Delay(Duration),
}

/// How a service re-reads its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// A signal to its first process.
    Signal(Signal),
    /// A command of its user's.
    Command(Vec<OsString>),
}

/// How a service's lines are written; what is `None` is as the container says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// On the container's output.
    pub format: Option<LogFormat>,
    /// Into files there, instead of the container's output.
    pub directory: Option<LogDirectory>,
}

/// Log files: `current`, and older ones named by their time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirectory {
    /// The directory; made if it is missing.
    pub path: PathBuf,
    /// `current` is renamed before it grows beyond this many bytes.
    pub max_size: u64,
    /// So many older files are kept.
    pub keep: u32,
    /// Older files are removed at this age; `None`: at none.
    pub max_age: Option<Duration>,
    /// Whether older files are compressed.
    pub compress: bool,
}

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Sent first (followed by CONT, for a stopped process).
    pub signal: Signal,
    /// Then KILL after this long; `None`: as long as the budget of the whole stop allows.
    pub timeout: Option<Duration>,
    /// To the whole process group, not only to its first process.
    pub group: bool,
}

/// What runs after each end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The program.
    pub command: Command,
    /// Then KILL; `None`: no limit (s6 `timeout-finish` 0).
    pub timeout: Option<Duration>,
}

/// One resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which one.
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

/// What happens to a service with `user = "root"` (or another account) when the container has no root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutRoot {
    /// Runs as the user that there is; the report says so.
    Run,
    /// Is left out, and what requires it is told so.
    Skip,
    /// The container does not start.
    Fail,
}
