//! The real binary as the real PID 1 while things go wrong: floods, readers that stall, orphans, services that will not end,
//! programs that cannot start, every signal, a panic of our own (DESIGN §4–§8, SECURITY T23, T24, T27, T29, T36).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::try_container::{Ended, LIMIT, Line, Origin, TryContainer, descendants, possible, status};
use crate::support::wait::wait_until;

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345")
}

/// A service file: a shell script and what else is declared.
fn shell(script: &str, more: &str) -> String {
    format!("command = [\"/bin/sh\", \"-c\", '''{script}''']\n{more}\n")
}

/// Says that it runs, then that it got TERM.
fn polite(more: &str) -> String {
    shell("trap 'echo got TERM; exit 0' TERM; echo runs; while :; do sleep 600 & wait; done", more)
}

/// Sends signals by number, which reach real-time ones too, to a process that is ours and not reaped.
fn send(pid: i32, numbers: impl IntoIterator<Item = i32>) {
    for number in numbers {
        let sent = Command::new("sh").args(["-c", &format!("kill -{number} {pid}")]).status().unwrap();
        assert!(sent.success(), "signal {number} to {pid}");
    }
}

/// What one service said, without its tag.
fn texts_of<'a>(lines: &'a [Line], service: &str) -> Vec<&'a str> {
    let tagged = |line: &'a Line| line.text.split_once(" | ").filter(|(tag, _)| tag.trim_end() == service);
    lines.iter().filter_map(|line| tagged(line).map(|(_, text)| text)).collect()
}

/// Where the line that contains `text` is; a tag may be padded.
fn place(ended: &Ended, text: &str) -> usize {
    let unpadded = |line: &str| match line.split_once(" | ") {
        Some((tag, rest)) => format!("{} | {rest}", tag.trim_end()),
        None => line.to_owned(),
    };
    let found = ended.lines.iter().position(|line| unpadded(&line.text).contains(text));
    found.unwrap_or_else(|| panic!("no line has {text:?}: {ended:#?}"))
}

fn count(lines: &[Line], text: &str) -> usize {
    lines.iter().filter(|line| line.text.contains(text)).count()
}

#[test]
fn every_line_of_a_flood_arrives_once_whole_and_in_order() {
    if !possible() {
        return;
    }
    let names = ["a", "bb", "ccc", "d"];
    let script = "seq -f 'line %.0f' 1 20000; printf 'the end'";
    let container = names.iter().fold(app(), |container, name| {
        container.service(&format!("{name}.toml"), &shell(script, "type = \"oneshot\""))
    });
    let ended = container.run().expect(0);
    let expected: Vec<String> =
        (1..=20_000).map(|index| format!("line {index}")).chain(["the end".to_owned()]).collect();
    let out: Vec<Line> = ended.lines.into_iter().filter(|line| line.origin == Origin::Out).collect();
    for name in names {
        let found = texts_of(&out, name);
        let wrong = expected.iter().zip(&found).find(|(expected, found)| *expected != *found);
        assert_eq!((wrong, found.len()), (None, expected.len()), "{name}");
    }
    assert_eq!(out.len(), names.len() * expected.len(), "nobody else wrote there");
}

#[test]
fn a_reader_that_stalls_slows_the_writers_and_delays_no_stop() {
    if !possible() {
        return;
    }
    let flood = "command = [\"seq\", \"-f\", \"line %.0f\", \"1\", \"1000000000\"]\n";
    let running = app()
        .service("flood.toml", flood)
        .service("db.toml", &polite(""))
        .service("web.toml", &polite("requires = [\"db\"]"))
        .start();
    running.wait_until(|lines| count(lines, "| runs") == 2, LIMIT);
    let first = running.pid_one();
    let mut seq = None;
    wait_until("the flood runs", || {
        seq = descendants(first).into_iter().find(|pid| status(*pid, "Name:") == "seq");
        seq.is_some()
    });
    let seq = seq.unwrap();
    // `try` is the reader of the container's output.
    running.signal(Signal::SIGSTOP);
    let mut before = String::new();
    wait_until("the flood stands still", || {
        std::thread::sleep(Duration::from_millis(200));
        let written = fs::read_to_string(format!("/proc/{seq}/io")).unwrap();
        let same = written == before;
        before = written;
        same
    });
    let requested = Instant::now();
    send(first, [15]);
    wait_until("the container ends", || matches!(status(first, "State:").get(..1), None | Some("Z")));
    assert!(requested.elapsed() < Duration::from_secs(8), "{:?}", requested.elapsed());
    running.signal(Signal::SIGCONT);
    let ended = running.wait(LIMIT).expect(0);
    // Our own messages go to another output, which had room.
    assert!(place(&ended, "web: stopped, exited with code 0") < place(&ended, "db: stopped, exited with code 0"));
    let found = texts_of(&ended.lines, "flood");
    // The very last one too: what fits no more is cut off between lines (`log::sink`).
    let wrong = found.iter().zip(1..).find(|(line, index)| **line != format!("line {index}"));
    assert!(found.len() > 1000 && wrong.is_none(), "{wrong:?}");
}

