//! How a worker opens a directory: through the handle of its parent, or by taking it, or not at all. Must not know what
//! is done with the entries.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::libc;

use super::apply::errno;
use super::dir::{Dir, Opened};
use super::report::{Attempt, Cause};
use super::rules::EntryAction;
use super::walk::{Job, MAX_DEPTH};
use super::worker::{Worker, moved_or};
use crate::config::values::Uid;
use crate::plan::Owner;
use crate::sys::files::beneath::{Beneath, Mounts};
use crate::sys::files::kernel::Kernel;
use crate::sys::files::listing::Listing;
use crate::sys::files::stat::{Kind, Stat, mount_of};
use crate::sys::files::{change, pseudo};

/// A directory that can be listed.
struct Entered {
    /// What it is; if it was taken, what it was before.
    stat: Stat,
    handle: OwnedFd,
    /// Its owner before it was taken.
    borrowed_from: Option<Uid>,
}

impl Worker<'_, '_, '_> {
    /// Makes the declared top the first job.
    pub fn begin(&mut self, pin: &OwnedFd, stat: Stat) {
        self.counted(1);
        let refusal = match Beneath::list_pinned(pin) {
            Ok(handle) => Ok(Entered { stat, handle, borrowed_from: None }),
            Err(error) => self.take(error, pin, &stat),
        };
        let excludes = (0..self.walk.excludes.len()).collect();
        match refusal.and_then(|entered| self.dir(None, c"".into(), entered, excludes)) {
            Ok((dir, _)) => self.walk.push(&mut vec![Job::List(dir)]),
            Err(error) => {
                self.left(Cause::Refused(Attempt::List, errno(&error)), None, c"");
                self.change(pin.as_fd(), &stat, None, c"");
            }
        }
    }

    /// Opens a directory and begins its listing.
    pub fn enter(&mut self, listing: &mut Listing, parent: Arc<Dir>, name: Box<CStr>) {
        if self.walk.ended() {
            return self.leave(parent);
        }
        self.counted(1);
        let entered = match parent.handle(self.walk.beneath) {
            Ok(held) => self.open(held.as_fd(), &parent, &name),
            Err(error) => {
                self.left(moved_or(Attempt::Look, &error), Some(&parent), &name);
                None
            }
        };
        let Some(entered) = entered else {
            return self.leave(parent);
        };
        let excludes = self.walk.excludes_below(&parent, &name);
        match self.dir(Some(parent.clone()), name, entered, excludes) {
            Ok((dir, transient)) => self.list(listing, dir, transient.as_ref()),
            Err(error) => {
                self.left(Cause::Refused(Attempt::Look, errno(&error)), Some(&parent), c"");
                self.leave(parent);
            }
        }
    }

    /// Opens a directory for listing, or deals with it as far as that goes without.
    fn open(&mut self, at: BorrowedFd<'_>, parent: &Dir, name: &CStr) -> Option<Entered> {
        if parent.depth >= MAX_DEPTH {
            self.left(Cause::TooDeep, Some(parent), name);
            return None;
        }
        let beneath = self.walk.beneath;
        let entered = beneath.list(at, parent.mount, name).and_then(|handle| {
            Ok(Entered { stat: Stat::of(beneath.kernel, handle.as_fd())?, handle, borrowed_from: None })
        });
        match entered {
            Ok(entered) if self.is_kernels(&entered.stat, &entered.handle) => {
                self.left(Cause::KernelMount, Some(parent), name);
                None
            }
            Ok(entered) => Some(entered),
            Err(error) => match errno(&error) {
                libc::EACCES => self.open_by_taking(at, parent, name, error),
                // Something else has taken its name.
                libc::ENOTDIR | libc::ELOOP => {
                    self.entry(at, parent, name);
                    None
                }
                _ => {
                    self.not_reached(Attempt::List, &error, parent, name);
                    None
                }
            },
        }
    }

    /// A directory that may not be listed: takes it if it has to change hands anyway; else deals with it unlisted.
    fn open_by_taking(&mut self, at: BorrowedFd<'_>, parent: &Dir, name: &CStr, refusal: io::Error) -> Option<Entered> {
        let beneath = self.walk.beneath;
        let pinned = beneath.pin(at, parent.mount, name);
        let (stat, pin) = match pinned.and_then(|pin| Ok((Stat::of(beneath.kernel, pin.as_fd())?, pin))) {
            Ok((stat, _)) if stat.kind != Kind::Directory => {
                self.left(Cause::Moved, Some(parent), name);
                return None;
            }
            Ok((stat, pin)) if self.is_kernels(&stat, &pin) => {
                self.left(Cause::KernelMount, Some(parent), name);
                return None;
            }
            Ok(pinned) => pinned,
            Err(error) => {
                self.not_reached(Attempt::Look, &error, parent, name);
                return None;
            }
        };
        match self.take(refusal, &pin, &stat) {
            Ok(entered) => Some(entered),
            Err(error) => {
                self.left(Cause::Refused(Attempt::List, errno(&error)), Some(parent), name);
                self.change(pin.as_fd(), &stat, Some(parent), name);
                None
            }
        }
    }

    /// Makes root the owner of a directory that is to change hands, and opens it as such.
    fn take(&mut self, refusal: io::Error, pin: &OwnedFd, stat: &Stat) -> io::Result<Entered> {
        let verdict = self.walk.rules.judge(stat, false);
        let changes_hands = matches!(verdict, EntryAction::Change { chown: true, .. }) && stat.uid != Uid::ROOT;
        if errno(&refusal) != libc::EACCES || !changes_hands {
            return Err(refusal);
        }
        let kernel = self.walk.beneath.kernel;
        change::owner(kernel, pin.as_fd(), stat, Owner { uid: Uid::ROOT, gid: stat.gid }).map_err(|_| refusal)?;
        match Beneath::list_pinned(pin) {
            Ok(handle) => Ok(Entered { stat: *stat, handle, borrowed_from: Some(stat.uid) }),
            Err(error) => {
                change::owner(kernel, pin.as_fd(), stat, change::owner_of(stat))?;
                Err(error)
            }
        }
    }

    /// Makes the node of a directory. The handle comes back if descriptors are too short for it to be kept.
    fn dir(
        &mut self,
        parent: Option<Arc<Dir>>,
        name: Box<CStr>,
        entered: Entered,
        excludes: Box<[usize]>,
    ) -> io::Result<(Arc<Dir>, Option<OwnedFd>)> {
        let Entered { stat, handle, borrowed_from } = entered;
        let kernel = self.walk.beneath.kernel;
        let mount = match mount_of_entered(kernel, &stat, &handle) {
            Ok(mount) => mount,
            Err(error) => {
                if borrowed_from.is_some() {
                    change::owner(kernel, handle.as_fd(), &stat, change::owner_of(&stat))?;
                }
                return Err(error);
            }
        };
        let wrong = match self.walk.rules.judge(&stat, parent.is_none()) {
            EntryAction::Right | EntryAction::Leave(_) => false,
            EntryAction::Change { .. } => true,
        };
        // The top is where all others are reached from again: it always keeps its handle.
        let keeps = self.walk.budget.take() || parent.is_none();
        let (kept, transient) = if keeps { (Some(handle), None) } else { (None, Some(handle)) };
        let opened = Opened { name, stat, mount, wrong, borrowed_from, excludes, handle: kept };
        Ok((Arc::new(Dir::new(parent, opened)), transient))
    }

    /// Returns whether another mount that was entered is one of the kernel's own file systems. Older kernels do not say
    /// where a mount begins: there each directory is asked.
    fn is_kernels(&self, stat: &Stat, handle: &OwnedFd) -> bool {
        self.walk.beneath.mounts == Mounts::Cross
            && (stat.mount_root || stat.mount.is_none())
            && pseudo::is_kernels(handle)
    }
}

/// The mount of a directory: without openat2 its entries are compared with it, so that it has to be known.
fn mount_of_entered(kernel: Kernel, stat: &Stat, handle: &OwnedFd) -> io::Result<Option<u64>> {
    match stat.mount {
        None if !kernel.openat2 => mount_of(kernel, handle).map(Some),
        known => Ok(known),
    }
}
