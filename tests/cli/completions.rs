//! `completions`: the scripts, in the shells that they are for. Names of services need a running container.

use super::*;
use crate::support::try_container::{INSIDE, TryContainer, possible};

/// What a shell prints, which finds the program as `stepdown`.
fn in_shell(shell: &[&str], script: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(program(), directory.path().join("stepdown")).unwrap();
    let path = format!("{}:{PATH}", directory.path().display());
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).env_clear().env("PATH", path).env("HOME", directory.path());
    let output = output_of(command.stdin(Stdio::null()));
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{shell:?}");
    output.out
}

#[test]
fn bash_completes_commands_and_options() {
    let complete = |words: &str| {
        format!(
            "source <(stepdown completions bash); COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); \
             _clap_complete_stepdown stepdown \"${{COMP_WORDS[COMP_CWORD]}}\" \"\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
    };
    let bash = ["bash", "--norc", "-c"];
    assert_eq!(in_shell(&bash, &complete("stepdown re")), "restart\nreload\n");
    assert_eq!(in_shell(&bash, &complete("stepdown logs --fo")), "--follow\n");
}

#[test]
fn fish_completes_commands_and_says_what_they_do() {
    let script = "stepdown completions fish | source; complete -C 'stepdown rest'";
    assert!(
        in_shell(&["fish", "--no-config", "-c"], script).starts_with("restart\tStop services and start them again")
    );
}

#[test]
fn zsh_reads_the_script() {
    let script = "autoload -Uz compinit; compinit -D -u; source <(stepdown completions zsh); print ${_comps[stepdown]}";
    assert_eq!(in_shell(&["zsh", "-f", "-c"], script), "_clap_dynamic_completer_stepdown\n");
}

#[test]
fn names_of_services_come_from_the_running_container() {
    if !possible() {
        return;
    }
    let sleeps = "command = [\"sleep\", \"600\"]\n";
    let ask = format!("STEPDOWN_COMPLETE=fish {INSIDE} -- stepdown restart w");
    let container = TryContainer::new().service("web.toml", sleeps).service("worker.toml", sleeps);
    let ended = container.service("db.toml", sleeps).command(&["sh", "-c", &ask]).run();
    let names: Vec<&str> = ended.lines.iter().map(|line| line.text.rsplit(' ').next().unwrap_or_default()).collect();
    let completed: Vec<&str> = names.into_iter().filter(|name| ["web", "worker", "db"].contains(name)).collect();
    assert_eq!((ended.code, completed), (Some(0), vec!["web", "worker"]), "{:#?}", ended.lines);
}

#[test]
fn without_a_container_there_are_none_and_no_error() {
    let mut question = stepdown(["--", "stepdown", "restart", "w"]);
    assert_eq!(
        output_of(question.env("STEPDOWN_COMPLETE", "fish")),
        CommandOutput { code: 0, out: String::new(), err: String::new() }
    );
}
