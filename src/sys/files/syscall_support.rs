//! [`SyscallSupport`]: which of the newer file system calls this kernel, and our seccomp profile, allow. Must not know what they are
//! used for.
#![allow(unsafe_code)] // system calls that neither nix nor std wrap are tried with arguments without effect

use std::sync::OnceLock;

use nix::errno::Errno;
use nix::libc;

/// Which system calls can be used. Each is tried once, with a descriptor that cannot exist: `EBADF` means that the call is
/// available, any other error that it is not (`ENOSYS` from an old kernel or podman's profile, `EPERM` from Docker's). So
/// a denial of the *call* is never taken for a denial of the *file*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallSupport {
    /// `openat2` (5.6).
    pub openat2: bool,
    /// `statx` (4.11).
    pub statx: bool,
    /// `fchmodat2` with `AT_EMPTY_PATH` (6.6).
    pub fchmodat2: bool,
    /// `fchownat` with `AT_EMPTY_PATH` (2.6.39).
    pub chown_by_handle: bool,
}

/// No descriptor has this number: the kernel counts from 0 up.
const NO_DESCRIPTOR: libc::c_int = -1;

impl SyscallSupport {
    /// Returns the result of trying the calls, which is done once for each process.
    pub fn probe() -> Self {
        static TRIED: OnceLock<SyscallSupport> = OnceLock::new();
        *TRIED.get_or_init(Self::try_each)
    }

    fn try_each() -> Self {
        let empty = c"";
        // SAFETY: the descriptor is invalid, so no file can be reached; `how` outlives the call and its size is given.
        let openat2 = unsafe {
            let how: libc::open_how = std::mem::zeroed();
            libc::syscall(libc::SYS_openat2, NO_DESCRIPTOR, c"x".as_ptr(), &raw const how, size_of::<libc::open_how>())
        };
        let openat2 = is_available(openat2);
        // SAFETY: as above; the buffer is large enough and outlives the call.
        let statx = unsafe {
            let mut out: libc::statx = std::mem::zeroed();
            libc::syscall(libc::SYS_statx, NO_DESCRIPTOR, empty.as_ptr(), libc::AT_EMPTY_PATH, 0, &raw mut out)
        };
        let statx = is_available(statx);
        // SAFETY: as above; no pointer but a static string.
        let chmod =
            unsafe { libc::syscall(libc::SYS_fchmodat2, NO_DESCRIPTOR, empty.as_ptr(), 0, libc::AT_EMPTY_PATH) };
        let fchmodat2 = is_available(chmod);
        // SAFETY: as above; -1 for both ids would change nothing even if there were a file.
        let chown = unsafe {
            libc::syscall(libc::SYS_fchownat, NO_DESCRIPTOR, empty.as_ptr(), u32::MAX, u32::MAX, libc::AT_EMPTY_PATH)
        };
        Self { openat2, statx, fchmodat2, chown_by_handle: is_available(chown) }
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
        assert!(SyscallSupport::probe().chown_by_handle);
    }
}
