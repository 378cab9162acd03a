//! [`Beneath`]: opens entries of an open directory, never through a link, never outside of the tree and, unless requested,
//! never on another mount. With `openat2` if possible; else one component at a time, comparing the mount.
//! Must not know what the handles are for.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use crate::sys::files::stat::mount_of;
use crate::sys::files::syscall_support::SyscallSupport;

/// How entries are opened.
#[derive(Clone, Copy, Debug)]
pub struct Beneath {
    /// Which system calls can be used.
    pub syscalls: SyscallSupport,
    /// Whether other mounts are entered.
    pub mounts: MountPolicy,
}

/// What happens at a mount point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountPolicy {
    /// `EXDEV`.
    Stay,
    /// It is entered.
    Cross,
}

/// Flags of a handle that pins the entry itself, also a link: O_PATH does not open devices, FIFOs or break leases.
const PIN: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Flags of a handle that can be listed. Only directories can be opened with it, which has no side effects.
const LIST: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC);

/// Attempts of openat2, which fails with EAGAIN if something is renamed meanwhile.
const MAX_ATTEMPTS: usize = 64;

/// The kernel takes no path of 4096 bytes or more (PATH_MAX, with its NUL).
const MAX_PATH: usize = 4000;

impl Beneath {
    /// Pins an entry of any type.
    ///
    /// `mount` is the mount id of `directory`; without openat2 the entry's is compared with it.
    pub fn pin(&self, directory: BorrowedFd<'_>, mount: Option<u64>, name: &CStr) -> io::Result<OwnedFd> {
        self.open(directory, mount, name, PIN)
    }

    /// Opens a directory for listing.
    ///
    /// # Errors
    /// `ENOTDIR` or `ELOOP` if it is not a directory, `EXDEV` if it is a mount point, `EACCES` if it may not be read.
    pub fn list(&self, directory: BorrowedFd<'_>, mount: Option<u64>, name: &CStr) -> io::Result<OwnedFd> {
        self.open(directory, mount, name, LIST)
    }

    /// Opens a pinned directory for listing: `.` of a handle is the same directory, even if its name was replaced.
    pub fn list_pinned(pin: impl AsFd) -> io::Result<OwnedFd> {
        Ok(openat(pin, c".", LIST, Mode::empty())?)
    }

    /// Pins a directory several levels down. The caller must check its identity: a name in between may have been given to
    /// another directory.
    pub fn descend(&self, from: BorrowedFd<'_>, mount: Option<u64>, names: &[&CStr]) -> io::Result<OwnedFd> {
        let mut here: Option<OwnedFd> = None;
        let mut rest = names;
        while let Some(first) = rest.first() {
            let mut taken = 1;
            let mut path = first.to_bytes().to_vec();
            if self.syscalls.openat2() {
                while let Some(next) = rest.get(taken).filter(|next| path.len() + next.to_bytes().len() < MAX_PATH) {
                    path.push(b'/');
                    path.extend_from_slice(next.to_bytes());
                    taken += 1;
                }
            }
            let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
            let base = here.as_ref().map_or(from, AsFd::as_fd);
            here = Some(self.open(base, mount, &path, PIN | OFlag::O_DIRECTORY)?);
            rest = rest.get(taken..).unwrap_or_default();
        }
        here.ok_or_else(|| Errno::EINVAL.into())
    }

    fn open(&self, directory: BorrowedFd<'_>, mount: Option<u64>, path: &CStr, flags: OFlag) -> io::Result<OwnedFd> {
        if self.syscalls.openat2() {
            return self.open_with_openat2(directory, path, flags);
        }
        let handle = openat(directory, path, flags, Mode::empty())?;
        match self.mounts {
            MountPolicy::Cross => Ok(handle),
            MountPolicy::Stay if mount.is_some() && mount == Some(mount_of(self.syscalls, &handle)?) => Ok(handle),
            MountPolicy::Stay => Err(Errno::EXDEV.into()),
        }
    }

    fn open_with_openat2(&self, directory: BorrowedFd<'_>, path: &CStr, flags: OFlag) -> io::Result<OwnedFd> {
        let inside = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS
            | match self.mounts {
                MountPolicy::Stay => ResolveFlag::RESOLVE_NO_XDEV,
                MountPolicy::Cross => ResolveFlag::empty(),
            };
        let how = OpenHow::new().flags(flags).resolve(inside);
        Ok(open_by_openat2(directory, path, how)?)
    }
}

/// Calls openat2(2) until nothing is renamed meanwhile.
pub fn open_by_openat2<P: NixPath + ?Sized>(
    directory: BorrowedFd<'_>,
    path: &P,
    how: OpenHow,
) -> Result<OwnedFd, Errno> {
    let mut result = Err(Errno::EAGAIN);
    for _ in 0..MAX_ATTEMPTS {
        result = openat2(directory, path, how);
        if !matches!(result, Err(Errno::EAGAIN | Errno::EINTR)) {
            break;
        }
    }
    result
}
