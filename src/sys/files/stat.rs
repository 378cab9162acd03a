//! [`Stat`]: the state of a file, through a handle or by its name in an open directory. Links are not followed. Must not
//! know what it is used for.
#![allow(unsafe_code)] // statx(2) is wrapped by neither nix nor std

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::libc;
use nix::sys::stat::fstatat;

use crate::config::values::{Gid, Uid};
use crate::sys::files::syscall_support::SyscallSupport;

/// Kinds of files (inode(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A named pipe.
    Fifo,
    /// A unix socket.
    Socket,
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// None of the seven: a damaged file system.
    Unknown,
}

impl FileKind {
    /// Reads the type bits of `st_mode`.
    pub fn of_mode(mode: u32) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFREG => Self::Regular,
            libc::S_IFDIR => Self::Directory,
            libc::S_IFLNK => Self::Link,
            libc::S_IFIFO => Self::Fifo,
            libc::S_IFSOCK => Self::Socket,
            libc::S_IFBLK => Self::Block,
            libc::S_IFCHR => Self::Character,
            _ => Self::Unknown,
        }
    }
}

/// The state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
    /// The number of its hard links.
    pub links: u64,
    /// Its identity.
    pub id: FileId,
    /// The id of the mount through which it was opened, if the kernel reports it (5.8). A bind mount has the device of its
    /// source: only the mount id distinguishes them (SECURITY 1.1.8).
    pub mount: Option<u64>,
    /// Whether it is the root of a mount (5.8; `false` if the kernel does not report it).
    pub mount_root: bool,
}

/// Device and inode: the identity of a file while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Device.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

impl Stat {
    /// Returns the state of the file of a handle.
    pub fn of(syscalls: SyscallSupport, handle: BorrowedFd<'_>) -> io::Result<Self> {
        Self::stat_at(syscalls, handle, c"", AtFlags::AT_EMPTY_PATH)
    }

    /// As [`Stat::of`], without the mount: cheaper, for a handle that was opened on the right one.
    pub fn of_pin(handle: BorrowedFd<'_>) -> io::Result<Self> {
        let mut out = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the buffer has the size the kernel fills and outlives the call. The raw call (the structure is the
        // kernel's own on 64-bit), because glibc's wrapper uses an empty path, which costs twice as much.
        let returned = unsafe { libc::syscall(libc::SYS_fstat, handle.as_raw_fd(), out.as_mut_ptr()) };
        Errno::result(returned)?;
        // SAFETY: the call succeeded, so the kernel has written the whole structure.
        Ok(from_libc(&unsafe { out.assume_init() }))
    }

    /// Returns the state of an entry of an open directory by its name; of a link itself. No automount is triggered.
    pub fn of_entry(syscalls: SyscallSupport, directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        Self::stat_at(syscalls, directory, name, AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT)
    }

    fn stat_at(syscalls: SyscallSupport, directory: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> io::Result<Self> {
        if syscalls.is_known_without_statx() {
            return fstatat_only(directory, name, flags);
        }
        match statx(directory, name, flags) {
            Err(Errno::ENOSYS | Errno::EPERM) if !syscalls.statx() => fstatat_only(directory, name, flags),
            result => Ok(result?),
        }
    }

    /// Returns whether only root can create, remove or rename entries of this directory: its entries were put there by root
    /// or by the image's author. ACLs show in the group bits (acl(5)).
    pub fn only_root_writes(&self) -> bool {
        self.kind == FileKind::Directory && self.uid == Uid::ROOT && self.mode & 0o022 == 0
    }
}

/// Returns the mount id of a handle: from statx if it reports it, else from `/proc/self/fdinfo` (3.15).
pub fn mount_of(syscalls: SyscallSupport, handle: impl AsFd) -> io::Result<u64> {
    let handle = handle.as_fd();
    if let Some(mount) = Stat::of(syscalls, handle)?.mount {
        return Ok(mount);
    }
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", handle.as_raw_fd()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    line.and_then(|id| id.trim().parse().ok()).ok_or_else(|| io::Error::from(Errno::ENOSYS))
}

fn statx(directory: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<Stat, Errno> {
    // With STATX_MNT_ID_UNIQUE the kernel would not report this one.
    const WANTED: u32 = libc::STATX_TYPE
        | libc::STATX_MODE
        | libc::STATX_NLINK
        | libc::STATX_UID
        | libc::STATX_GID
        | libc::STATX_INO
        | libc::STATX_MNT_ID;
    let out = raw_statx(directory, name, flags, WANTED)?;
    let mode = u32::from(out.stx_mode);
    Ok(Stat {
        kind: FileKind::of_mode(mode),
        mode: mode & 0o7777,
        uid: Uid(out.stx_uid),
        gid: Gid(out.stx_gid),
        links: u64::from(out.stx_nlink),
        id: FileId { device: libc::makedev(out.stx_dev_major, out.stx_dev_minor), inode: out.stx_ino },
        mount: (out.stx_mask & libc::STATX_MNT_ID != 0).then_some(out.stx_mnt_id),
        mount_root: out.stx_attributes & u64::from(libc::STATX_ATTR_MOUNT_ROOT.cast_unsigned()) != 0,
    })
}

/// Calls statx(2). The raw call: glibc's wrapper may emulate it with fstatat, without the mount, and std declares that
/// wrapper as a weak symbol, which is null in a static link with LTO.
pub(super) fn raw_statx(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: AtFlags,
    wanted: u32,
) -> Result<libc::statx, Errno> {
    let mut out = std::mem::MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated and outlives the call, as does the buffer, which has the size the kernel fills.
    let returned = unsafe {
        libc::syscall(libc::SYS_statx, directory.as_raw_fd(), name.as_ptr(), flags.bits(), wanted, out.as_mut_ptr())
    };
    Errno::result(returned)?;
    // SAFETY: every field is a number, so the zeroed and then (partly) written buffer is a value.
    Ok(unsafe { out.assume_init() })
}

fn fstatat_only(directory: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> io::Result<Stat> {
    Ok(from_libc(&fstatat(directory, name, flags)?))
}

#[allow(clippy::useless_conversion)] // st_nlink has 32 bits on arm64
fn from_libc(out: &libc::stat) -> Stat {
    Stat {
        kind: FileKind::of_mode(out.st_mode),
        mode: out.st_mode & 0o7777,
        uid: Uid(out.st_uid),
        gid: Gid(out.st_gid),
        links: u64::from(out.st_nlink),
        id: FileId { device: out.st_dev, inode: out.st_ino },
        mount: None,
        mount_root: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn both_ways_of_looking_see_the_same_file() {
        let file = File::open("/proc/self/exe").unwrap();
        let syscalls = SyscallSupport::probe();
        let new = Stat::of(syscalls, file.as_fd()).unwrap();
        let old = Stat::of(SyscallSupport::without_statx(), file.as_fd()).unwrap();
        let plain = Stat { mount: None, mount_root: false, ..new };
        assert_eq!((plain, plain), (old, Stat::of_pin(file.as_fd()).unwrap()));
    }

    #[test]
    fn both_ways_of_asking_name_the_same_mount() {
        let syscalls = SyscallSupport::probe();
        let directory = File::open("/proc").unwrap();
        let without = SyscallSupport::without_statx();
        assert_eq!(mount_of(syscalls, &directory).unwrap(), mount_of(without, &directory).unwrap());
    }
}
