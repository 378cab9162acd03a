//! `tests/PROMISES.md`, kept true: every promise has a test that exists, or says why it has none. Text in, complaints out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The rows of the security page; the numbers that are left out are left out there, too.
const ATTACKS: [u32; 28] =
    [1, 3, 4, 6, 8, 9, 10, 11, 13, 15, 16, 18, 19, 20, 21, 23, 24, 26, 27, 29, 30, 32, 33, 34, 36, 37, 38, 39];
/// The faults of our own that the security page lists.
const FOUND: u32 = 9;
/// The sections of the design; each has a row of its own or rows below it.
const SECTIONS: [&str; 17] =
    ["1", "2", "3", "3.1", "3.2", "3.3", "3.4", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"];
/// A reason is a sentence.
const MIN_REASON: usize = 30;

/// A line of a table.
pub struct Row<'a> {
    id: &'a str,
    tests: &'a str,
}

/// Returns the rows of all tables.
pub fn rows(text: &str) -> Vec<Row<'_>> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let (id, _, tests) = (cells.next()?, cells.next()?, cells.next()?);
        (id != "id" && !id.starts_with("--")).then_some(Row { id, tests })
    });
    rows.collect()
}

/// Returns what is wrong with the table; `read` gives the text of a file below the top of the checkout.
pub fn complaints(rows: &[Row<'_>], read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
    let promises = (1..=10).map(|number| format!("P{number}"));
    let found = (1..=FOUND).map(|number| format!("F{number}"));
    for id in promises.chain(found).chain(ATTACKS.iter().map(|number| format!("T{number:02}"))) {
        if !ids.contains(&id.as_str()) {
            wrong.push(format!("{id} has no row"));
        }
    }
    for section in SECTIONS {
        let below = format!("{section}.");
        if !ids.iter().any(|id| *id == section || id.starts_with(&below)) {
            wrong.push(format!("section {section} has no row"));
        }
    }
    let mut files = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        if ids[..at].contains(&row.id) {
            wrong.push(format!("{} is there twice", row.id));
        }
        if let Some(reason) = row.tests.strip_prefix("none:") {
            if reason.trim().len() < MIN_REASON {
                wrong.push(format!("{} has no test, and no reason that says why", row.id));
            }
            continue;
        }
        let named: Vec<&str> = row.tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            wrong.push(format!("{} names no test; name one, or write `none:` and the reason", row.id));
        }
        for name in named {
            let Some((file, test)) = name.split_once("::") else {
                wrong.push(format!("{}: `{name}` is not `file.rs::test`", row.id));
                continue;
            };
            let path = if file.starts_with("src/") { file.to_owned() } else { format!("tests/{file}") };
            let tests = files.entry(path.clone()).or_insert_with(|| read(&path).map(|text| tests_of(&text)));
            let is_there = |name: &String| match test.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == test,
            };
            match tests {
                None => wrong.push(format!("{}: there is no {path}", row.id)),
                Some(tests) if !tests.iter().any(is_there) => {
                    wrong.push(format!("{}: {path} has no test `{test}`", row.id));
                }
                Some(_) => {}
            }
        }
    }
    wrong
}

/// Returns the names of the functions right behind a `#[test]`.
fn tests_of(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let mut names = Vec::new();
    while let Some(line) = lines.next() {
        if line != "#[test]" {
            continue;
        }
        let function = lines.by_ref().find(|line| !line.starts_with("#[") && !line.starts_with("//"));
        let name = function.and_then(|line| line.strip_prefix("fn ")?.split('(').next());
        names.extend(name.map(str::to_owned));
    }
    names
}

/// Reads a file of the checkout.
pub fn of_the_checkout(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}
