//! The reference of every key of both files. The reader takes its known keys, its "not available yet" and its examples
//! from here, the README's tables are generated from here, and tests read each example and each default back.

use super::container_keys;
use super::service_keys;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDoc {
    /// As it is written.
    pub name: &'static str,
    /// What it expects: "an array of strings".
    pub expects: &'static str,
    /// The default as it would be written; in parentheses where that is not a value.
    pub default: &'static str,
    /// What it is for, in one line.
    pub meaning: &'static str,
    /// A line that can be pasted.
    pub example: &'static str,
    /// Whether it does anything.
    pub status: Status,
}

/// Whether a key does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does what it says.
    Available,
    /// It is refused by its name; what to do until then.
    Later(&'static str),
}

/// The keys of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDoc {
    /// The file that it stands in.
    pub file: FileKind,
    /// The table's name: `restart`, `app`; empty for the file's own keys.
    pub name: &'static str,
    /// The line above its keys, if they stand below a header: `[restart]`, `[[own]]`; empty for the file's own keys.
    pub header: &'static str,
    /// Its keys, in the order of the manual.
    pub keys: &'static [KeyDoc],
}

/// The two kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `NAME.toml` or `NAME/service.toml` of a services tree.
    Service,
    /// `/etc/stepdown.toml`.
    Container,
}

/// Returns every table of both files, in the order of the manual.
pub fn reference() -> &'static [TableDoc] {
    &[
        service_keys::SERVICE,
        service_keys::RESTART,
        service_keys::READY,
        service_keys::HEALTH,
        service_keys::STOP,
        service_keys::RELOAD,
        service_keys::LOG,
        service_keys::LIMITS,
        service_keys::LIMIT,
        container_keys::CONTAINER,
        container_keys::LOG,
        container_keys::APP,
        container_keys::OWN,
        container_keys::DIRECTORY,
        container_keys::SIGNAL,
        container_keys::MAIN,
    ]
}

impl TableDoc {
    /// Returns the key of that name.
    pub fn key(&self, name: &str) -> Option<&'static KeyDoc> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the names of the keys that do something.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().filter(|key| key.status == Status::Available).map(|key| key.name)
    }
}

/// Returns a key that does what it says.
pub(super) const fn key(
    name: &'static str,
    expects: &'static str,
    default: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> KeyDoc {
    KeyDoc { name, expects, default, meaning, example, status: Status::Available }
}

/// Returns a key that is refused by its name.
pub(super) const fn later(name: &'static str, meaning: &'static str, until_then: &'static str) -> KeyDoc {
    KeyDoc { name, expects: "", default: "", meaning, example: "", status: Status::Later(until_then) }
}
