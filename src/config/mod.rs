//! The configuration: files and environment in, [`Config`] or every problem out. Pure: bytes only, never the machine.

pub mod bytes;
pub mod calendar;
pub mod civil;
pub(crate) mod command_line;
pub mod container;
mod container_keys;
mod container_toml;
mod cron;
mod cross_checks;
mod draft;
pub mod env;
mod file_report;
mod foreign_files;
mod foreign_keys;
mod foreign_meanings;
mod foreign_sandbox;
mod foreign_sections;
mod foreign_tables;
mod foreign_values;
mod graph;
pub mod hidden;
pub mod key_lines;
mod key_reference;
pub mod keys;
mod limits;
pub(crate) mod line_endings;
mod log_format;
mod log_toml;
mod main_toml;
mod own_toml;
pub(crate) mod paths;
pub mod probe;
mod probe_toml;
pub mod quote;
mod read;
pub mod restart;
pub mod s6;
pub mod s6_overlay;
pub mod schema;
mod schema_types;
pub mod search_path;
mod secrets;
pub mod service;
mod service_keys;
mod service_parts;
mod service_toml;
pub mod shebang;
mod signals_toml;
pub mod success_codes;
pub mod suggest;
mod toml_error;
mod toml_field;
mod toml_reader;
mod toml_table;
pub mod topology;
mod tree;
pub mod units;
mod url;
pub(crate) mod user_switch;
mod users;
pub mod values;
mod variables;
pub mod zone;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use container::{Container, MainCommand};
use s6_overlay::{S6Origin, S6Overlay};
use service::{Command, Service};
use values::ServiceName;

use crate::error::{Place, Problem};

pub use keys::reference;
pub use paths::is_system_directory;
pub use quote::shown_value;
pub use read::{read, read_after_hook, read_after_scripts};
pub use s6::table::differences;
pub use s6::{VersionTwoFiles, is_list_directory, is_read_directory};
pub use variables::VARIABLES;

/// A file larger than this is refused unread: a configuration is small, a bomb is not (SECURITY 1.4).
pub const MAX_FILE: usize = 256 * 1024;

/// The sources as bytes, before parsing.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The environment.
    pub env: BTreeMap<OsString, OsString>,
    /// `/etc/stepdown.toml`: its path and contents; `None` if there is no such file.
    pub container: Option<(PathBuf, Content)>,
    /// The services trees, in order: `/etc/services.d`, then those of `STEPDOWN_SERVICES`.
    pub trees: Vec<Tree>,
    /// What only an image made for s6-overlay has.
    pub s6: S6Sources,
    /// The main command: what follows `init --`. Empty: none.
    pub main: Vec<OsString>,
    /// Whether every user may read all of these files, by their modes; `false` if that is not known.
    pub open_to_all: bool,
}

impl Sources {
    /// Returns the names in a directory of these sources; `None`: it is not among them.
    pub fn names_in(&self, directory: &Path) -> Option<Vec<OsString>> {
        let trees = self.trees.iter().chain([&self.s6.definitions, &self.s6.custom_services]);
        trees.filter_map(|tree| Some((tree, directory.strip_prefix(&tree.path).ok()?))).find_map(|(tree, below)| {
            let mut entries = &tree.entries;
            for name in below {
                match entries.get(name)? {
                    Content::Dir(inner) => entries = inner,
                    Content::File { .. } | Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {
                        return None;
                    }
                }
            }
            Some(entries.keys().cloned().collect())
        })
    }
}

/// The directories of an image made for s6-overlay, next to its services tree.
#[derive(Clone, Debug, Default)]
pub struct S6Sources {
    /// Those by which such an image is recognised, as far as they exist: `s6-overlay`, `cont-init.d`.
    pub identifying_directories: Vec<PathBuf>,
    /// `s6-overlay/s6-rc.d`: definitions of services and bundles.
    pub definitions: Tree,
    /// `s6-overlay/user-bundles.d`: more of them, which are only read if the others do not contain `user`.
    pub user_bundles: Tree,
    /// `cont-init.d`: scripts of the start.
    pub init_scripts: Tree,
    /// `cont-finish.d`: scripts of the stop.
    pub finish_scripts: Tree,
    /// `fix-attrs.d`: paths and their owners.
    pub fix_attrs: Tree,
    /// Whether there is the account of LinuxServer's images, `abc`.
    pub has_linuxserver_account: bool,
    /// `/custom-cont-init.d`: scripts of the user of a LinuxServer image.
    pub custom_scripts: Tree,
    /// `/custom-services.d`: services of that user.
    pub custom_services: Tree,
    /// What only s6-overlay 2 has; `None`: the image was not made for it.
    pub version_two: Option<VersionTwoFiles>,
}

