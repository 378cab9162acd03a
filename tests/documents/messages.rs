//! The table of messages (docs/src/reference/messages.md) quotes what the program prints.

use std::fs;
use std::path::Path;

use super::{page, root};

/// Values in the messages, and what the table leaves out.
const VALUES: [&str; 12] = [
    "…",
    "SETGID and SETUID are",
    "Exec format error",
    "NET_BIND_SERVICE",
    "a → b → a",
    "/run/web",
    "/config",
    "PUID",
    "arm64",
    "1000",
    "abc",
    "app",
];

/// Returns the first cell of each row of all tables, without the quotes of code.
fn messages(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split(" | ").next().unwrap().trim_start_matches("| ").trim_matches('`').to_owned()).collect()
}

/// Returns the text of every source, with literals of several lines in one.
fn sources(directory: &Path) -> String {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => sources(&path),
            false => fs::read_to_string(path).unwrap().split("\\\n").map(str::trim_start).collect(),
        })
        .collect()
}

#[test]
fn the_quoted_messages_are_those_that_are_printed() {
    let sources = sources(&root().join("src"));
    let all = messages(&page("docs/src/reference/messages.md").text);
    assert!(all.len() > 10, "{all:?}");
    for message in all {
        let fixed = VALUES.iter().fold(message.clone(), |text, value| text.replace(value, "\n"));
        let parts: Vec<_> = fixed.split('\n').map(|part| part.trim_matches([' ', ':', ';', '(', ')'])).collect();
        let parts: Vec<_> = parts.into_iter().filter(|part| part.contains(' ')).collect();
        assert!(!parts.is_empty(), "{message}");
        for part in parts {
            assert!(sources.contains(part), "no message has {part:?}, as in the page's `{message}`");
        }
    }
}
