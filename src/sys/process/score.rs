//! A process's `oom_score_adj`, set by PID 1 after the exec.

use std::fs;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::supervise::Pid;

/// So many times it is tried for an exec that has begun.
pub const TRIES: u32 = 20;
/// … and so long lies between two tries.
pub const PAUSE: Duration = Duration::from_millis(1);

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is set, or the process is ending and needs none any more.
    Done,
    /// The exec is not over: try again.
    TooEarly,
}

/// Sets the score that decides whom the kernel kills first. Never waits.
///
/// The kernel closes the verdict pipe a moment before the new program is dumpable, and until then the file is root's; by
/// the name that a process has (`comm`), which changes after both, it is told which it is. So it is too early for as long as
/// that is PID 1's. In the end, without memory, the file is root's once more.
///
/// # Errors
/// The kernel's: the program cannot be read by its user and is never dumpable.
pub fn set_oom_score(pid: Pid, score: i32) -> io::Result<Tried> {
    // Asked before: a name that was the program's already makes a refusal final.
    let executing = about(pid, "comm") == fs::read("/proc/self/comm").ok();
    match fs::write(format!("/proc/{}/oom_score_adj", pid.0), score.to_string()) {
        Ok(()) => Ok(Tried::Done),
        Err(_) if about(pid, "statm").is_some_and(|pages| pages.starts_with(b"0 ")) => Ok(Tried::Done),
        Err(cause) if cause.kind() == ErrorKind::PermissionDenied && executing => Ok(Tried::TooEarly),
        Err(cause) => Err(cause),
    }
}

fn about(pid: Pid, file: &str) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{}/{file}", pid.0)).ok()
}
