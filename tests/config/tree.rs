//! What lies in a services tree, and what does not belong there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use stepdown::config::{Content, Tree};

use super::sources_builder::{PLAIN, SourcesBuilder, dir, empty_sources, file, longrun, program};

const EXPECTED: &str = "a service is NAME.toml, or a directory NAME with service.toml or run";

#[test]
fn an_empty_tree_needs_a_main_command() {
    empty_sources().assert_problems(&[
        "/etc/services.d: holds no service, and there is no main command; put NAME.toml there with \
        `command = [\"…\"]`, or give a command: `docker run IMAGE COMMAND`, `stepdown check -- \
        COMMAND`, `stepdown doctor -- COMMAND`",
    ]);
    let config = empty_sources().main("nginx").main("-g").config();
    assert_eq!(config.main, ["nginx", "-g"]);
    empty_sources().main("").assert_problems(&["the main command: names no program; write `init -- PROGRAM …`"]);
}

#[test]
fn a_tree_that_was_named_and_is_not_there_is_a_problem() {
    let mut sources = empty_sources().toml("web", PLAIN);
    sources.0.trees.push(Tree {
        path: "/more".into(),
        unreadable: Some("No such file or directory (ENOENT)".to_owned()),
        ..Tree::default()
    });
    let problems = SourcesBuilder(sources.0.clone());
    problems.assert_problems(&[
        "/more: cannot read the services tree: No such file or directory (ENOENT); put the directory there, \
        readable",
    ]);
    sources.env("STEPDOWN_SERVICES", "/opt:/more").assert_problems(&[
        "STEPDOWN_SERVICES=/opt:/more: cannot read the services tree \"/more\": No such file or directory (ENOENT); \
        correct the variable, or put the directory there, readable",
    ]);
}

#[test]
fn a_relative_tree_is_refused_with_the_variable_that_names_it() {
    let mut sources = empty_sources().toml("web", PLAIN);
    let unreadable = Some("No such file or directory (ENOENT)".to_owned());
    sources.0.trees.push(Tree { path: "more".into(), unreadable, ..Tree::default() });
    sources
        .env("STEPDOWN_SERVICES", "more:/opt")
        .assert_problems(&["STEPDOWN_SERVICES=more:/opt: \"more\" is a relative path; \
        give absolute paths such as STEPDOWN_SERVICES=/opt/services.d"]);
}

#[test]
fn what_other_programs_leave_in_a_tree_is_passed_over_with_one_notice() {
    let config = empty_sources()
        .toml("web", PLAIN)
        .entry("@eaDir", dir([("x", file(""))]))
        .entry("#web.toml#", file(PLAIN))
        .entry("__pycache__", dir([]))
        .entry("lost+found", dir([]))
        .entry("README.md", file("text"))
        .entry("web.toml~", file(PLAIN))
        .entry("web.toml.orig", file(PLAIN))
        .entry("web.toml.rpmsave", file(PLAIN))
        .config();
    assert_eq!(config.services.len(), 1);
    let problems: Vec<_> = config.notices.iter().filter(|notice| notice.contains("ignored")).collect();
    assert_eq!(
        problems,
        [
            r##"/etc/services.d: "#web.toml#", "@eaDir", "README.md", "__pycache__", "lost+found", "web.toml.orig", "web.toml.rpmsave", "web.toml~" are not services, by name: ignored"##
        ]
    );
}

#[test]
fn what_is_no_service_is_named_rather_than_ignored() {
    empty_sources()
        .toml("web", PLAIN)
        .entry("READY", file(""))
        .entry("run", program("#!/bin/sh\n"))
        .entry("sock", Content::Other("socket"))
        .entry("locked", Content::Unreadable("Permission denied (EACCES)".to_owned()))
        .entry("empty", dir([]))
        .assert_problems(&[
            &format!("/etc/services.d: \"READY\" is not a service; remove it, or begin its name with a dot; {EXPECTED}"),
            &format!(
                "/etc/services.d: \"locked\" is not a service (cannot read it: Permission denied (EACCES)); \
                 remove it, or begin its name with a dot; {EXPECTED}"
            ),
            &format!("/etc/services.d: \"run\" is not a service; remove it, or begin its name with a dot; {EXPECTED}"),
            &format!("/etc/services.d: \"sock\" is not a service (socket); remove it, or begin its name with a dot; {EXPECTED}"),
            "/etc/services.d/empty: holds neither `service.toml` nor `run`; put one of them there, or remove the directory",
        ]);
}

