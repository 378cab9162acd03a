//! From `/` to a declared path, one component at a time. A link is followed only if it is in a directory that root
//! owns and nobody else can write, and all directories before it are so too: then root or the image's author put it there
//! (`/var/run` → `/run`). After the first directory that others can write, no link is followed any more
//! (CVE-2018-6954, CVE-2026-55686; SECURITY T08). Must not know what the path is for.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use crate::sys::files::beneath::{Beneath, open_by_openat2};
use crate::sys::files::listing::Listing;
use crate::sys::files::name::components;
use crate::sys::files::placed_by::PlacedBy;
use crate::sys::files::stat::{FileKind, Stat};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::files::umask::Umask;
use crate::text::{shown, shown_bytes};

/// An open file.
#[derive(Debug)]
pub struct ResolvedFile {
    /// `O_PATH`: the file itself, even if its name is replaced.
    pub handle: OwnedFd,
    /// Its state.
    pub stat: Stat,
    /// Whether only root could have put it there: true if only root can write every directory of the path.
    pub placed_by_root: bool,
    /// Who could have moved it there.
    pub placed_by: PlacedBy,
}

impl ResolvedFile {
    /// Returns an entry of this directory, given its handle.
    fn child(&self, handle: OwnedFd, stat: Stat) -> Self {
        let placed_by_root = self.placed_by_root && self.stat.only_root_writes();
        let placed_by = self.placed_by.below(&self.stat, &stat);
        Self { handle, stat, placed_by_root, placed_by }
    }
}

/// The result of resolving a path.
#[derive(Debug)]
pub enum Resolved {
    /// It exists.
    Found(ResolvedFile),
    /// It does not: the nearest existing directory, and the missing names below it, at least one.
    Missing(ResolvedFile, Vec<CString>),
}

/// Why a path cannot be resolved.
#[derive(Debug)]
pub struct Unreachable {
    /// The path up to the component that failed, escaped.
    pub at: String,
    /// The reason in words, if the errno does not say it.
    pub why: Option<&'static str>,
    /// The kernel's error.
    pub cause: io::Error,
}

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Links may contain `..` (`../run`); this bounds all steps together.
const MAX_STEPS: usize = 4096;

const PIN: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Resolves an absolute path.
pub fn resolve(syscalls: SyscallSupport, path: &Path) -> Result<Resolved, Unreachable> {
    let rest =
        components(path).map_err(|why| Unreachable { at: shown(path), why: Some(why), cause: Errno::EINVAL.into() })?;
    PathResolver { syscalls, real_path: Vec::new(), rest: rest.into(), links: 0 }.run()
}

/// Creates the missing directories of [`Resolved::Missing`], each 0755 and root's, and returns the last.
///
/// After its creation each is opened without following links. In a directory that others can write, another directory may
/// have taken its place by then: nothing is created in one that is not empty, and the caller must treat the result like any
/// existing directory.
pub fn create_missing(
    syscalls: SyscallSupport,
    parent: ResolvedFile,
    names: &[CString],
) -> Result<ResolvedFile, Unreachable> {
    let mut here = parent;
    for name in names {
        let lost = |cause: Errno| Unreachable { at: shown_bytes(name.to_bytes()), why: None, cause: cause.into() };
        let made = {
            let _all = Umask::clear();
            mkdirat(&here.handle, name.as_c_str(), Mode::from_bits_truncate(0o755))
        };
        match made {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(cause) => return Err(lost(cause)),
        }
        let handle = openat(&here.handle, name.as_c_str(), PIN | OFlag::O_DIRECTORY, Mode::empty()).map_err(lost)?;
        let unseen = |cause: io::Error| Unreachable { at: shown_bytes(name.to_bytes()), why: None, cause };
        let stat = Stat::of(syscalls, handle.as_fd()).map_err(unseen)?;
        let next = here.child(handle, stat);
        if next.placed_by != PlacedBy::Root && !is_empty(&next.handle).map_err(unseen)? {
            let why = Some("it was replaced by another directory");
            return Err(Unreachable { at: shown_bytes(name.to_bytes()), why, cause: Errno::EEXIST.into() });
        }
        here = next;
    }
    Ok(here)
}

/// Opens an existing directory whose absolute path contains no link at all; `None` if it has one, or the kernel cannot say so:
/// then [`resolve`] does.
pub fn directory_without_links(path: &Path, access: OFlag) -> Option<OwnedFd> {
    let links = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(access | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).resolve(links);
    open_by_openat2(AT_FDCWD, path, how).ok()
}

