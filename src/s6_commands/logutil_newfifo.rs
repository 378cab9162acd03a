//! `logutil-newfifo` of s6-overlay: creates a FIFO for an account in the place of what is there. Its owner is changed by a
//! handle of the FIFO that was created: in a directory of somebody else, another file may have that name by then.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{geteuid, mkfifo};

use crate::config::values::{Gid, Uid};
use crate::plan::Owner;
use crate::s6_commands::call::{Call, CommandResult, octal};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::ids;
use crate::sys::files::change;
use crate::sys::files::stat::{FileKind, Stat};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::text::shown_bytes;

const SYNOPSIS: &str = "logutil-newfifo [ -m mode ] [ -o owner ] fifo";

/// Creates the FIFO. Its account and mode are looked at before anything is removed.
pub(super) fn logutil_newfifo(mut call: Call) -> CommandResult {
    let (mut mode, mut account) = (0o600, b"root".to_vec());
    for (letter, value) in call.options("m:o:", SYNOPSIS)? {
        match letter {
            b'm' => mode = octal(&value).filter(|mode| *mode <= 0o777).ok_or_else(|| Failure::usage(SYNOPSIS))?,
            _ => account = value,
        }
    }
    let path = call.argument(SYNOPSIS)?;
    call.warn("this binary is deprecated, use s6-mkfifo and s6-chown instead");
    let (uid, gid) = ids::ids_of_account(&account).ok_or_else(|| ids::unknown("user", &account))?;
    let name = OsStr::from_bytes(&path);
    let removed = match fs::symlink_metadata(name) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(name),
        Ok(_) => fs::remove_file(name),
        Err(error) => Err(error),
    };
    let refused = |what: &str, errno| Failure::unable(format!("{what} {}", shown_bytes(&path)), errno);
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused("remove", errno(&error))),
        Ok(()) | Err(_) => {}
    }
    umask(Mode::empty());
    mkfifo(name, Mode::from_bits_truncate(mode)).map_err(|errno| refused("mkfifo", errno))?;
    give(name, Owner { uid: Uid(uid), gid: Gid(gid) }).map_err(|errno| refused("chown", errno))?;
    Ok(0)
}

/// Gives away a FIFO of ours that has no other name.
fn give(name: &OsStr, to: Owner) -> Result<(), Errno> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = open(name, flags, Mode::empty())?;
    let stat = Stat::of_pin(file.as_fd()).map_err(|error| errno(&error))?;
    if stat.kind != FileKind::Fifo || stat.links != 1 || stat.uid.0 != geteuid().as_raw() {
        return Err(Errno::EEXIST);
    }
    if change::owner_of(&stat) == to {
        return Ok(());
    }
    change::owner(SyscallSupport::probe(), file.as_fd(), &stat, to).map_err(|error| errno(&error))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}
