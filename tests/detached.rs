//! The real binary as the real PID 1, and what a service starts and what then leaves its session and process group: whose
//! it is, and that it ends with that service (DESIGN §4).

use std::process::Command;

use crate::support::try_container;
use crate::support::try_container::{LIMIT, Line, Running, TryContainer, possible};

const BINARY: &str = try_container::INSIDE;

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345").env("STEPDOWN_LOG_FORMAT", "tagged")
}

fn bash(script: &str, more: &str) -> String {
    format!("command = [\"/bin/bash\", \"-c\", '''{script}''']\n{more}\n")
}

/// Runs a line of shell inside, as root.
fn inside(running: &Running, line: &str) -> String {
    let target = running.pid_one().to_string();
    let words = ["--target", &target, "--mount", "--pid", "--", "sh", "-c", line];
    let output = Command::new("nsenter").args(words).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn run_client(running: &Running, words: &str) -> String {
    inside(running, &format!("{BINARY} {words}"))
}

/// Starts a daemon that is surely in a session of its own, and waits until it is.
fn daemon(how: &str, name: &str) -> String {
    format!("{how} sh -c \"exec sleep {name}\"; until pgrep -fx \"sleep {name}\" >/dev/null; do :; done\n")
}

fn living(running: &Running, names: &[&str]) -> Vec<String> {
    let is_there = |name: &&&str| !inside(running, &format!("pgrep -fx 'sleep {name}'")).is_empty();
    names.iter().filter(is_there).map(|name| (*name).to_owned()).collect()
}

fn count(lines: &[Line], text: &str) -> usize {
    lines.iter().filter(|line| line.text.contains(text)).count()
}

#[test]
fn daemons_of_a_service_have_ended_when_it_is_down() {
    if !possible() {
        return;
    }
    let script = daemon("setsid -f", "601")
        + &daemon("setsid -f env -i setsid -f", "602")
        + &daemon("setsid -f setpriv --reuid 4321 --clear-groups", "603")
        // It has removed the tag, and is still a child of the service's.
        + "setsid prlimit --locks=7:7 sleep 604 & until pgrep -fx \"sleep 604\" >/dev/null; do :; done\n"
        + "echo runs; while :; do sleep 600; done";
    let running = app().service("web.toml", &bash(&script, "user = \"root\"")).start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    let all = ["601", "602", "603", "604"];
    assert_eq!(living(&running, &all), all);
    let message = run_client(&running, "stop web");
    assert!(message.contains("web: down"), "{message}");
    assert_eq!(living(&running, &all), [""; 0]);
    running.stop().expect(0);
}

#[test]
fn daemons_of_a_run_that_crashed_have_ended_before_the_next_one_starts() {
    if !possible() {
        return;
    }
    let script = format!("echo \"left: $(pgrep -fc \"^sleep 446\")\"; {} exit 1", daemon("setsid -f env -i", "446"));
    let restart = "restart = { policy = \"always\", delay = \"100ms\", max_delay = \"100ms\" }";
    let running = app().service("web.toml", &bash(&script, restart)).start();
    running.wait_until(|lines| count(lines, "left: ") >= 3, LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "left: 0"), count(&ended.lines, "left: "), "{ended:#?}");
}

#[test]
fn a_daemon_that_minds_no_term_is_killed_when_its_service_has_had_its_time() {
    if !possible() {
        return;
    }
    let deaf = "setsid -f env --ignore-signal=TERM sleep 447; until pgrep -fx \"sleep 447\" >/dev/null; do :; done\n";
    let script = format!("{deaf} echo runs; exec sleep 600");
    let running = app().service("web.toml", &bash(&script, "stop = { timeout = \"200ms\" }")).start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    assert!(run_client(&running, "stop web").contains("web: down"));
    assert_eq!(living(&running, &["447"]), [""; 0]);
    running.stop().expect(0);
}

#[test]
fn the_daemon_that_a_oneshot_has_started_lives_on() {
    if !possible() {
        return;
    }
    let script = daemon("setsid -f", "448");
    let running = app()
        .service("setup.toml", &bash(&script, "type = \"oneshot\""))
        .service("web.toml", &bash("echo runs; exec sleep 600", "requires = [\"setup\"]"))
        .start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    assert_eq!(living(&running, &["448"]), ["448"]);
    // It is what the oneshot was to leave; what undoes that is its stop_command.
    assert!(run_client(&running, "stop setup").contains("setup: down"));
    assert_eq!(living(&running, &["448"]), ["448"]);
    running.stop().expect(0);
}

/// A daemon whose parent has ended before it calls setsid(2), as daemon(3) has it: it calls it when it is told to.
const LATE: &str = "import os, sys, time
if os.fork() == 0:
    while os.getppid() != 1 or not os.path.exists('/tmp/go'):
        time.sleep(0.01)
    os.setsid()
    os.execvp('sleep', ['sleep', sys.argv[1]])
";

