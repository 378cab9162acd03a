//! Where the runtime directory of the running PID 1 may be, and whether one that is found there is this container's. Must not
//! know what is in it.
#![allow(clippy::disallowed_methods)] // XDG_RUNTIME_DIR

use std::env::var_os;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, stat};
use nix::unistd::geteuid;

use crate::control::runtime_dir::CONTAINER_LINK;
use crate::inspect::facts::{alternatives, candidates};
use crate::sys::instance::mount_namespace;

/// Returns the preferred paths, best first; next to each there may be those of other containers of a pod.
pub fn directories() -> Vec<PathBuf> {
    candidates(var_os("XDG_RUNTIME_DIR"))
}

/// Returns the runtime directory of this container: the first one that another user cannot have put there and that names
/// this container's mount namespace.
pub fn runtime_directory() -> Option<PathBuf> {
    runtime_directory_with(var_os("XDG_RUNTIME_DIR"))
}

/// The same with this value of XDG_RUNTIME_DIR.
pub fn runtime_directory_with(xdg_runtime_dir: Option<OsString>) -> Option<PathBuf> {
    let preferred = candidates(xdg_runtime_dir);
    let others = preferred.iter().flat_map(|directory| alternatives(directory));
    preferred.iter().cloned().chain(others).find(|path| {
        open_directory(path)
            .is_ok_and(|handle| is_trusted(&handle, path).unwrap_or_default() && !is_of_another_container(&handle))
    })
}

/// Opens a runtime directory, which is no link.
///
/// # Errors
/// The kernel's.
pub fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

/// Returns whether only root or we can have created this directory, or can write it.
///
/// # Errors
/// It cannot be asked.
pub fn is_trusted(handle: &OwnedFd, path: &Path) -> Result<bool, Errno> {
    Ok(only_owner_writes(&fstat(handle)?)
        // Root gave it to the app user, which PID 1 is by now: only root can have created it in /run.
        || path.parent().is_some_and(|around| stat(around).is_ok_and(|around| only_owner_writes(&around))))
}

/// Returns whether the link in the directory names another container.
pub fn is_of_another_container(directory: &OwnedFd) -> bool {
    let theirs = readlinkat(directory, CONTAINER_LINK).ok().map(PathBuf::from);
    theirs.is_some_and(|theirs| mount_namespace().is_some_and(|ours| ours != theirs))
}

fn only_owner_writes(directory: &FileStat) -> bool {
    directory.st_mode & 0o022 == 0 && (directory.st_uid == 0 || directory.st_uid == geteuid().as_raw())
}
