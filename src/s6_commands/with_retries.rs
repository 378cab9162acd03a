//! `with-retries` of s6-overlay: runs a program until it succeeds, at most so many times and each time no longer than it may
//! take. It does not wait between two tries, nor for a program that did not end in time and was told to.

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::failure::{Failure, errno_text};
use crate::s6_commands::waiting::{self, BlockedSignals, Moment};
use crate::sys::exec_chain::{Ended, wait};
use crate::sys::executable::ChildSetup;
use crate::text::shown_bytes;

const SYNOPSIS: &str = "with-retries [ -n tries ] [ -t milliseconds ] prog...";
/// What the original has without options.
const TRIES: u32 = 3;
/// In milliseconds.
const TIME: u32 = 500;

/// Runs the program; exit 0 when it succeeded, 1 when no try did.
pub(super) fn with_retries(mut call: Call) -> CommandResult {
    // The original is a script of execline, whose options end with 1.
    let wrong = || Failure { code: 1, ..Failure::usage(SYNOPSIS) };
    let (mut tries, mut time) = (TRIES, TIME);
    for (letter, value) in call.options("n:t:", SYNOPSIS).map_err(|_| wrong())? {
        let value = number(&value).ok_or_else(wrong)?;
        match letter {
            b'n' => tries = value,
            _ => time = value,
        }
    }
    if call.arguments.is_empty() {
        return Err(wrong());
    }
    let signals = BlockedSignals::block(&[Signal::SIGCHLD]).map_err(|errno| Failure::unable("wait", errno))?;
    for _ in 0..tries {
        if succeeds(&call, &signals, time)? {
            return Ok(0);
        }
    }
    Ok(1)
}

/// Tries once, and says why the program did not come to an end of its own.
fn succeeds(call: &Call, signals: &BlockedSignals, time: u32) -> Result<bool, Failure> {
    let refused = |errno| Failure::unable("wait", errno);
    let program = shown_bytes(call.arguments.first().map(Vec::as_slice).unwrap_or_default());
    let before = ChildSetup::Blocked(signals.blocked_before());
    let pid = match call.spawn(&call.arguments, &call.environment, before) {
        Ok(pid) => pid,
        Err(errno) => {
            call.warn(format!("unable to spawn {program}: {}", errno_text(errno)));
            return Ok(false);
        }
    };
    // 0 means that there is no limit.
    let end = if time == 0 { None } else { waiting::after(u64::from(time)).map_err(refused)? };
    match end_of(pid, signals, end).map_err(refused)? {
        Some(Ended::Exited(code)) => Ok(code == 0),
        Some(Ended::Killed(signal)) => {
            call.warn(format!("{program} crashed with signal {signal}"));
            Ok(false)
        }
        None => {
            call.warn(format!("{program} did not end within {time} ms"));
            let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
            Ok(false)
        }
    }
}

/// Waits for the end of a child; `None`: the moment came before. Those of earlier tries are collected too.
fn end_of(child: i32, signals: &BlockedSignals, moment: Moment) -> Result<Option<Ended>, Errno> {
    loop {
        while signals.next()?.is_some() {}
        while let Ok(Some((pid, ended))) = wait(-1, false) {
            if pid == child {
                return Ok(Some(ended));
            }
        }
        if let Some(end) = moment
            && waiting::now()? >= end
        {
            return Ok(None);
        }
        waiting::until([(signals.descriptor(), PollFlags::POLLIN)], moment)?;
    }
}
