//! Commands that open, move and close descriptors: `redirfd`, `fdmove`, `fdclose`, `fdswap`, `fdblock`, `fdreserve`.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;

use super::pipes::descriptor;
use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::{close_fd, copy_fd, duplicate, inherited, place};
use crate::text::shown_bytes;

/// Executes the rest with a file at a descriptor.
pub(in crate::s6_commands) fn redirfd(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "redirfd -[ r | w | u | a | x ] [ -n ] [ -b ] fd file prog...";
    let wrong = || Failure::usage(SYNOPSIS);
    let changed = OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_EXCL;
    let (mut access, mut flags, mut changes_mode) = (None, OFlag::empty(), false);
    for (letter, _) in call.options("rwuaxnb", SYNOPSIS)? {
        let (what, how) = match letter {
            b'r' => (OFlag::O_RDONLY, OFlag::empty()),
            b'w' => (OFlag::O_WRONLY, OFlag::O_CREAT | OFlag::O_TRUNC),
            b'u' => (OFlag::O_RDWR, OFlag::empty()),
            b'a' => (OFlag::O_WRONLY, OFlag::O_CREAT | OFlag::O_APPEND),
            b'x' => (OFlag::O_WRONLY, OFlag::O_CREAT | OFlag::O_EXCL),
            b'n' => {
                flags |= OFlag::O_NONBLOCK;
                continue;
            }
            _ => {
                changes_mode = true;
                continue;
            }
        };
        access = Some(what);
        flags = (flags - changed) | how;
    }
    let access = access.filter(|_| call.arguments.len() >= 3).ok_or_else(wrong)?;
    let number = call.argument(SYNOPSIS)?;
    let fd = descriptor(&number).ok_or_else(wrong)?;
    let path = call.argument(SYNOPSIS)?;
    let shown = shown_bytes(&path);
    let file = |flags: OFlag| open(OsStr::from_bytes(&path), flags | OFlag::O_CLOEXEC, Mode::from_bits_truncate(0o666));
    let opened = match file(flags | access) {
        // A FIFO without a reader: with one of our own it can be opened for writing.
        Err(Errno::ENXIO) if access == OFlag::O_WRONLY => {
            let reader = file(OFlag::O_RDONLY | OFlag::O_NONBLOCK);
            let _reader = reader.map_err(|errno| Failure::unable(format!("open_read {shown}"), errno))?;
            file(flags | access)
        }
        result => result,
    };
    let opened = opened.map_err(|errno| Failure::unable(format!("open {shown}"), errno))?;
    let from = opened.as_raw_fd();
    place(opened, fd)
        .map_err(|errno| Failure::unable(format!("move fd {from} to fd {}", shown_bytes(&number)), errno))?;
    if changes_mode {
        set_blocking(fd, flags.contains(OFlag::O_NONBLOCK))
            .map_err(|errno| Failure::unable("change blocking mode", errno))?;
    }
    call.exec()
}

/// Makes a FIFO standard input, without waiting for a writer.
pub(in crate::s6_commands) fn open_fifo(path: &[u8]) -> Result<(), Errno> {
    let file = open(OsStr::from_bytes(path), OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
    place(file, 0)?;
    set_blocking(0, true)
}

fn set_blocking(fd: i32, blocks: bool) -> Result<(), Errno> {
    let file = inherited(fd);
    let present = OFlag::from_bits_retain(fcntl(file.as_fd(), FcntlArg::F_GETFL)?);
    let wanted = if blocks { present - OFlag::O_NONBLOCK } else { present | OFlag::O_NONBLOCK };
    fcntl(file, FcntlArg::F_SETFL(wanted)).map(drop)
}

/// Executes the rest with one descriptor moved or copied to another.
pub(in crate::s6_commands) fn fdmove(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "fdmove [ -c ] to from prog...";
    let wrong = || Failure::usage(SYNOPSIS);
    let is_copied = !call.options("c", SYNOPSIS)?.is_empty();
    if call.arguments.len() < 3 {
        return Err(wrong());
    }
    let to = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(wrong)?;
    let from = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(wrong)?;
    copy_fd(to, from, !is_copied).map_err(|errno| Failure::unable(format!("move fd {from} to fd {to}"), errno))?;
    call.exec()
}

/// Executes the rest without a descriptor.
pub(in crate::s6_commands) fn fdclose(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "fdclose fd prog...";
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let fd = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    close_fd(fd);
    call.exec()
}

/// Executes the rest with two descriptors exchanged.
pub(in crate::s6_commands) fn fdswap(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "fdswap fd1 fd2 prog...";
    let wrong = || Failure::usage(SYNOPSIS);
    if call.arguments.len() < 3 {
        return Err(wrong());
    }
    let one = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(wrong)?;
    let other = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(wrong)?;
    let swap = || {
        let kept = duplicate(one, 0)?;
        copy_fd(one, other, false)?;
        place(kept, other)
    };
    swap().map_err(|errno| Failure::unable("swap fds", errno))?;
    call.exec()
}

/// Executes the rest with a descriptor in blocking or non-blocking mode.
pub(in crate::s6_commands) fn fdblock(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "fdblock [ -n ] fd prog...";
    let blocks = call.options("n", SYNOPSIS)?.is_empty();
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let fd = descriptor(&call.argument(SYNOPSIS)?).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    set_blocking(fd, blocks).map_err(|errno| Failure::unable("change blocking mode", errno))?;
    call.exec()
}

/// Executes the rest with the numbers of free descriptors in `FD0`, `FD1` …
pub(in crate::s6_commands) fn fdreserve(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "fdreserve n prog...";
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let count = number(&call.argument(SYNOPSIS)?).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|errno| Failure::unable("getrlimit", errno))?;
    if u64::from(count) > limit {
        return Err(Failure::wrong("too many requested fds"));
    }
    let mut environment = call.environment.clone();
    let mut held = Vec::new();
    for index in 0..count {
        let file = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Failure::unable("reserve fds", errno))?;
        environment.set(format!("FD{index}").as_bytes(), file.as_raw_fd().to_string().as_bytes());
        held.push(file);
    }
    drop(held);
    call.exec_with(&environment)
}
