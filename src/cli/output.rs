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

/// The version of what `--json` prints: another one where a field that was there has changed or is gone.
pub(super) const JSON_VERSION: u32 = 1;

/// A value with the version of its format.
#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    #[serde(flatten)]
    value: &'a T,
}

/// Returns a value, which becomes an object, as indented JSON with `version` as its first field and the newline after it.
/// Characters that could mislead at a terminal are escaped; a program reads the same.
pub(super) fn json(value: &impl Serialize) -> String {
    // Serialising only fails for map keys that are not strings, which none of ours are.
    text::json(&serde_json::to_string_pretty(&Document { version: JSON_VERSION, value }).unwrap_or_default()) + "\n"
}

/// Returns the same as one line.
pub(super) fn json_line(value: &impl Serialize) -> String {
    text::json(&serde_json::to_string(&Document { version: JSON_VERSION, value }).unwrap_or_default()) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_back_as_it_was_and_misleads_nobody() {
        let text: String =
            ('\0'..=char::MAX).filter(|letter| text::is_deceptive(*letter)).chain("é→\"\\".chars()).collect();
        let value = |text: &str| serde_json::json!({ "it": text });
        for written in [json(&value(&text)), json_line(&value(&text))] {
            assert!(!written.chars().any(|letter| letter != '\n' && text::is_deceptive(letter)));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap()["it"], text);
        }
        let line = json_line(&value("\u{202e}\n\u{e0001}"));
        assert_eq!(line, "{\"version\":1,\"it\":\"\\u202e\\n\\udb40\\udc01\"}\n");
    }
}
