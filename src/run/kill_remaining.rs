//! Kills, at the end of a stage, what services left in sessions of their own. Only our children, started or adopted; `kill(-1)` is
//! sent by PID 1 alone (s6-overlay issue 182 stopped a host).
#![allow(clippy::disallowed_methods)] // the last deadline, after the engine

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::libc;

use super::kill_report;
use super::process_manager::ProcessManager;
use super::reports::RunKind;
use crate::config::units::duration_text;
use crate::config::values::Signal;
use crate::supervise::{Pid, StopShares, Target};
use crate::sys::process::reap::{self, WaitResult};
use crate::sys::process::stat::{ProcessStat, all_pids};
use crate::sys::process::{children, group, session};
use crate::sys::signals;

/// No process has exited for this long after SIGKILL: what is still there is in uninterruptible sleep.
const KILL_TIMEOUT: Duration = Duration::from_millis(250);
/// How long to wait for an exit before checking again.
const STEP: Duration = Duration::from_millis(20);
/// Exited children reaped before the clock is read again.
const REAPED_AT_ONCE: usize = 256;

/// Ends every child that is left: TERM until `term_deadline`, then KILL, until `kill_deadline` at the latest. Returns at once when there
/// is none (a shell from `docker exec` is no child of ours). In *prepare* it is named, because the
/// container goes on without it.
pub fn terminate_remaining(
    processes: &mut ProcessManager,
    run_kind: RunKind,
    term_deadline: Instant,
    kill_deadline: Instant,
) {
    if reap_all(processes, kill_deadline) {
        return;
    }
    if run_kind == RunKind::Preparing {
        log_ended();
    }
    signal_all(Signal::TERM);
    signal_all(Signal::CONT);
    let signalled_at = Instant::now();
    if wait(processes, term_deadline, |_| false) {
        return;
    }
    log_killed(signalled_at.elapsed());
    // The children of what is killed are adopted one generation at a time.
    let mut last_exit = Instant::now();
    loop {
        let before = processes.reaped;
        signal_all(Signal::KILL);
        signals::wait_for_exit(STEP / 10);
        if reap_all(processes, kill_deadline) {
            return;
        }
        let now = Instant::now();
        if processes.reaped != before {
            last_exit = now;
        }
        if now >= kill_deadline || now >= last_exit + KILL_TIMEOUT {
            return log_survivors();
        }
    }
}

/// Ends what oneshots have left that ran before the step down, as at the end of a stage. `processes` knows none of it.
pub fn end_leftovers(processes: &mut ProcessManager, stop_timeout: Duration) {
    let StopShares { leftovers, lines, margin, .. } = StopShares::of(stop_timeout);
    let end = Instant::now() + stop_timeout;
    let before = |kept: Duration| end.checked_sub(kept).unwrap_or(end);
    terminate_remaining(processes, RunKind::Preparing, before(leftovers + lines + margin), before(lines + margin));
}

/// Names what root oneshots have left, which would stay root after the step down.
fn log_ended() {
    let left = living_children();
    if !left.is_empty() {
        tracing::warn!(
            "the oneshots before the step down left {} running: ending it; if it is a daemon, make it a service",
            kill_report::named(&left)
        );
    }
}

/// They belong to no known service any more, so no other message names them.
fn log_killed(after: Duration) {
    let left = living_children();
    if !left.is_empty() {
        let (names, after) = (kill_report::named(&left), duration_text(after));
        tracing::warn!(
            "did not exit within {after} of SIGTERM: sending SIGKILL to {names}; if that needs longer, set {}",
            kill_report::STOP_TIMEOUT_KEYS
        );
    }
}

/// Names what SIGKILL has not ended.
fn log_survivors() {
    let left = living_children();
    if !left.is_empty() {
        let (names, why) = (kill_report::named(&left), kill_report::survival_reason(&left));
        tracing::error!("cannot kill {names} ({why}): the container ends without it");
    }
}

/// Stops each running process group without the engine, the youngest first, each with an equal share of the time.
pub fn stop_each(processes: &mut ProcessManager, deadline: Instant) {
    let mut left = processes.youngest_first();
    while !left.is_empty() {
        let pid = left.remove(0);
        let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left.len() + 1).unwrap_or(1);
        processes.signal(pid, Target::Group, Signal::TERM);
        processes.signal(pid, Target::Group, Signal::CONT);
        if !wait(processes, Instant::now() + share, |processes| !processes.youngest_first().contains(&pid)) {
            processes.signal(pid, Target::Group, Signal::KILL);
        }
    }
}

fn signal_all(signal: Signal) {
    if std::process::id() == 1 {
        return group::signal_everything(signal);
    }
    for child in children() {
        // It may have no right to: then it is named at the end.
        let _refused = group::signal_child(Pid(child), signal);
    }
}

fn living_children() -> Vec<Pid> {
    children().into_iter().map(Pid).filter(|pid| session::is_dead(*pid) == Some(false)).collect()
}

/// Returns the children that are ours; by `/proc/*/stat` where the kernel has no list of them.
fn children() -> Vec<libc::pid_t> {
    let listed = libc::pid_t::try_from(std::process::id()).ok().and_then(children::children_of);
    if let Some(listed) = listed {
        return listed;
    }
    let parent = |pid: libc::pid_t| ProcessStat::read(pid)?.number::<u32>(4);
    let pids = all_pids().into_iter().flatten();
    pids.filter(|pid| parent(*pid) == Some(std::process::id())).collect()
}

/// Waits until `is_over`, at most until the deadline, and reaps meanwhile. Returns whether it is over.
fn wait(processes: &mut ProcessManager, deadline: Instant, is_over: impl Fn(&mut ProcessManager) -> bool) -> bool {
    loop {
        let none_left = reap_all(processes, deadline);
        if none_left || is_over(processes) {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        signals::wait_for_exit(left.min(STEP));
    }
}

/// Reaps exited children, until the deadline if they are without end. Returns whether no child is left.
fn reap_all(processes: &mut ProcessManager, deadline: Instant) -> bool {
    let mut ignored = VecDeque::new();
    while processes.reap_children(REAPED_AT_ONCE, &mut ignored) && Instant::now() < deadline {}
    reap::peek() == WaitResult::NoChild
}
