//! `s6-setlock`, and the locks of s6 in general: a record lock on a whole file (fcntl(2)), which the program that is executed
//! keeps. Must not know what is locked.

use std::ffi::OsStr;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::Mode;

use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::waiting;
use crate::sys::exec_chain::copy_fd;
use crate::text::shown_bytes;

/// How long between two tries, in milliseconds: a record lock is the process's, so that no child can wait for it.
const PAUSE: u64 = 10;

/// How long the lock is waited for.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Endless,
    Milliseconds(u64),
}

/// Executes a program with a lock.
pub(super) fn s6_setlock(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-setlock [ -r | -w ] [ -n | -N | -t timeout ] [ -d fd ] lockfile prog...";
    let (mut is_exclusive, mut patience, mut descriptor) = (true, Patience::Endless, None);
    for (letter, value) in call.options("nNrwt:d:", SYNOPSIS)? {
        let value = || number(&value).ok_or_else(|| Failure::usage(SYNOPSIS));
        match letter {
            b'n' => patience = Patience::None,
            b'N' => patience = Patience::Endless,
            b'r' | b'w' => is_exclusive = letter == b'w',
            b'd' => descriptor = Some(i32::try_from(value()?).map_err(|_| Failure::usage(SYNOPSIS))?),
            _ => patience = Patience::Milliseconds(u64::from(value()?)),
        }
    }
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let path = call.argument(SYNOPSIS)?;
    let file = open_lock(&path, is_exclusive)?;
    let failed = |errno| Failure { code: 1, ..Failure::unable(format!("lock {}", shown_bytes(&path)), errno) };
    match patience {
        Patience::None => lock(&file, is_exclusive, false).map_err(failed)?,
        Patience::Endless => lock(&file, is_exclusive, true).map_err(failed)?,
        Patience::Milliseconds(time) => lock_within(&file, is_exclusive, time)
            .map_err(|errno| Failure { code: 1, ..Failure::unable("acquire lock", errno) })?,
    }
    // It stays open in the program, and the lock with it.
    let kept = file.into_raw_fd();
    if let Some(descriptor) = descriptor {
        copy_fd(descriptor, kept, true)
            .map_err(|errno| Failure::unable(format!("move lock to fd {descriptor}"), errno))?;
    }
    call.exec()
}

fn open_lock(path: &[u8], is_exclusive: bool) -> Result<OwnedFd, Failure> {
    let name = shown_bytes(path);
    let file = |flags| open(OsStr::from_bytes(path), flags | OFlag::O_NONBLOCK, Mode::from_bits_truncate(0o666));
    let to_write = || file(OFlag::O_WRONLY | OFlag::O_CREAT);
    let to_read = || file(OFlag::O_RDONLY).map_err(|errno| Failure::unable(format!("open {name} for reading"), errno));
    match is_exclusive {
        true => to_write().map_err(|errno| Failure::unable(format!("open {name} for writing"), errno)),
        false => match file(OFlag::O_RDONLY) {
            Ok(file) => Ok(file),
            Err(Errno::ENOENT) => {
                to_write().map_err(|errno| Failure::unable(format!("create {name}"), errno))?;
                to_read()
            }
            Err(errno) => Err(Failure::unable(format!("open {name} for reading"), errno)),
        },
    }
}

/// Locks a whole file.
///
/// # Errors
/// EBUSY if another process has a lock that excludes it, and it is not waited for.
pub(super) fn lock(file: &impl AsFd, is_exclusive: bool, waits: bool) -> Result<(), Errno> {
    let kind = if is_exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
    let whole = libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    loop {
        match fcntl(file, if waits { FcntlArg::F_SETLKW(&whole) } else { FcntlArg::F_SETLK(&whole) }) {
            Err(Errno::EINTR) => {}
            Err(Errno::EACCES | Errno::EAGAIN) => return Err(Errno::EBUSY),
            result => return result.map(drop),
        }
    }
}

fn lock_within(file: &OwnedFd, is_exclusive: bool, milliseconds: u64) -> Result<(), Errno> {
    let end = waiting::now()?.saturating_add(milliseconds);
    loop {
        match lock(file, is_exclusive, false) {
            Err(Errno::EBUSY) if waiting::now()? >= end => return Err(Errno::ETIMEDOUT),
            Err(Errno::EBUSY) => {
                waiting::until([], waiting::earlier(Some(end), waiting::after(PAUSE)?)).map(drop)?;
            }
            result => return result,
        }
    }
}
