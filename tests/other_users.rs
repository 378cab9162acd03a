//! PID 1 that stays root without CAP_KILL (`--cap-drop ALL --cap-add CHOWN,SETUID,SETGID`): kill(2) refuses it the processes of
//! other users, and says nothing of them where a process group has others too. Signals must reach them nevertheless.

use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use tempfile::TempDir;

use crate::support::try_container::{Ended, INSIDE, LIMIT, Origin, Running, TryContainer, possible, status};

/// Changes the user, as `s6-setuidgid` does.
const AS_APP: &str = "setpriv --reuid 1234 --regid 1234 --clear-groups";

/// Writes a line at TERM, HUP and USR1, and ends at TERM.
const TALKS: &str = "trap 'echo told TERM; exit 0' TERM; trap 'echo told HUP' HUP; trap 'echo told USR1' USR1; \
                     echo ready; while :; do sleep 0.1; done";

fn container() -> TryContainer {
    let few = TryContainer::new().cap_drop("ALL").cap_add("CHOWN").cap_add("SETUID").cap_add("SETGID");
    few.env("PUID", "1234").env("PGID", "1234").container_toml("drop = \"root\"\n")
}

fn ready(running: &Running) {
    running.wait_for_line(|line| line.ends_with("ready"), LIMIT);
}

/// Asks from inside, as `docker exec` does.
fn ask(running: &Running, words: &[&str]) -> String {
    let target = running.pid_one().to_string();
    let command = Command::new("nsenter")
        .args(["--target", &target, "--mount", "--pid", "--", INSIDE])
        .args(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    String::from_utf8_lossy(&command.stdout).into_owned() + &String::from_utf8_lossy(&command.stderr)
}

/// Everything heard its signal, and nobody had to be killed.
#[track_caller]
fn ended_politely(running: Running) -> Ended {
    let ended = running.stop().expect(0);
    ended.assert_no_line("SIGKILL");
    ended.assert_no_line("cannot");
    ended
}

#[test]
fn the_app_users_services_hear_the_stop_and_every_other_signal() {
    if !possible() {
        return;
    }
    let running = container().service("web.toml", &format!("script = \"{TALKS}\"\nreload = {{ signal = \"HUP\" }}\n"));
    let running = running.start();
    ready(&running);
    assert_eq!(ask(&running, &["signal", "web", "USR1"]), "");
    running.wait_for_line(|line| line.ends_with("told USR1"), LIMIT);
    let reloaded = ask(&running, &["reload", "web"]);
    assert!(reloaded.contains("sent SIGHUP"), "{reloaded}");
    running.wait_for_line(|line| line.ends_with("told HUP"), LIMIT);
    ended_politely(running).assert_line("told TERM");
}

#[test]
fn in_a_process_group_of_root_and_the_app_user_each_hears_the_signal_once() {
    if !possible() {
        return;
    }
    let script = format!("trap 'echo root told TERM' TERM; {AS_APP} sh -c \"{TALKS}\" & wait; wait; echo root ends");
    let service = format!("user = \"root\"\nscript = '''{script}'''\n");
    let ended = {
        let running = container().service("web.toml", &service).start();
        ready(&running);
        ended_politely(running)
    };
    let message: Vec<_> = ended.lines.iter().filter(|line| line.text.contains("told TERM")).collect();
    assert_eq!(message.len(), 2, "{ended:#?}");
}

#[test]
fn what_ignores_term_is_killed_whoevers_it_is() {
    if !possible() {
        return;
    }
    // The shell runs with -e: it must not end by itself when its child is killed before it.
    let deaf = "trap '' TERM; echo ready; while :; do sleep 0.1 || :; done";
    let jobs = format!("trap '' TERM; {AS_APP} sh -c \"{deaf}\" & while :; do wait || :; sleep 0.1 || :; done");
    for service in [format!("script = \"{deaf}\"\n"), format!("user = \"root\"\nscript = '''{jobs}'''\n")] {
        let running = container().service("web.toml", &format!("stop = {{ timeout = \"300ms\" }}\n{service}")).start();
        ready(&running);
        // The container goes on: the service itself must be gone.
        ask(&running, &["stop", "web"]);
        running.wait_for_line(|line| line.contains("web: stopped, killed by SIGKILL"), LIMIT);
        assert!(ask(&running, &["status"]).contains("down"));
        running.stop().expect(0).assert_no_line("cannot");
    }
}

#[test]
fn what_left_its_session_as_another_user_is_ended_with_its_service_and_with_the_container() {
    if !possible() {
        return;
    }
    let daemon = format!("setsid -f {AS_APP} sh -c \"{TALKS}\"");
    let web = format!("user = \"root\"\nscript = '''{daemon}; exec sleep 600'''\n");
    let running = container().service("web.toml", &web).start();
    ready(&running);
    ended_politely(running).assert_line("told TERM");
    // What a oneshot that is done has left is nobody's.
    let prepare = format!("type = \"oneshot\"\nuser = \"root\"\nrequires = [\"web\"]\nscript = '''{daemon}'''\n");
    let web = "user = \"root\"\nscript = \"exec sleep 600\"\n";
    let running = container().service("prepare.toml", &prepare).service("web.toml", web).start();
    ready(&running);
    ended_politely(running).assert_line("told TERM");
}

/// A directory with a setpriv(1) in it that anybody may run as that user.
fn setuid_tool(name: &str, uid: u32) -> TempDir {
    let tools = tempfile::tempdir().unwrap();
    std::fs::set_permissions(tools.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let tool = tools.path().join(name);
    std::fs::copy("/usr/bin/setpriv", &tool).unwrap();
    chown(&tool, Some(uid), Some(uid)).unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o4755)).unwrap();
    tools
}

