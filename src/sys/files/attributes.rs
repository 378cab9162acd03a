//! [`Attributes`]: what decides whether an open file can be read whole and replaced. Unlike [`super::stat`] it includes
//! size and attributes, and needs no [`super::syscall_support::SyscallSupport`]. Must not know what it is used for.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::sys::stat::fstat;

use super::stat::raw_statx;

/// The attributes of an open file (statx(2)).
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// Type and permission bits.
    pub mode: u32,
    /// Group id.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Its mount id; `None` before Linux 5.8.
    pub mount: Option<u64>,
    /// `chattr +i` or `+a`: not even root can replace it.
    pub immutable: bool,
}

impl Attributes {
    /// Returns those of `fd`. If statx(2) is missing (before 4.11) or blocked by a seccomp profile older than it, those that
    /// fstat(2) returns.
    ///
    /// # Errors
    /// The kernel's.
    pub fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        match by_statx(fd, c"", AtFlags::AT_EMPTY_PATH) {
            Err(Errno::ENOSYS | Errno::EPERM) => {
                let plain = fstat(fd)?;
                let size = u64::try_from(plain.st_size).unwrap_or_default();
                Ok(Self { mode: plain.st_mode, gid: plain.st_gid, size, mount: None, immutable: false })
            }
            result => result,
        }
    }

    /// Returns those of the file at an absolute path; a link is followed.
    ///
    /// # Errors
    /// The kernel's, also where statx(2) is missing or blocked.
    pub fn of_path(path: &CStr) -> Result<Self, Errno> {
        by_statx(AT_FDCWD, path, AtFlags::empty())
    }
}

fn by_statx(fd: BorrowedFd<'_>, path: &CStr, flags: AtFlags) -> Result<Attributes, Errno> {
    let wanted = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let out = raw_statx(fd, path, flags, wanted)?;
    // The attribute bits have another integer type here.
    let frozen = (libc::STATX_ATTR_IMMUTABLE | libc::STATX_ATTR_APPEND) as u64;
    Ok(Attributes {
        mode: u32::from(out.stx_mode),
        gid: out.stx_gid,
        size: out.stx_size,
        mount: (out.stx_mask & libc::STATX_MNT_ID != 0).then_some(out.stx_mnt_id),
        immutable: out.stx_attributes & frozen != 0,
    })
}
