//! Input that wants to hurt: it ends soon, never panics, and what is refused is said.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stepdown::config::{Content, MAX_FILE, S6Sources, Sources, Tree, read, reference};

use super::sources_builder::{PLAIN, dir, empty_sources};

/// Twenty times what a debug build on a busy machine needs for the worst of them; a quadratic reader needs minutes.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn input_made_to_explode_is_refused_quickly() {
    let full = |part: &str| part.repeat(MAX_FILE / part.len());
    let keys: String = (0..40_000).map(|number| format!("k{number}=1\n")).collect();
    for bomb in [
        full("["),
        format!("a=[{}", "[".repeat(260_000)),
        "a.".repeat(130_000) + "a=1",
        "a={".repeat(80_000),
        full("+"),
        full("\n="),
        full("a=1\n"),
        full("[[own]]\n"),
        keys.get(..MAX_FILE).expect("it is ASCII").to_owned(),
        format!("requires=[{}]", "\"x\",".repeat(60_000)),
        format!("\"{}\"=1", "r".repeat(260_000)),
        format!("command=\"\"\"{}", "\"\\q".repeat(80_000)),
    ] {
        // The whole, and as much as is read on behind an error.
        for bomb in [&bomb[..], &bomb[..16 * 1024]] {
            let begun = Instant::now();
            let printed = empty_sources().toml("web", bomb).container(bomb).problems();
            assert!(begun.elapsed() < SOON, "{:?} took {:?}", bomb.get(..10), begun.elapsed());
            assert!(printed.len() <= 250, "{} problems", printed.len());
            assert!(printed.iter().all(|text| text.len() < 2000), "{:?}", bomb.get(..10));
        }
    }
}

#[test]
fn of_a_thousand_mistakes_in_a_file_a_hundred_are_reported() {
    let text: String = (0..1000).map(|number| format!("key{number} = 1\n")).collect();
    let printed = empty_sources().toml("web", &format!("{PLAIN}{text}")).problems();
    assert_eq!(printed.len(), 101);
    assert_eq!(printed[0], "/etc/services.d/web.toml: has 900 more problems than are listed; fix these first");
}

/// Never panics, what is no `Config` has a reason, and whatever is said is one printable line.
fn holds(sources: &Sources) {
    let printed: Vec<String> = match read(sources) {
        Ok(config) => config.notices,
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.into_sorted().iter().map(ToString::to_string).collect()
        }
    };
    for text in printed {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

fn content() -> impl Strategy<Value = Content> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        "[a-z_\\-]{0,9} = [\\[\\]{}\"0-9a-z, \n#=]{0,40}".prop_map(String::into_bytes),
        toml_line().prop_map(String::into_bytes),
        Just(b"oneshot".to_vec()),
        Just(b"#!/bin/sh\n".to_vec()),
    ];
    prop_oneof![
        8 => (bytes, any::<bool>()).prop_map(|(bytes, executable)| Content::File { bytes, executable }),
        1 => any::<u64>().prop_map(Content::TooLarge),
        1 => Just(Content::Unreadable("Permission denied".to_owned())),
        1 => Just(Content::Other("FIFO")),
        1 => Just(dir([])),
    ]
}

/// Lines of known keys with values that may or may not fit.
fn toml_line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = reference().iter().flat_map(|table| table.keys.iter().map(|key| key.name)).collect();
    let headers: Vec<&str> = reference().iter().map(|table| table.header).collect();
    let value = prop_oneof![
        Just("\"5s\"".to_owned()),
        Just("[\"a\", 5]".to_owned()),
        Just("{ fd = 3, signal = \"TERM\", policy = 1 }".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|yes| yes.to_string()),
        ".{0,12}".prop_map(|text| format!("{text:?}")),
    ];
    let line = (proptest::sample::select(headers), proptest::sample::select(keys), value)
        .prop_map(|(header, key, value)| format!("{key} = {value}\n{header}\n"));
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

fn name() -> impl Strategy<Value = OsString> {
    let known = [
        "web.toml",
        "db.toml",
        "run",
        "up",
        "down",
        "type",
        "finish",
        "service.toml",
        "dependencies",
        "dependencies.d",
        "notification-fd",
        "timeout-kill",
        "down-signal",
        "max-death-tally",
        "web",
        "db",
        "log",
        "timeout-up",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(OsString::from),
        1 => proptest::collection::vec(1_u8.., 1..12).prop_map(OsString::from_vec),
    ]
}

fn entries() -> impl Strategy<Value = BTreeMap<OsString, Content>> {
    let inner = proptest::collection::btree_map(name(), content(), 0..5).prop_map(Content::Dir);
    let entry = prop_oneof![2 => content(), 3 => inner];
    proptest::collection::btree_map(name(), entry, 0..4)
}

fn variable() -> impl Strategy<Value = (OsString, OsString)> {
    let names = [
        "PUID",
        "PGID",
        "UMASK",
        "TZ",
        "STEPDOWN_LOG",
        "STEPDOWN_STOP_TIMEOUT",
        "STEPDOWN_X\n",
        "STEPDOWN_WITHOUT_DROP",
    ];
    let value = prop_oneof![proptest::collection::vec(1_u8.., 0..20), "[0-9]{0,11}".prop_map(String::into_bytes)];
    (proptest::sample::select(names.to_vec()), value).prop_map(|(name, value)| (name.into(), OsString::from_vec(value)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn anything_gives_a_config_or_a_reason(
        env in proptest::collection::btree_map(variable().prop_map(|(name, _)| name), variable().prop_map(|(_, value)| value), 0..4),
        container in proptest::option::of(content()),
        entries in entries(),
        main in proptest::collection::vec(any::<Vec<u8>>().prop_map(OsString::from_vec), 0..2),
    ) {
        let tree = Tree { path: PathBuf::from("/etc/services.d"), entries, unreadable: None };
        let container = container.map(|content| (PathBuf::from("/etc/stepdown.toml"), content));
        holds(&Sources { env, container, trees: vec![tree], s6: S6Sources::default(), main, open_to_all: false });
    }

    #[test]
    fn an_id_is_accepted_exactly_if_it_is_plain_and_small_enough(value in proptest::collection::vec(1_u8.., 0..12)) {
        let plain = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<u32>().ok().filter(|id| id.to_string() == text));
        let expected = plain.filter(|id| *id <= 4_294_967_293);
        let sources = empty_sources().main("true").env("PUID", OsString::from_vec(value)).0;
        let found = read(&sources).ok().and_then(|config| config.container.app.env_uid).map(|env_id| env_id.value.0);
        prop_assert_eq!(found, expected);
    }
}
