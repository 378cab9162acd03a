//! A reload of an image made for s6-overlay by the real binary: services get what scripts look for in `/run`, or lose it, and
//! oneshots are done and undone.

use std::process::Command;

use crate::support::try_container;
use crate::support::try_container::{LIMIT, Running, TryContainer, possible};
use crate::support::wait::wait_until;

const BINARY: &str = try_container::INSIDE;
const DEFINITIONS: &str = "/etc/s6-overlay/s6-rc.d";

fn container() -> TryContainer {
    let run = "#!/bin/sh\nexec sleep 600\n";
    TryContainer::new().s6_service("svc-web", &[("type", "longrun\n"), ("run", run), ("data/check", "#!/bin/sh\n")])
}

/// A line of shell inside, as root, as `docker exec` runs it.
fn outcome(running: &Running, line: &str) -> (bool, String) {
    let target = running.pid_one().to_string();
    let output = Command::new("nsenter")
        .args(["--target", &target, "--mount", "--pid", "--", "sh", "-ec", line])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}

#[track_caller]
fn sh(running: &Running, line: &str) -> String {
    let (success, said) = outcome(running, line);
    assert!(success, "{line}: {said}");
    said
}

#[test]
fn a_service_that_a_reload_adds_has_its_link_and_directory_and_loses_both_when_it_is_removed() {
    if !possible() {
        return;
    }
    let running = container().start();
    running.wait_for_line(|line| line.contains("svc-web: up"), LIMIT);
    let new = format!(
        "cd {DEFINITIONS}; mkdir -p svc-new/data; echo longrun > svc-new/type; echo 7 > svc-new/data/x; touch user/contents.d/svc-new
         printf '#!/bin/sh\\necho in $(pwd) with $(cat data/x)\\nexec sleep 600\\n' > svc-new/run; {BINARY} reload"
    );
    sh(&running, &new);
    running.wait_for_line(|line| line.contains("in /run/s6-rc/servicedirs/svc-new with 7"), LIMIT);
    assert_eq!(sh(&running, "readlink /run/service/svc-new"), "/run/s6-rc/servicedirs/svc-new\n");
    let listed = sh(&running, "ls /run/service/svc-new /run/s6-rc/servicedirs");
    assert_eq!(listed, "/run/s6-rc/servicedirs:\nsvc-new\nsvc-web\n\n/run/service/svc-new:\ndata\nrun\n");
    let changed =
        format!("cd {DEFINITIONS}; echo HUP > svc-new/down-signal; rm -r svc-new/data; {BINARY} reload || true");
    sh(&running, &changed);
    wait_until("it has no new directory", || sh(&running, "ls /run/service/svc-new/ || true") == "down-signal\nrun\n");
    sh(&running, &format!("cd {DEFINITIONS}; rm -r svc-new user/contents.d/svc-new; {BINARY} reload"));
    wait_until("its directory stays", || {
        sh(&running, "ls /run/service /run/s6-rc/servicedirs")
            == "/run/s6-rc/servicedirs:\nsvc-web\n\n/run/service:\nsvc-web\n"
    });
    running.stop().expect(0);
}

#[test]
fn a_service_of_services_d_comes_and_goes_as_well() {
    if !possible() {
        return;
    }
    let running = container().start();
    running.wait_for_line(|line| line.contains("svc-web: up"), LIMIT);
    let new = "mkdir -p /etc/services.d/old; cd /etc/services.d/old; printf '#!/bin/sh\\nexec sleep 600\\n' > run; chmod +x run";
    sh(&running, &format!("{new}; {BINARY} reload"));
    running.wait_for_line(|line| line.contains("old: up"), LIMIT);
    assert_eq!(sh(&running, "readlink /run/service/old; ls /run/service/old/"), "/run/s6/legacy-services/old\nrun\n");
    sh(&running, &format!("rm -r /etc/services.d/old; {BINARY} reload"));
    wait_until("its link stays", || {
        sh(&running, "ls /run/service /run/s6/legacy-services").matches("old").count() == 0
    });
    running.stop().expect(0);
}

#[test]
fn a_oneshot_is_done_when_it_is_added_again_when_it_has_changed_and_undone_when_it_is_removed() {
    if !possible() {
        return;
    }
    let running = container().start();
    running.wait_for_line(|line| line.contains("svc-web: up"), LIMIT);
    let note = |what: &str| format!("/bin/sh -c \\\"echo {what} >> /tmp/notes\\\"");
    let write = |up: &str| {
        let (up, down) = (note(&format!("up-{up}")), note("down"));
        format!(
            "cd {DEFINITIONS}; mkdir -p init-x; echo oneshot > init-x/type; printf \"%s\\n\" \"{up}\" > init-x/up
             printf \"%s\\n\" \"{down}\" > init-x/down; touch user/contents.d/init-x; {BINARY} reload"
        )
    };
    let notes = |expected: &str| {
        wait_until("the notes are others", || outcome(&running, "cat /tmp/notes").1.replace('\n', " ") == expected);
    };
    sh(&running, &write("one"));
    notes("up-one ");
    sh(&running, &format!("{BINARY} reload"));
    sh(&running, &write("two"));
    notes("up-one down up-two ");
    sh(&running, &format!("cd {DEFINITIONS}; rm -r init-x user/contents.d/init-x; {BINARY} reload"));
    notes("up-one down up-two down ");
    running.stop().expect(0);
}
