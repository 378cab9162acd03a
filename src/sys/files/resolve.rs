//! From `/` to a declared path, one component at a time. A link is followed only if it stands in a directory which root
//! owns and nobody else can write, and so do all directories before it: then root or the image's author put it there
//! (`/var/run` → `/run`). From the first directory on that anybody else can write, no link is followed any more
//! (CVE-2018-6954, CVE-2026-55686; SECURITY T08). Must not know what the path is for.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use crate::sys::files::beneath::Beneath;
use crate::sys::files::kernel::Kernel;
use crate::sys::files::listing::Listing;
use crate::sys::files::name::components;
use crate::sys::files::placed::PlacedBy;
use crate::sys::files::stat::{Kind, Stat};
use crate::sys::files::umask::Umask;
use crate::text::{shown, shown_bytes};

/// A file, held.
#[derive(Debug)]
pub struct Found {
    /// `O_PATH`: the file itself, whatever becomes of its name.
    pub handle: OwnedFd,
    /// What it is.
    pub stat: Stat,
    /// Whether only root could have put it there: true if every directory on the way is root's alone.
    pub placed_by_root: bool,
    /// Who could have put it there, as far as renaming goes.
    pub placed_by: PlacedBy,
}

impl Found {
    /// Returns what is in this directory, through a handle of it.
    fn below(&self, handle: OwnedFd, stat: Stat) -> Self {
        let placed_by_root = self.placed_by_root && self.stat.only_root_writes();
        let placed_by = self.placed_by.below(&self.stat, &stat);
        Self { handle, stat, placed_by_root, placed_by }
    }
}

/// What stands at a path.
#[derive(Debug)]
pub enum Reached {
    /// It is there.
    Found(Found),
    /// It is not: the nearest directory that is, and the names that are missing below it, at least one.
    Missing(Found, Vec<CString>),
}

/// Why a path cannot be reached.
#[derive(Debug)]
pub struct Unreachable {
    /// Up to where, escaped.
    pub at: String,
    /// In words, where the kernel's answer does not say it.
    pub why: Option<&'static str>,
    /// The kernel's answer.
    pub cause: io::Error,
}

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Links may lead up (`../run`); this bounds all steps together.
const MAX_STEPS: usize = 4096;

const PIN: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Reaches an absolute path.
pub fn reach(kernel: Kernel, path: &Path) -> Result<Reached, Unreachable> {
    let rest =
        components(path).map_err(|why| Unreachable { at: shown(path), why: Some(why), cause: Errno::EINVAL.into() })?;
    Walk { kernel, trail: Vec::new(), rest: rest.into(), links: 0 }.run()
}

/// Makes the missing directories of [`Reached::Missing`], each 0755 and root's, and returns the last.
///
/// Each is opened without following links after it was made, with the mode that it was made with. In a directory that
/// others can write, somebody may put another directory in its place: nothing is made in one that is not empty, and the
/// caller treats what it gets like any directory it finds.
pub fn make(kernel: Kernel, parent: Found, names: &[CString]) -> Result<Found, Unreachable> {
    let mut here = parent;
    for name in names {
        let lost = |cause: Errno| Unreachable { at: shown_bytes(name.to_bytes()), why: None, cause: cause.into() };
        let made = {
            let _all = Umask::open();
            mkdirat(&here.handle, name.as_c_str(), Mode::from_bits_truncate(0o755))
        };
        match made {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(cause) => return Err(lost(cause)),
        }
        let handle = openat(&here.handle, name.as_c_str(), PIN | OFlag::O_DIRECTORY, Mode::empty()).map_err(lost)?;
        let unseen = |cause: io::Error| Unreachable { at: shown_bytes(name.to_bytes()), why: None, cause };
        let stat = Stat::of(kernel, handle.as_fd()).map_err(unseen)?;
        let next = here.below(handle, stat);
        if next.placed_by != PlacedBy::Root && !is_empty(&next.handle).map_err(unseen)? {
            let why = Some("it was replaced by another directory");
            return Err(Unreachable { at: shown_bytes(name.to_bytes()), why, cause: Errno::EEXIST.into() });
        }
        here = next;
    }
    Ok(here)
}

