//! The values of one section by type: a text, a number, a flag, a size. What is wrong is a problem with its line, what is only
//! known at run time an omission. Must not know what a value means for a service.

use std::collections::BTreeMap;

use super::expand::{self, ExpandedArgument, Names};
use super::ini::{IniValue, Section};
use crate::config::quote::quoted;
use crate::error::{Problem, Problems};
use crate::import::native::Omission;

/// A section while it is read.
pub struct SectionReader<'s> {
    section: &'s Section,
    /// What `%(name)s` stands for.
    pub names: Names<'s>,
    /// What has no equivalent.
    pub omissions: Vec<Omission>,
    /// What is wrong.
    pub problems: Problems,
}

impl<'s> SectionReader<'s> {
    /// Returns a reader.
    pub fn new(section: &'s Section, names: Names<'s>) -> Self {
        Self { section, names, omissions: Vec::new(), problems: Problems::default() }
    }

    /// Returns whether a value is written.
    pub fn has(&self, key: &str) -> bool {
        self.section.get(key).is_some()
    }

    /// Leaves a value out.
    pub fn omit(&mut self, key: &str, why: impl Into<String>) {
        self.omissions.push(Omission::new(key, why));
    }

    /// Reports a value.
    pub fn refuse(&mut self, key: &str, fix: &str) {
        let at = self.section.get(key).map_or(&self.section.at, |value| &value.at);
        let what = match self.section.get(key) {
            Some(value) => format!("{key} cannot be {}", quoted(&value.value)),
            None => format!("[{}] has no `{key}`", self.section.name),
        };
        self.problems.push(Problem::new(at.clone(), what, fix));
    }

    /// Returns a value with its names replaced; variables stay placeholders in it.
    pub fn expanded(&mut self, key: &str) -> Option<String> {
        let IniValue { value, at, .. } = self.section.get(key)?;
        match expand::expand(value, &self.names) {
            Ok(text) => Some(text),
            Err(name) if name.contains("host_node_name") => {
                self.omit(key, "the host's name is only known where the container runs: use $HOSTNAME in a script");
                None
            }
            Err(name) => {
                let what = format!("{key}: {} stands for nothing", quoted(&name));
                self.problems.push(Problem::new(
                    at.clone(),
                    what,
                    "write %% for a percent sign, %(ENV_NAME)s for a variable",
                ));
                None
            }
        }
    }

    /// Returns a text without variables.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let text = self.expanded(key)?;
        let Some(variable) = expand::variable(&text) else { return Some(text) };
        let why = format!("${variable} is only known where the container runs, and this key is no script");
        self.omit(key, why);
        None
    }

    /// Returns the arguments of a command, the program first.
    pub fn arguments(&mut self, key: &str) -> Option<Vec<ExpandedArgument>> {
        let arguments = expand::arguments(&self.expanded(key)?).filter(|arguments| !arguments.is_empty());
        if arguments.is_none() {
            self.refuse(key, "write a program and its arguments, and close each quote");
        }
        arguments
    }

    /// Returns an integer.
    pub fn number(&mut self, key: &str) -> Option<i64> {
        let text = self.text(key)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.refuse(key, "write an integer");
        }
        number
    }

    /// Returns an integer that is not negative.
    pub fn count(&mut self, key: &str) -> Option<u32> {
        let number = self.number(key)?;
        let count = u32::try_from(number).ok();
        if count.is_none() {
            self.refuse(key, "write 0 or more");
        }
        count
    }

    /// Returns a flag; `false` if it is not written.
    pub fn flag(&mut self, key: &str) -> bool {
        self.choice(
            key,
            &[
                ("true", true),
                ("yes", true),
                ("on", true),
                ("1", true),
                ("false", false),
                ("no", false),
                ("off", false),
                ("0", false),
            ],
        )
        .unwrap_or_default()
    }

    /// Returns the value of one of these choices.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?.to_ascii_lowercase();
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.refuse(key, &format!("write one of {}", all.join(", ")));
        }
        found
    }

    /// Returns a size such as `50MB`.
    pub fn size(&mut self, key: &str) -> Option<u64> {
        let text = self.text(key)?.to_ascii_lowercase();
        let units = [("kb", 10), ("mb", 20), ("gb", 30)];
        let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
        let (digits, shift) = unit.unwrap_or((&text, 0));
        let size = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        if size.is_none() {
            self.refuse(key, "write a size such as 50MB");
        }
        size
    }

    /// Returns `KEY="value",…`; a variable of another name is omitted.
    pub fn pairs(&mut self, key: &str) -> BTreeMap<String, String> {
        let Some(text) = self.expanded(key) else { return BTreeMap::new() };
        let Some(pairs) = pairs(&text) else {
            self.refuse(key, "write NAME=\"value\", separated by commas");
            return BTreeMap::new();
        };
        let mut all = BTreeMap::new();
        for (name, value) in pairs {
            // A service has the container's variables anyway.
            if expand::is_only(&value, &name) {
                continue;
            }
            match expand::variable(&value) {
                Some(variable) => {
                    let why = format!("${variable} is only known where the container runs: set {name} in a script");
                    self.omit(key, why);
                }
                None => drop(all.insert(name, value)),
            }
        }
        all
    }
}

/// `None`: it is not of that form.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let blank = |letter: char| letter.is_whitespace() || letter == ',';
    let mut rest = text.trim_start_matches(blank);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after.get(1..)?.split_once(quote)?,
            Some(_) | None => after.split_at(after.find(blank).unwrap_or(after.len())),
        };
        let name = name.trim();
        if name.is_empty() || name.contains(blank) || !(after.is_empty() || after.starts_with(blank)) {
            return None;
        }
        pairs.push((name.to_owned(), value.to_owned()));
        rest = after.trim_start_matches(blank);
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_quotes_or_end_at_a_comma() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = pairs("A=\"1,2\" , B='x \"y\"',\nC=/usr/bin,D=\"\"").unwrap();
        assert_eq!(all, [pair("A", "1,2"), pair("B", "x \"y\""), pair("C", "/usr/bin"), pair("D", "")]);
        for wrong in ["A", "A=\"x", "=x", "A=\"x\"y", "A=1,B"] {
            assert_eq!(pairs(wrong), None, "{wrong}");
        }
    }
}
