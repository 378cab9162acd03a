//! [`ProcessTable`]: started processes that are not reaped yet, by pid; and processes that outlived the main process of their run.

#![allow(clippy::disallowed_methods)] // when to check again

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::fd_watcher::Key;
use crate::config::values::Signal;
use crate::supervise::{Id, Pid, Role};
use crate::sys::process::detached::{ChildScan, Detached};
use crate::sys::process::environment_file::SharedBytes;
use crate::sys::process::group::LeaderlessGroup;
use crate::sys::process::permission::combine;
use crate::sys::process::reap::WaitResult;
use crate::sys::process::run_tag::RunTag;
use crate::sys::process::session::{ProcessSnapshotCache, SessionMembers};
use crate::sys::process::spawn::ExecPipe;

/// How soon leftovers are checked; the pause doubles each time, up to the second value.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A process between its fork and its reaping.
pub struct Process {
    /// Its service.
    pub id: Id,
    /// Run, finish script or stop command.
    pub role: Role,
    /// Open until it has reported whether it executed its program.
    pub exec_pipe: Option<(Key, ExecPipe)>,
    /// Where it leaves what it reads from its `environment_file`.
    pub file: Option<Rc<SharedBytes>>,
    /// Watched until it has said that it is ready.
    pub notify: Option<Key>,
    /// It could not execute its program, which the engine was told: its exit is not reported again.
    pub refused: bool,
    /// Its whole group was killed: what it leaves is killed, too.
    pub killed: bool,
    /// The tag that everything it starts carries.
    pub tag: RunTag,
}

/// The table.
pub struct ProcessTable {
    running: HashMap<Pid, Process>,
    order: Vec<Pid>,
    /// The processes whose `oom_score_adj` is still to be set: when that is tried next, and how often it may be. Apart from
    /// the processes, because each iteration of the event loop asks for the first.
    scores: HashMap<Pid, (Instant, u32)>,
    leftovers: HashMap<Pid, Leftover>,
    /// What left its session.
    pub detached: Detached,
    /// When leftovers are checked next, and the pause after that.
    next_check: Option<Instant>,
    pause: Duration,
    snapshots: ProcessSnapshotCache,
}

/// What outlives the main process of a run.
pub struct Leftover {
    /// Its service.
    pub id: Id,
    /// What is in its session and group.
    pub group: LeaderlessGroup,
    /// The tag of the run, which what has left those carries.
    pub tag: RunTag,
}

impl Leftover {
    /// Sends a signal to all of it.
    ///
    /// # Errors
    /// ESRCH when nothing is left, EPERM when any is another user's.
    pub fn signal(
        &self,
        signal: Signal,
        snapshots: &mut ProcessSnapshotCache,
        detached: &Detached,
    ) -> Result<(), Errno> {
        combine(self.group.signal(signal, snapshots), detached.signal(self.tag, signal))
    }
}

impl ProcessTable {
    /// Returns an empty one.
    pub fn new() -> Self {
        Self {
            running: HashMap::new(),
            order: Vec::new(),
            scores: HashMap::new(),
            leftovers: HashMap::new(),
            detached: Detached::lower_our_limit(),
            next_check: None,
            pause: FIRST_PAUSE,
            snapshots: ProcessSnapshotCache::default(),
        }
    }

    /// Attributes the processes that PID 1 has adopted since to their runs; `waited`: what waiting has found last.
    pub fn assign_orphans(&mut self, waited: WaitResult) -> ChildScan {
        if waited == WaitResult::NoChild {
            return self.detached.scan_none();
        }
        let running = &self.running;
        self.detached.scan_children(|pid| running.contains_key(&pid))
    }

    /// The container stops: from now on no descendants need be recorded.
    pub fn begin_stop(&mut self) {
        let running = &self.running;
        self.detached.begin_stop(|pid| running.contains_key(&pid));
    }

    /// Records the descendants of a running main process, which are adopted when it ends.
    pub fn record_descendants(&mut self, main_pid: Pid) {
        if let Some(process) = self.running.get(&main_pid) {
            self.detached.record_descendants(main_pid, process.tag);
        }
    }

    /// Adds a process that was just forked.
    pub fn insert(&mut self, pid: Pid, process: Process) {
        self.running.insert(pid, process);
        self.order.push(pid);
    }

    /// Returns a process that is not reaped yet.
    pub fn get(&mut self, pid: Pid) -> Option<&mut Process> {
        self.running.get_mut(&pid)
    }

    /// Returns whether a process has not executed its program yet, and reads its file before.
    pub fn is_reading_file(&self, pid: Pid) -> bool {
        self.running.get(&pid).is_some_and(|process| process.file.is_some())
    }

    /// Returns whether a process of that service is not reaped yet, or has a leftover.
    pub fn has(&self, id: Id) -> bool {
        self.running.values().any(|process| process.id == id)
            || self.leftovers.values().any(|leftover| leftover.id == id)
    }

    /// Removes a process that was reaped.
    pub fn remove(&mut self, pid: Pid) -> Option<Process> {
        let process = self.running.remove(&pid)?;
        self.detached.main_ended(process.tag);
        self.scores.remove(&pid);
        // Amortised: the order is only read at the very end.
        if self.order.len() > 2 * self.running.len() + 16 {
            self.order.retain(|pid| self.running.contains_key(pid));
        }
        Some(process)
    }

