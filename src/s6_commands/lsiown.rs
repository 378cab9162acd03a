//! `lsiown` of LinuxServer's images: gives paths to `user:group` where they are another's. It never fails: on a volume that
//! does not know owners the script goes on. Below a path no link is followed, and a file of root with several names is left:
//! who owns the tree may have put it there.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, fchownat};

use crate::s6_commands::call::{Call, CommandResult, print};
use crate::s6_commands::ids;

const WITHOUT_GROUP: &str =
    "**** Permissions could not be set. Group is missing or incorrect, expecting user:group. ****\n";
const REFUSED: &str = "**** Permissions could not be set. This is probably because your volume mounts are remote or \
                       read-only. ****\n**** The app may not work properly and we will not provide support for it. ****\n";

/// Gives away each path, with `-R` all that is below it.
pub(super) fn lsiown(mut call: Call) -> CommandResult {
    // The script lets unknown options pass.
    let options = call.options("RcfvhHLP", "lsiown [-RcfvhHLP] user:group path...").unwrap_or_default();
    let is_deep = options.iter().any(|(letter, _)| *letter == b'R');
    if call.arguments.is_empty() {
        return print(WITHOUT_GROUP.as_bytes()).map(|()| 0);
    }
    let owner = call.arguments.remove(0);
    let Some(colon) = owner.iter().position(|byte| *byte == b':').filter(|at| at + 1 < owner.len()) else {
        return print(WITHOUT_GROUP.as_bytes()).map(|()| 0);
    };
    let to = match (ids::user(&owner[..colon]), ids::group(&owner[colon + 1..])) {
        (Some(uid), Some(gid)) => NewOwner { uid, gid },
        (None, _) | (_, None) => return print(REFUSED.as_bytes()).map(|()| 0),
    };
    let mut is_refused = false;
    for path in &call.arguments {
        let top = open(OsStr::from_bytes(path), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        let done = top.and_then(|top| to.give(&top, is_deep));
        is_refused |= done.is_err();
    }
    if is_refused {
        print(REFUSED.as_bytes())?;
    }
    Ok(0)
}

/// Who gets the files.
#[derive(Clone, Copy)]
struct NewOwner {
    uid: u32,
    gid: u32,
}

impl NewOwner {
    /// Gives one file away, and what is below it. Goes on after a refusal, and returns the first one.
    fn give(self, file: &OwnedFd, is_deep: bool) -> Result<(), Errno> {
        let stat = fstat(file)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFLNK {
            return Ok(());
        }
        let mut done = self.give_one(file, &stat, kind);
        if is_deep && kind == SFlag::S_IFDIR {
            done = done.and(self.give_below(file));
        }
        done
    }

    fn give_one(self, file: &OwnedFd, stat: &FileStat, kind: SFlag) -> Result<(), Errno> {
        let is_linked = kind != SFlag::S_IFDIR && stat.st_nlink > 1 && stat.st_uid == 0;
        if (stat.st_uid, stat.st_gid) == (self.uid, self.gid) || is_linked {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        fchownat(file, c"", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH)
    }

    fn give_below(self, directory: &OwnedFd) -> Result<(), Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut listing = Dir::openat(directory.as_fd(), c".", flags, Mode::empty())?;
        let mut done = Ok(());
        for entry in listing.iter() {
            let entry = entry?;
            let name: &CStr = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let given = match openat(directory.as_fd(), name, flags, Mode::empty()) {
                // Gone since.
                Err(Errno::ENOENT) => Ok(()),
                result => result.and_then(|file| self.give(&file, true)),
            };
            done = done.and(given);
        }
        done
    }
}
