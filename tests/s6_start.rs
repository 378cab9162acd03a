//! The start of an image made for s6-overlay by the real binary: the times that services and the main command have.

use std::time::Duration;

use crate::support::try_container::{LIMIT, Origin, TryContainer, possible};

const MAXTIME: &str = "S6_CMD_WAIT_FOR_SERVICES_MAXTIME";

fn container() -> TryContainer {
    TryContainer::new().env("STEPDOWN_LOG_FORMAT", "tagged")
}

/// A longrun that never says that it is ready.
fn with_a_silent_longrun() -> TryContainer {
    let run = "#!/bin/sh\nexec sleep 600\n";
    container().s6_service("svc-db", &[("type", "longrun\n"), ("run", run), ("notification-fd", "3\n")])
}

#[test]
fn a_oneshot_that_takes_longer_than_its_timeout_up_has_failed_and_what_needs_it_with_it() {
    if !possible() {
        return;
    }
    let up = "/bin/sh -c \"trap 'echo told; exit 0' TERM; while :; do sleep 0.05; done\"\n";
    let slow = container()
        .s6_service("init-slow", &[("type", "oneshot\n"), ("up", up), ("timeout-up", "300\n")])
        .s6_service("svc-web", &[("type", "longrun\n"), ("run", "#!/bin/sh\nexec sleep 600\n")])
        .s6("s6-rc.d/svc-web/dependencies.d/init-slow", "");
    let ended = slow.command(&["sh", "-c", "echo main"]).run().expect(0);
    ended.assert_line("init-slow: not done within 300ms");
    ended.assert_line("init-slow | told");
    ended.assert_line("svc-web: failed: requires init-slow, which is failed");
    ended.assert_line(" | main");
}

#[test]
fn a_native_oneshot_has_a_timeout_too() {
    if !possible() {
        return;
    }
    let service = "type = \"oneshot\"\ntimeout = \"200ms\"\nstop = { timeout = \"100ms\" }\n\
                   script = \"trap '' TERM; while :; do sleep 0.05; done\"\n";
    let ended = container().service("migrate.toml", service).run().expect(1);
    ended.assert_line("migrate: not done within 200ms");
    ended.assert_line("sending SIGKILL");
    ended.assert_line("was not done within 200ms");
}

#[test]
fn after_its_longest_wait_the_main_command_starts_without_what_is_missing() {
    if !possible() {
        return;
    }
    let ended = with_a_silent_longrun().env(MAXTIME, "300").command(&["sh", "-c", "echo main"]).run().expect(0);
    ended.assert_line("not every service is up after 300ms; going on without");
    ended.assert_line("svc-db");
    ended.assert_line(" | main");
}

#[test]
fn with_behaviour_2_the_container_ends_then_with_the_code_of_s6_rc() {
    if !possible() {
        return;
    }
    for command in [["sh", "-c", "echo main"].as_slice(), &[]] {
        let container = with_a_silent_longrun().env(MAXTIME, "300").env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
        let ended = container.command(command).run().expect(2);
        ended.assert_line("not every service is up after 300ms");
        ended.assert_no_line(" | main");
    }
}

/// s6-overlay runs it as root.
#[test]
fn the_main_command_is_the_app_users_however_long_it_has_waited_unless_the_container_file_says_root() {
    if !possible() {
        return;
    }
    let as_app = || {
        let run = "#!/bin/sh\ntrap 'exit 0' TERM; echo web as $(id -u); while :; do sleep 0.1; done\n";
        let container = container().env("PUID", "1234").env("PGID", "1234").env("S6_CMD_WAIT_FOR_SERVICES", "1");
        let container = container.env("GREETED", "world").image_file("cont-init.d/01", "#!/bin/sh\ntrue\n");
        container.script("web/run", run).command(&["sh", "-c", "echo main as $(id -u) greets $GREETED; sleep 0.1"])
    };
    let root = "[main]\nuser = \"root\"\n";
    for (container, uid) in [(as_app(), 1234), (as_app().container_toml(root), 0)] {
        container.run().expect(0).assert_line(&format!("main as {uid} greets world"));
    }
}

#[test]
fn a_service_of_services_d_holds_the_main_command_only_if_that_is_asked_for() {
    if !possible() {
        return;
    }
    let run = "#!/bin/sh\nread line < /tmp/go; echo >&3; exec sleep 600\n";
    let legacy = || {
        let make = [("type", "oneshot\n"), ("up", "mkfifo -m 0666 /tmp/go\n")];
        let container = container().s6_service("init-fifo", &make);
        container.script("web/run", run).service("web/notification-fd", "3\n").command(&["sh", "-c", "echo main"])
    };
    legacy().run().expect(0).assert_line(" | main");
    let running = legacy().env("S6_CMD_WAIT_FOR_SERVICES", "1").start();
    running.wait_for_line(|line| line.contains("main: not started after 5s, waiting for web"), LIMIT);
    assert!(!running.lines().iter().any(|line| line.origin == Origin::Out && line.text.contains("main")));
    let go = format!("/proc/{}/root/tmp/go", running.pid_one());
    std::fs::write(go, "\n").unwrap();
    running.wait(Duration::from_secs(30)).expect(0).assert_line(" | main");
}

#[test]
fn a_longrun_that_takes_longer_than_its_timeout_up_has_failed_and_ends_the_container_with_behaviour_2() {
    if !possible() {
        return;
    }
    let run = "#!/bin/sh\nexec sleep 600\n";
    let late = || {
        let files = [("type", "longrun\n"), ("run", run), ("notification-fd", "3\n"), ("timeout-up", "300\n")];
        let container = container().s6_service("svc-late", &files).command(&["sh", "-c", "echo main"]);
        container
            .s6_service("svc-web", &[("type", "longrun\n"), ("run", run)])
            .s6("s6-rc.d/svc-web/dependencies.d/svc-late", "")
    };
    let ended = late().run().expect(0);
    ended.assert_line("svc-late: not ready within 300ms");
    ended.assert_line("svc-late: failed: not ready within 300ms");
    ended.assert_line("svc-web: failed: requires svc-late, which is failed");
    ended.assert_line(" | main");
    let ended = late().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2").run().expect(1);
    ended.assert_line("svc-late: failed: not ready within 300ms");
    ended.assert_line("svc-late has failed in the start of the container: stopping");
    ended.assert_no_line(" | main");
}
