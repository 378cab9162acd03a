//! What a reload costs the real PID 1: what it removes leaves nothing behind, and what it reads holds nothing else up.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "support/jail.rs"]
mod jail;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jail::{Jail, LIMIT, Running, possible};

const BINARY: &str = jail::INSIDE;

/// Waits for a condition that comes about without a line.
#[track_caller]
fn until(what: &str, mut met: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !met() {
        assert!(Instant::now() < limit, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A command inside, as root, as `docker exec` runs it.
fn inside(running: &Running, words: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &running.pid_one().to_string(), "--mount", "--pid", "--"]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

#[track_caller]
fn sh(running: &Running, line: &str) -> String {
    let output = inside(running, &["sh", "-ec", line]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    said
}

/// What PID 1 has open, without their numbers.
fn descriptors(running: &Running) -> Vec<String> {
    let all = fs::read_dir(format!("/proc/{}/fd", running.pid_one())).unwrap();
    let name = |path: String| path.split('[').next().unwrap_or_default().to_owned();
    let mut all: Vec<String> =
        all.filter_map(|fd| Some(name(fs::read_link(fd.ok()?.path()).ok()?.to_string_lossy().into_owned()))).collect();
    all.sort();
    all
}

/// The data that PID 1 has mapped, in KiB.
fn data(running: &Running) -> u64 {
    jail::status(running.pid_one(), "VmData:").split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn reloads_that_add_and_remove_services_leave_memory_and_descriptors_where_they_were() {
    if !possible() {
        return;
    }
    let app = Jail::new().env("PUID", "1234").env("PGID", "1234").env("STEPDOWN_LOG_FORMAT", "tagged");
    let running = app.tmpfs("/logs").service("web.toml", "command = [\"sleep\", \"600\"]\n").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    // Each of them has all that a service may have here: a socket, a pipe to another one, a log file, a time of day.
    let cycles = |from: u32, to: u32| {
        sh(
            &running,
            &format!(
                "cd /etc/services.d
                mkdir -p /logs/all; chmod 777 /logs/all
                i={from}; while [ $i -lt {to} ]; do
                    printf 'command = [\"sleep\", \"600\"]\\nready = {{ notify = true }}\\nstop.signal = \"KILL\"\\nlog = {{ directory = \"/logs/all/a'$i'\" }}\\n' > a$i.toml
                    printf 'command = [\"yes\"]\\nstop.signal = \"KILL\"\\npipe_to = \"a'$i'\"\\n' > b$i.toml
                    printf 'type = \"oneshot\"\\ncommand = [\"true\"]\\nat = \"03:00\"\\n' > c$i.toml
                    {BINARY} reload; rm a$i.toml b$i.toml c$i.toml; {BINARY} reload
                    i=$((i+1))
                done"
            ),
        );
        let last = to - 1;
        until("it is never retired", || {
            let shown = sh(&running, &format!("{BINARY} status --json || true"));
            !shown.contains(&format!("\"a{last}\"")) && !shown.contains(&format!("\"b{last}\""))
        });
    };
    cycles(0, 20);
    let mut before = Vec::new();
    // The last ones' log writers end in their time.
    until("what was removed stays open", || {
        std::mem::replace(&mut before, descriptors(&running)) == descriptors(&running) && before.len() < 40
    });
    let memory = data(&running);
    cycles(20, 80);
    until("what was removed stays open", || descriptors(&running) == before);
    let grown = data(&running).saturating_sub(memory);
    assert!(grown < 300, "{grown} KiB for 180 services that came and went");
}
