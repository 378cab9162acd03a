//! The real binary as the real PID 1, and what its services and looks leave behind: zombies that nobody waits for, jobs with
//! groups of their own, stragglers that mind nothing (DESIGN §4, §8).

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::try_container::{LIMIT, Line, TryContainer, possible, status};

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345").env("STEPDOWN_LOG_FORMAT", "tagged")
}

fn bash(script: &str, more: &str) -> String {
    format!("command = [\"/bin/bash\", \"-c\", '''{script}''']\n{more}\n")
}

fn count(lines: &[Line], text: &str) -> usize {
    lines.iter().filter(|line| line.text.contains(text)).count()
}

/// Leaves a zombie in its group, whose parent is in a session of its own and never waits; ends with 9.
fn zombie(more: &str) -> String {
    let script = "import os,time
r,w = os.pipe()
if os.fork() == 0:
    if os.fork() == 0: os._exit(0)
    os.setsid(); os.write(w, b'.'); time.sleep(1000)
os.read(r, 1); os._exit(9)";
    format!("command = [\"python3\", \"-c\", '''{script}''']\n{more}\n")
}

#[test]
fn a_zombie_that_nobody_waits_for_does_not_keep_a_service_from_coming_back() {
    if !possible() {
        return;
    }
    let restart = "restart = { policy = \"always\", delay = \"100ms\", max_delay = \"100ms\" }";
    let running = app().service("web.toml", &zombie(restart)).start();
    running.wait_until(|lines| count(lines, "web: up") >= 3, LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "did not exit within"), 0, "{ended:#?}");
}

#[test]
fn a_zombie_that_nobody_waits_for_does_not_keep_the_container_from_ending() {
    if !possible() {
        return;
    }
    let more = "essential = true\nrestart = \"never\"";
    let other = bash("exec sleep 600", "");
    app().service("web.toml", &zombie(more)).service("other.toml", &other).run().expect(9);
}

#[test]
fn the_jobs_of_a_run_end_with_it_and_do_not_add_up() {
    if !possible() {
        return;
    }
    let script = "set -m; echo \"left: $(pgrep -fc \"^sleep 444\")\"; sleep 444 & exit 1";
    let restart = "restart = { policy = \"always\", delay = \"100ms\", max_delay = \"100ms\" }";
    let running = app().service("web.toml", &bash(script, restart)).start();
    running.wait_until(|lines| count(lines, "left: ") >= 4, LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "left: 0"), count(&ended.lines, "left: "), "{ended:#?}");
}

#[test]
fn a_job_that_minds_no_term_is_killed_before_its_service_comes_back() {
    if !possible() {
        return;
    }
    let script = "set -m; echo \"left: $(pgrep -fc \"^sleep 445\")\"; (trap \"\" TERM; exec sleep 445) & exit 1";
    let restart = "restart = { policy = \"always\", delay = \"100ms\", max_delay = \"100ms\" }";
    let more = format!("{restart}\nstop = {{ timeout = \"200ms\" }}");
    let running = app().service("web.toml", &bash(script, &more)).start();
    running.wait_until(|lines| count(lines, "left: ") >= 3, LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "left: 0"), count(&ended.lines, "left: "), "{ended:#?}");
}

/// `timeout` of coreutils makes a group of its own.
#[test]
fn looks_neither_pile_up_nor_outlive_their_timeout() {
    if !possible() {
        return;
    }
    let look = "command = [\"/bin/sh\", \"-c\", \"echo . >> /tmp/looks; timeout 333 sleep 333\"]";
    let health = format!("health = {{ {look}, interval = \"100ms\", timeout = \"200ms\", then = \"report\" }}");
    // One is under way at any time.
    let witness = "until [ \"$(wc -l < /tmp/looks)\" -ge 6 ]; do sleep 0.05; done 2>/dev/null; \
        echo \"left: $(pgrep -fc \"^sleep 333\")\"; exec sleep 600";
    let running =
        app().service("web.toml", &bash("exec sleep 600", &health)).service("witness.toml", &bash(witness, "")).start();
    let left = running.wait_for_line(|line| line.contains("left: "), LIMIT);
    assert!(left.ends_with("left: 0") || left.ends_with("left: 1"), "{left}");
    running.stop().expect(0);
}

/// Nobody reads, stragglers mind no TERM, a finish script hangs: each of them costs time, and all comes out of one budget.
#[test]
fn the_worst_stop_ends_within_its_budget() {
    if !possible() {
        return;
    }
    const BUDGET: Duration = Duration::from_secs(3);
    let deaf = "trap \"\" TERM; for at in 1 2 3; do setsid sleep 600 & done; echo runs; while :; do sleep 600; done";
    let running = app()
        .container_toml("stop_timeout = \"3s\"\n")
        .service("deaf.toml", &bash(deaf, ""))
        .service("flood.toml", &bash("echo runs; exec yes", "finish = [\"/bin/sleep\", \"600\"]"))
        .start();
    for name in ["deaf", "flood"] {
        running.wait_for_line(|line| line.starts_with(name) && line.ends_with("| runs"), LIMIT);
    }
    // `try` is the reader of the container's output.
    running.signal(Signal::SIGSTOP);
    let first = running.pid_one();
    let requested = Instant::now();
    kill(Pid::from_raw(first), Signal::SIGTERM).unwrap();
    while !matches!(status(first, "State:").get(..1), None | Some("Z")) {
        assert!(requested.elapsed() < LIMIT, "it never ends");
        std::thread::sleep(Duration::from_millis(10));
    }
    let took = requested.elapsed();
    running.signal(Signal::SIGCONT);
    running.wait(LIMIT).expect(0);
    // Half a second for a busy machine; what used to come on top was more than twice that.
    assert!(took < BUDGET + Duration::from_millis(500), "{took:?}");
}
