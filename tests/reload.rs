//! What a reload costs the real PID 1: what it removes leaves nothing behind, and what it reads holds nothing else up.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::support::hang::hang;
use crate::support::try_container;
use crate::support::try_container::{LIMIT, Running, TryContainer, possible};
use crate::support::wait::wait_until;

const BINARY: &str = try_container::INSIDE;

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
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {printed}");
    printed
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
    try_container::status(running.pid_one(), "VmData:").split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn reloads_that_add_and_remove_services_leave_memory_and_descriptors_where_they_were() {
    if !possible() {
        return;
    }
    let app = TryContainer::new().env("PUID", "1234").env("PGID", "1234").env("STEPDOWN_LOG_FORMAT", "tagged");
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
        wait_until("it is never retired", || {
            let shown = sh(&running, &format!("{BINARY} status --json || true"));
            !shown.contains(&format!("\"a{last}\"")) && !shown.contains(&format!("\"b{last}\""))
        });
    };
    cycles(0, 20);
    let mut before = Vec::new();
    // The last ones' log writers end in their time.
    wait_until("what was removed stays open", || {
        std::mem::replace(&mut before, descriptors(&running)) == descriptors(&running) && before.len() < 40
    });
    let memory = data(&running);
    cycles(20, 80);
    wait_until("what was removed stays open", || descriptors(&running) == before);
    let grown = data(&running).saturating_sub(memory);
    assert!(grown < 300, "{grown} KiB for 180 services that came and went");
}

fn asks(running: &Running, words: &[&str]) -> Child {
    let limited = ["timeout", "20", BINARY];
    inside(running, &[&limited, words].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_tree_that_hangs_holds_up_whoever_asked_for_the_reload_and_nobody_else() {
    holds_up_only_the_reload("/etc/services.d");
}

#[test]
fn a_path_that_a_new_service_names_and_that_hangs_does_not_either() {
    holds_up_only_the_reload("/slow");
}

#[track_caller]
fn holds_up_only_the_reload(place: &'static str) {
    if !possible() {
        return;
    }
    let app = TryContainer::new().env("PUID", "1234").env("PGID", "1234").stop_timeout(8);
    let running = app.tmpfs("/slow").service("web.toml", "command = [\"sleep\", \"600\"]\n").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let names = "command = [\"/slow/bin/new\"]\\ndirectory = \"/slow\"\\n";
    sh(&running, &format!("printf '{names}' > /etc/services.d/new.toml"));
    let device = hang(&running, place);
    let mut first = asks(&running, &["reload"]);
    wait_until("nobody reads the tree", || {
        if first.try_wait().unwrap().is_some() {
            let mut all = String::new();
            std::io::Read::read_to_string(first.stderr.as_mut().unwrap(), &mut all).unwrap();
            std::io::Read::read_to_string(first.stdout.as_mut().unwrap(), &mut all).unwrap();
            panic!("the reload ended, and only PID 1 itself can have read: {all}");
        }
        let waits = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default().contains("fuse");
        try_container::descendants(running.pid_one()).iter().any(waits)
    });
    // It is asked for while it hangs already: that waits for its turn.
    let mut second = asks(&running, &["reload"]);
    let status = asks(&running, &["status"]).wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.success() && shown.contains("web"), "{shown} {:?}", status.status);
    assert!(first.try_wait().unwrap().is_none(), "it was answered although the tree hangs");
    let refused = first.wait_with_output().unwrap();
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(111) && why.contains("longer than 10s"), "{why} {:?}", refused.status);
    // The second one is under way by now; a stop ends it, and waits for nobody.
    assert!(second.try_wait().unwrap().is_none());
    running.stop().expect(0);
    assert_ne!(second.wait().unwrap().code(), Some(0));
    drop(device);
}
