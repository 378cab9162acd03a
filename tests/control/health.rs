//! `health`: what HEALTHCHECK, a livenessProbe and a readinessProbe are answered.

use super::*;

#[test]
fn what_starts_or_waits_is_live_and_not_ready() {
    if !possible() {
        return;
    }
    let running = app()
        .service("db.toml", SLEEP)
        .service("slow.toml", &format!("{SLEEP}ready = {{ fd = 3 }}\n"))
        .service("web.toml", &format!("{SLEEP}requires = [\"slow\"]\n"))
        .service("again.toml", "command = [\"false\"]\nrestart = { delay = \"60s\" }\n")
        .start();
    running.wait_for_line(|line| line.contains("db: up"), LIMIT);
    running.wait_for_line(|line| line.contains("again: exited with code 1"), LIMIT);
    assert_eq!(client_text(&running, &["health", "--live"]), (0, "live\n".into()));
    let (code, text) = client_text(&running, &["health", "--ready"]);
    let expected = [
        "slow: starting (waits for a newline on descriptor 3)",
        "web: waiting (waits for slow)",
        "again: backoff (last exited with code 1)",
    ];
    assert!(code == 1 && text.starts_with("not ready: ") && text.lines().count() == 1, "{code} {text}");
    assert!(expected.iter().all(|problem| text.contains(problem)), "{text}");

    // Of one service, whatever the others do; one that is named has to be there.
    assert_eq!(client_text(&running, &["health", "--ready", "db"]), (0, "ready\n".into()));
    assert_eq!(client_text(&running, &["stop", "db"]).0, 0);
    let (code, text) = client_text(&running, &["health", "--ready", "db"]);
    assert!(code == 1 && text.starts_with("not ready: db: down"), "{text}");
    assert!(!client_text(&running, &["health", "--ready"]).1.contains("db"), "it was stopped manually");
    assert_eq!(client_text(&running, &["health", "--live", "db", "web"]), (0, "live\n".into()));
    let (code, text) = client_text(&running, &["health", "--live", "wbe"]);
    assert!(code == 1 && text.contains("there is no service `wbe`; did you mean `web`?"), "{text}");
    running.stop().expect(0);
}

#[test]
fn what_has_failed_or_is_unhealthy_is_neither_live_nor_ready() {
    if !possible() {
        return;
    }
    let health = "health = { command = [\"false\"], interval = \"100ms\", failures = 1, then = \"report\" }\n";
    let running = app()
        .service("sick.toml", &format!("{SLEEP}{health}"))
        .service("bad.toml", "command = [\"false\"]\nrestart = { limit = 1 }\n")
        .service("db.toml", SLEEP)
        .start();
    running.wait_for_line(|line| line.contains("sick: unhealthy"), LIMIT);
    running.wait_for_line(|line| line.contains("bad: failed"), LIMIT);
    for word in ["live", "ready"] {
        let option = format!("--{word}");
        for (name, problem) in [("sick", "sick: unhealthy"), ("bad", "bad: failed")] {
            let (code, text) = client_text(&running, &["health", &option, name]);
            assert!(code == 1 && text.starts_with(&format!("not {word}: {problem}")), "{text}");
        }
        let (code, text) = client_text(&running, &["health", &option]);
        assert!(code == 1 && text.contains("sick: unhealthy") && text.contains("bad: failed"), "{text}");
        assert_eq!(client_text(&running, &["health", &option, "db"]), (0, format!("{word}\n")));
    }
    let (code, text) = client_text(&running, &["health", "--ready", "--json", "sick", "db"]);
    assert_eq!(code, 1);
    assert_eq!(
        json(&text),
        serde_json::json!({
            "version": 1, "criterion": "ready", "ok": false, "problems": [{"kind": "unhealthy", "service": "sick"}],
        })
    );
    running.stop();
}

#[test]
fn the_user_of_a_service_asks_for_the_health_of_its_own() {
    if !possible() {
        return;
    }
    let running = of_three_users();
    assert_eq!(asked_as(&running, 4321, &["health", "--ready", "db"]), (0, "ready\n".into()));
    let (code, text) = asked_as(&running, 4321, &["health", "--ready", "web"]);
    assert!(code == 1 && text.contains("does not run as user 4321"), "{text}");
    running.stop().expect(0);
}
