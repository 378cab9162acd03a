//! The types of the reference of keys and tables. Must not know which keys there are.

use std::fmt;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDoc {
    /// Its name.
    pub name: &'static str,
    /// What it expects.
    pub expects: Expects,
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

/// What a key expects. Its text is a part of messages ("`nice` expects an integer from -20 to 19"), and the schema of the
/// files is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// Nothing: the key is not available yet.
    Nothing,
    /// A string of that form.
    Text(TextForm),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// One of these strings, or a table.
    WordOrTable(&'static [&'static str], &'static TableDoc),
    /// True or false.
    Boolean,
    /// True alone.
    True,
    /// An integer from the first to the second.
    Integer(i64, i64),
    /// An integer from 1 to [`u32::MAX`].
    Count,
    /// The same, or `"infinity"`.
    CountOrInfinity,
    /// `"30s"`.
    Duration,
    /// `"10M"`, or a number of bytes, at least so many.
    Size(u64),
    /// Octal digits, at most this mode.
    Octal(u32),
    /// A calendar event.
    Calendar,
    /// An absolute path.
    AbsolutePath,
    /// An absolute path that can be a field of passwd(5).
    PasswdPath,
    /// A path below another one.
    RelativePath,
    /// An account's or a group's name, or its id.
    NameOrNumber,
    /// A signal.
    Signal,
    /// Host and port, or a port.
    HostPort,
    /// An `http://` URL.
    Url,
    /// An HTTP status, or a range of them.
    Status,
    /// A resource limit.
    Limit(LimitUnit),
    /// `soft` or `hard` of one, in the unit of that resource.
    LimitSide,
    /// An array, of at least so many elements.
    Array(&'static Expects, usize),
    /// A table with these keys.
    Table(&'static TableDoc),
    /// A table whose keys have that form.
    TableOf(TextForm, &'static Expects),
    /// A table whose keys are signals; a value is a service's name or a table.
    Signals(&'static TableDoc),
}

/// The form of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Any.
    Any,
    /// Not an empty one.
    Filled,
    /// The name of an account or a group.
    Account,
    /// `app`, `root`, an account's name, or `uid:gid`.
    RunAs,
    /// The name of a service, or `main`.
    ServiceOrMain,
    /// A variable's name, as every shell passes it on.
    Variable,
    /// The end of such a name.
    VariableEnd,
    /// A variable's name, as execve(2) takes it.
    AnyVariable,
    /// A Linux capability.
    Capability,
    /// `tcp://…`, `http://…`, `path:…` or `socket:…`.
    WaitTarget,
    /// The name of a directory's entry, with `*` and `?`.
    NamePattern,
}

/// What a resource limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUnit {
    /// Bytes; sizes such as `"64M"` may be written.
    Bytes,
    /// Seconds.
    Seconds,
    /// Microseconds.
    Microseconds,
    /// Things.
    Number,
    /// Things, and the kernel has no infinity of them.
    FiniteNumber,
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
    /// The keys that it cannot be without.
    pub needs: Needs,
}

/// The keys that a table cannot be without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// None.
    Nothing,
    /// All of these.
    All(&'static [&'static str]),
    /// Exactly one of these; `socket` beside `http` is how that is reached.
    One(&'static [&'static str]),
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
    /// Returns the table `name = { … }` of a file.
    pub(super) const fn new(
        file: ConfigFile,
        name: &'static str,
        header: &'static str,
        keys: &'static [KeyDoc],
        needs: Needs,
    ) -> Self {
        Self { file, name, header, keys, needs }
    }

    /// Returns the key of that name.
    pub fn key(&self, name: &str) -> Option<&'static KeyDoc> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the names of the keys that are implemented.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().filter(|key| key.status == KeyStatus::Available).map(|key| key.name)
    }
}

impl Expects {
    /// Several of them: "strings".
    fn plural(self) -> &'static str {
        match self {
            Self::AbsolutePath | Self::PasswdPath => "absolute paths",
            Self::RelativePath => "relative paths",
            Self::NameOrNumber => "names or numbers",
            Self::Integer(_, _) | Self::Count => "integers",
            Self::Table(_) | Self::TableOf(_, _) | Self::Signals(_) => "tables",
            _ => "strings",
        }
    }
}

impl fmt::Display for Expects {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Nothing => "",
            Self::Text(_) | Self::Word(_) => "a string",
            Self::WordOrTable(_, _) => "a string or a table",
            Self::Boolean => "true or false",
            Self::True => "true",
            Self::Integer(least, most) => return write!(out, "an integer from {least} to {most}"),
            Self::Count => "a positive integer",
            Self::CountOrInfinity => "a positive integer or \"infinity\"",
            Self::Duration => "a duration",
            Self::Size(_) => "a size",
            Self::Octal(_) => "a string of octal digits",
            Self::Calendar => "a time of day, with weekdays or a date",
            Self::AbsolutePath | Self::PasswdPath => "an absolute path",
            Self::RelativePath => "a relative path",
            Self::NameOrNumber => "a name or a number",
            Self::Signal => "a signal's name or number",
            Self::HostPort => "a host and a port",
            Self::Url => "a URL",
            Self::Status => "an integer or a range",
            Self::Limit(LimitUnit::Bytes) => "a limit in bytes",
            Self::Limit(LimitUnit::Seconds) => "a limit in seconds",
            Self::Limit(LimitUnit::Microseconds) => "a limit in microseconds",
            Self::Limit(LimitUnit::Number | LimitUnit::FiniteNumber) | Self::LimitSide => "a limit",
            Self::Array(of, _) => return write!(out, "an array of {}", of.plural()),
            Self::Table(_) | Self::Signals(_) => "a table",
            Self::TableOf(_, of) => return write!(out, "a table of {}", of.plural()),
        })
    }
}

/// Returns a key that is implemented.
pub(super) const fn key(
    name: &'static str,
    expects: Expects,
    default: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> KeyDoc {
    KeyDoc { name, expects, default, meaning, example, status: KeyStatus::Available }
}

/// Returns a key that is not implemented yet.
pub(super) const fn later(name: &'static str, meaning: &'static str, until_then: &'static str) -> KeyDoc {
    let status = KeyStatus::Later(until_then);
    KeyDoc { name, expects: Expects::Nothing, default: "", meaning, example: "", status }
}
