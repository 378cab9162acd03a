//! What was asked for: files and environment in, [`Config`] or every problem out. Pure: sees bytes, never the machine.

pub mod bytes;
pub mod calendar;
pub mod civil;
pub mod container;
mod container_keys;
mod container_toml;
mod cron;
mod draft;
pub mod env;
mod foreign_words;
mod graph;
mod key_doc;
pub mod key_lines;
pub mod keys;
mod limits;
mod line_endings;
mod log_format;
mod log_toml;
mod main_toml;
mod neighbours;
mod own_toml;
pub(crate) mod paths;
pub mod probe;
mod probe_toml;
pub mod quote;
mod read;
mod report;
mod s6;
mod s6_files;
mod s6_pipes;
mod s6_up;
pub mod service;
mod service_keys;
mod service_parts;
mod service_toml;
mod signals_toml;
pub mod suggest;
mod toml_field;
mod toml_reader;
mod toml_table;
mod toml_words;
pub mod topology;
mod tree;
pub mod units;
mod url;
pub mod values;
mod who;
pub mod zone;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use container::{Container, MainCommand};
use service::{Command, Service};
use values::ServiceName;

use crate::error::Place;

pub use env::VARIABLES;
pub use keys::reference;
pub use paths::is_systems;
pub use quote::shown_value;
pub use read::read;
pub use s6_files::has_meaning;

/// A file larger than this is refused unread: a configuration is small, a bomb is not (SECURITY 1.4).
pub const MAX_FILE: usize = 256 * 1024;

/// Everything that was read, before anything is understood.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The environment, bytes and all.
    pub env: BTreeMap<OsString, OsString>,
    /// `/etc/stepdown.toml`: its path and what was found there; `None` where there is no such file.
    pub container: Option<(PathBuf, Content)>,
    /// The services trees, in order: `/etc/services.d`, then those of `STEPDOWN_SERVICES`.
    pub trees: Vec<Tree>,
    /// The main command: what follows `init --`. Empty: none.
    pub main: Vec<OsString>,
}

/// One services tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Where it lies.
    pub path: PathBuf,
    /// What lies in it. `Content::Missing` for a default tree that does not exist is an empty `Dir`.
    pub entries: BTreeMap<OsString, Content>,
    /// Set where the tree itself cannot be read or does not exist although it was named.
    pub unreadable: Option<String>,
}

/// What was found at a path, read without following a last link out of its tree.
#[derive(Clone, Debug)]
pub enum Content {
    /// A regular file (or a link to one).
    File {
        /// Its bytes; at most [`MAX_FILE`].
        bytes: Vec<u8>,
        /// Whether any execute bit is set.
        executable: bool,
    },
    /// A directory, two levels deep at the most: deeper ones are [`Content::Other`].
    Dir(BTreeMap<OsString, Content>),
    /// A regular file that is too large, with its size in bytes.
    TooLarge(u64),
    /// It exists and cannot be read: the kernel's words.
    Unreadable(String),
    /// Neither file nor directory: "FIFO", "device", "socket", "dangling link", ….
    Other(&'static str),
}

/// What was asked for, complete and consistent: every name that is required exists, no cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The container file and the environment.
    pub container: Container,
    /// Every service, by name.
    pub services: Vec<Service>,
    /// The main command; empty: none.
    pub main: Vec<OsString>,
    /// What was accepted with a remark: a `down` file on a longrun's directory, a setting that has no effect.
    pub notices: Vec<String>,
}

impl Config {
    /// Returns the main command as the service that `[main]` describes; `None` where there is no main command.
    pub fn main_service(&self) -> Option<Service> {
        let MainCommand { at, user, success_codes, stop, ready, health, .. } = self.container.main.clone();
        let words = Some(self.main.clone()).filter(|words| !words.is_empty())?;
        Some(Service {
            at: at.unwrap_or(Place::MainCommand),
            user,
            success_codes,
            stop,
            ready,
            health,
            ..Service::plain(ServiceName::main(), Command::Argv(words))
        })
    }
}
