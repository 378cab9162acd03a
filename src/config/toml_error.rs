//! The errors of the TOML parser in our words. Its own text is never printed: it uses terms of the grammar. Must not know
//! what keys mean.

use super::foreign_sections::ForeignSection;
use super::keys::ConfigFile;
use super::quote::{escaped, quoted, ticked};

/// A syntax error.
pub struct TomlError {
    /// The fault.
    pub what: String,
    /// The fix.
    pub fix: String,
    /// What it affects.
    pub scope: ErrorScope,
}

/// What a syntax error affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorScope {
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
const STRUCTURE: [(&str, &str, &str, ErrorScope); 38] = [
    ("unclosed array table", "a `[[table]]` line is not closed", "close it with `]]`", ErrorScope::Rest),
    ("unclosed array", "a list is not closed", "close it with `]`", ErrorScope::Rest),
    ("unclosed inline table", "a table in `{ }` is not closed", "close it with `}`", ErrorScope::Rest),
    ("unclosed table", "a `[table]` line is not closed", "close it with `]`", ErrorScope::Rest),
    (
        "missing comma between array elements",
        "a list is not closed, or lacks a comma",
        "write lists as `[\"a\", \"b\"]`",
        ErrorScope::Rest,
    ),
    (
        "missing comma between key-value pairs",
        "a table in `{ }` is not closed, or lacks a comma",
        "write such tables as `{ a = 1, b = 2 }`",
        ErrorScope::Rest,
    ),
    ("missing key", "a value has no key", HOW, ErrorScope::Rest),
    ("unexpected `=` in array", "a list contains `=`", "write a table in a list as `{ a = 1 }`", ErrorScope::Rest),
    ("extra comma", "there is one comma too many", "remove it", ErrorScope::Rest),
    ("extra", "there is one `=` too many", "remove it", ErrorScope::Rest),
    ("key with no value", "a key has no `=` and no value", HOW, ErrorScope::Rest),
    ("missing assignment", "a key has no `=` and no value", HOW, ErrorScope::Line),
    ("missing value", "a key has no value", "write one after the `=`", ErrorScope::Line),
    (
        "invalid basic string",
        "a string in `\"` is not closed on its line, or has a control character",
        TEXT,
        ErrorScope::Line,
    ),
    (
        "invalid literal string",
        "a string in `'` is not closed on its line, or has a control character",
        TEXT,
        ErrorScope::Line,
    ),
    (
        "invalid multi-line basic string",
        "a text in `\"\"\"` is not closed, or has a control character",
        "close it with `\"\"\"`",
        ErrorScope::Line,
    ),
    (
        "invalid multi-line literal string",
        "a text in `'''` is not closed, or has a control character",
        "close it with `'''`",
        ErrorScope::Line,
    ),
    ("missing escaped value", "a string has a `\\` that does not begin an escape", ESCAPE, ErrorScope::Line),
    ("too few unicode value digits", "a string has a `\\u` or `\\x` with too few digits", ESCAPE, ErrorScope::Line),
    ("invalid value", "a string has a `\\u` or `\\x` that is not a character", ESCAPE, ErrorScope::Line),
    ("keys cannot be multi-line", "a key stands in triple quotes", KEYS, ErrorScope::Line),
    ("invalid unquoted key", "a key has a character that needs quotes", KEYS, ErrorScope::Line),
    ("invalid key-value pair", "a line is neither `key = value` nor `[table]`", HOW, ErrorScope::Line),
    ("invalid key", "a key is empty or incomplete", KEYS, ErrorScope::Line),
    ("invalid table", "a `[table]` line has no name, or an incomplete one", KEYS, ErrorScope::Line),
    ("invalid inline table element", "a table in `{ }` has a value without a key", HOW, ErrorScope::Line),
    ("cannot extend value", "a key is set both as a value and as a table", "keep one of them", ErrorScope::Line),
    (
        "carriage return",
        "a carriage return is not followed by a line feed",
        "save it with Unix line endings",
        ErrorScope::Line,
    ),
    ("invalid comment character", "a comment has a control character", "remove it", ErrorScope::Line),
    ("unexpected content", "a line continues after its end", "write one key on each line", ErrorScope::Line),
    ("unexpected key or value", "a line has more than one value", "write one key on each line", ErrorScope::Line),
    ("cannot recurse", TOO_DEEP, FLATTER, ErrorScope::Rest),
    ("recursion", TOO_DEEP, FLATTER, ErrorScope::Rest),
    ("unquoted keys cannot be empty", "a key is empty", KEYS, ErrorScope::Line),
    ("missing array opening", "a `]` does not close a list", "remove it, or write the `[`", ErrorScope::Line),
    ("missing inline table opening", "a `}` does not close a table", "remove it, or write the `{`", ErrorScope::Line),
    ("missing table open", "a line ends a table that has not begun", HOW, ErrorScope::Line),
    ("missing opening quote", "a string is not opened", "put it in quotes", ErrorScope::Line),
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
pub fn explain(message: &str, text: &str, at: std::ops::Range<usize>, around: &str) -> TomlError {
    let pointed = text.get(at.clone()).unwrap_or_default();
    if message == "duplicate key" {
        let what = format!("{} is set twice", ticked(pointed));
        return TomlError { what, fix: "keep one of them".to_owned(), scope: ErrorScope::Line };
    }
    if VALUES.iter().any(|start| message.starts_with(start)) {
        let value = value_at(text, at.start);
        return match value.trim_matches(TYPOGRAPHIC_QUOTES) {
            "" => TomlError {
                what: "a key has no value".to_owned(),
                fix: "write one after the `=`".to_owned(),
                scope: ErrorScope::Line,
            },
            inner => TomlError {
                what: format!("{} is not a TOML value", ticked(value)),
                fix: value_fix(inner),
                scope: ErrorScope::Line,
            },
        };
    }
    let line = text.get(..at.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    if let Some(section) = text.get(line..).and_then(|rest| rest.lines().next()).and_then(supervisord_section) {
        return TomlError {
            what: format!("`[{}]` is a section of a supervisord.conf", escaped(section)),
            fix: ForeignSection::Supervisord.fix(ConfigFile::Service).to_owned(),
            scope: ErrorScope::Rest,
        };
    }
    let known = STRUCTURE.iter().find(|(start, ..)| message.starts_with(start));
    if around.is_empty()
        && let Some((what, fix)) = text.get(line..).and_then(|rest| rest.lines().next()).and_then(other_syntax)
    {
        let scope = known.map_or(ErrorScope::Line, |(.., scope)| *scope);
        return TomlError { what: format!("invalid TOML: {what}"), fix, scope };
    }
    let (what, fix, scope) =
        known.map_or(("this cannot be read", HOW, ErrorScope::Line), |(_, what, fix, scope)| (*what, *fix, *scope));
    TomlError { what: format!("invalid TOML: {what}{around}"), fix: fix.to_owned(), scope }
}

/// The fix for a value without quotes.
fn value_fix(value: &str) -> String {
    let in_quotes = quoted(value);
    match value.to_ascii_lowercase().as_str() {
        "true" => "write `true`".to_owned(),
        "false" => "write `false`".to_owned(),
        "yes" | "on" => format!("write `true`; a string needs quotes: {in_quotes}"),
        "no" | "off" => format!("write `false`; a string needs quotes: {in_quotes}"),
        "//" | ";" => format!("write `#` for a comment; a string needs quotes: {in_quotes}"),
        _ => format!("strings need quotes: {in_quotes}"),
    }
}

/// Returns the fault and the fix of a line that is a comment, or a key and its value, of another format.
fn other_syntax(line: &str) -> Option<(&'static str, String)> {
    let line = line.trim_start();
    if let Some(mark) = [";", "//"].iter().find(|mark| line.starts_with(**mark)) {
        return Some(("a comment begins with `#`", format!("write `#` in the place of `{mark}`")));
    }
    let behind = line.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
    let value = behind.trim_start().strip_prefix(':').filter(|_| behind.len() < line.len())?;
    let is_apart = value.is_empty() || value.starts_with([' ', '\t', '"', '\'', '[', '{']);
    is_apart.then(|| ("between a key and its value stands `=`", "write `=` in the place of `:`".to_owned()))
}

/// Returns `program:web` of a line `[program:web]`, which is no TOML.
fn supervisord_section(line: &str) -> Option<&str> {
    let section = line.trim().strip_prefix('[')?.split(']').next()?;
    (section.contains(':') && ForeignSection::of(section).is_some()).then_some(section)
}

/// Returns the whole value at `at`: the parser may point to its middle.
fn value_at(text: &str, at: usize) -> &str {
    let (Some(before), Some(behind)) = (text.get(..at), text.get(at..)) else { return "" };
    let begins = before.rfind(ENDS).map_or(0, |end| end + 1);
    let ends = behind.find(ENDS).map_or(text.len(), |end| at + end);
    let value = text.get(begins..ends).unwrap_or_default();
    // The end of a table that the value stands in.
    if value.contains('{') { value } else { value.trim_end_matches('}') }
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
