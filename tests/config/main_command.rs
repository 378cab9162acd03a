//! `[main]`: the main command, described like a service.

use std::rc::Rc;
use std::time::Duration;

use stepdown::config::container::MainCommand;
use stepdown::config::probe::{Probe, UnhealthyAction};
use stepdown::config::service::{Ready, RunAs, Service, Stop};
use stepdown::config::values::{Gid, Signal, Uid};

use super::sources_builder::{PLAIN, empty_sources};

fn main(text: &str) -> MainCommand {
    empty_sources().main("java").container(text).config().container.main
}

#[track_caller]
fn assert_problems(text: &str, expected: &[&str]) {
    let printed = empty_sources().main("java").container(text).problems();
    let printed: Vec<String> = printed.iter().map(|text| text.replace("/etc/stepdown.toml:", "")).collect();
    assert_eq!(printed, expected);
}

#[test]
fn nothing_declared_is_the_plain_command_of_the_app_user() {
    assert_eq!(main(""), MainCommand::default());
    let plain = MainCommand { at: None, ..main("[main]") };
    assert_eq!(plain, MainCommand::default());
}

#[test]
fn every_key_is_read_as_in_a_services_file() {
    let main = main(
        "[main]\nuser = \"33:34\"\nsuccess_codes = [143, 0]\nstop = { signal = \"INT\", timeout = \"5s\", group = true }\n\
         ready = { tcp = 8080, timeout = \"1m\" }\nhealth = { path = \"/run/x\", failures = 5 }\n",
    );
    assert_eq!((main.user, main.success_codes), (RunAs::Ids(Uid(33), Gid(34)), vec![0, 143].into()));
    let five = Some(Duration::from_secs(5));
    assert_eq!(main.stop, Stop { signal: Signal::INT, timeout: five, group: true });
    assert!(!main.forwards_stop_signal);
    let Ready::Probe { probe, timeout: Some(_), .. } = main.ready else { panic!("{:?}", main.ready) };
    assert!(matches!(*probe, Probe::Tcp(_)));
    let health = main.health.unwrap();
    assert_eq!((health.failures, health.then), (5, UnhealthyAction::StopContainer));
}

#[test]
fn a_stop_without_a_signal_still_passes_on_the_one_that_came() {
    assert!(main("[main.stop]\ntimeout = \"2s\"").forwards_stop_signal);
}

#[test]
fn the_app_users_own_name_asks_for_nothing() {
    assert_eq!(main("[app]\nuser = \"abc\"\n[main]\nuser = \"abc\"").user, RunAs::App);
}

#[test]
fn the_main_command_is_a_service_of_that_description() {
    let config = empty_sources().main("java").container("[main]\nsuccess_codes = [143]").config();
    let Service { name, success_codes, user, .. } = Rc::unwrap_or_clone(config.main_service().unwrap());
    assert_eq!((name.as_str(), success_codes, user), ("main", vec![143].into(), RunAs::App));
    assert_eq!(empty_sources().toml("web", PLAIN).config().main_service(), None);
}

#[test]
fn what_is_wrong_is_reported_with_its_line_and_what_to_write() {
    assert_problems(
        "[main]\nsuccess_code = [0]",
        &["2: unknown key `success_code` in `main`; did you mean `success_codes`?"],
    );
    assert_problems(
        "[main]\nuser = \"1000\"",
        &["2: `main.user` cannot be \"1000\"; write uid and gid, such as \"1000:1000\""],
    );
    assert_problems(
        "[main]\nuser = 0",
        &["2: `main.user` expects a string, found an integer; write `user = \"root\"`"],
    );
    assert_problems(
        "[main]\nsuccess_codes = 143",
        &["2: `main.success_codes` expects an array of integers, found an integer; \
           write for example `success_codes = [0, 143]`"],
    );
    assert_problems(
        "[main]\nsuccess_codes = [300]",
        &["2: an element of `main.success_codes` cannot be 300; write 0 to 255"],
    );
    assert_problems(
        "[main]\nsuccess_codes = []",
        &["2: `main.success_codes` is empty; write for example `success_codes = [0, 143]`"],
    );
    assert_problems(
        "[main]\nstop = { signal = \"int\" }",
        &["2: `main.stop.signal` cannot be \"int\"; did you mean \"INT\"?"],
    );
    assert_problems(
        "[main]\nstop = \"INT\"",
        &[
            "2: `main.stop` expects a table, found a string; write for example `stop = { signal = \"INT\", timeout = \"5s\" }`",
        ],
    );
    assert_problems(
        "[main]\n[main.stop]\ntimeout = \"9s\"",
        &["3: `main.stop.timeout` is 9s, and the whole stop has 8s; \
           lower it, or raise `stop_timeout` in /etc/stepdown.toml (and docker stop's -t)"],
    );
    assert_problems(
        "[main]\nhealth = { tcp = 80, then = \"restart\" }",
        &["2: `main.health.then` cannot be \"restart\"; the container ends with its main command: write \
           \"stop-container\" (the container runtime's restart policy starts it again) or \"report\"; what is to be restarted in \
           here is a service"],
    );
    assert_problems(
        "[main]\nready = {}",
        &["2: `main.ready` does not say how; \
        write one of fd, notify, tcp, http, path, socket, command, delay"],
    );
    assert_problems("[main.ready]\ntcp = 0", &["2: `main.ready.tcp` cannot be 0; write 1 to 65535"]);
    assert_problems(
        "[main]\nrestart = \"always\"\nenvironment = {}",
        &[
            "2: unknown key `restart` in `main`; \
             it is a key of services; of the main command these are: user, success_codes, stop, ready, secrets, health",
            "3: unknown key `environment` in `main`; \
             it is a key of services; of the main command these are: user, success_codes, stop, ready, secrets, health",
        ],
    );
    assert_problems(
        "main = [\"java\"]",
        &["1: `main` expects a table, found an array; write for example \
        `main = { success_codes = [0, 143] }`"],
    );
}

#[test]
fn a_description_without_a_command_is_noticed_or_refused() {
    let notices = empty_sources().toml("web", PLAIN).container("[main]").config().notices;
    let expected = "`[main]` has no effect: no main command is given; \
                    `docker run IMAGE COMMAND`, `stepdown check -- COMMAND`";
    assert_eq!(notices, [expected]);
    let printed = empty_sources().container("[main]").problems();
    assert_eq!(
        printed,
        ["/etc/services.d: holds no service, and there is no main command; give the command that `[main]` describes: \
          `docker run IMAGE COMMAND`, `stepdown check -- COMMAND`, `stepdown doctor -- COMMAND`"]
    );
}
