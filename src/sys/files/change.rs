//! Owner and mode, changed through a handle, so that the checked file is the changed one. Must not know why.
#![allow(unsafe_code)] // fchmodat2(2) is wrapped by neither nix nor std

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{Gid as NixGid, Uid as NixUid, fchownat};

use crate::config::values::Uid;
use crate::plan::Owner;
use crate::sys::files::stat::{FileKind, Stat};
use crate::sys::files::syscall_support::SyscallSupport;

/// Changes owner and group of the file of a handle; of a link itself.
///
/// Never call it for an owner that is right already: even then the kernel clears setuid bits and file capabilities
/// (SECURITY 1.1).
pub fn owner(syscalls: SyscallSupport, handle: BorrowedFd<'_>, stat: &Stat, to: Owner) -> io::Result<()> {
    let (uid, gid) = (Some(NixUid::from_raw(to.uid.0)), Some(NixGid::from_raw(to.gid.0)));
    if syscalls.chown_by_handle() {
        return Ok(fchownat(handle, c"", uid, gid, AtFlags::AT_EMPTY_PATH)?);
    }
    if stat.kind == FileKind::Link {
        return Err(Errno::ENOSYS.into()); // what /proc does with the handle of a link differs between kernels
    }
    Ok(fchownat(nix::fcntl::AT_FDCWD, &by_proc(handle)?, uid, gid, AtFlags::empty())?)
}

/// Changes the permission bits of the file of a handle. Links have none: `ENOTSUP`.
pub fn mode(syscalls: SyscallSupport, handle: BorrowedFd<'_>, stat: &Stat, to: u32) -> io::Result<()> {
    if stat.kind == FileKind::Link {
        return Err(Errno::ENOTSUP.into());
    }
    if syscalls.fchmodat2() {
        // SAFETY: a static string and integers; the handle is borrowed, so it is open.
        let returned = unsafe {
            libc::syscall(libc::SYS_fchmodat2, handle.as_raw_fd(), c"".as_ptr(), to & 0o7777, libc::AT_EMPTY_PATH)
        };
        Errno::result(returned)?;
        return Ok(());
    }
    let bits = Mode::from_bits_truncate(to & 0o7777);
    Ok(fchmodat(nix::fcntl::AT_FDCWD, &by_proc(handle)?, bits, FchmodatFlags::FollowSymlink)?)
}

/// Sets owner and mode of a directory, each only if it differs, with as few capabilities as possible: `CHOWN` is enough.
/// Returns whether anything was changed.
pub fn directory(
    syscalls: SyscallSupport,
    handle: BorrowedFd<'_>,
    stat: &Stat,
    to: Owner,
    bits: Option<u32>,
) -> io::Result<bool> {
    let wrong_owner = owner_of(stat) != to;
    let wrong_mode = bits.filter(|bits| *bits != stat.mode);
    if let Some(bits) = wrong_mode {
        match mode(syscalls, handle, stat, bits) {
            // Without FOWNER only the owner may: root becomes the owner for a moment.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) && stat.uid != Uid::ROOT => {
                owner(syscalls, handle, stat, Owner { uid: Uid::ROOT, gid: stat.gid })?;
                let changed = mode(syscalls, handle, stat, bits);
                owner(syscalls, handle, stat, to)?;
                return changed.map(|()| true);
            }
            result => result?,
        }
    }
    if wrong_owner {
        owner(syscalls, handle, stat, to)?;
    }
    Ok(wrong_owner || wrong_mode.is_some())
}

/// Returns the ids of a [`Stat`] as an [`Owner`].
pub fn owner_of(stat: &Stat) -> Owner {
    Owner { uid: stat.uid, gid: stat.gid }
}

/// Returns the handle's path in `/proc`, if that is procfs and not a directory with that name.
pub(super) fn by_proc(handle: BorrowedFd<'_>) -> io::Result<PathBuf> {
    if statfs("/proc")?.filesystem_type() != PROC_SUPER_MAGIC {
        return Err(Errno::ENOSYS.into());
    }
    Ok(PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())))
}
