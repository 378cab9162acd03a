//! Standard output and error. What cannot be written is dropped, never a panic (as `println!` would, in
//! `stepdown status | head -1`).

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::error::{EXIT_WRONG, Error, Problem};
use crate::text;

/// The output of a command, and its exit code.
pub(super) struct Printed {
    pub text: String,
    pub code: u8,
}

/// Writes to standard output; returns whether it is open.
pub(super) fn out(text: &str) -> bool {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Writes to standard error.
pub(super) fn err(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes an error, and returns its exit code.
pub(super) fn failed(error: &Error) -> u8 {
    err(&format!("stepdown: {error}\n"));
    error.exit_code()
}

/// Writes what is wrong with the arguments, and returns the exit code for it.
pub(super) fn usage_error(problem: &Problem) -> u8 {
    err(&format!("stepdown: {problem}\n"));
    EXIT_WRONG
}

#[allow(clippy::disallowed_methods)] // NO_COLOR and TERM
pub(super) fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Returns a value as indented JSON, with the newline after it. Characters that could mislead at a terminal are escaped; a
/// program reads the same.
pub(super) fn json(value: &impl Serialize) -> String {
    // Serialising only fails for map keys that are not strings, which none of ours are.
    text::json(&serde_json::to_string_pretty(value).unwrap_or_default()) + "\n"
}

/// The version of what `--json` prints: another one where a field that was there has changed or is gone.
pub(super) const JSON_VERSION: u32 = 1;

/// A value with the version of its format.
#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    #[serde(flatten)]
    value: &'a T,
}

/// Returns a value as [`json`] does, with `version` as its first field.
pub(super) fn json_document(value: &impl Serialize) -> String {
    json(&Document { version: JSON_VERSION, value })
}

/// Returns a value as [`json_line`] does, with `version` as its first field.
pub(super) fn json_document_line(value: &impl Serialize) -> String {
    json_line(&Document { version: JSON_VERSION, value })
}

/// Returns a value as one line of JSON, with the newline after it.
pub(super) fn json_line(value: &impl Serialize) -> String {
    text::json(&serde_json::to_string(value).unwrap_or_default()) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_back_as_it_was_and_misleads_nobody() {
        let text: String =
            ('\0'..=char::MAX).filter(|letter| text::is_deceptive(*letter)).chain("é→\"\\".chars()).collect();
        for written in [json(&[&text]), json_line(&[&text])] {
            assert!(!written.chars().any(|letter| letter != '\n' && text::is_deceptive(letter)));
            assert_eq!(serde_json::from_str::<[String; 1]>(&written).unwrap()[0], text);
        }
        assert_eq!(json_line(&["\u{202e}\n\u{e0001}"]), "[\"\\u202e\\n\\udb40\\udc01\"]\n");
    }
}
