//! The errors of the TOML parser in our words. Its own text is never printed: it uses terms of the grammar. Must not know
//! what keys mean.

use super::quote::{quoted, ticked};

/// A syntax error.
pub struct SyntaxError {
    /// The fault.
    pub what: String,
    /// The fix.
    pub fix: String,
    /// What it affects.
    pub scope: Scope,
}

/// What a syntax error affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Its line: the parser continued with the next one.
    Line,
    /// The rest of the file: it may be misread.
    Rest,
}

/// Quotes of word processors and web pages.
const TYPOGRAPHIC_QUOTES: [char; 7] = ['“', '”', '„', '‘', '’', '«', '»'];

/// Characters that end a value without quotes.
const ENDS: [char; 9] = [' ', '\t', '\n', '\r', ',', '[', ']', '=', '#'];

const HOW: &str = "write `key = value`; strings need quotes, lists `[ ]`, tables `{ }`";
const KEYS: &str = "write keys with letters, digits, `-` and `_`, and put any other in quotes";
const TEXT: &str = "close it; a text of several lines stands between `'''` and `'''`";
const ESCAPE: &str = r"write `\\` for a backslash, or put the whole text in single quotes";

/// By the beginning of the parser's message, more specific ones first.
const STRUCTURE: [(&str, &str, &str, Scope); 38] = [
    ("unclosed array table", "a `[[table]]` line is not closed", "close it with `]]`", Scope::Rest),
    ("unclosed array", "a list is not closed", "close it with `]`", Scope::Rest),
    ("unclosed inline table", "a table in `{ }` is not closed", "close it with `}`", Scope::Rest),
    ("unclosed table", "a `[table]` line is not closed", "close it with `]`", Scope::Rest),
    (
        "missing comma between array elements",
        "a list is not closed, or lacks a comma",
        "write lists as `[\"a\", \"b\"]`",
        Scope::Rest,
    ),
    (
        "missing comma between key-value pairs",
        "a table in `{ }` is not closed, or lacks a comma",
        "write such tables as `{ a = 1, b = 2 }`",
        Scope::Rest,
    ),
    ("missing key", "a value has no key", HOW, Scope::Rest),
    ("unexpected `=` in array", "a list contains `=`", "write a table in a list as `{ a = 1 }`", Scope::Rest),
    ("extra comma", "there is one comma too many", "remove it", Scope::Rest),
    ("extra", "there is one `=` too many", "remove it", Scope::Rest),
    ("key with no value", "a key has no `=` and no value", HOW, Scope::Rest),
    ("missing assignment", "a key has no `=` and no value", HOW, Scope::Line),
    ("missing value", "a key has no value", "write one after the `=`", Scope::Line),
    (
        "invalid basic string",
        "a string in `\"` is not closed on its line, or has a control character",
        TEXT,
        Scope::Line,
    ),
    (
        "invalid literal string",
        "a string in `'` is not closed on its line, or has a control character",
        TEXT,
        Scope::Line,
    ),
    (
        "invalid multi-line basic string",
        "a text in `\"\"\"` is not closed, or has a control character",
        "close it with `\"\"\"`",
        Scope::Line,
    ),
    (
        "invalid multi-line literal string",
        "a text in `'''` is not closed, or has a control character",
        "close it with `'''`",
        Scope::Line,
    ),
    ("missing escaped value", "a string has a `\\` that does not begin an escape", ESCAPE, Scope::Line),
    ("too few unicode value digits", "a string has a `\\u` or `\\x` with too few digits", ESCAPE, Scope::Line),
    ("invalid value", "a string has a `\\u` or `\\x` that is not a character", ESCAPE, Scope::Line),
    ("keys cannot be multi-line", "a key stands in triple quotes", KEYS, Scope::Line),
    ("invalid unquoted key", "a key has a character that needs quotes", KEYS, Scope::Line),
    ("invalid key-value pair", "a line is neither `key = value` nor `[table]`", HOW, Scope::Line),
    ("invalid key", "a key is empty or incomplete", KEYS, Scope::Line),
    ("invalid table", "a `[table]` line has no name, or an incomplete one", KEYS, Scope::Line),
    ("invalid inline table element", "a table in `{ }` has a value without a key", HOW, Scope::Line),
    ("cannot extend value", "a key is set both as a value and as a table", "keep one of them", Scope::Line),
    (
        "carriage return",
        "a carriage return is not followed by a line feed",
        "save it with Unix line endings",
        Scope::Line,
    ),
    ("invalid comment character", "a comment has a control character", "remove it", Scope::Line),
    ("unexpected content", "a line continues after its end", "write one key on each line", Scope::Line),
    ("unexpected key or value", "a line has more than one value", "write one key on each line", Scope::Line),
    ("cannot recurse", TOO_DEEP, FLATTER, Scope::Rest),
    ("recursion", TOO_DEEP, FLATTER, Scope::Rest),
    ("unquoted keys cannot be empty", "a key is empty", KEYS, Scope::Line),
    ("missing array opening", "a `]` does not close a list", "remove it, or write the `[`", Scope::Line),
    ("missing inline table opening", "a `}` does not close a table", "remove it, or write the `{`", Scope::Line),
    ("missing table open", "a line ends a table that has not begun", HOW, Scope::Line),
    ("missing opening quote", "a string is not opened", "put it in quotes", Scope::Line),
];

