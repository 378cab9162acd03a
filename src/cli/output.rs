//! Standard output and error. A closed one is nobody's fault: what cannot be written is dropped, never a panic (as
//! `println!` would, in `stepdown status | head -1`).

use std::io::Write;

use crate::error::{EXIT_WRONG, Error, Problem};

/// Writes to standard output; returns whether anybody takes it.
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
pub(super) fn wrong(problem: &Problem) -> u8 {
    err(&format!("stepdown: {problem}\n"));
    EXIT_WRONG
}
