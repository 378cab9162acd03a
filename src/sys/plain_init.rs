//! A minimal init: one child; signals are forwarded to it and orphans are reaped, as tini, dumb-init and catatonit do it.
//! Only used under the names of those (`podman run --init`): no services, no configuration, no other user.
#![allow(unsafe_code)] // kill(2), waitpid(2), ioctl(2): realtime signals have no name in nix
#![allow(clippy::disallowed_methods)] // a process with one thread that only waits; there is no log

mod child;
mod kernel;
mod messages;
mod options;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{self, SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Pid, chdir, getsid};

use crate::sys::descriptors;
use kernel::{is_ignored, is_subreaper, name_of, prctl, set_default, wait_for};
use messages::{InitEvent, ProcessEnd, description};
pub use options::{Flavor, PlainInit};

/// Signals that stop a background job.
const STOP_SIGNALS: [i32; 3] = [libc::SIGTSTP, libc::SIGTTOU, libc::SIGTTIN];

impl PlainInit {
    /// Runs until the command exits, and returns its exit code: 128 plus the signal's number if it was killed by one.
    pub fn run(&self, command: Vec<OsString>) -> u8 {
        match self.run_command(command) {
            Ok(code) => code,
            Err((what, errno)) => {
                to_stderr(&self.fatal(&format!("{what}: {}", description(errno))));
                1
            }
        }
    }

