//! `s6-notifyoncheck`: executes a service, and says that it is ready when a check succeeds, which a child runs again and
//! again until the service ends. In the service's directory, as under s6-supervise; no other process is asked.

use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid, pipe2, read, write};

use crate::config::s6_overlay::VERSION_TWO_LIST;
use crate::config::shebang;
use crate::error::{EXIT_REFUSED, EXIT_WRONG};
use crate::plan::exec_failure::ExecFailure;
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::chain;
use crate::s6_commands::failure::{Failure, errno_text};
use crate::s6_commands::options::LongOption;
use crate::s6_commands::waiting::{self, BlockedSignals, Moment};
use crate::sys::exec_chain::{Ended, close_fd, end_of, fork_chain, fork_twice, inherited, wait};
use crate::sys::exec_failure;
use crate::sys::executable::ChildSetup;

const SYNOPSIS: &str = "s6-notifyoncheck [ -d ] [ -3 fd ] [ -s initialsleep ] [ -T globaltimeout ] [ -t localtimeout ] [ -w \
                        waitingtime ] [ -n tries ] [ -c \"checkprog...\" ] prog...";
/// Where the number of the descriptor stands.
const NOTIFICATION_FD: &str = "notification-fd";
const CHECK: &str = "./data/check";
/// How the child prints.
const CHILD: &str = "s6-notifyoncheck (child)";

/// When the check is run, in milliseconds.
struct Schedule {
    first: u64,
    /// 0: never again.
    pause: u64,
    /// 0: without an end.
    total: u64,
    /// 0: a check may take as long as it does.
    each: u64,
    /// `None`: without an end.
    tries: Option<u32>,
}

const LONG: [LongOption; 8] = [
    ("doublefork", b'd'),
    ("notification-fd", b'3'),
    ("initial-sleep", b's'),
    ("global-timeout", b'T'),
    ("local-timeout", b't'),
    ("waiting-time", b'w'),
    ("tries", b'n'),
    ("check-program", b'c'),
];

/// Executes the service.
pub(super) fn s6_notifyoncheck(mut call: Call) -> CommandResult {
    let mut schedule = Schedule { first: 10, pause: 1000, total: 0, each: 0, tries: Some(7) };
    let (mut is_double, mut fd, mut check) = (false, None, vec![CHECK.into()]);
    for (letter, value) in call.long_options("d3:s:T:t:w:n:c:", &LONG, SYNOPSIS)? {
        let read = || number(&value).ok_or_else(|| Failure::usage(SYNOPSIS));
        match letter {
            b'd' => is_double = true,
            b'3' => fd = Some(read()?),
            b's' => schedule.first = u64::from(read()?),
            b'T' => schedule.total = u64::from(read()?),
            b't' => schedule.each = u64::from(read()?),
            b'w' => schedule.pause = u64::from(read()?),
            b'n' => schedule.tries = Some(read()?).filter(|tries| *tries > 0),
            _ => check = vec!["execlineb".into(), "-Pc".into(), value],
        }
    }
    if check == [Argument::from(CHECK)] {
        check = by_interpreter().unwrap_or(check);
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let fd = match fd {
        Some(fd) => fd,
        None => declared()?,
    };
    let fd = i32::try_from(fd).map_err(|_| Failure::usage(SYNOPSIS))?;
    if let Err(errno) = fcntl(inherited(fd), FcntlArg::F_GETFD) {
        return Err(Failure::fatal(
            EXIT_REFUSED,
            format!("notification-fd sanity check failed: {}", errno_text(errno)),
        ));
    }
    let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| Failure::unable("pipe", errno))?;
    let service = getpid();
    let child = || match run_checks(&call, &check, &schedule, service, fd, &write_end) {
        Ok(code) => code,
        Err(failure) => {
            chain::report(CHILD, &failure);
            failure.code
        }
    };
    if is_double {
        fork_twice(child).map_err(|errno| Failure::unable("doublefork", errno))?;
    } else {
        fork_chain(child).map_err(|errno| Failure::unable("fork", errno))?;
    }
    drop(write_end);
    close_fd(fd);
    // The child must watch this process before another one can have its number.
    match read(&read_end, &mut [0]) {
        Ok(1) => call.exec(),
        Ok(_) | Err(_) => Err(Failure::fatal(EXIT_REFUSED, "unable to synchronize with child")),
    }
}

/// Returns the interpreter of a check without an execute bit, which s6-overlay 2 sets at each start; `None`: the check is
/// executed, as with s6-overlay 3.
fn by_interpreter() -> Option<Vec<Argument>> {
    // Not where its mount is noexec, as any other script.
    let refusal = || exec_failure::explain(Errno::EACCES, Path::new(CHECK));
    if !Path::new(VERSION_TWO_LIST).exists() || !matches!(refusal(), ExecFailure::NoExecuteBit(_)) {
        return None;
    }
    let argv = shebang::argv(&fs::read(CHECK).ok()?)?;
    Some(argv.into_iter().map(OsString::into_vec).chain([CHECK.into()]).collect())
}