#[test]
fn a_panic_of_ours_stops_the_services_in_order_and_says_what_it_is() {
    if !possible() || !cfg!(debug_assertions) {
        return;
    }
    let running = app().service("db.toml", &polite("")).service("web.toml", &polite("requires = [\"db\"]")).start();
    running.wait_until(|lines| count(lines, "| runs") == 2, LIMIT);
    send(running.pid_one(), [64]);
    let ended = running.wait(LIMIT).expect(111);
    assert!(ended.text(Origin::Err).contains("internal error: "), "{ended:#?}");
    assert!(place(&ended, "web | got TERM") < place(&ended, "db | got TERM"), "{ended:#?}");
}

#[test]
fn last_words_come_before_the_end_that_they_explain() {
    if !possible() {
        return;
    }
    let mut container = TryContainer::new();
    let names: Vec<_> = (0..20).map(|number| format!("s{number}")).collect();
    for name in &names {
        let file = "restart = \"never\"\nscript = \"seq 300 >&2; echo last words >&2; exit 3\"\n";
        container = container.service(&format!("{name}.toml"), file);
    }
    let output = container.run().text(Origin::Err);
    for name in &names {
        let place = |text: String| output.find(&text).unwrap_or_else(|| panic!("no {text:?} in {output}"));
        let tag = output.lines().position(|line| line.starts_with(&format!("{name} ")) && line.contains("last words"));
        let end = output[..place(format!(" {name}: exited with code 3"))].lines().count();
        assert!(tag.is_some_and(|tag| tag < end), "{name}: {tag:?} {end} in {output}");
    }
}

#[test]
fn two_thousand_orphans_leave_no_zombie() {
    if !possible() {
        return;
    }
    let script = "at=0; while [ $at -lt 2000 ]; do (echo orphan &); at=$((at+1)); done; \
        zombies() { cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z 1 '; }; \
        at=0; until [ \"$(zombies)\" = 0 ] || [ $at = 100 ]; do sleep 0.1; at=$((at+1)); done; echo \"zombies: $(zombies)\"";
    let ended =
        app().service("parent.toml", &shell(script, "type = \"oneshot\"")).service("web.toml", &polite("")).start();
    ended.wait_for_line(|line| line.contains("zombies: "), LIMIT);
    let ended = ended.stop().expect(0);
    assert_eq!((count(&ended.lines, "| orphan"), count(&ended.lines, "zombies: 0")), (2000, 1));
}

#[test]
fn nobody_outlives_the_stop_however_stubborn() {
    if !possible() {
        return;
    }
    let patience = "stop = { timeout = \"300ms\" }\nrequires = [\"db\"]";
    let deaf = shell("trap '' TERM; echo runs; while :; do sleep 600 & wait; done", patience);
    // `tail` ignores TERM in the group of a service that obeys.
    let parent = shell(
        "(trap '' TERM; exec tail -f /dev/null) & trap 'exit 0' TERM; echo runs; while :; do sleep 600 & wait $!; done",
        patience,
    );
    let daemon = shell(
        "setsid sh -c 'trap \"echo session over; exit 0\" TERM; echo runs; while :; do sleep 600 & wait; done' & \
            trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done",
        "",
    );
    let witness = shell(
        "trap 'echo \"tails: $(cat /proc/[0-9]*/comm | grep -c tail)\"; exit 0' TERM; \
            echo runs; while :; do sleep 600 & wait; done",
        "",
    );
    let running = app()
        .service("deaf.toml", &deaf)
        .service("parent.toml", &parent)
        .service("daemon.toml", &daemon)
        .service("db.toml", &witness)
        .start();
    running.wait_until(|lines| count(lines, "| runs") == 4, LIMIT);
    let requested = Instant::now();
    let ended = running.stop().expect(0);
    assert!(requested.elapsed() < Duration::from_secs(8), "{:?}", requested.elapsed());
    // Lines of one stream: those of two arrive in any order.
    let deaf = ["deaf: did not exit within", "deaf: stopped, killed by SIGKILL", "| db: stopped, exited with code 0"];
    assert!(deaf.map(|text| place(&ended, text)).is_sorted(), "{ended:#?}");
    place(&ended, "tails: 0");
    place(&ended, "session over");
}

