//! A parsed table with known keys: keys that are not in the reference ([`super::keys`]) are reported, with the nearest name;
//! so are those that are not available yet. Must not know which keys there are.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::cron::Cron;
use super::file_report::{FileReport, Lines};
use super::foreign_sections::ForeignSection;
use super::keys::{self, ConfigFile, KeyStatus, TableDoc};
use super::quote::{escaped, ticked};
use super::toml_field::Field;
use super::{container_keys, foreign_keys, foreign_values, service_keys, suggest};

/// One table, its unknown keys already reported.
pub struct Table<'t> {
    /// `restart` or empty; followed by a dot before a key.
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
        report: &mut FileReport<'_>,
    ) -> Self {
        let this = Self { name: name.to_owned(), table, lines, line, doc };
        for key in table.keys() {
            this.check_key(key, report);
        }
        this
    }

    fn check_key(&self, key: &Spanned<Cow<'t, str>>, report: &mut FileReport<'_>) {
        let line = self.lines.at(key.span().start);
        let name = key.get_ref().as_ref();
        match self.doc.key(name).map(|known| known.status) {
            Some(KeyStatus::Available) => {}
            Some(KeyStatus::Later(until_then)) => {
                report.line(line, format!("{} is not available yet", self.called(name)), until_then);
            }
            None if report.is_full() => report.line(line, "", ""),
            None => self.unknown(name, line, report),
        }
    }

    /// Reports an unknown key, and each key of another system's section.
    fn unknown(&self, name: &str, line: usize, report: &mut FileReport<'_>) {
        if let Some((section, tables)) = self.section(name) {
            let what = format!("`[{}]` is a section of {}", escaped(name), section.whole());
            report.line(line, what, section.fix(self.doc.file));
            for table in tables {
                let doc = &service_keys::SERVICE;
                Self { name: String::new(), table, lines: self.lines, line, doc }.report_foreign(report);
            }
            return;
        }
        if let Some((_, KeyStatus::Later(until_then))) = self.of_other_file(name) {
            report.line(line, format!("{} is not available yet", self.called(name)), until_then);
            return;
        }
        let place = if self.name.is_empty() { String::new() } else { format!(" in {}", ticked(&self.name)) };
        let system = foreign_keys::find(name, self.doc).map_or("", |word| word.system());
        let system = if system.is_empty() { String::new() } else { format!(" ({system})") };
        report.line(line, format!("unknown key {}{place}{system}", ticked(name)), self.fix(name));
    }

    /// Reports each key of another system, with the one that it belongs to.
    fn report_foreign(&self, report: &mut FileReport<'_>) {
        for key in self.table.keys() {
            let (name, line) = (key.get_ref().as_ref(), self.lines.at(key.span().start));
            if self.doc.key(name).is_some() {
                continue;
            }
            let Some(fix) = self.foreign(name) else { continue };
            let what = match foreign_keys::find(name, self.doc).map_or("", |word| word.system()) {
                "" => format!("unknown key {}", ticked(name)),
                system => format!("{} is a key of {system}", ticked(name)),
            };
            report.line(line, what, fix);
        }
    }

    /// Returns another system's section, and its tables with keys.
    fn section(&self, name: &str) -> Option<(ForeignSection, Vec<&'t DeTable<'t>>)> {
        let section = ForeignSection::of(name).filter(|_| self.name.is_empty())?;
        let table = self.table.get(name)?.get_ref().as_table()?;
        Some((section, section.tables(table)))
    }

    fn fix(&self, name: &str) -> String {
        let top = keys::reference().iter().find(|table| table.file == self.doc.file && table.name.is_empty());
        if !self.name.is_empty() && suggest::nearest(name, self.doc.names()).is_none() {
            // A common mistake in TOML: everything below a [header] belongs to it.
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
        if let Some((fix, _)) = self.of_other_file(name) {
            return match (self.doc.file, self.headers(name, ConfigFile::Container)) {
                (ConfigFile::Container, Some(headers)) => format!(
                    "write it below {headers}; a service's goes into its own file, such as /etc/services.d/NAME.toml"
                ),
                (ConfigFile::Container | ConfigFile::Service, _) => fix.to_owned(),
            };
        }
        if let Some(fix) = self.foreign(name) {
            return fix;
        }
        match suggest::nearest(name, self.doc.names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                self.in_a_table(name).unwrap_or_else(|| suggest::suggestion(name, "the keys are", self.doc.names()))
            }
        }
    }

    /// The fix for another system's key, or for another system's value of the key.
    fn foreign(&self, name: &str) -> Option<String> {
        let value = self.table.get(name).map(Spanned::get_ref);
        let text = value.and_then(DeValue::as_str);
        if let Some(word) = foreign_keys::find(name, self.doc) {
            if let Some(cron) = text.filter(|_| word.native() == "at").and_then(Cron::read) {
                return Some(cron.fix());
            }
            let known = text.and_then(|text| foreign_values::fix(word.native(), text));
            return Some(known.unwrap_or_else(|| word.fix(value)));
        }
        let same = |known_key: &&str| known_key.eq_ignore_ascii_case(name);
        let known_key = self.doc.names().find(same).filter(|known_key| *known_key != name)?;
        let known = text.and_then(|text| foreign_values::fix(known_key, text));
        Some(known.unwrap_or_else(|| format!("did you mean `{known_key}`?")))
    }

    /// The other kind of file, if it has this key at its top, and the key's status.
    fn of_other_file(&self, name: &str) -> Option<(&'static str, KeyStatus)> {
        let (other, fix) = match self.doc.file {
            ConfigFile::Service => {
                (&container_keys::CONTAINER, "it is a key of the container file: write it into /etc/stepdown.toml")
            }
            ConfigFile::Container => (
                &service_keys::SERVICE,
                "it is a key of services: write it into the file of one, such as /etc/services.d/NAME.toml",
            ),
        };
        other.key(name).filter(|_| self.name.is_empty()).map(|key| (fix, key.status))
    }

    /// The table that has this key, in this file or else in the other one.
    fn in_a_table(&self, name: &str) -> Option<String> {
        if !self.name.is_empty() {
            return None;
        }
        if let Some(headers) = self.headers(name, self.doc.file) {
            return Some(format!("write it below {headers}"));
        }
        match self.doc.file {
            ConfigFile::Service => self.headers(name, ConfigFile::Container).map(|headers| {
                format!("it is a key of the container file: write it into /etc/stepdown.toml, below {headers}")
            }),
            ConfigFile::Container => self
                .headers(name, ConfigFile::Service)
                .map(|headers| format!("it is a key of services: write it into the file of one, below {headers}")),
        }
    }

    /// The tables of a kind of file that have this key.
    fn headers(&self, name: &str, file: ConfigFile) -> Option<String> {
        let has = |table: &&keys::TableDoc| table.file == file && !table.name.is_empty() && table.key(name).is_some();
        let all: Vec<_> = keys::reference().iter().filter(has).map(|table| format!("`{}`", table.header)).collect();
        (!all.is_empty()).then(|| all.join(" or "))
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

    /// Returns whether an unknown key, which was reported already, is probably a misspelt one of these.
    pub fn has_misspelt(&self, keys: &[&str]) -> bool {
        let names = |table: &'t DeTable<'t>| table.keys().map(|key| key.get_ref().as_ref());
        let sections = self.table.keys().filter_map(|key| self.section(key.get_ref()));
        let inner = sections.flat_map(|(_, tables)| tables).flat_map(names);
        let unknown = names(self.table).filter(|name| self.doc.key(name).is_none()).chain(inner);
        let means = |name: &str| {
            let nearest = suggest::nearest(name, self.doc.names());
            keys.iter().any(|key| nearest == Some(*key) || foreign_keys::means(name, key))
        };
        unknown.into_iter().any(means)
    }

    /// Returns the value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<Field<'t>> {
        let (written, value) = self.table.get_key_value(key)?;
        let known = self.doc.key(key);
        let line = self.lines.at(written.span().start);
        Some(Field::new(self.called(key), value.get_ref(), self.lines, line, known))
    }
}

impl<'t> Field<'t> {
    /// Returns it as a table with the keys of `doc`.
    pub fn table(&self, doc: &'static TableDoc, report: &mut FileReport<'_>) -> Option<Table<'t>> {
        self.table_called(self.bare_name(), doc, report)
    }

    /// Returns an element as a table; its keys are called `name.key` in messages.
    pub fn table_called(&self, name: &str, doc: &'static TableDoc, report: &mut FileReport<'_>) -> Option<Table<'t>> {
        let table = self.as_table(report)?;
        Some(Table::open(name, table, self.lines, self.line(), doc, report))
    }
}
