//! One thread of a walk: takes jobs, changes the entries of directories, and changes each directory when everything below
//! it is done. How a directory is opened is in `open_directory`. Must not know how the threads share their work.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::dir::Type;
use nix::libc;

use super::apply::{apply_action, errno};
use super::directory::Dir;
use super::progress_timer::ProgressTimer;
use super::report::{Operation, Tally, UnchangedCause};
use super::rules::EntryAction;
use super::walk::{Job, Walk};
use crate::config::values::Uid;
use crate::sys::files::beneath::MountPolicy;
use crate::sys::files::change;
use crate::sys::files::listing::Listing;
use crate::sys::files::stat::{FileKind, Stat};

/// Entries between two readings of the clock.
const COUNT_INTERVAL: u32 = 256;

/// How much work is left when a worker returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RemainingWork {
    /// All is done.
    Nothing,
    /// Enough for more than one thread.
    Much,
}

pub(super) struct Worker<'w, 'a, 'p> {
    pub walk: &'w Walk<'a>,
    tally: Tally,
    timer: Option<ProgressTimer<'p>>,
    /// Entries not yet added to the walk's count.
    uncounted: u32,
    /// Whether the last entry had to be changed: then the next is pinned at once, without a stat by name first.
    expects_change: bool,
    /// Directories of the current chunk; its memory is reused.
    subdirectories: Vec<Job>,
}

impl<'w, 'a, 'p> Worker<'w, 'a, 'p> {
    pub fn new(walk: &'w Walk<'a>, timer: Option<ProgressTimer<'p>>) -> Self {
        Self { walk, tally: Tally::default(), timer, uncounted: 0, expects_change: false, subdirectories: Vec::new() }
    }

    /// Works until nothing is left, or until the walk is large enough for more threads.
    pub fn work(&mut self, listing: &mut Listing, alone_up_to: Option<u64>) -> RemainingWork {
        loop {
            let (walk, timer) = (self.walk, &mut self.timer);
            let job = walk.next(|| {
                if let Some(timer) = timer {
                    timer.tick(walk.count(0));
                }
            });
            match job {
                None => return RemainingWork::Nothing,
                Some(Job::Enter { parent, name }) => self.enter(listing, parent, name),
                Some(Job::List(dir)) => self.list(listing, dir, None),
            }
            if alone_up_to.is_some_and(|most| walk.count(std::mem::take(&mut self.uncounted)) > most) {
                return RemainingWork::Much;
            }
        }
    }

    /// Returns its counts.
    pub fn into_tally(self) -> Tally {
        self.walk.count(self.uncounted);
        self.tally
    }

