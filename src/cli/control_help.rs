//! What the help texts of verbs that query the running PID 1 have in common. Must not know which verbs there are.

use super::help_text::{HelpText, Row};

/// Variables that are defined elsewhere, and that we read too.
pub const OTHERS: &[(&str, &str)] = &[
    ("PATH", "where programs without a `/` are looked for"),
    ("XDG_RUNTIME_DIR", "where the control socket is if /run cannot be written"),
    ("NO_COLOR", "if it is set and not empty, `status`, `logs` and `doctor` print no colours"),
];

/// The help of commands that query the running PID 1.
pub(super) fn control_help(about: &'static str, examples: &[Row], codes: &[Row]) -> HelpText {
    let environment = OTHERS.get(1..2).unwrap_or_default();
    HelpText::new(about).examples(examples).environment(environment).codes(&[codes, &[NO_RESPONSE]].concat())
}

pub(super) const UNKNOWN: Row = ("100", "there is no such service; the nearest name is suggested");
pub(super) const NO_RESPONSE: Row = ("111", "PID 1 did not respond, or refused; the message says why");
