//! Files of images made for s6-overlay that are wrong: the exact text of each problem, and what s6-overlay would do where it
//! starts all the same.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use stepdown::config::Content;

use super::sources_builder::{definition, dir, file, longrun, names, program, s6_image};

const WEB: &str = "/etc/s6-overlay/s6-rc.d/web";
const SH: &[u8] = b"#!/bin/sh\n";

type Files = Vec<(&'static str, Content)>;

fn oneshot(more: Files) -> Content {
    definition("oneshot", [("up", file(""))].into_iter().chain(more))
}

fn service(more: Files) -> Content {
    definition("longrun", [("run", program(SH))].into_iter().chain(more))
}

fn unreadable() -> Content {
    Content::Unreadable("Permission denied".to_owned())
}

/// Checks the problems of one definition, `web`.
#[track_caller]
fn assert_problem(content: Content, expected: &str) {
    let printed = s6_image().started("web", content).problems().join("\n").replace(WEB, "W");
    assert_eq!(printed, expected);
}

/// Checks the problems of one service of services.d, `web`.
#[track_caller]
fn assert_legacy(content: Content, expected: &str) {
    let printed = s6_image().entry("web", content).problems().join("\n").replace("/etc/services.d/web", "W");
    assert_eq!(printed, expected);
}

#[test]
fn a_type_that_is_none_is_named() {
    let of = |kind| dir([("type", kind), ("up", file(""))]);
    assert_problem(of(file("")), "W/type: is empty; write longrun, oneshot or bundle");
    assert_problem(of(file("Oneshot\n")), "W/type: cannot be \"Oneshot\"; write longrun, oneshot or bundle");
    assert_problem(of(file(b"one\xff")), "W/type:1: is not UTF-8 text (byte 0xff); save it as UTF-8");
    assert_problem(of(dir([])), "W/type: is a directory; put a regular file there, or remove it");
    let reason = "cannot read it: Permission denied; make it readable for the user that starts the container";
    assert_problem(of(unreadable()), &format!("W/type: {reason}"));
    // s6-rc would not take a carriage return.
    s6_image().started("web", of(file("oneshot\r\n"))).config();
}

#[test]
fn files_that_are_empty_directories_or_unreadable_are_named() {
    let with = |name, content| service(vec![(name, content)]);
    assert_problem(with("notification-fd", file("")), "W/notification-fd: is empty; write a number from 3 to 1023");
    assert_problem(
        with("timeout-kill", file("5s")),
        "W/timeout-kill: cannot be \"5s\"; write a number from 0 to 4294967295",
    );
    assert_problem(
        with("notification-fd", dir([])),
        "W/notification-fd: is a directory; put a regular file there, or remove it",
    );
    assert_problem(
        definition("oneshot", [("up", dir([]))]),
        "W/up: is a directory; put a regular file there, or remove it",
    );
    assert_problem(
        definition("oneshot", [("up", file(b"echo \xff"))]),
        "W/up:1: is not UTF-8 text (byte 0xff); save it as UTF-8",
    );
    assert_problem(
        definition("longrun", [("run", Content::Other("dangling link"))]),
        "W/run: is not a regular file (dangling link); put a regular file there, or remove it",
    );
    assert_problem(
        oneshot(vec![("dependencies.d", unreadable())]),
        "W/dependencies.d: cannot read it: Permission denied; make it readable for the user that starts the container",
    );
    assert_problem(
        oneshot(vec![("dependencies.d", file("base\n"))]),
        "W/dependencies.d: is not a directory; make it a directory of empty files, one for each service",
    );
}

#[test]
fn programs_that_cannot_be_executed_are_refused_with_what_s6_overlay_would_do() {
    let again = "s6-overlay would try to execute it again and again";
    assert_problem(
        definition("longrun", [("run", program(""))]),
        &format!("W/run: does not begin with `#!`, so that nothing can execute it; {again}; begin it with `#!/bin/sh`"),
    );
    assert_problem(
        definition("longrun", [("run", file("exec web\n"))]),
        &format!("W/run: does not begin with `#!`, so that nothing can execute it; {again}; begin it with `#!/bin/sh`"),
    );
    assert_problem(
        definition("longrun", [("run", file("\x7fELF"))]),
        &format!("W/run: is not executable; {again}; chmod +x W/run"),
    );
    // s6-rc copies it, s6-svscan does not.
    assert_legacy(dir([("run", file(SH))]), &format!("W/run: is not executable; {again}; chmod +x W/run"));
    assert_legacy(
        longrun([("finish", file(SH))]),
        "W/finish: is not executable; s6-overlay would go on without it; chmod +x W/finish",
    );
    assert_problem(
        definition("longrun", [("run", program("#!/bin/sh\r\nweb\r\n"))]),
        "W/run:1: has Windows line endings (CRLF); save the file with Unix ones: `sed -i 's/\\r$//' W/run`",
    );
    assert_legacy(
        longrun([("log", dir([]))]),
        "W/log: is a longrun and has no `run`; write an executable file `run` there",
    );
    assert_legacy(
        longrun([("log", file(""))]),
        "W/log: is not a directory; make it a directory with an executable file `run`, or remove it",
    );
}

#[test]
fn an_up_file_is_execline_and_a_shell_script_in_its_place_is_noted() {
    let of = |text: &str| definition("oneshot", [("up", program(text))]);
    let remedy = "correct it: s6-rc reads execline here, not a shell script";
    assert_problem(of("if { true\necho\n"), &format!("W/up:1: this `{{` is not closed; {remedy}"));
    assert_problem(of("echo\n}\n"), &format!("W/up:2: this `}}` closes no block; {remedy}"));
    assert_problem(of("echo \"x\n"), &format!("W/up:1: this `\"` is not closed; {remedy}"));
    let notices = |text: &str| s6_image().started("web", of(text)).config().notices;
    assert_eq!(
        notices("#!/bin/sh\nif [ -d /x ]; then\n  echo\nfi\n"),
        [format!(
            "web: {WEB}/up is a script of another interpreter, which is run by it; s6-overlay would read it as execline"
        )]
    );
    assert!(notices("#!/bin/sh\n# nothing else\nexec /etc/x/run\n").is_empty());
    assert!(notices("/etc/x/run\r\n").is_empty());
}

#[test]
fn names_that_are_unknown_or_not_text_are_shown_as_they_are() {
    assert_problem(
        oneshot(vec![("dependencies", file("base\r\nwbe\r\n"))]),
        "W/dependencies:2: there is no service `wbe`; there is no other service: remove it, or add that service",
    );
    assert_problem(
        oneshot(vec![("dependencies.d", names(["web"]))]),
        "W/dependencies.d: `web` names itself; remove it",
    );
    let name = || OsString::from_vec(b"caf\xe9".to_vec());
    let Content::Dir(mut list) = names(["base"]) else { panic!("it is a directory") };
    list.insert(name(), file(""));
    assert_problem(
        oneshot(vec![("dependencies.d", Content::Dir(list))]),
        "W/dependencies.d: \"caf\\xe9\" cannot be a service's name: it is not UTF-8; rename it in plain letters, or remove it",
    );
    let printed = s6_image().definition(name(), oneshot(Vec::new())).problems();
    assert_eq!(
        printed,
        [
            "/etc/s6-overlay/s6-rc.d/caf\\xe9: \"caf\\xe9\" cannot be a service's name, although s6-rc may accept it; rename it: \
             use letters, digits and `_ - . @ : +`, begin with a letter, digit or `_`, and at most 64"
        ]
    );
}

#[test]
fn a_bundle_without_contents_or_with_unknown_ones_is_named() {
    let all = "/etc/s6-overlay/s6-rc.d/all";
    let unknown = definition("bundle", [("contents.d", names(["wbe"]))]);
    s6_image().started("web", oneshot(Vec::new())).definition("all", unknown).assert_problems(&[&format!(
        "{all}/contents.d: the bundle `all` contains `wbe`, and there is no such service; did you mean `web`? otherwise \
         remove it, or add that service"
    )]);
    s6_image().definition("all", definition("bundle", [])).assert_problems(&[&format!(
        "{all}: is a bundle and has no `contents.d`; create a directory `contents.d` there, with an empty file for each service"
    )]);
    s6_image().member("user", "nothing").assert_problems(&[
        "/etc/s6-overlay/user-bundles.d/user/contents.d: the bundle `user` contains `nothing`, and there is no such service; \
         remove it, or add that service",
    ]);
}

#[test]
fn the_ends_of_a_pipe_must_fit() {
    let at = |path: &str, text: &str| format!("/etc/s6-overlay/s6-rc.d/{path}: {text}");
    let pair = |a: Files, b: Content| s6_image().started("a", service(a)).started("b", b);
    let producer = || vec![("producer-for", file("b\n"))];
    let consumer = |more: Files| service([("consumer-for", file("a\n"))].into_iter().chain(more).collect());
    let one_sided = pair(producer(), service(Vec::new())).config();
    let note = "`b` does not name `a` in `consumer-for`: s6-overlay would not start with it";
    assert_eq!(one_sided.notices, [at("a/producer-for:1", note)]);
    assert!(pair(producer(), consumer(Vec::new())).config().notices.is_empty());
    pair(Vec::new(), consumer(Vec::new())).assert_problems(&[&at(
        "b/consumer-for:1",
        "`a` does not pipe to `b`; write b into its `producer-for`, or remove it here",
    )]);
    pair(producer(), oneshot(Vec::new()))
        .assert_problems(&[&at("a/producer-for:1", "`b` is a oneshot: nothing is there to read; name a longrun")]);
    let ends = |of: &str| vec![("producer-for", file(format!("{of}\n"))), ("consumer-for", file(format!("{of}\n")))];
    pair(ends("b"), service(ends("a")))
        .assert_problems(&[&at("a/producer-for:1", "dependency cycle: a → b → a; remove one of these `producer-for`")]);
    let named = |name: &str| consumer(vec![("pipeline-name", file(name))]);
    let taken = "`a` is the name of another service or bundle; choose another name";
    pair(producer(), named("a\n")).assert_problems(&[&at("b/pipeline-name", taken)]);
    pair(producer(), named("x\ny\n"))
        .assert_problems(&[&at("b/pipeline-name", "has another name on line 2; write one name")]);
    pair(producer(), named(""))
        .assert_problems(&[&at("b/pipeline-name", "names nothing; write a name for the pipeline, or remove it")]);
}

#[test]
fn an_up_file_with_a_shells_words_or_a_second_command_is_noted() {
    let notices = |text: &str| s6_image().started("web", definition("oneshot", [("up", file(text))])).config().notices;
    let script = "put the commands into a script that begins with `#!/bin/sh`, and its path here";
    assert_eq!(
        notices("mkdir /x && touch /x/y\n"),
        [format!(
            "web: {WEB}/up has the word `&&` of a shell: s6-rc reads execline here, which makes it an argument; {script}"
        )]
    );
    assert_eq!(
        notices("# prepare\nmkdir -p /x\nchown abc /x\n"),
        [format!(
            "web: {WEB}/up:3 begins another command for a shell: s6-rc reads execline here, where it is an argument of the \
             first; {script}"
        )]
    );
    assert!(notices("if { mkdir -p /x }\nchown abc /x\n").is_empty());
}

#[test]
fn windows_line_endings_of_a_value_are_cut_and_noted() {
    let files = vec![("type", file("longrun\r\n")), ("notification-fd", file("3\r\n")), ("run", program(SH))];
    let notices = s6_image().started("web", dir(files)).config().notices;
    let expected = "web: `notification-fd`, `type` have Windows line endings (CRLF), which are cut; s6-overlay would stop the \
                    container here";
    assert_eq!(notices, [expected]);
}

#[test]
fn a_slip_may_mean_a_bundle() {
    let needs = |name| oneshot(vec![("dependencies.d", names([name]))]);
    let printed = s6_image().started("web", needs("bsae")).problems();
    assert!(printed[0].contains("there is no service `bsae`; did you mean `base`?"), "{printed:?}");
}

#[test]
fn a_name_that_is_refused_is_reported_once_and_a_cycle_of_bundles_where_it_is_written() {
    let printed = s6_image().started("s6rc-x", oneshot(Vec::new())).problems();
    assert_eq!(printed.len(), 1, "{printed:?}");
    s6_image().member("user", "top").assert_problems(&[
        "/etc/s6-overlay/user-bundles.d/user/contents.d: bundles contain each other: legacy-services → user → top → legacy-services; \
         remove one of these members",
        "/etc/s6-overlay/user-bundles.d/user/contents.d: bundles contain each other: top → user → top; remove one of these members",
    ]);
}

#[test]
fn a_hook_may_write_the_services_and_without_any_after_it_there_is_nothing_to_run() {
    let sources = || s6_image().env("S6_STAGE2_HOOK", "/hook now");
    let config = sources().config();
    assert_eq!(config.notices, ["there is no service yet: S6_STAGE2_HOOK=/hook now may write some"]);
    let after = |sources: &stepdown::config::Sources| {
        let problems = stepdown::config::read_after_hook(sources).expect_err("nothing to run");
        problems.into_sorted().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let nothing = "/etc/services.d: holds no service, S6_STAGE2_HOOK has written none, and there is no main command; let it write \
                   services there or into s6-overlay/s6-rc.d, or give a command: `docker run IMAGE COMMAND`";
    assert_eq!(after(&sources().0), [nothing]);
    // s6-overlay's own bundle, as the package has it, is nothing to run either.
    let bundle = || sources().definition("user", definition("bundle", [("contents.d", names([]))]));
    assert_eq!(bundle().config().services, []);
    assert_eq!(after(&bundle().0), [nothing]);
    let other = after(&s6_image().0);
    assert!(other[0].contains("holds no service, and there is no main command; put NAME.toml there"), "{other:?}");
}
