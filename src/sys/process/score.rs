//! A process's `oom_score_adj`, set by PID 1 after the exec.

use std::fs;
use std::io::{self, ErrorKind};

use nix::poll::{PollTimeout, poll};

use crate::supervise::Pid;

/// So many milliseconds are given to an exec that has begun.
const PATIENCE: u32 = 20;

/// Sets the score that decides whom the kernel kills first. A process that is ending needs none any more.
///
/// The kernel closes the verdict pipe a moment before the new program is dumpable, and until then the file is root's; by
/// the name that a process has (`comm`), which changes after both, it is told which it is. So this is tried again for as
/// long as it is PID 1's. In the end, without memory, it is root's once more.
///
/// # Errors
/// The kernel's: the program cannot be read by its user and is never dumpable.
pub fn set_oom_score(pid: Pid, score: i32) -> io::Result<()> {
    let mut left = PATIENCE;
    loop {
        // Asked before: a name that was the program's already makes a refusal final.
        let executing = about(pid, "comm") == fs::read("/proc/self/comm").ok();
        match fs::write(format!("/proc/{}/oom_score_adj", pid.0), score.to_string()) {
            Ok(()) => return Ok(()),
            Err(_) if about(pid, "statm").is_some_and(|pages| pages.starts_with(b"0 ")) => return Ok(()),
            Err(cause) if cause.kind() == ErrorKind::PermissionDenied && executing && left > 0 => {
                left -= 1;
                let _time_over = poll(&mut [], PollTimeout::from(1_u8));
            }
            Err(cause) => return Err(cause),
        }
    }
}

fn about(pid: Pid, file: &str) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{}/{file}", pid.0)).ok()
}
