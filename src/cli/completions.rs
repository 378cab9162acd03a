//! `completions`: the script by which a shell asks this program what may follow, and the answer to such a question. The
//! names of services are those that the running PID 1 knows. Must not fail loudly: a shell asks at each press of a key.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};

use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::args::{self, CompletionsArgs, Shell};
use super::output;
use crate::control::client::send_request;
use crate::control::protocol::ControlRequest;
use crate::control::responses::Snapshot;

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
    let all: [&dyn EnvCompleter; 3] = [&Bash, &Zsh, &Fish];
    let shell = all.into_iter().find(|shell| asked.to_str() == Some(shell.name()))?;
    let mut answer = Vec::new();
    let here = env::current_dir().ok();
    if shell.write_complete(&mut args::command(), words.to_vec(), here.as_deref(), &mut answer).is_ok() {
        output::out(&String::from_utf8_lossy(&answer));
    }
    Some(0)
}

/// Returns the services that begin with what was typed. Without a running PID 1 there are none.
pub(super) fn services(typed: &OsStr) -> Vec<CompletionCandidate> {
    let everything = ControlRequest::Status { services: Vec::new(), after: None };
    let Ok(snapshot) = send_request::<Snapshot>(&everything) else { return Vec::new() };
    let names = snapshot.services.into_iter().map(|service| service.name);
    names
        .filter(|name| typed.to_str().is_some_and(|typed| name.starts_with(typed)))
        .map(CompletionCandidate::new)
        .collect()
}
