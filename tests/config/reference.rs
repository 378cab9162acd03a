//! The reference of keys against the reader: every example is accepted, every default is what it says, and every key that
//! is not available yet is refused by its own name.

use std::collections::BTreeSet;

use stepdown::config::keys::{ConfigFile, Expects, KeyStatus, TableDoc};
use stepdown::config::{Config, reference};

use super::sources_builder::{PLAIN, SourcesBuilder, empty_sources};

/// A file in which only `line` stands in that table, beside what the table needs.
fn with_line(table: &TableDoc, key: &str, line: &str) -> SourcesBuilder {
    let sources = empty_sources().toml("db", PLAIN);
    match table.file {
        ConfigFile::Service => {
            let command = if matches!((table.name, key), ("", "command" | "script")) { "" } else { PLAIN };
            sources.toml("web", &format!("{command}{}\n{}{line}\n", table.header, other_keys(table, key)))
        }
        ConfigFile::Container => sources.main("true").env("USER_ID", "5").env("GROUP_ID", "5").container(&format!(
            "{}\n{}{line}\n",
            table.header,
            other_keys(table, key)
        )),
    }
}

/// What that key cannot do without.
fn other_keys(table: &TableDoc, key: &str) -> &'static str {
    match (table.name, key) {
        ("", "timeout" | "every" | "at" | "stop_command") => "type = \"oneshot\"\n",
        ("ready" | "health", "status") => "http = \"http://web/\"\n",
        ("ready", "timeout" | "interval") => "tcp = 80\n",
        ("health", "interval" | "timeout" | "failures" | "successes" | "then") => "tcp = 80\n",
        ("log", "max_size" | "keep" | "max_age" | "compress") => "directory = \"/var/log/web\"\n",
        ("signals.USR1", "signal") => "service = \"db\"\n",
        ("main", _) => "# the table alone says nothing\n",
        ("own" | "directory", key) if key != "path" => "path = \"/x\"\n",
        _ => "",
    }
}

#[test]
fn every_example_is_accepted_and_does_something() {
    for table in reference() {
        for key in table.keys.iter().filter(|key| key.status == KeyStatus::Available) {
            assert!(
                !key.expects.to_string().is_empty() && !key.meaning.is_empty() && !key.default.is_empty(),
                "{}",
                key.name
            );
            let problems = with_line(table, key.name, key.example).config();
            // `suffixes` needs a variable that ends so.
            let alone = matches!((table.name, key.name), ("", "command" | "app") | ("own" | "directory", "path"));
            if !alone && (table.name, key.name) != ("secrets", "suffixes") {
                assert_ne!(
                    without_places(problems),
                    without_places(base(table, key.name)),
                    "{}.{}",
                    table.name,
                    key.name
                );
            }
        }
    }
}

/// What the same file says without the key.
fn base(table: &TableDoc, key: &str) -> Config {
    // An empty table is no table: some have a key that must be there.
    let (header, key) = if other_keys(table, key).is_empty() { ("", "") } else { (table.header, key) };
    with_line(&TableDoc { header, ..*table }, key, "").config()
}

/// Lines move with every key; everything else must not.
fn without_places(config: Config) -> String {
    let text = format!("{config:?}");
    let mut parts = text.split("line: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.trim_start_matches(|letter| letter != '}'))
}

#[test]
fn every_default_that_is_a_value_is_the_default() {
    for table in reference() {
        for key in table.keys.iter().filter(|key| key.status == KeyStatus::Available && !key.default.starts_with('(')) {
            let line = format!("{} = {}", key.name, key.default);
            let written = without_places(with_line(table, key.name, &line).config());
            let group = matches!((table.name, key.name), ("own" | "directory", "group"));
            if !group {
                assert_eq!(written, without_places(base(table, key.name)), "{line} in {:?}", table.name);
            }
        }
    }
}

#[test]
fn every_key_that_is_not_available_yet_is_refused_by_its_own_name() {
    let mut refused = BTreeSet::new();
    for table in reference() {
        for key in table.keys {
            let KeyStatus::Later(until_then) = key.status else { continue };
            let printed = with_line(table, key.name, &format!("{} = true", key.name)).problems();
            let name = if table.name.is_empty() { key.name.to_owned() } else { format!("{}.{}", table.name, key.name) };
            assert_eq!(printed.len(), 1, "{printed:?}");
            assert!(printed[0].ends_with(&format!(": `{name}` is not available yet; {until_then}")), "{}", printed[0]);
            refused.insert(name);
        }
    }
    let design = ["harden"];
    assert_eq!(refused, design.map(str::to_owned).into());
}

/// What the reader says of a value.
#[track_caller]
fn assert_refused(table: &TableDoc, key: &str, value: &str, fix: &str) {
    let printed = with_line(table, key, &format!("{key} = {value}")).problems();
    assert!(printed.iter().any(|line| line.ends_with(fix)), "{}.{key} = {value}: {printed:?}", table.name);
}

#[test]
fn the_words_and_limits_of_the_reference_are_those_of_the_reader() {
    for table in reference() {
        for key in table.keys.iter().filter(|key| key.status == KeyStatus::Available) {
            match key.expects {
                Expects::Word(words) | Expects::WordOrTable(words, _) => {
                    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                    assert_refused(table, key.name, "\"xyzzy\"", &format!("write one of {}", quoted.join(", ")));
                }
                Expects::Integer(least, most) => {
                    assert_refused(table, key.name, &(least - 1).to_string(), &format!("write {least} to {most}"));
                }
                Expects::Array(Expects::Integer(least, most), _) => {
                    assert_refused(table, key.name, &format!("[{}]", most + 1), &format!("write {least} to {most}"));
                    assert_refused(table, key.name, "[]", &format!("write for example `{}`", key.example));
                }
                Expects::Octal(most) => {
                    let fix = format!("write octal digits up to \"{most:04o}\", such as `{}`", key.example);
                    assert_refused(table, key.name, &format!("\"{:o}\"", most + 1), &fix);
                }
                Expects::Size(least) => {
                    assert_refused(table, key.name, &(least - 1).to_string(), "write at least \"4K\"");
                    with_line(table, key.name, &format!("{} = {least}", key.name)).config();
                }
                _ => {}
            }
        }
    }
}

#[test]
fn no_key_is_documented_twice() {
    for table in reference() {
        let names: BTreeSet<&str> = table.keys.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), table.keys.len(), "{}", table.name);
    }
}
