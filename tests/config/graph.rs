//! What services require of each other.

use super::sources_builder::{PLAIN, SourcesBuilder, dir, empty_sources, file, longrun};

fn links(services: &[(&str, &str)]) -> SourcesBuilder {
    services.iter().fold(empty_sources(), |sources, (name, text)| sources.toml(name, &format!("{PLAIN}{text}")))
}

#[test]
fn a_name_that_does_not_exist_is_reported_with_its_line() {
    links(&[("web", "requires = [\n  \"db\",\n  \"dbb\",\n]\nafter = [\"xyzzy\"]"), ("db", ""), ("log", "")]).assert_problems(&[
        "/etc/services.d/web.toml:4: `requires`: there is no service `dbb`; did you mean `db`? services are: db, log",
        "/etc/services.d/web.toml:6: `after`: there is no service `xyzzy`; services are: db, log",
    ]);
}

#[test]
fn an_unknown_name_beside_a_single_service_is_reported() {
    links(&[("web", "requires = [\"db\"]")])
        .assert_problems(&["/etc/services.d/web.toml:2: `requires`: there is no service `db`; \
        there is no other service: remove it, or add that service"]);
}

#[test]
fn a_service_whose_file_is_broken_still_exists() {
    links(&[("web", "requires = [\"db\"]"), ("db", "nice = 99")])
        .assert_problems(&["/etc/services.d/db.toml:2: `nice` cannot be 99; write -20 to 19"]);
}

#[test]
fn nothing_can_require_itself_or_the_main_command() {
    links(&[("web", "requires = [\"web\"]\nafter = [\"main\"]"), ("db", "")]).assert_problems(&[
        "/etc/services.d/web.toml:2: `requires`: `web` names itself; remove it",
        "/etc/services.d/web.toml:3: `after`: there is no service `main`; \
         the main command starts after all services by itself: remove it",
    ]);
}

#[test]
fn a_circle_is_named_in_full_and_once() {
    links(&[("b", "requires = [\"c\"]"), ("a", "requires = [\"b\"]"), ("c", "after = [\"a\"]")]).assert_problems(&[
        "/etc/services.d/a.toml:2: dependency cycle: a → b → c → a; remove one of these `requires` and `after`",
    ]);
}

#[test]
fn each_of_two_circles_is_named() {
    links(&[
        ("a", "requires = [\"b\", \"c\"]"),
        ("b", "requires = [\"a\"]"),
        ("c", "requires = [\"a\"]"),
        ("d", "requires = [\"a\"]"),
    ])
    .assert_problems(&[
        "/etc/services.d/a.toml:2: dependency cycle: a → b → a; remove one of these `requires`",
        "/etc/services.d/a.toml:2: dependency cycle: a → c → a; remove one of these `requires`",
    ]);
}

#[test]
fn a_diamond_is_no_circle() {
    let config = links(&[
        ("a", "requires = [\"b\", \"c\", \"b\"]\nafter = [\"d\"]"),
        ("b", "requires = [\"d\"]"),
        ("c", "requires = [\"d\"]"),
        ("d", ""),
    ])
    .config();
    let names: Vec<&str> = config.services[0].requires.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn both_formats_may_require_each_other() {
    let deps = dir([("db", file(""))]);
    empty_sources()
        .toml("db", "command = [\"a\"]\nrequires = [\"web\"]")
        .entry("web", longrun([("dependencies.d", deps)]))
        .assert_problems(&[
            "/etc/services.d/db.toml:2: dependency cycle: db → web → db; remove one of these `requires` and `dependencies.d`",
        ]);
}

#[test]
fn a_long_chain_and_a_long_circle_are_walked_without_recursion() {
    let chain = |last: &str| {
        (0..3000).fold(empty_sources(), |sources, number| {
            let text = if number == 2999 { last.to_owned() } else { format!("after = [\"s{}\"]", number + 1) };
            sources.toml(&format!("s{number}"), &format!("{PLAIN}{text}"))
        })
    };
    assert_eq!(chain("").config().services.len(), 3000);
    let printed = chain("after = [\"s0\"]").problems();
    assert_eq!(printed.len(), 1);
    assert!(printed[0].contains("… (2960 more) → s0; remove one"), "{}", printed[0]);
}
