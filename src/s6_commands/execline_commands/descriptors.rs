//! Commands that open, move and close descriptors: `redirfd`, `fdmove`, `fdclose`, `fdswap`, `fdblock`, `fdreserve`.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;

use super::pipes::descriptor;
use super::variables::with_variable;
use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::{close_fd, copy_fd, duplicate, inherited, place};
use crate::text::shown_bytes;

const READ: u16 = 1;
const WRITE: u16 = 1 << 1;
const CREATE: u16 = 1 << 2;
const APPEND: u16 = 1 << 3;
const TRUNCATE: u16 = 1 << 4;
const EXCLUSIVE: u16 = 1 << 5;
const NONBLOCK: u16 = 1 << 6;
const CHANGES_MODE: u16 = 1 << 7;
/// The first argument is the name of a variable, which gets the number of the descriptor.
const OPENS: u16 = 1 << 8;
const IMPORTS: u16 = 1 << 9;

/// The options of `redirfd`: letter, long name, what it clears, what it sets. A digit is no letter, but stands for a long name
/// that has none.
const REDIRFD: [(u8, &str, u16, u16); 23] = [
    (b'r', "", WRITE | CREATE | APPEND | TRUNCATE | EXCLUSIVE, READ),
    (b'w', "", READ | APPEND | EXCLUSIVE, WRITE | CREATE | TRUNCATE),
    (b'u', "", CREATE | APPEND | TRUNCATE | EXCLUSIVE, READ | WRITE),
    (b'a', "", READ | TRUNCATE | EXCLUSIVE, WRITE | CREATE | APPEND),
    (b'x', "", READ | APPEND | TRUNCATE, WRITE | CREATE | EXCLUSIVE),
    (b'N', "block", NONBLOCK, 0),
    (b'n', "nonblock", 0, NONBLOCK),
    (b'b', "switch-block", 0, CHANGES_MODE),
    (b'f', "open", 0, OPENS),
    (b'e', "no-autoimport", IMPORTS, 0),
    (b'E', "autoimport", 0, IMPORTS),
    (b'0', "no-read", READ, 0),
    (b'1', "read", 0, READ),
    (b'2', "no-write", WRITE, 0),
    (b'3', "write", 0, WRITE),
    (b'4', "no-create", CREATE, 0),
    (b'5', "create", 0, CREATE),
    (b'6', "no-append", APPEND, 0),
    (b'7', "append", 0, APPEND),
    (b'8', "no-trunc", TRUNCATE, 0),
    (b'9', "trunc", 0, TRUNCATE),
    (b'<', "no-excl", EXCLUSIVE, 0),
    (b'>', "excl", 0, EXCLUSIVE),
];

/// Executes the rest with a file at a descriptor.
pub(in crate::s6_commands) fn redirfd(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "redirfd -[ r | w | u | a | x ] [ -N | -n ] [ -b ] [ -f ] [ -E | -e ] fd|var file prog...";
    let wrong = || Failure::usage(SYNOPSIS);
    let long: Vec<_> = REDIRFD.iter().map(|(letter, name, ..)| (*name, *letter)).collect();
    let mut set = 0;
    for (letter, _) in call.long_options("rwuaxNnbfeE", &long, SYNOPSIS)? {
        let found = REDIRFD.iter().find(|(known, ..)| *known == letter);
        set = found.map_or(set, |(_, _, clears, sets)| (set & !clears) | sets);
    }
    let has = |bit: u16| set & bit != 0;
    let access = match (has(READ), has(WRITE)) {
        (true, true) => OFlag::O_RDWR,
        (true, false) => OFlag::O_RDONLY,
        (false, true) => OFlag::O_WRONLY,
        (false, false) => return Err(wrong()),
    };
    if call.arguments.len() < 3 {
        return Err(wrong());
    }
    let target = call.argument(SYNOPSIS)?;
    let fd = if has(OPENS) { None } else { Some(descriptor(&target).ok_or_else(wrong)?) };
    let path = call.argument(SYNOPSIS)?;
    let shown = shown_bytes(&path);
    let flags = [
        (CREATE, OFlag::O_CREAT),
        (APPEND, OFlag::O_APPEND),
        (TRUNCATE, OFlag::O_TRUNC),
        (EXCLUSIVE, OFlag::O_EXCL),
        (NONBLOCK, OFlag::O_NONBLOCK),
    ];
    let flags = flags.into_iter().filter(|(bit, _)| has(*bit)).fold(access, |flags, (_, flag)| flags | flag);
    let file = |flags: OFlag| open(OsStr::from_bytes(&path), flags | OFlag::O_CLOEXEC, Mode::from_bits_truncate(0o666));
    let opened = match file(flags) {
        // A FIFO without a reader: with one of our own it can be opened for writing.
        Err(Errno::ENXIO) if access == OFlag::O_WRONLY => {
            let reader = file(OFlag::O_RDONLY | OFlag::O_NONBLOCK);
            let _reader = reader.map_err(|errno| Failure::unable(format!("open_read {shown}"), errno))?;
            file(flags)
        }
        result => result,
    };
    let opened = opened.map_err(|errno| Failure::unable(format!("open {shown}"), errno))?;
    let from = opened.as_raw_fd();
    let to = fd.unwrap_or(from);
    place(opened, to).map_err(|errno| Failure::unable(format!("move fd {from} to fd {to}"), errno))?;
    if has(CHANGES_MODE) {
        set_blocking(to, has(NONBLOCK)).map_err(|errno| Failure::unable("change blocking mode", errno))?;
    }
    match fd {
        Some(_) => call.exec(),
        None => with_variable(call, &target, Some(to.to_string().as_bytes()), has(IMPORTS)),
    }
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
