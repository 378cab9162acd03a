//! Errors about arguments as our problems: place, fault, what to write instead. clap finds them; those that we do not reword
//! are printed as clap has them. Must not print.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::suggest;
use crate::error::{Place, Problem};
use crate::text::shown;

/// Returns the problem, if it is one of those that we reword. `verb`: the first argument.
pub(super) fn problem(error: &clap::Error, verb: Option<&OsString>) -> Option<Problem> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(all)) => Some(all.join(", ")),
        _ => None,
    };
    let see = match verb
        .and_then(|verb| super::args::command().find_subcommand(verb).map(|verb| verb.get_name().to_owned()))
    {
        Some(verb) => format!("see `stepdown {verb} --help`"),
        None => "see `stepdown --help`".to_owned(),
    };
    let argument = text(ContextKind::InvalidArg);
    let given = text(ContextKind::InvalidValue).filter(|value| !value.is_empty());
    let (at, what, fix) = match (error.kind(), argument, given) {
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(argument), None) => {
            let (what, fix) = match is_flag(&argument) {
                true => ("the value is missing", format!("write {}", example(&argument))),
                false => ("it is empty", format!("is a variable unset? {see}")),
            };
            (flag(&argument), what.to_owned(), fix)
        }
        (ErrorKind::InvalidValue, Some(argument), Some(value)) => {
            let fix = text(ContextKind::ValidValue).map_or_else(|| see, |all| format!("write one of {all}"));
            (format!("{} {value}", flag(&argument)), "unknown value".to_owned(), fix)
        }
        (ErrorKind::ValueValidation, Some(argument), Some(value)) => {
            let why = error.source().map_or_else(|| "it is not valid here".to_owned(), ToString::to_string);
            // Some errors already say what to write.
            let (what, fix) = match why.split_once("; ") {
                Some((what, fix)) => (what.to_owned(), fix.to_owned()),
                None => (why, see),
            };
            (format!("{} {value}", flag(&argument)), what, fix)
        }
        (ErrorKind::ArgumentConflict, Some(argument), _) => {
            let prior = text(ContextKind::PriorArg).unwrap_or_default();
            let other = prior.split(", ").map(flag).find(|other| *other != flag(&argument));
            let what = other.map_or_else(
                || "it is there twice".to_owned(),
                |other| format!("it does not go together with `{other}`"),
            );
            (flag(&argument), what, "write one of them alone".to_owned())
        }
        (ErrorKind::UnknownArgument, Some(argument), _) => {
            let near = text(ContextKind::SuggestedArg).map(|meant| format!("did you mean `{meant}`?"));
            let what = if is_flag(&argument) { "unknown option" } else { "unexpected argument" };
            (argument, what.to_owned(), near.unwrap_or(see))
        }
        (ErrorKind::MissingRequiredArgument, Some(argument), _) if argument.contains("<SERVICE>") => {
            let fix = "write the name of a service; `stepdown status` lists them".to_owned();
            (bare(&argument), "it is missing".to_owned(), fix)
        }
        (ErrorKind::InvalidSubcommand, _, _) => {
            let word = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            let verbs = super::args::command();
            let near = suggest::nearest(&word, verbs.get_subcommands().map(|verb| verb.get_name()));
            let near = near.map(|meant| format!("did you mean `{meant}`? "));
            let fix = format!(
                "{}to run it as the main command: `stepdown init -- {}`",
                near.unwrap_or_default(),
                shown(&word)
            );
            (word, "unknown command".to_owned(), fix)
        }
        (ErrorKind::MissingRequiredArgument, Some(argument), _) => (bare(&argument), "it is missing".to_owned(), see),
        (ErrorKind::InvalidUtf8, _, _) => ("arguments".to_owned(), "one of them is not UTF-8 text".to_owned(), see),
        _ => return None,
    };
    Some(Problem::new(Place::Argument(shown(&at)), shown(&what), fix))
}

fn is_flag(argument: &str) -> bool {
    argument.starts_with('-')
}

