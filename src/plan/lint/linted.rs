//! [`Linted`]: one command as lints see it, and how what is to be written instead is spelled. Must not know any lint.

use crate::config::hidden;
use crate::config::line_endings;
use crate::config::quote;
use crate::config::values::ServiceName;

/// A longer text is not spelled out in a message.
const MAX_SPELLED: usize = 160;

/// One command.
pub(super) struct Linted<'a> {
    /// The service's name.
    pub name: &'a str,
    /// The command's key; empty for the main command.
    pub key: &'a str,
    /// The program and its arguments.
    pub argv: &'a [&'a str],
    /// Those before the first program that takes code.
    pub before_code: &'a [&'a str],
    /// Whether its words must not be repeated: a password may be among them, and notices are in the log.
    pub is_secret: bool,
    /// Whether a program that changes the user has no effect here.
    pub leaves_out: &'a dyn Fn(&str) -> bool,
}

impl<'a> Linted<'a> {
    /// Returns a command as lints see it.
    pub fn new(name: &'a str, key: &'a str, argv: &'a [&'a str]) -> Self {
        Self {
            name,
            key,
            argv,
            before_code: before_code(argv),
            is_secret: hidden::are_secret(argv),
            leaves_out: &|_| false,
        }
    }

    /// Returns a notice of it: "web: `command`: …".
    pub fn says(&self, what: impl std::fmt::Display) -> String {
        match self.key {
            "" => format!("{}: {what}", ServiceName::MAIN),
            key => format!("{}: `{key}`: {what}", self.name),
        }
    }

    /// Returns these words as its value: `command = ["nginx", "-g", "daemon off;"]`.
    pub fn array<T: AsRef<str>>(&self, words: &[T]) -> String {
        let spelled = words.iter().map(|word| self.spelled(word.as_ref()));
        let array = match spelled.collect::<Option<Vec<_>>>().map(|all| all.join(", ")) {
            Some(line) if line.len() <= MAX_SPELLED => format!("[{line}]"),
            Some(_) | None => return self.each_word(),
        };
        match self.key.rsplit('.').next() {
            None | Some("") => format!("`{array}`"),
            Some(key) => format!("`{key} = {array}`"),
        }
    }

    /// Returns the same of words that are not spelled.
    pub fn each_word(&self) -> String {
        "each word as an element of its own, `[\"program\", \"argument\", …]`".to_owned()
    }

    /// Returns what has a shell read this line.
    pub fn script(&self, line: &str) -> String {
        match (self.key, self.spelled(line)) {
            ("command", Some(line)) => format!("`script = {line}`"),
            (_, Some(line)) => format!("`[\"/bin/sh\", \"-c\", {line}]`"),
            (_, None) => self.any_script(),
        }
    }

    /// Returns the same of a line that is not spelled.
    pub fn any_script(&self) -> String {
        match self.key {
            "command" => "the line as `script`, which /bin/sh runs".to_owned(),
            _ => "`[\"/bin/sh\", \"-c\", …]`".to_owned(),
        }
    }

    /// Returns a text as a string of TOML, if it is short and can be shown.
    fn spelled(&self, text: &str) -> Option<String> {
        let is_shown = !self.is_secret && text.len() <= MAX_SPELLED && !text.chars().any(char::is_control);
        is_shown.then(|| quote::quoted_whole(text))
    }
}

/// Programs besides shells and interpreters whose arguments are code, patterns or commands, so that letters of a shell mean
/// something to them.
const TAKE_CODE: [&str; 47] = [
    "[",
    "awk",
    "bc",
    "confd",
    "cut",
    "dockerize",
    "doas",
    "egrep",
    "eltest",
    "envsubst",
    "execlineb",
    "expect",
    "expr",
    "fd",
    "fgrep",
    "find",
    "fish",
    "gawk",
    "git",
    "gomplate",
    "grep",
    "gsed",
    "join",
    "jq",
    "make",
    "mawk",
    "mongosh",
    "mysql",
    "nawk",
    "parallel",
    "paste",
    "printf",
    "psql",
    "rg",
    "rsync",
    "s6-test",
    "screen",
    "script",
    "sed",
    "socat",
    "sort",
    "sqlite3",
    "ssh",
    "test",
    "tmux",
    "tr",
    "watch",
];
/// Those that a version may follow.
const INTERPRETERS: [&str; 8] = ["lua", "node", "perl", "php", "pypy", "python", "ruby", "tclsh"];

/// Returns the words before the first program that takes code.
pub(super) fn before_code<'w, 'a>(argv: &'w [&'a str]) -> &'w [&'a str] {
    let takes_code = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or_default();
        line_endings::is_shell(name)
            || TAKE_CODE.contains(&name)
            || INTERPRETERS.iter().any(|known| name.strip_prefix(known).is_some_and(is_version))
            || matches!(name, "su" | "xargs" | "yq" | "supercronic")
    };
    let end = argv.iter().position(takes_code).unwrap_or(argv.len());
    argv.get(..end).unwrap_or_default()
}

/// Returns whether this may follow the name of a program: `8.2`, nothing.
pub(super) fn is_version(rest: &str) -> bool {
    rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Returns whether a word is an option without a value in the same word.
pub(super) fn is_option(word: &str) -> bool {
    word.starts_with('-') && word.len() > 1 && !word.contains('=')
}
