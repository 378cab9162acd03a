//! An init and nothing else: one child, whose signals are passed on and whose orphans are reaped, as tini, dumb-init and
//! catatonit do it. For the names of those alone (`podman run --init`): no services, no configuration, no other user.
#![allow(unsafe_code)] // fork(2), sigwaitinfo(2), waitpid(2): realtime signals have no name in nix
#![allow(clippy::disallowed_methods)] // a process of one thread that only waits; there is no log

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{self, SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, execvp, fork, setpgid, setsid};

use crate::config::values::Signal;

/// Whose ways it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// tini, `docker-init`.
    Tini,
    /// dumb-init.
    DumbInit,
    /// catatonit, `podman-init`.
    Catatonit,
}

/// What it was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainInit {
    /// Whose ways.
    pub flavor: Flavor,
    /// Signals go to the child's process group.
    pub to_group: bool,
    /// Orphans come to us although we are not PID 1.
    pub subreaper: bool,
    /// What we get when our parent ends.
    pub parent_death: Option<Signal>,
    /// Exit codes that become 0.
    pub as_success: BTreeSet<u8>,
    /// Signals that are passed on as another one; 0: not at all.
    pub rewrites: BTreeMap<i32, i32>,
    /// Each orphan that is reaped is told.
    pub warns_of_reaped: bool,
    /// How much is told.
    pub verbosity: u8,
    /// No child: wait for TERM or INT.
    pub pauses: bool,
}

impl PlainInit {
    /// Returns one without any flag.
    pub fn of(flavor: Flavor) -> Self {
        Self {
            flavor,
            to_group: false,
            subreaper: false,
            parent_death: None,
            as_success: BTreeSet::new(),
            rewrites: BTreeMap::new(),
            warns_of_reaped: false,
            verbosity: 0,
            pauses: false,
        }
    }

    /// Lives as long as the command, and returns its exit code: 128 and the signal's number if one ended it.
    pub fn run(&self, command: Vec<OsString>) -> u8 {
        match self.live(command) {
            Ok(code) => code,
            Err((what, errno)) => {
                self.fatal(&format!("{what}: {}", errno.desc()));
                1
            }
        }
    }

