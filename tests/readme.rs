//! The README cannot drift: its tables are generated from the values that the program itself uses.
//! `STEPDOWN_WRITE_README=1 cargo test --test all readme::` writes them again.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use stepdown::config::keys::{ConfigFile, KeyStatus};
use stepdown::{config, plan, s6_commands};

use crate::support::environments;

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Puts `body` between the marker of `part` and the next end marker.
fn with_part(text: &str, part: &str, body: &str) -> String {
    let begin = format!("<!-- {part}: generated, see tests/readme.rs -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("README.md has no part `{part}`"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}{begin}{body}<!-- end -->{after}")
}

/// Returns a text as the cell of a table.
fn escape_cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn variables() -> String {
    let mut out = String::from("\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in config::VARIABLES {
        writeln!(out, "| `{name}` | {} |", escape_cell(meaning)).unwrap();
    }
    out + "\n"
}

fn keys(file: ConfigFile) -> String {
    let mut out = String::new();
    let mut later = Vec::new();
    for table in config::reference().iter().filter(|table| table.file == file) {
        let name = if table.name.is_empty() { String::new() } else { format!("`{}`\n\n", table.name) };
        write!(out, "\n{name}| key | expects | default | meaning |\n|---|---|---|---|\n").unwrap();
        for key in table.keys {
            match key.status {
                KeyStatus::Available => writeln!(
                    out,
                    "| `{}` | {} | {} | {} |",
                    key.name,
                    escape_cell(key.expects),
                    default(key.default),
                    escape_cell(key.meaning)
                )
                .unwrap(),
                KeyStatus::Later(_) if table.name.is_empty() => later.push(format!("`{}`", key.name)),
                KeyStatus::Later(_) => later.push(format!("`{}.{}`", table.name, key.name)),
            }
        }
    }
    if !later.is_empty() {
        write!(out, "\nRefused by name until they are available: {}.\n", later.join(", ")).unwrap();
    }
    out + "\n"
}

fn default(text: &str) -> String {
    if text.is_empty() || text.starts_with('(') { escape_cell(text) } else { format!("`{}`", escape_cell(text)) }
}

fn helper_commands() -> String {
    let mut out = String::from("\n| command | of | does |\n|---|---|---|\n");
    for command in s6_commands::COMMANDS {
        writeln!(out, "| `{}` | {} | {} |", command.name, command.origin.name(), escape_cell(command.summary)).unwrap();
    }
    out + "\n"
}

fn boot() -> String {
    let mut out = String::from("\n");
    for (at, (name, sentence)) in (1..).zip(plan::boot_parts()) {
        writeln!(out, "{at}. **{name}**: {sentence}").unwrap();
    }
    out + "\n"
}

#[test]
fn its_tables_are_what_the_program_uses() {
    let now = fs::read_to_string(readme()).unwrap();
    let mut then = with_part(&now, "variables", &variables());
    then = with_part(&then, "service keys", &keys(ConfigFile::Service));
    then = with_part(&then, "container keys", &keys(ConfigFile::Container));
    then = with_part(&then, "boot", &boot());
    then = with_part(&then, "helper commands", &helper_commands());
    then = with_part(&then, "environments", &environments::table());
    if std::env::var_os("STEPDOWN_WRITE_README").is_some() {
        fs::write(readme(), &then).unwrap();
    }
    assert!(now == then, "README.md is not up to date: STEPDOWN_WRITE_README=1 cargo test --test all readme::");
}

/// The page of the helper commands: what they do otherwise than their originals, and which originals there are not.
fn helper_commands_page() -> String {
    let mut out = String::from(S6_COMMANDS_HEAD);
    for it in s6_commands::differences::DIFFERENCES {
        let cells = [it.case, it.original, it.ours, it.reason].map(escape_cell).join(" | ");
        writeln!(out, "| `{}` | {cells} |", it.command).unwrap();
    }
    out += S6_COMMANDS_MIDDLE;
    for it in s6_commands::not_provided::NOT_PROVIDED {
        writeln!(out, "| `{}` | {} | {} |", it.name, it.origin.name(), escape_cell(it.instead)).unwrap();
    }
    out
}

