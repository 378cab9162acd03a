//! `[main]` with the real binary as the real PID 1: what a plain `docker run IMAGE COMMAND` does with a description.

use nix::sys::signal::Signal;

use crate::support::try_container::{LIMIT, Origin, TryContainer, possible};

/// Says that it runs, then which of these signals it gets, and ends with that code.
const SAYS: &str = "for name in INT TERM; do trap \"echo got $name; exit 143\" $name; done; echo runs; \
                    while :; do sleep 600 & wait; done";

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345")
}

#[test]
fn a_success_code_of_the_main_command_is_0_to_the_engine() {
    if !possible() {
        return;
    }
    for (description, code) in [("", 143), ("[main]\nsuccess_codes = [0, 143]\n", 0)] {
        let ended = app().container_toml(description).command(&["/bin/sh", "-c", "exit 143"]).run();
        ended.expect(code);
    }
    // Killed by a signal, as tini's `-e` has it.
    let killed = app().container_toml("main = { success_codes = [143] }").command(&["/bin/sh", "-c", "kill -TERM $$"]);
    killed.run().expect(0);
}

#[test]
fn its_own_stop_signal_is_sent_instead_of_the_one_that_came() {
    if !possible() {
        return;
    }
    for (description, got, code) in [("", "TERM", 143), ("[main]\nstop = { signal = \"INT\" }\n", "INT", 143)] {
        let running = app().container_toml(description).command(&["/bin/sh", "-c", SAYS]).start();
        running.wait_for_line(|line| line.contains("runs"), LIMIT);
        running.signal(Signal::SIGTERM);
        let ended = running.wait(LIMIT).expect(code);
        assert!(ended.text(Origin::Out).contains(&format!("got {got}")), "{ended:#?}");
    }
}

#[test]
fn a_main_command_that_is_not_ready_in_time_is_stopped_and_the_container_ends_with_1() {
    if possible() {
        let ready = "[main]\nready = { path = \"/nowhere\", timeout = \"100ms\" }\nsuccess_codes = [0, 143]\n";
        let ended = app().container_toml(ready).command(&["/bin/sh", "-c", SAYS]).run().expect(1);
        let text = ended.text(Origin::Err);
        assert!(text.contains("main: not ready within 100ms (`main.ready.timeout`), stopping it"), "{ended:#?}");
        let story =
            "the container ends with code 1: the main command was not ready within 100ms (`main.ready.timeout`)";
        assert!(text.contains(story), "{ended:#?}");
    }
}

#[test]
fn a_main_command_that_was_given_up_is_told_of_whatever_its_code() {
    if possible() {
        let ready = "[main]\nready = { path = \"/nowhere\", timeout = \"100ms\" }\n";
        let ends_with_1 = "trap 'exit 1' TERM; while :; do sleep 600 & wait; done";
        let ended = app().container_toml(ready).command(&["/bin/sh", "-c", ends_with_1]).run().expect(1);
        let story = "the container ends with code 1: the main command was not ready within 100ms";
        assert!(ended.text(Origin::Err).contains(story), "{ended:#?}");
    }
}

#[test]
fn a_code_that_only_the_description_calls_a_failure_is_explained() {
    if possible() {
        let codes = "[main]\nsuccess_codes = [3]\n";
        let ended = app().container_toml(codes).command(&["/bin/sh", "-c", "exit 0"]).run().expect(1);
        let story = "the container ends with code 1: the main command exited with code 0, which `main.success_codes` does not \
                     include";
        assert!(ended.text(Origin::Err).contains(story), "{ended:#?}");
    }
}

#[test]
fn an_unhealthy_main_command_ends_the_container_with_1() {
    if possible() {
        let health = "[main]\nhealth = { path = \"/nowhere\", interval = \"10ms\", failures = 2 }\n";
        let ended = app().container_toml(health).command(&["/bin/sh", "-c", SAYS]).run().expect(1);
        assert!(ended.text(Origin::Err).contains("main: unhealthy, 2 consecutive failures"), "{ended:#?}");
    }
}

#[test]
fn it_runs_as_the_user_that_is_declared_and_is_asked_as_that_user() {
    if possible() {
        let user = "[main]\nuser = \"77:88\"\nready = { command = [\"/bin/sh\", \"-c\", \"test $(id -u) = 77\"], timeout = \"20s\" }\n";
        let script = "echo uid $(id -u):$(id -g); while :; do sleep 600 & wait; done";
        let running = app().container_toml(user).service("web.toml", "command = [\"sleep\", \"600\"]\n");
        let running = running.command(&["/bin/sh", "-c", script]).start();
        running.wait_for_line(|line| line.contains("uid 77:88"), LIMIT);
        running.wait_for_line(|line| line.contains("main: up, pid"), LIMIT);
        running.stop();
    }
}

#[test]
fn a_service_that_keeps_the_main_command_waiting_is_named_and_gives_a_stop_before_its_start_its_code() {
    if !possible() {
        return;
    }
    let fails = "command = [\"sleep\", \"600\"]\nready = { path = \"/nowhere\", timeout = \"100ms\" }\n";
    let running = app().service("db.toml", fails).command(&["/bin/sh", "-c", SAYS]).start();
    let line = running.wait_for_line(|line| line.contains("starts again in"), LIMIT);
    assert!(line.contains("(1 consecutive failure); the main command waits for it"), "{line}");
    running.signal(Signal::SIGTERM);
    let ended = running.wait(LIMIT).expect(1);
    let text = ended.text(Origin::Err);
    assert!(text.contains("the last result: /nowhere is not there"), "{ended:#?}");
    let story = "the container ends with code 1: the main command never ran: it waited for db, which was not ready within \
                 100ms (`ready.timeout`)";
    assert!(text.contains(story), "{ended:#?}");
}