    /// Changes a directory's files and queues its directories; a chunk at a time if it keeps its handle.
    pub fn list(&mut self, listing: &mut Listing, dir: Arc<Dir>, transient: Option<&OwnedFd>) {
        let handle = transient.map(AsFd::as_fd).or_else(|| dir.kept_handle());
        let mut ends_here = false;
        while let Some(handle) = handle.filter(|_| !ends_here && !self.walk.is_stopped()) {
            match listing.read(handle) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => break, // deleted meanwhile
                Err(error) => {
                    self.record(UnchangedCause::Refused(Operation::List, errno(&error)), Some(&dir), c"");
                    break;
                }
            }
            if transient.is_none() && listing.may_have_more() {
                // Another thread may continue the listing while this one handles its chunk.
                dir.outstanding.fetch_add(1, Ordering::Relaxed);
                self.walk.push(&mut vec![Job::List(dir.clone())]);
                ends_here = true;
            }
            for entry in listing.entries() {
                if self.walk.is_stopped() {
                    break;
                }
                if !dir.excludes.is_empty() && self.walk.excluded(&dir, entry.name) {
                    continue;
                }
                match entry.kind {
                    Some(Type::Directory) => self.queue_directory(&dir, entry.name),
                    Some(_) => {
                        self.count(1);
                        self.entry(handle, &dir, entry.name);
                    }
                    None => match Stat::of_entry(self.walk.beneath.syscalls, handle, entry.name) {
                        Ok(stat) if stat.kind == FileKind::Directory => self.queue_directory(&dir, entry.name),
                        Ok(_) | Err(_) => {
                            self.count(1);
                            self.entry(handle, &dir, entry.name);
                        }
                    },
                }
            }
            self.walk.push(&mut self.subdirectories);
        }
        self.complete_one(dir);
    }

    fn queue_directory(&mut self, dir: &Arc<Dir>, name: &CStr) {
        dir.outstanding.fetch_add(1, Ordering::Relaxed);
        self.subdirectories.push(Job::Enter { parent: dir.clone(), name: name.into() });
    }

    /// Handles an entry that is not a directory. A right one costs one stat by name; a wrong one is pinned, and checked
    /// again and changed through its handle.
    pub fn entry(&mut self, at: BorrowedFd<'_>, dir: &Dir, name: &CStr) {
        let beneath = self.walk.beneath;
        if !self.expects_change {
            match Stat::of_entry(beneath.syscalls, at, name).map(|stat| self.walk.rules.action_for(&stat, false)) {
                Ok(EntryAction::None) => return,
                Ok(EntryAction::Skip(cause)) => return self.record(cause, Some(dir), name),
                Ok(EntryAction::Change { .. }) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return,
                Err(error) => {
                    return self.record(UnchangedCause::Refused(Operation::Stat, errno(&error)), Some(dir), name);
                }
            }
        }
        let pinned = beneath.pin(at, dir.mount, name);
        match pinned.and_then(|pin| Ok((Stat::of_pin(pin.as_fd())?, pin))) {
            // A directory has the name since it was listed; the next boot finds it as one.
            Ok((stat, _)) if stat.kind == FileKind::Directory => self.record(UnchangedCause::Moved, Some(dir), name),
            Ok((stat, pin)) => self.change(pin.as_fd(), &stat, Some(dir), name),
            Err(error) => self.record_unreached(Operation::Stat, &error, dir, name),
        }
    }

    /// Changes the file of a handle if needed. `dir` is its directory; `None` for the top.
    pub fn change(&mut self, handle: BorrowedFd<'_>, stat: &Stat, dir: Option<&Dir>, name: &CStr) {
        let action = self.walk.rules.action_for(stat, dir.is_none());
        self.expects_change = action != EntryAction::None;
        match action {
            EntryAction::None => {}
            EntryAction::Skip(cause) => self.record(cause, dir, name),
            EntryAction::Change { .. } => {
                let outcome = apply_action(self.walk.beneath.syscalls, handle, stat, self.walk.rules.owner, action);
                self.record_outcome(outcome, dir, name);
            }
        }
    }

    fn record_outcome(&mut self, outcome: Result<(), (Operation, io::Error)>, dir: Option<&Dir>, name: &CStr) {
        match outcome {
            Ok(()) => self.tally.changed += 1,
            Err((attempt, error)) => {
                if error.raw_os_error() == Some(libc::EROFS) && self.walk.beneath.mounts == MountPolicy::Stay {
                    self.walk.stop_read_only();
                }
                self.record(UnchangedCause::Refused(attempt, errno(&error)), dir, name);
            }
        }
    }

    /// Marks one child or the listing of a directory as done; the last one finishes the directory, and so on upwards. A
    /// loop: trees are deeper than stacks.
    pub fn complete_one(&mut self, dir: Arc<Dir>) {
        let mut at = dir;
        while at.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish(&at);
            match at.parent.clone() {
                Some(parent) => at = parent,
                None => return,
            }
        }
    }

    /// Changes the directory itself, when everything below is done.
    fn finish(&mut self, dir: &Dir) {
        if let Some(stat) = &dir.wrong {
            let whole = !self.walk.is_stopped();
            // If the walk was interrupted its original owner is restored, so that the next boot finds it unchanged.
            if whole || dir.original_owner.is_some() {
                match dir.handle(self.walk.beneath) {
                    Ok(held) if whole => self.change_owner(held.as_fd(), dir, stat),
                    Ok(held) => {
                        let back =
                            change::owner(self.walk.beneath.syscalls, held.as_fd(), stat, change::owner_of(stat));
                        if let Err(error) = back {
                            self.record(UnchangedCause::Refused(Operation::Chown, errno(&error)), Some(dir), c"");
                        }
                    }
                    Err(error) => self.record(moved_or(Operation::Chown, &error), Some(dir), c""),
                }
            }
        }
        if dir.kept_handle().is_some() {
            self.walk.budget.release();
        }
    }

    fn change_owner(&mut self, handle: BorrowedFd<'_>, dir: &Dir, stat: &Stat) {
        let action = self.walk.rules.action_for(stat, dir.parent.is_none());
        // The present state decides the order of the calls; the original state decides what to change.
        let now = Stat { uid: dir.original_owner.map_or(stat.uid, |_| Uid::ROOT), ..*stat };
        let outcome = apply_action(self.walk.beneath.syscalls, handle, &now, self.walk.rules.owner, action);
        self.record_outcome(outcome, Some(dir), c"");
    }

    pub fn record(&mut self, cause: UnchangedCause, dir: Option<&Dir>, name: &CStr) {
        let top = self.walk.top;
        self.tally.record(cause, || dir.map_or_else(|| top.to_owned(), |dir| dir.path(top, name)));
    }

    /// Counts an entry that could not be opened.
    pub fn record_unreached(&mut self, attempt: Operation, error: &io::Error, dir: &Dir, name: &CStr) {
        let top = self.walk.top;
        match errno(error) {
            libc::ENOENT => {} // deleted since it was listed
            libc::EXDEV => self.tally.mounts.count(|| dir.path(top, name)),
            other => self.record(UnchangedCause::Refused(attempt, other), Some(dir), name),
        }
    }

    pub fn count(&mut self, entries: u32) {
        self.uncounted += entries;
        if self.uncounted >= COUNT_INTERVAL {
            let all = self.walk.count(std::mem::take(&mut self.uncounted));
            if let Some(timer) = &mut self.timer {
                timer.tick(all);
            }
        }
    }
}

/// Returns the cause of a directory that could not be reached again.
pub(super) fn moved_or(attempt: Operation, error: &io::Error) -> UnchangedCause {
    match errno(error) {
        libc::ESTALE | libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::EXDEV => UnchangedCause::Moved,
        other => UnchangedCause::Refused(attempt, other),
    }
}
