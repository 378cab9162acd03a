//! `completions`: the script by which a shell asks this program what may follow, and the answer to such a question. Must not fail loudly: a shell asks at each press of a key.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};

use clap::ValueEnum;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::args;
use super::document_args::{CompletionsArgs, Shell};
use super::output;

/// The variable with which the script of a shell asks. PID 1 does not look at it.
const QUESTION: &str = "STEPDOWN_COMPLETE";
const PROGRAM: &str = "stepdown";

fn completer(shell: Shell) -> &'static dyn EnvCompleter {
    match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    }
}

/// Prints the script.
pub(super) fn run(args: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    // Writing to memory does not fail.
    let _ = completer(args.shell).write_registration(QUESTION, PROGRAM, PROGRAM, PROGRAM, &mut script);
    output::out(&String::from_utf8_lossy(&script));
    0
}

/// Answers the script of a shell, which calls `stepdown -- stepdown WORD…`; `None`: this is no question.
pub(super) fn answer(argv: &[OsString], environment: &BTreeMap<OsString, OsString>) -> Option<u8> {
    let [_, dashes, words @ ..] = argv else { return None };
    if dashes != OsStr::new("--") {
        return None;
    }
    let asked = environment.get(OsStr::new(QUESTION))?;
    let mut all = Shell::value_variants().iter().map(|shell| completer(*shell));
    let shell = all.find(|shell| asked.to_str() == Some(shell.name()))?;
    let mut answer = Vec::new();
    let here = env::current_dir().ok();
    if shell.write_complete(&mut args::command(), words.to_vec(), here.as_deref(), &mut answer).is_ok() {
        output::out(&String::from_utf8_lossy(&answer));
    }
    Some(0)
}
