//! What is wrong with the arguments, in our words: where, what, what to write instead. clap finds it and knows the
//! definitions; what it says in a way of its own is left as it is. Must not print.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::suggest;
use crate::error::{Place, Problem};
use crate::text::shown;

/// Returns the problem, if it is one of those that are said in our words.
pub(super) fn problem(error: &clap::Error) -> Option<Problem> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(all)) => Some(all.join(", ")),
        _ => None,
    };
    let see = "see `stepdown --help`, or that of the verb";
    let argument = text(ContextKind::InvalidArg);
    let given = text(ContextKind::InvalidValue).filter(|value| !value.is_empty());
    let (at, what, remedy) = match (error.kind(), argument, given) {
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(argument), None) => {
            let what = if is_flag(&argument) { "its value is missing" } else { "it is empty" };
            (flag(&argument), what.to_owned(), format!("write {}", example(&argument)))
        }
        (ErrorKind::InvalidValue, Some(argument), Some(value)) => {
            let remedy =
                text(ContextKind::ValidValue).map_or_else(|| see.to_owned(), |all| format!("write one of {all}"));
            (format!("{} {value}", flag(&argument)), "there is no such value".to_owned(), remedy)
        }
        (ErrorKind::ValueValidation, Some(argument), Some(value)) => {
            let why = error.source().map_or_else(|| "it cannot be that".to_owned(), ToString::to_string);
            // Some say themselves what to write.
            let (what, remedy) = match why.split_once("; ") {
                Some((what, remedy)) => (what.to_owned(), remedy.to_owned()),
                None => (why, see.to_owned()),
            };
            (format!("{} {value}", flag(&argument)), what, remedy)
        }
        (ErrorKind::UnknownArgument, Some(argument), _) => {
            let near = text(ContextKind::SuggestedArg).map(|meant| format!("did you mean `{meant}`?"));
            let what = if is_flag(&argument) { "there is no such flag" } else { "it is one argument too many" };
            (argument, what.to_owned(), near.unwrap_or_else(|| see.to_owned()))
        }
        (ErrorKind::MissingRequiredArgument, Some(argument), _) if argument.contains("<SERVICE>") => {
            (argument, "which service?".to_owned(), "`stepdown status` lists them".to_owned())
        }
        (ErrorKind::InvalidSubcommand, _, _) => {
            let word = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            let verbs = super::args::command();
            let near = suggest::nearest(&word, verbs.get_subcommands().map(|verb| verb.get_name()));
            let near = near.map(|meant| format!("did you mean `{meant}`? "));
            let remedy =
                format!("{}as the main command: `stepdown init -- {}`", near.unwrap_or_default(), shown(&word));
            (word, "there is no such verb".to_owned(), remedy)
        }
        (ErrorKind::MissingRequiredArgument, Some(argument), _) => {
            (argument, "it is missing".to_owned(), see.to_owned())
        }
        (ErrorKind::InvalidUtf8, _, _) => ("arguments".to_owned(), "one is no UTF-8 text".to_owned(), see.to_owned()),
        _ => return None,
    };
    Some(Problem::new(Place::Argument(shown(&at)), shown(&what), remedy))
}

fn is_flag(argument: &str) -> bool {
    argument.starts_with('-')
}

/// Returns the flag of `--user <USER>`.
fn flag(argument: &str) -> String {
    argument.split(' ').next().unwrap_or_default().to_owned()
}

/// Returns `--user <USER>` as one would write it.
fn example(argument: &str) -> String {
    format!("`{}`", argument.replace(['<', '>'], ""))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;

    fn said(words: &[&str]) -> String {
        let error = Cli::try_parse_from([&["stepdown"], words].concat()).unwrap_err();
        problem(&error).unwrap_or_else(|| panic!("not in our words: {error}")).to_string()
    }

    #[test]
    fn values_of_flags_are_told_in_our_words() {
        assert_eq!(said(&["try", "--user"]), "`--user`: its value is missing; write `--user USER`");
        assert_eq!(said(&["try", "-e"]), "`--env`: its value is missing; write `--env NAME[=VALUE]`");
        assert_eq!(said(&["try", "-v"]), "`--volume`: its value is missing; write `--volume HOST:DEST[:ro]`");
        assert_eq!(said(&["try", "--tmpfs"]), "`--tmpfs`: its value is missing; write `--tmpfs PATH[:OPTIONS]`");
        assert_eq!(
            said(&["try", "--network", "x\u{1b}"]),
            "`--network x\\u{1b}`: there is no such value; write one of host, none"
        );
        assert_eq!(
            said(&["shutdown", "--code", "256"]),
            "`--code 256`: 256 is not an exit code; write a number from 0 to 255"
        );
        assert_eq!(said(&["status", "--jsno"]), "`--jsno`: there is no such flag; did you mean `--json`?");
        assert!(said(&["check", "one", "two"]).starts_with("`two`: it is one argument too many; "));
        assert_eq!(said(&["logs", "-n", "x", "web"]), "`--lines x`: it is no number; write for example `-n 20`");
        assert_eq!(said(&["wait", "--timeout", "5", "web"]), "`--timeout 5`: 5 has no unit; write 5s");
        let which = said(&["stop"]);
        assert!(which.contains("which service?; `stepdown status` lists them"), "{which}");
        assert_eq!(
            said(&["statsu"]),
            "`statsu`: there is no such verb; did you mean `status`? as the main command: `stepdown init -- statsu`"
        );
        assert!(said(&["run-as", "app"]).contains("COMMAND") && said(&["run-as", "", "id"]).contains("USER"));
    }
}
