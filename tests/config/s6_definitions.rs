//! Definitions of s6-rc in an image made for s6-overlay: what differs from a service directory in a services tree.

use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use stepdown::config::service::{Command, Ready, Service};
use stepdown::config::{Config, Content};

use super::sources_builder::{definition, dir, file, names, program, s6_image};

const WEB: &str = "/etc/s6-overlay/s6-rc.d/web";

fn read(content: Content) -> Config {
    s6_image().started("web", content).config()
}

fn web(content: Content) -> Service {
    let mut services = read(content).services;
    assert_eq!(services.len(), 1);
    Rc::unwrap_or_clone(services.remove(0))
}

#[track_caller]
fn assert_problems(content: Content, expected: &[&str]) {
    let printed: Vec<String> = s6_image().started("web", content).problems();
    let printed: Vec<String> = printed.iter().map(|text| text.replace(WEB, "W")).collect();
    assert_eq!(printed, expected);
}

fn argv(words: &[&str]) -> Command {
    Command::Argv(words.iter().map(OsString::from).collect())
}

fn path(name: &str) -> String {
    format!("{WEB}/{name}")
}

#[test]
fn scripts_of_a_longrun_need_no_execute_bit() {
    let service =
        web(definition("longrun", [("run", file("#!/bin/sh -e\nexec web\n")), ("finish", file("#!/bin/sh\n"))]));
    assert_eq!(service.command, Command::File(PathBuf::from(path("run"))));
    assert_eq!(service.finish.expect("a script").command, Command::File(PathBuf::from(path("finish"))));
    assert_problems(
        definition("longrun", [("run", file("echo\n"))]),
        &[
            "W/run: does not begin with `#!`, so that nothing can execute it; s6-overlay would try to execute it again and again; \
           begin it with `#!/bin/sh`",
        ],
    );
    let crlf = "#!/bin/sh\r\nexec web\r\n";
    assert_problems(
        definition("longrun", [("run", file(crlf))]),
        &["W/run:1: has Windows line endings (CRLF); save the file with Unix ones: `sed -i 's/\\r$//' W/run`"],
    );
}

#[test]
fn an_up_file_is_a_path_or_nothing_and_may_be_a_shell_script() {
    let up = |text: &str| web(definition("oneshot", [("up", file(text)), ("run", program("#!/bin/sh\n"))])).command;
    assert_eq!(up("/etc/x/run\n"), argv(&["/etc/x/run"]));
    assert_eq!(up("# nothing\n"), Command::Nothing);
    assert_eq!(up(""), Command::Nothing);
    assert_eq!(up("#!/bin/sh\nexec /etc/x/run\n"), Command::File(PathBuf::from(path("up"))));
    assert_eq!(up("#!/bin/sh\necho \"$HOME\"\n"), Command::File(PathBuf::from(path("up"))));
}

#[test]
fn a_start_timeout_is_one_of_readiness_and_of_a_oneshots_run() {
    let up = || ("up", file("/bin/true"));
    let service = web(definition("oneshot", [up(), ("timeout-up", file("5000\n")), ("timeout-down", file("9"))]));
    let times = (service.timeout, service.stop.timeout);
    assert_eq!(times, (Some(Duration::from_secs(5)), Some(Duration::from_millis(9))));
    assert_eq!(web(definition("oneshot", [up(), ("timeout-up", file("0"))])).timeout, None, "0 is no limit");
    let run = || ("run", program("#!/bin/sh\n"));
    let service = web(definition("longrun", [run(), ("notification-fd", file("3")), ("timeout-up", file("5000\n"))]));
    assert_eq!(service.ready, Ready::Fd { fd: 3, timeout: Some(Duration::from_secs(5)) });
    let config = read(definition("longrun", [run(), ("timeout-up", file("5000"))]));
    assert_eq!(config.notices, ["`timeout-up` is ignored: without `notification-fd` a longrun is up at once (web)"]);
}

#[test]
fn what_s6_rc_ignores_is_said_once_with_all_that_have_it() {
    let run = || ("run", program("#!/bin/sh\n"));
    let with_down = || definition("longrun", [run(), ("down", file("")), ("data", dir([])), ("env", dir([]))]);
    let config = s6_image()
        .started("a", with_down())
        .started("b", with_down())
        .started("c", definition("longrun", [run(), ("up", file("")), ("flag-essential", file(""))]))
        .config();
    assert!(config.services.iter().all(|service| service.enabled && !service.essential));
    assert_eq!(
        config.notices,
        [
            "`down` is ignored: s6-rc has none on a longrun; leave the service out of `user` instead (a, b)",
            "`flag-essential` is ignored: it can be stopped manually as any other (c)",
            "`up` is ignored: a longrun has `run` (c)",
        ]
    );
}

#[test]
fn a_definition_that_s6_overlay_would_refuse_is_refused_with_what_to_write() {
    assert_problems(
        dir([("run", program("#!/bin/sh\n"))]),
        &[
            "W: has no `type`; s6-overlay would stop the container here; write longrun, oneshot or bundle into a file `type` \
         there",
        ],
    );
    assert_problems(definition("daemon", []), &["W/type: cannot be \"daemon\"; write longrun, oneshot or bundle"]);
    assert_problems(
        definition("longrun", []),
        &["W: is a longrun and has no `run`; write an executable file `run` there"],
    );
    assert_problems(
        definition("oneshot", []),
        &[
            "W: is a oneshot and has no `up`; s6-overlay would stop the container here; write the path of a script into a \
         file `up` there, or an empty one",
        ],
    );
}

#[test]
fn names_that_s6_rc_or_we_refuse_are_named_with_the_rule() {
    let service = || definition("oneshot", [("up", file(""))]);
    for (name, expected) in [
        (
            "s6rc-x",
            "\"s6rc-x\" cannot be a service's name; rename it: s6-rc keeps names that begin with `s6rc-` for itself",
        ),
        ("base", "\"base\" is a name of s6-overlay itself; rename it: s6-overlay does not start with two of that name"),
        (
            "a b",
            "\"a b\" cannot be a service's name, although s6-rc may accept it; rename it: use letters, digits and `_ - . \
             @ : +`, begin with a letter, digit or `_`, and at most 64",
        ),
    ] {
        let printed = s6_image().definition(name, service()).problems();
        assert_eq!(printed, [format!("/etc/s6-overlay/s6-rc.d/{name}: {expected}")]);
    }
}

#[test]
fn files_between_the_definitions_are_ignored_and_said() {
    let config =
        s6_image().started("web", definition("oneshot", [("up", file(""))])).definition("README.md", file("")).config();
    assert_eq!(config.notices, ["/etc/s6-overlay/s6-rc.d: \"README.md\" is not a service, by name: ignored"]);
}

#[test]
fn a_cycle_of_dependencies_is_named() {
    let on = |name| definition("oneshot", [("up", file("")), ("dependencies.d", names([name]))]);
    s6_image().started("a", on("b")).started("b", on("a")).assert_problems(&[
        "/etc/s6-overlay/s6-rc.d/a/dependencies.d: dependency cycle: a → b → a; remove one of these `dependencies.d`",
    ]);
}
