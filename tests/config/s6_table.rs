//! The table of what s6-overlay knows says what the loader does, row by row.

use std::collections::BTreeSet;

use stepdown::config::s6::table::{self, ItemScope, Row, TABLE, Treatment};
use stepdown::config::{Content, VersionTwoFiles, read, s6_overlay};

use super::sources_builder::{SourcesBuilder, definition, dir, empty_sources, file, longrun, names, program, s6_image};

/// Variables that others read: the reader of the files, and the command `logutil-service`.
const READ_ELSEWHERE: [&str; 3] = ["S6_LOGGING_SCRIPT", "S6_RUNTIME_BUNDLEDIR", "S6_RUNTIME_PROFILE"];

/// Contents that the file of that name may have.
fn sample(item: &str) -> Content {
    match item {
        "type" | "down" | "flag-essential" | "flag-recommended" | "flag-timeout-killpg" | "flag-newpidns" => file(""),
        "run" | "finish" => program("#!/bin/sh\n"),
        "log" => longrun([]),
        "data" | "env" | "instance" | "instances" => dir([]),
        "dependencies.d" | "contents.d" => names(["other"]),
        "dependencies" | "contents" | "producer-for" | "consumer-for" | "pipeline-name" => file("other\n"),
        "up" | "reload" => file("/bin/true\n"),
        "down-signal" | "reload-signal" => file("HUP\n"),
        _ => file("7\n"),
    }
}

/// An image with a service that has a file of this row.
fn image(row: &Row) -> SourcesBuilder {
    let name = if row.scope == ItemScope::Legacy { "old\n" } else { "web\n" };
    let other = match row.item {
        "producer-for" => definition("longrun", [("run", sample("run")), ("consumer-for", file(name))]),
        "pipeline-name" if row.scope == ItemScope::Legacy => definition("longrun", [("run", sample("run"))]),
        "consumer-for" | "pipeline-name" => {
            definition("longrun", [("run", sample("run")), ("producer-for", file(name))])
        }
        _ => definition("longrun", [("run", sample("run"))]),
    };
    let content = |kind: &str, base: &[&'static str]| {
        let more = if row.item == "pipeline-name" { &["consumer-for"][..] } else { &[] };
        let files: BTreeSet<_> = base.iter().chain(more).chain([&row.item]).copied().collect();
        let files: Vec<_> = files.into_iter().filter(|name| *name != "type").collect();
        let content = |name: &'static str| match (name, row.item) {
            ("pipeline-name", _) => (name, file("pipe\n")),
            (name, _) => (name, sample(name)),
        };
        definition(kind, files.into_iter().map(content))
    };
    let tree = |name: &str, content| empty_sources().entry(name, content).entry("other", other.clone());
    let legacy = s6_image().entry("other", other.clone());
    let sources = s6_image().started("other", other.clone());
    match row.scope {
        ItemScope::Longrun => sources.started("web", content("longrun", &["run"])),
        ItemScope::Oneshot if matches!(row.item, "producer-for" | "consumer-for" | "pipeline-name") => {
            s6_image().started("web", definition("oneshot", [("up", sample("up")), (row.item, file("other\n"))]))
        }
        ItemScope::Oneshot => sources.started("web", content("oneshot", &["up"])),
        ItemScope::Bundle => sources.definition("all", content("bundle", &["contents.d"])),
        ItemScope::Legacy if row.item == "type" => legacy.entry("old", content("longrun", &["run"])),
        ItemScope::Legacy => legacy.entry("old", dir([("run", sample("run")), (row.item, sample(row.item))])),
        ItemScope::TreeLongrun => tree("web", content("longrun", &["run", "notification-fd"])),
        ItemScope::TreeOneshot if matches!(row.item, "producer-for" | "consumer-for" | "pipeline-name") => {
            empty_sources().entry("web", definition("oneshot", [("up", sample("up")), (row.item, file("other\n"))]))
        }
        ItemScope::TreeOneshot => tree("web", content("oneshot", &["up"])),
        ItemScope::Variable => sources.env(row.item, "7"),
        ItemScope::VersionTwo => {
            let mut sources = sources;
            let (variables, services) = (vec!["HOME".into()], vec!["puppet".into()]);
            sources.0.s6.version_two = Some(VersionTwoFiles { variables, services });
            if row.item.starts_with('/') { sources } else { sources.env(row.item, "7") }
        }
    }
}

