//! [`Dir`]: one directory of a walk, from its opening until all below it is done. Holds its handle while descriptors
//! last; else it is reached again from an ancestor and compared with what it was. Must not know the rules.

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
    /// The mount that it is on, where it has to be compared (no openat2).
    pub mount: Option<u64>,
    pub depth: u32,
    /// What it was when it was opened, if that has to be changed in the end.
    pub wrong: Option<Stat>,
    /// Its owner before it was taken for listing ([`super::walk`]); given back if the walk is cut short.
    pub borrowed_from: Option<Uid>,
    /// Which of the tree's `exclude` may still match below: indexes.
    pub excludes: Box<[usize]>,
    /// Its listing and its children: what has to be done before it is.
    pub outstanding: AtomicU32,
    /// Open for listing, unless descriptors are short.
    handle: Option<OwnedFd>,
}

/// What a [`Dir`] is made of.
pub(super) struct Opened {
    pub name: Box<CStr>,
    pub stat: Stat,
    pub mount: Option<u64>,
    pub wrong: bool,
    pub borrowed_from: Option<Uid>,
    pub excludes: Box<[usize]>,
    pub handle: Option<OwnedFd>,
}

/// A handle of a directory: its own, or one just made.
pub(super) enum DirHandle<'a> {
    Kept(BorrowedFd<'a>),
    Made(OwnedFd),
}

impl AsFd for DirHandle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Kept(handle) => *handle,
            Self::Made(handle) => handle.as_fd(),
        }
    }
}

impl Dir {
    pub fn new(parent: Option<Arc<Self>>, opened: Opened) -> Self {
        Self {
            depth: parent.as_ref().map_or(0, |parent| parent.depth + 1),
            parent,
            name: opened.name,
            id: opened.stat.id,
            mount: opened.mount,
            wrong: opened.wrong.then_some(opened.stat),
            borrowed_from: opened.borrowed_from,
            excludes: opened.excludes,
            outstanding: AtomicU32::new(1),
            handle: opened.handle,
        }
    }

    /// Returns the handle that it keeps, if it keeps one.
    pub fn kept(&self) -> Option<BorrowedFd<'_>> {
        self.handle.as_ref().map(AsFd::as_fd)
    }

    /// Returns a handle: the one it keeps, or a new one from the nearest ancestor that keeps one.
    ///
    /// # Errors
    /// `ESTALE` if another directory now stands where it was.
    pub fn handle(&self, beneath: Beneath) -> io::Result<DirHandle<'_>> {
        if let Some(handle) = self.kept() {
            return Ok(DirHandle::Kept(handle));
        }
        let mut names: Vec<&CStr> = Vec::new();
        let mut at = self;
        let from = loop {
            if let Some(handle) = at.kept() {
                break (handle, at.mount);
            }
            names.push(&at.name);
            at = at.parent.as_deref().ok_or(Errno::ESTALE)?;
        };
        names.reverse();
        let handle = beneath.descend(from.0, from.1, &names)?;
        let same = Stat::of(beneath.kernel, handle.as_fd())?.id == self.id
            && (self.mount.is_none() || self.mount == Some(mount_of(beneath.kernel, &handle)?));
        if same { Ok(DirHandle::Made(handle)) } else { Err(Errno::ESTALE.into()) }
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

/// Ancestors that nobody else holds any more go one after the other: two threads that end the last things of a directory
/// at once can leave a whole chain to a single handle, and trees are deeper than stacks.
impl Drop for Dir {
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some(mut dir) = above.and_then(Arc::into_inner) {
            above = dir.parent.take();
        }
    }
}

/// How many directories may keep a handle, of all threads together.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

/// What one thread needs beside the kept handles: a parent reached again, the directory it lists, the entry it pins, a
/// file of `/proc`.
const PER_THREAD: usize = 4;
/// More kept handles bring nothing: no path is deeper.
const MOST: usize = 2048;
/// From here on the limit is so high that what is open already need not be counted.
const AMPLE: u64 = 1024;

impl Budget {
    /// Counts what RLIMIT_NOFILE leaves when `threads` walk.
    pub fn new(threads: usize) -> Self {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(AMPLE / 4, |(soft, _)| soft);
        let left = if limit >= AMPLE {
            usize::try_from(limit / 2).unwrap_or(MOST)
        } else {
            let limit = usize::try_from(limit).unwrap_or_default();
            limit.saturating_sub(descriptors::open_below(limit)).saturating_sub(threads * PER_THREAD + 1)
        };
        Self { left: AtomicUsize::new(left.min(MOST)) }
    }

    /// Takes one, if there is one.
    pub fn take(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Gives one back.
    pub fn give_back(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Gid;
    use crate::sys::files::stat::Kind;

    #[test]
    fn a_chain_of_any_length_is_dropped_in_little_stack() {
        let stat = Stat {
            kind: Kind::Directory,
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
                let opened =
                    Opened { name, stat, mount: None, wrong: false, borrowed_from: None, excludes, handle: None };
                last = Some(Arc::new(Dir::new(last, opened)));
            }
            last.map_or(0, |dir| dir.depth)
        };
        let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(work).unwrap();
        assert_eq!(thread.join().unwrap(), 99_999);
    }
}
