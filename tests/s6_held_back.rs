//! Services that the scripts of `cont-init.d` break or give away, by the real binary: each is held back by its name, and the
//! rest starts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::hang::hang;
use crate::support::try_container;
use crate::support::try_container::{LIMIT, Running, TryContainer, possible};
use crate::support::wait::wait_until;

const BINARY: &str = try_container::INSIDE;
const APP: &str = "1234";

fn run(name: &str) -> String {
    format!("#!/bin/sh\ntrap 'exit 0' TERM\necho {name} runs as $(id -u); while :; do sleep 0.1; done\n")
}

/// A container whose script does this before `web` and `old` start.
fn container(script: &str) -> TryContainer {
    TryContainer::new()
        .env("STEPDOWN_LOG_FORMAT", "tagged")
        .env("PUID", APP)
        .env("PGID", APP)
        .image_file("cont-init.d/01-script", &format!("#!/bin/sh\n{script}\n"))
        .script("web/run", &run("web"))
        .script("old/run", &run("old"))
}

/// A longrun of s6-rc keeps the scripts from having a stage of their own.
fn with_a_longrun_beside(container: TryContainer) -> TryContainer {
    container.s6_service("svc-beside", &[("type", "longrun\n"), ("run", "#!/bin/sh\nexec sleep 1000\n")])
}

fn in_both_orders(script: &str) -> [TryContainer; 2] {
    [container(script), with_a_longrun_beside(container(script))]
}

/// `web` is held back for this, and `old` runs.
#[track_caller]
fn holds_back_web(container: TryContainer, why: &[&str]) -> Running {
    let running = container.start();
    running.wait_for_line(|line| line.ends_with("| old runs as 0"), LIMIT);
    running.wait_for_line(|line| line.contains("web: failed: held back: "), LIMIT);
    let lines = running.lines();
    let failed = lines.iter().find(|line| line.text.contains("web: failed: held back: ")).unwrap();
    for part in why {
        assert!(failed.text.contains(part), "{part}: {}", failed.text);
    }
    assert!(!lines.iter().any(|line| line.text.contains("web runs")));
    running
}

#[track_caller]
fn never_runs_web(running: Running) {
    running.stop().expect(0).assert_no_line("web runs");
}

