//! The configuration that verbs read: where it is, and our environment. Must not know what is made of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::{self, Config, Sources};
use crate::error::{Place, Problem, Problems};
use crate::inspect::source::{self, Where};
use crate::text::shown;

/// Returns the places that a PATH argument means; it must be a directory.
pub(super) fn place(path: Option<PathBuf>) -> Result<Where, Problem> {
    match path {
        Some(path) if !path.is_dir() => {
            let what = if path.exists() { "it is not a directory" } else { "there is no such directory" };
            let remedy = "give a directory that holds `services.d`, or a services tree itself";
            Err(Problem::new(Place::Argument(shown(&path)), what, remedy))
        }
        path => Ok(Where::from_path(path)),
    }
}

/// Returns our environment.
#[allow(clippy::disallowed_methods)] // the environment's one way in
pub(super) fn environment() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

/// Reads the files at `place` and our environment.
pub(super) fn sources(place: &Where, main: Vec<OsString>) -> Sources {
    source::read(place, environment(), main)
}

/// Reads the configuration at `place`.
pub(super) fn config(place: &Where, main: Vec<OsString>) -> Result<Config, Problems> {
    config::read(&sources(place, main))
}
