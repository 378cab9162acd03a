//! Text of others in what the verbs print: names of files and services, values, arguments.

use std::os::unix::ffi::OsStrExt;

use super::*;

/// A letter of each class that must not reach a reader as it is; `src/text.rs` has them all.
const LETTERS: [char; 9] =
    ['\u{1b}', '\u{9b}', '\r', '\u{61c}', '\u{202e}', '\u{2067}', '\u{2028}', '\u{200b}', '\u{feff}'];

fn hostile() -> String {
    LETTERS.iter().flat_map(|letter| ['x', *letter]).collect()
}

#[track_caller]
fn assert_harmless(output: &CommandOutput) {
    let text = format!("{}{}", output.out, output.err);
    let found: Vec<_> = text.chars().filter(|letter| LETTERS.contains(letter)).collect();
    assert!(found.is_empty(), "{found:?} in {text}");
    // A name with a line break must not look like a line of ours.
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
}

#[test]
fn arguments_are_escaped_wherever_they_are_named() {
    let directory = WorkDirectory::new();
    let word = format!("{}\nforged", hostile());
    let flag = format!("--{word}");
    let (own, id) = (format!("app:{word}"), format!("{word}:0"));
    let environment = format!("={word}");
    for arguments in [
        vec![word.as_str()],
        vec!["init", &word],
        vec!["status", &flag],
        vec!["status", &word],
        vec!["check", &word],
        vec!["check", ".", &word],
        vec!["plan", &word],
        vec!["signal", "web", &word],
        vec!["shutdown", "--code", &word],
        vec!["wait", "--timeout", &word, "web"],
        vec!["logs", "-n", &word, "web"],
        vec!["run-as", &word, "id"],
        vec!["run-as", &own, "id"],
        vec!["run-as", &id, "id"],
        vec!["run-as", "0:0", &word],
        vec!["try", &word],
        vec!["try", "--user", &word],
        vec!["try", "--group-add", &word],
        vec!["try", "--cap-add", &word],
        vec!["try", "--cap-drop", &word],
        vec!["try", "--tmpfs", &word],
        vec!["try", "--volume", &word],
        vec!["try", "--workdir", &word],
        vec!["try", "--root", &word],
        vec!["try", "--network", &word],
        vec!["try", "-e", &environment],
        vec!["try", "--hostname", &word],
        vec!["try", "--stop-timeout", &word],
    ] {
        let output = directory.run(&arguments);
        assert_ne!(output.code, 0, "{arguments:?}: {output:?}");
        assert_harmless(&output);
    }
}

#[test]
fn what_a_tree_and_the_environment_hold_is_escaped_wherever_it_is_named() {
    let evil = hostile();
    let with_break = format!("{evil}\nforged");
    let spelled = |text: &str| serde_json::to_string(text).unwrap();
    let directory = WorkDirectory::new()
        .with_file(
            "services.d/web.toml",
            &format!("command = [{}]\ndirectory = {}\n", spelled(&with_break), spelled(&format!("/{evil}"))),
        )
        .with_file(
            "services.d/api.toml",
            &format!(
                "{} = 1\ntype = {}\nrequires = [{}]\n",
                spelled(&with_break),
                spelled(&with_break),
                spelled(&evil)
            ),
        )
        .with_file(
            "stepdown.toml",
            &format!(
                "drop = {}\n[app]\nuser = {}\n[[own]]\npath = {}\n",
                spelled(&evil),
                spelled(&evil),
                spelled(&format!("/{evil}"))
            ),
        );
    directory.put(&format!("services.d/{with_break}.toml"), "command = [\"x\"]\n", 0o644);
    directory.put(&format!("services.d/{with_break}"), "", 0o644);
    directory.put(&format!("services.d/s6/{with_break}"), "", 0o644);
    directory.put(&format!("services.d/s6/dependencies.d/{with_break}"), "", 0o644);
    directory.put("services.d/s6/run", "#!/bin/sh\n", 0o755);
    let raw = std::ffi::OsStr::from_bytes(b"STEPDOWN_\x9b\xff");
    for verb in [vec!["check"], vec!["plan", "."], vec!["plan", ".", "--json"], vec!["doctor"], vec!["try"]] {
        for name in [
            "PUID",
            "TZ",
            "UMASK",
            "STEPDOWN_SERVICES",
            "STEPDOWN_LOG",
            "STEPDOWN_STOP_TIMEOUT",
            "STEPDOWN_X",
            "HOME",
            "PATH",
        ] {
            let mut command = stepdown(&verb);
            command
                .current_dir(directory.path())
                .env(name, &with_break)
                .env(raw, &evil)
                .env(format!("STEPDOWN_{with_break}"), "x");
            let output = output_of(&mut command);
            assert_ne!(output.code, 0, "{verb:?} {name}: {output:?}");
            assert_harmless(&output);
        }
    }
}

#[test]
fn a_tree_without_a_fault_is_planned_without_a_letter_that_misleads() {
    let evil = hostile();
    let spelled = |text: &str| serde_json::to_string(text).unwrap();
    // Control characters are refused in a path; what remains of the others is allowed.
    let place: String = format!("/{evil}").chars().filter(|letter| !letter.is_control()).collect();
    let directory = WorkDirectory::new()
        .with_file("services.d/web.toml", &format!("command = [\"/bin/sh\", {}]\ndirectory = {}\nready = {{ path = {1} }}\nhealth = {{ command = [\"/bin/true\", {0}] }}\n", spelled(&format!("{evil}\nforged")), spelled(&place)))
        .with_file("stepdown.toml", &format!("[[own]]\npath = {0}\n[[directory]]\npath = {0}\nclean = [{0}]\n", spelled(&place).replace("\"/", "\"/srv/")).replace("clean = [\"/srv/", "clean = [\""));
    let main = format!("{evil}\nforged");
    for verb in [vec!["check"], vec!["plan", "."], vec!["plan", ".", "--json"]] {
        let mut command = stepdown(verb.iter().copied().chain(["--", "/bin/sh", &main]));
        let output = output_of(command.current_dir(directory.path()).env("HOME", format!("/{evil}")));
        assert_eq!(output.code, 0, "{verb:?}: {output:?}");
        assert_harmless(&output);
    }
}
