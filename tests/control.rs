//! The control socket of the real binary as the real PID 1: who is answered, when, and what callers cannot do to each
//! other (DESIGN §6, SECURITY T32).

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use crate::support::bare_container::BareContainer;
use crate::support::try_container;
use crate::support::try_container::{LIMIT, Origin, Running, TryContainer, possible};

mod events;
mod health;
mod json;
mod logs;
mod metrics;
mod watch;

const BINARY: &str = try_container::INSIDE;

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345")
}

/// A program from inside, as `docker exec` starts one: as root, or as the user of that uid.
fn wrapped(running: &Running, uid: u32, words: &[&str]) -> Command {
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--", "setpriv", "--clear-groups"]);
    command.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string()]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// A verb from inside.
fn inside(running: &Running, uid: u32, words: &[&str]) -> Command {
    wrapped(running, uid, &[&[BINARY], words].concat())
}

fn client(running: &Running, uid: u32, words: &[&str]) -> Output {
    inside(running, uid, words).output().unwrap()
}

/// A line of shell, as the app user.
fn app_runs(running: &Running, line: &str) -> Output {
    wrapped(running, 1234, &["sh", "-c", line]).output().unwrap()
}

/// Asks as the app user, and returns the code and everything that was said.
fn client_text(running: &Running, words: &[&str]) -> (i32, String) {
    let output = client(running, 1234, words);
    (output.status.code().unwrap_or(-1), out(&output))
}

