//! `at` with the real binary as the real PID 1, its real clock and its real control socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::try_container::{INSIDE, LIMIT, TryContainer, possible};

/// A time that comes within a minute, and the whole machine may be slow.
const TWO_MINUTES: Duration = Duration::from_secs(120);

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345")
}

#[test]
fn a_oneshot_runs_when_its_time_comes_and_not_before() {
    if !possible() {
        return;
    }
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 5;
    let time_of_day = format!("*:*:{}", second % 60);
    let job = format!("type = \"oneshot\"\ncommand = [\"echo\", \"now\"]\nat = \"{time_of_day}\"\n");
    let running = app().service("job.toml", &job).start();
    let next = running.wait_for_line(|line| line.contains("job: runs at"), LIMIT);
    assert!(next.contains(&format!("runs at {time_of_day}, next 2")), "{next}");
    running.wait_for_line(|line| line == "now", TWO_MINUTES);
    running.wait_for_line(|line| line.contains("job: done after"), LIMIT);
    running.stop().expect(0);
}

#[test]
fn status_tells_when_it_runs_next_in_the_containers_zone_and_start_does_not_wait_for_it() {
    if !possible() {
        return;
    }
    let job = "type = \"oneshot\"\ncommand = [\"echo\", \"by hand\"]\nat = \"Mon *-*-* 03:00\"\n";
    let ask = format!("script = \"{INSIDE} status; {INSIDE} status --json; {INSIDE} start job; exec sleep 600\"\n");
    let running = app().env("TZ", "XXX-5:30").service("job.toml", job).service("ask.toml", &ask).start();
    let text = running.wait_for_line(|line| line.contains("next run "), LIMIT);
    assert!(text.contains("T03:00:00+05:30"), "{text}");
    let json = running.wait_for_line(|line| line.contains("\"next_run\": \"2"), LIMIT);
    assert!(json.contains("T03:00:00+05:30\""), "{json}");
    assert!(text.contains("| job ") && text.contains(" scheduled "), "{text}");
    running.wait_for_line(|line| line.ends_with("\"state\": \"scheduled\","), LIMIT);
    running.wait_for_line(|line| line.contains("by hand"), LIMIT);
    running.stop().expect(0);
}

#[test]
fn what_runs_again_and_again_shows_its_next_time_and_is_scheduled_no_more_once_it_is_stopped() {
    if !possible() {
        return;
    }
    let job = "type = \"oneshot\"\ncommand = [\"echo\", \"ran\"]\n";
    let ask = format!(
        "script = \"until {INSIDE} wait hourly --done; do :; done; {INSIDE} status; \
        {INSIDE} wait nightly --done --timeout 50ms || echo waited $?; {INSIDE} stop hourly nightly; {INSIDE} status; \
        exec sleep 600\"\n"
    );
    let running = app()
        .service("nightly.toml", &format!("{job}at = \"03:00\"\n"))
        .service("hourly.toml", &format!("{job}every = \"1h\"\n"))
        .service("ask.toml", &ask)
        .start();
    let line = running.wait_for_line(|line| line.contains("| hourly ") && line.contains("next run"), LIMIT);
    assert!(line.contains(" done ") && line.contains("next run 20"), "{line}");
    running.wait_for_line(
        |line| line.contains("| nightly: still scheduled after ") && line.contains(": next run 20"),
        LIMIT,
    );
    running.wait_for_line(|line| line.ends_with("| waited 1"), LIMIT);
    for name in ["nightly", "hourly"] {
        let stopped =
            format!("| {name}: down: no longer scheduled until `stepdown start {name}`, which runs it at once");
        running.wait_for_line(|line| line.ends_with(&stopped), LIMIT);
        let held = |line: &str| {
            line.contains(&format!("| {name} "))
                && line.ends_with("stopped manually, not scheduled until it is started again")
        };
        running.wait_for_line(held, LIMIT);
    }
    running.stop().expect(0);
}
