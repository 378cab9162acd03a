//! `doctor` with the real binary as the real PID 1: as the main command, and called from inside a running container as
//! `docker exec` does, as root, as the app user and as a stranger.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::try_container;
use crate::support::try_container::{LIMIT, Origin, Running, TryContainer, possible};

const BINARY: &str = try_container::INSIDE;
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

fn up(container: TryContainer) -> Running {
    let running = container.service("web.toml", "command = [\"recorder\", \"--stay\"]\n").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    running
}

fn app(volume: &Path) -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345").container_toml(OWN).volume(volume, "/data")
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
    let output = |uid| inside(&running, uid, &[]);
    // Whoever asks, it is the app user's access that counts.
    for uid in [0, 1234] {
        let (code, text) = output(uid);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("/data is 0:0 0755"), "{text}");
        assert!(text.contains("1234:2345 cannot use /data"), "{text}");
        // A rehearsal's copy-on-write view is not a directory of the host's: no path is made up.
        assert!(text.contains("host:           chown -R 1234:2345 …   # what is mounted at /data"), "{text}");
    }
    let (code, text) = inside(&running, 1234, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!((code, &json["verdict"], &json["running"]), (1, &"degraded".into(), &true.into()));
    // A stranger gets no answer of PID 1, and a message that says so.
    let (code, text) = output(4321);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("user 4321 may not send requests") && text.contains("who cannot switch to"), "{text}");
    // Mended: what the boot could not do is not held against the container.
    run(&running, 0, &["chown", "1234:2345", "/data"]);
    let (_, text) = output(0);
    assert!(text.contains("can use it now (at the boot: /data is 0:0 0755)"), "{text}");
    running.stop();
}

#[test]
fn what_no_service_can_start_with_any_more_is_fatal() {
    if !possible() {
        return;
    }
    let (volume, work) = (volume(), self::volume());
    let container = app(volume.path()).volume(work.path(), "/job");
    let running = up(container.service("db.toml", "command = [\"recorder\", \"--stay\"]\ndirectory = \"/job\"\n"));
    running.wait_for_line(|line| line.contains("db: up"), LIMIT);
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
        try_container::pass_elsewhere(&[
            "doctor::as_the_main_command_it_tells_that_all_is_well",
            "doctor::what_no_service_can_start_with_any_more_is_fatal",
        ]);
    }
}

