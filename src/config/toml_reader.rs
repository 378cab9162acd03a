//! Parses one TOML file: text in, a table with line numbers out, every syntax error in our words.
//! Must not know what the keys mean.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::file_report::{FileReport, Lines};
use super::keys::TableDoc;
use super::line_endings;
use super::quote::ticked;
use super::toml_error::{self, ErrorScope, TomlError};
use super::toml_table::Table;

/// For a larger file only the first syntax error is reported: nobody writes it manually, and the parser would keep an error
/// for each byte of a malicious file (SECURITY T33).
const MAX_RECOVERED: usize = 16 * 1024;

/// A parsed file.
pub struct Document<'t> {
    lines: Lines,
    root: Spanned<DeTable<'t>>,
    errors: Vec<Error>,
    text: &'t str,
    /// The lines that had a Windows line ending.
    windows: Vec<usize>,
}

impl<'t> Document<'t> {
    /// Parses a text with Unix line endings, which were Windows ones in the lines `windows`; errors are kept for
    /// [`Document::walk`].
    pub fn parse(text: &'t str, windows: Vec<usize>) -> Self {
        let (root, mut errors) = match text.len() {
            ..=MAX_RECOVERED => DeTable::parse_recoverable(text),
            _ => match DeTable::parse(text) {
                Ok(root) => (root, Vec::new()),
                Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
            },
        };
        errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        Self { lines: Lines::of(text), root, errors, text, windows }
    }

    /// Reads the file's keys with `read`, and reports syntax errors and the problems of `read`.
    ///
    /// After a structural error (a bracket that is not closed) the rest may be misread, so problems there are not reported,
    /// and with any syntax error no key is reported as missing.
    pub fn walk<'p, T>(
        &'t self,
        doc: &'static TableDoc,
        report: &mut FileReport<'p>,
        read: impl FnOnce(&Table<'t>, &mut FileReport<'p>) -> T,
    ) -> T {
        let misread_from = self.report_syntax(report);
        let mut texts = Vec::new();
        self.root.get_ref().iter().for_each(|(key, value)| self.windows_texts(key.get_ref(), value, &mut texts));
        if let Some((key, line)) = texts.into_iter().min_by_key(|(_, line)| *line) {
            let fix = line_endings::to_unix(report.path());
            report.line(line, format!("the text of {} has Windows line endings (CRLF)", ticked(key)), fix);
        }
        let mut found = FileReport::new(report.path());
        let table = Table::open("", self.root.get_ref(), &self.lines, 1, doc, &mut found);
        let value = read(&table, &mut found);
        let broken: Vec<usize> = self.errors.iter().map(|error| self.line(error)).collect();
        report.absorb(found, |line| match line {
            Some(line) => misread_from.is_none_or(|from| line < from) && broken.binary_search(&line).is_err(),
            None => broken.is_empty(),
        });
        value
    }

    /// Finds multi-line strings with Windows line endings: their values would contain them too.
    fn windows_texts<'k>(&self, key: &'k str, value: &Spanned<DeValue<'t>>, found: &mut Vec<(&'k str, usize)>) {
        match value.get_ref() {
            DeValue::String(_) => {
                let (first, last) = (self.lines.at(value.span().start), self.lines.at(value.span().end));
                // The line ending after its closing quotes does not matter.
                found.extend(self.windows.iter().find(|line| (first..last).contains(line)).map(|line| (key, *line)));
            }
            DeValue::Array(all) => all.iter().for_each(|value| self.windows_texts(key, value, found)),
            DeValue::Table(all) => all.iter().for_each(|(_, value)| self.windows_texts(key, value, found)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
    }

    /// Reports one error for each line; returns the first line that may be misread.
    fn report_syntax(&self, report: &mut FileReport<'_>) -> Option<usize> {
        let mut last = 0;
        for error in &self.errors {
            let line = self.line(error);
            if line == last {
                continue;
            }
            last = line;
            if report.is_full() {
                report.line(line, "", "");
                continue;
            }
            let TomlError { what, fix, scope } = self.explain(error);
            match scope {
                ErrorScope::Line => report.line(line, what, fix),
                ErrorScope::Rest => {
                    let from = self.value_around(error).map_or(line, |(_, begins)| begins);
                    report.line(line, what, fix);
                    return Some(from);
                }
            }
        }
        None
    }

    fn line(&self, error: &Error) -> usize {
        self.lines.at(error.span().map_or(0, |span| span.start))
    }

    fn explain(&self, error: &Error) -> TomlError {
        let around = match self.value_around(error) {
            Some((key, line)) => format!(" (in the value of {} that begins on line {line})", ticked(key)),
            None => String::new(),
        };
        toml_error::explain(error.message(), self.text, error.span().unwrap_or_default(), &around)
    }

    /// Returns the key whose value began on an earlier line and contains the error: most likely it was not closed.
    fn value_around(&self, error: &Error) -> Option<(&str, usize)> {
        let at = error.span()?.start;
        let line = self.lines.at(at);
        self.root.get_ref().iter().find_map(|(key, value)| {
            let begins = self.lines.at(key.span().start);
            let holds = matches!(value.get_ref(), DeValue::Array(_) | DeValue::String(_) | DeValue::Table(_))
                && key.span().start <= at
                && at <= value.span().end
                && begins < line;
            holds.then(|| (key.get_ref().as_ref(), begins))
        })
    }
}
