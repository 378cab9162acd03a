//! The control socket of the real binary as the real PID 1: who is answered, when, and what callers cannot do to each
//! other (DESIGN §6, SECURITY T32).
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "support/jail.rs"]
mod jail;

use std::process::{Command, Output};

use jail::{Jail, LIMIT, Origin, Running, possible};

const BINARY: &str = env!("CARGO_BIN_EXE_stepdown");

fn app() -> Jail {
    Jail::new().env("PUID", "1234").env("PGID", "2345")
}

/// Asks from inside, as `docker exec` does; as root, or as the user of that uid.
fn ask(running: &Running, uid: u32, words: &[&str]) -> Output {
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--", "setpriv", "--clear-groups"]);
    command.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string(), BINARY]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn root_and_the_app_user_are_answered_and_nobody_else() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", "command = [\"sleep\", \"600\"]\n").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    for uid in [0, 1234] {
        let output = ask(&running, uid, &["status"]);
        assert!(output.status.success() && out(&output).contains("web"), "{uid}: {}", out(&output));
    }
    let output = ask(&running, 1235, &["status"]);
    assert_eq!(output.status.code(), Some(111), "{}", out(&output));
    assert!(out(&output).contains("user 1235 may not ask; root and user 1234 may"), "{}", out(&output));
    running.stop().expect(0);
}

#[test]
fn callers_of_the_app_user_that_say_nothing_do_not_lock_root_out() {
    if !possible() {
        return;
    }
    let silent = "$| = 1; for (1..200) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); \
        connect($s, sockaddr_un(\"/run/stepdown/control\")) or die $!; push @s, $s } print \"silent\\n\"; sleep 600";
    let service = format!("command = [\"perl\", \"-MSocket\", \"-e\", '''{silent}''']\n");
    let running = app().service("idle.toml", &service).start();
    running.wait_for_line(|line| line.contains("silent"), LIMIT);
    let output = ask(&running, 0, &["status"]);
    assert!(output.status.success(), "{}", out(&output));
    running.stop().expect(0);
}

#[test]
fn status_is_answered_while_the_container_is_prepared() {
    if !possible() {
        return;
    }
    let prepare = format!("type = \"oneshot\"\nuser = \"root\"\nscript = \"{BINARY} status || true\"\n");
    let running = app()
        .service("prepare.toml", &prepare)
        .service("web.toml", "command = [\"sleep\", \"600\"]\nrequires = [\"prepare\"]\n")
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let ended = running.stop().expect(0);
    assert!(ended.text(Origin::Out).contains("prepare"), "{ended:#?}");
}
