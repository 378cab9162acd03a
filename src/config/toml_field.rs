//! One value of a parsed table: each getter returns it as the expected type, or reports place, fault and fix and returns
//! `None`. Must not know what it is for: the expected type and the example come from the reference ([`super::keys`]).

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file_report::{FileReport, Lines};
use super::key_reference::{Expects, KeyDoc};
use super::quote::{escaped, quoted};
use super::units::{self, DurationError};
use super::{foreign_values, line_endings, suggest};
use crate::error::ProblemFix;

/// One value and its name.
#[derive(Clone)]
pub struct Field<'t> {
    name: String,
    value: &'t DeValue<'t>,
    /// The lines of its file.
    pub lines: &'t Lines,
    line: usize,
    /// The expected type and the example, from the reference.
    expects: Option<Expects>,
    example: &'static str,
}

impl<'t> Field<'t> {
    /// Returns the value of a key on `line`; `name` is its name in messages.
    pub fn new(
        name: String,
        value: &'t DeValue<'t>,
        lines: &'t Lines,
        line: usize,
        known: Option<&'static KeyDoc>,
    ) -> Self {
        let (expects, example) = known.map_or((None, ""), |known| (Some(known.expects), known.example));
        Self { name, value, lines, line, expects, example }
    }

    /// Returns its line.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns its name in messages: `` `restart.delay` ``.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether it is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Returns whether it is a string.
    pub fn is_string(&self) -> bool {
        self.value.is_str()
    }

    /// Returns whether it is a number, a boolean or a date, which quotes would make a string.
    pub fn is_scalar(&self) -> bool {
        !(self.value.is_str() || self.value.is_array() || self.value.is_table())
    }

    /// Returns its name without backticks, for a table below it.
    pub fn bare_name(&self) -> &str {
        self.name.trim_matches('`')
    }

    /// Returns whether it is an integer.
    pub fn is_integer(&self) -> bool {
        self.value.is_integer()
    }

    /// Returns the value as it was written, shortened.
    pub fn written(&self) -> String {
        match self.value {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(number) => escaped(&number.to_string()),
            DeValue::Float(number) => escaped(number.as_str()),
            DeValue::Boolean(yes) => yes.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// The type that the reference says; `otherwise` for an element or an entry, which has no key of its own.
    fn expected(&self, otherwise: &str) -> String {
        self.expects.map_or_else(|| otherwise.to_owned(), |expects| expects.to_string())
    }

    /// Reports that the value is of the wrong type.
    pub fn mistyped(&self, expects: &str, report: &mut FileReport<'_>) {
        self.mistyped_as(expects, self.paste(), report);
    }

    /// Reports that the value is of the wrong type, with a fix of its own.
    pub fn mistyped_as(&self, expects: &str, fix: String, report: &mut FileReport<'_>) {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        report.line(self.line, format!("{} expects {expects}, found {found}", self.name), fix);
    }

    /// Reports that the value is invalid.
    pub fn refuse(&self, fix: impl Into<ProblemFix>, report: &mut FileReport<'_>) {
        report.line(self.line, format!("{} cannot be {}", self.name, self.written()), fix);
    }

    /// Returns the fix with the reference's example.
    pub fn paste(&self) -> String {
        format!("write for example `{}`", self.example.replace('\n', "` and `"))
    }

    /// Returns a string.
    pub fn string(&self, report: &mut FileReport<'_>) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) if text.contains('\0') => {
                report.line(self.line, format!("{} contains a NUL character", self.name), "remove it");
                None
            }
            DeValue::String(text) => Some(text),
            _ => {
                self.mistyped(&self.expected("a string"), report);
                None
            }
        }
    }

    /// Returns true or false.
    pub fn boolean(&self, report: &mut FileReport<'_>) -> Option<bool> {
        let yes = self.value.as_bool();
        if yes.is_none() {
            self.mistyped("true or false", report);
        }
        yes
    }

