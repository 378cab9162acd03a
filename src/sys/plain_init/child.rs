//! The start of the command, as each of the replaced inits does it.
#![allow(unsafe_code)] // fork(2), tcsetpgrp(3), ioctl(2)

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, Pid, execvp, fork, getppid, setpgid, setsid};

use super::options::{Flavor, PlainInit};
use crate::sys::plain_init::kernel::set_default;
use crate::sys::plain_init::messages::{InitEvent, description};
use crate::sys::plain_init::to_stderr;

impl PlainInit {
    /// Starts it; `mask`: the signal mask that we were started with.
    pub(super) fn spawn(&self, command: Vec<OsString>, mask: &SigSet) -> Result<libc::pid_t, (&'static str, Errno)> {
        let nul = |_| ("a command cannot hold a NUL byte", Errno::EINVAL);
        let words: Vec<_> =
            command.into_iter().map(|word| CString::new(word.into_vec())).collect::<Result<_, _>>().map_err(nul)?;
        let name = words.first().cloned().unwrap_or_default();
        // SAFETY: this process has one thread.
        match unsafe { fork() }.map_err(|errno| ("fork failed", errno))? {
            ForkResult::Parent { child } => {
                self.report(&InitEvent::Spawned { name: &name.to_string_lossy(), pid: child.as_raw() });
                Ok(child.as_raw())
            }
            ForkResult::Child => {
                self.isolate();
                // What std ignores would stay ignored.
                set_default(libc::SIGPIPE);
                let mask = match self.flavor {
                    // It passes on neither ignored nor blocked signals: it has handlers for all.
                    Flavor::DumbInit => {
                        (1..=31).for_each(set_default);
                        SigSet::empty()
                    }
                    Flavor::Tini | Flavor::Catatonit => *mask,
                };
                let _restored = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
                let errno = execvp(&name, &words).err().unwrap_or(Errno::ENOENT);
                // SAFETY: ends this process, without what the parent would do at its end.
                unsafe { libc::_exit(i32::from(self.cannot_execute(&name.to_string_lossy(), errno))) }
            }
        }
    }

    /// A process group of its own, in the foreground of the terminal if there is one; dumb-init creates a session.
    fn isolate(&self) {
        let report_failure = |result: Result<i32, Errno>| {
            if let Err(errno) = result {
                self.report(&InitEvent::NoTerminal(errno));
            }
        };
        match self.flavor {
            Flavor::DumbInit if self.to_group => {
                let _session = setsid();
                // SAFETY: takes numbers only; without a terminal it is refused, which changes nothing.
                report_failure(Errno::result(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) }));
                self.report(&InitEvent::NewSession);
            }
            Flavor::DumbInit => {}
            Flavor::Tini | Flavor::Catatonit => {
                if self.flavor == Flavor::Catatonit {
                    set_listen_pid();
                }
                let _group = setpgid(Pid::this(), Pid::this());
                // SAFETY: takes numbers only; TTOU is blocked, so it cannot stop us, and without a terminal it is refused.
                report_failure(Errno::result(unsafe { libc::tcsetpgrp(0, libc::getpid()) }));
            }
        }
    }

    fn cannot_execute(&self, name: &str, errno: Errno) -> u8 {
        let (what, code) = match (self.flavor, errno) {
            (Flavor::Tini, Errno::ENOENT) => (format!("exec {name} failed"), 127),
            (Flavor::Tini, Errno::EACCES) => (format!("exec {name} failed"), 126),
            (Flavor::Tini, _) => (format!("exec {name} failed"), 1),
            (Flavor::DumbInit, _) => (name.to_owned(), 2),
            (Flavor::Catatonit, _) => ("failed to exec pid1".to_owned(), 1),
        };
        to_stderr(&self.fatal(&format!("{what}: {}", description(errno))));
        code
    }
}

/// Passed sockets (`LISTEN_FDS`) are for the child: LISTEN_PID must be its pid.
fn set_listen_pid() {
    let ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid.parse() == Ok(getppid().as_raw()));
    if ours {
        // SAFETY: this process has one thread.
        unsafe { std::env::set_var("LISTEN_PID", Pid::this().to_string()) };
    }
}
