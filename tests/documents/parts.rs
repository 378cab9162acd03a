//! What the generated parts of pages say, from the values that the program itself uses. Must not know where they stand.

use std::fmt::Write;
use std::process::Command;

use stepdown::config::keys::{ConfigFile, KeyStatus};
use stepdown::{cli, config, plan, s6_commands};

use super::{journeys, parts_s6};
use crate::support::environments;
use crate::support::programs::program;

/// The name of a part, and what makes it.
type Part = (&'static str, fn() -> String);

/// All of them, sorted by name.
const PARTS: [Part; 14] = [
    ("boot", boot),
    ("command help", command_help),
    ("commands", commands),
    ("container keys", || keys(ConfigFile::Container)),
    ("daemons", daemons),
    ("differences of helper commands", parts_s6::differences),
    ("environments", environments::table),
    ("exit codes", exit_codes),
    ("helper commands", helper_commands),
    ("journeys", journeys::table),
    ("programs not provided", parts_s6::not_provided),
    ("s6-overlay", parts_s6::s6_overlay),
    ("service keys", || keys(ConfigFile::Service)),
    ("variables", variables),
];

/// Returns the names of all parts, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    PARTS.into_iter().map(|(name, _)| name)
}

/// Returns the text of a part.
pub fn body(name: &str) -> Option<String> {
    PARTS.into_iter().find(|(part, _)| *part == name).map(|(_, body)| body())
}

/// Returns a text as the cell of a table.
pub fn escape_cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn variables() -> String {
    let mut out = String::from("| variable | meaning |\n|---|---|\n");
    for (name, meaning) in [config::VARIABLES, cli::OTHER_VARIABLES].concat() {
        writeln!(out, "| `{name}` | {} |", escape_cell(meaning)).unwrap();
    }
    out
}

fn daemons() -> String {
    let mut out = String::from("| program | goes into the background | write |\n|---|---|---|\n");
    for cells in plan::daemons() {
        writeln!(out, "| {} |", cells.map(|cell| escape_cell(&cell)).join(" | ")).unwrap();
    }
    out
}

fn exit_codes() -> String {
    let mut out = String::from("| code | meaning |\n|---|---|\n");
    for (code, meaning) in cli::EXIT_CODES {
        writeln!(out, "| {code} | {} |", escape_cell(meaning)).unwrap();
    }
    out
}

fn keys(file: ConfigFile) -> String {
    let mut out = String::new();
    let mut later = Vec::new();
    for table in config::reference().iter().filter(|table| table.file == file) {
        let heading = if table.name.is_empty() { String::new() } else { format!("## `{}`\n\n", table.name) };
        write!(out, "\n{heading}| key | expects | default | meaning |\n|---|---|---|---|\n").unwrap();
        for key in table.keys {
            match key.status {
                KeyStatus::Available => writeln!(
                    out,
                    "| `{}` | {} | {} | {} |",
                    key.name,
                    escape_cell(&key.expects.to_string()),
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
        write!(out, "\n## Not available yet\n\nRefused by name until they are available: {}.\n", later.join(", "))
            .unwrap();
    }
    out
}

fn default(text: &str) -> String {
    if text.is_empty() || text.starts_with('(') { escape_cell(text) } else { format!("`{}`", escape_cell(text)) }
}

fn helper_commands() -> String {
    let mut out = String::from("| command | of | does |\n|---|---|---|\n");
    for command in s6_commands::COMMANDS {
        writeln!(out, "| `{}` | {} | {} |", command.name, command.origin.name(), escape_cell(command.summary)).unwrap();
    }
    out
}

fn boot() -> String {
    let mut out = String::new();
    for (at, (name, sentence)) in (1..).zip(plan::boot_parts()) {
        writeln!(out, "{at}. **{name}**: {sentence}").unwrap();
    }
    out
}

fn commands() -> String {
    let mut out = String::from("| command | what it does |\n|---|---|\n");
    for verb in cli::command().get_subcommands() {
        let (name, about) = (verb.get_name(), verb.get_about().expect("each has a line").to_string());
        writeln!(out, "| [`{name}`](#{name}) | {} |", escape_cell(&about)).unwrap();
    }
    out
}

fn command_help() -> String {
    let mut out = String::new();
    for verb in cli::command().get_subcommands() {
        let name = verb.get_name();
        let output = Command::new(program()).args([name, "--help"]).env_clear().output().unwrap();
        assert!(output.status.success(), "{name} --help: {}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        writeln!(out, "## `{name}`\n\n```text\n{}\n```\n", text.trim_end()).unwrap();
    }
    out
}

#[test]
fn the_parts_are_sorted_by_name() {
    assert!(names().is_sorted());
}
