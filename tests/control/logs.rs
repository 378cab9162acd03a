//! `logs` of several services: in the order of their times, each with its name; since a time; as JSON; and what comes.

use super::*;

/// `first` writes, then `second`, then `first` again.
fn of_two() -> Running {
    let first = "script = '''echo one; until test -e /tmp/go; do sleep 0.02; done; echo three >&2; sleep 600'''\n";
    let second = "script = '''echo two; sleep 600'''\nrequires = [\"first\"]\nwait_for = [\"path:/tmp/begin\"]\n";
    let running = app().service("first.toml", first).service("second.toml", second).start();
    running.wait_for_line(|line| line.ends_with("| one"), LIMIT);
    assert!(app_runs(&running, "touch /tmp/begin").status.success());
    running.wait_for_line(|line| line.ends_with("| two"), LIMIT);
    assert!(app_runs(&running, "touch /tmp/go").status.success());
    running.wait_for_line(|line| line.ends_with("| three"), LIMIT);
    running
}

/// The objects of `logs --json`.
fn objects(running: &Running, words: &[&str]) -> Vec<serde_json::Value> {
    let (code, text) = client_text(running, &[&["logs", "--json"], words].concat());
    assert_eq!(code, 0, "{text}");
    text.lines().map(json).collect()
}

#[test]
fn without_a_name_the_lines_of_all_come_in_the_order_of_their_times() {
    if !possible() {
        return;
    }
    let running = of_two();
    let lines = |words: &[&str]| -> Vec<String> {
        let found = objects(&running, words);
        found.iter().map(|line| format!("{} {}", line["service"], line["line"]).replace('"', "")).collect()
    };
    assert_eq!(lines(&[]), ["first one", "second two", "first three"]);
    assert_eq!(lines(&["-n", "2"]), ["second two", "first three"]);
    assert_eq!(lines(&["second"]), ["second two"]);
    let all = objects(&running, &[]);
    assert_eq!((&all[2]["stream"], &all[2]["version"]), (&"stderr".into(), &1.into()));
    // Since the second line.
    let since = all[1]["time"].as_str().unwrap();
    assert_eq!(lines(&["--since", since]), ["second two", "first three"]);
    assert_eq!(lines(&["--since", "1h"]).len(), 3);
    assert_eq!(lines(&["--since", "2099-01-01T00:00:00Z"]).len(), 0);

    // What was written to standard error goes there; names stand before lines of several services.
    let output = client(&running, 1234, &["logs", "first", "second"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "first | one\nsecond | two\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "first | three\n");
    let (code, text) = client_text(&running, &["logs", "--since", "soon"]);
    assert!(code == 100 && text.contains("write for example 10m or 2026-02-14T10:11:12Z"), "{text}");
    running.stop().expect(0);
}

#[test]
fn a_follower_of_all_gets_the_lines_of_a_service_that_a_reload_adds() {
    if !possible() {
        return;
    }
    let running =
        app().env("STEPDOWN_LOG_FORMAT", "tagged").service("web.toml", "script = \"echo up; exec sleep 600\"\n");
    let running = running.start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let mut follower = inside(&running, 1234, &["logs", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "web | up");
    let add = "sed 's/up/added/' /etc/services.d/web.toml > /etc/services.d/later.toml";
    assert!(wrapped(&running, 0, &["sh", "-c", add]).output().unwrap().status.success());
    assert_eq!(asked_as(&running, 0, &["reload"]).0, 0);
    assert_eq!(lines.next().unwrap().unwrap(), "later | added");
    running.stop().expect(0);
    assert!(lines.next().is_none());
    // By itself, or killed by the kernel with all others of the namespace when PID 1 ends.
    follower.wait().unwrap();
}

#[test]
fn the_user_of_a_service_reads_the_lines_of_its_own() {
    if !possible() {
        return;
    }
    let running = app()
        .service("web.toml", "script = \"echo ours; exec sleep 600\"\n")
        .service("db.toml", "script = \"echo theirs; exec sleep 600\"\nuser = \"4321:4321\"\n")
        .start();
    running.wait_for_line(|line| line.ends_with("| ours"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| theirs"), LIMIT);
    assert_eq!(asked_as(&running, 4321, &["logs"]), (0, "db | theirs\n".into()));
    let (code, text) = asked_as(&running, 4321, &["logs", "db", "web"]);
    assert!(code != 0 && text.contains("does not run as user 4321"), "{text}");
    running.stop().expect(0);
}