    fn live(&self, command: Vec<OsString>) -> Result<u8, (&'static str, Errno)> {
        let at = |what| move |errno| (what, errno);
        // std has handlers for these two, for its own stack; an init has the kernel's default.
        for fault in [signal::SIGSEGV, signal::SIGBUS] {
            // SAFETY: SIG_DFL is no code of ours.
            unsafe { signal::signal(fault, signal::SigHandler::SigDfl) }.map_err(at("cannot set signal handlers"))?;
        }
        let (mine, mut before) = (self.blocked(), SigSet::empty());
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mine), Some(&mut before)).map_err(at("cannot block signals"))?;
        if let Some(signal) = self.parent_death {
            prctl(libc::PR_SET_PDEATHSIG, signal.number()).map_err(at("cannot set the parent death signal"))?;
        }
        if self.subreaper {
            prctl(libc::PR_SET_CHILD_SUBREAPER, 1).map_err(at("cannot become a subreaper"))?;
        } else if self.flavor == Flavor::Tini && std::process::id() != 1 && self.verbosity > 0 {
            say(&format!("{}{NOT_FIRST}", self.prefix("WARN ")));
        }
        let child = if self.pauses { None } else { Some(self.spawn(command, &before)?) };
        loop {
            let signal = wait_for(&mine);
            if signal == libc::SIGCHLD {
                if let Some(code) = self.reap(child) {
                    return Ok(code);
                }
                continue;
            }
            match child {
                Some(child) => self.pass_on(signal, child),
                None if signal == libc::SIGTERM || signal == libc::SIGINT => return Ok(0),
                None => {}
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

    fn spawn(&self, command: Vec<OsString>, mask: &SigSet) -> Result<libc::pid_t, (&'static str, Errno)> {
        let nul = |_| ("a command cannot hold a NUL byte", Errno::EINVAL);
        let words: Vec<_> =
            command.into_iter().map(|word| CString::new(word.into_vec())).collect::<Result<_, _>>().map_err(nul)?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }.map_err(|errno| ("cannot fork", errno))? {
            ForkResult::Parent { child } => Ok(child.as_raw()),
            ForkResult::Child => {
                self.isolate();
                // What std ignores would stay ignored.
                for signal in [signal::SIGPIPE, signal::SIGTTIN, signal::SIGTTOU] {
                    // SAFETY: SIG_DFL is no code of ours.
                    let _set = unsafe { signal::signal(signal, signal::SigHandler::SigDfl) };
                }
                let _restored = sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None);
                let name = words.first().cloned().unwrap_or_default();
                let errno = execvp(&name, &words).err().unwrap_or(Errno::ENOENT);
                // SAFETY: ends this process, without what the parent would do at its end.
                unsafe { libc::_exit(i32::from(self.cannot_execute(&name.to_string_lossy(), errno))) }
            }
        }
    }

    /// A process group of its own, in front of the terminal if there is one; dumb-init makes a session.
    fn isolate(&self) {
        match self.flavor {
            Flavor::DumbInit if self.to_group => {
                let _session = setsid();
                // SAFETY: takes numbers only; without a terminal it is refused, which changes nothing.
                unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
            }
            Flavor::DumbInit => {}
            Flavor::Tini | Flavor::Catatonit => {
                let _group = setpgid(nix::unistd::Pid::this(), nix::unistd::Pid::this());
                // SAFETY: takes numbers only; TTOU is blocked, so it cannot stop us, and without a terminal it is refused.
                unsafe { libc::tcsetpgrp(0, libc::getpid()) };
            }
        }
    }

    fn cannot_execute(&self, name: &str, errno: Errno) -> u8 {
        match self.flavor {
            Flavor::Tini => {
                self.fatal(&format!("exec {name} failed: {}", errno.desc()));
                match errno {
                    Errno::ENOENT => 127,
                    Errno::EACCES => 126,
                    _ => 1,
                }
            }
            Flavor::DumbInit => {
                say(&format!("[dumb-init] {name}: {}", errno.desc()));
                2
            }
            Flavor::Catatonit => {
                self.fatal(&format!("failed to exec pid1: {}", errno.desc()));
                1
            }
        }
    }

    fn pass_on(&self, signal: i32, child: libc::pid_t) {
        const FROM_THE_TERMINAL: [i32; 3] = [libc::SIGTSTP, libc::SIGTTOU, libc::SIGTTIN];
        let stops = FROM_THE_TERMINAL.contains(&signal);
        let default = match self.flavor {
            // They are about us, who are behind the child at the terminal.
            Flavor::Catatonit if stops => return,
            Flavor::Tini if signal == libc::SIGTTIN || signal == libc::SIGTTOU => return,
            // Nobody else in that session could continue them; so they are stopped for good, and we with them.
            Flavor::DumbInit if stops && self.to_group => libc::SIGSTOP,
            Flavor::Tini | Flavor::DumbInit | Flavor::Catatonit => signal,
        };
        let passed = self.rewrites.get(&signal).copied().unwrap_or(default);
        if passed > 0 {
            self.send(passed, child);
        }
        if self.flavor == Flavor::DumbInit && stops {
            // SAFETY: takes numbers only. As PID 1 it does nothing.
            unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
        }
    }

    fn send(&self, signal: i32, child: libc::pid_t) {
        let to = if self.to_group { -child } else { child };
        // SAFETY: takes numbers only; the child is ours and not reaped, so the number is its own.
        unsafe { libc::kill(to, signal) };
    }

    /// Reaps all that has ended; returns the exit code once the child has.
    fn reap(&self, child: Option<libc::pid_t>) -> Option<u8> {
        let mut code = None;
        loop {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            if pid <= 0 {
                return code;
            }
            if Some(pid) != child {
                if self.warns_of_reaped && self.verbosity > 0 {
                    say(&format!("{}Reaped zombie process with pid={pid}", self.prefix("WARN ")));
                }
                continue;
            }
            let ended = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
            let ended = u8::try_from(ended).unwrap_or(u8::MAX);
            code = Some(if self.as_success.contains(&ended) { 0 } else { ended });
            if self.flavor == Flavor::DumbInit {
                // What the child leaves ends with it.
                let term = self.rewrites.get(&libc::SIGTERM).copied().unwrap_or(libc::SIGTERM);
                self.send(term, pid);
                return code;
            }
        }
    }

    fn fatal(&self, what: &str) {
        match self.flavor {
            Flavor::Tini => say(&format!("{}{what}", self.prefix("FATAL"))),
            Flavor::DumbInit => say(&format!("[dumb-init] {what}")),
            Flavor::Catatonit => say(&format!("ERROR (catatonit:{}): {what}", std::process::id())),
        }
    }

    fn prefix(&self, level: &str) -> String {
        format!("[{level} tini ({})] ", std::process::id())
    }
}

const NOT_FIRST: &str = "Tini is not running as PID 1 and isn't registered as a child subreaper.
Zombie processes will not be re-parented to Tini, so zombie reaping won't work.
To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to register Tini as a child subreaper, or run Tini as PID 1.";

/// One line, at once. Where nobody takes it there is nowhere else to say it.
fn say(line: &str) {
    let _nobody = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn wait_for(signals: &SigSet) -> i32 {
    loop {
        // SAFETY: the set outlives the call, and no information is asked for.
        let signal = unsafe { libc::sigwaitinfo(signals.as_ref(), std::ptr::null_mut()) };
        if signal > 0 {
            return signal;
        }
    }
}

fn prctl(option: i32, value: i32) -> Result<(), Errno> {
    // SAFETY: both options take one number.
    Errno::result(unsafe { libc::prctl(option, value, 0, 0, 0) }).map(drop)
}
