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

/// Asks as the app user, and returns the code and everything that was said.
fn asked(running: &Running, words: &[&str]) -> (i32, String) {
    let output = ask(running, 1234, words);
    (output.status.code().unwrap_or(-1), out(&output))
}

/// A line of JSON to the socket by hand, the caller being of that uid; what comes back until it hangs up.
fn say(running: &Running, uid: u32, line: &str) -> String {
    let script = "socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un('/run/stepdown/control')) or die $!; \
        syswrite($s, $ARGV[0]); shutdown($s, 1); print while <$s>";
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--", "setpriv", "--clear-groups"]);
    command.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string(), "perl", "-MSocket", "-e", script, line]);
    out(&command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap())
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const SLEEP: &str = "command = [\"sleep\", \"600\"]\n";

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

#[test]
fn start_stop_and_restart_wait_until_it_is_so() {
    if !possible() {
        return;
    }
    let running = app()
        .service("db.toml", SLEEP)
        .service("web.toml", &format!("{SLEEP}requires = [\"db\"]\n"))
        .service("other.toml", SLEEP)
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let status = |name: &str| {
        let (_, text) = asked(&running, &["status", "--json", name]);
        json(&text)["services"][0].clone()
    };
    let (web, db) = (status("web"), status("db"));
    // What requires it stays up.
    let (code, text) = asked(&running, &["restart", "db"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("db: up, pid "), "{text}");
    let again = status("db");
    assert!(again["pid"] != db["pid"] && again["restarts"] == 1, "{again}");
    assert_eq!(status("web")["pid"], web["pid"]);
    // What requires it goes first.
    assert_eq!(asked(&running, &["stop", "db", "other"]), (0, "db: down\nother: down\n".into()));
    let web = status("web");
    assert_eq!((&web["state"], &web["wanted"]), (&"down".into(), &false.into()));
    assert_eq!(asked(&running, &["status"]).0, 0);
    // What it requires comes along, and nothing else.
    let (code, text) = asked(&running, &["start", "web"]);
    assert!(code == 0 && text.starts_with("web: up, pid "), "{text}");
    assert_eq!((status("db")["state"].clone(), status("other")["state"].clone()), ("up".into(), "down".into()));
    assert_eq!(asked(&running, &["stop", "--no-wait", "web"]), (0, String::new()));
    assert_eq!(asked(&running, &["wait", "--down", "web"]), (0, "web: down\n".into()));
    running.stop().expect(0);
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    if !possible() {
        return;
    }
    let running = app()
        .service("web.toml", &format!("{SLEEP}requires = [\"prepared\"]\n"))
        .service("prepared.toml", "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"true\"]\n")
        .service(
            "bad.toml",
            "command = [\"false\"]\nready = { fd = 3 }\nrestart = { policy = \"always\", limit = 1 }\n",
        )
        .service("slow.toml", &format!("{SLEEP}ready = {{ fd = 3 }}\n"))
        .command(&["sleep", "600"])
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    running.wait_for_line(|line| line.contains("bad: failed"), LIMIT);
    let refused = |code: i32, words: &[&str], reason: &str| {
        let (got, text) = asked(&running, words);
        assert!(got == code && text.contains(reason), "{words:?}: {got} {text}");
    };
    for verb in ["start", "stop", "restart", "wait", "reload", "status", "logs", "env"] {
        refused(100, &[verb, "wbe"], "there is no service `wbe`; did you mean `web`?");
    }
    refused(111, &["stop", "main"], "`main` is the main command");
    refused(111, &["restart", "web", "prepared"], "`prepared` was done before the step down");
    refused(111, &["reload", "web"], "`web` does not say how it re-reads its configuration; write `reload = {");
    refused(111, &["reload"], "not available yet");
    refused(111, &["signal", "bad", "HUP"], "`bad` has no process: it is failed");
    refused(100, &["wait", "--done", "web"], "`web` is no oneshot");
    refused(1, &["start", "bad"], "bad: failed: ");
    refused(1, &["wait", "bad", "web"], "web: up, pid ");
    refused(1, &["wait", "--timeout", "300ms", "slow"], "slow: still starting after ");
    refused(1, &["wait", "--timeout", "300ms", "slow"], "waits for a newline on descriptor 3");
    refused(1, &["health"], "slow: starting (waits for a newline on descriptor 3)");
    assert_eq!(asked(&running, &["wait", "--done", "prepared"]), (0, "prepared: done\n".into()));
    running.stop();
}

#[test]
fn a_stop_is_the_last_thing_that_is_followed() {
    if !possible() {
        return;
    }
    let deaf = "script = \"trap '' TERM; while :; do sleep 0.1; done\"\n";
    let running = app().service("deaf.toml", deaf).service("web.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    assert_eq!(asked(&running, &["shutdown", "--code", "7"]).0, 0);
    let (code, text) = asked(&running, &["start", "web"]);
    assert!(code == 111 && text.contains("the container is stopping"), "{text}");
    let (code, text) = asked(&running, &["wait", "web"]);
    assert!(code == 1, "{text}");
    assert_eq!(asked(&running, &["health"]).0, 1);
    running.wait(LIMIT).expect(7);
}

#[test]
fn status_tells_what_is_known() {
    if !possible() {
        return;
    }
    let speaks = "script = \"\"\"exec perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_DGRAM, 0); \
        connect($s, sockaddr_un($ENV{NOTIFY_SOCKET})) or die $!; \
        syswrite($s, qq(READY=1\\nSTATUS=serving three)); sleep 600'\"\"\"\nready = { notify = true }\n";
    let health = "health = { command = [\"test\", \"-e\", \"/tmp/well\"], interval = \"100ms\", failures = 1, then = \"report\" }\n";
    let running = app()
        .service("speaks.toml", speaks)
        .service("asked.toml", &format!("{SLEEP}{health}"))
        .service("waits.toml", &format!("{SLEEP}wait_for = [\"path:/never\"]\n"))
        .service("later.toml", &format!("{SLEEP}requires = [\"waits\"]\n"))
        .start();
    running.wait_for_line(|line| line.contains("speaks: up"), LIMIT);
    running.wait_for_line(|line| line.contains("asked: unhealthy"), LIMIT);
    let (code, text) = asked(&running, &["status", "--json"]);
    assert_eq!(code, 1);
    let all = json(&text);
    let of = |name: &str| {
        let services = all["services"].as_array().unwrap().iter();
        services.clone().find(|it| it["name"] == name).unwrap().clone()
    };
    let speaks = of("speaks");
    assert_eq!((&speaks["status_text"], &speaks["kind"]), (&"serving three".into(), &"longrun".into()));
    assert!(speaks["usage"]["memory"].as_u64().unwrap() > 10_000 && speaks["usage"]["processes"] == 1, "{speaks}");
    assert!(speaks["uptime_ms"].as_u64().unwrap() >= speaks["since_ms"].as_u64().unwrap(), "{speaks}");
    assert_eq!(of("asked")["healthy"], false);
    assert_eq!(of("waits")["waits_for"], serde_json::json!(["path:/never"]));
    assert_eq!(of("later")["waits_for"], serde_json::json!(["waits"]));
    let (code, text) = asked(&running, &["health"]);
    assert_eq!(code, 1);
    for line in ["asked: unhealthy", "waits: waiting (waits for path:/never)", "later: waiting (waits for waits)"] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    assert_eq!(asked(&running, &["stop", "asked", "waits"]).0, 0);
    for uid in [0, 1234] {
        let output = ask(&running, uid, &["health"]);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), ""), "{uid}");
    }
    running.stop().expect(0);
}
