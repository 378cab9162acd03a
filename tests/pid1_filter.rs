//! The real binary as the real PID 1, and services that try to change its limits, priorities and processors (SECURITY P3).
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "support/jail.rs"]
mod jail;

use jail::{Jail, LIMIT, possible};

/// What a process of the same user may do to another one; each line is `NAME answer`.
const ATTACK: &str = r#"
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == "x86_64"
def call(name, x86_number, arm_number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(x86_number if x86 else arm_number, *arguments)
    print(name, "done" if done >= 0 else os.strerror(ctypes.get_errno()), flush=True)
limit = (ctypes.c_uint64 * 2)(64, 64)
parameter = ctypes.c_int(0)
cpus = ctypes.c_uint64(1)
attributes = (ctypes.c_uint32 * 12)(48, 3, 0, 0, 19)
pid = PID
call("prlimit64", 302, 261, pid, 7, limit, None)
call("setpriority", 141, 140, 0, pid, 19)
call("setpriority-user", 141, 140, 2, os.getuid(), 19)
call("ioprio_set", 251, 30, 1, pid, 3 << 13)
call("sched_setaffinity", 203, 122, pid, 8, ctypes.byref(cpus))
call("sched_setscheduler", 144, 119, pid, 3, ctypes.byref(parameter))
call("sched_setparam", 142, 118, pid, ctypes.byref(parameter))
call("sched_setattr", 314, 274, pid, attributes, 0)
print("over", flush=True)
import time
time.sleep(600)
"#;

const CALLS: usize = 8;

/// Returns the answers of an attack on that process: `1`, or `os.getpid()`.
fn attack(jail: Jail, pid: &str) -> Vec<String> {
    let script = ATTACK.replace("PID", pid);
    let running = jail.service("web.toml", &format!("command = [\"python3\", \"-c\", '''{script}''']\n")).start();
    running.wait_for_line(|line| line.ends_with("over"), LIMIT);
    let lines = running.lines();
    running.stop().expect(0);
    let mut answers: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
    answers.retain(|line| line.contains("done") || line.contains("ermitted") || line.contains("ermission"));
    assert_eq!(answers.len(), CALLS, "{lines:#?}");
    answers
}

fn user() -> Jail {
    Jail::new().user("1234:2345")
}

#[test]
fn without_root_a_service_cannot_change_pid_1() {
    if !possible() {
        return;
    }
    let answers = attack(user(), "1");
    assert!(answers.iter().all(|line| line.ends_with("Operation not permitted")), "{answers:#?}");
}

#[test]
fn after_the_step_down_a_service_cannot_change_pid_1() {
    if !possible() {
        return;
    }
    let answers = attack(Jail::new().env("PUID", "1234").env("PGID", "2345"), "1");
    assert!(answers.iter().all(|line| line.ends_with("Operation not permitted")), "{answers:#?}");
}

#[test]
fn a_service_can_change_itself() {
    if !possible() {
        return;
    }
    let answers = attack(user(), "os.getpid()");
    let refused: Vec<_> = answers.iter().filter(|line| !line.ends_with("done")).collect();
    assert!(refused.iter().all(|line| line.contains("setpriority-user")), "{answers:#?}");
}

#[test]
fn where_the_filter_is_declined_the_kernel_decides() {
    if !possible() {
        return;
    }
    let answers = attack(user().container_toml("pid1_filter = false\n"), "1");
    assert!(answers.iter().any(|line| line == "prlimit64 done"), "{answers:#?}");
    let root = Jail::new().env("PUID", "1234").env("PGID", "2345").container_toml("pid1_filter = false\n");
    let answers = attack(root, "1");
    assert!(answers.iter().any(|line| line == "setpriority done"), "{answers:#?}");
}
