//! Opens one directory entry safely: a FIFO, a device or a socket is never read, a link is followed only inside its tree.
//! Must not know trees or what files mean.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, readlink};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use crate::config::{Content, LINK_OUT, MAX_FILE};
use crate::sys::files::beneath::open_by_openat2;
use crate::sys::read_file;

/// NONBLOCK: a FIFO without a writer must not block PID 1 (SECURITY 1.4). NOCTTY: a terminal must not become ours.
pub(super) const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);

/// An opened entry.
pub(super) enum OpenedEntry {
    /// A regular file, to be read by [`read_regular`].
    File(OwnedFd, FileStat),
    /// A directory.
    Dir(OwnedFd, FileStat),
    /// Anything else, and what cannot be opened.
    Other(Content),
}

/// Opens the entry `name` of `dir`, which is at `prefix` below the tree's top `root`.
pub(super) fn open(
    root: BorrowedFd<'_>,
    prefix: &Path,
    dir: BorrowedFd<'_>,
    name: &CStr,
    kind: Option<Type>,
) -> Result<OpenedEntry, Errno> {
    let kind = match kind {
        Some(kind) => kind,
        None => kind_of(&fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?),
    };
    match kind {
        // By the listed kind, before anything is opened: opening a device may already do something.
        Type::Fifo | Type::CharacterDevice | Type::BlockDevice | Type::Socket => Ok(OpenedEntry::Other(other(kind))),
        Type::Directory | Type::File => match openat(dir, name, READ | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(fd) => opened(fd),
            Err(errno) => Err(errno),
        },
        Type::Symlink => follow(root, &prefix.join(as_path(name))),
    }
}

pub(super) fn as_path(name: &CStr) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

/// Follows a link, and further links, as long as all of them stay below `root`: a ConfigMap's entries are such links, while
/// one that leads out could make us print a file that only root may read.
fn follow(root: BorrowedFd<'_>, path: &Path) -> Result<OpenedEntry, Errno> {
    let how = OpenHow::new().flags(READ).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match open_by_openat2(root, path, how) {
        Ok(fd) => opened(fd),
        Err(Errno::EXDEV) => Ok(OpenedEntry::Other(Content::Other(LINK_OUT))),
        Err(Errno::ENOENT) => Ok(OpenedEntry::Other(Content::Other("dangling link"))),
        Err(Errno::ELOOP) => Ok(OpenedEntry::Other(Content::Other("link loop"))),
        // An old kernel or a seccomp profile; Docker's returns EPERM (SECURITY 2).
        Err(Errno::ENOSYS | Errno::EPERM) => follow_by_proc(root, path),
        Err(errno) => Err(errno),
    }
}

/// The descriptions of [`Content::Other`].
pub const KINDS: [&str; 9] =
    [LINK_OUT, "dangling link", "link loop", "FIFO", "device", "socket", "directory", "link", "file"];

/// The same without `openat2`: opens a handle first (O_PATH), then checks where it is. No race: the handle is checked and
/// read, not the path.
fn follow_by_proc(root: BorrowedFd<'_>, path: &Path) -> Result<OpenedEntry, Errno> {
    let handle = match openat(root, path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(handle) => handle,
        Err(Errno::ENOENT) => return Ok(OpenedEntry::Other(Content::Other("dangling link"))),
        Err(Errno::ELOOP) => return Ok(OpenedEntry::Other(Content::Other("link loop"))),
        Err(errno) => return Err(errno),
    };
    let kind = kind_of(&fstat(&handle)?);
    if !matches!(kind, Type::File | Type::Directory) {
        return Ok(OpenedEntry::Other(other(kind)));
    }
    let top = PathBuf::from(readlink(&proc_path(root))?);
    if !Path::new(&readlink(&proc_path(handle.as_fd()))?).starts_with(top) {
        return Ok(OpenedEntry::Other(Content::Other(LINK_OUT)));
    }
    opened(openat(nix::fcntl::AT_FDCWD, &proc_path(handle.as_fd()), READ, Mode::empty())?)
}

fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn opened(fd: OwnedFd) -> Result<OpenedEntry, Errno> {
    let stat = fstat(&fd)?;
    Ok(match kind_of(&stat) {
        Type::File => OpenedEntry::File(fd, stat),
        Type::Directory => OpenedEntry::Dir(fd, stat),
        kind @ (Type::Fifo | Type::CharacterDevice | Type::BlockDevice | Type::Socket | Type::Symlink) => {
            OpenedEntry::Other(other(kind))
        }
    })
}

/// Reads a regular file, at most [`MAX_FILE`] bytes of it.
pub(super) fn read_regular(fd: OwnedFd, stat: &FileStat) -> Content {
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    if size > MAX_FILE as u64 {
        return Content::TooLarge(size);
    }
    let executable = stat.st_mode & 0o111 != 0;
    match read_file::read_regular(&File::from(fd), usize::try_from(size).unwrap_or_default(), MAX_FILE) {
        Ok(bytes) if bytes.len() > MAX_FILE => Content::TooLarge(bytes.len() as u64), // grew while we read
        Ok(bytes) => Content::File { bytes, executable },
        Err(error) => Content::Unreadable(
            error.raw_os_error().map_or(error.to_string(), |raw| Errno::from_raw(raw).desc().into()),
        ),
    }
}

fn other(kind: Type) -> Content {
    Content::Other(match kind {
        Type::Fifo => "FIFO",
        Type::CharacterDevice | Type::BlockDevice => "device",
        Type::Socket => "socket",
        Type::Directory => "directory",
        Type::Symlink => "link",
        Type::File => "file",
    })
}

fn kind_of(stat: &FileStat) -> Type {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Type::File,
        SFlag::S_IFDIR => Type::Directory,
        SFlag::S_IFLNK => Type::Symlink,
        SFlag::S_IFIFO => Type::Fifo,
        SFlag::S_IFCHR => Type::CharacterDevice,
        SFlag::S_IFBLK => Type::BlockDevice,
        _ => Type::Socket,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn without_openat2_links_are_followed_only_inside_the_tree_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::write(at("real"), "inside").unwrap();
        symlink("real", at("inside")).unwrap();
        symlink("/etc/passwd", at("outside")).unwrap();
        symlink("/dev/null", at("device")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("round", at("round")).unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let word = |name: &str| match follow_by_proc(root.as_fd(), Path::new(name)).unwrap() {
            OpenedEntry::File(fd, stat) => match read_regular(fd, &stat) {
                Content::File { bytes, .. } => String::from_utf8(bytes).unwrap(),
                other => panic!("{other:?}"),
            },
            OpenedEntry::Dir(..) => "directory".to_owned(),
            OpenedEntry::Other(Content::Other(what)) => what.to_owned(),
            OpenedEntry::Other(other) => panic!("{other:?}"),
        };
        assert_eq!(word("inside"), "inside");
        assert_eq!(word("outside"), LINK_OUT);
        assert_eq!(word("device"), "device");
        assert_eq!(word("dangling"), "dangling link");
        assert_eq!(word("round"), "link loop");
    }
}