#[test]
fn whether_a_oneshots_daemon_has_left_the_process_group_in_time_does_not_matter() {
    if !possible() {
        return;
    }
    let running = app()
        .service(
            "late.toml",
            &format!("type = \"oneshot\"\ncommand = [\"python3\", \"-c\", \"\"\"{LATE}\"\"\", \"453\"]\n"),
        )
        .service(
            "group.toml",
            &bash("sleep 454 & until pgrep -fx 'sleep 454' >/dev/null; do :; done; exit 0", "type = \"oneshot\""),
        )
        .service("web.toml", &bash("touch /tmp/go; echo runs; exec sleep 600", "requires = [\"late\", \"group\"]"))
        .start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    let line = running.wait_for_line(|line| line.contains("group: succeeded and left "), LIMIT);
    assert!(line.contains("(`sleep 454`) running") && line.contains("make it a service"), "{line}");
    assert_eq!(inside(&running, "until pgrep -fx 'sleep 453' >/dev/null; do sleep 0.01; done; echo there"), "there\n");
    assert!(run_client(&running, "stop late group").contains("group: down"));
    assert_eq!(living(&running, &["453", "454"]), ["453", "454"]);
    running.stop().expect(0);
}

#[test]
fn what_a_failed_oneshot_has_left_is_ended_with_it() {
    if !possible() {
        return;
    }
    let script = format!("sleep 455 &\n{} exit 1", daemon("setsid -f", "456"));
    let running = app()
        .service("setup.toml", &bash(&script, "type = \"oneshot\"\nessential = false"))
        .service("web.toml", &bash("echo runs; exec sleep 600", "after = [\"setup\"]"))
        .start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    assert_eq!(living(&running, &["455", "456"]), [""; 0]);
    running.stop().expect(0);
}

#[test]
fn what_a_root_oneshot_has_left_is_named_when_it_is_ended_before_the_step_down() {
    if !possible() {
        return;
    }
    let script =
        format!("sleep 457 & until pgrep -fx 'sleep 457' >/dev/null; do :; done\n{}", daemon("setsid -f", "458"));
    let running = app()
        .service("setup.toml", &bash(&script, "type = \"oneshot\"\nuser = \"root\""))
        .service("web.toml", &bash("echo runs; exec sleep 600", ""))
        .start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    assert_eq!(living(&running, &["457", "458"]), [""; 0]);
    let ended = running.stop().expect(0);
    let line = ended.lines.iter().find(|line| line.text.contains("before the step down left process"));
    let line = line.unwrap_or_else(|| panic!("{ended:#?}"));
    assert!(line.text.contains("(`sleep 457`)") && line.text.contains("(`sleep 458`)"), "{line:?}");
    assert_eq!(count(&ended.lines, "succeeded and left"), 0, "{ended:#?}");
}

#[test]
fn the_daemon_that_a_oneshot_has_started_is_ended_by_its_stop_command() {
    if !possible() {
        return;
    }
    let undo = "type = \"oneshot\"\nstop_command = [\"/bin/sh\", \"-c\", \"pkill -fx 'sleep 452'; while pgrep -fx 'sleep 452'; do :; done\"]";
    let running = app()
        .service("setup.toml", &bash(&daemon("setsid -f", "452"), undo))
        .service("web.toml", &bash("echo runs; exec sleep 600", "after = [\"setup\"]"))
        .start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    assert_eq!(living(&running, &["452"]), ["452"]);
    assert!(run_client(&running, "stop setup").contains("setup: down"));
    assert_eq!(living(&running, &["452"]), [""; 0]);
    running.stop().expect(0);
}

/// Asks the port before it starts who answers there, which takes TERM without ending.
const DAEMON: &str = r#"
import os, signal, socket, time
with socket.socket() as asking:
    print("old answers" if asking.connect_ex(("127.0.0.1", 7070)) == 0 else "nobody answers", flush=True)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 7070))
        listening.listen()
        while True:
            listening.accept()[0].close()
time.sleep(600)
"#;

#[test]
fn a_new_run_does_not_start_before_the_daemon_that_answers_for_the_old_one_is_gone() {
    if !possible() {
        return;
    }
    let more = "ready = { tcp = 7070 }\nstop = { timeout = \"200ms\" }\n";
    let service = format!("command = [\"python3\", \"-c\", '''{DAEMON}''']\n{more}");
    let running = app().service("web.toml", &service).start();
    running.wait_for_line(|line| line.ends_with("| nobody answers"), LIMIT);
    for _ in 0..2 {
        assert!(run_client(&running, "restart web").contains("web: up"));
    }
    assert!(run_client(&running, "stop web").contains("web: down"));
    let port = "python3 -c \"import socket; print(socket.socket().connect_ex(('127.0.0.1', 7070)) != 0)\"";
    assert_eq!(inside(&running, &format!("{port} 2>&1")).trim(), "True");
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "| old answers"), 0, "{ended:#?}");
    assert_eq!(count(&ended.lines, "| nobody answers"), 3, "{ended:#?}");
}

