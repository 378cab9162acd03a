//! [`Dir`]: one directory of a walk, from its opening until everything below it is done. Keeps its handle while there are
//! enough descriptors; otherwise it is opened again from an ancestor and its identity checked. Must not know the rules.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

use crate::config::values::Uid;
use crate::sys::files::beneath::Beneath;
use crate::sys::files::descriptors;
use crate::sys::files::stat::{FileId, Stat, mount_of};
use crate::text::shown_bytes;

/// One directory of a walk.
#[derive(Debug)]
pub(super) struct Dir {
    /// `None`: the declared top.
    pub parent: Option<Arc<Dir>>,
    name: Box<CStr>,
    id: FileId,
    /// Its mount id, if it has to be compared (without openat2).
    pub mount: Option<u64>,
    pub depth: u32,
    /// Its state when it was opened, if it has to be changed in the end.
    pub wrong: Option<Stat>,
    /// Its owner before root took ownership for listing ([`super::walk`]); restored if the walk is interrupted.
    pub original_owner: Option<Uid>,
    /// The indexes of the tree's `exclude` that may still match below.
    pub excludes: Box<[usize]>,
    /// The number of its unfinished children, plus one for its listing.
    pub outstanding: AtomicU32,
    /// Open for listing, unless descriptors are scarce.
    handle: Option<OwnedFd>,
}

/// The data of a new [`Dir`].
pub(super) struct NewDir {
    pub name: Box<CStr>,
    pub stat: Stat,
    pub mount: Option<u64>,
    pub needs_change: bool,
    pub original_owner: Option<Uid>,
    pub excludes: Box<[usize]>,
    pub handle: Option<OwnedFd>,
}

/// A handle of a directory: the kept one, or a new one.
pub(super) enum DirHandle<'a> {
    Kept(BorrowedFd<'a>),
    Reopened(OwnedFd),
}

impl AsFd for DirHandle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Kept(handle) => *handle,
            Self::Reopened(handle) => handle.as_fd(),
        }
    }
}

impl Dir {
    pub fn new(parent: Option<Arc<Self>>, opened: NewDir) -> Self {
        Self {
            depth: parent.as_ref().map_or(0, |parent| parent.depth + 1),
            parent,
            name: opened.name,
            id: opened.stat.id,
            mount: opened.mount,
            wrong: opened.needs_change.then_some(opened.stat),
            original_owner: opened.original_owner,
            excludes: opened.excludes,
            outstanding: AtomicU32::new(1),
            handle: opened.handle,
        }
    }

    /// Returns the handle that it keeps, if it keeps one.
    pub fn kept_handle(&self) -> Option<BorrowedFd<'_>> {
        self.handle.as_ref().map(AsFd::as_fd)
    }

    /// Returns a handle: the one it keeps, or a new one, opened from the nearest ancestor that keeps one.
    ///
    /// # Errors
    /// `ESTALE` if another directory has its name now.
    pub fn handle(&self, beneath: Beneath) -> io::Result<DirHandle<'_>> {
        if let Some(handle) = self.kept_handle() {
            return Ok(DirHandle::Kept(handle));
        }
        let mut names: Vec<&CStr> = Vec::new();
        let mut at = self;
        let from = loop {
            if let Some(handle) = at.kept_handle() {
                break (handle, at.mount);
            }
            names.push(&at.name);
            at = at.parent.as_deref().ok_or(Errno::ESTALE)?;
        };
        names.reverse();
        let handle = beneath.descend(from.0, from.1, &names)?;
        let same = Stat::of(beneath.syscalls, handle.as_fd())?.id == self.id
            && (self.mount.is_none() || self.mount == Some(mount_of(beneath.syscalls, &handle)?));
        if same { Ok(DirHandle::Reopened(handle)) } else { Err(Errno::ESTALE.into()) }
    }

    /// Returns the path of an entry (or of itself, for an empty name) below `top`, escaped.
    pub fn path(&self, top: &str, name: &CStr) -> String {
        let mut parts: Vec<&[u8]> = Vec::new();
        if !name.is_empty() {
            parts.push(name.to_bytes());
        }
        let mut at = self;
        while let Some(parent) = &at.parent {
            parts.push(at.name.to_bytes());
            at = parent;
        }
        let mut path = top.to_owned();
        for part in parts.into_iter().rev() {
            path.push('/');
            path.push_str(&shown_bytes(part));
        }
        path
    }
}

/// Drops ancestors in a loop: two threads that finish the last children of a directory at once can leave a whole chain to
/// one reference, and trees are deeper than stacks.
impl Drop for Dir {
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some(mut dir) = above.and_then(Arc::into_inner) {
            above = dir.parent.take();
        }
    }
}

/// How many directories of all threads may keep a handle.
#[derive(Debug)]
pub(super) struct HandleBudget {
    left: AtomicUsize,
}

/// Descriptors of one thread besides the kept handles: a reopened parent, the directory it lists, the entry it pins, a file
/// of `/proc`.
const HANDLES_PER_THREAD: usize = 4;
/// More kept handles are not useful: no path is deeper.
const MAX_HANDLES: usize = 2048;
/// From this limit on, descriptors that are already open need not be counted.
const HIGH_LIMIT: u64 = 1024;

impl HandleBudget {
    /// Returns the budget that RLIMIT_NOFILE leaves for `threads` threads.
    pub fn new(threads: usize) -> Self {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(HIGH_LIMIT / 4, |(soft, _)| soft);
        let left = if limit >= HIGH_LIMIT {
            usize::try_from(limit / 2).unwrap_or(MAX_HANDLES)
        } else {
            let limit = usize::try_from(limit).unwrap_or_default();
            limit.saturating_sub(descriptors::open_below(limit)).saturating_sub(threads * HANDLES_PER_THREAD + 1)
        };
        Self { left: AtomicUsize::new(left.min(MAX_HANDLES)) }
    }

    /// Takes one handle from the budget, if there is one.
    pub fn acquire(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Returns one handle to the budget.
    pub fn release(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Gid;
    use crate::sys::files::stat::FileKind;

    #[test]
    fn a_chain_of_any_length_is_dropped_in_little_stack() {
        let stat = Stat {
            kind: FileKind::Directory,
            mode: 0o755,
            uid: Uid(0),
            gid: Gid(0),
            links: 2,
            id: FileId { device: 1, inode: 1 },
            mount: None,
            mount_root: false,
        };
        let work = move || {
            let mut last = None;
            for _ in 0..100_000 {
                let (name, excludes) = (c"d".into(), Box::default());
                let opened = NewDir {
                    name,
                    stat,
                    mount: None,
                    needs_change: false,
                    original_owner: None,
                    excludes,
                    handle: None,
                };
                last = Some(Arc::new(Dir::new(last, opened)));
            }
            last.map_or(0, |dir| dir.depth)
        };
        let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(work).unwrap();
        assert_eq!(thread.join().unwrap(), 99_999);
    }
}
