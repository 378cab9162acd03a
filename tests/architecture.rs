//! The architecture of DESIGN §11, kept: reads the source files as text and says who names what they must not. Each rule
//! is shown to catch its own breach. A program of its own, which needs nothing but the sources and is compiled at once.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "architecture/code.rs"]
mod code;
#[path = "architecture/cycles.rs"]
mod cycles;
#[path = "architecture/mutations.rs"]
mod mutations;
#[path = "architecture/promises.rs"]
mod promises;

use std::fs;
use std::path::{Path, PathBuf};

use code::{bare, has_word, paths_after};

/// Longer files have more than one idea.
const MAX_LINES: usize = 400;

/// Plain values in, plain values out: no effect is named in these folders.
const PURE: [&str; 5] = ["config", "execline", "import", "plan", "supervise"];
const EFFECTS: [&str; 10] = [
    "nix::",
    "tokio::",
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "Instant",
    "SystemTime",
    "libc",
];

/// The rooms from the ground up. A room may import itself and what lies on lower floors; rooms that share a floor do not
/// know each other (`src/lib.rs` says what each is for).
const FLOORS: [&[&str]; 11] = [
    &["text"],
    &["error", "execline"],
    &["config"],
    &["import", "plan", "supervise"],
    &["sys"],
    &["log", "inspect"],
    &["control", "run_as"],
    &["boot", "rehearse", "s6_commands"],
    &["run"],
    &["cli"],
    &["main"],
];

/// Returns the floor and the room of each row of the table in `src/lib.rs`.
fn floors_of_the_map(text: &str) -> Vec<(usize, &str)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | [`"));
    let names = rows.filter_map(|(floor, rest)| Some((floor.parse().ok()?, rest.split('`').next()?)));
    names.map(|(floor, name)| (floor, name.trim_start_matches("mod@"))).collect()
}

/// Returns the rooms that `room` may import, itself included; `None`: no such room is known.
fn may_import(room: &str) -> Option<Vec<&'static str>> {
    let floor = FLOORS.iter().position(|rooms| rooms.contains(&room))?;
    let own = FLOORS[floor].iter().copied().filter(|name| *name == room);
    Some(FLOORS[..floor].iter().flat_map(|rooms| rooms.iter().copied()).chain(own).collect())
}

/// Files outside of `sys` that may be unsafe: each makes a call that no wrapper serves, and says which at its top.
const UNSAFE_BESIDE_SYS: [&str; 14] = [
    "boot/own/usable.rs",
    "inspect/doctor/access_as_user.rs",
    "log/sink.rs",
    "log/store/compress.rs",
    "main.rs",
    "rehearse/guard.rs",
    "rehearse/launch.rs",
    "rehearse/mounts.rs",
    "rehearse/report.rs",
    "rehearse/terminal.rs",
    "run/async_fd.rs",
    "run/notify/mod.rs",
    "run/probe/child.rs",
    "run/terminal.rs",
];

/// Macros that write where only verbs may: PID 1 has its own way to speak, and these panic on a closed pipe.
const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// A file of `src`, as rules see it.
struct Source {
    /// Below `src`.
    path: PathBuf,
    text: String,
    /// Without comments and the contents of literals.
    code: String,
}

impl Source {
    fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        Self { path: path.into(), text: text.to_owned(), code: bare(text) }
    }

    /// The top folder, or the file's own name at the top.
    fn part(&self) -> String {
        let first = self.path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        first.unwrap_or_default().trim_end_matches(".rs").to_owned()
    }

    fn is_pure(&self) -> bool {
        PURE.contains(&self.part().as_str())
    }

    fn says(&self, what: &str) -> String {
        format!("{}: {what}", self.path.display())
    }
}

fn sources() -> Vec<Source> {
    files_of("src")
}