/// Returns `<SERVICE>...` without its brackets.
fn bare(argument: &str) -> String {
    argument.replace(['<', '>'], "").replace("...", "")
}

/// Returns the flag of `--user <USER>`, or the name of `<USER>`.
fn flag(argument: &str) -> String {
    bare(argument.split(' ').next().unwrap_or_default())
}

/// Returns `--user <USER>` with an example value.
fn example(argument: &str) -> String {
    format!("`{}`", bare(argument))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;

    fn message_of(words: &[&str]) -> String {
        let error = args::parse([&["stepdown"], words].concat()).unwrap_err();
        problem(&error, words.first().map(OsString::from).as_ref())
            .unwrap_or_else(|| panic!("not in our words: {error}"))
            .to_string()
    }

    #[test]
    fn values_of_flags_are_told_in_our_words() {
        assert_eq!(message_of(&["try", "--user"]), "`--user`: the value is missing; write `--user USER`");
        assert_eq!(message_of(&["try", "-e"]), "`--env`: the value is missing; write `--env NAME[=VALUE]`");
        assert_eq!(message_of(&["try", "-v"]), "`--volume`: the value is missing; write `--volume HOST:DEST[:ro]`");
        assert_eq!(message_of(&["try", "--tmpfs"]), "`--tmpfs`: the value is missing; write `--tmpfs PATH[:OPTIONS]`");
        assert_eq!(
            message_of(&["try", "--network", "x\u{1b}"]),
            "`--network x\\u{1b}`: unknown value; write one of host, none"
        );
        assert_eq!(
            message_of(&["shutdown", "--code", "256"]),
            "`--code 256`: 256 is not an exit code; write a number from 0 to 255"
        );
        assert_eq!(message_of(&["status", "--jsno"]), "`--jsno`: unknown option; did you mean `--json`?");
        assert!(message_of(&["check", "one", "two"]).starts_with("`two`: unexpected argument; "));
        assert_eq!(
            message_of(&["logs", "-n", "x", "web"]),
            "`--lines x`: it is not a number; write for example `-n 20`"
        );
        assert_eq!(message_of(&["wait", "--timeout", "5", "web"]), "`--timeout 5`: 5 has no unit; write 5s");
        assert_eq!(
            message_of(&["stop"]),
            "`SERVICE`: it is missing; write the name of a service; `stepdown status` lists them"
        );
        assert_eq!(message_of(&["signal", "web"]), "`SIGNAL`: it is missing; see `stepdown signal --help`");
        assert_eq!(
            message_of(&["statsu"]),
            "`statsu`: unknown command; did you mean `status`? to run it as the main command: `stepdown init -- statsu`"
        );
        assert_eq!(
            message_of(&["try", "--stop-timeout", "5s", "image"]),
            "`--stop-timeout 5s`: it is in seconds, without a unit; write `--stop-timeout 5`"
        );
        assert_eq!(
            message_of(&["try", "--stop-timeout", "x", "image"]),
            "`--stop-timeout x`: it is not a number of seconds; write for example `--stop-timeout 5`"
        );
        assert!(
            message_of(&["run-as", "app"]).contains("COMMAND") && message_of(&["run-as", "", "id"]).contains("USER")
        );
    }

    #[test]
    fn options_that_exclude_each_other_are_told_in_our_words() {
        for (words, one, other) in [
            (&["health", "--live", "--ready"][..], "--live", "--ready"),
            (&["graph", "--svg", "--dot"], "--svg", "--dot"),
            (&["wait", "--ready", "--down", "web"], "--ready", "--down"),
            (&["stop", "--no-wait", "--timeout", "5s", "web"], "--no-wait", "--timeout"),
        ] {
            let said = message_of(words);
            let message = |first: &str, second: &str| {
                format!("`{first}`: it does not go together with `{second}`; write one of them alone")
            };
            assert!(said == message(one, other) || said == message(other, one), "{said}");
        }
        assert_eq!(message_of(&["health", "--json", "--json"]), "`--json`: it is there twice; write one of them alone");
    }
}
