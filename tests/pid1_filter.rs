//! The real binary as the real PID 1, and services that try to change its limits, priorities and processors (SECURITY P3).
#![allow(unsafe_code)] // seccomp(2): a filter around the container

use std::process::Command;

use nix::errno::Errno;
use nix::libc;

use crate::support::try_container::{INSIDE, LIMIT, Line, Running, TryContainer, possible};

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
fn attack(container: TryContainer, pid: &str) -> Vec<String> {
    let (running, lines) = attacked(container, pid);
    running.stop().expect(0);
    assert!(!lines.iter().any(|line| line.text.contains(REFUSED)), "{lines:#?}");
    answers_of(&lines)
}

/// What is said where the kernel installs no filter.
const REFUSED: &str = "seccomp(2) was refused";

fn attacked(container: TryContainer, pid: &str) -> (Running, Vec<Line>) {
    let script = ATTACK.replace("PID", pid);
    let running = container.service("web.toml", &format!("command = [\"python3\", \"-c\", '''{script}''']\n")).start();
    running.wait_for_line(|line| line.ends_with("over"), LIMIT);
    let lines = running.lines();
    (running, lines)
}

fn answers_of(lines: &[Line]) -> Vec<String> {
    let output = lines.iter().filter(|line| !line.text.contains(REFUSED));
    let mut answers: Vec<String> = output.map(|line| line.text.clone()).collect();
    answers.retain(|line| line.contains("done") || line.contains("ermitted") || line.contains("ermission"));
    assert_eq!(answers.len(), CALLS, "{lines:#?}");
    answers
}

fn user() -> TryContainer {
    TryContainer::new().user("1234:2345")
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
    let answers = attack(TryContainer::new().env("PUID", "1234").env("PGID", "2345"), "1");
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
    let root = TryContainer::new().env("PUID", "1234").env("PGID", "2345").container_toml("pid1_filter = false\n");
    let answers = attack(root, "1");
    assert!(answers.iter().any(|line| line == "setpriority done"), "{answers:#?}");
}

/// From here on seccomp(2) is refused to this thread and to whatever it starts, as by the profile of a runtime: root needs no
/// no_new_privs for that.
fn forbid_filters() {
    let statement = |code: u32, k: u32, jf: u8| libc::sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf, k };
    let number = u32::try_from(libc::SYS_seccomp).unwrap();
    let program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog { len: 4, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program outlives the call, which only reads it.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0_u64, &raw const program) };
    Errno::result(answer).unwrap();
}

fn doctor(running: &Running) -> String {
    let target = running.pid_one().to_string();
    let words = ["--target", &target, "--mount", "--pid", "--", INSIDE, "doctor"];
    let output = Command::new("nsenter").args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_filter_that_the_kernel_refuses_is_reported_once_and_by_doctor() {
    if !possible() {
        return;
    }
    forbid_filters();
    let other = "command = [\"/bin/sleep\", \"600\"]\n";
    let container = user().service("other.toml", other).service("third.toml", other);
    let (running, lines) = attacked(container, "1");
    assert!(answers_of(&lines).iter().any(|line| line.ends_with("prlimit64 done")), "{lines:#?}");
    let message = doctor(&running);
    assert!(message.contains(REFUSED) && message.contains("can change its limits and priorities"), "{message}");
    let ended = running.stop().expect(0);
    let output: Vec<_> = ended.lines.iter().filter(|line| line.text.contains(REFUSED)).collect();
    assert!(matches!(output[..], [line] if line.text.contains("Operation not permitted")), "{output:#?}");
}
