//! Commands that connect programs: `pipeline`, `piperw`, `heredoc`; and starting a program whose output is read.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{pipe2, write};

use super::sequence::{name_of, start_twice};
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::chain;
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::{fork_chain, place};
use crate::sys::executable::ChildSetup;

/// Starts a program whose standard output is returned.
pub(super) fn start_writer(call: &Call, block: &[Argument]) -> Result<(i32, OwnedFd), Failure> {
    let environment = &call.environment;
    let (read_end, write_end) = new_pipe().map_err(|errno| Failure::unable("create pipe", errno))?;
    let setup = ChildSetup::Pipe { to: 1, from: write_end.as_raw_fd(), other: read_end.as_raw_fd() };
    let pid = call
        .spawn(block, environment, setup)
        .map_err(|errno| Failure::unable(format!("spawn {}", name_of(block)), errno))?;
    Ok((pid, read_end))
}

fn new_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    pipe2(OFlag::O_CLOEXEC)
}

/// Runs a program whose standard output is read by the rest, or the reverse.
pub(in crate::s6_commands) fn pipeline(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "pipeline [ -d ] [ -r | -w ] { command... } command...";
    let (mut is_double, mut rest_writes) = (false, false);
    for (letter, _) in call.options("drw", SYNOPSIS)? {
        match letter {
            b'd' => is_double = true,
            letter => rest_writes = letter == b'w',
        }
    }
    let block = call.ended_block("block")?;
    if call.arguments.is_empty() {
        return Err(Failure::wrong("empty remainder"));
    }
    let mut environment = call.environment.clone();
    let (read_end, write_end) = new_pipe().map_err(|errno| Failure::unable("create pipe", errno))?;
    let (theirs, ours, at_theirs, at_ours) =
        if rest_writes { (read_end, write_end, 0, 1) } else { (write_end, read_end, 1, 0) };
    let setup = ChildSetup::Pipe { to: at_theirs, from: theirs.as_raw_fd(), other: ours.as_raw_fd() };
    let pid = match is_double {
        true => start_twice("pipeline (grandchild)", || {
            setup.apply().map_err(|errno| Failure::unable("fd_move", errno))?;
            call.execute(&block, &environment)
        })?,
        false => call
            .spawn(&block, &environment, setup)
            .map_err(|errno| Failure::unable(format!("spawn {}", name_of(&block)), errno))?,
    };
    // The rest may go on in this process, and would keep the end of the other program open.
    drop(theirs);
    place(ours, at_ours).map_err(|errno| Failure::unable("fd_move", errno))?;
    environment.set(b"!", pid.to_string().as_bytes());
    call.exec_with(&environment)
}

/// Executes the rest with a new pipe at two descriptors.
pub(in crate::s6_commands) fn piperw(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "piperw fdr fdw prog...";
    let wrong = || Failure::usage(SYNOPSIS);
    if call.arguments.len() < 3 {
        return Err(wrong());
    }
    let to_read = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(wrong)?;
    let to_write = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(wrong)?;
    if to_read == to_write {
        return Err(wrong());
    }
    let refused = |errno| Failure::unable("move fds", errno);
    let (read_end, write_end) = new_pipe().map_err(|errno| Failure::unable("create pipe", errno))?;
    // The place of one may be where the other one is now.
    let above = to_read.max(to_write).saturating_add(1);
    let high_read = crate::sys::exec_chain::duplicate(read_end.as_raw_fd(), above).map_err(refused)?;
    let high_write = crate::sys::exec_chain::duplicate(write_end.as_raw_fd(), above).map_err(refused)?;
    drop((read_end, write_end));
    place(high_read, to_read).map_err(refused)?;
    place(high_write, to_write).map_err(refused)?;
    call.exec()
}

/// Executes the rest with a text to be read from a descriptor.
pub(in crate::s6_commands) fn heredoc(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "heredoc [ -d ] fd string command...";
    let is_double = !call.options("d", SYNOPSIS)?.is_empty();
    if call.arguments.len() < 3 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let word = call.argument(SYNOPSIS)?;
    let fd = descriptor(&word).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    let text = call.argument(SYNOPSIS)?;
    let (read_end, write_end) = new_pipe().map_err(|errno| Failure::unable("pipe", errno))?;
    let reader = read_end.as_raw_fd();
    let print = || {
        // A reader that ends early must end the writer.
        crate::sys::exec_chain::close_fd(reader);
        let mut left = text.as_slice();
        while !left.is_empty() {
            match write(&write_end, left) {
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Failure::unable("allwrite", errno)),
            }
        }
        Ok(0)
    };
    match is_double {
        true => start_twice("heredoc (child)", print).map(drop)?,
        false => fork_chain(|| match print() {
            Ok(code) => code,
            Err(failure) => {
                chain::report("heredoc (child)", &failure);
                failure.code
            }
        })
        .map(drop)
        .map_err(|errno| Failure::unable("fork", errno))?,
    }
    drop(write_end);
    place(read_end, fd).map_err(|errno| Failure::unable(format!("read on fd {fd}"), errno))?;
    call.exec()
}

/// The number of a descriptor.
pub(super) fn descriptor(word: &[u8]) -> Option<i32> {
    number(word).and_then(|number| i32::try_from(number).ok())
}
