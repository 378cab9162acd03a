//! Stopping, killing, restarting: in order, in time, with the right code, and nothing left to do at the next start.

use crate::support::docker::{Docker, GRACE, Image, Run, Volume};

#[test]
fn docker_stop_ends_services_in_reverse_order_and_in_time() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).env("PUID", "1234").start();
    demo.wait_for_log("step 1 of 4");
    let (code, took) = demo.stop();
    let log = demo.logs();
    assert_eq!(code, 0, "a requested stop is a success:\n{log}");
    assert!(took < GRACE, "{took:?}");
    let worker = log.find("TERM: worker").unwrap_or_else(|| panic!("the worker was not told:\n{log}"));
    let clock = log.find("TERM: the clock").unwrap_or_else(|| panic!("the clock was not told:\n{log}"));
    assert!(worker < clock, "the worker requires the clock and stops before it:\n{log}");
}

#[test]
fn a_crashing_service_is_started_again() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).env("PUID", "1234").start();
    let log = demo.wait_for_log_times("step 4 of 4: ouch", 2);
    assert!(log.contains("finish: run ended with code 3"), "{log}");
    assert!(log.contains("tick 1"), "the clock is not disturbed:\n{log}");
}

#[test]
fn a_service_that_ignores_term_is_killed_within_the_budget() {
    let Some(docker) = Docker::available() else { return };
    let tree =
        super::files(&[("deaf.toml", "script = '''\ntrap '' TERM\necho ready\nwhile :; do sleep 1; done\n'''\n")]);
    let deaf =
        Run::new(&Image::plain(&docker)).file(tree.path(), "/etc/services.d").options("--entrypoint /usr/bin/stepdown");
    let deaf = deaf.command(["init"]).start();
    deaf.wait_for_log("ready");
    let (code, took) = deaf.stop();
    assert_ne!(code, 137, "Docker had to kill it:\n{}", deaf.logs());
    assert!(took < GRACE, "{took:?}");
}

#[test]
fn a_stopped_process_is_woken_to_hear_the_signal() {
    let Some(docker) = Docker::available() else { return };
    let ended = Run::new(&Image::plain(&docker)).script("echo ready; kill -STOP $$; exit 5").start();
    ended.wait_for_log("ready");
    let (code, took) = ended.stop();
    assert!([5, 143].contains(&code), "{code}: {}", ended.logs());
    assert!(took < GRACE, "{took:?}");
}

#[test]
fn a_second_start_finds_nothing_left_to_do() {
    let Some(docker) = Docker::available() else { return };
    let own = super::files(&[("stepdown.toml", "[[own]]\npath = \"/data\"\n")]);
    let volume = Volume::new();
    let run = Run::new(&Image::plain(&docker)).env("PUID", "1234").env("PGID", "1235").volume(&volume, "/data");
    let plain = run.file(&own.path().join("stepdown.toml"), "/etc/stepdown.toml").start();
    plain.wait_for_log("I am uid 1234");
    plain.as_user("1234:1235", "echo text >/data/file");
    // A rewritten file is another inode, and a chown, even to the same owner, moves the change time (which only the
    // volume keeps to the nanosecond: the image's layers may lie on a FUSE file system).
    let marks = "cd /etc; stat -c '%n %i %u:%g %a' passwd group shadow gshadow; stat -c '%n %z' /data /data/file";
    let before = plain.as_root(marks);
    plain.stop();
    plain.start_again();
    plain.wait_for_log_times("I am uid 1234", 2);
    assert_eq!(plain.as_root(marks), before);
}

#[test]
fn a_killed_container_starts_again_as_if_nothing_had_been() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).env("PUID", "1234").start();
    demo.wait_for_log("tick 1");
    let accounts = demo.as_root("cat /etc/passwd /etc/group /etc/shadow");
    demo.kill("KILL");
    assert_eq!(demo.wait_for_end(), 137);
    demo.start_again();
    demo.wait_for_log_times("I am uid 1234; PID 1 is uid 1234", 2);
    assert_eq!(demo.as_root("cat /etc/passwd /etc/group /etc/shadow"), accounts);
    assert_eq!(demo.as_root("ls -a /etc | grep -c stepdown || :").trim(), "0", "no temporary file stays");
    super::assert_nobody_is_root(&demo, 1234, 3);
}

#[test]
fn status_and_shutdown_work_from_docker_exec() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).env("PUID", "1234").env("PGID", "1235").start();
    demo.wait_for_log("tick 1");
    for user in ["0:0", "1234:1235"] {
        let (worked, status) = demo.as_user(user, "stepdown status");
        assert!(worked, "as {user}: {status}");
        assert!(status.contains("clock") && status.contains("worker"), "as {user}: {status}");
    }
    let (worked, json) = demo.as_user("1234:1235", "stepdown status --json");
    assert!(worked, "{json}");
    assert!(json.trim_start().starts_with(['{', '[']), "{json}");
    let (worked, status) = demo.as_user("4321:4321", "stepdown status");
    assert!(!worked && !status.contains("clock"), "nobody else may even read: {status}");
    let (worked, output) = demo.as_user("4321:4321", "stepdown shutdown");
    assert!(!worked && demo.runs(), "nobody else may stop it: {output}");
    demo.as_user("1234:1235", "stepdown shutdown");
    assert_eq!(demo.wait_for_end(), 0, "{}", demo.logs());
}