#[test]
fn a_service_stops_before_what_it_requires() {
    if !possible() {
        return;
    }
    let running = app().service("db.toml", &polite("")).service("web.toml", &polite("requires = [\"db\"]")).start();
    running.wait_until(|lines| count(lines, "| runs") == 2, LIMIT);
    let ended = running.stop().expect(0);
    assert!(place(&ended, "web | got TERM") < place(&ended, "db | got TERM"), "{ended:#?}");
    assert!(place(&ended, "web: stopped") < place(&ended, "db: stopped"), "{ended:#?}");
}

#[test]
fn a_second_stop_signal_ends_the_stop_timeout() {
    if !possible() {
        return;
    }
    let deaf = shell("trap '' TERM; echo runs; while :; do sleep 600 & wait; done", "");
    let running = app().container_toml("stop_timeout = \"25s\"\n").service("deaf.toml", &deaf).start();
    running.wait_for_line(|line| line.contains("runs"), LIMIT);
    let first = running.pid_one();
    send(first, [15]);
    running.wait_for_line(|line| line.contains("stopping"), LIMIT);
    let requested = Instant::now();
    send(first, [15]);
    let ended = running.wait(LIMIT).expect(0);
    place(&ended, "got SIGTERM again: not waiting any longer, killing what is left");
    assert!(requested.elapsed() < Duration::from_secs(10), "{:?}", requested.elapsed());
}

#[test]
fn what_cannot_start_is_named_and_tried_again_and_costs_nobody_else_anything() {
    if !possible() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = place.path().join("program");
    fs::write(&program, "#!/bin/sh\nrm \"$0\"\nexit 1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    // The kernel counts at setresuid(2) who is that user already, and refuses at execve(2).
    let crowded =
        "command = [\"sleep\", \"600\"]\nuser = \"daemon\"\nlimits = { nproc = 0 }\nrequires = [\"neighbour\"]\n";
    let running = app()
        .volume(place.path(), "/place")
        .service("vanished.toml", "command = [\"/place/program\"]\n")
        .service("homeless.toml", "command = [\"sleep\", \"600\"]\ndirectory = \"/missing\"\n")
        .service("neighbour.toml", "command = [\"sleep\", \"600\"]\nuser = \"daemon\"\n")
        .service("crowded.toml", crowded)
        .service("other.toml", &polite(""))
        .start();
    let errors = [
        ("vanished: ", "No such file or directory"),
        ("homeless: ", "No such file or directory"),
        ("crowded: ", "Try again"),
    ];
    for (name, error) in errors {
        running.wait_for_line(|line| line.contains(name) && line.contains(error), LIMIT);
        // Twice: the second attempt comes after a pause.
        let again = |line: &Line| line.text.contains(name) && line.text.contains("starts again");
        running.wait_until(|lines| lines.iter().filter(|line| again(line)).count() >= 2, LIMIT);
    }
    let ended = running.stop().expect(0);
    assert_eq!(texts_of(&ended.lines, "other"), ["runs", "got TERM"]);
}

/// All at once: stopped first, PID 1 finds every one of them when it goes on. (It went through std's handlers for SEGV and
/// BUS, whose small stack the others overflowed: 139.)
#[test]
fn no_burst_of_signals_ends_pid_one_but_those_that_ask_for_it() {
    if !possible() {
        return;
    }
    const STOP: i32 = 19;
    const CONT: i32 = 18;
    // Not HUP, INT, QUIT, KILL, TERM, PWR and RTMIN+3, and the one that makes a debug build panic (64).
    let others = (1..64).filter(|number| ![1, 2, 3, 9, 15, 30, 37, STOP, CONT].contains(number));
    let running = app().service("web.toml", &polite("")).service("db.toml", &polite("")).start();
    running.wait_until(|lines| count(lines, "| runs") == 2, LIMIT);
    send(running.pid_one(), std::iter::once(STOP).chain(others).chain(std::iter::once(CONT)));
    let ended = running.stop().expect(0);
    assert_eq!(texts_of(&ended.lines, "web"), ["runs", "got TERM"], "{ended:#?}");
    place(&ended, "got SIGTERM: stopping");
}

#[test]
fn signals_that_are_not_ours_reach_the_main_command() {
    if !possible() {
        return;
    }
    let script = "for name in USR1 USR2 WINCH; do trap \"echo it was $name\" $name; done; trap 'exit 5' TERM; \
        echo runs; while :; do sleep 600 & wait; done";
    let running = app().service("web.toml", &polite("")).command(&["/bin/sh", "-c", script]).start();
    running.wait_until(|lines| count(lines, "| runs") == 2, LIMIT);
    for (name, number) in [("USR1", 10), ("USR2", 12), ("WINCH", 28)] {
        send(running.pid_one(), [number]);
        running.wait_for_line(|line| line.contains(&format!("it was {name}")), LIMIT);
    }
    running.stop().expect(5);
}

#[test]
fn what_requires_a_service_starts_when_that_one_says_that_it_is_ready() {
    if !possible() {
        return;
    }
    let db = shell("sleep 0.5; echo opened; echo >&3; exec sleep 600", "ready = { fd = 3 }");
    let silent = shell("exec sleep 600", "ready = { fd = 3, timeout = \"300ms\" }");
    let running = app()
        .service("db.toml", &db)
        .service("web.toml", &polite("requires = [\"db\"]"))
        .service("silent.toml", &silent)
        .service("never.toml", &shell("echo too early; exec sleep 600", "requires = [\"silent\"]"))
        .start();
    running.wait_for_line(|line| line.contains("silent: not ready within"), LIMIT);
    running.wait_for_line(|line| line.contains("silent: starts again"), LIMIT);
    running.wait_for_line(|line| line.contains("| runs"), LIMIT);
    let ended = running.stop().expect(0);
    assert!(place(&ended, "| opened") < place(&ended, "| runs"), "{ended:#?}");
    assert_eq!(count(&ended.lines, "too early"), 0, "{ended:#?}");
}

/// What a shell runs in the background ignores INT and QUIT.
#[test]
fn what_ignores_the_services_own_stop_signal_does_not_use_up_its_stop_timeout() {
    if !possible() {
        return;
    }
    let script = "trap 'exit 0' QUIT; sleep 600 & sleep 600 & echo runs; while :; do sleep 0.05; done";
    let running = app()
        .container_toml("stop_timeout = \"25s\"\n")
        .service("web.toml", &shell(script, "stop = { signal = \"QUIT\", group = true }"))
        .start();
    running.wait_for_line(|line| line.contains("runs"), LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "did not exit within"), 0, "{ended:#?}");
}

