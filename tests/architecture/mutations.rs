//! The mutations of the engine and of execline (`.ci/mutations`), without running them: every one applies to the code as it is, and names
//! tests that exist. `.ci/mutate` runs them.

#[path = "../mutations/main.rs"]
#[allow(dead_code)] // what `.ci/mutate` calls as a program of its own
mod program;

use std::fs;
use std::path::Path;

use program::mutation::{Mutation, Sources};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns whether there is such a test: `properties::NAME`, `execline::NAME` or `lifecycle::FILE::NAME`.
fn exists(test: &str) -> bool {
    let Some((file, name)) = test.rsplit_once("::") else { return false };
    let text = fs::read_to_string(top().join("tests").join(file.replace("::", "/")).with_extension("rs"));
    let text = text.unwrap_or_default();
    text.contains(&format!("#[test]\nfn {name}()")) || text.contains(&format!("\n    {name}: "))
}

#[test]
fn every_mutation_applies_and_names_tests_that_exist() {
    let (mutations, wrong) = program::mutations(top());
    assert!(mutations.len() > 100, "{} mutations", mutations.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let missing = |mutation: &Mutation| {
        let tests = mutation.fails.iter().filter(|test| !exists(test));
        tests.map(|test| format!("{}: there is no test {test}", mutation.name)).collect::<Vec<_>>()
    };
    let missing: Vec<_> = mutations.iter().flat_map(missing).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    assert!(!exists("properties::holds") && !exists("lifecycle::no_such_file::starts"));
}

fn mutation(head: &str, old: &str, new: &str) -> Mutation {
    Mutation::read("wrong", &format!("{head}fails properties::p\n<<<<\n{old}\n====\n{new}\n>>>>\n")).unwrap()
}

fn sources() -> Sources {
    let one = "/// if a\nfn one(a: u8) -> u8 { if a > 1 { a } else { LIMIT } }\n".to_owned();
    let two = "impl T {\n    fn two(&self) -> u8 { // 7\n        self.f(\n            LIMIT,\n            7,\n        )\n    }\n}\n".to_owned();
    Sources::new([("a.rs".to_owned(), one), ("b.rs".to_owned(), two)])
}

#[test]
fn a_mutation_names_code_wherever_it_stands_and_however_it_is_laid_out() {
    let sources = sources();
    assert_eq!(sources.problem(&mutation("", "self.f(LIMIT, 7)", "1")), None);
    assert_eq!(sources.problem(&mutation("", "if a>1", "if a > 2")), None);
    assert_eq!(sources.problem(&mutation("", "a > 2", "a")).unwrap(), "no function has such code");
    let twice = sources.problem(&mutation("", "LIMIT", "1")).unwrap();
    assert!(twice.starts_with("such code is in `one` of a.rs and `two` of b.rs: "), "{twice}");
    assert_eq!(sources.problem(&mutation("in two\n", "LIMIT", "1")), None);
    assert_eq!(sources.problem(&mutation("in three\n", "LIMIT", "1")).unwrap(), "no function has such code");
    assert_eq!(sources.problem(&mutation("everywhere\n", "LIMIT", "1")), None);
}

#[test]
fn a_function_has_a_body_for_each_of_its_mutations() {
    let mutations =
        [mutation("everywhere\n", "LIMIT", "0"), mutation("", "self.f(LIMIT, 7)", "1"), mutation("", "a > 1", "a > 2")];
    let made = sources().with(&mutations, "switch()");
    assert_eq!(
        made["a.rs"],
        "/// if a\nfn one(a: u8) -> u8 { match switch() {\n0 => { if a > 1 { a } else { \n0 } }\n2 => { if \na > 2 { a } else { \
         LIMIT } }\n_ => { if a > 1 { a } else { LIMIT } } } }\n"
    );
    let bodies = "0 => { // 7\n        self.f(\n            \n0,\n            7,\n        )\n    }\n1 => { // 7\n        \n1\n    }\n_ =>";
    assert!(made["b.rs"].contains(bodies), "{}", made["b.rs"]);
}

#[test]
fn a_mutation_that_cannot_be_read_says_why() {
    let why = |text: &str| Mutation::read("wrong", text).unwrap_err();
    assert_eq!(why("fails a::b\n"), "it has no line `<<<<`");
    assert_eq!(why("fails a::b\n<<<<\nx\n>>>>\n"), "it has no line `====`");
    assert_eq!(why("fails a::b\n<<<<\nx\n====\ny\n"), "it does not end with `>>>>`");
    assert_eq!(why("<<<<\nx\n====\ny\n>>>>\n"), "it names no test");
    assert_eq!(why("fails a::b\n<<<<\n// x\n====\ny\n>>>>\n"), "it names no code");
    assert_eq!(
        why("file src/a.rs\n<<<<\nx\n====\ny\n>>>>\n"),
        "`file src/a.rs` is neither `in FUNCTION`, `fails TEST` nor `everywhere`"
    );
}
