//! Sets `oom_score_adj` of services. For a moment after the exec that is not possible, so it is tried again.
#![allow(clippy::disallowed_methods)] // when to try again

use std::time::Instant;

use super::process_manager::ProcessManager;
use crate::config::values::{CapSet, Capability};
use crate::error::cause_text;
use crate::supervise::{Id, Pid};
use crate::sys::file_user::{FileUser, with_file_user};
use crate::sys::privilege::with_raised;
use crate::sys::process::oom_score::{PAUSE, ScoreResult, set_oom_score};

impl ProcessManager {
    /// Sets the scores that are due. By PID 1, after the exec: before it the child is not dumpable, and its `/proc` files are
    /// root's.
    pub fn adjust_oom_scores(&mut self) {
        let now = Instant::now();
        for (pid, id, tries) in self.process_table.take_due_scores(now) {
            let Some(score) = self.records.entry(id).and_then(|entry| entry.service.oom_score_adj) else { continue };
            match self.adjust_oom_score(id, pid, score) {
                Ok(ScoreResult::Done) => {}
                Ok(ScoreResult::TooEarly) if tries > 1 => {
                    self.process_table.set_score_later(pid, now + PAUSE, tries - 1)
                }
                Ok(ScoreResult::TooEarly) => log_not_set(pid, score, &std::io::ErrorKind::PermissionDenied.into()),
                Err(cause) => log_not_set(pid, score, &cause),
            }
        }
    }

    fn adjust_oom_score(&self, id: Id, pid: Pid, score: i32) -> std::io::Result<ScoreResult> {
        let Some(entry) = self.records.entry(id) else { return Ok(ScoreResult::Done) };
        let write = || set_oom_score(pid, score);
        let lower = CapSet::EMPTY.with(Capability::SYS_RESOURCE);
        // The file belongs to the service's user.
        let user = FileUser::from(&entry.plan.credentials);
        with_file_user(&user, || with_raised(lower, write)).and_then(|written| written)
    }
}

fn log_not_set(pid: Pid, score: i32, cause: &std::io::Error) {
    tracing::warn!("cannot set oom_score_adj of process {} to {score}: {}", pid.0, cause_text(cause));
}
