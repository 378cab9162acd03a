//! supervisord's configuration language, which is that of Python's RawConfigParser: sections, `key = value` or `key: value`,
//! values that go on in indented lines, comments with `;` and `#`. Text in, sections out. No crate for INI keeps the lines of
//! values, which messages name. Must not know what a section means.

use std::path::Path;

use crate::config::quote::quoted;
use crate::error::{Place, Problem, Problems};

/// A `[name]` and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Between the brackets.
    pub name: String,
    /// Where it begins.
    pub at: Place,
    /// Its values, in their order.
    pub values: Vec<IniValue>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IniValue {
    /// In lower case.
    pub key: String,
    /// Without comments; several lines are joined by line feeds.
    pub value: String,
    /// Where it stands.
    pub at: Place,
}

impl Section {
    /// Returns a value; the last one counts.
    pub fn get(&self, key: &str) -> Option<&IniValue> {
        self.values.iter().rev().find(|value| value.key == key)
    }
}

/// Reads a file. What is no section, value or comment is a problem.
pub fn sections(path: &Path, text: &str, problems: &mut Problems) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    // Whether an indented line goes on with a value.
    let mut is_open = false;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let code = without_comment(line);
        let indented = line.starts_with([' ', '\t']);
        let trimmed = code.trim();
        if trimmed.is_empty() {
            // An empty line belongs to a value that goes on behind it, a comment does not.
            let value = sections.last_mut().and_then(|section| section.values.last_mut());
            if let Some(value) = value.filter(|_| is_open && line.trim().is_empty()) {
                value.value.push('\n');
            }
            continue;
        }
        let last = sections.last_mut();
        if indented
            && is_open
            && let Some(value) = last.and_then(|section| section.values.last_mut())
        {
            value.value.push('\n');
            value.value.push_str(trimmed);
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            is_open = false;
            match rest.split_once(']') {
                Some((name, _)) => {
                    sections.push(Section { name: name.to_owned(), at: Place::line(path, number), values: Vec::new() })
                }
                None => problems.push(wrong(path, number, trimmed, "end it with `]`")),
            }
            continue;
        }
        let split =
            trimmed.find(['=', ':']).and_then(|at| Some((trimmed.get(..at)?.trim(), trimmed.get(at + 1..)?.trim())));
        match (split, sections.last_mut()) {
            (Some((key, value)), Some(section)) if !key.is_empty() => {
                section.values.push(IniValue {
                    key: key.to_ascii_lowercase(),
                    value: value.to_owned(),
                    at: Place::line(path, number),
                });
                is_open = true;
            }
            (Some(_), None) => {
                problems.push(wrong(path, number, trimmed, "write a section such as `[program:web]` before it"))
            }
            (Some(_) | None, _) => problems.push(wrong(path, number, trimmed, "write `key=value`")),
        }
    }
    for value in sections.iter_mut().flat_map(|section| &mut section.values) {
        value.value.truncate(value.value.trim_end().len());
    }
    sections
}

fn wrong(path: &Path, line: usize, text: &str, fix: &str) -> Problem {
    Problem::new(Place::line(path, line), format!("{} is no section and no value", quoted(text)), fix)
}

/// A comment begins with the line, or with `;` or `#` after a blank.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with([';', '#']) {
        return "";
    }
    let is_start = |(at, letter): &(usize, char)| {
        matches!(letter, ';' | '#') && line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t']))
    };
    let end = line.char_indices().find(is_start).map_or(line.len(), |(at, _)| at);
    line.get(..end).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Section>, Vec<String>) {
        let mut problems = Problems::default();
        let sections = sections(Path::new("/s.conf"), text, &mut problems);
        (sections, problems.into_sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_have_their_lines_and_comments_are_not_theirs() {
        let text = "; first\n[program:web] ; the web\nCommand = web -x ; a comment\n# another\nenvironment=A=\"1;2\",\n    B=\"2\" # c\n\n \
                    C=3\npriority: 5\n";
        let (sections, problems) = read(text);
        assert_eq!(problems, Vec::<String>::new());
        let section = sections.first().unwrap();
        assert_eq!((section.name.as_str(), section.at.to_string().as_str()), ("program:web", "/s.conf:2"));
        let value = |key| section.get(key).map(|value| (value.value.clone(), value.at.to_string()));
        assert_eq!(value("command"), Some(("web -x".to_owned(), "/s.conf:3".to_owned())));
        assert_eq!(value("environment"), Some(("A=\"1;2\",\nB=\"2\"\n\nC=3".to_owned(), "/s.conf:5".to_owned())));
        assert_eq!(value("priority"), Some(("5".to_owned(), "/s.conf:9".to_owned())));
        assert_eq!(value("user"), None);
    }

    #[test]
    fn every_line_that_is_nothing_is_a_problem() {
        let (_, problems) = read("a=1\n[x\n[y]\nnothing\n=v\n");
        let lines: Vec<_> = problems.iter().filter_map(|text| text.split(": ").next()).collect();
        assert_eq!(lines, ["/s.conf:1", "/s.conf:2", "/s.conf:4", "/s.conf:5"]);
    }
}
