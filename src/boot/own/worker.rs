//! One thread of a walk: takes jobs, deals with the entries of directories, and changes each directory when all below
//! it is done. How a directory is opened is in `enter`. Must not know how the threads share their work.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::libc;

use super::apply::{apply_to, errno};
use super::dir::Dir;
use super::progress_timer::ProgressTimer;
use super::report::{Attempt, Cause, Tally};
use super::rules::EntryAction;
use super::walk::{Job, Walk};
use crate::config::values::Uid;
use crate::sys::files::beneath::Mounts;
use crate::sys::files::change;
use crate::sys::files::listing::{Hint, Listing};
use crate::sys::files::stat::{Kind, Stat};

/// Entries between two looks at the clock.
const COUNT_BY: u32 = 256;

/// How much work a worker leaves when it returns.
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
    bell: Option<ProgressTimer<'p>>,
    /// Entries not yet added to the walk's count.
    uncounted: u32,
    /// Whether the last entry had to be changed: then the next is pinned at once, not looked at by its name first.
    expects_wrong: bool,
    /// Directories of the piece at hand; its memory is used again.
    found: Vec<Job>,
}

impl<'w, 'a, 'p> Worker<'w, 'a, 'p> {
    pub fn new(walk: &'w Walk<'a>, bell: Option<ProgressTimer<'p>>) -> Self {
        Self { walk, tally: Tally::default(), bell, uncounted: 0, expects_wrong: false, found: Vec::new() }
    }

