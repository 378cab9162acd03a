//! `s6-svc`, `s6-svstat` and `s6-rc` in a container of the real binary.

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

/// A container of services for `s6-rc`: `web` needs `db`, which needs `init`; nothing starts `off` and `bad`.
fn start_for_s6_rc() -> Running {
    let longrun = [("type", "longrun\n"), ("run", "#!/bin/sh\nexec sleep 600\n")];
    let definition = |container: TryContainer, name: &str, files: &[(&str, &str)]| {
        files.iter().fold(container, |container, (file, text)| container.s6(&format!("s6-rc.d/{name}/{file}"), text))
    };
    let mut container = TryContainer::new()
        .s6_service("init", &[("type", "oneshot\n"), ("up", "/bin/true\n")])
        .s6_service("web", &[&longrun[..], &[("dependencies.d/db", "")]].concat());
    container = definition(container, "db", &[&longrun[..], &[("dependencies.d/init", "")]].concat());
    container = definition(container, "off", &longrun);
    container = definition(container, "producer", &[&longrun[..], &[("producer-for", "logger\n")]].concat());
    let logger = [("consumer-for", "producer\n"), ("pipeline-name", "pipe\n")];
    container = definition(container, "logger", &[&longrun[..], &logger].concat());
    container = definition(container, "bad", &[("type", "oneshot\n"), ("up", "/bin/false\n")]);
    let running = container.start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    sh(&running, "mkdir /tmp/bin; for name in s6-svc s6-svstat s6-rc; do ln -s /usr/bin/stepdown /tmp/bin/$name; done");
    running
}

/// What is expected was printed by s6-rc 0.7.0 with the same definitions, but for the differences that are listed.
#[test]
fn s6_rc_prints_and_ends_as_the_original_does() {
    if !possible() {
        return;
    }
    let running = start_for_s6_rc();
    for (arguments, expected) in [
        ("-a list", "db\nweb\ninit\n[0]\n"),
        ("-da list", "logger\noff\nproducer\nbad\n[0]\n"),
        ("list user", "web\ninit\n[0]\n"),
        ("listall user", "db\nweb\ninit\n[0]\n"),
        ("listall web", "db\nweb\ninit\n[0]\n"),
        ("-d listall init", "db\nweb\ninit\n[0]\n"),
        ("-d list web", "db\nlogger\noff\nproducer\nbad\ninit\n[0]\n"),
        ("list web web init", "web\ninit\n[0]\n"),
        ("list", "[0]\n"),
        ("list pipe", "logger\nproducer\n[0]\n"),
        ("listall producer", "logger\nproducer\n[0]\n"),
        ("diff", "[0]\n"),
        ("nosuch", "[100]\ns6-rc: fatal: unknown command: nosuch\n"),
        ("list nosuch", "[3]\ns6-rc: fatal: nosuch is not a recognized identifier\n"),
        ("change nosuch web", "[3]\ns6-rc: fatal: nosuch is not a recognized identifier\n"),
        ("-v x list", "[100]\ns6-rc: fatal: verbosity must be an unsigned integer\n"),
        ("change bad", "[1]\ns6-rc: warning: unable to start service bad: command exited 1\n"),
        ("-v0 change bad", "[1]\n"),
        ("change", "[0]\n"),
        ("-v2 change web", "[0]\n"),
        (
            "-v2 -n 0 -d change web",
            "[0]\ns6-rc: info: dry run: service web: stopping\ns6-rc: info: dry run: service web successfully stopped\n",
        ),
        (
            "-v2 -d change web",
            "[0]\ns6-rc: info: service web: stopping\ns6-rc: info: service web successfully stopped\n",
        ),
        ("-a list", "db\ninit\n[0]\n"),
        (
            "-v3 -d change off",
            "[0]\ns6-rc: info: bringing selected services down\ns6-rc: info: service off: already down\n",
        ),
        (
            "-v2 -t 20000 start web",
            "[0]\ns6-rc: info: service web: starting\ns6-rc: info: service web successfully started\n",
        ),
        ("reload web", "[0]\n"),
        ("stop web", "[0]\n"),
        ("-p change init", "[0]\n"),
        ("-a list", "init\n[0]\n"),
    ] {
        assert_eq!(
            sh(&running, &format!("code=0; s6-rc {arguments} || code=$?; echo \"[$code]\"")),
            expected,
            "{arguments}"
        );
    }
    running.stop().expect(0);
}

#[test]
fn several_services_take_the_same_commands() {
    if !possible() {
        return;
    }
    let running = start_for_s6_rc();
    let state = "s6-svstat -o up web; s6-svstat -o up db";
    assert_eq!(sh(&running, &format!("s6-svc -wD -d web db; {state}")), "false\nfalse\n");
    assert_eq!(sh(&running, &format!("s6-svc -wu -u db web; {state}")), "true\ntrue\n");
    // The group, and a reload, which is HUP where nothing else is declared.
    sh(&running, "s6-svc -P web");
    wait_until("it is not paused", || sh(&running, "s6-svstat -o paused web") == "true\n");
    sh(&running, "s6-svc -C web; s6-svc -wr -l web");
    let unknown = sh(&running, "s6-svc -d nosuch web || echo $?; s6-svc -wD -d web; s6-svstat -o up web");
    assert_eq!(unknown, "102\nfalse\ns6-svc: fatal: unable to control nosuch: supervisor not listening\n");
    running.stop().expect(0);
}
