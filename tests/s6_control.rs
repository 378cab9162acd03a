//! `s6-svc` and `s6-svstat` in a container of the real binary: a service that runs once, and one that is paused.

use std::process::Command;

use crate::support::try_container::{LIMIT, Running, TryContainer, possible};
use crate::support::wait::wait_until;

fn start() -> Running {
    let run = "#!/bin/sh\necho running\nexec sleep 600\n";
    let running = TryContainer::new().s6_service("svc-web", &[("type", "longrun\n"), ("run", run)]).start();
    running.wait_for_line(|line| line.contains("svc-web: up"), LIMIT);
    sh(&running, "mkdir /tmp/bin; for name in s6-svc s6-svstat; do ln -s /usr/bin/stepdown /tmp/bin/$name; done");
    running
}

/// A line of shell in the directory of the services, as root.
#[track_caller]
fn sh(running: &Running, line: &str) -> String {
    let target = running.pid_one().to_string();
    let output = Command::new("nsenter")
        .args(["--target", &target, "--mount", "--pid", "--", "sh", "-ec", &format!("cd /run/service; {line}")])
        .env_clear()
        .env("PATH", "/tmp/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {printed}");
    printed
}

#[test]
fn the_run_of_a_service_can_be_its_last_one() {
    if !possible() {
        return;
    }
    let running = start();
    let state = "s6-svstat -o up,wantedup svc-web";
    assert_eq!(sh(&running, &format!("s6-svc -O svc-web; {state}")), "true false\n");
    assert_eq!(sh(&running, &format!("s6-svc -wD -k svc-web; {state}")), "false false\n");
    assert_eq!(sh(&running, &format!("s6-svc -O svc-web; {state}")), "false false\n");
    assert_eq!(sh(&running, &format!("s6-svc -wu -o svc-web; {state}")), "true false\n");
    assert_eq!(sh(&running, &format!("s6-svc -wD -k svc-web; {state}")), "false false\n");
    assert_eq!(
        sh(&running, &format!("s6-svc -wu -u svc-web; {state}; s6-svc -wr -k svc-web; {state}")),
        "true true\ntrue true\n"
    );
    running.stop().expect(0);
}

#[test]
fn a_stopped_process_is_shown_as_paused_and_ended_all_the_same() {
    if !possible() {
        return;
    }
    let running = start();
    let paused = |expected: &str| {
        wait_until("it is shown otherwise", || sh(&running, "s6-svstat -o paused svc-web") == expected);
    };
    paused("false\n");
    sh(&running, "s6-svc -p svc-web");
    paused("true\n");
    let line = sh(&running, "s6-svstat svc-web");
    assert!(line.contains(" seconds, paused"), "{line}");
    sh(&running, "s6-svc -c svc-web");
    paused("false\n");
    sh(&running, "s6-svc -p svc-web");
    running.stop().expect(0).assert_no_line("SIGKILL");
}
