//! What a page of help says after the arguments, as a value, and as text. Must not know which verbs there are.

use std::fmt::{self, Display, Formatter, Write};

use clap::builder::StyledStr;

/// The width of a page; longer lines are wrapped within the second column.
pub(super) const PAGE: usize = 80;

/// What stands on the left, and what it means.
pub(super) type Row = (&'static str, &'static str);

/// The part of a page that follows the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HelpText {
    /// Paragraphs, with an empty line between them.
    pub(super) about: &'static str,
    /// Command lines.
    pub(super) examples: Vec<Row>,
    /// Variables that are read.
    pub(super) environment: Vec<Row>,
    /// Exit codes.
    pub(super) codes: Vec<Row>,
}

impl HelpText {
    /// A page with these paragraphs and nothing else.
    pub(super) fn new(about: &'static str) -> HelpText {
        HelpText { about, examples: Vec::new(), environment: Vec::new(), codes: Vec::new() }
    }

    pub(super) fn examples(self, rows: &[Row]) -> HelpText {
        HelpText { examples: rows.to_vec(), ..self }
    }

    pub(super) fn environment(self, rows: &[Row]) -> HelpText {
        HelpText { environment: rows.to_vec(), ..self }
    }

    pub(super) fn codes(self, rows: &[Row]) -> HelpText {
        HelpText { codes: rows.to_vec(), ..self }
    }

    /// The tables that are not empty, with their titles.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'static str, &[Row])> {
        let all = [("Examples", &self.examples), ("Environment", &self.environment), ("Exit codes", &self.codes)];
        all.into_iter().filter(|(_, rows)| !rows.is_empty()).map(|(title, rows)| (title, rows.as_slice()))
    }
}

impl Display for HelpText {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if !self.about.is_empty() {
            write!(formatter, "{}\n\n", self.about)?;
        }
        for (at, (title, rows)) in self.tables().enumerate() {
            if at > 0 {
                formatter.write_char('\n')?;
            }
            formatter.write_str(&table(&format!("{title}:"), rows))?;
        }
        Ok(())
    }
}

impl From<HelpText> for StyledStr {
    fn from(text: HelpText) -> StyledStr {
        text.to_string().into()
    }
}

/// Two columns under a title, no wider than a page; if one of the first column is long, the second one is below it.
fn table(title: &str, rows: &[(&str, &str)]) -> String {
    const MAX_WIDTH: usize = 40;
    let widest = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let (width, is_below) = if widest > MAX_WIDTH { (0, true) } else { (widest, false) };
    let mut text = format!("{title}\n");
    for (left, right) in rows {
        let mut lines = broken(right, PAGE.saturating_sub(width + 4)).into_iter();
        let _ = match is_below {
            true => writeln!(text, "  {left}"),
            false => writeln!(text, "  {left:width$}  {}", lines.next().unwrap_or_default()),
        };
        for line in lines {
            let _ = writeln!(text, "  {:width$}  {line}", "");
        }
    }
    text
}

/// Wraps a text into lines of at most `width` letters.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_a_long_first_one_puts_the_second_below() {
        let long = "x".repeat(41);
        assert_eq!(table("Title:", &[("a", "one"), ("bcd", "two")]), "Title:\n  a    one\n  bcd  two\n");
        let text = table("Title:", &[("a", "one"), (&long, "two")]);
        assert_eq!(text, format!("Title:\n  a\n    one\n  {long}\n    two\n"));
    }

    #[test]
    fn a_long_second_column_goes_on_below_itself() {
        let words = ["word"; 30].join(" ");
        let text = table("Title:", &[("a", &words)]);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("  a  word") && lines[1].starts_with("     word"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= PAGE), "{text}");
        assert_eq!(text.matches("word").count(), 30);
    }
}
