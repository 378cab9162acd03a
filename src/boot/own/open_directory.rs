//! How a worker opens a directory: through the handle of its parent, after taking ownership, or not at all. Must not know
//! what is done with the entries.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::libc;

use super::apply::errno;
use super::directory::{Dir, NewDir};
use super::report::{Operation, UnchangedCause};
use super::rules::EntryAction;
use super::walk::{Job, MAX_DEPTH};
use super::worker::{Worker, moved_or};
use crate::config::values::Uid;
use crate::plan::Owner;
use crate::sys::files::beneath::{Beneath, MountPolicy};
use crate::sys::files::listing::Listing;
use crate::sys::files::stat::{FileKind, Stat, mount_of};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::files::{change, pseudo};

/// A directory that can be listed.
struct OpenedDir {
    /// Its state; if ownership was taken, its state before.
    stat: Stat,
    handle: OwnedFd,
    /// Its owner before root took ownership.
    original_owner: Option<Uid>,
}

impl Worker<'_, '_, '_> {
    /// Makes the declared top the first job.
    pub fn begin(&mut self, pin: &OwnedFd, stat: Stat) {
        self.count(1);
        let refusal = match Beneath::list_pinned(pin) {
            Ok(handle) => Ok(OpenedDir { stat, handle, original_owner: None }),
            Err(error) => self.take_ownership(error, pin, &stat),
        };
        let excludes = (0..self.walk.excludes.len()).collect();
        match refusal.and_then(|opened| self.new_dir(None, c"".into(), opened, excludes)) {
            Ok((dir, _)) => self.walk.push(&mut vec![Job::List(dir)]),
            Err(error) => {
                self.record(UnchangedCause::Refused(Operation::List, errno(&error)), None, c"");
                self.change(pin.as_fd(), &stat, None, c"");
            }
        }
    }

    /// Opens a directory and begins its listing.
    pub fn enter(&mut self, listing: &mut Listing, parent: Arc<Dir>, name: Box<CStr>) {
        if self.walk.is_stopped() {
            return self.complete_one(parent);
        }
        self.count(1);
        let opened = match parent.handle(self.walk.beneath) {
            Ok(held) => self.open(held.as_fd(), &parent, &name),
            Err(error) => {
                self.record(moved_or(Operation::Stat, &error), Some(&parent), &name);
                None
            }
        };
        let Some(opened) = opened else {
            return self.complete_one(parent);
        };
        let excludes = self.walk.excludes_below(&parent, &name);
        match self.new_dir(Some(parent.clone()), name, opened, excludes) {
            Ok((dir, transient)) => self.list(listing, dir, transient.as_ref()),
            Err(error) => {
                self.record(UnchangedCause::Refused(Operation::Stat, errno(&error)), Some(&parent), c"");
                self.complete_one(parent);
            }
        }
    }

    /// Opens a directory for listing; if that is not possible, changes it without listing.
    fn open(&mut self, at: BorrowedFd<'_>, parent: &Dir, name: &CStr) -> Option<OpenedDir> {
        if parent.depth >= MAX_DEPTH {
            self.record(UnchangedCause::TooDeep, Some(parent), name);
            return None;
        }
        let beneath = self.walk.beneath;
        let opened = beneath.list(at, parent.mount, name).and_then(|handle| {
            Ok(OpenedDir { stat: Stat::of(beneath.syscalls, handle.as_fd())?, handle, original_owner: None })
        });
        match opened {
            Ok(opened) if self.is_kernel_filesystem(&opened.stat, &opened.handle) => {
                self.record(UnchangedCause::KernelMount, Some(parent), name);
                None
            }
            Ok(opened) => Some(opened),
            Err(error) => match errno(&error) {
                libc::EACCES => self.open_by_taking(at, parent, name, error),
                // Another file has its name now.
                libc::ENOTDIR | libc::ELOOP => {
                    self.entry(at, parent, name);
                    None
                }
                _ => {
                    self.record_unreached(Operation::List, &error, parent, name);
                    None
                }
            },
        }
    }

    /// Opens a directory that root may not list: takes ownership if its owner has to change anyway; else it is not listed.
    fn open_by_taking(
        &mut self,
        at: BorrowedFd<'_>,
        parent: &Dir,
        name: &CStr,
        refusal: io::Error,
    ) -> Option<OpenedDir> {
        let beneath = self.walk.beneath;
        let pinned = beneath.pin(at, parent.mount, name);
        let (stat, pin) = match pinned.and_then(|pin| Ok((Stat::of(beneath.syscalls, pin.as_fd())?, pin))) {
            Ok((stat, _)) if stat.kind != FileKind::Directory => {
                self.record(UnchangedCause::Moved, Some(parent), name);
                return None;
            }
            Ok((stat, pin)) if self.is_kernel_filesystem(&stat, &pin) => {
                self.record(UnchangedCause::KernelMount, Some(parent), name);
                return None;
            }
            Ok(pinned) => pinned,
            Err(error) => {
                self.record_unreached(Operation::Stat, &error, parent, name);
                return None;
            }
        };
        match self.take_ownership(refusal, &pin, &stat) {
            Ok(opened) => Some(opened),
            Err(error) => {
                self.record(UnchangedCause::Refused(Operation::List, errno(&error)), Some(parent), name);
                self.change(pin.as_fd(), &stat, Some(parent), name);
                None
            }
        }
    }

    /// Makes root the owner of a directory whose owner has to change, and opens it.
    fn take_ownership(&mut self, refusal: io::Error, pin: &OwnedFd, stat: &Stat) -> io::Result<OpenedDir> {
        let action = self.walk.rules.action_for(stat, false);
        let changes_hands = matches!(action, EntryAction::Change { chown: true, .. }) && stat.uid != Uid::ROOT;
        if errno(&refusal) != libc::EACCES || !changes_hands {
            return Err(refusal);
        }
        let syscalls = self.walk.beneath.syscalls;
        change::owner(syscalls, pin.as_fd(), stat, Owner { uid: Uid::ROOT, gid: stat.gid }).map_err(|_| refusal)?;
        match Beneath::list_pinned(pin) {
            Ok(handle) => Ok(OpenedDir { stat: *stat, handle, original_owner: Some(stat.uid) }),
            Err(error) => {
                change::owner(syscalls, pin.as_fd(), stat, change::owner_of(stat))?;
                Err(error)
            }
        }
    }

    /// Creates the node of a directory. Returns the handle if descriptors are too scarce to keep it.
    fn new_dir(
        &mut self,
        parent: Option<Arc<Dir>>,
        name: Box<CStr>,
        opened: OpenedDir,
        excludes: Box<[usize]>,
    ) -> io::Result<(Arc<Dir>, Option<OwnedFd>)> {
        let OpenedDir { stat, handle, original_owner } = opened;
        let syscalls = self.walk.beneath.syscalls;
        let mount = match mount_if_compared(syscalls, &stat, &handle) {
            Ok(mount) => mount,
            Err(error) => {
                if original_owner.is_some() {
                    change::owner(syscalls, handle.as_fd(), &stat, change::owner_of(&stat))?;
                }
                return Err(error);
            }
        };
        let needs_change = match self.walk.rules.action_for(&stat, parent.is_none()) {
            EntryAction::None | EntryAction::Skip(_) => false,
            EntryAction::Change { .. } => true,
        };
        // The top always keeps its handle: all others are reopened from it.
        let keeps = self.walk.budget.acquire() || parent.is_none();
        let (kept, transient) = if keeps { (Some(handle), None) } else { (None, Some(handle)) };
        let opened = NewDir { name, stat, mount, needs_change, original_owner, excludes, handle: kept };
        Ok((Arc::new(Dir::new(parent, opened)), transient))
    }

    /// Returns whether another mount that was entered is a kernel file system. Older kernels do not show where a mount
    /// begins: there each directory is checked.
    fn is_kernel_filesystem(&self, stat: &Stat, handle: &OwnedFd) -> bool {
        self.walk.beneath.mounts == MountPolicy::Cross
            && (stat.mount_root || stat.mount.is_none())
            && pseudo::is_kernel_filesystem(handle)
    }
}

/// Returns the mount id of a directory, if its entries have to be compared with it (without openat2).
fn mount_if_compared(syscalls: SyscallSupport, stat: &Stat, handle: &OwnedFd) -> io::Result<Option<u64>> {
    match stat.mount {
        None if !syscalls.openat2() => mount_of(syscalls, handle).map(Some),
        known => Ok(known),
    }
}