/// `doctor --json` from inside, until what it says satisfies `wanted`; its code and its checks of services' states.
fn states(running: &Running, wanted: impl Fn(&[serde_json::Value]) -> bool) -> (i32, Vec<serde_json::Value>) {
    let until = std::time::Instant::now() + LIMIT;
    loop {
        let (code, text) = inside(running, 0, &["--json"]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let all = json["checks"].as_array().cloned().unwrap_or_default();
        let states: Vec<_> = all
            .into_iter()
            .filter(|check| check["subject"].as_str().is_some_and(|subject| subject.ends_with(": state")))
            .collect();
        if wanted(&states) {
            return (code, states);
        }
        assert!(std::time::Instant::now() < until, "it did not come to that: {states:#?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// The one finding about the state of that service.
fn state<'a>(states: &'a [serde_json::Value], name: &str) -> &'a serde_json::Value {
    let subject = format!("`{name}`: state");
    let found: Vec<_> = states.iter().filter(|check| check["subject"] == subject.as_str()).collect();
    assert_eq!(found.len(), 1, "one finding for each service: {states:#?}");
    found[0]
}

#[test]
fn a_service_that_is_not_as_declared_is_degraded_and_says_why() {
    if !possible() {
        return;
    }
    let wait = "command = [\"recorder\", \"--stay\"]\n";
    let container = TryContainer::new()
        .service("late.toml", &format!("{wait}ready = {{ path = \"/tmp/never\" }}\n"))
        .service("above.toml", &format!("{wait}requires = [\"late\"]\n"))
        .service(
            "ill.toml",
            &format!(
                "{wait}health = {{ command = [\"false\"], interval = \"10ms\", failures = 1, then = \"report\" }}\n"
            ),
        )
        .service("short.toml", "script = \"exit 3\"\nrestart = { delay = \"1h\", max_delay = \"1h\" }\n")
        .service("turn.toml", "type = \"oneshot\"\nscript = \"exit 6\"\nevery = \"1h\"\n");
    let running = up(container);
    let is = |states: &[serde_json::Value], name: &str, what: &str| {
        let found = state(states, name);
        found["finding"] == "degraded" && found["cause"].as_str().is_some_and(|cause| cause.contains(what))
    };
    let all = |states: &[serde_json::Value]| {
        is(states, "ill", "its health check failed: ")
            && is(states, "short", "exited with code 3")
            && is(states, "turn", "exited with code 6")
            && is(states, "late", "not ready: ")
            && is(states, "above", "waits for late")
    };
    let (code, found) = states(&running, all);
    assert_eq!((code, &state(&found, "web")["finding"]), (1, &"ok".into()), "{found:#?}");
    let turn = state(&found, "turn")["consequence"].as_str().unwrap_or_default();
    assert!(turn.contains("has failed in its last run; it runs again by itself"), "{turn}");
    let (_, text) = run(&running, 0, &[BINARY, "stop", "web"]);
    let (code, found) = states(&running, |states| is(states, "web", "stopped manually"));
    assert_eq!(code, 1, "{text}");
    let fix = state(&found, "web")["fix"][0]["text"].as_str().unwrap_or_default().to_owned();
    assert!(fix.contains("`stepdown start web`"), "{fix}");
    // Pasted, it helps.
    run(&running, 0, &[BINARY, "start", "web"]);
    states(&running, |states| state(states, "web")["finding"] == "ok");
    running.stop();
}

#[test]
fn a_service_that_cannot_run_is_fatal() {
    if !possible() {
        return;
    }
    let tools = self::volume();
    let tool = tools.path().join("tool");
    fs::write(&tool, b"\x7fELF\x02\x01\x01 no program").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let again = "restart = { delay = \"1h\", max_delay = \"1h\" }\n";
    let container = TryContainer::new()
        .volume(tools.path(), "/tools")
        .service("broken.toml", &format!("command = [\"/tools/tool\"]\n{again}"))
        .service("over.toml", "script = \"exit 4\"\nrestart = { limit = 1 }\n")
        .service("once.toml", "type = \"oneshot\"\nscript = \"exit 5\"\nessential = false\nrestart = \"never\"\n")
        .service("refused.toml", "command = [\"/tools/tool\"]\nrestart = \"never\"\n")
        .service("above.toml", "command = [\"recorder\", \"--stay\"]\nrequires = [\"once\"]\n");
    let running = up(container);
    let fatal = |states: &[serde_json::Value], name: &str| state(states, name)["finding"] == "fatal";
    let (code, found) = states(&running, |states| {
        ["broken", "over", "once", "refused", "above"].iter().all(|name| fatal(states, name))
    });
    assert_eq!(code, 2, "{found:#?}");
    let cause = |name: &str| state(&found, name)["cause"].as_str().unwrap_or_default().to_owned();
    assert!(cause("broken").contains("cannot execute"), "{found:#?}");
    assert!(cause("over").contains("last: exited with code 4"), "{found:#?}");
    assert!(cause("above").contains("requires once, which is failed"), "{found:#?}");
    let fix = state(&found, "above")["fix"][0]["text"].as_str().unwrap_or_default();
    assert!(fix.contains("see the findings about `once`"), "{fix}");
    let (_, text) = run(&running, 0, &[BINARY, "status"]);
    let refused = text.lines().find(|line| line.starts_with("refused ")).unwrap_or_default();
    assert!(refused.contains("cannot execute `/tools/tool`: Exec format error"), "{text}");
    assert!(!text.contains("(os error"), "{text}");
    running.stop();
}
