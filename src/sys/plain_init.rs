//! An init and nothing else: one child, whose signals are passed on and whose orphans are reaped, as tini, dumb-init and
//! catatonit do it. For the names of those alone (`podman run --init`): no services, no configuration, no other user.
#![allow(unsafe_code)] // kill(2), waitpid(2), ioctl(2): realtime signals have no name in nix
#![allow(clippy::disallowed_methods)] // a process of one thread that only waits; there is no log

mod child;
mod kernel;
mod options;
mod said;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{self, SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Pid, chdir, getsid};

use crate::sys::descriptors;
use kernel::{is_ignored, is_subreaper, name_of, prctl, set_default, wait_for};
pub use options::{Flavor, PlainInit};
use said::{End, Event, description};

/// What a background job is stopped with.
const STOPS: [i32; 3] = [libc::SIGTSTP, libc::SIGTTOU, libc::SIGTTIN];

impl PlainInit {
    /// Lives as long as the command, and returns its exit code: 128 and the signal's number if one ended it.
    pub fn run(&self, command: Vec<OsString>) -> u8 {
        match self.live(command) {
            Ok(code) => code,
            Err((what, errno)) => {
                to_stderr(&self.fatal(&format!("{what}: {}", description(errno))));
                1
            }
        }
    }

    fn live(&self, command: Vec<OsString>) -> Result<u8, (&'static str, Errno)> {
        let at = |what| move |errno| (what, errno);
        if self.verbosity > 0 {
            self.first_words.iter().for_each(|words| to_stderr(&self.fatal(words)));
        }
        // std has handlers for these two, for its own stack, unless they were ignored; an init has the kernel's default.
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
            self.tell(&Event::Registered);
        }
        if std::process::id() != 1 && !is_subreaper() {
            self.tell(&Event::NotReaping);
        }
        let mut hand_offs =
            if self.flavor == Flavor::DumbInit && self.to_group { self.detach() } else { BTreeSet::new() };
        let child = if self.pauses { None } else { Some(self.spawn(command, &before)?) };
        self.let_go();
        loop {
            let signal = wait_for(&mine);
            // catatonit and tini say nothing of what they keep for themselves.
            let kept = match self.flavor {
                Flavor::Tini => signal == libc::SIGTTIN || signal == libc::SIGTTOU,
                Flavor::Catatonit => STOPS.contains(&signal),
                Flavor::DumbInit => false,
            };
            if kept {
                self.tell(&Event::IgnoredStop);
                continue;
            }
            self.tell(&Event::Received { signal, name: &name_of(signal) });
            if hand_offs.remove(&signal) {
                self.tell(&Event::HandOff(signal));
            } else if signal != libc::SIGCHLD {
                match child {
                    Some(child) => self.pass_on(signal, child),
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

    /// Everything, but for what the kernel says of our own faults where the original leaves that out.
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

    /// Lets the terminal go, for the child's session; returns the signals that the kernel sends us for that, once each.
    fn detach(&self) -> BTreeSet<i32> {
        // SAFETY: takes numbers only; without a terminal it is refused, which changes nothing.
        if let Err(errno) = Errno::result(unsafe { libc::ioctl(0, libc::TIOCNOTTY) }) {
            self.tell(&Event::NotDetached(errno));
            return BTreeSet::new();
        }
        let leader = getsid(None) == Ok(Pid::this());
        self.tell(&Event::Detached { leader });
        if leader { [libc::SIGHUP, libc::SIGCONT].into() } else { BTreeSet::new() }
    }

    /// Keeps no directory and no file busy where the original does not: an engine may want to unmount what they lie on.
    fn let_go(&self) {
        if self.flavor == Flavor::Tini {
            return;
        }
        if let Err(errno) = chdir("/") {
            self.tell(&Event::NotAtTheRoot(errno));
        }
        if self.flavor == Flavor::Catatonit {
            // SAFETY: this process uses no descriptor but the standard ones from here on.
            unsafe { descriptors::close(3, libc::c_int::MAX) };
        }
    }

    fn pass_on(&self, signal: i32, child: libc::pid_t) {
        let stops = self.flavor == Flavor::DumbInit && STOPS.contains(&signal);
        // Nobody else in that session could continue them; so they are stopped for good, and we with them.
        let rewritten = self.rewrites.get(&signal).copied().or((stops && self.to_group).then_some(libc::SIGSTOP));
        self.send(signal, rewritten, child);
        if stops {
            self.tell(&Event::Suspending);
            // SAFETY: takes numbers only. As PID 1 it does nothing.
            unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
        }
    }

    fn send(&self, signal: i32, rewritten: Option<i32>, child: libc::pid_t) {
        if let Some(to) = rewritten {
            self.tell(&Event::Translated { from: signal, to });
        }
        let signal = rewritten.unwrap_or(signal);
        if signal == 0 {
            self.tell(&Event::NotForwarded);
            return;
        }
        let to = if self.to_group { -child } else { child };
        // SAFETY: takes numbers only; the child is ours and not reaped, so the number is its own.
        if let Err(cause) = Errno::result(unsafe { libc::kill(to, signal) }) {
            self.tell(&Event::NotSent { signal, to, cause });
        }
        self.tell(&Event::Forwarded(signal));
    }

    /// Reaps all that has ended; returns the exit code once the child has.
    fn reap(&self, child: Option<libc::pid_t>) -> Option<u8> {
        let mut code = None;
        loop {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            if pid <= 0 {
                self.tell(&Event::AllReaped { alone: pid < 0 });
                if let Some(code) = code {
                    self.tell(&Event::Exiting(code));
                }
                return code;
            }
            let number = libc::WTERMSIG(status);
            let name = name_of(number);
            let (end, ended) = if libc::WIFEXITED(status) {
                (End::Exit(libc::WEXITSTATUS(status)), libc::WEXITSTATUS(status))
            } else {
                (End::Signal { number, name: &name }, 128 + number)
            };
            let main = Some(pid) == child;
            self.tell(&Event::Reaped { pid, end, main });
            if !main {
                continue;
            }
            let ended = u8::try_from(ended).unwrap_or(u8::MAX);
            let ended = if self.as_success.contains(&ended) { 0 } else { ended };
            if self.flavor == Flavor::DumbInit {
                // What the child leaves ends with it.
                self.send(libc::SIGTERM, self.rewrites.get(&libc::SIGTERM).copied(), pid);
                self.tell(&Event::Exiting(ended));
                return Some(ended);
            }
            code = Some(ended);
        }
    }

    fn tell(&self, event: &Event<'_>) {
        for (to_stdout, line) in self.words(event) {
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
