//! What the reference says of a key, and of a table of keys. Must not know which keys there are.

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
