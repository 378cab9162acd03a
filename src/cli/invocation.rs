//! Recognises `init` without an argument parser, which would cost more than the whole boot at each container start. Pure.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::error::{Place, Problem};
use crate::text::shown;

/// How the program was called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    /// As init, with this main command (none if empty).
    Init(Vec<OsString>),
    /// `init` with an invalid argument.
    UsageError(Problem),
    /// Anything else: a verb, a flag, nothing.
    Verb,
}

/// `init -- CMD…` names the main command, so that no command of ours collides with `docker run image status`. Under the name
/// `init` (`/init`, as in images made for s6-overlay) everything is the main command, with or without `--`.
pub(super) fn of(argv: &[OsString]) -> Invocation {
    let Some((name, rest)) = argv.split_first() else { return Invocation::Verb };
    if Path::new(name).file_name() == Some(OsStr::new("init")) {
        let command = if is_dashes(rest.first()) { rest.get(1..) } else { Some(rest) };
        return Invocation::Init(command.unwrap_or_default().to_vec());
    }
    match rest.split_first() {
        Some((verb, rest)) if verb == "init" => match rest.split_first() {
            None => Invocation::Init(Vec::new()),
            Some((first, command)) if is_dashes(Some(first)) => Invocation::Init(command.to_vec()),
            Some((first, _)) if first == "--help" || first == "-h" => Invocation::Verb,
            Some((first, _)) => Invocation::UsageError(Problem::new(
                Place::Argument(format!("init {}", shown(first))),
                "the main command must follow `--`",
                format!(
                    "write `stepdown init -- {} …`; in a Dockerfile: ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]",
                    shown(first)
                ),
            )),
        },
        Some(_) | None => Invocation::Verb,
    }
}

fn is_dashes(word: Option<&OsString>) -> bool {
    word.is_some_and(|word| word == "--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(words: &str) -> Invocation {
        of(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn init(words: &str) -> Invocation {
        Invocation::Init(words.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn everything_after_the_dashes_is_the_main_command() {
        assert_eq!(entry("stepdown init"), init(""));
        assert_eq!(entry("stepdown init --"), init(""));
        assert_eq!(entry("/usr/bin/stepdown init -- status --help"), init("status --help"));
        assert_eq!(entry("stepdown init -- -- x"), init("-- x"));
    }

    #[test]
    fn under_the_name_init_everything_is_the_main_command() {
        assert_eq!(entry("/init"), init(""));
        assert_eq!(entry("/init bash -l"), init("bash -l"));
        assert_eq!(entry("init -- bash"), init("bash"));
        assert_eq!(entry("/init --help"), init("--help"));
    }

    #[test]
    fn the_rest_is_for_the_verbs_and_a_forgotten_dash_is_explained() {
        assert_eq!(of(&[]), Invocation::Verb);
        for words in ["stepdown", "stepdown status", "stepdown init --help", "stepdown --version", "/initial"] {
            assert_eq!(entry(words), Invocation::Verb, "{words}");
        }
        let Invocation::UsageError(problem) = entry("stepdown init nginx -g x") else {
            panic!("the dashes are missing")
        };
        assert_eq!(
            problem.to_string(),
            "`init nginx`: the main command must follow `--`; write `stepdown init -- nginx …`; in a Dockerfile: ENTRYPOINT \
             [\"/usr/bin/stepdown\", \"init\", \"--\"]"
        );
    }
}