/// The descriptor that the service's directory declares.
fn declared() -> Result<u32, Failure> {
    let text = fs::read(NOTIFICATION_FD).map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
        Failure::unable(format!("read ./{NOTIFICATION_FD}"), errno)
    })?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    number(line).ok_or_else(|| Failure::fatal(EXIT_WRONG, format!("invalid ./{NOTIFICATION_FD}")))
}

/// In the child: what is known of the service and of the check that runs.
struct Watch<'a> {
    signals: BlockedSignals,
    /// `None`: the kernel has none, and the service is looked for by its number.
    service: Option<OwnedFd>,
    pid: Pid,
    call: &'a Call,
}

/// What came first.
#[derive(PartialEq, Eq)]
enum CheckEvent {
    ServiceEnded,
    CheckEnded(Ended),
    Time,
}

/// Exit code 0: the service is ready; 1: it was not after so many tries; 2: it ended; 3: not in time.
fn run_checks(
    call: &Call,
    check: &[Argument],
    schedule: &Schedule,
    service: Pid,
    fd: i32,
    write_end: &OwnedFd,
) -> Result<u8, Failure> {
    let refused = |errno| Failure::unable("wait", errno);
    let signals = BlockedSignals::block(&[Signal::SIGCHLD]).map_err(refused)?;
    let watch = Watch { signals, service: end_of(service.as_raw()), pid: service, call };
    write(write_end, b"\n").map_err(|errno| Failure::unable("synchronize with parent", errno))?;
    let end = moment_after(schedule.total).map_err(refused)?;
    let mut pause = waiting::after(schedule.first).map_err(refused)?;
    let mut tries = schedule.tries;
    while tries != Some(0) {
        tries = tries.map(|tries| tries - 1);
        match watch.until(None, waiting::earlier(pause, end)).map_err(refused)? {
            CheckEvent::ServiceEnded => return Ok(2),
            CheckEvent::CheckEnded(_) | CheckEvent::Time if is_over(end) => return Ok(3),
            CheckEvent::CheckEnded(_) | CheckEvent::Time => {}
        }
        if let Some(pid) = watch.start(check) {
            let limit = waiting::earlier(moment_after(schedule.each).map_err(refused)?, end);
            let event = watch.until(Some(pid), limit).map_err(refused)?;
            if event == CheckEvent::CheckEnded(Ended::Exited(0)) {
                let _closed = write(inherited(fd), b"\n");
                return Ok(0);
            }
            if event == CheckEvent::ServiceEnded || event == CheckEvent::Time {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
            if event == CheckEvent::ServiceEnded {
                return Ok(2);
            }
            if is_over(end) {
                return Ok(3);
            }
        }
        pause = moment_after(schedule.pause).map_err(refused)?;
    }
    Ok(1)
}

/// 0 means never.
fn moment_after(milliseconds: u64) -> Result<Moment, Errno> {
    if milliseconds == 0 { Ok(None) } else { waiting::after(milliseconds) }
}

fn is_over(end: Moment) -> bool {
    end.is_some_and(|end| waiting::now().is_ok_and(|now| now >= end))
}

/// How often the service is looked for where the kernel has no pidfds.
const LOOK: u64 = 500;

impl Watch<'_> {
    /// Starts the check; says why not.
    fn start(&self, check: &[Argument]) -> Option<i32> {
        let started =
            self.call.spawn(check, &self.call.environment, ChildSetup::Blocked(self.signals.blocked_before()));
        match started {
            Ok(pid) => Some(pid),
            Err(errno) => {
                let failure = Failure {
                    text: format!(
                        "warning: unable to spawn {}: {}",
                        crate::text::shown_bytes(&check[0]),
                        errno_text(errno)
                    ),
                    ..Failure::wrong("")
                };
                chain::report(CHILD, &failure);
                None
            }
        }
    }

    /// Waits for the end of the service, for that of the check, or for a moment.
    fn until(&self, check: Option<i32>, moment: Moment) -> Result<CheckEvent, Errno> {
        loop {
            while self.signals.next()?.is_some() {}
            while let Ok(Some((pid, ended))) = wait(-1, false) {
                if Some(pid) == check {
                    return Ok(CheckEvent::CheckEnded(ended));
                }
            }
            if is_over(moment) {
                return Ok(CheckEvent::Time);
            }
            let signals = (self.signals.descriptor(), PollFlags::POLLIN);
            let is_gone = match &self.service {
                Some(service) => waiting::until([signals, (service.as_fd(), PollFlags::POLLIN)], moment)?[1],
                None => {
                    waiting::until([signals], waiting::earlier(moment, waiting::after(LOOK)?)).map(drop)?;
                    kill(self.pid, None) == Err(Errno::ESRCH)
                }
            };
            if is_gone {
                return Ok(CheckEvent::ServiceEnded);
            }
        }
    }
}
