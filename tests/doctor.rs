//! `doctor` with the real binary as the real PID 1: as the main command, and called from inside a running container as
//! `docker exec` does, as root, as the app user and as a stranger.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "support/jail.rs"]
mod jail;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use jail::{Jail, LIMIT, Origin, Running, possible};

const BINARY: &str = jail::INSIDE;
const OWN: &str = "[[own]]\npath = \"/data\"\n";

/// A directory of root's, to be mounted.
fn volume() -> tempfile::TempDir {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();
    volume
}

/// `doctor` from inside, as that user; its code and everything that it said.
fn inside(running: &Running, uid: u32, flags: &[&str]) -> (i32, String) {
    run(running, uid, &[&[BINARY, "doctor"], flags].concat())
}

/// A program from inside, as `docker exec` starts one.
fn run(running: &Running, uid: u32, words: &[&str]) -> (i32, String) {
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--", "setpriv", "--clear-groups"]);
    command.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string()]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

fn up(jail: Jail) -> Running {
    let running = jail.service("web.toml", "command = [\"probe\", \"wait\"]\n").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    running
}

fn app(volume: &Path) -> Jail {
    Jail::new().env("PUID", "1234").env("PGID", "2345").container_toml(OWN).volume(volume, "/data")
}

#[test]
fn as_the_main_command_it_tells_that_all_is_well() {
    if !possible() {
        return;
    }
    let volume = volume();
    let ended = app(volume.path()).command(&[BINARY, "doctor"]).run().expect(0);
    let text = ended.text(Origin::Out);
    assert!(text.contains("The running container: ") && text.contains("all is well ("), "{text}");
    assert!(text.contains("app (1234:2345) can use it"), "{text}");
}

#[test]
fn a_running_container_is_looked_at_as_the_app_user_has_it_now() {
    if !possible() {
        return;
    }
    let volume = volume();
    let running = up(app(volume.path()).user("1234:2345"));
    let said = |uid| inside(&running, uid, &[]);
    // Whoever asks, it is the app user's access that counts.
    for uid in [0, 1234] {
        let (code, text) = said(uid);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("/data is 0:0 0755"), "{text}");
        assert!(text.contains("1234:2345 cannot use /data"), "{text}");
        // A rehearsal's copy-on-write view is no directory of the host's: no path is made up.
        assert!(text.contains("host:           chown -R 1234:2345 …   # what is mounted at /data"), "{text}");
    }
    let (code, text) = inside(&running, 1234, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!((code, &json["verdict"], &json["running"]), (1, &"degraded".into(), &true.into()));
    // A stranger is not told by PID 1, and is told so.
    let (code, text) = said(4321);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("user 4321 may not ask") && text.contains("who cannot become"), "{text}");
    // Mended: what the boot could not do is not held against the container.
    run(&running, 0, &["chown", "1234:2345", "/data"]);
    let (_, text) = said(0);
    assert!(text.contains("can use it now (at the boot: /data is 0:0 0755)"), "{text}");
    running.stop();
}

#[test]
fn what_no_service_can_start_with_any_more_is_fatal() {
    if !possible() {
        return;
    }
    let (volume, work) = (volume(), self::volume());
    let jail = app(volume.path()).volume(work.path(), "/job");
    let running = up(jail.service("db.toml", "command = [\"probe\", \"wait\"]\ndirectory = \"/job\"\n"));
    let (code, text) = inside(&running, 0, &[]);
    assert_eq!(code, 0, "{text}");
    run(&running, 0, &["chmod", "700", "/job"]);
    let (code, text) = inside(&running, 0, &[]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("FATAL     `db`: /job") && text.contains("`db` cannot start"), "{text}");
    running.stop();
}

#[test]
fn the_boot_names_what_it_could_not_give_and_who_tells_more() {
    if !possible() {
        return;
    }
    let volume = volume();
    let ended = app(volume.path()).user("1234:2345").service("web.toml", "command = [\"sleep\", \"1000\"]\n");
    let ended = ended.command(&["true"]).run().expect(0);
    let text = ended.text(Origin::Err);
    let line = text.lines().find(|line| line.contains("skipped own /data: /data is 0:0 0755; ")).unwrap_or_default();
    assert!(line.contains("; fix: on the host: `chown -R 1234:2345` what is mounted at /data; or "), "{text}");
    assert!(text.contains("`stepdown doctor` in this container tells more"), "{text}");
}

#[test]
fn it_does_not_matter_where_the_checkout_lies() {
    if possible() {
        jail::pass_elsewhere(&[
            "as_the_main_command_it_tells_that_all_is_well",
            "what_no_service_can_start_with_any_more_is_fatal",
        ]);
    }
}
