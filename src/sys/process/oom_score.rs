//! A process's `oom_score_adj`, set by PID 1 after the exec.

use std::fs;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::supervise::Pid;

/// Attempts after an exec has begun.
pub const MAX_ATTEMPTS: u32 = 20;
/// Delay between two attempts.
pub const PAUSE: Duration = Duration::from_millis(1);

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreResult {
    /// It is set, or the process is exiting.
    Done,
    /// The exec is not over: try again.
    TooEarly,
}

/// Sets the score by which the kernel chooses the process to kill. Never blocks.
///
/// The kernel closes the exec pipe a moment before the new program is dumpable, and until then the file is root's. The name
/// of the process (`comm`) changes after both: it is too early while that is PID 1's. While a process exits, the file is
/// root's again.
///
/// # Errors
/// The system call's error: the program is not readable for its user and never dumpable.
pub fn set_oom_score(pid: Pid, score: i32) -> io::Result<ScoreResult> {
    // Read before: if the name was the program's already, an error is final.
    let executing = about(pid, "comm") == fs::read("/proc/self/comm").ok();
    match fs::write(format!("/proc/{}/oom_score_adj", pid.0), score.to_string()) {
        Ok(()) => Ok(ScoreResult::Done),
        Err(_) if about(pid, "statm").is_some_and(|pages| pages.starts_with(b"0 ")) => Ok(ScoreResult::Done),
        Err(cause) if cause.kind() == ErrorKind::PermissionDenied && executing => Ok(ScoreResult::TooEarly),
        Err(cause) => Err(cause),
    }
}

fn about(pid: Pid, file: &str) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{}/{file}", pid.0)).ok()
}
