//! The log messages of each of the replaced inits and their levels, word for word: their users search logs for them. Pure.

use nix::errno::Errno;
use nix::libc;

use super::options::{Flavor, PlainInit};
use crate::error::cause_text;

/// An event that one of them logs.
pub(super) enum InitEvent<'a> {
    /// We are a child subreaper.
    Registered,
    /// We are neither PID 1 nor a subreaper.
    NotReaping,
    /// dumb-init gave up its terminal; `leader`: it led the session, so the kernel sends HUP and CONT.
    Detached { leader: bool },
    /// It had no terminal.
    NotDetached(Errno),
    /// The child could not get the terminal.
    NoTerminal(Errno),
    /// The child has a new session.
    NewSession,
    /// The child was started.
    Spawned { name: &'a str, pid: i32 },
    /// Changing to the root directory failed.
    NotAtTheRoot(Errno),
    /// A signal came.
    Received { signal: i32, name: &'a str },
    /// A signal of the kernel about the given up terminal was ignored.
    HandOff(i32),
    /// A stop signal for us as a background job was ignored.
    IgnoredStop,
    /// A signal was replaced by another one.
    Translated { from: i32, to: i32 },
    /// A signal was sent.
    Forwarded(i32),
    /// A signal was not forwarded.
    NotForwarded,
    /// A signal could not be sent.
    NotSent { signal: i32, to: i32, cause: Errno },
    /// We stop with the child.
    Suspending,
    /// A process was reaped: the child (`main`), or an orphan.
    Reaped { pid: i32, end: ProcessEnd<'a>, main: bool },
    /// There is no other exited process; `alone`: there are no children.
    AllReaped { alone: bool },
    /// The child has exited.
    Exiting(u8),
}

/// How a process exited.
#[derive(Clone, Copy)]
pub(super) enum ProcessEnd<'a> {
    /// With a code.
    Exit(i32),
    /// By a signal.
    Signal { number: i32, name: &'a str },
}

/// The verbosity from which a message is logged: tini's five levels; the others have one, at 1.
const WARN: u8 = 1;
const INFO: u8 = 2;
const DEBUG: u8 = 3;
const TRACE: u8 = 4;

const NOT_REAPING: &str = "Tini is not running as PID 1 and isn't registered as a child subreaper.
Zombie processes will not be re-parented to Tini, so zombie reaping won't work.
To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to register Tini as a child subreaper, or run Tini as PID 1.";

/// A line, and whether it goes to standard output.
pub(super) type OutputLine = (bool, String);

impl PlainInit {
    /// Returns the lines about an event that the verbosity allows.
    pub(super) fn lines(&self, event: &InitEvent<'_>) -> Vec<OutputLine> {
        let pid = std::process::id();
        let (lines, line): (_, fn(u8, u32, &str) -> String) = match self.flavor {
            Flavor::Tini => (self.tini(event), |level, pid, text| {
                let level = ["FATAL", "WARN ", "INFO ", "DEBUG", "TRACE"].get(usize::from(level)).unwrap_or(&"TRACE");
                format!("[{level} tini ({pid})] {text}\n")
            }),
            Flavor::DumbInit => (dumb_init(event), |_, _, text| format!("[dumb-init] {text}\n")),
            Flavor::Catatonit => (catatonit(event), |level, pid, text| {
                let level = if level == WARN { "WARN" } else { "DEBUG" };
                format!("{level} (catatonit:{pid}): {text}\n")
            }),
        };
        let least = |level: u8| if self.flavor == Flavor::Tini { level } else { 1 };
        let printed = lines.into_iter().filter(|(level, _)| self.verbosity >= least(*level));
        printed.map(|(level, text)| (self.flavor == Flavor::Tini && level >= INFO, line(level, pid, &text))).collect()
    }

    /// Returns the line about a fatal error, which is always logged.
    pub(super) fn fatal(&self, what: &str) -> String {
        let pid = std::process::id();
        match self.flavor {
            Flavor::Tini => format!("[FATAL tini ({pid})] {what}\n"),
            Flavor::DumbInit => format!("[dumb-init] {what}\n"),
            Flavor::Catatonit => format!("ERROR (catatonit:{pid}): {what}\n"),
        }
    }

    fn tini(&self, event: &InitEvent<'_>) -> Vec<(u8, String)> {
        let line = match event {
            InitEvent::Registered => (TRACE, "Registered as child subreaper".to_owned()),
            InitEvent::NotReaping => (WARN, NOT_REAPING.to_owned()),
            InitEvent::NoTerminal(Errno::ENXIO) => {
                (DEBUG, "tcsetpgrp failed: no such device (ok to proceed)".to_owned())
            }
            InitEvent::NoTerminal(_) => (DEBUG, "tcsetpgrp failed: no tty (ok to proceed)".to_owned()),
            InitEvent::Spawned { name, pid } => (INFO, format!("Spawned child process '{name}' with pid '{pid}'")),
            InitEvent::Received { signal: libc::SIGCHLD, .. } => (DEBUG, "Received SIGCHLD".to_owned()),
            InitEvent::Received { name, .. } => (DEBUG, format!("Passing signal: '{name}'")),
            InitEvent::NotSent { cause: Errno::ESRCH, .. } => {
                (WARN, "Child was dead when forwarding signal".to_owned())
            }
            InitEvent::NotSent { cause, .. } => {
                (WARN, format!("Unexpected error when forwarding signal: '{}'", description(*cause)))
            }
            InitEvent::Reaped { pid, end, main } => {
                let ended = match (main, end) {
                    (true, ProcessEnd::Exit(code)) => {
                        (INFO, format!("Main child exited normally (with status '{code}')"))
                    }
                    (true, ProcessEnd::Signal { name, .. }) => {
                        (INFO, format!("Main child exited with signal (with signal '{name}')"))
                    }
                    (false, _) if self.warns_on_reap => (WARN, format!("Reaped zombie process with pid={pid}")),
                    (false, _) => return vec![(DEBUG, format!("Reaped child with pid: '{pid}'"))],
                };
                return vec![(DEBUG, format!("Reaped child with pid: '{pid}'")), ended];
            }
            InitEvent::AllReaped { alone: true } => (TRACE, "No child to wait".to_owned()),
            InitEvent::AllReaped { alone: false } => (TRACE, "No child to reap".to_owned()),
            InitEvent::Exiting(_) => (TRACE, "Exiting: child has exited".to_owned()),
            InitEvent::Detached { .. }
            | InitEvent::NotDetached(_)
            | InitEvent::NewSession
            | InitEvent::NotAtTheRoot(_)
            | InitEvent::HandOff(_)
            | InitEvent::IgnoredStop
            | InitEvent::Translated { .. }
            | InitEvent::Forwarded(_)
            | InitEvent::NotForwarded
            | InitEvent::Suspending => return Vec::new(),
        };
        vec![line]
    }
}

fn dumb_init(event: &InitEvent<'_>) -> Vec<(u8, String)> {
    let numbered = |errno: &Errno| format!("(errno={} {})", *errno as i32, description(*errno));
    let line = match event {
        InitEvent::Detached { leader: true } => {
            "Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.".to_owned()
        }
        InitEvent::Detached { leader: false } => {
            "Detached from controlling tty, but was not session leader.".to_owned()
        }
        InitEvent::NotDetached(errno) => format!("Unable to detach from controlling tty {}.", numbered(errno)),
        InitEvent::NoTerminal(errno) => format!("Unable to attach to controlling tty {}.", numbered(errno)),
        InitEvent::NewSession => "setsid complete.".to_owned(),
        InitEvent::Spawned { pid, .. } => format!("Child spawned with PID {pid}."),
        InitEvent::NotAtTheRoot(errno) => format!("Unable to chdir(\"/\") {}", numbered(errno)),
        InitEvent::Received { signal, .. } => format!("Received signal {signal}."),
        InitEvent::HandOff(signal) => format!("Ignoring tty hand-off signal {signal}."),
        InitEvent::Translated { from, to } => format!("Translating signal {from} to {to}."),
        InitEvent::Forwarded(signal) => format!("Forwarded signal {signal} to children."),
        InitEvent::NotForwarded => "Not forwarding signal 0 to children (ignored).".to_owned(),
        InitEvent::Suspending => "Suspending self due to TTY signal.".to_owned(),
        InitEvent::Reaped { pid, end: ProcessEnd::Exit(code), .. } => {
            format!("A child with PID {pid} exited with exit status {code}.")
        }
        InitEvent::Reaped { pid, end: ProcessEnd::Signal { number, .. }, .. } => {
            format!("A child with PID {pid} was terminated by signal {number}.")
        }
        InitEvent::Exiting(code) => format!("Child exited with status {code}. Goodbye."),
        InitEvent::Registered
        | InitEvent::NotReaping
        | InitEvent::IgnoredStop
        | InitEvent::NotSent { .. }
        | InitEvent::AllReaped { .. } => return Vec::new(),
    };
    vec![(DEBUG, line)]
}

fn catatonit(event: &InitEvent<'_>) -> Vec<(u8, String)> {
    let line = match event {
        InitEvent::NoTerminal(Errno::ENXIO) => (DEBUG, "setting foreground process failed: no such device".to_owned()),
        InitEvent::NoTerminal(errno) => {
            (DEBUG, format!("setting foreground process failed: no tty present: {}", description(*errno)))
        }
        InitEvent::Spawned { name, pid } => (DEBUG, format!("pid1 ({pid}) spawned: {name}")),
        InitEvent::IgnoredStop => (DEBUG, "ignoring kernel attempting to stop us: tty has TOSTOP set".to_owned()),
        InitEvent::NotSent { signal, to, cause } => {
            (WARN, format!("forwarding of signal {signal} to pid1 ({to}) failed: {}", description(*cause)))
        }
        InitEvent::Reaped { pid, end: ProcessEnd::Exit(code), main: false } => {
            (DEBUG, format!("child process {pid} exited with code {code}"))
        }
        InitEvent::Reaped { pid, end: ProcessEnd::Signal { number, .. }, main: false } => {
            (DEBUG, format!("child process {pid} exited due to signal {number}"))
        }
        InitEvent::AllReaped { alone: true } => (DEBUG, "got ECHILD: no children left to monitor".to_owned()),
        InitEvent::Reaped { main: true, .. }
        | InitEvent::AllReaped { alone: false }
        | InitEvent::Registered
        | InitEvent::NotReaping
        | InitEvent::Detached { .. }
        | InitEvent::NotDetached(_)
        | InitEvent::NewSession
        | InitEvent::NotAtTheRoot(_)
        | InitEvent::Received { .. }
        | InitEvent::HandOff(_)
        | InitEvent::Translated { .. }
        | InitEvent::Forwarded(_)
        | InitEvent::NotForwarded
        | InitEvent::Suspending
        | InitEvent::Exiting(_) => return Vec::new(),
    };
    vec![line]
}

/// The C library's description, which the originals print; nix has others for some.
pub(super) fn description(errno: Errno) -> String {
    cause_text(&errno.into())
}