/// Returns whether nothing is in a directory.
///
/// # Errors
/// The kernel's answer, where it cannot be listed.
pub fn is_empty(directory: &OwnedFd) -> io::Result<bool> {
    let handle = Beneath::list_pinned(directory)?;
    let mut listing = Listing::new();
    while listing.read(handle.as_fd())? {
        if listing.entries().next().is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Walk {
    kernel: Kernel,
    /// Real names so far.
    trail: Vec<CString>,
    rest: VecDeque<CString>,
    links: usize,
}

impl Walk {
    fn run(mut self) -> Result<Reached, Unreachable> {
        let mut here = self.top()?;
        for _ in 0..MAX_STEPS {
            let Some(name) = self.rest.pop_front() else {
                return Ok(Reached::Found(here));
            };
            if name.as_bytes() == b".." {
                // Only links bring it, and only those that root put there: what is above them is root's alone as well.
                self.trail.pop();
                let above = std::mem::take(&mut self.trail);
                above.into_iter().rev().for_each(|name| self.rest.push_front(name));
                here = self.top()?;
                continue;
            }
            if here.stat.kind != Kind::Directory {
                return Err(self.lost(&name, None, Errno::ENOTDIR));
            }
            let handle = match openat(&here.handle, name.as_c_str(), PIN, Mode::empty()) {
                Ok(handle) => handle,
                Err(Errno::ENOENT) => {
                    let mut missing = vec![name];
                    missing.extend(std::mem::take(&mut self.rest));
                    if missing.iter().any(|name| name.as_bytes() == b"..") {
                        return Err(self.lost(c"..", None, Errno::ENOENT));
                    }
                    return Ok(Reached::Missing(here, missing));
                }
                Err(cause) => return Err(self.lost(&name, None, cause)),
            };
            let stat = Stat::of(self.kernel, handle.as_fd()).map_err(|cause| self.unseen(&name, cause))?;
            if stat.kind != Kind::Link {
                here = here.below(handle, stat);
                self.trail.push(name);
            } else if here.placed_by_root && here.stat.only_root_writes() {
                here = self.follow(&handle, &name, here)?;
            } else {
                let why = "it is a symbolic link in a directory that users other than root can write to";
                return Err(self.lost(&name, Some(why), Errno::ELOOP));
            }
        }
        Err(self.lost(c"", None, Errno::ELOOP))
    }

    fn follow(&mut self, link: &OwnedFd, name: &CStr, here: Found) -> Result<Found, Unreachable> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(self.lost(name, None, Errno::ELOOP));
        }
        // What a link of procfs leads to is not what it says (magic links, symlink(7)).
        let file_system = fstatfs(link).map_err(|cause| self.lost(name, None, cause))?;
        if file_system.filesystem_type() == PROC_SUPER_MAGIC {
            return Err(self.lost(name, Some("it leads through /proc"), Errno::ELOOP));
        }
        let target = readlinkat(link, c"").map_err(|cause| self.lost(name, None, cause))?.into_vec();
        let absolute = target.first() == Some(&b'/');
        let parts: Vec<_> =
            target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        for part in parts.into_iter().rev() {
            self.rest.push_front(CString::new(part).map_err(|_| self.lost(name, None, Errno::EINVAL))?);
        }
        if absolute {
            self.trail.clear();
            return self.top();
        }
        Ok(here)
    }

    fn top(&self) -> Result<Found, Unreachable> {
        let lost = |cause| Unreachable { at: "/".to_owned(), why: None, cause };
        let handle =
            openat(AT_FDCWD, c"/", PIN | OFlag::O_DIRECTORY, Mode::empty()).map_err(|error| lost(error.into()))?;
        let stat = Stat::of(self.kernel, handle.as_fd()).map_err(lost)?;
        Ok(Found { handle, stat, placed_by_root: true, placed_by: PlacedBy::Root })
    }

    fn lost(&self, name: &CStr, why: Option<&'static str>, cause: Errno) -> Unreachable {
        Unreachable { why, ..self.unseen(name, cause.into()) }
    }

    fn unseen(&self, name: &CStr, cause: io::Error) -> Unreachable {
        let mut at = String::new();
        for part in self.trail.iter().map(|part| part.as_c_str()).chain([name]) {
            at.push('/');
            at.push_str(&shown_bytes(part.to_bytes()));
        }
        Unreachable { at, why: None, cause }
    }
}
