//! TOML values as text: strings, arrays, inline tables, and values of our own types. Must not know keys or services.

use std::time::Duration;

use crate::config::units;
use crate::config::values::Signal;
use crate::text;

/// A longer line is broken where TOML allows it.
pub const PAGE: usize = 100;

/// Returns a string in one line.
pub fn string(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    value.chars().for_each(|letter| push(letter, &mut out));
    out.push('"');
    out
}

/// Returns a string whose lines are lines of the file, if it has more than one.
pub fn lines(value: &str) -> String {
    if !value.trim_end_matches('\n').contains('\n') {
        return string(value);
    }
    let is_plain = |letter: char| letter == '\n' || letter == '\t' || !text::is_deceptive(letter);
    if value.chars().all(is_plain) && !value.contains("'''") && !value.ends_with('\'') {
        return format!("'''\n{value}'''");
    }
    let mut out = String::from("\"\"\"\n");
    for letter in value.chars() {
        match letter {
            '\n' => out.push('\n'),
            other => push(other, &mut out),
        }
    }
    out.push_str("\"\"\"");
    out
}

/// Appends one letter of a basic string.
fn push(letter: char, out: &mut String) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        hidden if text::is_deceptive(hidden) => {
            let code = u32::from(hidden);
            out.push_str(&if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") });
        }
        plain => out.push(plain),
    }
}

/// Returns an array, in several lines if one is too long.
pub fn array(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    let line = format!("[{}]", values.join(", "));
    if values.len() < 2 || line.chars().count() <= PAGE || line.contains('\n') {
        return line;
    }
    format!("[\n{}]", values.iter().map(|value| format!("    {value},\n")).collect::<String>())
}

/// Returns an inline table.
pub fn table(entries: &[(&str, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// Returns a key, in quotes if it needs them.
pub fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { string(name) }
}

/// Returns a duration.
pub fn duration(value: Duration) -> String {
    string(&units::show_duration(value))
}

/// Returns a size in bytes, in its largest unit.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    let unit = UNITS.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    string(&unit.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit)))
}

/// Returns a signal: its name without SIG, or its number if it has none.
pub fn signal(value: Signal) -> String {
    match value.number() {
        number @ (32 | 33) => number.to_string(),
        _ => string(value.to_string().trim_start_matches("SIG")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of a value.
    fn read(value: &str) -> String {
        let table: toml::Table = format!("a = {value}\n").parse().unwrap_or_else(|error| panic!("{value}: {error}"));
        table["a"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_string_is_read_back_as_it_was() {
        let all: String = ('\u{1}'..'\u{180}').chain("\u{202e}\u{e0001}🦀".chars()).collect();
        let quotes = ["it's '''so'''\nx", "ends with '\nx'", "a \\\nb", "\"\"\"\n\"\"\"", "\n\nx\n", "a\nb\r\nc"];
        for text in quotes.into_iter().chain(["", "a", "a\n", "a \"b\" \\n", &all]) {
            assert_eq!(read(&string(text)), text);
            assert_eq!(read(&lines(text)), text, "{}", lines(text));
        }
    }

    #[test]
    fn several_lines_stay_lines_and_nothing_hidden_stays_hidden() {
        assert_eq!(lines("set -e\nexec web \"$1\"\n"), "'''\nset -e\nexec web \"$1\"\n'''");
        assert_eq!(lines("exec web\n"), "\"exec web\\n\"");
        assert_eq!(lines("a\n\u{202e}b"), "\"\"\"\na\n\\u202eb\"\"\"");
    }

    #[test]
    fn a_long_array_has_a_line_for_each_value() {
        let words = |count| array((0..count).map(|_| string("0123456789")));
        assert_eq!(words(2), r#"["0123456789", "0123456789"]"#);
        assert_eq!(words(8).lines().count(), 10);
        assert_eq!(array([]), "[]");
    }

    #[test]
    fn sizes_and_signals_are_written_as_people_write_them() {
        assert_eq!(
            [0, 1023, 4096, 10 << 20, 3 << 40].map(size),
            [r#""0""#, r#""1023""#, r#""4K""#, r#""10M""#, r#""3T""#]
        );
        let all: Vec<_> = [9, 32, 34, 37].into_iter().filter_map(Signal::from_number).map(signal).collect();
        assert_eq!(all, [r#""KILL""#, "32", r#""RTMIN+0""#, r#""RTMIN+3""#]);
    }
}
