//! [`Draft`]: a service as read from any format; its requirements are still names that may not exist.

use std::ffi::OsStr;
use std::fmt::Display;

use super::s6::table::Row;
use super::service::Service;
use crate::error::{Place, Problem, ProblemFix};

/// A service whose dependencies on others are not resolved yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The service without its dependencies.
    pub service: Service,
    /// Its `requires`, `after` and `pipe_to`, as written.
    pub dependencies: Vec<Dependency>,
    /// The place of `stop.timeout` in a TOML file; `None` for an s6 directory, whose times were written for another budget.
    pub stop_timeout_at: Option<Place>,
    /// Notices.
    pub notices: Vec<String>,
    /// The rows of s6-overlay's table that its files are about.
    pub rows: Vec<&'static Row>,
    /// Where it comes from.
    pub source: DraftSource,
}

impl Draft {
    /// Returns the draft of a service of a tree that depends on nothing.
    pub fn of_tree(service: Service) -> Self {
        let (dependencies, notices, rows) = (Vec::new(), Vec::new(), Vec::new());
        Self { service, dependencies, stop_timeout_at: None, notices, rows, source: DraftSource::Tree }
    }
}

/// Where a draft comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftSource {
    /// A services tree: it is started, unless it says otherwise.
    Tree,
    /// The s6-rc definitions of an image made for s6-overlay: it is started if a bundle says so.
    Definitions,
}

/// One name in `requires`, `after` or `pipe_to`.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The relation.
    pub relation: Relation,
    /// The other service.
    pub to: String,
    /// Its place.
    pub at: Place,
    /// The key or file that contains it, for messages: `` `requires` ``, `dependencies.d`.
    pub written: String,
}

impl Dependency {
    /// Returns a problem of it. The name of its file is in front of a message already, as the end of its place.
    pub fn problem(&self, what: impl Display, fix: impl Into<ProblemFix>) -> Problem {
        let file = match &self.at {
            Place::File { path, .. } => path.file_name().and_then(OsStr::to_str),
            Place::Variable { .. } | Place::Argument(_) | Place::MainCommand | Place::Machine => None,
        };
        let written = match file.and_then(|file| self.written.strip_prefix(file)) {
            Some(rest) => rest.strip_prefix(": ").unwrap_or(rest),
            None => &self.written,
        };
        let colon = if written.is_empty() { "" } else { ": " };
        Problem::new(self.at.clone(), format!("{written}{colon}{what}"), fix)
    }
}

/// A relation between two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The other one must be up or done first, and stops later.
    Requires,
    /// Order only.
    After,
    /// Its output is the other's input: the other one starts first and stops last.
    PipesTo,
    /// The other one pipes to it (s6-rc `consumer-for`): redundant, so it is only checked.
    ConsumesFrom,
}