const S6_COMMANDS_HEAD: &str = "\
# Helper commands and their originals

The [helper commands](../README.md#helper-commands) are compared with Debian's s6 2.11 and execline 2.9, argument by argument.
What is not in one of these two tables is the same. This page is generated: `tests/readme.rs` writes it from the tables that
the tests use.

## Differences that are meant

| command | case | original | here | why |
|---|---|---|---|---|
";

const S6_COMMANDS_MIDDLE: &str = "
## Not provided

Programs that s6-overlay 3.2.3 ships besides. A link to stepdown with such a name says so and ends with 127, and so does an
execline script that calls one where there is none.

| program | of | instead |
|---|---|---|
";

#[test]
fn the_page_of_the_helper_commands_is_what_their_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/s6-commands.md");
    if std::env::var_os("STEPDOWN_WRITE_README").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, helper_commands_page()).unwrap();
    }
    let now = fs::read_to_string(path).unwrap_or_default();
    assert!(
        now == helper_commands_page(),
        "docs/s6-commands.md is not up to date: STEPDOWN_WRITE_README=1 cargo test --test all readme::"
    );
}

#[test]
fn it_names_every_verb() {
    let text = fs::read_to_string(readme()).unwrap();
    for verb in stepdown::cli::command().get_subcommands() {
        assert!(text.contains(&format!("| `{}", verb.get_name())), "the README does not name `{}`", verb.get_name());
    }
}

/// Values in the messages of its table "When it does not work", and what it leaves out.
const VALUES_IN_MESSAGES: [&str; 12] = [
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

/// Returns the first cell of each row of the table below a heading, without the quotes of code.
fn messages(text: &str, heading: &str) -> Vec<String> {
    let (_, part) = text.split_once(heading).unwrap();
    let rows =
        part.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
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
fn the_messages_that_it_quotes_are_those_that_are_printed() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let all = messages(&fs::read_to_string(readme()).unwrap(), "## When it does not work\n");
    assert!(all.len() > 10, "{all:?}");
    for message in all {
        let fixed = VALUES_IN_MESSAGES.iter().fold(message.clone(), |text, value| text.replace(value, "\n"));
        let parts: Vec<_> = fixed.split('\n').map(|part| part.trim_matches([' ', ':', ';', '(', ')'])).collect();
        let parts: Vec<_> = parts.into_iter().filter(|part| part.contains(' ')).collect();
        assert!(!parts.is_empty(), "{message}");
        for part in parts {
            assert!(sources.contains(part), "no message has {part:?}, as in the README's `{message}`");
        }
    }
}

/// Returns the examples that are one whole file: those whose first line names it and nothing else.
fn examples(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
    let named = blocks.filter_map(|block| {
        let first = block.lines().next()?.strip_prefix("# ")?;
        let name = first.split(": ").next()?;
        name.ends_with(".toml").then(|| (name.to_owned(), block.to_owned()))
    });
    named.filter(|(name, _)| !name.contains(' ')).collect()
}

#[test]
fn its_examples_of_whole_files_have_no_problem() {
    let text = fs::read_to_string(readme()).unwrap();
    let all = examples(&text);
    assert!(all.len() >= 4, "{all:?}");
    for (name, block) in all {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("services.d")).unwrap();
        fs::write(place.path().join("services.d/web.toml"), "command = [\"web\"]\n").unwrap();
        fs::write(place.path().join(&name), &block).unwrap();
        let mut check = std::process::Command::new(crate::support::programs::program());
        let output = check.arg("check").current_dir(place.path()).env_clear().output().unwrap();
        assert!(output.status.success(), "{name}: {}\n{block}", String::from_utf8_lossy(&output.stdout));
    }
}