impl S6Sources {
    /// Returns what holds from when the scripts of the start run: s6-overlay lists them once, before it runs the first one.
    pub fn fixed_by_start(&self) -> Self {
        let Self { identifying_directories, init_scripts, .. } = self.clone();
        Self { identifying_directories, init_scripts, ..Self::default() }
    }

    /// Replaces what was read since by what was fixed ([`Self::fixed_by_start`]).
    #[must_use]
    pub fn with_fixed(self, fixed: &Self) -> Self {
        let Self { identifying_directories, init_scripts, .. } = fixed.clone();
        Self { identifying_directories, init_scripts, ..self }
    }
}

impl Sources {
    /// Returns the paths that were read; of those that only images made for s6-overlay have, the ones that exist.
    pub fn found(&self) -> Vec<PathBuf> {
        let S6Sources { definitions, user_bundles, init_scripts, finish_scripts, fix_attrs, .. } = &self.s6;
        let S6Sources { custom_scripts, custom_services, .. } = &self.s6;
        let of_s6 =
            [definitions, user_bundles, init_scripts, finish_scripts, fix_attrs, custom_scripts, custom_services];
        let of_s6 = of_s6.into_iter().filter(|tree| !tree.entries.is_empty() || tree.unreadable.is_some());
        let trees = self.trees.iter().chain(of_s6).map(|tree| tree.path.clone());
        self.container.iter().map(|(path, _)| path.clone()).chain(trees).collect()
    }
}

/// One services tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Its path.
    pub path: PathBuf,
    /// Its entries. A default tree that does not exist is empty.
    pub entries: BTreeMap<OsString, Content>,
    /// Why the tree itself cannot be read, or that it does not exist although it was given.
    pub unreadable: Option<String>,
}

/// What [`Content::Other`] calls a link that leads out of its tree: it is not followed, because what is there could be a file
/// that only root may read.
pub const LINK_OUT: &str = "link that leads out of its tree";

/// The contents of a path, read without following a link out of its tree.
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
    /// It exists and cannot be read; the reason.
    Unreadable(String),
    /// Neither a file nor a directory: "FIFO", "device", "socket", "dangling link", ….
    Other(&'static str),
}

/// The configuration, complete and consistent: every required name exists, no cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The container file and the environment.
    pub container: Container,
    /// Every service, by name.
    pub services: Vec<Rc<Service>>,
    /// The main command; empty: none.
    pub main: Vec<OsString>,
    /// What an image made for s6-overlay expects of the container; `None`: it is not one.
    pub s6: Option<S6Overlay>,
    /// Notices: a `down` file in a longrun's directory, a setting without effect.
    pub notices: Vec<String>,
    /// Those of them that name what the loader of s6's trees passes over.
    pub passed_over: Vec<String>,
    /// Services whose definitions are wrong, with every problem of theirs: they do not start ([`read_after_scripts`]).
    pub held_back: BTreeMap<ServiceName, Vec<Problem>>,
}

impl Config {
    /// Returns whether a service that cannot be used is held back alone when the definitions are read after the scripts of
    /// `cont-init.d`: it is of `/etc/services.d` in s6's format, or comes after those, so that it has not started yet.
    pub fn may_hold_back(&self, service: &Service) -> bool {
        let is_legacy = matches!(service.s6, Some(S6Origin::Legacy(_) | S6Origin::LegacyLog(_)));
        is_legacy || self.s6.as_ref().is_some_and(|s6| s6.after_legacy.contains(&service.name))
    }

    /// Returns the main command as the service that `[main]` describes; `None` without a main command.
    pub fn main_service(&self) -> Option<Rc<Service>> {
        let MainCommand { at, user, success_codes, stop, ready, health, secrets, .. } = self.container.main.clone();
        let argv = Some(self.main.clone()).filter(|argv| !argv.is_empty())?;
        Some(Rc::new(Service {
            at: at.unwrap_or(Place::MainCommand),
            user,
            success_codes,
            stop,
            ready,
            health: health.map(Box::new),
            secrets,
            ..Service::plain(ServiceName::main(), Command::Argv(argv))
        }))
    }
}
