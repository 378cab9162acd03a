//! Foreign text in messages: quoted, escaped and truncated, so that text of a file or a name cannot forge a line of ours,
//! move the cursor or fill the log (SECURITY 1.4). Must not know what the text is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::text;

/// A value in a message is cut after this many characters.
const MAX_SHOWN: usize = 80;

/// Returns the text in double quotes, as it would be written in a file.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Returns the whole text in double quotes, for what is to be pasted. It must be short.
pub fn quoted_whole(text: &str) -> String {
    format!("\"{}\"", inner(OsStr::new(text), text.len()))
}

/// Returns the text in backticks, for names of keys and services.
pub fn ticked(text: &str) -> String {
    format!("`{}`", escaped(text))
}

/// Returns a file's name or a variable's value in double quotes; bytes that are no UTF-8 as `\xff`.
pub fn quoted_os(text: &OsStr) -> String {
    format!("\"{}\"", cut(inner(text, MAX_SHOWN + 1)))
}

/// Returns a variable's value for `NAME=…`: in double quotes if it contains a blank or an escape.
pub fn shown_value(value: &OsStr) -> String {
    let bytes = value.as_bytes();
    let start = bytes.get(..MAX_SHOWN).unwrap_or(bytes);
    let text = text::shown_ascii(start);
    let odd = |byte: &u8| byte.is_ascii_whitespace() || b"\"'\\`".contains(byte) || !byte.is_ascii_graphic();
    let text = if start.iter().any(odd) { format!("\"{text}\"") } else { text };
    match bytes.len() {
        all if all > start.len() => format!("{text}… ({all} bytes)"),
        _ => text,
    }
}

/// Returns the text as inside double quotes in TOML, with invisible characters escaped too.
pub fn escaped(text: &str) -> String {
    cut(inner(OsStr::new(text), MAX_SHOWN + 1))
}

/// Returns the first letters of the text inside double quotes.
fn inner(text: &OsStr, most: usize) -> String {
    let Some(text) = text.to_str() else { return text::shown(text) };
    let mut value = String::new();
    // Only as much as is shown is escaped.
    for letter in text.chars().take(most) {
        if matches!(letter, '"' | '\\') {
            value.push('\\');
        }
        text::push(letter, &mut value);
    }
    value
}

/// Returns foreign prose as one printable line of at most `most` characters. Quotes and backslashes are not escaped.
pub fn printable(text: &str, most: usize) -> String {
    let mut line = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at == most {
            line.push('…');
            break;
        }
        text::push(letter, &mut line);
    }
    line
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_come_through() {
        assert_eq!(quoted("a\nb\u{1b}[2J\u{202e}"), r#""a\nb\u{1b}[2J\u{202e}""#);
        assert_eq!(quoted_os(OsStr::from_bytes(b"a\xff\n")), r#""a\xff\n""#);
        assert_eq!(ticked("a b"), "`a b`");
    }

    #[test]
    fn words_stay_readable_and_one_line() {
        assert_eq!(printable("it's \"x\"\n\u{1b}[2J", 80), "it's \"x\"\\n\\u{1b}[2J");
        assert_eq!(printable("ääää", 3), "äää…");
        assert_eq!(printable("ääää", 4), "ääää");
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = quoted(&"ä".repeat(100_000));
        assert!(long.chars().count() < 100 && long.ends_with("…\""), "{long}");
    }
}
