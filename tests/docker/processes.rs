//! Processes of this machine beside the containers' own: what shares their PID namespace must be left alone.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::docker::{DOCKER_TIMEOUT, Docker, Image, Run, wait_for};

/// A process of the host, as some user; gone when dropped.
pub struct Bystander(Child);

impl Bystander {
    /// Starts one that does nothing.
    pub fn start(uid: u32, gid: u32) -> Self {
        let ids = [format!("--reuid={uid}"), format!("--regid={gid}")];
        let child =
            Command::new("setpriv").args(ids).args(["--clear-groups", "sleep", "600"]).stdin(Stdio::null()).spawn();
        Self(child.expect("setpriv(1) is in every Debian"))
    }

    /// Returns whether it still lives.
    pub fn lives(mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Every signal that a process and what it forks send, as strace(1) sees it.
struct Listener {
    strace: Child,
    file: tempfile::NamedTempFile,
}

impl Listener {
    /// Listens to a process of this machine. Returns once nothing escapes any more.
    fn attach(pid: i32) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let calls = "trace=kill,tkill,tgkill,pidfd_send_signal,rt_sigqueueinfo,rt_tgsigqueueinfo";
        let strace = Command::new("strace")
            .args(["-f", "-q", "-e", "signal=none", "-e", calls, "-p", &pid.to_string(), "-o"])
            .arg(file.path())
            .spawn()
            .expect("strace is installed by .ci/packages");
        let tracer = || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line == format!("TracerPid:\t{}", strace.id())).then_some(())
        };
        wait_for("strace to be attached", DOCKER_TIMEOUT, String::new, tracer);
        Self { strace, file }
    }

    /// Returns what was called, once the process is gone.
    fn calls(mut self) -> String {
        self.strace.wait().expect("it is our child");
        fs::read_to_string(self.file.path()).expect("strace wrote it")
    }
}

/// Returns the process of this machine with that command line.
fn process(words: &[&str]) -> Option<i32> {
    let line = words.iter().map(|word| format!("{word}\0")).collect::<String>();
    let all = fs::read_dir("/proc").expect("it is mounted").flatten();
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|found| found == line))
}

/// Returns the first argument of each `kill` in strace's lines.
fn targets(calls: &str) -> impl Iterator<Item = i32> + '_ {
    calls.lines().filter_map(|line| line.split_once(" kill(")?.1.split_once(',')?.0.trim().parse().ok())
}

#[test]
fn among_the_hosts_processes_it_signals_only_what_it_started() {
    let Some(docker) = Docker::here_as_root() else { return };
    // Left behind in a session of its own: only the sweep at the very end finds it.
    let straggler = ["sleep", &format!("600.{}", std::process::id())];
    let script = format!("setsid {} & exec recorder --until-term 7", straggler.join(" "));
    for (flags, uid) in [("-e PUID=1234 -e PGID=1235", 1234), ("--user 1000:1000", 1000)] {
        let bystander = Bystander::start(uid, uid);
        let run = Run::new(&Image::environments(&docker)).options("--pid host").options(flags);
        let container = run.script(&script).start();
        container.wait_for_log_times("RECORD {", 4);
        let left = wait_for("the straggler", DOCKER_TIMEOUT, || container.logs(), || process(&straggler));
        let (worked, output) = container.exec("stepdown status --json");
        assert!(worked, "{output}");
        let status: Value = serde_json::from_str(&output).expect("it is JSON");
        let services = status["services"].as_array().expect("a list");
        let ours: BTreeSet<i32> =
            services.iter().filter_map(|service| i32::try_from(service["pid"].as_i64()?).ok()).chain([left]).collect();
        assert_eq!(ours.len(), 4, "store, web, main and the straggler: {output}");

        let listener = Listener::attach(container.host_pid());
        let (code, _) = container.stop();
        let calls = listener.calls();
        assert_eq!(code, 7, "{}", container.logs());
        let signalled: BTreeSet<i32> = targets(&calls).map(i32::abs).collect();
        assert!(signalled.is_superset(&ours), "who did not hear of the stop? {ours:?}\n{calls}");
        assert!(signalled.is_subset(&ours), "a signal to somebody else than {ours:?}:\n{calls}");
        assert!(targets(&calls).all(|pid| ![-1, 0].contains(&pid)), "{calls}");
        assert_eq!(process(&straggler), None, "{calls}");
        assert!(bystander.lives(), "{calls}");
    }
}
