//! The configuration that commands read: its paths, and our environment. Must not know what it is used for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::{self, Config, Sources};
use crate::error::{Problem, Problems};
use crate::inspect::source::{self, ConfigPaths};

/// Returns the paths for a PATH argument, which must be a directory.
pub(super) fn config_paths(path: Option<PathBuf>) -> Result<ConfigPaths, Problem> {
    match path {
        Some(path) => source::check_given(&path).map(|()| ConfigPaths::from_path(Some(path))),
        None => Ok(ConfigPaths::from_path(None)),
    }
}

/// Returns our environment.
#[allow(clippy::disallowed_methods)] // the only place that reads the environment
pub(super) fn environment() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

/// Reads the files at `config_paths` and our environment.
pub(super) fn sources(config_paths: &ConfigPaths, main: Vec<OsString>) -> Sources {
    source::read(config_paths, environment(), main)
}

/// Reads the configuration at `config_paths`.
pub(super) fn config(config_paths: &ConfigPaths, main: Vec<OsString>) -> Result<Config, Problems> {
    config::read(&sources(config_paths, main))
}
