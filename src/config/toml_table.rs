//! A parsed table whose keys are known: what the reference ([`super::keys`]) does not know is reported, with the nearest
//! name; so is what it knows as not available yet. Must not know which keys there are.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::DeTable;

use super::container_keys;
use super::keys::{self, Status, TableDoc};
use super::quote::{escaped, ticked};
use super::report::{Lines, Report};
use super::service_keys;
use super::suggest;
use super::toml_field::Field;

/// One table, its unknown keys already reported.
pub struct Table<'t> {
    /// `restart` or empty; with a dot behind it before a key.
    name: String,
    table: &'t DeTable<'t>,
    lines: &'t Lines,
    line: usize,
    doc: &'static TableDoc,
}

impl<'t> Table<'t> {
    /// Opens a table that begins on `line`: reports each key that the reference does not know, or knows as not available.
    pub fn open(
        name: &str,
        table: &'t DeTable<'t>,
        lines: &'t Lines,
        line: usize,
        doc: &'static TableDoc,
        report: &mut Report<'_>,
    ) -> Self {
        let this = Self { name: name.to_owned(), table, lines, line, doc };
        for key in table.keys() {
            this.check_key(key, report);
        }
        this
    }

    fn check_key(&self, key: &Spanned<Cow<'t, str>>, report: &mut Report<'_>) {
        let line = self.lines.at(key.span().start);
        let name = key.get_ref().as_ref();
        match self.doc.key(name).map(|known| known.status) {
            Some(Status::Available) => {}
            Some(Status::Later(until_then)) => {
                report.line(line, format!("{} is not available yet", self.called(name)), until_then);
            }
            None if report.is_full() => report.line(line, "", ""),
            None => {
                let place = if self.name.is_empty() { String::new() } else { format!(" in {}", ticked(&self.name)) };
                report.line(line, format!("unknown key {}{place}", ticked(name)), self.instead(name));
            }
        }
    }

    fn instead(&self, name: &str) -> String {
        let top = keys::reference().iter().find(|table| table.file == self.doc.file && table.name.is_empty());
        if !self.name.is_empty() && suggest::nearest(name, self.doc.names()).is_none() {
            // The classic slip of TOML: everything below a [header] belongs to it.
            if top.is_some_and(|top| top.key(name).is_some()) {
                return format!(
                    "it is a key of the file itself: move it above the first `[…]` line, such as `[{}]`",
                    self.name
                );
            }
        }
        if *self.doc == container_keys::MAIN && service_keys::SERVICE.key(name).is_some() {
            let keys = suggest::list(self.doc.names());
            return format!("it is a key of services; of the main command these are: {keys}");
        }
        suggest::instead(name, "the keys are", self.doc.names())
    }

    fn called(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => ticked(key),
            table => format!("`{table}.{}`", escaped(key)),
        }
    }

    /// Returns the line on which it begins.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns whether an unknown key, which was reported already, was probably meant as one of these.
    pub fn has_slip_of(&self, keys: &[&str]) -> bool {
        let unknown = self.table.keys().map(|key| key.get_ref().as_ref()).filter(|name| self.doc.key(name).is_none());
        let mut meant = unknown.filter_map(|name| suggest::nearest(name, self.doc.names()));
        meant.any(|name| keys.contains(&name))
    }

    /// Returns the value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<Field<'t>> {
        let (written, value) = self.table.get_key_value(key)?;
        let known = self.doc.key(key);
        let line = self.lines.at(written.span().start);
        Some(Field::new(self.called(key), value.get_ref(), self.lines, line, known))
    }
}