#[test]
fn the_oom_score_of_another_users_service_is_set() {
    if !possible() {
        return;
    }
    let script = "until [ $(cat /proc/$$/oom_score_adj) = 777 ]; do sleep 0.05; done; echo adjusted; sleep 600";
    let other = "user = \"daemon\"\noom_score_adj = 777";
    let running = app().service("other.toml", &shell(script, other)).start();
    running.wait_for_line(|line| line.contains("adjusted"), LIMIT);
    running.stop().expect(0);
}

#[test]
fn a_service_with_groups_of_its_own_has_those_and_no_others() {
    if !possible() {
        return;
    }
    let running = app()
        .group_add("44")
        .service("web.toml", &shell("id -G; sleep 600", "groups = [\"daemon\", 4321]"))
        .service("other.toml", &shell("id -G; sleep 600", ""))
        .start();
    running.wait_until(|lines| count(lines, "| 2345") == 2, LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(texts_of(&ended.lines, "web"), ["2345 1 4321"]);
    assert_eq!(texts_of(&ended.lines, "other"), ["2345 44"]);
}

/// As under Docker's `--init`, where orphans come to us only because we ask for them.
#[test]
fn what_a_prepare_oneshot_leaves_is_ended_before_services_start_also_when_we_are_not_pid_one() {
    if !possible() {
        return;
    }
    let stray = "setsid sh -c 'trap \"\" TERM; echo strays; exec sleep 654' & exec sleep 0.3";
    let look = "if ps -eo args | grep -q '^sleep 654'; then echo still there; else echo gone; fi; sleep 600";
    for container in [app(), app().init()] {
        let running = container
            .service("prepare.toml", &shell(stray, "type = \"oneshot\"\nuser = \"root\""))
            .service("web.toml", &shell(look, "requires = [\"prepare\"]"))
            .service("other.toml", &polite(""))
            .start();
        running.wait_for_line(|line| line.starts_with("web") && !line.contains("stepdown"), LIMIT);
        let ended = running.stop().expect(0);
        assert_eq!(texts_of(&ended.lines, "web"), ["gone"], "{ended:#?}");
    }
}
