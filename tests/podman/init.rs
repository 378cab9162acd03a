//! `podman run --init --init-path OURS`: Podman mounts it as `/run/podman-init` and runs `/run/podman-init -- COMMAND`. Podman's
//! own tests of it by behaviour (`run_test.go`, "--init", "--init and --init-path", "without --init"; `run_signal_test.go`), and
//! what else its manual promises: signals are forwarded, processes are reaped.

use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::rootless::{IMAGE, Rootless};
use crate::support::docker::{DOCKER_TIMEOUT, stdout_and_stderr, wait_for};
use crate::support::host_processes::children;

/// Every container here: Podman's defaults for root may be above what this machine grants.
fn create(engine: &Rootless, options: &[&str], command: &[&str]) -> Vec<String> {
    let limits: &[&str] =
        if engine.is_root() { &["--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"] } else { &["--ulimit=host"] };
    let parent = engine.cgroup_option();
    let words = ["--network=none", "--entrypoint="].into_iter().chain(limits.iter().copied());
    let words = words.chain(parent.as_deref()).chain(options.iter().copied()).chain([IMAGE]);
    words.chain(command.iter().copied()).map(str::to_owned).collect()
}

fn run(engine: &Rootless, options: &[&str], command: &[&str]) -> (Option<i32>, String) {
    let words = create(engine, options, command);
    let words: Vec<&str> = ["run"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let output = engine.podman(&words).output().unwrap();
    (output.status.code(), stdout_and_stderr(&output))
}

fn holds(engine: &Rootless) {
    // Where the user who runs it can read it.
    let ours = engine.files().join("ours");
    std::fs::copy(crate::support::docker::binary(), &ours).unwrap();
    let path = format!("--init-path={}", ours.display());
    let init_options = ["--init", &*path];
    let inspect = |name: &str| -> Value {
        let all: Value = serde_json::from_str(&engine.must(&["inspect", name])).unwrap();
        all[0].clone()
    };

    // It is the entry, and the container says so.
    let (code, output) = run(
        engine,
        &["--name=first", init_options[0], init_options[1]],
        &["sh", "-c", "read name < /proc/1/comm; echo $name $$; exit 3"],
    );
    assert_eq!(code, Some(3), "{output}");
    assert!(output.starts_with("podman-init ") && !output.starts_with("podman-init 1\n"), "{output}");
    let seen = inspect("first");
    assert_eq!(seen["Path"], "/run/podman-init", "{seen}");
    assert_eq!(seen["Config"]["Annotations"]["io.podman.annotations.init"], "TRUE", "{seen}");
    engine.must(&["rm", "first"]);

    // Also where the host's /dev is mounted.
    if engine.is_root() {
        let (code, output) =
            run(engine, &["--rm", "-v", "/dev:/dev", init_options[0], init_options[1]], &["sh", "-c", "exit 4"]);
        assert_eq!(code, Some(4), "{output}");
    }

    // Without it nothing of this is there.
    let (code, output) = run(engine, &["--name=plain"], &["sh", "-c", "echo $$"]);
    assert_eq!((code, output.trim()), (Some(0), "1"));
    let seen = inspect("plain");
    assert_eq!(seen["Path"], "sh", "{seen}");
    assert_eq!(seen["Config"]["Annotations"]["io.podman.annotations.init"], "FALSE", "{seen}");
    engine.must(&["rm", "plain"]);

    // An init that is not there is Podman's error.
    let (code, output) = run(engine, &["--rm", "--init", "--init-path=/none/init"], &["sh"]);
    assert!(code == Some(125) && output.contains("/none/init"), "{code:?} {output}");

    // A command's options are its own, and what cannot be executed is an end.
    let (code, output) = run(
        engine,
        &["--rm", init_options[0], init_options[1]],
        &["sh", "-c", "echo \"$@\"", "sh", "-g", "--", "-P", "--version"],
    );
    assert_eq!((code, output.trim()), (Some(0), "-g -- -P --version"));
    let (code, output) = run(engine, &["--rm", init_options[0], init_options[1]], &["/none"]);
    assert!(code == Some(1) && output.contains("No such file or directory"), "{code:?} {output}");
    let (code, output) = run(engine, &["--rm", init_options[0], init_options[1]], &["-x"]);
    assert!(code == Some(1) && output.contains("failed to exec pid1"), "{code:?} {output}");

    // Orphans are reaped.
    let orphan = "p=$(sh -c '(while kill -0 $$; do :; done) > /dev/null 2>&1 & echo $!'); while [ -e /proc/$p ]; do :; done; echo reaped";
    let (code, output) = run(engine, &["--rm", init_options[0], init_options[1]], &["sh", "-c", orphan]);
    assert_eq!((code, output.trim()), (Some(0), "reaped"));

    // `podman stop` and `podman kill` reach the command; so do signals that `podman run` passes on.
    let waits = "trap 'echo told; exit 5' TERM USR1; echo begun; while :; do :; done";
    for (verb, signal) in [("stop", None), ("kill", Some("--signal=USR1"))] {
        let words = create(engine, &["-d", "--name=told", init_options[0], init_options[1]], &["sh", "-c", waits]);
        let words: Vec<&str> = ["run"].into_iter().chain(words.iter().map(String::as_str)).collect();
        engine.must(&words);
        engine.wait_for_log("told", "begun");
        let words: Vec<&str> = [verb].into_iter().chain(signal).chain(["told"]).collect();
        engine.must(&words);
        assert_eq!(engine.must(&["wait", "told"]).trim(), "5");
        engine.wait_for_log("told", "told");
        engine.must(&["rm", "told"]);
    }
    let words = create(engine, &["--rm", init_options[0], init_options[1]], &["sh", "-c", waits]);
    let words: Vec<&str> = ["run"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let mut client = engine.podman(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(client.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    // Podman itself: timeout(1) and nsenter(1) are before it. It passes signals on from a moment after the start, and ignores
    // this one before. No second one may reach a container that has ended: podman run then knows no exit code.
    let podman = (0..2).fold(client.id(), |pid, _| children(pid)[0]);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(podman).unwrap());
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    });
    let sent: Cell<Option<Instant>> = Cell::new(None);
    wait_for("the command's answer", DOCKER_TIMEOUT, String::new, || {
        if !reader.is_finished() && sent.get().is_none_or(|sent| sent.elapsed() > Duration::from_secs(1)) {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGUSR1).unwrap();
            sent.set(Some(Instant::now()));
        }
        reader.is_finished().then_some(())
    });
    let line = reader.join().unwrap();
    assert_eq!((client.wait().unwrap().code(), &*line), (Some(5), "told\n"));
}

#[test]
fn without_root_it_is_the_init_that_podman_expects() {
    if let Some(rootless) = Rootless::available() {
        holds(&rootless);
    }
}

#[test]
fn with_root_it_is_the_init_that_podman_expects() {
    if let Some(rootful) = Rootless::rootful() {
        holds(&rootful);
    }
}
