//! What this process may do with files, checked by the kernel with its effective ids and capabilities. Nothing is inferred
//! from owners and modes: read-only mounts, a missing DAC_OVERRIDE and ACLs matter too.

use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, access, faccessat};

use crate::plan::facts::Access;

/// Returns whether files can be created in this directory.
pub fn can_create_in(directory: &Path) -> Access {
    // The dot makes the kernel return ENOTDIR if it is not a directory.
    access_of(check(&directory.join("."), AccessFlags::W_OK | AccessFlags::X_OK))
}

/// Checks access to a file.
pub fn check(path: &Path, wanted: AccessFlags) -> Result<(), Errno> {
    match faccessat(AT_FDCWD, path, wanted, AtFlags::AT_EACCESS) {
        // faccessat2 is blocked by seccomp profiles older than it (libc handles ENOSYS by itself, and calls it for any
        // faccessat). access(2) uses the real ids, which equal the effective ones in a process that a runtime started.
        Err(Errno::EPERM) => access(path, wanted),
        result => result,
    }
}

/// Returns the access that a result means.
pub fn access_of(result: Result<(), Errno>) -> Access {
    match result {
        Ok(()) => Access::Yes,
        Err(Errno::EROFS) => Access::ReadOnly,
        Err(Errno::EACCES | Errno::EPERM) => Access::Denied,
        Err(Errno::ENOENT) => Access::Missing,
        Err(_) => Access::Unfit,
    }
}