    /// Works until nothing is left, or until the walk is large enough for more threads.
    pub fn work(&mut self, listing: &mut Listing, alone_up_to: Option<u64>) -> RemainingWork {
        loop {
            let (walk, bell) = (self.walk, &mut self.bell);
            let job = walk.next(|| {
                if let Some(bell) = bell {
                    bell.ring(walk.count(0));
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

    /// Returns what it has seen.
    pub fn into_tally(self) -> Tally {
        self.walk.count(self.uncounted);
        self.tally
    }

    /// Deals with a directory's files and notes its directories; a piece at a time if it keeps its handle.
    pub fn list(&mut self, listing: &mut Listing, dir: Arc<Dir>, transient: Option<&OwnedFd>) {
        let handle = transient.map(AsFd::as_fd).or_else(|| dir.kept());
        let mut ends_here = false;
        while let Some(handle) = handle.filter(|_| !ends_here && !self.walk.ended()) {
            match listing.read(handle) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => break, // deleted meanwhile
                Err(error) => {
                    self.left(Cause::Refused(Attempt::List, errno(&error)), Some(&dir), c"");
                    break;
                }
            }
            if transient.is_none() && listing.was_large() {
                // Another thread may read on while this one looks at what it has read.
                dir.outstanding.fetch_add(1, Ordering::Relaxed);
                self.walk.push(&mut vec![Job::List(dir.clone())]);
                ends_here = true;
            }
            for entry in listing.entries() {
                if self.walk.ended() {
                    break;
                }
                if !dir.excludes.is_empty() && self.walk.excluded(&dir, entry.name) {
                    continue;
                }
                match entry.hint {
                    Hint::Directory => self.note(&dir, entry.name),
                    Hint::Other => {
                        self.counted(1);
                        self.entry(handle, &dir, entry.name);
                    }
                    Hint::Unknown => match Stat::of_entry(self.walk.beneath.kernel, handle, entry.name) {
                        Ok(stat) if stat.kind == Kind::Directory => self.note(&dir, entry.name),
                        Ok(_) | Err(_) => {
                            self.counted(1);
                            self.entry(handle, &dir, entry.name);
                        }
                    },
                }
            }
            self.walk.push(&mut self.found);
        }
        self.leave(dir);
    }

    fn note(&mut self, dir: &Arc<Dir>, name: &CStr) {
        dir.outstanding.fetch_add(1, Ordering::Relaxed);
        self.found.push(Job::Enter { parent: dir.clone(), name: name.into() });
    }

    /// Deals with an entry that is no directory. Right ones cost one look by name; a wrong one is pinned, looked at
    /// again through its handle, and changed through it.
    pub fn entry(&mut self, at: BorrowedFd<'_>, dir: &Dir, name: &CStr) {
        let beneath = self.walk.beneath;
        if !self.expects_wrong {
            match Stat::of_entry(beneath.kernel, at, name).map(|stat| self.walk.rules.judge(&stat, false)) {
                Ok(EntryAction::Right) => return,
                Ok(EntryAction::Leave(cause)) => return self.left(cause, Some(dir), name),
                Ok(EntryAction::Change { .. }) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return,
                Err(error) => return self.left(Cause::Refused(Attempt::Look, errno(&error)), Some(dir), name),
            }
        }
        let pinned = beneath.pin(at, dir.mount, name);
        match pinned.and_then(|pin| Ok((Stat::of_pin(pin.as_fd())?, pin))) {
            // A directory has taken the name since it was listed; the next boot finds it as one.
            Ok((stat, _)) if stat.kind == Kind::Directory => self.left(Cause::Moved, Some(dir), name),
            Ok((stat, pin)) => self.change(pin.as_fd(), &stat, Some(dir), name),
            Err(error) => self.not_reached(Attempt::Look, &error, dir, name),
        }
    }

    /// Judges what a handle holds and changes it if that is the verdict. `dir` is where it was found; `None` for the top.
    pub fn change(&mut self, handle: BorrowedFd<'_>, stat: &Stat, dir: Option<&Dir>, name: &CStr) {
        let verdict = self.walk.rules.judge(stat, dir.is_none());
        self.expects_wrong = verdict != EntryAction::Right;
        match verdict {
            EntryAction::Right => {}
            EntryAction::Leave(cause) => self.left(cause, dir, name),
            EntryAction::Change { .. } => {
                let outcome = apply_to(self.walk.beneath.kernel, handle, stat, self.walk.rules.owner, verdict);
                self.outcome(outcome, dir, name);
            }
        }
    }

    fn outcome(&mut self, outcome: Result<(), (Attempt, io::Error)>, dir: Option<&Dir>, name: &CStr) {
        match outcome {
            Ok(()) => self.tally.changed += 1,
            Err((attempt, error)) => {
                if error.raw_os_error() == Some(libc::EROFS) && self.walk.beneath.mounts == Mounts::Stay {
                    self.walk.give_up();
                }
                self.left(Cause::Refused(attempt, errno(&error)), dir, name);
            }
        }
    }

    /// Ends one outstanding thing of a directory; the last one finishes it, and so on up. A loop: trees are deeper
    /// than stacks.
    pub fn leave(&mut self, dir: Arc<Dir>) {
        let mut at = dir;
        while at.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish(&at);
            match at.parent.clone() {
                Some(parent) => at = parent,
                None => return,
            }
        }
    }

    /// All below is done: changes the directory itself.
    fn finish(&mut self, dir: &Dir) {
        if let Some(stat) = &dir.wrong {
            let whole = !self.walk.ended();
            // One that was taken is given back when the walk is cut short: the next boot finds it as it was.
            if whole || dir.borrowed_from.is_some() {
                match dir.handle(self.walk.beneath) {
                    Ok(held) if whole => self.hand_over(held.as_fd(), dir, stat),
                    Ok(held) => {
                        let back = change::owner(self.walk.beneath.kernel, held.as_fd(), stat, change::owner_of(stat));
                        if let Err(error) = back {
                            self.left(Cause::Refused(Attempt::Chown, errno(&error)), Some(dir), c"");
                        }
                    }
                    Err(error) => self.left(moved_or(Attempt::Chown, &error), Some(dir), c""),
                }
            }
        }
        if dir.kept().is_some() {
            self.walk.budget.give_back();
        }
    }

    fn hand_over(&mut self, handle: BorrowedFd<'_>, dir: &Dir, stat: &Stat) {
        let verdict = self.walk.rules.judge(stat, dir.parent.is_none());
        // What it is now decides the order of the calls; what it was, what is to be done.
        let now = Stat { uid: dir.borrowed_from.map_or(stat.uid, |_| Uid::ROOT), ..*stat };
        let outcome = apply_to(self.walk.beneath.kernel, handle, &now, self.walk.rules.owner, verdict);
        self.outcome(outcome, Some(dir), c"");
    }

    pub fn left(&mut self, cause: Cause, dir: Option<&Dir>, name: &CStr) {
        let top = self.walk.top;
        self.tally.left(cause, || dir.map_or_else(|| top.to_owned(), |dir| dir.path(top, name)));
    }

    /// Counts an entry that could not be opened.
    pub fn not_reached(&mut self, attempt: Attempt, error: &io::Error, dir: &Dir, name: &CStr) {
        let top = self.walk.top;
        match errno(error) {
            libc::ENOENT => {} // deleted since it was listed
            libc::EXDEV => self.tally.mounts.count(|| dir.path(top, name)),
            other => self.left(Cause::Refused(attempt, other), Some(dir), name),
        }
    }

    pub fn counted(&mut self, entries: u32) {
        self.uncounted += entries;
        if self.uncounted >= COUNT_BY {
            let all = self.walk.count(std::mem::take(&mut self.uncounted));
            if let Some(bell) = &mut self.bell {
                bell.ring(all);
            }
        }
    }
}

/// Returns the cause of a directory that could not be reached again.
pub(super) fn moved_or(attempt: Attempt, error: &io::Error) -> Cause {
    match errno(error) {
        libc::ESTALE | libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::EXDEV => Cause::Moved,
        other => Cause::Refused(attempt, other),
    }
}
