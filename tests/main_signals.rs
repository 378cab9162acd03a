//! The real binary as the real PID 1: which signals the main command gets, and what is said of those that nobody takes.
#![allow(unsafe_code)] // kill(2): realtime signals have no name in nix

use nix::libc;

use crate::support::try_container::{LIMIT, Running, TryContainer, possible};

/// Says the number of each signal that it gets, and ends with 7 after the second USR2.
const SAYS: &str = "use POSIX; use Config; my @names = split ' ', $Config{sig_name}; my $last = 0; $| = 1; \
    for my $number (1 .. 64) { next if grep { $_ == $number } 9, 17, 19, 32, 33; \
        $SIG{$names[$number]} = sub { print \"got $number\\n\"; exit 7 if $number == 12 and $last++ } } \
    print \"ready\\n\"; POSIX::pause() while 1";

fn send(running: &Running, signal: i32) {
    // SAFETY: takes numbers only; PID 1 of the container lives as long as `running` does.
    assert_eq!(unsafe { libc::kill(running.pid_one(), signal) }, 0);
}

fn times(running: &Running, line: &str) -> usize {
    running.lines().iter().filter(|found| found.text.ends_with(line)).count()
}

/// Sends a signal and waits until the main command has said that it came once more.
fn reaches(running: &Running, signal: i32) {
    let line = format!("got {signal}");
    let before = times(running, &line);
    send(running, signal);
    running.wait_until(|lines| lines.iter().filter(|found| found.text.ends_with(&line)).count() > before, LIMIT);
}

#[test]
fn a_bare_main_command_gets_every_signal_that_can_be_caught_as_it_is() {
    if !possible() {
        return;
    }
    let container = TryContainer::new().env("PUID", "1234").container_toml("stop_timeout = \"60s\"\n");
    let running = container.command(&["perl", "-e", SAYS]).start();
    running.wait_for_line(|line| line == "ready", LIMIT);
    // 64 has a debug build panic, for other tests.
    let others = (1..64).filter(|number| ![2, 9, 12, 15, 17, 19, 32, 33].contains(number));
    for signal in others {
        reaches(&running, signal);
    }
    // The stop begins with these, and whoever asks again asks the main command again.
    for signal in [15, 15, 2, 3, 12, 2] {
        reaches(&running, signal);
    }
    send(&running, 12);
    running.wait(LIMIT).expect(7);
}

#[test]
fn with_services_hup_and_quit_reach_the_services_they_are_declared_for() {
    if !possible() {
        return;
    }
    let rules = "stop_timeout = \"60s\"\n[signals]\nHUP = \"main\"\nQUIT = { service = \"main\", signal = \"USR1\" }\n";
    let running = TryContainer::new()
        .env("PUID", "1234")
        .service("web.toml", "command = [\"sleep\", \"600\"]\n")
        .container_toml(rules)
        .command(&["perl", "-e", SAYS])
        .start();
    running.wait_for_line(|line| line.ends_with("| ready"), LIMIT);
    reaches(&running, 1);
    send(&running, 3);
    running.wait_for_line(|line| line.ends_with("got 10"), LIMIT);
    assert_eq!(times(&running, "stopping"), 0);
    reaches(&running, 12);
    send(&running, 12);
    running.wait(LIMIT).expect(7);
}

#[test]
fn a_signal_without_effect_is_reported_once_and_a_power_failure_is_a_stop() {
    if !possible() {
        return;
    }
    for (number, name) in [(30, "SIGPWR"), (37, "SIGRTMIN+3")] {
        let container = TryContainer::new().env("PUID", "1234");
        let running = container.service("web.toml", "command = [\"sleep\", \"600\"]\n").start();
        running.wait_for_line(|line| line.contains("web: up"), LIMIT);
        let output = |line: &str| line.contains("got SIGWINCH: no service takes it; if it is the image's STOPSIGNAL, ");
        send(&running, 28);
        running.wait_for_line(output, LIMIT);
        send(&running, 28);
        send(&running, number);
        running.wait_for_line(|line| line.contains(&format!("got {name}: stopping")), LIMIT);
        let ended = running.wait(LIMIT).expect(0);
        assert_eq!(ended.lines.iter().filter(|line| output(&line.text)).count(), 1, "{ended:#?}");
    }
}

#[test]
fn what_no_image_stops_with_is_not_taken_for_its_stop_signal() {
    if !possible() {
        return;
    }
    let container = TryContainer::new().env("PUID", "1234").service("web.toml", "command = [\"sleep\", \"600\"]\n");
    let running = container.start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let (cont, tstp, alrm, usr2) = (18, 20, 14, 12);
    for signal in [cont, tstp, alrm, usr2] {
        send(&running, signal);
    }
    let output = |name: &str| running.wait_for_line(|line| line.contains(&format!("got {name}: ")), LIMIT);
    assert!(output("SIGUSR2").contains("`STOPSIGNAL TERM`"));
    for name in ["TSTP", "ALRM"] {
        let line = output(&format!("SIG{name}"));
        assert!(!line.contains("STOPSIGNAL") && line.contains(&format!("`signals = {{ \"{name}\" = ")), "{line}");
    }
    let ended = running.stop().expect(0);
    assert!(!ended.lines.iter().any(|line| line.text.contains("SIGCONT")), "{ended:#?}");
}