const TOO_DEEP: &str = "tables nest deeper than any key of ours";
const FLATTER: &str = "remove the extra brackets";

/// The beginnings of the parser's messages about values that are not strings.
const VALUES: [&str; 21] = [
    "string values must be quoted",
    "invalid float",
    "invalid mantissa",
    "invalid fraction",
    "invalid exponent",
    "invalid integer number",
    "invalid hexadecimal number",
    "invalid octal number",
    "invalid binary number",
    "invalid boolean",
    "invalid date",
    "invalid time",
    "invalid offset",
    "invalid string",
    "integers with a radix",
    "radix must",
    "redundant",
    "unexpected leading zero",
    "unexpected sign",
    "`_` may only",
    "infinity",
];

/// Returns the error for one of the parser's messages; `at`: its position in `text`, `around`: the key whose value began
/// above.
pub fn explain(message: &str, text: &str, at: std::ops::Range<usize>, around: &str) -> SyntaxError {
    let pointed = text.get(at.clone()).unwrap_or_default();
    if message == "duplicate key" {
        let what = format!("{} is set twice", ticked(pointed));
        return SyntaxError { what, fix: "keep one of them".to_owned(), scope: Scope::Line };
    }
    if VALUES.iter().any(|start| message.starts_with(start)) {
        let value = value_at(text, at.start);
        return match value.trim_matches(TYPOGRAPHIC_QUOTES) {
            "" => SyntaxError {
                what: "a key has no value".to_owned(),
                fix: "write one after the `=`".to_owned(),
                scope: Scope::Line,
            },
            inner => SyntaxError {
                what: format!("{} is not a TOML value", ticked(value)),
                fix: format!("strings need quotes: {}", quoted(inner)),
                scope: Scope::Line,
            },
        };
    }
    let known = STRUCTURE.iter().find(|(start, ..)| message.starts_with(start));
    let (what, fix, scope) =
        known.map_or(("this cannot be read", HOW, Scope::Line), |(_, what, fix, scope)| (*what, *fix, *scope));
    SyntaxError { what: format!("invalid TOML: {what}{around}"), fix: fix.to_owned(), scope }
}

/// Returns the whole value at `at`: the parser may point to its middle.
fn value_at(text: &str, at: usize) -> &str {
    let (Some(before), Some(behind)) = (text.get(..at), text.get(at..)) else { return "" };
    let begins = before.rfind(ENDS).map_or(0, |end| end + 1);
    let ends = behind.find(ENDS).map_or(text.len(), |end| at + end);
    text.get(begins..ends).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_nobody_has_words_for_is_not_printed() {
        let words = explain("frobnicated, expected `nan`", "a = 1", 0..1, "");
        assert_eq!((words.what.as_str(), words.fix.as_str()), ("invalid TOML: this cannot be read", HOW));
    }

    #[test]
    fn the_whole_value_is_shown_wherever_the_parser_points() {
        for at in 8..12 {
            assert_eq!(value_at("user = node # x\n", at.min(10)), "node");
        }
        assert_eq!(value_at("a = [no, yes]", 5), "no");
        assert_eq!(value_at("user =", 6), "");
    }
}
