//! What `check` prints: lines of text, of which some are notes; or problems; either as text or as JSON. Must not look for any.

use std::fmt::Write;

use serde::Serialize;

use super::super::output::{self, Printed};
use crate::error::{EXIT_WRONG, Place, Problem, Problems};
use crate::text::shown;

/// How it is printed.
#[derive(Clone, Copy)]
pub(in crate::cli) enum CheckFormat {
    Text,
    Json,
}

/// The lines of a tree without problems.
#[derive(Default)]
pub(super) struct CheckReport {
    pub text: String,
    pub notes: Vec<String>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct CheckDocument {
    ok: bool,
    problems: Vec<ProblemDocument>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct ProblemDocument {
    /// What is wrong: a variable, a line of a file, an argument.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    what: String,
    fix: String,
}

impl CheckReport {
    pub fn note(&mut self, notice: &str) {
        let _ = writeln!(self.text, "note: {notice}");
        self.notes.push(notice.to_owned());
    }

    /// Adds another one's lines, changed by `edit`.
    pub fn append(&mut self, other: &Self, edit: impl Fn(&str) -> String) {
        self.text.push_str(&edit(&other.text));
        self.notes.extend(other.notes.iter().map(|note| edit(note)));
    }

    pub fn print(self, format: CheckFormat) -> Printed {
        let text = match format {
            CheckFormat::Text => self.text,
            CheckFormat::Json => output::json(&CheckDocument { ok: true, problems: Vec::new(), notes: self.notes }),
        };
        Printed { text, code: 0 }
    }
}

/// Prints problems, and the notes that are known beside them; `edit` is done to each text.
pub(super) fn wrong(
    problems: Problems,
    notes: &[String],
    format: CheckFormat,
    edit: impl Fn(&str) -> String,
) -> Printed {
    let all = problems.into_sorted();
    let text = match format {
        CheckFormat::Text => {
            let mut text = all.iter().map(|problem| format!("{problem}\n")).collect::<String>();
            for note in notes {
                let _ = writeln!(text, "note: {note}");
            }
            let _ = writeln!(text, "{}", count(all.len(), "problem"));
            edit(&text)
        }
        CheckFormat::Json => {
            let problems = all.iter().map(|problem| document(problem, &edit)).collect();
            let notes = notes.iter().map(|note| edit(note)).collect();
            output::json(&CheckDocument { ok: false, problems, notes })
        }
    };
    Printed { text, code: EXIT_WRONG }
}

fn document(problem: &Problem, edit: impl Fn(&str) -> String) -> ProblemDocument {
    let (kind, path, line, name) = match &problem.at {
        Place::Variable { name, .. } => ("variable", None, None, Some(shown(name))),
        Place::File { path, line } => ("file", Some(shown(path)), *line, None),
        Place::Argument(word) => ("argument", None, None, Some(shown(word))),
        Place::MainCommand => ("main-command", None, None, None),
        Place::Machine => ("machine", None, None, None),
    };
    ProblemDocument { kind, path, line, name, what: edit(&problem.what), fix: edit(&problem.fix.to_string()) }
}

pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}