fn files_of(folder: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(Source::new(path.strip_prefix(&top).unwrap(), &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(found.len() > 50, "the files of {folder} are not where they were");
    found
}

/// What a user reads is a sentence, or `key=value`: `{:?}` is for assertions, and for `Debug` itself.
fn prints_no_debug_values(source: &Source) -> Vec<String> {
    let output = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_message = |line: &&str| line.contains(":?}") || line.contains(":#?}");
    let is_meant = |line: &&str| {
        let line = line.trim_start();
        // `fmt::Debug` of a type, and how `tracing` hands over the text of a message.
        ["assert", "debug_assert", "panic!", "unreachable!", "//", "write!(out,", "write!(self."]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let broken = output.lines().filter(is_message).filter(|line| !is_meant(line));
    broken.map(|line| source.says(&format!("a message prints a value of the language: {}", line.trim()))).collect()
}

/// Asserts that no file breaks the rule, and names all that do.
fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    let broken: Vec<_> = sources().iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn breaks(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) -> bool {
    !rule(&Source::new(path, text)).is_empty()
}

fn names_no_effect(source: &Source) -> Vec<String> {
    if !source.is_pure() {
        return Vec::new();
    }
    let effects = EFFECTS.iter().filter(|word| has_word(&source.code, word));
    let mut broken: Vec<_> = effects.map(|word| source.says(&format!("names `{word}` in a pure folder"))).collect();
    if source.code.contains("std::{") {
        broken.push(source.says("groups imports of std, which hides what is imported: one `use` each"));
    }
    broken
}

fn imports_one_way(source: &Source) -> Vec<String> {
    let part = source.part();
    let Some(allowed) = may_import(&part) else {
        return if part == "lib" { Vec::new() } else { vec![source.says("belongs to no room that this test knows")] };
    };
    let imports = paths_after(&source.code, "crate::");
    let strange = imports.iter().filter(|name| !allowed.contains(&name.as_str()));
    strange.map(|name| source.says(&format!("{part} may not name `crate::{name}`"))).collect()
}

fn opens_with_its_purpose(source: &Source) -> Vec<String> {
    let opens = source.text.starts_with("//! ") && source.text.lines().next().is_some_and(|line| line.len() > 12);
    if opens { Vec::new() } else { vec![source.says("does not open with `//!` and what it is for")] }
}

fn is_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= MAX_LINES { Vec::new() } else { vec![source.says(&format!("has {lines} lines; split it by idea"))] }
}

/// A path of the build directory is good for nobody inside: a checkout below `/tmp` or in a closed directory is not there.
fn names_no_place_of_the_build(source: &Source) -> Vec<String> {
    let allowed = ["support/programs.rs", "architecture.rs"].iter().any(|path| source.path == Path::new(path));
    match source.code.contains("env!(") && source.text.contains("CARGO_BIN_EXE_") && !allowed {
        true => {
            vec![format!("tests/{}: names the build's binary; use tests/support/programs.rs", source.path.display())]
        }
        false => Vec::new(),
    }
}

/// What judges the engine takes types from it, and no value and no rule.
fn judges_by_its_own_rules(source: &Source) -> Vec<String> {
    if !source.path.to_string_lossy().contains("oracle") {
        return Vec::new();
    }
    let is_type = |name: &str| name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
    let imports = source.code.split("use stepdown::").skip(1).filter_map(|rest| rest.split(';').next());
    let names = imports.flat_map(|path| path.rsplit_once("::").map_or(path, |(_, names)| names).split(','));
    let names = names.map(|name| name.trim_matches(['{', '}', ' ', '\n'])).filter(|name| !name.is_empty());
    names
        .filter(|name| !is_type(name))
        .map(|name| format!("{} takes {name} from the engine", source.path.display()))
        .collect()
}

fn keeps_unsafe_in_sys(source: &Source) -> Vec<String> {
    let is_unsafe = has_word(&source.code, "unsafe") || has_word(&source.code, "unsafe_code");
    let may = source.part() == "sys" || UNSAFE_BESIDE_SYS.iter().any(|file| source.path == Path::new(file));
    if is_unsafe && !may { vec![source.says("is unsafe outside src/sys")] } else { Vec::new() }
}

fn matches_everything(source: &Source) -> Vec<String> {
    let lines = source.code.lines().enumerate().filter(|(_, line)| {
        let arm = line.trim_start().trim_start_matches(['{', '|', ' ']);
        arm.starts_with("_ =>") || arm.starts_with("_ if ") || line.contains(" | _ =>") || line.contains("{ _ =>")
    });
    match source.part() == "supervise" {
        true => {
            lines.map(|(index, _)| source.says(&format!("line {} has a `_ =>`: name the rest", index + 1))).collect()
        }
        false => Vec::new(),
    }
}

/// Two ways to escape disagree sooner or later; and `display()` escapes nothing.
const ESCAPES: [&str; 5] = ["escape_default", "escape_debug", "escape_ascii", "escape_unicode", "display()"];

fn escapes_in_one_place(source: &Source) -> Vec<String> {
    // The lines of services' logs, byte by byte: a test there compares them with `text`.
    let may = ["text.rs", "log/lines.rs"].iter().any(|file| source.path == Path::new(file));
    let is_test = source.path.ends_with("tests.rs") || source.path.to_string_lossy().ends_with("_tests.rs");
    // Attributes are code: what follows this one is for tests.
    let output = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    let used = ESCAPES.iter().filter(|word| !may && !is_test && has_word(output, word));
    used.map(|word| source.says(&format!("uses `{word}`: a foreign text is printed with `crate::text::shown`")))
        .collect()
}

/// What a message is called; what is decided by its words breaks when the words are improved.
const MESSAGES: [&str; 8] = ["cause", "why", "what", "notice", "fix", "consequence", "explanation", "message"];
const QUESTIONS: [&str; 4] = [".contains(", ".starts_with(", ".ends_with(", ".strip_prefix("];
/// Files that have nothing but the words to go by.
const READS_MESSAGES: [(&str, &str); 2] = [
    ("config/toml_error.rs", "the parser says what is wrong in words alone"),
    ("run/probe/connect.rs", "the resolver's words begin with what was said already"),
];

fn decides_by_values(source: &Source) -> Vec<String> {
    let may = READS_MESSAGES.iter().any(|(file, _)| source.path == Path::new(file));
    let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    let is_in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let asks = |line: &&str| {
        MESSAGES.iter().flat_map(|name| line.match_indices(name)).any(|(index, name)| {
            let rest = line[index + name.len()..].trim_start_matches(".as_str()");
            // A literal leaves nothing behind.
            let compared = rest.strip_prefix(" == ").or_else(|| rest.strip_prefix(" != "));
            let is_literal =
                compared.is_some_and(|right| !right.starts_with(|letter| is_in_word(letter) || "&*(".contains(letter)));
            !line[..index].ends_with(is_in_word) && (is_literal || QUESTIONS.iter().any(|ask| rest.starts_with(ask)))
        })
    };
    let broken = code.lines().filter(|line| !may && asks(line));
    broken.map(|line| source.says(&format!("decides by the words of a message: {}", line.trim()))).collect()
}

fn prints_in_cli_only(source: &Source) -> Vec<String> {
    let used = PRINTING.iter().filter(|name| has_word(&source.code, name) && source.part() != "cli");
    used.map(|name| source.says(&format!("uses {name}"))).collect()
}

#[test]
fn pure_folders_name_no_effect() {
    assert!(breaks(names_no_effect, "plan/x.rs", "use std::fs;\n"));
    assert!(breaks(names_no_effect, "config/x.rs", "use std::{fs, fmt};\n"));
    assert!(breaks(names_no_effect, "supervise/a/x.rs", "fn f() { std::time::Instant::now(); }\n"));
    assert!(breaks(names_no_effect, "plan/x.rs", "use nix::unistd;\n"));
    assert!(!breaks(
        names_no_effect,
        "plan/x.rs",
        "// std::fs\n/* nix:: */ use std::os::unix::ffi; const A: &str = \"libc\";\n"
    ));
    assert!(!breaks(names_no_effect, "sys/x.rs", "use std::fs;\n"));
    hold(names_no_effect);
}

#[test]
fn imports_run_one_way() {
    assert!(breaks(imports_one_way, "config/x.rs", "use crate::plan::Step;\n"));
    assert!(breaks(imports_one_way, "plan/x.rs", "use crate::{config, sys};\n"));
    assert!(breaks(imports_one_way, "supervise/x.rs", "fn f(_: crate::plan::Step) {}\n"));
    assert!(breaks(imports_one_way, "sys/x.rs", "use crate::cli;\n"));
    assert!(breaks(imports_one_way, "sys/x.rs", "use crate::run;\n"));
    assert!(breaks(imports_one_way, "log/x.rs", "use crate::inspect;\n"));
    assert!(breaks(imports_one_way, "plan/x.rs", "use crate::supervise;\n"));
    assert!(breaks(imports_one_way, "new/x.rs", ""));
    assert!(!breaks(
        imports_one_way,
        "plan/x.rs",
        "use crate::{config::Config, error::{Place, Problem}};\n/// crate::sys\n"
    ));
    hold(imports_one_way);
}

#[test]
fn the_map_has_the_floors_that_are_checked() {
    let map = floors_of_the_map(include_str!("../src/lib.rs")).into_iter().collect::<std::collections::BTreeSet<_>>();
    let rooms = |(floor, rooms): (usize, &&'static [&'static str])| rooms.iter().map(move |room| (floor, *room));
    let checked = FLOORS.iter().enumerate().flat_map(rooms).filter(|(_, room)| *room != "main");
    assert_eq!(map, checked.collect());
    assert_eq!(floors_of_the_map("//! | 3 | [`mod@plan`] | x |\n//! | floor | room |\n"), [(3, "plan")]);
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let all = sources();
    let found = cycles::cycles(all.iter().map(|source| (source.path.display().to_string(), source.code.as_str())));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    assert!(breaks(opens_with_its_purpose, "x.rs", "use std::fs;\n//! Later.\n"));
    assert!(breaks(opens_with_its_purpose, "x.rs", "//! stub\n"));
    hold(opens_with_its_purpose);
}

#[test]
fn no_file_is_long() {
    assert!(breaks(is_short, "x.rs", &"\n".repeat(MAX_LINES + 1)));
    assert!(!breaks(is_short, "x.rs", &"\n".repeat(MAX_LINES)));
    hold(is_short);
    let shared = files_of("tests").into_iter().filter(|source| source.part() == "support");
    let long: Vec<_> = shared.flat_map(|source| is_short(&source)).collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn tests_name_the_binary_by_the_place_where_everybody_reaches_it() {
    let named = "const BINARY: &str = env!(\"CARGO_BIN_EXE_stepdown\");\n";
    assert!(breaks(names_no_place_of_the_build, "control.rs", named));
    assert!(!breaks(names_no_place_of_the_build, "support/programs.rs", named));
    let broken: Vec<_> = files_of("tests").iter().flat_map(names_no_place_of_the_build).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_oracle_has_its_own_constants() {
    let path = "support/engine/oracle.rs";
    assert!(breaks(judges_by_its_own_rules, path, "use stepdown::supervise::{Action, REAP_GRACE,\n    EngineTime};\n"));
    assert!(breaks(judges_by_its_own_rules, path, "use stepdown::supervise::REAP_GRACE;\n"));
    assert!(breaks(judges_by_its_own_rules, path, "use stepdown::supervise;\n"));
    assert!(!breaks(judges_by_its_own_rules, path, "use stepdown::supervise::{\n    Action,\n    EngineTime,\n};\n"));
    let broken: Vec<_> = files_of("tests").iter().flat_map(judges_by_its_own_rules).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_message_prints_a_value_of_the_language() {
    let output = "fn f() { tracing::debug!(\"{event:?}\"); }\n";
    assert!(breaks(prints_no_debug_values, "sys/x.rs", output));
    assert!(breaks(prints_no_debug_values, "plan/x.rs", "fn f() { format!(\"{:#?}\", x); }\n"));
    assert!(!breaks(prints_no_debug_values, "sys/x.rs", &format!("#[cfg(test)]\nmod tests {{ {output} }}\n")));
    assert!(!breaks(prints_no_debug_values, "sys/x.rs", "assert!(x, \"{x:?}\");\n"));
    hold(prints_no_debug_values);
}

#[test]
fn unsafe_lives_in_sys() {
    assert!(breaks(keeps_unsafe_in_sys, "plan/x.rs", "fn f() { unsafe { g() } }\n"));
    assert!(breaks(keeps_unsafe_in_sys, "cli/x.rs", "#![allow(unsafe_code)]\n"));
    assert!(!breaks(keeps_unsafe_in_sys, "cli/x.rs", "// unsafe\n"));
    hold(keeps_unsafe_in_sys);
}

#[test]
fn the_engine_matches_every_state_and_event_by_name() {
    assert!(breaks(matches_everything, "supervise/x.rs", "match x {\n    A => 1,\n    _ => 2,\n}\n"));
    assert!(breaks(matches_everything, "supervise/x.rs", "match x {\n    A | _ => 1,\n}\n"));
    assert!(breaks(matches_everything, "supervise/x.rs", "match x { _ => 1 }\n"));
    assert!(breaks(matches_everything, "supervise/x.rs", "match x {\n    _ if y => 1,\n}\n"));
    assert!(!breaks(matches_everything, "supervise/x.rs", "match x {\n    (A, _) => 1,\n    B { .. } => 2,\n}\n"));
    hold(matches_everything);
}

#[test]
fn foreign_text_is_escaped_in_one_place() {
    assert!(breaks(escapes_in_one_place, "plan/x.rs", "fn f() { name.escape_default(); }\n"));
    assert!(breaks(escapes_in_one_place, "cli/x.rs", "fn f() { format!(\"{}\", path.display()); }\n"));
    assert!(!breaks(escapes_in_one_place, "text.rs", "fn f() { letter.escape_default(); }\n"));
    assert!(!breaks(escapes_in_one_place, "cli/x.rs", "#[cfg(test)]\nmod tests { fn f() { path.display(); } }\n"));
    hold(escapes_in_one_place);
}

#[test]
fn nothing_is_decided_by_the_words_of_a_message() {
    assert!(breaks(decides_by_values, "plan/x.rs", "fn f() { if cause.ends_with(\"not granted\") {} }\n"));
    assert!(breaks(decides_by_values, "run/x.rs", "fn f() { if why.what == \"cannot fork\" {} }\n"));
    assert!(breaks(decides_by_values, "run/x.rs", "fn f() { if error.what.as_str() != \"x\" {} }\n"));
    assert!(!breaks(decides_by_values, "plan/x.rs", "fn f() { if somewhat.contains(\"x\") {} } // why.contains(\n"));
    assert!(!breaks(decides_by_values, "plan/x.rs", "#[cfg(test)]\nmod tests { fn f() { why.contains(\"x\"); } }\n"));
    hold(decides_by_values);
    for (file, reason) in READS_MESSAGES {
        let source = sources().into_iter().find(|source| source.path == Path::new(file)).expect(file);
        let as_another = Source { path: "x.rs".into(), ..source };
        assert!(!decides_by_values(&as_another).is_empty(), "{file} needs no exception any more: {reason}");
    }
}

#[test]
fn only_verbs_print() {
    assert!(breaks(prints_in_cli_only, "sys/x.rs", "fn f() { println!(\"x\"); }\n"));
    assert!(!breaks(prints_in_cli_only, "cli/x.rs", "fn f() { println!(\"x\"); }\n"));
    assert!(!breaks(prints_in_cli_only, "sys/x.rs", "const A: &str = \"println!\"; // eprintln!\n"));
    hold(prints_in_cli_only);
}

#[test]
fn every_promise_has_a_test_that_exists_or_a_reason_why_not() {
    let file =
        |path: &str| (path == "tests/a.rs").then(|| "#[test]\n// why\nfn holds() {}\nfn helper() {}\n".to_owned());
    let output = |row: &str| promises::complaints(&promises::rows(row), file).join("\n");
    assert!(!output("| P1 | … | `a.rs::holds` `a.rs::hol*` |").contains("P1:"));
    assert!(output("| P1 | … | `a.rs::helper` |").contains("P1: tests/a.rs has no test `helper`"));
    assert!(output("| P1 | … | `a.rs::x*` |").contains("P1: tests/a.rs has no test `x*`"));
    assert!(output("| P1 | … | `b.rs::holds` |").contains("P1: there is no tests/b.rs"));
    assert!(output("| P1 | … | some |").contains("P1 names no test"));
    assert!(output("| P1 | … | none: later |").contains("P1 has no test, and no reason"));
    assert!(output("| P1 | … | `a.rs::holds` |\n| P1 | … | `a.rs::holds` |").contains("P1 is there twice"));
    assert!(
        output("").contains("P10 has no row")
            && output("").contains("T39 has no row")
            && output("").contains("section 3.4 has")
    );
    let table = promises::of_the_checkout("tests/PROMISES.md").unwrap();
    let wrong = promises::complaints(&promises::rows(&table), promises::of_the_checkout);
    assert!(wrong.is_empty(), "tests/PROMISES.md:\n{}", wrong.join("\n"));
}

/// What stands in backquotes in the table of CONTRIBUTING.md, row by row.
fn places_of_changes(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let quoted =
        |line: &str| line.split('`').skip(1).step_by(2).filter(|word| word.contains('/')).map(str::to_owned).collect();
    rows.map(quoted).collect()
}

/// Returns the places that do not exist.
fn missing_places(text: &str) -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    places_of_changes(text).into_iter().flatten().filter(|place| !top.join(place).exists()).collect()
}

/// Returns the files of `tests/support` that are not in exactly one row of a table, and rows without a file.
fn wrong_in_the_map(text: &str, files: &[String]) -> Vec<String> {
    let rows = || text.lines().filter_map(|line| line.strip_prefix("| `support/")?.split('`').next());
    let count = |file: &&String| rows().filter(|row| row == file).count() != 1;
    let unknown = rows().filter(|row| !files.iter().any(|file| file == row)).map(str::to_owned);
    files.iter().filter(count).cloned().chain(unknown).collect()
}

#[test]
fn every_file_that_tests_share_is_in_the_map_of_tests_once() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = files_of("tests").into_iter().map(|source| source.path.display().to_string());
    let files: Vec<_> = files.filter_map(|path| path.strip_prefix("support/").map(str::to_owned)).collect();
    assert!(files.len() > 30, "{files:?}");
    assert_eq!(wrong_in_the_map(&fs::read_to_string(top.join("README.md")).unwrap(), &files), Vec::<String>::new());
    let map = "| `support/a.rs` | … |\n| `support/b.rs` | … |\n| `support/b.rs` | … |\n| `support/gone.rs` | … |\n";
    let wrong = wrong_in_the_map(map, &["a.rs", "b.rs", "new.rs"].map(str::to_owned));
    assert_eq!(wrong, ["b.rs", "new.rs", "gone.rs"]);
}

#[test]
fn a_newcomer_finds_the_files_for_each_change() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap();
    let places = places_of_changes(&text);
    assert!(places.len() >= 19, "{places:?}");
    assert!(places.iter().all(|row| row.len() > 1), "{places:?}");
    assert_eq!(missing_places(&text), Vec::<String>::new());
    for room in PURE {
        assert!(
            text.contains(&format!("`src/{room}/")) || text.contains(&format!("src/{room}/")),
            "nothing about {room}"
        );
    }
    assert_eq!(missing_places("| a change | `src/lib.rs` `src/no/such/file.rs` |"), ["src/no/such/file.rs"]);
}
