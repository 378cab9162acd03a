//! What single words of a command look like: a whole line, an option with its value, an operator. Must not know what is said.

use super::linted::is_option;

/// Where a program other than a shell can hardly mean them.
const ALWAYS: [&str; 2] = ["&&", "||"];
/// Letters that may be the value of an option: a separator.
const SINGLE: [&str; 5] = ["|", ";", "&", "<", ">"];
/// Programs to which output is piped.
const READERS: [&str; 9] = ["tee", "cat", "logger", "grep", "sed", "awk", "ts", "rotatelogs", "s6-log"];

/// Returns whether the word at this place is an operator.
pub(super) fn is_operator(argv: &[&str], at: usize) -> bool {
    let (Some(word), Some(before)) = (argv.get(at), at.checked_sub(1).and_then(|at| argv.get(at))) else {
        return false;
    };
    let next = argv.get(at + 1);
    match *word {
        word if ALWAYS.contains(&word) || is_redirection(word) => true,
        ">>" => next.is_some_and(|next| next.starts_with('/')) || !is_option(before),
        word if SINGLE.contains(&word) && !is_option(before) => true,
        "&" => next.is_none(),
        ">" => next.is_some_and(|next| next.starts_with('/')),
        "|" => next.is_some_and(|next| READERS.contains(next)),
        _ => false,
    }
}

/// `2>&1`, `>/dev/null`, `2>>/log`, `&>/log`.
pub(super) fn is_redirection(word: &str) -> bool {
    let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '&');
    let Some(target) = rest.strip_prefix(">>").or_else(|| rest.strip_prefix('>')) else { return false };
    word.len() - rest.len() <= 1 && (target.starts_with('/') || target == "&1" || target == "&2")
}

/// A file may have a blank in its name: a path is a line only if what follows it is no part of a name.
pub(super) fn is_line(program: &str) -> bool {
    let mut words = program.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    match first.contains('/') {
        true => second.starts_with(['-', '/', '$', '~', '\'', '"', '&', '|', '>', ';']),
        false => first.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-=".contains(&byte)),
    }
}

/// `--port 80`, `-g 'daemon off;'`; not `-o Key=value`, whose blank many programs skip, nor `-Xmx1g -Xms1g`, several options
/// that are one value.
pub(super) fn is_option_with_value(word: &str) -> bool {
    let Some((option, value)) = word.split_once([' ', '\t']) else { return false };
    let value = value.trim_start();
    let name = option.trim_start_matches('-');
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_quoted = value.starts_with(['\'', '"']);
    let is_long = option.starts_with("--") && !value.contains(' ');
    option.starts_with('-') && is_name && (is_quoted || is_long) && !value.is_empty() && !value.starts_with('-')
}
