//! The types of the reference of keys and tables. Must not know which keys there are.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDoc {
    /// Its name.
    pub name: &'static str,
    /// What it expects: "an array of strings".
    pub expects: &'static str,
    /// The default as it would be written; in parentheses if it is not a value.
    pub default: &'static str,
    /// Its meaning, in one line.
    pub meaning: &'static str,
    /// A line that can be pasted.
    pub example: &'static str,
    /// Whether it is implemented.
    pub status: KeyStatus,
}

/// Whether a key is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It is.
    Available,
    /// Not yet: it is refused; what to do until then.
    Later(&'static str),
}

/// The keys of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDoc {
    /// The file that contains it.
    pub file: ConfigFile,
    /// The table's name: `restart`, `app`; empty for the file's own keys.
    pub name: &'static str,
    /// The line above its keys, if they stand below a header: `[restart]`, `[[own]]`; empty for the file's own keys.
    pub header: &'static str,
    /// Its keys, in the order of the manual.
    pub keys: &'static [KeyDoc],
}

/// The two kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFile {
    /// `NAME.toml` or `NAME/service.toml` of a services tree.
    Service,
    /// `/etc/stepdown.toml`.
    Container,
}

impl TableDoc {
    /// Returns the key of that name.
    pub fn key(&self, name: &str) -> Option<&'static KeyDoc> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the names of the keys that are implemented.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().filter(|key| key.status == KeyStatus::Available).map(|key| key.name)
    }
}

/// Returns a key that is implemented.
pub(super) const fn key(
    name: &'static str,
    expects: &'static str,
    default: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> KeyDoc {
    KeyDoc { name, expects, default, meaning, example, status: KeyStatus::Available }
}

/// Returns a key that is not implemented yet.
pub(super) const fn later(name: &'static str, meaning: &'static str, until_then: &'static str) -> KeyDoc {
    KeyDoc { name, expects: "", default: "", meaning, example: "", status: KeyStatus::Later(until_then) }
}
