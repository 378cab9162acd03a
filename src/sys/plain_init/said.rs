//! What each of the replaced inits says of what happens, at which level, word for word: their users search logs for it.
//! Must not do anything.

use nix::errno::Errno;
use nix::libc;

use super::options::{Flavor, PlainInit};
use crate::error::cause_words;

/// Something that one of them tells.
pub(super) enum Event<'a> {
    /// Orphans come to us although we are not PID 1.
    Registered,
    /// They do not.
    NotReaping,
    /// dumb-init let its terminal go; `leader`: it led the session, so the kernel sends HUP and CONT.
    Detached { leader: bool },
    /// It had none.
    NotDetached(Errno),
    /// The child could not have the terminal.
    NoTerminal(Errno),
    /// The child has a session.
    NewSession,
    /// The child runs.
    Spawned { name: &'a str, pid: i32 },
    /// The root directory could not become ours.
    NotAtTheRoot(Errno),
    /// A signal came.
    Received { signal: i32, name: &'a str },
    /// It is the kernel's, about a terminal that was let go.
    HandOff(i32),
    /// It is about us as a background job.
    IgnoredStop,
    /// One became another.
    Translated { from: i32, to: i32 },
    /// It was sent.
    Forwarded(i32),
    /// It was not to be sent.
    NotForwarded,
    /// It could not be sent.
    NotSent { signal: i32, to: i32, cause: Errno },
    /// We stop with the child.
    Suspending,
    /// Somebody was reaped: the child (`main`), or an orphan.
    Reaped { pid: i32, end: End<'a>, main: bool },
    /// There is nobody else to reap; `alone`: and no child at all.
    AllReaped { alone: bool },
    /// The child has ended.
    Exiting(u8),
}

/// How a process ended.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    /// With a code.
    Exit(i32),
    /// By a signal.
    Signal { number: i32, name: &'a str },
}

/// From which verbosity on it is said: tini's five levels; the others have one, at 1.
const WARN: u8 = 1;
const INFO: u8 = 2;
const DEBUG: u8 = 3;
const TRACE: u8 = 4;

const NOT_REAPING: &str = "Tini is not running as PID 1 and isn't registered as a child subreaper.
Zombie processes will not be re-parented to Tini, so zombie reaping won't work.
To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to register Tini as a child subreaper, or run Tini as PID 1.";

/// A line, and whether it is for standard output.
pub(super) type Said = (bool, String);

impl PlainInit {
    /// Returns the lines about an event that the verbosity lets through.
    pub(super) fn words(&self, event: &Event<'_>) -> Vec<Said> {
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
        let heard = lines.into_iter().filter(|(level, _)| self.verbosity >= least(*level));
        heard.map(|(level, text)| (self.flavor == Flavor::Tini && level >= INFO, line(level, pid, &text))).collect()
    }

    /// Returns the line about what ends it, which is always said.
    pub(super) fn fatal(&self, what: &str) -> String {
        let pid = std::process::id();
        match self.flavor {
            Flavor::Tini => format!("[FATAL tini ({pid})] {what}\n"),
            Flavor::DumbInit => format!("[dumb-init] {what}\n"),
            Flavor::Catatonit => format!("ERROR (catatonit:{pid}): {what}\n"),
        }
    }

    fn tini(&self, event: &Event<'_>) -> Vec<(u8, String)> {
        let line = match event {
            Event::Registered => (TRACE, "Registered as child subreaper".to_owned()),
            Event::NotReaping => (WARN, NOT_REAPING.to_owned()),
            Event::NoTerminal(Errno::ENXIO) => (DEBUG, "tcsetpgrp failed: no such device (ok to proceed)".to_owned()),
            Event::NoTerminal(_) => (DEBUG, "tcsetpgrp failed: no tty (ok to proceed)".to_owned()),
            Event::Spawned { name, pid } => (INFO, format!("Spawned child process '{name}' with pid '{pid}'")),
            Event::Received { signal: libc::SIGCHLD, .. } => (DEBUG, "Received SIGCHLD".to_owned()),
            Event::Received { name, .. } => (DEBUG, format!("Passing signal: '{name}'")),
            Event::NotSent { cause: Errno::ESRCH, .. } => (WARN, "Child was dead when forwarding signal".to_owned()),
            Event::NotSent { cause, .. } => {
                (WARN, format!("Unexpected error when forwarding signal: '{}'", description(*cause)))
            }
            Event::Reaped { pid, end, main } => {
                let ended = match (main, end) {
                    (true, End::Exit(code)) => (INFO, format!("Main child exited normally (with status '{code}')")),
                    (true, End::Signal { name, .. }) => {
                        (INFO, format!("Main child exited with signal (with signal '{name}')"))
                    }
                    (false, _) if self.warns_of_reaped => (WARN, format!("Reaped zombie process with pid={pid}")),
                    (false, _) => return vec![(DEBUG, format!("Reaped child with pid: '{pid}'"))],
                };
                return vec![(DEBUG, format!("Reaped child with pid: '{pid}'")), ended];
            }
            Event::AllReaped { alone: true } => (TRACE, "No child to wait".to_owned()),
            Event::AllReaped { alone: false } => (TRACE, "No child to reap".to_owned()),
            Event::Exiting(_) => (TRACE, "Exiting: child has exited".to_owned()),
            Event::Detached { .. }
            | Event::NotDetached(_)
            | Event::NewSession
            | Event::NotAtTheRoot(_)
            | Event::HandOff(_)
            | Event::IgnoredStop
            | Event::Translated { .. }
            | Event::Forwarded(_)
            | Event::NotForwarded
            | Event::Suspending => return Vec::new(),
        };
        vec![line]
    }
}

fn dumb_init(event: &Event<'_>) -> Vec<(u8, String)> {
    let numbered = |errno: &Errno| format!("(errno={} {})", *errno as i32, description(*errno));
    let line = match event {
        Event::Detached { leader: true } => {
            "Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.".to_owned()
        }
        Event::Detached { leader: false } => "Detached from controlling tty, but was not session leader.".to_owned(),
        Event::NotDetached(errno) => format!("Unable to detach from controlling tty {}.", numbered(errno)),
        Event::NoTerminal(errno) => format!("Unable to attach to controlling tty {}.", numbered(errno)),
        Event::NewSession => "setsid complete.".to_owned(),
        Event::Spawned { pid, .. } => format!("Child spawned with PID {pid}."),
        Event::NotAtTheRoot(errno) => format!("Unable to chdir(\"/\") {}", numbered(errno)),
        Event::Received { signal, .. } => format!("Received signal {signal}."),
        Event::HandOff(signal) => format!("Ignoring tty hand-off signal {signal}."),
        Event::Translated { from, to } => format!("Translating signal {from} to {to}."),
        Event::Forwarded(signal) => format!("Forwarded signal {signal} to children."),
        Event::NotForwarded => "Not forwarding signal 0 to children (ignored).".to_owned(),
        Event::Suspending => "Suspending self due to TTY signal.".to_owned(),
        Event::Reaped { pid, end: End::Exit(code), .. } => {
            format!("A child with PID {pid} exited with exit status {code}.")
        }
        Event::Reaped { pid, end: End::Signal { number, .. }, .. } => {
            format!("A child with PID {pid} was terminated by signal {number}.")
        }
        Event::Exiting(code) => format!("Child exited with status {code}. Goodbye."),
        Event::Registered
        | Event::NotReaping
        | Event::IgnoredStop
        | Event::NotSent { .. }
        | Event::AllReaped { .. } => return Vec::new(),
    };
    vec![(DEBUG, line)]
}

fn catatonit(event: &Event<'_>) -> Vec<(u8, String)> {
    let line = match event {
        Event::NoTerminal(Errno::ENXIO) => (DEBUG, "setting foreground process failed: no such device".to_owned()),
        Event::NoTerminal(errno) => {
            (DEBUG, format!("setting foreground process failed: no tty present: {}", description(*errno)))
        }
        Event::Spawned { name, pid } => (DEBUG, format!("pid1 ({pid}) spawned: {name}")),
        Event::IgnoredStop => (DEBUG, "ignoring kernel attempting to stop us: tty has TOSTOP set".to_owned()),
        Event::NotSent { signal, to, cause } => {
            (WARN, format!("forwarding of signal {signal} to pid1 ({to}) failed: {}", description(*cause)))
        }
        Event::Reaped { pid, end: End::Exit(code), main: false } => {
            (DEBUG, format!("child process {pid} exited with code {code}"))
        }
        Event::Reaped { pid, end: End::Signal { number, .. }, main: false } => {
            (DEBUG, format!("child process {pid} exited due to signal {number}"))
        }
        Event::AllReaped { alone: true } => (DEBUG, "got ECHILD: no children left to monitor".to_owned()),
        Event::Reaped { main: true, .. }
        | Event::AllReaped { alone: false }
        | Event::Registered
        | Event::NotReaping
        | Event::Detached { .. }
        | Event::NotDetached(_)
        | Event::NewSession
        | Event::NotAtTheRoot(_)
        | Event::Received { .. }
        | Event::HandOff(_)
        | Event::Translated { .. }
        | Event::Forwarded(_)
        | Event::NotForwarded
        | Event::Suspending
        | Event::Exiting(_) => return Vec::new(),
    };
    vec![line]
}

/// The C library's description, which the originals print; nix has others for some.
pub(super) fn description(errno: Errno) -> String {
    cause_words(&errno.into())
}