#[test]
fn every_row_is_what_the_loader_does() {
    for row in TABLE {
        let printed = match read(&image(row).0) {
            Ok(config) => {
                let ignored = config.notices.iter().any(|notice| {
                    notice.starts_with(&format!("`{}` is ignored: ", row.item))
                        || notice.starts_with(&format!("{}=7 is ignored: ", row.item))
                });
                let honoured = match config.s6 {
                    Some(s6) => s6.honoured.contains(&row.item),
                    // Another image has no list.
                    None => !ignored,
                };
                (honoured, ignored, false)
            }
            Err(problems) => {
                let printed: Vec<String> = problems.into_sorted().iter().map(ToString::to_string).collect();
                let refused = format!("/{}: is not available; ", row.item);
                assert!(printed.len() == 1 && printed[0].contains(&refused), "{row:?}: {printed:?}");
                (false, false, true)
            }
        };
        let expected = match row.treatment {
            // Longruns without `notification-fd` have a notice of their own.
            Treatment::Honoured if row.item == "timeout-up" && row.scope == ItemScope::Longrun => (false, true, false),
            // A bundle is not a service.
            Treatment::Honoured if row.scope == ItemScope::Bundle => (printed.0, false, false),
            Treatment::Honoured | Treatment::Differs { .. } => (true, false, false),
            Treatment::Ignored { .. } => (printed.0, true, false),
            Treatment::Refused { .. } => (false, false, true),
        };
        assert_eq!(printed, expected, "{row:?}");
    }
}

#[test]
fn every_variable_that_is_read_is_in_the_table_and_the_reverse() {
    let honoured: BTreeSet<&str> =
        table::rows(ItemScope::Variable).filter(|row| row.is_honoured()).map(|row| row.item).collect();
    let read: BTreeSet<&str> = s6_overlay::VARIABLES.into_iter().chain(READ_ELSEWHERE).collect();
    assert_eq!(honoured, read);
}

#[test]
fn no_row_is_there_twice() {
    let all: BTreeSet<_> = TABLE.iter().map(|row| (row.scope, row.item)).collect();
    assert_eq!(all.len(), TABLE.len());
}

#[test]
fn a_variable_that_s6_overlay_does_not_know_is_named_with_the_nearest() {
    let notices = |name: &str, value: &str| {
        s6_image().started("web", definition("oneshot", [("up", file(""))])).env(name, value).config().notices
    };
    assert_eq!(
        notices("S6_KEEPENV", "1"),
        ["S6_KEEPENV is no variable of s6-overlay: ignored; did you mean S6_KEEP_ENV?"]
    );
    assert_eq!(notices("S6_XYZ", "1"), ["S6_XYZ is no variable of s6-overlay: ignored"]);
    for (name, value) in [("S6_OVERLAY_VERSION", "3.2.3.2"), ("S6_LOGGING", "0"), ("S6_VERBOSITY", "")] {
        assert_eq!(notices(name, value), [""; 0], "{name}");
    }
}

#[test]
fn a_pipeline_is_a_bundle_of_its_last_consumer_and_all_that_feeds_it() {
    let run = || ("run", program("#!/bin/sh\n"));
    let config = s6_image()
        .definition("a", definition("longrun", [run(), ("producer-for", file("log\n"))]))
        .definition("b", definition("longrun", [run(), ("producer-for", file("log\n"))]))
        .definition(
            "log",
            definition("longrun", [run(), ("consumer-for", file("a\nb\n")), ("pipeline-name", file("all"))]),
        )
        .member("user", "all")
        .config();
    assert!(config.services.iter().all(|service| service.enabled));
    let to: Vec<_> = config.services.iter().filter_map(|service| service.pipe_to.as_ref()).collect();
    assert_eq!(to.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["log", "log"]);
    let sources = s6_image()
        .started("a", definition("longrun", [run(), ("producer-for", file("log\n"))]))
        .started("log", definition("longrun", [run(), ("consumer-for", file("a\n")), ("pipeline-name", file("a"))]));
    sources.assert_problems(&[
        "/etc/s6-overlay/s6-rc.d/log/pipeline-name: `a` is the name of another service or bundle; choose another \
         name",
    ]);
}
