//! Trees of s6 and s6-overlay.

use std::path::Path;

use stepdown::config::Sources;
use stepdown::import::Imported;
use stepdown::import::s6::import;

use super::is_read_back;
use crate::config::given::{definition, dir, file, given, longrun, program, s6_image};

fn imported(sources: &Sources) -> Imported {
    import(sources).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The text of one service's file.
fn text_of(imported: &Imported, path: &str) -> String {
    let files = imported.files();
    let file = files.iter().find(|file| file.path == Path::new(path));
    file.unwrap_or_else(|| panic!("no {path} in {files:#?}")).text.clone()
}

#[test]
fn an_s6_style_directory_keeps_its_program_and_gets_a_service_toml_beside_it() {
    let files = [
        ("notification-fd", file("3\n")),
        ("down-signal", file("SIGQUIT\n")),
        ("timeout-kill", file("20000\n")),
        ("finish", program("#!/bin/sh\n")),
        ("dependencies.d", dir([("db", file(""))])),
    ];
    let given = given().entry("web", longrun(files)).entry("db", longrun([("down", file(""))]));
    let imported = imported(&given.0);
    let web = "command = [\"/etc/services.d/web/run\", \"web\"]\nrequires = [\"db\"]\ndirectory = \"/etc/services.d/web\"\n\
               restart = { max_delay = \"1s\", limit = \"infinity\" }\nready = { fd = 3 }\n\
               stop = { signal = \"QUIT\", timeout = \"20s\" }\nfinish = [\"/etc/services.d/web/finish\"]\n";
    assert_eq!(text_of(&imported, "services.d/web/service.toml"), web);
    assert!(text_of(&imported, "services.d/db/service.toml").ends_with("enabled = false\n"));
    // A stop timeout beyond the default budget needs more of it.
    assert!(text_of(&imported, "stepdown.toml").ends_with("stop_timeout = \"22s\"\n"));
    assert_eq!(imported.all_omissions().count(), 0);
    is_read_back(&imported);
}

#[test]
fn what_a_file_cannot_say_is_a_comment_with_its_reason() {
    let finish = [("finish", program("#!/bin/sh\n")), ("timeout-finish", file("0\n"))];
    let imported = imported(&given().entry("web", longrun(finish)).0);
    let text = text_of(&imported, "services.d/web/service.toml");
    assert!(text.starts_with("# not translated: timeout-finish: `finish` has 5s here, and not no limit\n"), "{text}");
    is_read_back(&imported);
}

#[test]
fn services_that_have_a_toml_file_are_left_alone() {
    let imported = imported(&given().toml("db", "command = [\"db\"]\n").entry("web", longrun([])).0);
    let names: Vec<_> = imported.services.iter().map(|it| it.service.name.as_str()).collect();
    assert_eq!(names, ["web"]);
}

#[test]
fn definitions_of_s6_rc_become_files_and_the_image_is_no_longer_one_of_s6() {
    let up = |text: &str| definition("oneshot", [("up", file(text))]);
    let web = definition("longrun", [("run", program("#!/bin/sh\n")), ("dependencies.d", dir([("init", file(""))]))]);
    let given = s6_image().started("init", up("/etc/init.sh --now\n")).started("web", web).definition("extra", up(""));
    let imported = imported(&given.0);
    let config = is_read_back(&imported);
    assert!(config.s6.is_none() && config.container.s6 == Some(false));
    let of = |name: &str| config.services.iter().find(|service| service.name.as_str() == name).unwrap();
    assert_eq!(of("web").requires, [of("init").name.clone()]);
    assert!(!of("extra").enabled && of("init").enabled && !of("init").essential);
}

#[test]
fn paths_are_those_of_the_image_wherever_the_tree_lies() {
    let mut given =
        s6_image().entry("web", longrun([])).started("x", definition("longrun", [("run", program("#!/bin/sh\n"))]));
    given.0.trees[0].path = "/home/me/rootfs/etc/services.d".into();
    given.0.s6.definitions.path = "/home/me/rootfs/etc/s6-overlay/s6-rc.d".into();
    let imported = imported(&given.0);
    for file in imported.files() {
        assert!(!file.text.contains("/home/me"), "{}", file.text);
    }
    let places: Vec<_> = imported.services.iter().map(|it| it.at.to_string()).collect();
    assert!(places.iter().all(|place| place.starts_with("/home/me/rootfs/etc/")), "{places:?}");
}

#[test]
fn problems_of_the_tree_are_all_told() {
    let broken = dir([("run", file("#!/bin/sh\n"))]);
    let given = given().entry("a", broken.clone()).entry("b", broken);
    let Err(problems) = import(&given.0) else { panic!("no run of theirs is executable") };
    let said: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
}
