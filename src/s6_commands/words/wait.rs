//! `wait`: for children that earlier programs of the chain have left.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::time::{ClockId, clock_gettime};

use crate::s6_commands::call::{Call, Outcome, number};
use crate::s6_commands::failure::Failure;
use crate::sys::chain;

const SYNOPSIS: &str = "wait [ -I | -i ] [ -a | -o ] [ -r | -t timeout ] { pids... } [ prog... ]";
/// The exit code if there was nothing to wait for.
const NO_CHILD: u8 = 127;

/// What is waited for.
struct Wanted {
    /// Empty: any child.
    pids: Vec<i32>,
    is_one_enough: bool,
    /// In milliseconds.
    timeout: Option<u64>,
}

/// A child that ended: its process id and exit code.
type Found = Option<(i32, u8)>;

/// Waits for children, then executes the rest.
pub(in crate::s6_commands) fn wait(mut call: Call) -> Outcome {
    let wrong = || Failure::usage(SYNOPSIS);
    let (mut insists, mut is_one_enough, mut timeout) = (false, false, None);
    for (letter, value) in call.options("iIaort:", SYNOPSIS)? {
        match letter {
            b'i' | b'I' => insists = letter == b'i',
            b'a' | b'o' => is_one_enough = letter == b'o',
            b'r' => timeout = Some(0),
            _ => timeout = Some(u64::from(number(&value).ok_or_else(wrong)?)),
        }
    }
    let block = call.block()?;
    let has_block = block.is_some();
    let words = block.unwrap_or_else(|| std::mem::take(&mut call.words));
    let pid = |word: &Vec<u8>| number(word).and_then(|pid| i32::try_from(pid).ok()).ok_or_else(wrong);
    let pids = words.iter().map(pid).collect::<Result<Vec<i32>, _>>()?;
    let found = wait_for(&Wanted { pids, is_one_enough, timeout }, insists)?;
    if !has_block {
        return Ok(found.map_or(NO_CHILD, |(_, code)| code));
    }
    if !is_one_enough {
        return call.exec();
    }
    let mut environment = call.environment.clone();
    environment.put(b"?", found.map(|(_, code)| code.to_string()).as_ref().map(String::as_bytes));
    environment.put(b"!", found.map(|(pid, _)| pid.to_string()).as_ref().map(String::as_bytes));
    call.exec_with(&environment)
}

/// Returns the child that ended: of several that are all waited for the last one named.
fn wait_for(wanted: &Wanted, insists: bool) -> Result<Found, Failure> {
    let refused = |errno| Failure::unable("wait", errno);
    let signals = Waker::new(wanted.timeout).map_err(refused)?;
    let mut left = wanted.pids.clone();
    // Waiting for all children always succeeds.
    let mut last = if wanted.pids.is_empty() && !wanted.is_one_enough { Some((0, 0)) } else { None };
    loop {
        match chain::wait(-1, wanted.timeout.is_none()) {
            Err(Errno::ECHILD) => return Ok(last),
            Err(errno) => return Err(refused(errno)),
            Ok(None) => match signals.sleep().map_err(refused)? {
                true => {}
                false if insists => return Err(Failure { code: 99, ..Failure::unable("wait", Errno::ETIMEDOUT) }),
                false => return Ok(None),
            },
            Ok(Some((pid, ended))) => {
                let is_wanted = wanted.pids.is_empty() || left.contains(&pid);
                left.retain(|one| *one != pid);
                if is_wanted && (wanted.is_one_enough || wanted.pids.last() == Some(&pid)) {
                    last = Some((pid, ended.exit_code()));
                }
                if is_wanted && (wanted.is_one_enough || (left.is_empty() && !wanted.pids.is_empty())) {
                    return Ok(last);
                }
            }
        }
    }
}

/// Sleeps until a child ends, or until the time is over.
struct Waker {
    signals: Option<SignalFd>,
    end: u64,
    before: SigSet,
}

impl Waker {
    fn new(timeout: Option<u64>) -> Result<Self, Errno> {
        let before = SigSet::thread_get_mask()?;
        let Some(timeout) = timeout else { return Ok(Self { signals: None, end: 0, before }) };
        let mut children = SigSet::empty();
        children.add(Signal::SIGCHLD);
        children.thread_block()?;
        let signals = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals: Some(signals), end: now()?.saturating_add(timeout), before })
    }

    /// Returns `false` when the time is over.
    fn sleep(&self) -> Result<bool, Errno> {
        let Some(signals) = &self.signals else { return Ok(true) };
        while signals.read_signal()?.is_some() {}
        let left = self.end.saturating_sub(now()?);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => Ok(false),
            Ok(_) | Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(errno),
        }
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        let _restored = self.before.thread_set_mask();
    }
}

/// Milliseconds of a clock that no step of the system's moves.
fn now() -> Result<u64, Errno> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    Ok(seconds * 1000 + u64::try_from(time.tv_nsec()).unwrap_or_default() / 1_000_000)
}