    fn run_command(&self, command: Vec<OsString>) -> Result<u8, (&'static str, Errno)> {
        let at = |what| move |errno| (what, errno);
        if self.verbosity > 0 {
            self.first_lines.iter().for_each(|words| to_stderr(&self.fatal(words)));
        }
        // std has handlers for these two, for stack overflows, unless they were ignored; an init has the default.
        for fault in [signal::SIGSEGV, signal::SIGBUS] {
            if !is_ignored(fault as i32) {
                set_default(fault as i32);
            }
        }
        let (mine, mut before) = (self.blocked(), SigSet::empty());
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mine), Some(&mut before)).map_err(at("cannot block signals"))?;
        if let Some(signal) = self.parent_death {
            prctl(libc::PR_SET_PDEATHSIG, signal.number()).map_err(at("Failed to set up parent death signal"))?;
        }
        if self.subreaper {
            prctl(libc::PR_SET_CHILD_SUBREAPER, 1).map_err(at("Failed to register as child subreaper"))?;
            self.report(&InitEvent::Registered);
        }
        if std::process::id() != 1 && !is_subreaper() {
            self.report(&InitEvent::NotReaping);
        }
        let mut hand_offs =
            if self.flavor == Flavor::DumbInit && self.to_group { self.detach() } else { BTreeSet::new() };
        let child = if self.pauses { None } else { Some(self.spawn(command, &before)?) };
        self.release_filesystem();
        loop {
            let signal = wait_for(&mine);
            // catatonit and tini do not log signals that they do not forward.
            let kept = match self.flavor {
                Flavor::Tini => signal == libc::SIGTTIN || signal == libc::SIGTTOU,
                Flavor::Catatonit => STOP_SIGNALS.contains(&signal),
                Flavor::DumbInit => false,
            };
            if kept {
                self.report(&InitEvent::IgnoredStop);
                continue;
            }
            self.report(&InitEvent::Received { signal, name: &name_of(signal) });
            if hand_offs.remove(&signal) {
                self.report(&InitEvent::HandOff(signal));
            } else if signal != libc::SIGCHLD {
                match child {
                    Some(child) => self.forward(signal, child),
                    None if signal == libc::SIGTERM || signal == libc::SIGINT => return Ok(0),
                    None => {}
                }
            }
            if (signal == libc::SIGCHLD || self.flavor == Flavor::Tini)
                && let Some(code) = self.reap(child)
            {
                return Ok(code);
            }
        }
    }

    /// All signals, except faults of our own where the original does not block them.
    fn blocked(&self) -> SigSet {
        let mut blocked = SigSet::all();
        let faults = [
            signal::SIGFPE,
            signal::SIGILL,
            signal::SIGSEGV,
            signal::SIGBUS,
            signal::SIGABRT,
            signal::SIGTRAP,
            signal::SIGSYS,
        ];
        match self.flavor {
            Flavor::Tini | Flavor::Catatonit => faults.into_iter().for_each(|fault| blocked.remove(fault)),
            Flavor::DumbInit => {}
        }
        blocked
    }

    /// Gives up the terminal, for the child's session; returns the signals that the kernel sends us for that, once each.
    fn detach(&self) -> BTreeSet<i32> {
        // SAFETY: takes numbers only; without a terminal it is refused, which changes nothing.
        if let Err(errno) = Errno::result(unsafe { libc::ioctl(0, libc::TIOCNOTTY) }) {
            self.report(&InitEvent::NotDetached(errno));
            return BTreeSet::new();
        }
        let leader = getsid(None) == Ok(Pid::this());
        self.report(&InitEvent::Detached { leader });
        if leader { [libc::SIGHUP, libc::SIGCONT].into() } else { BTreeSet::new() }
    }

    /// Keeps no directory and no file busy where the original does not: a container runtime may want to unmount their file systems.
    fn release_filesystem(&self) {
        if self.flavor == Flavor::Tini {
            return;
        }
        if let Err(errno) = chdir("/") {
            self.report(&InitEvent::NotAtTheRoot(errno));
        }
        if self.flavor == Flavor::Catatonit {
            // SAFETY: this process uses no descriptor but the standard ones from here on.
            unsafe { descriptors::close(3, libc::c_int::MAX) };
        }
    }

    fn forward(&self, signal: i32, child: libc::pid_t) {
        let stops = self.flavor == Flavor::DumbInit && STOP_SIGNALS.contains(&signal);
        // No other process of that session could continue it; so it is stopped for good, and we with it.
        let rewritten = self.rewrites.get(&signal).copied().or((stops && self.to_group).then_some(libc::SIGSTOP));
        self.send(signal, rewritten, child);
        if stops {
            self.report(&InitEvent::Suspending);
            // SAFETY: takes numbers only. As PID 1 it does nothing.
            unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
        }
    }

    fn send(&self, signal: i32, rewritten: Option<i32>, child: libc::pid_t) {
        if let Some(to) = rewritten {
            self.report(&InitEvent::Translated { from: signal, to });
        }
        let signal = rewritten.unwrap_or(signal);
        if signal == 0 {
            self.report(&InitEvent::NotForwarded);
            return;
        }
        let to = if self.to_group { -child } else { child };
        // SAFETY: takes numbers only; the child is ours and not reaped, so the number is its own.
        if let Err(cause) = Errno::result(unsafe { libc::kill(to, signal) }) {
            self.report(&InitEvent::NotSent { signal, to, cause });
        }
        self.report(&InitEvent::Forwarded(signal));
    }

    /// Reaps all exited children; returns the exit code when the command has exited.
    fn reap(&self, child: Option<libc::pid_t>) -> Option<u8> {
        let mut code = None;
        loop {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            if pid <= 0 {
                self.report(&InitEvent::AllReaped { alone: pid < 0 });
                if let Some(code) = code {
                    self.report(&InitEvent::Exiting(code));
                }
                return code;
            }
            let number = libc::WTERMSIG(status);
            let name = name_of(number);
            let (end, ended) = if libc::WIFEXITED(status) {
                (ProcessEnd::Exit(libc::WEXITSTATUS(status)), libc::WEXITSTATUS(status))
            } else {
                (ProcessEnd::Signal { number, name: &name }, 128 + number)
            };
            let main = Some(pid) == child;
            self.report(&InitEvent::Reaped { pid, end, main });
            if !main {
                continue;
            }
            let ended = u8::try_from(ended).unwrap_or(u8::MAX);
            let ended = if self.success_codes.contains(&ended) { 0 } else { ended };
            if self.flavor == Flavor::DumbInit {
                // Processes that the command leaves are killed with it.
                self.send(libc::SIGTERM, self.rewrites.get(&libc::SIGTERM).copied(), pid);
                self.report(&InitEvent::Exiting(ended));
                return Some(ended);
            }
            code = Some(ended);
        }
    }

    fn report(&self, event: &InitEvent<'_>) {
        for (to_stdout, line) in self.lines(event) {
            if to_stdout {
                // A reader that is gone must not end us.
                let _written = std::io::stdout().write_all(line.as_bytes());
            } else {
                to_stderr(&line);
            }
        }
    }
}

/// A reader that is gone must not end us.
fn to_stderr(line: &str) {
    let _written = std::io::stderr().write_all(line.as_bytes());
}