    /// Returns an integer within the range.
    pub fn integer(&self, range: RangeInclusive<i64>, report: &mut FileReport<'_>) -> Option<i64> {
        let Some(written) = self.value.as_integer() else {
            self.mistyped(&self.expected(""), report);
            return None;
        };
        let number =
            i64::from_str_radix(written.as_str(), written.radix()).ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(format!("write {} to {}", range.start(), range.end()), report);
        }
        number
    }

    /// Returns the value of one of these choices.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)], report: &mut FileReport<'_>) -> Option<T> {
        let text = self.string(report)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let foreign = foreign_values::fix(self.name(), text);
            self.refuse(foreign.unwrap_or_else(|| one_of(text, choices)), report);
        }
        found
    }

    /// Returns a duration.
    pub fn duration(&self, report: &mut FileReport<'_>) -> Option<Duration> {
        let refusal = match units::duration(self.string(report)?) {
            Ok(duration) => return Some(duration),
            Err(DurationError::Unreadable) => "write a number and its unit, ms, s, m, h or d, such as \"5s\"",
            Err(DurationError::TooLong) => "write at most \"365d\"",
        };
        self.refuse(refusal, report);
        None
    }

    /// Returns a duration that is not shorter than `least`.
    pub fn duration_from(&self, least: Duration, report: &mut FileReport<'_>) -> Option<Duration> {
        let duration = self.duration(report)?;
        if duration < least {
            self.refuse(format!("write at least \"{}\"", units::show_duration(least)), report);
            return None;
        }
        Some(duration)
    }

    /// Returns a positive count.
    pub fn count(&self, report: &mut FileReport<'_>) -> Option<u32> {
        self.integer(1..=i64::from(u32::MAX), report).and_then(|count| u32::try_from(count).ok())
    }

    /// Returns a program and its arguments.
    pub fn argv(&self, report: &mut FileReport<'_>) -> Option<Vec<OsString>> {
        let arguments = self.strings(report)?;
        match arguments.first() {
            Some((_, program)) if !program.is_empty() => {
                let texts: Vec<_> = arguments.iter().skip(1).map(|(_, word)| *word).collect();
                let script = line_endings::inline_script(&texts).filter(|_| line_endings::is_shell(program));
                if let Some((field, word)) = script.and_then(|at| arguments.get(at + 1)) {
                    field.check_script(word, report);
                }
                Some(arguments.iter().map(|(_, word)| OsString::from(word)).collect())
            }
            _ => {
                report.line(self.line, format!("{} names no program", self.name), self.paste());
                None
            }
        }
    }

    /// Reports a script whose lines end with a carriage return, such as by `\r\n` in a one-line string.
    pub fn check_script(&self, script: &str, report: &mut FileReport<'_>) {
        if let Some(line) = line_endings::first_bad_line(script) {
            let what = format!(
                "line {line} of {} ends with a carriage return, which the shell takes for a part of the last word",
                self.name
            );
            report.line(self.line, what, "write `\\n` in the place of `\\r\\n`");
        }
    }

    /// Returns a mode or mask of at most `max`.
    pub fn octal(&self, max: u32, report: &mut FileReport<'_>) -> Option<u32> {
        let mode = units::octal(self.string(report)?, max);
        if mode.is_none() {
            self.refuse(format!("write octal digits up to \"{max:04o}\", {}", self.paste_short()), report);
        }
        mode
    }

    fn paste_short(&self) -> String {
        format!("such as `{}`", self.example)
    }

    /// Returns the elements of an array.
    pub fn elements(&self, report: &mut FileReport<'_>) -> Option<Vec<Self>> {
        let Some(array) = self.value.as_array() else {
            self.mistyped(&self.expected(""), report);
            return None;
        };
        let element = |value: &'t Spanned<DeValue<'t>>| Self {
            name: format!("an element of {}", self.name),
            value: value.get_ref(),
            line: self.lines.at(value.span().start),
            expects: None,
            ..self.clone()
        };
        Some(array.iter().map(element).collect())
    }

    /// Returns the strings of an array, each as a field of its own; what is no string is reported and omitted.
    pub fn strings(&self, report: &mut FileReport<'_>) -> Option<Vec<(Self, &'t str)>> {
        let all = self.elements(report)?;
        Some(all.into_iter().filter_map(|field| field.string(report).map(|text| (field, text))).collect())
    }

    /// Returns it as a table.
    pub fn as_table(&self, report: &mut FileReport<'_>) -> Option<&'t DeTable<'t>> {
        let table = self.value.as_table();
        if table.is_none() {
            self.mistyped(&self.expected(""), report);
        }
        table
    }

    /// Returns the entries of a table with free keys, in the order of the file.
    pub fn entries(&self, report: &mut FileReport<'_>) -> Option<Vec<(&'t str, Self)>> {
        let table = self.as_table(report)?;
        let bare = self.bare_name();
        let entry = |(key, value): (&'t Spanned<Cow<'t, str>>, &'t Spanned<DeValue<'t>>)| {
            let field = Self {
                name: format!("`{bare}.{}`", escaped(key.get_ref())),
                value: value.get_ref(),
                line: self.lines.at(key.span().start),
                expects: None,
                ..self.clone()
            };
            (key.get_ref().as_ref(), field)
        };
        Some(table.iter().map(entry).collect())
    }
}

/// Returns the fix for a text that is not one of these.
pub fn one_of<T>(text: &str, choices: &[(&str, T)]) -> String {
    let known = choices.iter().map(|(name, _)| *name);
    match suggest::nearest(text, known.clone()) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => {
            format!("write one of {}", suggest::list(known.map(quoted).collect::<Vec<_>>().iter().map(String::as_str)))
        }
    }
}