/// A line to the socket by hand, the caller being of that uid; what comes back until it hangs up.
fn say(running: &Running, uid: u32, line: &str) -> String {
    let script = "socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un('/run/stepdown/control')) or die $!; \
        local $/; my $line = <STDIN>; $SIG{PIPE} = 'IGNORE'; syswrite($s, $line); shutdown($s, 1); print <$s>";
    let mut command = wrapped(running, uid, &["perl", "-MSocket", "-e", script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    out(&child.wait_with_output().unwrap())
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
        let output = client(&running, uid, &["status"]);
        assert!(output.status.success() && out(&output).contains("web"), "{uid}: {}", out(&output));
    }
    let output = client(&running, 1235, &["status"]);
    assert_eq!(output.status.code(), Some(111), "{}", out(&output));
    assert!(out(&output).contains("user 1235 may not send requests; root and user 1234 may"), "{}", out(&output));
    running.stop().expect(0);
}

/// Takes every place that its user has at the control socket, and says nothing.
const SILENT: &str = "$| = 1; for (1..200) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); \
    connect($s, sockaddr_un(\"/run/stepdown/control\")) or die $!; push @s, $s } print \"silent\\n\"; sleep 600";

#[test]
fn callers_of_the_app_user_that_say_nothing_lock_nobody_out() {
    if !possible() {
        return;
    }
    let service = format!("command = [\"perl\", \"-MSocket\", \"-e\", '''{SILENT}''']\n");
    let running = app().service("idle.toml", &service).start();
    running.wait_for_line(|line| line.contains("silent"), LIMIT);
    // Nor the app user's own HEALTHCHECK: for one more, who has been silent for longest goes.
    for (uid, verb) in [(0, "status"), (1234, "status"), (1234, "health")] {
        let output = client(&running, uid, &[verb]);
        assert!(output.status.success(), "{uid} {verb}: {}", out(&output));
    }
    running.stop().expect(0);
}

#[test]
fn callers_of_root_that_say_nothing_do_not_lock_the_app_user_out() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let mut silent = wrapped(&running, 0, &["perl", "-MSocket", "-e", SILENT]).stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = String::new();
    BufReader::new(silent.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    let output = client(&running, 1234, &["status"]);
    silent.kill().unwrap();
    silent.wait().unwrap();
    assert_eq!(printed, "silent\n");
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
fn a_wait_during_the_preparation_lasts_until_the_service_is_up() {
    if !possible() {
        return;
    }
    // It ends when the caller has been heard.
    let running = app()
        .service(
            "prepare.toml",
            "type = \"oneshot\"\nuser = \"root\"\nscript = \"echo preparing; until [ -e /tmp/go ]; do sleep 0.05; done\"\n",
        )
        .service("web.toml", &format!("{SLEEP}requires = [\"prepare\"]\n"))
        .start();
    running.wait_for_line(|line| line.contains("preparing"), LIMIT);
    let (code, text) = client_text(&running, &["wait", "--timeout", "100ms", "web"]);
    assert!(code == 1 && text.contains("web: still waiting after "), "{code} {text}");
    assert!(text.contains("waits for the preparation of the container"), "{text}");
    assert_eq!(client(&running, 1234, &["health", "--live", "web"]).status.code(), Some(0));
    assert_eq!(client(&running, 1234, &["health", "--ready", "web"]).status.code(), Some(1));
    let (code, text) = client_text(&running, &["status", "web"]);
    assert!(code == 100 && text.contains("`stepdown wait web` waits for it"), "{code} {text}");
    let (code, text) = client_text(&running, &["wait", "wbe"]);
    assert!(code == 100 && text.contains("did you mean `web`?"), "{code} {text}");
    let [web, both] = [&["wait", "web"][..], &["wait", "web", "prepare"]]
        .map(|words| inside(&running, 1234, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    app_runs(&running, "touch /tmp/go");
    let [web, both] = [web, both].map(|child| child.wait_with_output().unwrap());
    assert!(web.status.success() && out(&web).starts_with("web: up, pid "), "{web:?}");
    assert!(both.status.success() && out(&both).ends_with("prepare: done\n"), "{both:?}");
    running.stop().expect(0);
}

#[test]
fn a_wait_for_a_service_that_never_comes_ends_with_the_container() {
    if !possible() {
        return;
    }
    let running = app()
        .service(
            "prepare.toml",
            "type = \"oneshot\"\nuser = \"root\"\nscript = \"echo preparing; until [ -e /tmp/go ]; do sleep 0.05; done; exit 3\"\n",
        )
        .service("web.toml", SLEEP)
        .start();
    running.wait_for_line(|line| line.contains("preparing"), LIMIT);
    let waits = inside(&running, 1234, &["wait", "web"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    app_runs(&running, "touch /tmp/go");
    // Processes of a PID namespace are killed with its PID 1.
    let waited = waits.wait_with_output().unwrap();
    assert!(waited.status.code().is_none_or(|code| code == 111), "{waited:?}");
    running.wait(LIMIT).expect(3);
}

#[test]
fn start_stop_and_restart_wait_for_the_wanted_state() {
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
        let (_, text) = client_text(&running, &["status", "--json", name]);
        json(&text)["services"][0].clone()
    };
    let (web, db) = (status("web"), status("db"));
    // What requires it stays up.
    let (code, text) = client_text(&running, &["restart", "db"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("db: up, pid "), "{text}");
    let again = status("db");
    assert!(again["pid"] != db["pid"] && again["restarts"] == 0, "{again}");
    assert_eq!(status("web")["pid"], web["pid"]);
    // What requires it goes first.
    assert_eq!(
        client_text(&running, &["stop", "db", "other"]),
        (0, "db: down\nother: down\nweb: down (requires db)\n".into())
    );
    let web = status("web");
    assert_eq!((&web["state"], &web["wanted"]), (&"down".into(), &false.into()));
    assert_eq!(client_text(&running, &["status"]).0, 0);
    // What it requires comes along, and nothing else.
    let (code, text) = client_text(&running, &["start", "web"]);
    assert!(code == 0 && text.starts_with("web: up, pid "), "{text}");
    assert_eq!((status("db")["state"].clone(), status("other")["state"].clone()), ("up".into(), "down".into()));
    assert_eq!(client_text(&running, &["stop", "--no-wait", "web"]), (0, String::new()));
    assert_eq!(client_text(&running, &["wait", "--down", "web"]), (0, "web: down\n".into()));
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
        let (got, text) = client_text(&running, words);
        assert!(got == code && text.contains(reason), "{words:?}: {got} {text}");
    };
    for verb in ["start", "stop", "restart", "wait", "reload", "status", "logs", "env"] {
        refused(100, &[verb, "wbe"], "there is no service `wbe`; did you mean `web`?");
    }
    refused(111, &["stop", "main"], "`main` is the main command");
    refused(111, &["restart", "web", "prepared"], "`prepared` ran before the step down");
    refused(111, &["reload", "web"], "`web` does not say how it re-reads its configuration; write `reload = {");
    assert_eq!(client_text(&running, &["reload"]), (0, "nothing has changed\n".into()));
    refused(111, &["signal", "bad", "HUP"], "`bad` has no process: it is failed");
    refused(100, &["wait", "--done", "web"], "`web` is not a oneshot");
    refused(1, &["start", "bad"], "bad: failed: ");
    refused(1, &["wait", "bad", "web"], "web: up, pid ");
    refused(1, &["wait", "--timeout", "300ms", "slow"], "slow: still starting after ");
    refused(1, &["wait", "--timeout", "300ms", "slow"], "waits for a newline on descriptor 3");
    refused(1, &["health"], "slow: starting (waits for a newline on descriptor 3)");
    assert_eq!(client_text(&running, &["wait", "--done", "prepared"]), (0, "prepared: done\n".into()));
    running.stop();
}

#[test]
fn a_stop_is_the_last_thing_that_is_followed() {
    if !possible() {
        return;
    }
    let deaf = "script = \"trap '' TERM; echo deaf; while :; do sleep 0.1; done\"\n";
    let running =
        app().env("STEPDOWN_STOP_TIMEOUT", "3s").service("deaf.toml", deaf).service("web.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    running.wait_for_line(|line| line.starts_with("deaf") && line.ends_with("| deaf"), LIMIT);
    assert_eq!(client_text(&running, &["shutdown", "--code", "7"]).0, 0);
    let (code, text) = client_text(&running, &["start", "web"]);
    assert!(code == 111 && text.contains("the container is stopping"), "{text}");
    let (code, text) = client_text(&running, &["wait", "web"]);
    assert!(code == 1, "{text}");
    assert_eq!(client_text(&running, &["health"]).0, 1);
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
    let (code, text) = client_text(&running, &["status", "--json"]);
    assert_eq!(code, 1);
    let all = json(&text);
    let service_of = |name: &str| {
        let services = all["services"].as_array().unwrap().iter();
        services.clone().find(|service| service["name"] == name).unwrap().clone()
    };
    let speaks = service_of("speaks");
    assert_eq!((&speaks["status_text"], &speaks["kind"]), (&"serving three".into(), &"longrun".into()));
    assert!(speaks["usage"]["memory"].as_u64().unwrap() > 10_000 && speaks["usage"]["processes"] == 1, "{speaks}");
    assert!(speaks["uptime_ms"].as_u64().unwrap() >= speaks["since_ms"].as_u64().unwrap(), "{speaks}");
    assert_eq!(service_of("asked")["healthy"], false);
    assert_eq!(service_of("waits")["waits_for"], serde_json::json!(["path:/never"]));
    assert_eq!(service_of("later")["waits_for"], serde_json::json!(["waits"]));
    let (code, text) = client_text(&running, &["health"]);
    assert_eq!(code, 1);
    for line in ["asked: unhealthy", "waits: waiting (waits for path:/never)", "later: waiting (waits for waits)"] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert_eq!(client_text(&running, &["stop", "asked", "waits"]).0, 0);
    for uid in [0, 1234] {
        let output = client(&running, uid, &["health"]);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), ""), "{uid}");
    }
    running.stop().expect(0);
}

#[test]
fn a_service_reloads_as_its_file_says_and_gets_signals() {
    if !possible() {
        return;
    }
    let hears = "script = \"\"\"trap 'echo got HUP' HUP; trap 'echo got USR1' USR1; echo ready; while :; do sleep 0.05; done\"\"\"\n";
    let command = |words: &str| format!("{SLEEP}reload = {{ command = [\"sh\", \"-c\", \"{words}\"] }}\n");
    let running = app()
        .service("hears.toml", &format!("{hears}reload = {{ signal = \"HUP\" }}\n"))
        .service("runs.toml", &command("id -u > /tmp/as; test $(id -u) = 1234"))
        .service("fails.toml", &command("echo no such file; exit 3"))
        .start();
    running.wait_for_line(|line| line.contains("fails: up"), LIMIT);
    running.wait_for_line(|line| line.contains("| ready"), LIMIT);
    let (code, text) = client_text(&running, &["reload", "hears", "runs"]);
    assert_eq!((code, text.as_str()), (0, "hears: sent SIGHUP\nruns: its reload command succeeded\n"));
    running.wait_for_line(|line| line.contains("got HUP"), LIMIT);
    let (code, text) = client_text(&running, &["reload", "fails", "hears"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("fails: its reload command: exited with code 3: no such file\n"), "{text}");
    assert_eq!(client_text(&running, &["signal", "hears", "usr1"]), (0, String::new()));
    running.wait_for_line(|line| line.contains("got USR1"), LIMIT);
    assert_eq!(client_text(&running, &["stop", "hears"]).0, 0);
    assert_eq!(client_text(&running, &["reload", "hears"]), (1, "hears: it is down\n".into()));
    // To the group: the child of the shell ends too, and the shell with it.
    assert_eq!(client_text(&running, &["signal", "--group", "runs", "KILL"]), (0, String::new()));
    running.wait_for_line(|line| line.contains("runs: killed by SIGKILL"), LIMIT);
    running.stop().expect(0);
}

#[test]
fn an_environment_is_shown_to_root_and_to_its_own_user() {
    if !possible() {
        return;
    }
    let running = app()
        .env("DB_PASSWORD", "hunter2")
        .service("web.toml", &format!("{SLEEP}environment = {{ MODE = \"a\\u001b[2Jb\", URL = \"http://u:pw@h/\" }}\n"))
        .service("other.toml", &format!("{SLEEP}user = \"4321:4321\"\nenvironment = {{ MODE = \"x\" }}\n"))
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    running.wait_for_line(|line| line.contains("other: up"), LIMIT);
    let (code, text) = client_text(&running, &["env", "web"]);
    assert_eq!(code, 0);
    for line in ["DB_PASSWORD=(hidden)", "URL=(hidden)", "MODE=a\\u{1b}[2Jb", "USER=app"] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let names: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.is_sorted(), "{names:?}");
    let (_, text) = client_text(&running, &["env", "--show-secrets", "web"]);
    assert!(text.contains("DB_PASSWORD=hunter2\n") && text.contains("URL=http://u:pw@h/\n"), "{text}");
    let (code, text) = client_text(&running, &["env", "other"]);
    assert!(
        code == 111 && text.contains("user 1234 may not see the environment of `other`; root and user 4321"),
        "{text}"
    );
    let output = client(&running, 0, &["env", "other"]);
    assert!(output.status.success() && out(&output).contains("MODE=x\n"), "{}", out(&output));
    running.stop().expect(0);
}

#[test]
fn timings_name_those_that_the_boot_waited_for() {
    if !possible() {
        return;
    }
    let running = app()
        .service("prepared.toml", "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"sleep\", \"0.2\"]\n")
        .service("slow.toml", &format!("{SLEEP}ready = {{ delay = \"400ms\" }}\n"))
        .service("quick.toml", SLEEP)
        .service("web.toml", &format!("{SLEEP}requires = [\"slow\", \"quick\"]\n"))
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let (code, text) = client_text(&running, &["timings", "--json"]);
    assert_eq!(code, 0, "{text}");
    let all = json(&text);
    let names = |part: &str| -> Vec<String> {
        let all = all[part].as_array().unwrap().iter();
        all.map(|service| service["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("steps"), ["configuration", "facts", "plan", "root steps", "prepare", "step down"]);
    assert!(all["steps"][4]["took_ms"].as_f64().unwrap() >= 200.0, "{text}");
    assert_eq!(names("path"), ["slow", "web"]);
    assert!(all["path"][0]["took_ms"].as_f64().unwrap() >= 400.0, "{text}");
    assert_eq!(names("services").len(), 4);
    let (_, text) = client_text(&running, &["timings"]);
    assert!(text.contains("the boot waited for: slow ("), "{text}");
    running.stop().expect(0);
}

#[test]
fn timings_say_what_the_boot_still_waits_for_and_leave_out_what_runs_later() {
    if !possible() {
        return;
    }
    let once = "type = \"oneshot\"\ncommand = [\"true\"]\n";
    let running = app()
        .service("quick.toml", SLEEP)
        .service("nightly.toml", &format!("{once}at = \"03:00\"\n"))
        .service("slow.toml", &format!("{SLEEP}ready = {{ path = \"/tmp/go\" }}\n"))
        .service("web.toml", &format!("{SLEEP}requires = [\"slow\"]\n"))
        .start();
    running.wait_for_line(|line| line.contains("quick: up"), LIMIT);
    let (_, text) = client_text(&running, &["timings"]);
    assert!(text.contains("the boot waited so far for: quick ("), "{text}");
    let still = text.lines().find(|line| line.starts_with("the boot is still waiting for: ")).unwrap_or_default();
    assert!(still.contains(": slow (for ") && !still.contains("web"), "{text}");
    let (_, text) = client_text(&running, &["timings", "--json"]);
    assert_eq!(json(&text)["unfinished"][0]["name"], "slow");
    app_runs(&running, "touch /tmp/go");
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    assert_eq!(client_text(&running, &["start", "nightly"]).0, 0);
    let (_, text) = client_text(&running, &["timings"]);
    assert!(text.contains("the boot waited for: slow (") && !text.contains("still waiting"), "{text}");
    running.stop().expect(0);
}

#[test]
fn logs_has_the_last_lines_and_goes_on_with_what_comes() {
    if !possible() {
        return;
    }
    let counts = "script = '''echo one; echo two >&2; printf 'esc \\033[2J\\n'; until test -e /tmp/go; do sleep 0.05; done; \
        echo at last; sleep 600'''\n";
    let running = app()
        .service("counts.toml", counts)
        .service("past.toml", &format!("{SLEEP}log = {{ format = \"inherit\" }}\n"))
        .start();
    running.wait_for_line(|line| line.contains("| esc"), LIMIT);
    let output = client(&running, 1234, &["logs", "counts"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\nesc \\x1b[2J\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "two\n");
    let (code, text) = client_text(&running, &["logs", "-n", "2", "counts"]);
    assert_eq!((code, text.lines().count()), (0, 2), "{text}");
    let (code, text) = client_text(&running, &["logs", "past"]);
    assert!(code == 111 && text.contains("docker logs"), "{text}");
    let mut follower = inside(&running, 1234, &["logs", "-f", "counts"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    assert_eq!(lines.next().unwrap().unwrap(), "esc \\x1b[2J");
    assert!(app_runs(&running, "touch /tmp/go").status.success());
    assert_eq!(lines.next().unwrap().unwrap(), "at last");
    follower.kill().unwrap();
    follower.wait().unwrap();
    running.stop().expect(0);
}

#[test]
fn without_a_terminal_watch_prints_only_changes() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let mut watcher = inside(&running, 1234, &["status", "--watch", "--json", "web"]);
    let mut watcher = watcher.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(|line| json(&line.unwrap()));
    let first = lines.next().unwrap();
    assert_eq!(client_text(&running, &["stop", "web"]).0, 0);
    let second = lines.next().unwrap();
    assert!(second["revision"] != first["revision"], "{first} {second}");
    let down = std::iter::once(second).chain(lines.by_ref()).find(|answer| answer["services"][0]["state"] == "down");
    assert!(down.is_some());
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    running.stop().expect(0);
}

#[test]
fn five_hundred_callers_rubbish_and_megabytes_disturb_nobody() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", SLEEP).service("db.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    // 500 at once: some say nothing, some half a line, some wait for ever, some read nothing of what they asked for.
    let crowd = "$| = 1; for my $n (1..500) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); \
        connect($s, sockaddr_un('/run/stepdown/control')) or die $!; push @s, $s; \
        my @say = ('', '{\"request\":', qq({\"request\":\"wait\",\"services\":[\"web\"],\"until\":\"down\"}\\n), qq({\"request\":\"status\"}\\n)); \
        $SIG{PIPE} = 'IGNORE'; syswrite($s, $say[$n % 4]); } print qq(crowded\\n); sleep 600";
    let mut crowd = wrapped(&running, 1234, &["perl", "-MSocket", "-e", crowd]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(crowd.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "crowded");
    // Root has places of its own.
    let began = std::time::Instant::now();
    for words in [&["health"][..], &["restart", "db"], &["wait", "--ready", "web"]] {
        let output = client(&running, 0, words);
        assert!(output.status.success(), "{words:?}: {}", out(&output));
    }
    assert!(began.elapsed() < LIMIT / 3, "they were held up: {:?}", began.elapsed());
    // The silent ones are dropped in time, and the user has places again although many of its callers still wait.
    running.wait_until(|_| client_text(&running, &["health"]).0 == 0, LIMIT);
    assert_eq!(client_text(&running, &["wait", "web"]).0, 0);
    crowd.kill().unwrap();
    crowd.wait().unwrap();

    for (rubbish, answer) in [
        ("\u{0}\u{1}\n", "the request is not one that this stepdown knows"),
        ("{\"request\":\"status\"} {\"request\":\"status\"}\n", "the request is not one that this stepdown knows"),
        ("{\"request\":\"reboot\"}\n", "the request is not one that this stepdown knows"),
        (&"[".repeat(10_000), "the request is not one that this stepdown knows"),
        (&"x".repeat(20_000), "a request has at most 16384 bytes"),
        ("{\"request\":\"start\",\"services\":[]}\n", "no service is given"),
        ("{\"request\":\"signal\",\"service\":\"web\",\"signal\":\"-9\"}\n", "there is no signal"),
    ] {
        let printed = say(&running, 1234, rubbish);
        assert!(printed.contains(answer), "{}: {printed}", rubbish.len());
    }
    let flood = "socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un('/run/stepdown/control')) or die $!; \
        $SIG{PIPE} = 'IGNORE'; my $x = 'x' x 65536; for (1..160) { syswrite($s, $x) or last } exit 0";
    assert!(wrapped(&running, 1234, &["perl", "-MSocket", "-e", flood]).output().unwrap().status.success());
    assert_eq!(client_text(&running, &["status"]).0, 0);
    running.stop().expect(0);
}

#[test]
fn a_follower_that_reads_nothing_holds_nobody_up() {
    if !possible() {
        return;
    }
    let floods = "script = \"i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done; echo flooded; sleep 600\"\nlog = { format = \"tagged\" }\nwait_for = [\"path:/tmp/go\"]\n";
    let running = app().service("floods.toml", floods).start();
    running.wait_for_line(|line| line.contains("steps down"), LIMIT);
    // The report comes before the socket is there. Not all is up then, which is 1.
    let until = std::time::Instant::now() + LIMIT;
    while client(&running, 0, &["status"]).status.code() != Some(1) {
        assert!(std::time::Instant::now() < until, "nobody answers: {:#?}", running.lines());
    }
    let deaf = "$| = 1; for (1..50) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un('/run/stepdown/control')) \
        or die $!; syswrite($s, qq({\"request\":\"logs\",\"services\":[\"floods\"],\"follow\":true}\\n)); push @s, $s } \
        print qq(deaf\\n); sleep 600";
    let mut deaf = wrapped(&running, 1234, &["perl", "-MSocket", "-e", deaf]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(deaf.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "deaf");
    assert!(app_runs(&running, "touch /tmp/go").status.success());
    running.wait_for_line(|line| line.contains("| flooded"), LIMIT);
    assert_eq!(client_text(&running, &["health"]).0, 0);
    deaf.kill().unwrap();
    deaf.wait().unwrap();
    running.stop().expect(0);
}

#[test]
fn who_a_reload_brings_can_be_named_and_who_it_takes_out_cannot() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", SLEEP).service("old.toml", SLEEP).command(&["sleep", "600"]).start();
    running.wait_for_line(|line| line.contains("main: up"), LIMIT);
    let edit = "cd /etc/services.d && rm old.toml && cp web.toml new.toml && echo 'requires = [\"web\"]' >> new.toml";
    assert!(wrapped(&running, 0, &["sh", "-c", edit]).output().unwrap().status.success());
    assert_eq!(client_text(&running, &["reload"]), (0, "new: new; gone: old\n".into()));
    let (_, text) = client_text(&running, &["wait", "new", "main"]);
    assert!(text.starts_with("new: up, pid "), "{text}");
    running.wait_for_line(|line| line.contains("old: stopped"), LIMIT);
    let (code, text) = client_text(&running, &["status", "old"]);
    assert!(code == 100 && text.contains("there is no service `old`"), "{text}");
    assert_eq!(client_text(&running, &["stop", "web"]), (0, "web: down\nnew: down (requires web)\n".into()));
    let (_, text) = client_text(&running, &["status"]);
    assert!(text.contains("stopped manually\n") && text.contains("stopped with web\n"), "{text}");
    let (_, text) = client_text(&running, &["status", "--json", "new"]);
    assert_eq!(json(&text)["services"][0]["state"], "down");
    assert!(
        wrapped(&running, 0, &["sh", "-c", "echo x >> /etc/services.d/web.toml"]).output().unwrap().status.success()
    );
    let (code, text) = client_text(&running, &["reload"]);
    assert!(
        code == 111 && text.contains("nothing is changed") && text.contains("/etc/services.d/web.toml:2"),
        "{text}"
    );
    running.stop();
}

#[test]
fn a_reload_says_what_a_boot_would_say_and_who_must_be_able_to_read() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let root = |line: &str| assert!(wrapped(&running, 0, &["sh", "-c", line]).output().unwrap().status.success());
    root("cd /etc/services.d; cp web.toml net.toml; echo 'capabilities = [\"NET_ADMIN\"]' >> net.toml");
    let (code, text) = client_text(&running, &["reload"]);
    assert!(
        code == 0 && text.starts_with("new: net\nnote: `net`: NET_ADMIN is not granted; it runs without that"),
        "{text}"
    );
    running.wait_for_line(|line| line.contains("reload: `net`: NET_ADMIN is not granted"), LIMIT);
    assert_eq!(client_text(&running, &["reload"]), (0, "nothing has changed\n".into()), "it is said once");
    root("chmod 600 /etc/services.d/web.toml");
    let (code, text) = client_text(&running, &["reload"]);
    let message = "make it readable for app (1234:2345), which PID 1 has become: chmod a+rX";
    assert!(code == 111 && text.contains(message), "{text}");
    running.stop().expect(0);
}

#[test]
fn where_log_files_can_never_be_written_the_lines_go_to_the_containers_output() {
    if !possible() {
        return;
    }
    let service = "command = [\"sh\", \"-c\", \"while :; do echo to the log; sleep 0.05; done\"]\n\
        log = { directory = \"/var/log/web\" }\n";
    let running = TryContainer::new().user("1234:1234").service("web.toml", service).start();
    running.wait_for_line(|line| line.starts_with("web ") && line.ends_with("| to the log"), LIMIT);
    let (code, text) = client_text(&running, &["health"]);
    assert_eq!(code, 0, "{text}");
    let ended = running.stop().expect(0);
    let output = ended.text(Origin::Out) + &ended.text(Origin::Err);
    for expected in [
        "skipped create /var/log/web: ",
        "the lines of `web` go to the container's output instead",
        "warning: web: cannot write /var/log/web/current: ",
    ] {
        assert_eq!(output.matches(expected).count(), 1, "{expected}\n{output}");
    }
}

#[test]
fn a_service_with_a_full_log_is_reported() {
    if !possible() {
        return;
    }
    let service = "command = [\"sh\", \"-c\", \"while :; do echo to the log; done\"]\n\
        log = { directory = \"/var/log/web\", max_size = \"1M\" }\n";
    let running = app().tmpfs("/var/log/web:size=64k,mode=0777").service("web.toml", service).start();
    running.wait_for_line(|line| line.contains("web: cannot write /var/log/web/current: No space left"), LIMIT);
    let (code, text) = client_text(&running, &["health"]);
    let why = "its log cannot be written: /var/log/web/current: No space left on device";
    assert!(code == 1 && text.contains(&format!("web: {why}")), "{code} {text}");
    let (_, text) = client_text(&running, &["status"]);
    assert!(text.contains(why), "{text}");
    let (_, text) = client_text(&running, &["status", "--json"]);
    assert!(json(&text)["services"][0]["log_trouble"].is_string(), "{text}");
    running.stop();
}

#[test]
fn beside_a_running_init_plan_tells_of_the_next_start() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", SLEEP).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let output = client(&running, 0, &["plan"]);
    let text = out(&output);
    assert!(output.status.success() && !text.contains("subreaper") && !text.contains("not PID 1 ("), "{text}");
    running.stop().expect(0);
}

#[test]
fn it_does_not_matter_where_the_checkout_lies() {
    if possible() {
        try_container::pass_elsewhere(&[
            "control::root_and_the_app_user_are_answered_and_nobody_else",
            "control::status_is_answered_while_the_container_is_prepared",
        ]);
    }
}

#[test]
fn a_second_init_is_refused_before_anything_is_touched() {
    if !possible() {
        return;
    }
    let running = app().service("web.toml", "command = [\"sh\", \"-c\", \"echo serves; exec sleep 600\"]\n").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    for uid in [0, 1234] {
        let output = client(&running, uid, &["init", "--", "sh", "-c", "echo it runs twice"]);
        let printed = out(&output) + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(100), "{printed}");
        let why = "`init`: stepdown is already running in this container (process 1); nothing was changed or started; call \
            `stepdown status`; run a command next to it with `docker exec CONTAINER stepdown run-as USER COMMAND`";
        assert!(printed.contains(why) && !printed.contains("it runs twice"), "{printed}");
        let (code, text) = client_text(&running, &["status"]);
        assert!(code == 0 && text.contains("web"), "{code} {text}");
    }
    let ended = running.stop().expect(0);
    assert_eq!(ended.lines.iter().filter(|line| line.text.ends_with("serves")).count(), 1, "{ended:#?}");
}

#[test]
fn a_second_init_of_any_user_is_refused_in_a_container_without_root() {
    if !possible() {
        return;
    }
    for container in [TryContainer::new(), TryContainer::new().init()] {
        let service = "command = [\"sh\", \"-c\", \"echo serves; exec sleep 600\"]\n";
        let running = container.user("1234:2345").service("web.toml", service).start();
        running.wait_for_line(|line| line.contains("web: up"), LIMIT);
        running.wait_for_line(|line| line.ends_with("serves"), LIMIT);
        for uid in [1234, 0, 4321] {
            let output = client(&running, uid, &["init", "--", "sh", "-c", "echo it runs twice"]);
            let printed = out(&output);
            assert_eq!(output.status.code(), Some(100), "{uid}: {printed}");
            assert!(printed.contains("stepdown is already running in this container (process "), "{uid}: {printed}");
        }
        let ended = running.stop().expect(0);
        assert_eq!(ended.lines.iter().filter(|line| line.text.ends_with("serves")).count(), 1, "{ended:#?}");
    }
}

/// Asks the stepdown of a container as root from inside, as `docker exec` does.
fn cell_status(running: &Running) -> (i32, String) {
    let target = running.pid_one().to_string();
    let words = ["--target", &target, "--mount", "--pid", "--root", "--", "/stepdown", "status"];
    let output = Command::new("nsenter").args(words).env_clear().output().unwrap();
    (output.status.code().unwrap_or(-1), out(&output) + &String::from_utf8_lossy(&output.stderr))
}

const RUNS: &str = "echo it runs; exec sleep 600";

#[test]
fn of_several_that_begin_at_once_one_runs() {
    if !possible() {
        return;
    }
    let begin = format!("for at in 1 2 3; do /stepdown init -- /bin/sh -c '{RUNS}' & done\nwait");
    let running = BareContainer::new().app().inside(&begin).start();
    let count =
        |lines: &[try_container::Line], text: &str| lines.iter().filter(|line| line.text.contains(text)).count();
    running.wait_until(|lines| count(lines, "stepdown is already running in this container") == 2, LIMIT);
    running.wait_for_line(|line| line == "it runs", LIMIT);
    assert_eq!(count(&running.lines(), "it runs"), 1, "{:#?}", running.lines());
}

/// A pod whose containers share `/run`, each with a PID namespace of its own: a process id of one means nothing in the other.
#[test]
fn containers_that_share_run_leave_each_other_alone_and_each_answers_for_itself() {
    if !possible() {
        return;
    }
    let shared = tempfile::tempdir().unwrap();
    let container = |name: &str| {
        let service = format!("command = [\"/bin/sh\", \"-c\", \"echo {name} runs; exec sleep 600\"]\n");
        let container = BareContainer::new().app().etc(&format!("services.d/{name}.toml"), &service);
        container.broken(&format!("mount --bind {} run", shared.path().display()))
    };
    let first = container("first").start();
    first.wait_for_line(|line| line.contains("first: up"), LIMIT);
    let second = container("second").start();
    second.wait_for_line(|line| line.contains("second: up"), LIMIT);
    second.wait_for_line(
        |line| {
            line.contains(
                "/run/stepdown cannot be used: it belongs to another running stepdown; the control socket is in \
                 /tmp/stepdown",
            )
        },
        LIMIT,
    );
    for (running, name, other) in [(&first, "first", "second"), (&second, "second", "first")] {
        let (code, text) = cell_status(running);
        assert!(code == 0 && text.contains(name) && !text.contains(other), "{name}: {code} {text}");
    }
    // What the first one left is not in the way of the next boot.
    drop(first);
    let third = container("third").start();
    third.wait_for_line(|line| line.contains("third: up"), LIMIT);
    let (code, text) = cell_status(&third);
    assert!(code == 0 && text.contains("third"), "{code} {text}");
    assert!(!third.lines().iter().any(|line| line.text.contains("cannot be used")), "{:#?}", third.lines());
}

/// A pod with a shared PID namespace and a shared `/run`: the other stepdown is seen, and lives elsewhere.
#[test]
fn containers_that_share_run_and_process_ids_run_side_by_side() {
    if !possible() {
        return;
    }
    let other = "unshare --mount /stepdown init -- /bin/sh -c 'echo the other runs; exec sleep 600' &";
    let container = BareContainer::new().app().inside(other).command(&["/bin/sh", "-c", RUNS]);
    let running = container.start();
    for line in ["it runs", "the other runs"] {
        running.wait_for_line(|text| text == line, LIMIT);
    }
    running.wait_for_line(|line| line.contains("it belongs to another running stepdown"), LIMIT);
}

/// `stepdown try` has mounts and process ids of its own: the stepdown around it is another container's.
#[test]
fn a_rehearsal_inside_a_container_is_a_container_of_its_own() {
    if !possible() {
        return;
    }
    let nested = "mkdir -p /tmp/tree/services.d && /stepdown try /tmp/tree --quiet -- sh -c '/usr/bin/stepdown status; echo it runs'";
    let root = "drop = \"root\"\n[app]\nuser = \"root\"\nallow_root = true\nuid = 0\ngid = 0\n";
    let container =
        BareContainer::new().size("size=64m").etc("stepdown.toml", root).command(&["/bin/sh", "-c", nested]);
    let ended = container.run();
    let text = ended.text(Origin::Out) + &ended.text(Origin::Err);
    assert!(text.contains("it runs") && !text.contains("already runs"), "{text}");
}

#[test]
fn a_program_that_ends_at_once_is_not_reported_as_up() {
    if !possible() {
        return;
    }
    let restart = "restart = { policy = \"always\", delay = \"1h\", max_delay = \"1h\" }\n";
    let running = app()
        .service("web.toml", SLEEP)
        .service("short.toml", &format!("command = [\"sh\", \"-c\", \"exit 3\"]\n{restart}"))
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    for verb in ["start", "restart"] {
        let (code, text) = client_text(&running, &[verb, "short"]);
        assert!(code != 0 && text.starts_with("short: backoff: last exited with code 3"), "{verb}: {code}: {text}");
    }
    let (code, text) = client_text(&running, &["restart", "web"]);
    assert!(code == 0 && text.starts_with("web: up, pid "), "{text}");
    running.stop().expect(0);
}

#[test]
fn an_end_that_is_declared_a_success_is_no_warning() {
    if !possible() {
        return;
    }
    let text = "command = [\"sh\", \"-c\", \"exit 143\"]\nsuccess_codes = [0, 143]\n\
        restart = { policy = \"on-failure\" }\n";
    let ended = app().env("STEPDOWN_LOG", "warn").service("short.toml", text).run().expect(0);
    assert!(!ended.lines.iter().any(|line| line.text.contains("143")), "{ended:#?}");
}

/// A service of the app user's, one of user 4321, and one of root's that requires that.
fn of_three_users() -> Running {
    let running = app()
        .service("web.toml", SLEEP)
        .service(
            "db.toml",
            &format!("{SLEEP}user = \"4321:4321\"\nreload = {{ signal = \"USR1\" }}\nstop.signal = \"INT\"\n"),
        )
        .service("top.toml", &format!("{SLEEP}user = \"root\"\nrequires = [\"db\"]\n"))
        .start();
    for name in ["web", "db", "top"] {
        running.wait_for_line(|line| line.contains(&format!("{name}: up")), LIMIT);
    }
    running
}

fn asked_as(running: &Running, uid: u32, words: &[&str]) -> (i32, String) {
    let output = client(running, uid, words);
    (output.status.code().unwrap_or(-1), out(&output))
}

#[test]
fn the_user_of_a_service_may_ask_about_its_own_and_no_other() {
    if !possible() {
        return;
    }
    let running = of_three_users();
    let may = |words: &[&str]| asked_as(&running, 4321, words);
    let (code, text) = may(&["status"]);
    assert!(code == 0 && text.contains("db") && !text.contains("web") && !text.contains("top"), "{text}");
    for words in [
        &["status", "db"][..],
        &["health"],
        &["env", "db"],
        &["logs", "db"],
        &["wait", "db"],
        &["signal", "db", "CONT"],
        &["restart", "db"],
    ] {
        let (code, text) = may(words);
        assert_eq!(code, 0, "{words:?}: {text}");
    }
    for words in [
        &["status", "web"][..],
        &["stop", "web"],
        &["restart", "db", "web"],
        &["signal", "top", "HUP"],
        &["logs", "web"],
        &["env", "web"],
        &["wait", "top"],
    ] {
        let (code, text) = may(words);
        assert!(code != 0 && text.contains("does not run as user 4321"), "{words:?}: {code} {text}");
    }
    for words in [&["shutdown"][..], &["reload"], &["timings"]] {
        let (code, text) = may(words);
        assert!(
            code != 0 && text.contains("may send requests about its own services only"),
            "{words:?}: {code} {text}"
        );
    }
    let (code, text) = may(&["stop", "db"]);
    assert!(code != 0 && text.contains("`top`, which is another user's, requires it"), "{text}");
    running.stop().expect(0);
}

#[test]
fn the_app_user_sends_another_users_service_what_is_declared_and_no_more() {
    if !possible() {
        return;
    }
    let running = of_three_users();
    for words in [&["signal", "web", "CONT"][..], &["signal", "db", "USR1"], &["logs", "db"], &["status", "top"]] {
        let (code, text) = client_text(&running, words);
        let refused = text.contains("may not");
        assert!(!refused, "{words:?}: {code} {text}");
    }
    for words in [&["signal", "db", "USR2"][..], &["signal", "top", "CONT"], &["signal", "db", "CONT", "--group"]] {
        let (code, text) = client_text(&running, words);
        assert!(code != 0 && text.contains("user 1234 may not send SIG"), "{words:?}: {code} {text}");
    }
    let (code, text) = asked_as(&running, 0, &["signal", "top", "CONT"]);
    assert_eq!(code, 0, "{text}");
    running.stop().expect(0);
}

#[test]
fn what_is_not_enabled_is_shown_and_starts_when_it_is_asked_for_or_required() {
    if !possible() {
        return;
    }
    let disabled = format!("{SLEEP}enabled = false\n");
    let running = app()
        .service("db.toml", &disabled)
        .service("debug.toml", &disabled)
        .service("web.toml", &format!("{SLEEP}requires = [\"db\"]\n"))
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let status = |name: &str| json(&client_text(&running, &["status", "--json", name]).1)["services"][0].clone();
    let debug = status("debug");
    assert_eq!((&debug["state"], &debug["wanted"], &debug["pid"]), (&"down".into(), &false.into(), &().into()));
    assert_eq!(status("db")["state"], "up", "web requires it");
    assert_eq!(client_text(&running, &["status"]).0, 0, "nothing is wrong");
    let (code, text) = client_text(&running, &["start", "debug"]);
    assert!(code == 0 && text.starts_with("debug: up, pid "), "{text}");
    assert_eq!(client_text(&running, &["stop", "debug"]), (0, "debug: down\n".into()));
    running.stop().expect(0);
}
