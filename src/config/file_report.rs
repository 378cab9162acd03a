//! [`FileReport`]: the problems of one file while it is read, with their lines and a bound on their number.
//! Must not know formats.

use std::path::Path;

use crate::error::{Place, Problem, ProblemFix, Problems};

/// Most problems of one file that are listed; the rest is only counted.
const MAX_PROBLEMS: usize = 100;

/// The problems of one file.
#[derive(Debug)]
pub struct FileReport<'p> {
    path: &'p Path,
    problems: Vec<Problem>,
    more: usize,
}

impl<'p> FileReport<'p> {
    /// Returns an empty report about that file.
    pub fn new(path: &'p Path) -> Self {
        Self { path, problems: Vec::new(), more: 0 }
    }

    /// Returns the file.
    pub fn path(&self) -> &'p Path {
        self.path
    }

    /// Adds a problem of one line, counted from 1.
    pub fn line(&mut self, line: usize, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        self.add(Place::line(self.path, line), what, fix);
    }

    /// Adds a problem of the whole file.
    pub fn whole(&mut self, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        self.add(Place::file(self.path), what, fix);
    }

    /// Returns whether further problems are only counted, so that their messages need not be made.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    fn add(&mut self, at: Place, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        if !self.is_full() {
            self.problems.push(Problem::new(at, what, fix));
        } else {
            self.more += 1;
        }
    }

    /// Adds those problems of `other`, a report about the same file, for whose line `wanted` is true (`None`: the whole
    /// file).
    pub fn absorb(&mut self, other: Self, wanted: impl Fn(Option<usize>) -> bool) {
        for problem in other.problems {
            let line = match &problem.at {
                Place::File { line, .. } => *line,
                Place::Variable { .. } | Place::Argument(_) | Place::MainCommand | Place::Machine => None,
            };
            if wanted(line) {
                self.add(problem.at, problem.what, problem.fix);
            }
        }
        self.more += other.more;
    }

    /// Returns them all.
    pub fn finish(self) -> Problems {
        let mut all = Problems::default();
        for problem in self.problems {
            all.push(problem);
        }
        if self.more > 0 {
            let what = format!("has {} more problems than are listed", self.more);
            all.push(Problem::new(Place::file(self.path), what, "fix these first"));
        }
        all
    }
}

/// The offsets of the lines of a text.
#[derive(Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    /// Returns the lines of that text.
    pub fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// Returns the line, counted from 1, of a byte offset.
    pub fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}