/// What a line of shell inside says, as root, as `docker exec` runs it.
fn inside(running: &Running, line: &str) -> String {
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--", "sh", "-c", line]).env_clear();
    let output = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const GIVEN_AWAY: &str = "chown 1234 /etc/services.d/web/run";

#[test]
fn a_definition_that_a_script_gives_to_the_app_user_is_not_run_as_root() {
    if !possible() {
        return;
    }
    for container in in_both_orders(GIVEN_AWAY) {
        let why = [
            "`web` runs as root, and users other than root could have written it",
            "which s6-overlay runs all the same: /etc/services.d/web/run is 1234:0 0755",
            "`chown 0:0 /etc/services.d/web/run",
            "or write `drop = \"app\"` into /etc/stepdown.toml",
        ];
        never_runs_web(holds_back_web(container, &why));
    }
}

#[test]
fn a_whole_tree_that_a_script_gives_away_starts_nothing_as_root_and_names_each_service() {
    if !possible() {
        return;
    }
    for (container, code) in in_both_orders("chown -R 1234:1234 /etc/services.d").into_iter().zip([100, 0]) {
        let running = container.start();
        for name in ["web", "old"] {
            let failed = format!("{name}: failed: held back: ");
            running
                .wait_for_line(|line| line.contains(&failed) && line.contains("/etc/services.d is 1234:1234"), LIMIT);
        }
        // Alone there is nothing left.
        let ended = if code == 0 { running.stop() } else { running.wait(LIMIT) };
        let ended = ended.expect(code);
        for name in ["web", "old"] {
            ended.assert_no_line(&format!("| {name} runs as"));
        }
    }
}

#[test]
fn what_is_held_back_cannot_be_started_by_hand_and_starts_with_a_reload_once_it_is_roots_again() {
    if !possible() {
        return;
    }
    for container in in_both_orders(GIVEN_AWAY) {
        let running = holds_back_web(container, &[]);
        let said = inside(&running, &format!("{BINARY} start web; {BINARY} status web"));
        assert!(said.contains("`web` is held back because of its definition"), "{said}");
        assert!(said.contains("held back: ") && said.contains("/etc/services.d/web/run is 1234:0 0755"), "{said}");
        let said = inside(&running, &format!("{BINARY} reload"));
        assert!(said.contains("/etc/services.d/web/run: users other than root can write it"), "{said}");
        let said = inside(&running, &format!("chown 0:0 /etc/services.d/web/run; {BINARY} reload"));
        assert!(said.contains("changed: web"), "{said}");
        running.wait_for_line(|line| line.ends_with("| web runs as 0"), LIMIT);
        running.stop().expect(0);
    }
}

#[test]
fn what_would_run_as_the_user_that_owns_it_is_not_held_back() {
    if !possible() {
        return;
    }
    let script = "cp -r /etc/services.d/web /etc/services.d/new; sed -i s/web/new/ /etc/services.d/new/run";
    let as_app = container(script);
    let services = as_app.services();
    assert!(Command::new("chown").args(["-R", "1234:1234"]).arg(&services).status().unwrap().success());
    let as_app = as_app.volume(&services, "/etc/services.d").user("1234:1234");
    let running = as_app.tmpfs("/run:uid=1234,gid=1234,mode=0755").start();
    running.wait_for_line(|line| line.ends_with("| new runs as 1234"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| web runs as 1234"), LIMIT);
    running.stop().expect(0).assert_no_line("held back");
    let script = "cp -r /etc/services.d/web /tmp/new; sed -i s/web/new/ /tmp/new/run; mv /tmp/new /etc/services.d/new";
    let container = with_a_longrun_beside(container(script)).container_toml("drop = \"app\"\n");
    let services = container.services();
    fs::set_permissions(&services, Permissions::from_mode(0o1777)).unwrap();
    let running = container.volume(&services, "/etc/services.d").start();
    running.wait_for_line(|line| line.ends_with("| new runs as 1234"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| old runs as 1234"), LIMIT);
    running.stop().expect(0).assert_no_line("held back");
}

#[test]
fn a_definition_that_a_script_breaks_is_held_back_alone() {
    if !possible() {
        return;
    }
    let broken = [
        ("rm /etc/services.d/web/run", "holds neither `service.toml` nor `run`"),
        ("chmod -x /etc/services.d/web/run", "/etc/services.d/web/run: is not executable"),
        ("cd /etc/services.d/web; rm run; mkdir run", "/etc/services.d/web/run"),
        ("printf '#!/nowhere/sh\\n' > /etc/services.d/web/run", "/nowhere/sh"),
        ("printf 'soon\\n' > /etc/services.d/web/timeout-kill", "/etc/services.d/web/timeout-kill"),
    ];
    let written = "mkdir /etc/services.d/new; sed s/web/new/ /etc/services.d/old/run > /etc/services.d/new/run
                   sed -i s/old/new/ /etc/services.d/new/run; chmod 755 /etc/services.d/new/run";
    for (script, why) in broken {
        for container in in_both_orders(&format!("({script})\n{written}")) {
            let running = holds_back_web(container, &[why]);
            running.wait_for_line(|line| line.ends_with("| new runs as 0"), LIMIT);
            never_runs_web(running);
        }
    }
}

#[test]
fn a_service_of_s6_rc_that_is_held_back_for_its_requirement_fails_with_it() {
    if !possible() {
        return;
    }
    let broken = "rm /etc/services.d/web/run";
    let running = with_a_longrun_beside(container(broken))
        .service("api.toml", "script = \"echo api runs; exec sleep 1000\"\nrequires = [\"web\"]\n")
        .start();
    running.wait_for_line(|line| line.contains("api: failed: requires web, which is failed"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| old runs as 0"), LIMIT);
    running.stop().expect(0).assert_no_line("api runs");
}

#[test]
fn what_is_held_back_ends_the_container_with_100_only_if_a_failed_start_is_to_or_nothing_else_is_left() {
    if !possible() {
        return;
    }
    for container in in_both_orders("rm /etc/services.d/web/run") {
        let ended = container.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2").run().expect(100);
        ended.assert_line("web: failed: held back: ");
        ended.assert_no_line("old runs");
    }
    for behaviour in ["0", "1"] {
        let all = "rm /etc/services.d/web/run /etc/services.d/old/run";
        let container = || container(all).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", behaviour);
        container().run().expect(100).assert_line("old: failed: held back: ");
        container().command(&["sh", "-c", "echo main; exit 7"]).run().expect(7).assert_line("| main");
    }
}

/// PID 1 reads it itself where nothing runs beside the scripts.
#[test]
fn a_tree_that_scripts_have_made_unreadable_ends_the_boot_with_its_name() {
    if !possible() {
        return;
    }
    let script = "mv /etc/services.d /etc/moved && echo > /etc/services.d && echo replaced";
    let ended = container(script).run().expect(100);
    ended.assert_line("| replaced");
    ended.assert_line("cannot read the services tree: Not a directory");
    ended.assert_no_line("old runs");
}

/// The process that reads is killed while the tree hangs, as it is when PID 1 has waited for too long.
#[test]
fn where_nothing_could_be_read_what_runs_as_root_is_held_back_and_the_rest_starts() {
    if !possible() {
        return;
    }
    let script = "echo waits; until test -e /tmp/go; do sleep 0.1; done";
    let beside = with_a_longrun_beside(container(script)).tmpfs("/tmp");
    let ours = "script = \"echo ours runs as $(id -u); exec sleep 1000\"\n";
    let late = "script = \"echo late runs; exec sleep 1000\"\nrequires = [\"web\"]\n";
    let running = beside.service("ours.toml", ours).service("late.toml", late).start();
    running.wait_for_line(|line| line.ends_with("| waits"), LIMIT);
    let device = hang(&running, "/etc/services.d");
    inside(&running, "touch /tmp/go");
    let mut reader = None;
    wait_until("nobody reads the tree", || {
        let waits = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default().contains("fuse");
        reader = try_container::descendants(running.pid_one()).into_iter().find(waits);
        reader.is_some()
    });
    kill(Pid::from_raw(reader.unwrap()), Signal::SIGKILL).unwrap();
    for name in ["web", "old"] {
        let failed = format!("{name}: failed: held back: ");
        running.wait_for_line(|line| line.contains(&failed) && line.contains("could not be read again"), LIMIT);
    }
    running.wait_for_line(|line| line.contains("late: failed: requires web, which is failed"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| ours runs as 1234"), LIMIT);
    // Once the tree responds again a reload starts them.
    drop(device);
    let said = inside(&running, &format!("umount -l /etc/services.d && {BINARY} reload"));
    assert!(said.contains("changed: old, web"), "{said}");
    running.wait_for_line(|line| line.ends_with("| web runs as 0"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| late runs"), LIMIT);
    running
        .stop()
        .expect(0)
        .assert_line("after the scripts of cont-init.d: reload refused, nothing is changed: 1 problem:");
}

#[test]
fn a_file_of_ours_that_a_script_breaks_still_refuses_the_whole_reading() {
    if !possible() {
        return;
    }
    let script = format!("{GIVEN_AWAY}; echo 'command = 3' > /etc/services.d/ours.toml; rm /etc/services.d/old/down");
    let container = with_a_longrun_beside(container(&script)).service("old/down", "");
    let running = container.start();
    running.wait_for_line(|line| line.contains("web: failed: held back: "), LIMIT);
    let ended = running.stop().expect(0);
    ended.assert_line("after the scripts of cont-init.d: reload refused, nothing is changed");
    ended.assert_line("/etc/services.d/ours.toml:1");
    ended.assert_no_line("web runs");
    ended.assert_no_line("old runs");
}
