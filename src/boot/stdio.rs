//! Allows the app user to reopen a standard descriptor (`/dev/stdout`, `/dev/tty`) after the drop: Docker's pipes are 0600
//! and root's, its terminals root's (SECURITY fact 9). Must not know which services will.
//!
//! Only a FIFO's mode and a terminal's owner are ever changed: a regular file or a device such as `/dev/null` may be
//! the host's. O_NONBLOCK is never set: it would be set for every process with the same open file description.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{Uid as NixUid, fchown, isatty};

use crate::error::Refused;
use crate::plan::StdioAccess;
use crate::sys::files::stat::FileKind;
use crate::sys::privilege::Root;

/// The result for a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdioChange {
    /// It was changed.
    Changed,
    /// It needed no change.
    Fits,
    /// It is not what the step was planned for, and was not changed.
    LeftAlone,
}

/// Changes mode or owner of a standard descriptor.
///
/// # Errors
/// If the kernel refuses the change (no FOWNER over a pipe of another owner, a terminal of another namespace).
pub fn set_access(_: &Root, handle: BorrowedFd<'_>, access: StdioAccess) -> Result<StdioChange, Refused> {
    let stat = match fstat(handle) {
        Ok(stat) => stat,
        Err(Errno::EBADF) => return Ok(StdioChange::LeftAlone),
        Err(cause) => return Err(refused("examine", handle, cause)),
    };
    let kind = FileKind::of_mode(stat.st_mode);
    match access {
        StdioAccess::Mode0622 if kind == FileKind::Fifo => {
            if stat.st_mode & 0o7777 == 0o622 {
                return Ok(StdioChange::Fits);
            }
            let bits = Mode::from_bits_truncate(0o622);
            fchmod(handle, bits).map_err(|cause| refused("chmod", handle, cause))?;
        }
        StdioAccess::Owner(uid) if kind == FileKind::Character && isatty(handle) == Ok(true) => {
            if stat.st_uid == uid.0 {
                return Ok(StdioChange::Fits);
            }
            // Its group stays: mesg(1) and wall(1) need it.
            fchown(handle, Some(NixUid::from_raw(uid.0)), None).map_err(|cause| refused("chown", handle, cause))?;
        }
        StdioAccess::Mode0622 | StdioAccess::Owner(_) => return Ok(StdioChange::LeftAlone),
    }
    Ok(StdioChange::Changed)
}

fn refused(verb: &str, handle: BorrowedFd<'_>, cause: Errno) -> Refused {
    use std::os::fd::AsRawFd;
    let what = format!("cannot {verb} descriptor {}", handle.as_raw_fd());
    let refused = Refused::new(what, io::Error::from(cause));
    match cause as i32 {
        libc::EPERM => refused.fix("cap_add: [CHOWN, FOWNER]; or log to descriptors 1 and 2, not to /dev/stdout"),
        _ => refused,
    }
}
