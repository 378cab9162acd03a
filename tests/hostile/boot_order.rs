//! The order of the boot, as one sees it from outside: what a stop, a mistake and odd signal settings do to it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{BareContainer, HELLO, says, text};
use crate::support::try_container::{LIMIT, possible};

#[test]
fn a_stop_while_prepare_runs_ends_the_boot_in_order() {
    if !possible() {
        return;
    }
    let prepare = "type = \"oneshot\"\nuser = \"root\"\n\
        command = [\"/bin/sh\", \"-c\", \"trap 'echo told; exit 0' TERM; echo prepares; while :; do sleep 0.01; done\"]\n";
    let container =
        BareContainer::new().app().etc("services.d/first.toml", prepare).etc("services.d/hello.toml", HELLO);
    let running = container.start();
    running.wait_for_line(|line| line.contains("prepares"), LIMIT);
    kill(Pid::from_raw(running.pid_one()), Signal::SIGTERM).unwrap();
    let ended = running.wait(LIMIT);
    says("prepare", &ended, 0, &["told"]);
    assert!(!text(&ended).contains("it runs as"), "nothing starts after a stop: {ended:#?}");
}

#[test]
fn what_is_wrong_in_the_configuration_touches_nothing() {
    if !possible() {
        return;
    }
    // All that a boot would change, and when it was changed.
    let look = "find etc run data tmp -printf '%p %u %g %m %C@ %s\\n' | sort";
    for (name, service, puid) in [
        ("a key", "comand = [\"true\"]\n", "1234"),
        ("a program", "command = [\"/no/such/program\"]\n", "1234"),
        ("an id", "command = [\"true\"]\n", "-1"),
        ("a zone", "command = [\"true\"]\n", "12 34"),
    ] {
        let container = "[[own]]\npath = \"/data\"\n[[directory]]\npath = \"/run/web\"\nclean = [\"*\"]\n";
        let container =
            BareContainer::new().env("PUID", puid).etc("stepdown.toml", container).etc("services.d/web.toml", service);
        let watch =
            format!("cd /; {look} > /out/before; /stepdown init -- || code=$?; {look} > /out/after; exit $code");
        let container = container.broken("mkdir data; echo x > data/file; mkdir run/web; echo x > run/web/left");
        // A mistake is found before it matters who PID 1 is.
        let container = container.inside(&format!("export PUID='{puid}'; {watch}"));
        let out = container.out();
        let (ended, _home) = container.start().wait_keeping(LIMIT);
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        says(name, &ended, 100, &[]);
        assert!(read("before").contains("run/web/left"), "{}", read("before"));
        assert_eq!(read("before"), read("after"), "{name}");
    }
}

#[test]
fn a_service_has_none_of_the_signal_settings_that_pid_1_was_started_with() {
    if !possible() {
        return;
    }
    let shows = "type = \"oneshot\"\ncommand = [\"/bin/grep\", \"-E\", \"^Sig(Blk|Ign):\", \"/proc/self/status\"]\n";
    // Everything ignored and everything blocked, as a careless runtime leaves it. Two signals are the C library's own.
    let careless = "exec python3 -c 'import os, signal\n\
        for number in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(number, signal.SIG_IGN)\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33})\n\
        os.execve(\"/stepdown\", [\"/stepdown\", \"init\", \"--\"] + COMMAND, {\"PUID\": \"1234\", \"PATH\": \"/bin\"})'";
    let service = BareContainer::new().etc("services.d/shows.toml", shows).inside(&careless.replace("COMMAND", "[]"));
    let main = "[\"/bin/grep\", \"-E\", \"^Sig(Blk|Ign):\", \"/proc/self/status\"]";
    let main = BareContainer::new().inside(&careless.replace("COMMAND", main));
    for (name, container) in [("service", service), ("main", main)] {
        let ended = container.run();
        says(name, &ended, 0, &["SigBlk:\t0000000000000000"]);
        let ignored = ended.lines.iter().find_map(|line| line.text.split_once("SigIgn:\t")).unwrap().1;
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        assert_eq!(ignored & !(0b11 << 31), 0, "{name}: {ended:#?}");
    }
}

#[test]
fn a_stop_signal_is_received_although_every_signal_was_blocked_at_the_start() {
    if !possible() {
        return;
    }
    let blocked = "exec python3 -c 'import os, signal\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33})\n\
        os.execve(\"/stepdown\", [\"/stepdown\", \"init\", \"--\"], {\"PUID\": \"1234\", \"PATH\": \"/bin\"})'";
    let web = "command = [\"/bin/sh\", \"-c\", \"echo serves; exec sleep 600\"]\n";
    let running = BareContainer::new().etc("services.d/web.toml", web).inside(blocked).start();
    running.wait_for_line(|line| line.contains("serves"), LIMIT);
    kill(Pid::from_raw(running.pid_one()), Signal::SIGTERM).unwrap();
    says("blocked", &running.wait(LIMIT), 0, &["web: stopped, killed by SIGTERM"]);
}
