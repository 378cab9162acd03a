//! `events`: what has happened, to whom, and who requested it; and the same fields in the JSON log.

use serde_json::json as fields;

use super::*;

/// The objects of `events --json`.
fn events(running: &Running, uid: u32, words: &[&str]) -> Vec<serde_json::Value> {
    let (code, text) = asked_as(running, uid, &[&["events", "--json"], words].concat());
    assert_eq!(code, 0, "{text}");
    text.lines().map(json).collect()
}

/// Whether these fields are those of an event, in this order of events.
fn assert_in_order(events: &[serde_json::Value], expected: &[serde_json::Value]) {
    let mut rest = events.iter();
    for fields in expected {
        let fits = |event: &serde_json::Value| {
            fields.as_object().unwrap().iter().all(|(name, value)| event.get(name) == Some(value))
        };
        assert!(rest.any(fits), "{fields} is missing, or comes too early: {events:#?}");
    }
}

#[test]
fn every_change_is_an_event_with_its_fields_and_its_requester() {
    if !possible() {
        return;
    }
    let running = app()
        .service("prepare.toml", "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"true\"]\n")
        .service("bad.toml", "command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = { limit = 2, delay = \"100ms\" }\n")
        .service("web.toml", SLEEP)
        .start();
    running.wait_for_line(|line| line.contains("bad: failed"), LIMIT);
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let pid = json(&client_text(&running, &["status", "--json", "web"]).1)["services"][0]["pid"].clone();
    assert_eq!(asked_as(&running, 0, &["signal", "web", "CONT"]).0, 0);
    assert_eq!(client_text(&running, &["restart", "web"]).0, 0);
    assert_eq!(client_text(&running, &["reload"]).0, 0);
    let all = events(&running, 1234, &[]);
    assert_in_order(
        &all,
        &[
            fields!({"version": 1, "event": "started", "service": "prepare"}),
            fields!({"event": "done", "service": "prepare"}),
            fields!({"event": "exited", "service": "bad", "code": 3}),
            fields!({"event": "backoff", "service": "bad", "failures": 1, "pause_ms": 100}),
            fields!({"event": "exited", "service": "bad", "code": 3}),
            fields!({"event": "failed", "service": "bad"}),
        ],
    );
    assert_in_order(
        &all,
        &[
            fields!({"event": "started", "service": "web", "pid": pid}),
            fields!({"event": "ready", "service": "web", "pid": pid}),
            fields!({"event": "requested", "service": "web", "verb": "signal", "signal": "SIGCONT", "uid": 0}),
            fields!({"event": "requested", "service": "web", "verb": "restart", "uid": 1234}),
            fields!({"event": "stopped", "service": "web", "signal": "SIGTERM"}),
            fields!({"event": "ready", "service": "web"}),
            fields!({"event": "requested", "verb": "reload", "uid": 1234}),
            fields!({"event": "reloaded"}),
        ],
    );
    assert!(all.iter().all(|event| event["event"] != "container-stopping"), "the container goes on: {all:#?}");
    assert!(all.iter().all(|event| event["time"].as_str().is_some_and(|time| time.ends_with('Z'))), "{all:#?}");
    let of_web = events(&running, 1234, &["web"]);
    assert!(!of_web.is_empty() && of_web.iter().all(|event| event["service"] == "web"), "{of_web:#?}");
    let (code, text) = client_text(&running, &["events", "bad"]);
    assert!(code == 0 && text.contains(" bad: exited with code 3 after "), "{text}");
    running.stop();
}

#[test]
fn the_user_of_a_service_sees_the_events_of_its_own() {
    if !possible() {
        return;
    }
    let running = of_three_users();
    let seen = events(&running, 4321, &[]);
    assert!(!seen.is_empty() && seen.iter().all(|event| event["service"] == "db"), "{seen:#?}");
    let (code, text) = asked_as(&running, 4321, &["events", "web"]);
    assert!(code != 0 && text.contains("does not run as user 4321"), "{text}");
    running.stop().expect(0);
}

#[test]
fn a_follower_gets_what_happens_until_the_container_ends() {
    if !possible() {
        return;
    }
    // The stop takes a while: what is not sent by the end of PID 1 is lost.
    let slow = "script = \"trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.05; done\"\n";
    let running = app().service("web.toml", SLEEP).service("slow.toml", slow).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let mut follower =
        inside(&running, 1234, &["events", "--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(|line| json(&line.unwrap()));
    assert!(lines.any(|event| event["event"] == "ready" && event["service"] == "web"), "it is kept");
    assert_eq!(asked_as(&running, 0, &["stop", "web"]).0, 0);
    let asked = lines.find(|event| event["event"] == "requested").expect("it is followed");
    assert_eq!((&asked["verb"], &asked["uid"], &asked["service"]), (&"stop".into(), &0.into(), &"web".into()));
    assert!(lines.any(|event| event["event"] == "stopped"));
    running.stop().expect(0);
    let rest: Vec<_> = lines.collect();
    let stops = |event: &serde_json::Value| event["event"] == "container-stopping" && event["cause"] == "signal";
    assert!(rest.iter().any(stops), "{rest:#?}");
    // By itself, or killed by the kernel with all others of the namespace when PID 1 ends.
    follower.wait().unwrap();
}

#[test]
fn messages_about_events_have_their_fields_where_the_log_is_json() {
    if !possible() {
        return;
    }
    let text = "command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = { limit = 1 }\n";
    let ended = app().env("STEPDOWN_LOG_FORMAT", "json").service("bad.toml", text).service("web.toml", SLEEP).start();
    ended.wait_for_line(|line| line.contains("bad: failed"), LIMIT);
    ended.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let ended = ended.stop();
    let objects: Vec<serde_json::Value> =
        ended.lines.iter().filter_map(|line| serde_json::from_str(&line.text).ok()).collect();
    let of = |event: &str, service: &str| {
        let found = objects.iter().find(|object| object["event"] == event && object["service"] == service);
        found.unwrap_or_else(|| panic!("no {event} of {service}: {objects:#?}"))
    };
    let exited = of("exited", "bad");
    assert_eq!((&exited["code"], &exited["level"]), (&3.into(), &"warn".into()));
    assert!(exited["took_ms"].is_u64() && exited["line"].as_str().unwrap().starts_with("bad: exited with code 3"));
    assert!(of("ready", "web")["pid"].is_i64());
    assert_eq!(of("container-stopping", "stepdown")["signal"], "SIGTERM");
}
