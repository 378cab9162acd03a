//! Writes a copy of the engine and of the execline language, and of their tests, that has all mutations of `.ci/mutations` in
//! it, each behind a switch: `.ci/mutate` compiles it once and runs it with one switch after the other. No part of the build:
//! rustc compiles it alone.
//!
//! The copy holds these two rooms and the values they are made of, and nothing else: they are pure, so it builds without a
//! dependency.

pub mod mutation;
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mutation::{Mutation, Sources};

/// What mutations apply to: the engine, and the execline language.
const MUTATED: [&str; 2] = ["src/supervise", "src/execline"];

/// Where the values are that they are made of. Of these, and of the files at the top, those are copied that are named by
/// them or by each other.
const VALUES: &str = "src/config";

/// Their tests.
const TESTS: [&str; 5] =
    ["tests/execline.rs", "tests/lifecycle", "tests/lifecycle.rs", "tests/properties.rs", "tests/support/engine"];

const MANIFEST: &str = r#"[package]
name = "stepdown"
version = "0.0.0"
edition = "2024"
autotests = false

[[test]]
name = "all"
path = "tests/all.rs"

[profile.dev]
opt-level = 1      # thousands of simulations for each mutation
debug = 0
incremental = false

[workspace]
"#;

const LIBRARY: &str = "//! The engine and the execline language alone.
pub mod config {
VALUES}
TOP
pub mod execline;
pub mod supervise;

/// Returns the number of the mutation that this process has.
pub fn mutation() -> usize {
    static NUMBER: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| {
        std::env::var(\"STEPDOWN_MUTATION\").map_or(usize::MAX, |text| text.parse().expect(\"a number\"))
    });
    *NUMBER
}
";

const TESTS_ROOT: &str = "//! The tests of both alone.
mod execline;
mod lifecycle;
mod properties;
mod support {
    pub mod engine;
}
";

/// Returns the mutations of a checkout, and what is wrong with those that are not listed.
pub fn mutations(top: &Path) -> (Vec<Mutation>, Vec<String>) {
    let files = fs::read_dir(top.join(".ci/mutations")).expect("mutations lie in a directory");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("it can be listed").path()).collect();
    files.sort();
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match Mutation::read(&name, &fs::read_to_string(&file).expect("it can be read")) {
            Ok(mutation) => good.push(mutation),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    let sources = sources(top);
    wrong.extend(
        good.iter().filter_map(|mutation| sources.problem(mutation).map(|why| format!("{}: {why}", mutation.name))),
    );
    (good, wrong)
}

/// Returns the sources of what is mutated.
fn sources(top: &Path) -> Sources {
    Sources::new(MUTATED.iter().flat_map(|folder| rust_files(&top.join(folder))).map(|path| {
        let text = fs::read_to_string(&path).expect("a source is text");
        (path.strip_prefix(top).expect("it lies there").display().to_string(), text)
    }))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let found = paths.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// Writes the copy to `to`.
fn write(top: &Path, to: &Path, mutations: &[Mutation]) -> std::io::Result<()> {
    let mut files = sources(top).with(mutations, "crate::mutation()");
    for path in TESTS.map(|path| top.join(path)) {
        for file in if path.is_dir() { rust_files(&path) } else { vec![path] } {
            let name = file.strip_prefix(top).expect("it lies there").display().to_string();
            files.insert(name, fs::read_to_string(&file)?);
        }
    }
    let (mut values, mut at_top) = (String::new(), String::new());
    while let Some(path) = missing_module(top, &files) {
        let (folder, file) = path.rsplit_once('/').unwrap_or_default();
        let modules = if folder == VALUES { &mut values } else { &mut at_top };
        *modules += &format!("pub mod {};\n", file.trim_end_matches(".rs"));
        let text = fs::read_to_string(top.join(&path))?;
        files.insert(path, text);
    }
    files.extend([
        ("src/lib.rs".to_owned(), LIBRARY.replace("VALUES", &values).replace("TOP", &at_top)),
        ("tests/all.rs".to_owned(), TESTS_ROOT.to_owned()),
        ("Cargo.toml".to_owned(), MANIFEST.to_owned()),
    ]);
    for (path, text) in files {
        let at = to.join(path);
        fs::create_dir_all(at.parent().expect("it lies below the copy"))?;
        fs::write(at, text)?;
    }
    Ok(())
}

/// Returns a file of values, or at the top, that one of these files imports and that is not among them.
fn missing_module(top: &Path, files: &BTreeMap<String, String>) -> Option<String> {
    let named = |text: &str, prefix: &str, folder: &str| {
        let names =
            text.split(prefix).skip(1).filter_map(|rest| rest.split(|letter: char| !is_of_a_name(letter)).next());
        let mut paths = names.map(|name| format!("{folder}/{name}.rs"));
        paths.find(|path| !files.contains_key(path) && top.join(path).exists())
    };
    files.iter().filter(|(path, _)| path.starts_with("src/")).find_map(|(path, text)| {
        let siblings = if path.starts_with(VALUES) { "super::" } else { "config::" };
        named(text, siblings, VALUES).or_else(|| named(text, "crate::", "src"))
    })
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Arguments: the checkout, the copy to make, and perhaps a word that the mutations' names contain. Prints a line for each
/// mutation: its number, its name, its tests.
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(top), Some(to)) = (arguments.next().map(PathBuf::from), arguments.next().map(PathBuf::from)) else {
        return ExitCode::from(2);
    };
    let word = arguments.next().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let (mutations, wrong) = mutations(&top);
    let mut errors = std::io::stderr();
    for why in &wrong {
        let _closed = writeln!(errors, "mutate: {why}");
    }
    if !wrong.is_empty() {
        return ExitCode::FAILURE;
    }
    if let Err(cause) = write(&top, &to, &mutations) {
        let _closed = writeln!(errors, "mutate: cannot write {}: {cause}", to.display());
        return ExitCode::FAILURE;
    }
    let mut list = std::io::stdout();
    for (number, mutation) in mutations.iter().enumerate().filter(|(_, mutation)| mutation.name.contains(&word)) {
        let _closed = writeln!(list, "{number} {} {}", mutation.name, mutation.fails.join(" "));
    }
    ExitCode::SUCCESS
}