    /// Adds what outlives the main process of a run; without any, forgets the run.
    pub fn add_leftover(&mut self, main_pid: Pid, tag: RunTag, leftover: Option<Leftover>) {
        let Some(leftover) = leftover else { return self.detached.remove_run(tag) };
        self.leftovers.insert(main_pid, leftover);
        self.pause = FIRST_PAUSE;
        self.next_check = Some(Instant::now() + FIRST_PAUSE);
    }

    /// Stops tracking what that main process left.
    pub fn untrack(&mut self, main_pid: Pid) {
        if let Some(Leftover { tag, .. }) = self.leftovers.remove(&main_pid) {
            self.detached.remove_run(tag);
        }
        self.stop_if_idle();
    }

    /// Returns what an ended main process left, and what is known of all processes.
    pub fn leftover(&mut self, main_pid: Pid) -> (Option<&Leftover>, &mut ProcessSnapshotCache, &Detached) {
        (self.leftovers.get(&main_pid), &mut self.snapshots, &self.detached)
    }

    /// Returns when to check leftovers again: the kernel does not report the end of a process that is no child.
    pub fn next_check(&self) -> Option<Instant> {
        self.next_check
    }

    /// A leftover got a signal and may be gone soon: it is checked again early.
    pub fn recheck_soon(&mut self) {
        if self.next_check.is_some() {
            self.pause = FIRST_PAUSE;
            self.next_check = Some(Instant::now() + FIRST_PAUSE);
        }
    }

    /// Removes the leftovers that are gone and returns their services. When a check is due it is thorough: zombies that their
    /// parent does not reap count as gone.
    pub fn remove_gone(&mut self, any: BorrowedFd<'_>) -> Vec<Id> {
        let now = Instant::now();
        let thorough = self.next_check.is_some_and(|at| at <= now);
        let mut gone = Vec::new();
        let (snapshots, detached, running) = (&mut self.snapshots, &mut self.detached, &self.running);
        if thorough {
            snapshots.invalidate();
        }
        let mut is_fresh = false;
        self.leftovers.retain(|main_pid, Leftover { id, group, tag }| {
            let mut left =
                group.may_have_members(any) && (!thorough || group.has_members(&snapshots.members(*main_pid, false)));
            if !left {
                // Children of what has just ended have been adopted.
                if !detached.has(*tag) && !std::mem::replace(&mut is_fresh, true) {
                    detached.scan_children(|pid| running.contains_key(&pid));
                }
                left = detached.has(*tag);
                if !left {
                    detached.remove_run(*tag);
                }
            }
            if !left {
                gone.push(*id);
            }
            left
        });
        if thorough {
            self.pause = (self.pause * 2).min(MAX_PAUSE);
            self.next_check = Some(now + self.pause);
        }
        self.stop_if_idle();
        gone
    }

    fn stop_if_idle(&mut self) {
        if self.leftovers.is_empty() {
            self.next_check = None;
        }
    }

    /// Returns the processes that are left of what an ended main process started.
    pub fn remaining_processes(&mut self, main_pid: Pid) -> Vec<Pid> {
        let SessionMembers { group, outside_group, .. } = self.snapshots.members(main_pid, false);
        let tag = self.leftovers.get(&main_pid).map(|leftover| leftover.tag);
        let detached = tag.map(|tag| self.detached.processes_of(tag)).unwrap_or_default();
        let mut all: Vec<Pid> = group.into_iter().chain(outside_group).chain(detached).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns when the score of a process is to be set next.
    pub fn scores_due(&self) -> Option<Instant> {
        self.scores.values().map(|(at, _)| *at).min()
    }

    /// Returns the processes whose scores are due, their services, and how often each may be tried.
    pub fn take_due_scores(&mut self, now: Instant) -> Vec<(Pid, Id, u32)> {
        let due = self.scores.extract_if(|_, (at, _)| *at <= now);
        due.filter_map(|(pid, (_, tries))| Some((pid, self.running.get(&pid)?.id, tries))).collect()
    }

    /// Schedules the next try to set the score of a process.
    pub fn set_score_later(&mut self, pid: Pid, at: Instant, tries: u32) {
        if self.running.contains_key(&pid) {
            self.scores.insert(pid, (at, tries));
        }
    }

    /// Returns the running main processes, the youngest first.
    pub fn youngest_first(&self) -> Vec<Pid> {
        self.order.iter().rev().copied().filter(|pid| self.running.contains_key(pid)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // a test runs programs and waits for them
mod tests {
    use super::*;
    use std::process::Command;

    use crate::sys::process::{children, session};

    #[test]
    fn nothing_is_known_of_a_run_that_left_nobody() {
        let mut table = ProcessTable::new();
        let tag = table.detached.next_tag();
        let mut child = Command::new("sh").args(["-c", "setsid sleep 600 & wait"]).spawn().unwrap();
        let main_pid = Pid(i32::try_from(child.id()).unwrap());
        let until = Instant::now() + Duration::from_secs(30);
        let below = loop {
            let below = children::descendants_of(main_pid.0).unwrap_or_default();
            match below.first().filter(|pid| session::session_of(Pid(**pid)) == Some(Pid(**pid))) {
                Some(pid) => break nix::unistd::Pid::from_raw(*pid),
                None => assert!(Instant::now() < until, "nobody leaves the session"),
            }
        };
        table.detached.record_descendants(main_pid, tag);
        assert!(table.detached.has_recorded(tag));
        nix::sys::signal::kill(below, nix::sys::signal::Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        table.add_leftover(main_pid, tag, None);
        assert!(!table.detached.has_recorded(tag));
    }
}
