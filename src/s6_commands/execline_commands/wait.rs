//! `wait`: for children that earlier programs of the chain have left.

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::Signal;

use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::options::LongOption;
use crate::s6_commands::waiting::{self, BlockedSignals, Moment};
use crate::sys::exec_chain;

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
type Exited = Option<(i32, u8)>;

/// Waits for children, then executes the rest.
pub(in crate::s6_commands) fn wait(mut call: Call) -> CommandResult {
    let wrong = || Failure::usage(SYNOPSIS);
    let (mut insists, mut is_one_enough, mut timeout) = (false, false, None);
    const LONG: [LongOption; 6] =
        [("insist", b'i'), ("no-insist", b'I'), ("all", b'a'), ("one", b'o'), ("reap", b'r'), ("timeout", b't')];
    for (letter, value) in call.long_options("iIaort:", &LONG, SYNOPSIS)? {
        match letter {
            b'i' | b'I' => insists = letter == b'i',
            b'a' | b'o' => is_one_enough = letter == b'o',
            b'r' => timeout = Some(0),
            _ => timeout = Some(u64::from(number(&value).ok_or_else(wrong)?)),
        }
    }
    let block = call.block()?;
    let has_block = block.is_some();
    let arguments = block.unwrap_or_else(|| std::mem::take(&mut call.arguments));
    let pid = |word: &Vec<u8>| number(word).and_then(|pid| i32::try_from(pid).ok()).ok_or_else(wrong);
    let pids = arguments.iter().map(pid).collect::<Result<Vec<i32>, _>>()?;
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
fn wait_for(wanted: &Wanted, insists: bool) -> Result<Exited, Failure> {
    let refused = |errno| Failure::unable("wait", errno);
    let end = wanted.timeout.map(waiting::after).transpose().map_err(refused)?.flatten();
    let signals = BlockedSignals::block(&[Signal::SIGCHLD]).map_err(refused)?;
    let mut left = wanted.pids.clone();
    // Waiting for all children always succeeds.
    let mut last = if wanted.pids.is_empty() && !wanted.is_one_enough { Some((0, 0)) } else { None };
    loop {
        match exec_chain::wait(-1, wanted.timeout.is_none()) {
            Err(Errno::ECHILD) => return Ok(last),
            Err(errno) => return Err(refused(errno)),
            Ok(None) => match sleep(&signals, end).map_err(refused)? {
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

/// Sleeps until a child ends; returns `false` when the time is over.
fn sleep(signals: &BlockedSignals, end: Moment) -> Result<bool, Errno> {
    while signals.next()?.is_some() {}
    let [is_ended] = waiting::until([(signals.descriptor(), PollFlags::POLLIN)], end)?;
    Ok(is_ended || end.is_none_or(|end| waiting::now().is_ok_and(|now| now < end)))
}
