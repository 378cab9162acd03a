//! The declared path itself: opened safely, created if so declared, and refused if it is a system directory under any name
//! (SECURITY 1.1.2). Must not know what is below it.

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;

use super::report::{Operation, UnchangedCause};
use crate::boot::chown_policy::ChownPolicy;
use crate::error::Refused;
use crate::plan::OwnTree;
use crate::sys::files::pseudo;
use crate::sys::files::resolve::{self, Resolved, ResolvedFile, Unreachable};
use crate::sys::files::stat::{FileId, FileKind};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::text::shown;

/// These cannot be declared; paths below them can.
const SYSTEM_DIRECTORIES: [&str; 16] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin",
    "/sys", "/usr", "/var",
];

/// The state of a declared path.
pub(super) enum DeclaredPath {
    /// It exists.
    Found(ResolvedFile),
    /// It was created.
    Created(ResolvedFile),
    /// It does not exist, and does not have to.
    Absent,
    /// It cannot be opened.
    Unreachable { at: String, cause: UnchangedCause },
}

/// Opens or creates the declared path.
///
/// # Errors
/// If it is one that cannot be declared.
pub(super) fn reach(
    syscalls: SyscallSupport,
    tree: &OwnTree,
    chown_policy: &ChownPolicy,
) -> Result<DeclaredPath, Refused> {
    let (found, made) = match resolve::resolve(syscalls, &tree.path) {
        Ok(Resolved::Found(found)) => (found, false),
        Ok(Resolved::Missing(..)) if tree.options.optional && !tree.options.create => return Ok(DeclaredPath::Absent),
        Ok(Resolved::Missing(parent, names)) if tree.options.create => {
            match resolve::create_missing(syscalls, parent, &names) {
                Ok(found) => (found, true),
                Err(unreachable) => return unreachable_path(tree, unreachable, Operation::Create),
            }
        }
        Ok(Resolved::Missing(..)) => {
            let at = shown(&tree.path);
            return Ok(DeclaredPath::Unreachable {
                at,
                cause: UnchangedCause::Refused(Operation::Reach, libc::ENOENT),
            });
        }
        Err(unreachable) => return unreachable_path(tree, unreachable, Operation::Reach),
    };
    if is_system_directory(&found) {
        let what = format!("cannot own {}: it belongs to the system", shown(&tree.path));
        return Err(Refused::new(what, Errno::EPERM).fix("declare the directory below it that the app needs"));
    }
    if !tree.options.take_over {
        let at = || shown(&tree.path);
        match chown_policy.may_change_owner(&found, tree.owner.uid) {
            Ok(true) => {}
            Ok(false) => {
                return Ok(DeclaredPath::Unreachable {
                    at: at(),
                    cause: UnchangedCause::NotPlacedByRoot(found.stat.uid),
                });
            }
            Err(cause) => {
                let errno = cause.raw_os_error().unwrap_or(libc::EIO);
                return Ok(DeclaredPath::Unreachable {
                    at: at(),
                    cause: UnchangedCause::Refused(Operation::List, errno),
                });
            }
        }
    }
    Ok(if made { DeclaredPath::Created(found) } else { DeclaredPath::Found(found) })
}

fn unreachable_path(tree: &OwnTree, unreachable: Unreachable, attempt: Operation) -> Result<DeclaredPath, Refused> {
    let errno = unreachable.cause.raw_os_error().unwrap_or(libc::EIO);
    match unreachable.why {
        Some(why) if errno == libc::EINVAL => {
            let what = format!("cannot own `{}`: {why}", shown(&tree.path));
            Err(Refused::new(what, unreachable.cause).fix("write an absolute path without `..`"))
        }
        Some(_) => Ok(DeclaredPath::Unreachable { at: unreachable.at, cause: UnchangedCause::ForeignLink }),
        None => Ok(DeclaredPath::Unreachable { at: unreachable.at, cause: UnchangedCause::Refused(attempt, errno) }),
    }
}

fn is_system_directory(found: &ResolvedFile) -> bool {
    found.stat.kind == FileKind::Directory
        && (pseudo::is_kernel_filesystem(&found.handle)
            || SYSTEM_DIRECTORIES
                .iter()
                .filter_map(|path| stat(*path).ok())
                .any(|system| FileId { device: system.st_dev, inode: system.st_ino } == found.stat.id))
}
