//! Asking the kernel what this process may do, with its effective ids and capabilities. Nothing is inferred from owners
//! and modes: a read-only mount, a missing DAC_OVERRIDE and an ACL all have their say.

use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, access, faccessat};

use crate::plan::facts::Access;

/// Returns whether something can be made in this directory.
pub fn can_create_in(directory: &Path) -> Access {
    // The dot makes the kernel say ENOTDIR where it is none.
    word(check(&directory.join("."), AccessFlags::W_OK | AccessFlags::X_OK))
}

/// Returns the kernel's answer for a file.
pub fn check(path: &Path, wanted: AccessFlags) -> Result<(), Errno> {
    match faccessat(AT_FDCWD, path, wanted, AtFlags::AT_EACCESS) {
        // faccessat2 is refused by seccomp profiles older than it (libc handles ENOSYS by itself, and calls it for any
        // faccessat). access(2) asks for the real ids, which are the effective ones in a process that a runtime started.
        Err(Errno::EPERM) => access(path, wanted),
        answer => answer,
    }
}

/// Returns what an answer means.
pub fn word(answer: Result<(), Errno>) -> Access {
    match answer {
        Ok(()) => Access::Yes,
        Err(Errno::EROFS) => Access::ReadOnly,
        Err(Errno::EACCES | Errno::EPERM) => Access::Denied,
        Err(Errno::ENOENT) => Access::Missing,
        Err(_) => Access::Unfit,
    }
}
