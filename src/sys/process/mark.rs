//! The mark of a run: a number that whatever a service starts inherits, wherever it puts itself, and that says whose it
//! is. Must not know services.
//!
//! It is the limit RLIMIT_LOCKS, which no kernel since 2.4.25 looks at (getrlimit(2)). Children inherit it, execve(2) keeps
//! it, no privilege is needed to lower it and CAP_SYS_RESOURCE is to raise it again, and `/proc/PID/limits` can be read
//! whoever the process belongs to. That is more than a variable has: daemons clear their environment (postfix, cron, sudo),
//! and the one of another user's process, or of one that is not dumpable, cannot be read once PID 1 has stepped down.
#![allow(unsafe_code)] // getrlimit(2), setrlimit(2): nix has them behind a feature that brings more

use nix::errno::Errno;
use nix::libc;

use crate::supervise::Pid;
use crate::sys::read_file;

/// What we have ourselves where the limit was none: far above any number of locks, far below what means "none".
const OURS: u64 = 1 << 62;
/// The numbers of one run: those below its own are for the runs of another stepdown in there.
const PER_RUN: u64 = 1 << 32;
/// With a limit that low it was meant for something else.
const TOO_LOW: u64 = 1 << 20;

/// One run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    limit: u64,
    per_run: u64,
    is_set: bool,
}

/// Where marks come from.
#[derive(Debug)]
pub struct Marks {
    ours: u64,
    next: u64,
    per_run: u64,
    is_set: bool,
}

impl Marks {
    /// Lowers our own limit, so that whoever is forked by us and no service is told from a stranger.
    pub fn lower_our_limit() -> Self {
        let hard = own_hard_limit();
        let (ours, per_run) = match hard {
            Some(hard) if hard <= OURS => (hard, 1.max(hard / PER_RUN / 4)),
            Some(_) | None => (OURS, PER_RUN),
        };
        let is_set = hard.is_some_and(|hard| hard > TOO_LOW) && set(ours).is_ok();
        Self { ours, next: ours, per_run, is_set }
    }

    /// Returns the next run's. After four thousand million of them they are numbers only, that no process carries.
    pub fn next_mark(&mut self) -> Mark {
        match self.next.checked_sub(self.per_run).filter(|next| *next > self.per_run) {
            Some(next) => self.next = next,
            None => self.is_set = false,
        }
        if !self.is_set {
            // Distinct all the same, and nothing that is read is taken for one.
            self.next = self.next.wrapping_sub(1);
        }
        Mark { limit: self.next, per_run: self.per_run, is_set: self.is_set }
    }

    /// Returns whether a process with that limit is of any run there was.
    pub fn is_any(&self, limit: u64) -> bool {
        self.is_set && limit < self.ours && limit > self.next.saturating_sub(self.per_run)
    }

    /// Returns whether a process with that limit was forked by us and not for a run.
    pub fn is_ours(&self, limit: u64) -> bool {
        self.is_set && limit == self.ours
    }
}

impl Mark {
    /// Returns what the first process of the run is given.
    pub fn limit(self) -> Option<u64> {
        self.is_set.then_some(self.limit)
    }

    /// Returns whether a process with that limit is of this run.
    pub fn covers(self, limit: u64) -> bool {
        self.is_set && limit <= self.limit && self.limit - limit < self.per_run
    }

    /// Returns whether that process carries it.
    pub fn is_on(self, pid: Pid) -> bool {
        limit_of(pid).is_some_and(|limit| self.covers(limit))
    }
}

/// Returns the hard limit of a process; `None` also where there is none, or it cannot be read.
pub fn limit_of(pid: Pid) -> Option<u64> {
    parse(&read_file::read_proc(&format!("/proc/{}/limits", pid.0)))
}

/// `Max file locks            SOFT                 HARD                 locks`
fn parse(limits: &[u8]) -> Option<u64> {
    let line = limits.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Max file locks"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn own_hard_limit() -> Option<u64> {
    let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `value` outlives the call.
    let answer = unsafe { libc::getrlimit(libc::RLIMIT_LOCKS, &raw mut value) };
    (answer == 0).then_some(value.rlim_max)
}

/// Sets our own limit. Between fork and exec too: allocates nothing.
///
/// # Errors
/// The kernel's; a limit is only ever lowered here.
pub fn set(limit: u64) -> Result<(), Errno> {
    let value = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: `value` outlives the call.
    Errno::result(unsafe { libc::setrlimit(libc::RLIMIT_LOCKS, &raw const value) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(ours: u64, per_run: u64) -> Marks {
        Marks { ours, next: ours, per_run, is_set: true }
    }

    #[test]
    fn the_hard_limit_is_read_from_what_the_kernel_writes() {
        let text = b"Limit                     Soft Limit           Hard Limit           Units     \n\
            Max processes             unlimited            63                   processes \n\
            Max file locks            7                    4611686014132420608  locks     \n";
        assert_eq!(parse(text), Some(4_611_686_014_132_420_608));
        for none in [&b"Max file locks            unlimited            unlimited            locks"[..], b"", b"Max"] {
            assert_eq!(parse(none), None);
        }
    }

    #[test]
    fn a_run_has_a_mark_that_no_other_has_and_that_covers_what_is_nested_in_it() {
        let mut outer = marks(OURS, PER_RUN);
        let (first, second) = (outer.next_mark(), outer.next_mark());
        assert!(first.covers(first.limit) && !first.covers(second.limit) && !second.covers(first.limit));
        assert!(outer.is_ours(OURS) && !outer.is_ours(first.limit) && !first.covers(OURS));
        assert!(outer.is_any(first.limit) && outer.is_any(second.limit) && !outer.is_any(7) && !outer.is_any(OURS));
        let mut nested = marks(first.limit, 1);
        assert!(first.covers(nested.next_mark().limit) && !second.covers(nested.next_mark().limit));
    }

    #[test]
    fn where_the_limit_cannot_be_used_no_process_is_taken_for_one_of_a_run() {
        let mut marks = Marks { is_set: false, ..marks(OURS, PER_RUN) };
        let (first, second) = (marks.next_mark(), marks.next_mark());
        assert_ne!(first, second);
        assert_eq!(first.limit(), None);
        assert!(!first.covers(first.limit));
    }

    #[test]
    fn they_run_out_without_meeting() {
        let mut marks = marks(5, 2);
        assert_eq!(marks.next_mark().limit(), Some(3));
        let (one, other) = (marks.next_mark(), marks.next_mark());
        assert_eq!((one.limit(), other.limit()), (None, None));
        assert_ne!(one, other);
    }
}