#[test]
fn a_file_of_another_system_is_answered_with_what_to_do() {
    empty_sources()
        .toml("web", PLAIN)
        .entry("api.service", file("[Service]\nExecStart=/usr/bin/api\n"))
        .entry("app.conf", file("[program:app]\ncommand=app\n"))
        .assert_problems(&[
            "/etc/services.d: \"api.service\" is not a service; it is a unit of systemd: write `api.toml`, and its \
             `ExecStart` there as `command`",
            "/etc/services.d: \"app.conf\" is not a service; it is supervisord's: `stepdown import \
             /etc/services.d/app.conf` translates it",
        ]);
}

#[test]
fn dot_entries_are_left_alone() {
    let config = empty_sources()
        .toml("web", PLAIN)
        .entry(".git", dir([]))
        .entry("..data", Content::Other("dangling link"))
        .config();
    assert_eq!(config.services.len(), 1);
}

#[test]
fn names_that_cannot_be_one_are_quoted_and_escaped() {
    let rule = "use letters, digits and `_ - . @ : +`, begin with a letter, digit or `_`, and at most 64";
    for (name, shown) in [("a b", "a b"), ("-x", "-x"), ("a\nb", "a\\nb"), ("a\u{1b}[2J", "a\\u{1b}[2J"), ("ä", "ä")]
    {
        empty_sources()
            .toml(name, PLAIN)
            .assert_problems(&[&format!("/etc/services.d: \"{shown}\" cannot be a service's name; {rule}")]);
    }
    empty_sources().toml("main", PLAIN).assert_problems(&[
        "/etc/services.d: \"main\" cannot be a service's name; that is the main command's; choose another",
    ]);
    empty_sources()
        .toml("stepdown", PLAIN)
        .assert_problems(&["/etc/services.d: \"stepdown\" cannot be a service's name; that is ours; choose another"]);
    empty_sources().entry(OsString::from_vec(b"we\xffb.toml".to_vec()), file(PLAIN)).assert_problems(&[&format!(
        "/etc/services.d: \"we\\xffb.toml\" is not a service; rename it in plain letters; {EXPECTED}"
    )]);
}

#[test]
fn the_same_name_twice_is_reported_with_both_places() {
    empty_sources().toml("web", PLAIN).entry("web", longrun([])).assert_problems(&[
        "/etc/services.d/web.toml: service `web` is declared twice, here and in /etc/services.d/web; keep one of them, or rename one",
    ]);
    let mut sources = empty_sources().toml("web", PLAIN);
    let entries = [(OsString::from("web.toml"), file(PLAIN))].into();
    sources.0.trees.push(Tree { path: "/more".into(), entries, unreadable: None });
    sources.assert_problems(&[
        "/more/web.toml: service `web` is declared twice, here and in /etc/services.d/web.toml; keep one of them, or rename one",
    ]);
}

#[test]
fn a_tree_with_too_many_entries_is_refused_whole() {
    let sources = (0..10_001).fold(empty_sources(), |builder, number| builder.toml(&format!("s{number}"), "x"));
    sources.assert_problems(&["/etc/services.d: holds 10001 entries; a services tree may hold 10000"]);
}

#[test]
fn after_a_thousand_problems_the_rest_is_not_read() {
    let sources = (0..2000)
        .fold(empty_sources(), |builder, number| builder.toml(&format!("s{number}"), "nice = 99\ncommand = [\"a\"]"));
    let printed = sources.problems();
    assert_eq!(printed.len(), 1001);
    assert_eq!(
        printed[0],
        "/etc/services.d: too many problems: after 1000 entries the rest was not read; fix those first"
    );
}
