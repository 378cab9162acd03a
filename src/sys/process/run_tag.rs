//! The tag of a run: a number that all processes of a service inherit, in any session or group, and that identifies the
//! run. Must not know services.
//!
//! It is the limit RLIMIT_LOCKS, which no kernel since 2.4.25 uses (getrlimit(2)). Children inherit it, execve(2) keeps it,
//! lowering it needs no privilege and raising it CAP_SYS_RESOURCE, and `/proc/PID/limits` is readable for processes of any
//! user. An environment variable would not do: daemons clear their environment (postfix, cron, sudo), and that of another
//! user's process, or of one that is not dumpable, cannot be read after the step down.

use nix::errno::Errno;
use nix::libc;

use crate::supervise::Pid;
use crate::sys::process::raw::{self, ResourceLimit};
use crate::sys::read_file;

/// Our own limit if there was none: far above any number of locks, far below "unlimited".
const OUR_LIMIT: u64 = 1 << 62;
/// The range of numbers of one run: those below its own are for the runs of a nested stepdown.
const PER_RUN: u64 = 1 << 32;
/// A limit this low was set for another purpose.
const TOO_LOW: u64 = 1 << 20;

/// The tag of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunTag {
    limit: u64,
    per_run: u64,
    is_set: bool,
}

/// Allocates tags.
#[derive(Debug)]
pub struct RunTags {
    own_limit: u64,
    next: u64,
    per_run: u64,
    is_set: bool,
}

impl RunTags {
    /// Lowers our own limit, so that children of our own, which belong to no run, can be recognised.
    pub fn lower_our_limit() -> Self {
        let hard = own_hard_limit();
        let (own_limit, per_run) = match hard {
            Some(hard) if hard <= OUR_LIMIT => (hard, 1.max(hard / PER_RUN / 4)),
            Some(_) | None => (OUR_LIMIT, PER_RUN),
        };
        let is_set = hard.is_some_and(|hard| hard > TOO_LOW) && set(own_limit).is_ok();
        Self { own_limit, next: own_limit, per_run, is_set }
    }

    /// Returns the tag of the next run. After 2^32 runs tags are only numbers that no process has.
    pub fn next_tag(&mut self) -> RunTag {
        match self.next.checked_sub(self.per_run).filter(|next| *next > self.per_run) {
            Some(next) => self.next = next,
            None => self.is_set = false,
        }
        if !self.is_set {
            // Still distinct, and no limit that is read matches one.
            self.next = self.next.wrapping_sub(1);
        }
        RunTag { limit: self.next, per_run: self.per_run, is_set: self.is_set }
    }

    /// Returns whether a process with that limit is of any run.
    pub fn is_any_run(&self, limit: u64) -> bool {
        self.is_set && limit < self.own_limit && limit > self.next.saturating_sub(self.per_run)
    }

    /// Returns whether a process with that limit was forked by us and not for a run.
    pub fn is_ours(&self, limit: u64) -> bool {
        self.is_set && limit == self.own_limit
    }
}

impl RunTag {
    /// Returns the limit of the run's main process.
    pub fn limit(self) -> Option<u64> {
        self.is_set.then_some(self.limit)
    }

    /// Returns whether a process with that limit is of this run.
    pub fn covers(self, limit: u64) -> bool {
        self.is_set && limit <= self.limit && self.limit - limit < self.per_run
    }

    /// Returns whether that process has the tag.
    pub fn is_on(self, pid: Pid) -> bool {
        limit_of(pid).is_some_and(|limit| self.covers(limit))
    }
}

/// Returns the hard limit of a process; `None` if it is unlimited or cannot be read.
pub fn limit_of(pid: Pid) -> Option<u64> {
    parse(&read_file::read_proc(&format!("/proc/{}/limits", pid.0)))
}

/// `Max file locks            SOFT                 HARD                 locks`
fn parse(limits: &[u8]) -> Option<u64> {
    let line = limits.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Max file locks"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn own_hard_limit() -> Option<u64> {
    raw::limit(libc::RLIMIT_LOCKS).ok().map(|limit| limit.hard)
}

/// Sets our own limit. Between fork and exec too: allocates nothing, leaves errno alone.
///
/// # Errors
/// The kernel's; a limit is only ever lowered here.
pub fn set(limit: u64) -> Result<(), Errno> {
    raw::set_limit(libc::RLIMIT_LOCKS, ResourceLimit { soft: limit, hard: limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(own_limit: u64, per_run: u64) -> RunTags {
        RunTags { own_limit, next: own_limit, per_run, is_set: true }
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
    fn a_run_has_a_tag_that_no_other_has_and_that_covers_what_is_nested_in_it() {
        let mut outer = tags(OUR_LIMIT, PER_RUN);
        let (first, second) = (outer.next_tag(), outer.next_tag());
        assert!(first.covers(first.limit) && !first.covers(second.limit) && !second.covers(first.limit));
        assert!(outer.is_ours(OUR_LIMIT) && !outer.is_ours(first.limit) && !first.covers(OUR_LIMIT));
        assert!(
            outer.is_any_run(first.limit)
                && outer.is_any_run(second.limit)
                && !outer.is_any_run(7)
                && !outer.is_any_run(OUR_LIMIT)
        );
        let mut nested = tags(first.limit, 1);
        assert!(first.covers(nested.next_tag().limit) && !second.covers(nested.next_tag().limit));
    }

    #[test]
    fn where_the_limit_cannot_be_used_no_process_is_taken_for_one_of_a_run() {
        let mut tags = RunTags { is_set: false, ..tags(OUR_LIMIT, PER_RUN) };
        let (first, second) = (tags.next_tag(), tags.next_tag());
        assert_ne!(first, second);
        assert_eq!(first.limit(), None);
        assert!(!first.covers(first.limit));
    }

    #[test]
    fn they_run_out_without_meeting() {
        let mut tags = tags(5, 2);
        assert_eq!(tags.next_tag().limit(), Some(3));
        let (one, other) = (tags.next_tag(), tags.next_tag());
        assert_eq!((one.limit(), other.limit()), (None, None));
        assert_ne!(one, other);
    }
}
