//! `man`: every page is there, says everything, and is source that roff formats without a warning.

use std::io::Write;

use stepdown::config::keys::{ConfigFile, reference};

use super::*;

/// What man(1) would show of a source, and what the formatter warned of.
fn formatted(source: &str) -> (String, String) {
    let mut groff = Command::new("groff");
    groff
        .args(["-man", "-ww", "-Tascii", "-P-c", "-P-b", "-P-u", "-rLL=200n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut groff = groff.stderr(Stdio::piped()).spawn().expect("groff is installed by .ci/packages");
    groff.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = groff.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn page(name: &str) -> String {
    let output = run(&["man", name]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{name}");
    let (text, warnings) = formatted(&output.out);
    assert_eq!(warnings, "", "{name}");
    text
}

#[test]
fn every_command_has_a_page_with_its_options_and_exit_codes() {
    let command = stepdown::cli::command();
    let overview = page("stepdown");
    for verb in command.get_subcommands() {
        let text = page(verb.get_name());
        assert!(overview.contains(&format!("stepdown {}", verb.get_name())), "{overview}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT CODES", "SEE ALSO"] {
            assert!(text.lines().any(|line| line == section), "{} has no {section}:\n{text}", verb.get_name());
        }
        for argument in verb.get_arguments().filter(|argument| argument.get_id() != "help") {
            let name = argument.get_long().map_or_else(
                || argument.get_value_names().unwrap_or_default()[0].to_string(),
                |long| format!("--{long}"),
            );
            assert!(text.contains(&name), "{} lacks {name}:\n{text}", verb.get_name());
        }
    }
}

#[test]
fn the_pages_of_the_files_have_every_key() {
    for (name, file) in [("stepdown.toml", ConfigFile::Container), ("stepdown-service", ConfigFile::Service)] {
        let text = page(name);
        for table in reference().iter().filter(|table| table.file == file) {
            assert!(
                table.name.is_empty() || text.contains(&table.header.to_uppercase()) || text.contains(table.header)
            );
            for key in table.keys {
                assert!(text.lines().any(|line| line.trim_start().starts_with(key.name)), "{name} lacks {}", key.name);
                assert!(key.example.lines().all(|line| text.contains(line)), "{name} lacks `{}`", key.example);
            }
        }
    }
}

#[test]
fn all_pages_are_written_where_man_looks_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("share/man");
    assert_eq!(
        run(&["man", "--to", to.to_str().unwrap()]),
        CommandOutput { code: 0, out: String::new(), err: String::new() }
    );
    for (path, name) in [
        ("man1/stepdown.1", "stepdown"),
        ("man1/stepdown-run-as.1", "run-as"),
        ("man5/stepdown.toml.5", "stepdown.toml"),
    ] {
        assert_eq!(fs::read_to_string(to.join(path)).unwrap(), run(&["man", name]).out, "{path}");
    }
}

#[test]
fn a_page_that_is_not_there_is_answered_with_those_that_are() {
    let output = run(&["man", "statsu"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(output.err.starts_with("stepdown: there is no page statsu; there are stepdown, "), "{}", output.err);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let output = run(&["man", "--to", "/proc/nowhere"]);
    assert_eq!(output.code, 111);
    assert!(output.err.starts_with("stepdown: cannot write the pages below /proc/nowhere: "), "{}", output.err);
}