#[test]
fn a_service_that_has_become_root_costs_pid_one_no_capability() {
    if !possible() {
        return;
    }
    let tools = setuid_tool("as-root", 0);
    let web = format!(
        "no_new_privileges = false\ncommand = [\"/tools/as-root\", \"--reuid\", \"0\", \"sh\", \"-c\", \"{TALKS}\"]\n"
    );
    let other = format!("user = \"4242:4242\"\nscript = \"{}\"\n", TALKS.replace("told", "other told"));
    let few = TryContainer::new().cap_drop("ALL").cap_add("CHOWN").cap_add("SETUID").cap_add("SETGID");
    let few = few.env("PUID", "1234").env("PGID", "1234").volume(tools.path(), "/tools");
    let running = few.service("web.toml", &web).service("other.toml", &other).start();
    let permitted = || status(running.pid_one(), "CapPrm:");
    running.wait_for_line(|line| line.starts_with("web") && line.ends_with("ready"), LIMIT);
    running.wait_for_line(|line| line.starts_with("other") && line.ends_with("ready"), LIMIT);
    assert_eq!(permitted(), "00000000000000c0");
    ask(&running, &["restart", "web"]);
    running.wait_for_line(|line| line.ends_with("told TERM"), LIMIT);
    assert_eq!(permitted(), "00000000000000c0");
    let restarted = ask(&running, &["restart", "other"]);
    running.wait_for_line(|line| line.ends_with("other told TERM"), LIMIT);
    assert!(!restarted.contains("cannot"), "{restarted}");
    ended_politely(running);
}

#[test]
fn with_neither_kill_nor_setuid_the_missing_capability_is_named() {
    if !possible() {
        return;
    }
    let tools = setuid_tool("as-nobody", 65_534);
    let service = "no_new_privileges = false\ncommand = [\"/tools/as-nobody\", \"--reuid\", \"65534\", \"sh\", \"-c\", \
                   \"echo ready; exec sleep 600\"]\nstop = { timeout = \"200ms\" }\n";
    let running = TryContainer::new().user("1234:1234").volume(tools.path(), "/tools").service("web.toml", service);
    let running = running.stop_timeout(2).start();
    ready(&running);
    let refused = ask(&running, &["signal", "web", "USR1"]);
    assert!(refused.contains("another user's, and PID 1 lacks the capability KILL"), "{refused}");
    let output = running.stop().text(Origin::Err);
    assert!(output.contains("cannot be killed (PID 1 lacks the capability KILL: "), "{output}");
    assert!(!output.contains("uninterruptible"), "{output}");
}
