//! The declared path itself: reached safely, made if so declared, and refused if it is one of the system's own
//! directories by whatever name (SECURITY 1.1.2). Must not know what is below it.

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;

use super::report::{Attempt, Cause};
use crate::boot::placement::Placement;
use crate::error::Refused;
use crate::plan::OwnTree;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::pseudo;
use crate::sys::files::resolve::{self, Found, Reached, Unreachable};
use crate::sys::files::stat::{FileId, Kind};
use crate::text::shown;

/// These cannot be declared; what lies below them can.
const OF_THE_SYSTEM: [&str; 16] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin",
    "/sys", "/usr", "/var",
];

/// What stands at a declared path.
pub(super) enum Top {
    /// There.
    Found(Found),
    /// Not there before, and made.
    Made(Found),
    /// Not there, which is fine.
    Absent,
    /// Out of reach.
    Lost { at: String, cause: Cause },
}

/// Reaches the declared path.
///
/// # Errors
/// If it is one that cannot be declared.
pub(super) fn reach(kernel: Kernel, tree: &OwnTree, placement: &Placement) -> Result<Top, Refused> {
    let (found, made) = match resolve::reach(kernel, &tree.path) {
        Ok(Reached::Found(found)) => (found, false),
        Ok(Reached::Missing(..)) if tree.optional && !tree.create => return Ok(Top::Absent),
        Ok(Reached::Missing(parent, names)) if tree.create => match resolve::make(kernel, parent, &names) {
            Ok(found) => (found, true),
            Err(unreachable) => return lost(tree, unreachable, Attempt::Make),
        },
        Ok(Reached::Missing(..)) => {
            let at = shown(&tree.path);
            return Ok(Top::Lost { at, cause: Cause::Refused(Attempt::Reach, libc::ENOENT) });
        }
        Err(unreachable) => return lost(tree, unreachable, Attempt::Reach),
    };
    if is_of_the_system(&found) {
        let what = format!("cannot own {}: it is the system's own", shown(&tree.path));
        return Err(Refused::new(what, Errno::EPERM).help("declare the directory below it that the app needs"));
    }
    if !tree.take_over {
        let at = || shown(&tree.path);
        match placement.may_take(&found, tree.owner.uid) {
            Ok(true) => {}
            Ok(false) => return Ok(Top::Lost { at: at(), cause: Cause::NotPlacedByRoot(found.stat.uid) }),
            Err(cause) => {
                let errno = cause.raw_os_error().unwrap_or(libc::EIO);
                return Ok(Top::Lost { at: at(), cause: Cause::Refused(Attempt::List, errno) });
            }
        }
    }
    Ok(if made { Top::Made(found) } else { Top::Found(found) })
}

fn lost(tree: &OwnTree, unreachable: Unreachable, attempt: Attempt) -> Result<Top, Refused> {
    let errno = unreachable.cause.raw_os_error().unwrap_or(libc::EIO);
    match unreachable.why {
        Some(why) if errno == libc::EINVAL => {
            let what = format!("cannot own `{}`: {why}", shown(&tree.path));
            Err(Refused::new(what, unreachable.cause).help("write an absolute path without `..`"))
        }
        Some(_) => Ok(Top::Lost { at: unreachable.at, cause: Cause::ForeignLink }),
        None => Ok(Top::Lost { at: unreachable.at, cause: Cause::Refused(attempt, errno) }),
    }
}

fn is_of_the_system(found: &Found) -> bool {
    found.stat.kind == Kind::Directory
        && (pseudo::is_kernels(&found.handle)
            || OF_THE_SYSTEM
                .iter()
                .filter_map(|path| stat(*path).ok())
                .any(|system| FileId { device: system.st_dev, inode: system.st_ino } == found.stat.id))
}
