//! Bundles of s6-rc: which services they stand for, and which are started.

use stepdown::config::{Config, Content};

use super::sources_builder::{PLAIN, SourcesBuilder, definition, file, names, program, s6_image};

fn longrun_on(names_of: &[&str]) -> Content {
    let run = ("run", program("#!/bin/sh\n"));
    definition("longrun", [run, ("dependencies.d", names(names_of.iter().copied()))])
}

fn bundle(members: &[&str]) -> Content {
    definition("bundle", [("contents.d", names(members.iter().copied()))])
}

fn requires(config: &Config, name: &str) -> Vec<String> {
    let service = config.services.iter().find(|service| service.name.as_str() == name).expect("the service");
    service.requires.iter().map(ToString::to_string).collect()
}

fn started(config: &Config) -> Vec<&str> {
    config.services.iter().filter(|service| service.enabled).map(|service| service.name.as_str()).collect()
}

fn three() -> SourcesBuilder {
    s6_image().definition("a", longrun_on(&[])).definition("b", longrun_on(&[])).definition("c", longrun_on(&[]))
}

#[test]
fn what_depends_on_a_bundle_depends_on_its_members_however_nested() {
    let config = three()
        .definition("inner", bundle(&["b"]))
        .definition("outer", definition("bundle", [("contents", file("# old\n inner\na\n"))]))
        .started("web", longrun_on(&["outer", "c"]))
        .toml("native", "command = [\"true\"]\nrequires = [\"inner\"]\n")
        .config();
    assert_eq!(requires(&config, "web"), ["c", "a", "b"]);
    assert_eq!(requires(&config, "native"), ["b"]);
}

#[test]
fn only_user_and_user2_and_what_they_need_are_started() {
    let config = three()
        .definition("some", bundle(&["a"]))
        .definition("d", longrun_on(&["b"]))
        .member("user", "d")
        .member("user2", "some")
        .config();
    assert_eq!(started(&config), ["a", "b", "d"]);
    assert_eq!(config.notices, ["not in the bundle `user` and not started: c"]);
}

#[test]
fn what_a_native_service_requires_is_started() {
    let config = three().toml("native", "command = [\"true\"]\nrequires = [\"a\"]\n").config();
    assert_eq!(started(&config), ["a", "native"]);
}

#[test]
fn a_definition_may_require_a_native_service() {
    let config = s6_image().toml("db", PLAIN).started("web", longrun_on(&["db"])).config();
    assert_eq!(requires(&config, "web"), ["db"]);
}

#[test]
fn a_producer_starts_its_consumer() {
    let run = || ("run", program("#!/bin/sh\n"));
    let config = s6_image()
        .started("web", definition("longrun", [run(), ("producer-for", file("log\n"))]))
        .definition("log", definition("longrun", [run(), ("consumer-for", file("web\n"))]))
        .config();
    assert_eq!(started(&config), ["log", "web"]);
}

#[test]
fn user_among_the_definitions_hides_the_user_bundles_as_under_s6_overlay() {
    let config = three().definition("user", dir_of("a")).member("user", "b").config();
    assert_eq!(started(&config), ["a"]);
    assert_eq!(
        config.notices,
        [
            "/etc/s6-overlay/user-bundles.d is not read, as under s6-overlay: /etc/s6-overlay/s6-rc.d/user exists; move its \
         members there",
            "not in the bundle `user` and not started: b, c",
        ]
    );
    // s6-overlay itself brings an empty one.
    let mut sources = three().definition("user", dir_of("a"));
    sources.0.s6.user_bundles.entries.insert("user".into(), bundle(&[]));
    assert_eq!(sources.config().notices, ["not in the bundle `user` and not started: b, c"]);
}

/// A bundle without a `type`, which s6-overlay writes itself.
fn dir_of(member: &str) -> Content {
    super::sources_builder::dir([("contents.d", names([member]))])
}

#[test]
fn bundles_that_contain_each_other_are_named_in_full() {
    three().definition("x", bundle(&["y"])).definition("y", bundle(&["z", "a"])).definition("z", bundle(&["x"])).assert_problems(&[
        "/etc/s6-overlay/s6-rc.d/x/contents.d: bundles contain each other: x → y → z → x; remove one of these members",
    ]);
    three().definition("x", bundle(&["x"])).assert_problems(&[
        "/etc/s6-overlay/s6-rc.d/x/contents.d: bundles contain each other: x → x; remove one of these members",
    ]);
}

#[test]
fn an_unknown_member_is_named_with_its_bundle() {
    three().member("user", "aa").member("user", "nothing").assert_problems(&[
        "/etc/s6-overlay/user-bundles.d/user/contents.d: the bundle `user` contains `aa`, and there is no such service; \
         did you mean `a`? otherwise remove it, or add that service",
        "/etc/s6-overlay/user-bundles.d/user/contents.d: the bundle `user` contains `nothing`, and there is no such \
         service; remove it, or add that service",
    ]);
    let lines = definition("bundle", [("contents", file("a\n\n# b\nzzz\n"))]);
    three()
        .definition("x", lines)
        .assert_problems(&["/etc/s6-overlay/s6-rc.d/x/contents:4: the bundle `x` contains `zzz`, and \
         there is no such service; remove it, or add that service"]);
}

#[test]
fn one_name_is_one_service_or_one_bundle() {
    three()
        .toml("a", PLAIN)
        .assert_problems(&["/etc/s6-overlay/s6-rc.d/a: service `a` is declared twice, here and in \
         /etc/services.d/a.toml; keep one of them, or rename one"]);
    three()
        .toml("all", PLAIN)
        .definition("all", bundle(&["a"]))
        .assert_problems(&["/etc/s6-overlay/s6-rc.d/all: the name `all` is \
         declared twice, here and in /etc/services.d/all.toml; keep one of them, or rename one"]);
    three()
        .definition("x", definition("bundle", []))
        .assert_problems(&["/etc/s6-overlay/s6-rc.d/x: is a bundle and has no \
         `contents.d`; create a directory `contents.d` there, with an empty file for each service"]);
}
