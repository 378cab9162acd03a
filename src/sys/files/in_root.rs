//! Opens directories of a tree as a process would whose root directory is the tree's top: a link leads nowhere else. Must not
//! know whose tree it is.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, readlink};
use nix::sys::stat::Mode;

use crate::sys::files::beneath::open_by_openat2;
use crate::sys::files::change::by_proc;

const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Opens a directory, by its path without a leading `/`, as `O_PATH`; links are followed.
///
/// # Errors
/// The system call's error; `EXDEV` if a link leads out of the tree, where the kernel cannot follow it inside.
pub fn open_directory(top: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    match open_by_openat2(top, path, OpenHow::new().flags(DIRECTORY).resolve(inside)) {
        // An old kernel or a seccomp profile; Docker's returns EPERM (SECURITY 2).
        Err(Errno::ENOSYS | Errno::EPERM) => open_without_openat2(top, path),
        result => result,
    }
}

/// Follows links as this process does, and then checks where the directory is: an absolute link is followed only if it leads
/// into the tree by that too.
fn open_without_openat2(top: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let handle = openat(top, path, DIRECTORY, Mode::empty())?;
    let real = |handle: BorrowedFd<'_>| {
        readlink(&by_proc(handle).map_err(|error| error.raw_os_error().map_or(Errno::ENOENT, Errno::from_raw))?)
    };
    match Path::new(&real(handle.as_fd())?).starts_with(real(top)?) {
        true => Ok(handle),
        false => Err(Errno::EXDEV),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_followed_inside_of_the_tree_alone() {
        let (tree, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.path().join("opt/command")).unwrap();
        symlink("opt/command", tree.path().join("inside")).unwrap();
        symlink("/opt/command", tree.path().join("absolute")).unwrap();
        symlink(outside.path(), tree.path().join("outside")).unwrap();
        symlink("../../../../../..", tree.path().join("above")).unwrap();
        let top = File::open(tree.path()).unwrap();
        type Open = fn(BorrowedFd<'_>, &Path) -> Result<OwnedFd, Errno>;
        let result = |open: Open, path: &str| open(top.as_fd(), Path::new(path)).map(drop);
        for open in [open_directory as Open, open_without_openat2] {
            assert_eq!(["opt", "inside"].map(|path| result(open, path)), [Ok(()), Ok(())]);
            assert_eq!(result(open, "none"), Err(Errno::ENOENT));
        }
        assert_eq!(["", "absolute", "above/opt"].map(|path| result(open_directory, path)), [Ok(()), Ok(()), Ok(())]);
        assert_eq!(result(open_directory, "outside"), Err(Errno::ENOENT));
        assert_eq!(["outside", "above"].map(|path| result(open_without_openat2, path)), [Err(Errno::EXDEV); 2]);
    }
}