#[test]
fn a_daemon_of_another_service_lives_on() {
    if !possible() {
        return;
    }
    let other = format!("{} echo runs; exec sleep 600", daemon("setsid -f env -i", "449"));
    let script = format!("{} echo runs; exec sleep 600", daemon("setsid -f env -i", "450"));
    let running = app().service("other.toml", &bash(&other, "")).service("web.toml", &bash(&script, "")).start();
    for name in ["other", "web"] {
        running.wait_for_line(|line| line.starts_with(name) && line.ends_with("| runs"), LIMIT);
    }
    assert!(run_client(&running, "restart web").contains("web: up"));
    assert!(run_client(&running, "stop web").contains("web: down"));
    assert_eq!(living(&running, &["449", "450"]), ["449"]);
    running.stop().expect(0);
}

/// A service that runs, and below it a daemon without its tag that takes its time to end.
fn slow_daemon_without_a_tag(name: &str) -> String {
    let daemon = format!("trap \\\"sleep 0.7; exit\\\" TERM; touch /tmp/{name}; while :; do sleep 0.05; done # {name}");
    let there = format!("until [ -e /tmp/{name} ]; do sleep 0.01; done");
    format!("setsid prlimit --locks=7:7 bash -c \"{daemon}\" & {there}; echo runs; exec sleep 600")
}

#[test]
fn what_a_service_requires_is_stopped_after_its_daemons_when_the_container_stops() {
    if !possible() {
        return;
    }
    // Several end at once: whose such a daemon is cannot be told.
    let db = "trap 'echo \"left: $(pgrep -fc \"[d]aemon-46\")\"; exit' TERM; echo runs; while :; do sleep 0.05; done";
    let running = app()
        .service("db.toml", &bash(db, ""))
        .service("cache.toml", &bash(db, ""))
        .service("web.toml", &bash(&slow_daemon_without_a_tag("daemon-461"), "requires = [\"db\"]"))
        .service("worker.toml", &bash(&slow_daemon_without_a_tag("daemon-462"), "requires = [\"cache\"]"))
        .service("other.toml", &bash("echo runs; exec sleep 600", "requires = [\"db\", \"cache\"]"))
        .start();
    running.wait_until(|lines| count(lines, "| runs") == 5, LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "| left: 0"), 2, "{ended:#?}");
}

#[test]
fn a_process_that_cannot_be_attributed_is_reported_once() {
    if !possible() {
        return;
    }
    let stranger = "setsid -f prlimit --locks=7:7 sh -c \"sleep 451; :\"; \
        until pgrep -fx \"sleep 451\" >/dev/null; do :; done\n";
    let script = format!("[ -e /tmp/once ] || {{ touch /tmp/once; {stranger} }}; echo runs; exec sleep 600");
    let running = app().service("web.toml", &bash(&script, "")).start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    for _ in 0..2 {
        assert!(run_client(&running, "restart web").contains("web: up"));
    }
    assert_eq!(living(&running, &["451"]), ["451"]);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "carries no tag of a service"), 1, "{ended:#?}");
}

/// A daemon that no service can be shown to have started.
fn foreign_daemon(script: &str) -> String {
    bash(&format!("setsid -f prlimit --locks=7:7 {script}; exec sleep 600"), "")
}

#[test]
fn a_daemon_of_no_service_gets_the_rest_of_the_budget() {
    if !possible() {
        return;
    }
    let flush = "bash -c \"trap \\\"sleep 2; echo flushed; exit\\\" TERM; echo runs; while :; do sleep 0.1; done\"";
    let running = app().service("web.toml", &foreign_daemon(flush)).start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "| flushed"), 1, "{ended:#?}");
}

#[test]
fn who_is_killed_at_the_end_of_the_stop_is_named_with_the_key_that_would_help() {
    if !possible() {
        return;
    }
    let deaf = "bash -c \"trap : TERM; echo runs; while :; do sleep 0.1; done\"";
    let running = app().container_toml("stop_timeout = \"2s\"\n").service("web.toml", &foreign_daemon(deaf)).start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    let ended = running.stop().expect(0);
    let line = ended.lines.iter().find(|line| line.text.contains("sending SIGKILL to process "));
    let line = line.unwrap_or_else(|| panic!("{ended:#?}"));
    assert!(line.text.contains("(`bash -c trap : TERM") && line.text.contains("`stop_timeout`"), "{line:?}");
}

#[test]
fn a_service_that_is_killed_is_named_with_the_keys_that_would_help() {
    if !possible() {
        return;
    }
    let script = "trap : TERM; echo runs; while :; do sleep 0.1; done";
    let running = app().service("web.toml", &bash(script, "stop = { timeout = \"200ms\" }")).start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    assert!(run_client(&running, "stop web").contains("web: down"));
    let line = running.wait_for_line(|line| line.contains("web: did not exit within "), LIMIT);
    assert!(line.contains("sending SIGKILL to process ") && line.contains("(`/bin/bash -c trap"), "{line}");
    assert!(
        line.contains("`stop.timeout` in its file")
            && line.contains("if it exits on another signal than SIGTERM, set `stop.signal`"),
        "{line}"
    );
    running.stop().expect(0);
}