/// Returns whether a directory is empty, through a handle that nothing was listed with yet.
///
/// # Errors
/// The system call's error, if it cannot be listed.
pub fn is_empty_unread(directory: BorrowedFd<'_>) -> io::Result<bool> {
    let mut listing = Listing::small();
    while listing.read(directory)? {
        if listing.entries().next().is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether a directory is empty.
///
/// # Errors
/// The system call's error, if it cannot be listed.
pub fn is_empty(directory: &OwnedFd) -> io::Result<bool> {
    is_empty_unread(Beneath::list_pinned(directory)?.as_fd())
}

struct PathResolver {
    syscalls: SyscallSupport,
    /// Resolved names so far.
    real_path: Vec<CString>,
    rest: VecDeque<CString>,
    links: usize,
}

impl PathResolver {
    fn run(mut self) -> Result<Resolved, Unreachable> {
        let mut here = self.top()?;
        for _ in 0..MAX_STEPS {
            let Some(name) = self.rest.pop_front() else {
                return Ok(Resolved::Found(here));
            };
            if name.as_bytes() == b".." {
                // `..` only comes from links that root put there: only root can write the directories above them.
                self.real_path.pop();
                let above = std::mem::take(&mut self.real_path);
                above.into_iter().rev().for_each(|name| self.rest.push_front(name));
                here = self.top()?;
                continue;
            }
            if here.stat.kind != FileKind::Directory {
                return Err(self.unreachable(&name, None, Errno::ENOTDIR));
            }
            let handle = match openat(&here.handle, name.as_c_str(), PIN, Mode::empty()) {
                Ok(handle) => handle,
                Err(Errno::ENOENT) => {
                    let mut missing = vec![name];
                    missing.extend(std::mem::take(&mut self.rest));
                    if missing.iter().any(|name| name.as_bytes() == b"..") {
                        return Err(self.unreachable(c"..", None, Errno::ENOENT));
                    }
                    return Ok(Resolved::Missing(here, missing));
                }
                Err(cause) => return Err(self.unreachable(&name, None, cause)),
            };
            let stat = Stat::of(self.syscalls, handle.as_fd()).map_err(|cause| self.unreadable(&name, cause))?;
            if stat.kind != FileKind::Link {
                here = here.child(handle, stat);
                self.real_path.push(name);
            } else if here.placed_by_root && here.stat.only_root_writes() {
                here = self.follow(&handle, &name, here)?;
            } else {
                let why = "it is a symbolic link in a directory that users other than root can write to";
                return Err(self.unreachable(&name, Some(why), Errno::ELOOP));
            }
        }
        Err(self.unreachable(c"", None, Errno::ELOOP))
    }

    fn follow(&mut self, link: &OwnedFd, name: &CStr, here: ResolvedFile) -> Result<ResolvedFile, Unreachable> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(self.unreachable(name, None, Errno::ELOOP));
        }
        // The target of a link in procfs is not its text (magic links, symlink(7)).
        let file_system = fstatfs(link).map_err(|cause| self.unreachable(name, None, cause))?;
        if file_system.filesystem_type() == PROC_SUPER_MAGIC {
            return Err(self.unreachable(name, Some("it leads through /proc"), Errno::ELOOP));
        }
        let target = readlinkat(link, c"").map_err(|cause| self.unreachable(name, None, cause))?.into_vec();
        let absolute = target.first() == Some(&b'/');
        let parts: Vec<_> =
            target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        for part in parts.into_iter().rev() {
            self.rest.push_front(CString::new(part).map_err(|_| self.unreachable(name, None, Errno::EINVAL))?);
        }
        if absolute {
            self.real_path.clear();
            return self.top();
        }
        Ok(here)
    }

    fn top(&self) -> Result<ResolvedFile, Unreachable> {
        let lost = |cause| Unreachable { at: "/".to_owned(), why: None, cause };
        let handle =
            openat(AT_FDCWD, c"/", PIN | OFlag::O_DIRECTORY, Mode::empty()).map_err(|error| lost(error.into()))?;
        let stat = Stat::of(self.syscalls, handle.as_fd()).map_err(lost)?;
        Ok(ResolvedFile { handle, stat, placed_by_root: true, placed_by: PlacedBy::Root })
    }

    fn unreachable(&self, name: &CStr, why: Option<&'static str>, cause: Errno) -> Unreachable {
        Unreachable { why, ..self.unreadable(name, cause.into()) }
    }

    fn unreadable(&self, name: &CStr, cause: io::Error) -> Unreachable {
        let mut at = String::new();
        for part in self.real_path.iter().map(|part| part.as_c_str()).chain([name]) {
            at.push('/');
            at.push_str(&shown_bytes(part.to_bytes()));
        }
        Unreachable { at, why: None, cause }
    }
}
