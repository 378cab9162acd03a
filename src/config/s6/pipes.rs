//! Pipes of s6-style directories: `log` (s6), `producer-for` and `consumer-for` (s6-rc). Must not know whether the other
//! end exists.

use super::files::ServiceDir;
use super::format::DirectoryFormat;
use crate::config::Content;
use crate::config::draft::{Dependency, Relation};
use crate::config::values::ServiceName;
use crate::error::Place;

/// Returns the name of the logger in a service's `log`, for the control commands.
pub fn logger(name: &ServiceName) -> String {
    format!("{name}-log")
}

/// Returns the dependencies of a longrun's pipes, in both directions.
pub fn dependencies(name: &ServiceName, dir: &mut ServiceDir<'_>, format: DirectoryFormat) -> Vec<Dependency> {
    let mut dependencies = Vec::new();
    let mut dependency = |relation, to: &str, at: Place, written: &str| {
        dependencies.push(Dependency { relation, to: to.to_owned(), at, written: written.to_owned() });
    };
    let has_logger = match dir.entry("log") {
        // s6-rc has none.
        Some(_) if format == DirectoryFormat::Definition => false,
        Some(Content::Dir(_)) => {
            dependency(Relation::PipesTo, &logger(name), Place::file(dir.path("log")), "log");
            true
        }
        Some(_) => {
            let fix = "make it a directory with an executable file `run`, or remove it";
            dir.problem("log", "is not a directory", fix);
            false
        }
        None => false,
    };
    let path = dir.path("producer-for");
    match dir.names_in("producer-for").as_deref() {
        None => {}
        Some([]) => dir.problem("producer-for", "names nobody", "write a service's name into it, or remove it"),
        Some(_) if has_logger => {
            dir.problem("producer-for", "there is a `log` too, and it has one output", "remove one of them");
        }
        Some([(at, to)]) => dependency(Relation::PipesTo, to, Place::line(&path, *at), "producer-for"),
        Some([_, (at, _), ..]) => {
            let what = format!("names another one on line {at}");
            dir.problem("producer-for", what, "name one service: it has one output");
        }
    }
    let path = dir.path("consumer-for");
    for (at, from) in dir.names_in("consumer-for").unwrap_or_default() {
        dependency(Relation::ConsumesFrom, from, Place::line(&path, at), "consumer-for");
    }
    dependencies
}
