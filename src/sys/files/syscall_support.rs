//! [`SyscallSupport`]: which of the newer file system calls this kernel, and our seccomp profile, allow. Must not know what they are
//! used for.
#![allow(unsafe_code)] // system calls that neither nix nor std wrap are tried with arguments without effect

use std::sync::OnceLock;

use nix::errno::Errno;
use nix::libc;

/// Which system calls can be used. Each is tried once, when it is first asked for, with a descriptor that cannot exist:
/// `EBADF` means that the call is available, any other error that it is not (`ENOSYS` from an old kernel or podman's
/// profile, `EPERM` from Docker's). So a denial of the *call* is never taken for a denial of the *file*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallSupport {
    /// Whether `statx` is not even tried.
    without_statx: bool,
}

/// No descriptor has this number: the kernel counts from 0 up.
const NO_DESCRIPTOR: libc::c_int = -1;

static STATX: OnceLock<bool> = OnceLock::new();

impl SyscallSupport {
    /// Returns what this kernel and our seccomp profile allow.
    pub fn probe() -> Self {
        Self { without_statx: false }
    }

    /// Returns the same without `statx`, as before Linux 4.11.
    #[cfg(test)]
    pub fn without_statx() -> Self {
        Self { without_statx: true }
    }

    /// Returns whether `openat2` is available (5.6).
    pub fn openat2(self) -> bool {
        static TRIED: OnceLock<bool> = OnceLock::new();
        *TRIED.get_or_init(|| {
            // SAFETY: the descriptor is invalid, so no file can be reached; `how` outlives the call and its size is given.
            is_available(unsafe {
                let how: libc::open_how = std::mem::zeroed();
                let size = size_of::<libc::open_how>();
                libc::syscall(libc::SYS_openat2, NO_DESCRIPTOR, c"x".as_ptr(), &raw const how, size)
            })
        })
    }

    /// Returns whether `statx` is known to be missing (4.11), without trying it: a call that succeeds needs no trial.
    pub(super) fn is_known_without_statx(self) -> bool {
        self.without_statx || STATX.get() == Some(&false)
    }

    /// Returns whether `statx` is available (4.11). For a call that was refused.
    pub(super) fn statx(self) -> bool {
        !self.without_statx
            && *STATX.get_or_init(|| {
                // SAFETY: the descriptor is invalid, so no file can be reached; the buffer is large enough and outlives the call.
                is_available(unsafe {
                    let mut out: libc::statx = std::mem::zeroed();
                    let flags = libc::AT_EMPTY_PATH;
                    libc::syscall(libc::SYS_statx, NO_DESCRIPTOR, c"".as_ptr(), flags, 0, &raw mut out)
                })
            })
    }

    /// Returns whether `fchmodat2` is available, with `AT_EMPTY_PATH` (6.6).
    pub fn fchmodat2(self) -> bool {
        static TRIED: OnceLock<bool> = OnceLock::new();
        *TRIED.get_or_init(|| {
            // SAFETY: the descriptor is invalid, so no file can be reached; no pointer but a static string.
            is_available(unsafe {
                libc::syscall(libc::SYS_fchmodat2, NO_DESCRIPTOR, c"".as_ptr(), 0, libc::AT_EMPTY_PATH)
            })
        })
    }

    /// Returns whether `fchownat` is available with `AT_EMPTY_PATH` (2.6.39).
    pub fn chown_by_handle(self) -> bool {
        static TRIED: OnceLock<bool> = OnceLock::new();
        *TRIED.get_or_init(|| {
            let (flags, same) = (libc::AT_EMPTY_PATH, u32::MAX);
            // SAFETY: as above; -1 for both ids would change nothing even if there were a file.
            is_available(unsafe { libc::syscall(libc::SYS_fchownat, NO_DESCRIPTOR, c"".as_ptr(), same, same, flags) })
        })
    }
}

/// Checks `errno` right after a raw call.
fn is_available(returned: libc::c_long) -> bool {
    returned == 0 || Errno::last() == Errno::EBADF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_every_kernel_has_is_found() {
        let syscalls = SyscallSupport::probe();
        assert!(syscalls.chown_by_handle() && syscalls.statx() && !syscalls.is_known_without_statx());
    }
}
