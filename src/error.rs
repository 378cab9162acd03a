//! What can be wrong: [`Problem`] for what the user can fix, [`Refused`] for what the kernel said no to,
//! and the exit codes. Plain values; only `main` and the loop print them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::text::shown;

/// The configuration or the arguments are wrong (skarnet's convention, DESIGN §8).
pub const EXIT_WRONG: u8 = 100;
/// The system refused a step that was required.
pub const EXIT_REFUSED: u8 = 111;
/// The program was found but cannot be executed (the shell's convention).
pub const EXIT_NOT_EXECUTABLE: u8 = 126;
/// The program was not found (the shell's convention).
pub const EXIT_NOT_FOUND: u8 = 127;

/// Where a problem stands, as the user would look for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An environment variable and its value as given: printed as `PUID=abc`.
    Variable {
        /// The variable's name.
        name: String,
        /// Its value, already escaped for printing; empty where the value is secret.
        value: String,
    },
    /// A file, and its line if one can be blamed: printed as `/etc/services.d/web.toml:4`.
    File {
        /// The file or directory.
        path: PathBuf,
        /// Counted from 1.
        line: Option<usize>,
    },
    /// A word of the command line.
    Argument(String),
    /// The main command: what follows `init --`.
    MainCommand,
    /// The machine rather than anything written: a missing privilege, a full disk.
    Machine,
}

impl Place {
    /// Returns the place of a whole file.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::File { path: path.as_ref().to_owned(), line: None }
    }

    /// Returns the place of one line, counted from 1.
    pub fn line(path: impl AsRef<Path>, line: usize) -> Self {
        Self::File { path: path.as_ref().to_owned(), line: Some(line) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, value } => write!(out, "{}={}", shown(name), shown(value)),
            Self::File { path, line: None } => out.write_str(&shown(path)),
            Self::File { path, line: Some(line) } => write!(out, "{}:{line}", shown(path)),
            Self::Argument(word) => write!(out, "`{}`", shown(word)),
            Self::MainCommand => write!(out, "the main command"),
            Self::Machine => write!(out, "this container"),
        }
    }
}

/// One thing that the user can fix: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands.
    pub at: Place,
    /// What is wrong: lower case, no full stop, the value as it was written.
    pub what: String,
    /// What to write or do instead.
    pub fix: ProblemFix,
    /// The keys that it is about, where the line is not known yet: the line is that of the first one that the file has.
    pub keys: Vec<&'static str>,
}

/// What to write or do instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemFix {
    /// In words.
    Words(String),
    /// To let its reader do so. Only the caller knows which user that is.
    MakeReadable,
    /// To run a command on a file. Where that file is for the user, is known only to who asked for the reading.
    Command(Box<FileCommand>),
    /// To run a command on a file of the image, which the Dockerfile does; on a file of the tree itself, where that is.
    InDockerfile(Box<ImageCommand>),
}

/// A command on a file, with the words around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileCommand {
    /// Words before the command.
    pub before: String,
    /// The command, without the file.
    pub command: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Words after it.
    pub after: &'static str,
}

/// A command on a file of the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageCommand {
    /// The command, without the file.
    pub command: &'static str,
    /// The file.
    pub path: PathBuf,
}

impl From<ImageCommand> for ProblemFix {
    fn from(command: ImageCommand) -> Self {
        Self::InDockerfile(Box::new(command))
    }
}

impl From<FileCommand> for ProblemFix {
    fn from(command: FileCommand) -> Self {
        Self::Command(Box::new(command))
    }
}

impl From<String> for ProblemFix {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for ProblemFix {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

impl fmt::Display for ProblemFix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => out.write_str(words),
            Self::MakeReadable => out.write_str("make it readable for the user that starts the container"),
            Self::Command(it) => write!(out, "{}{} {}{}", it.before, it.command, shown(&it.path), it.after),
            Self::InDockerfile(it) => write!(out, "`RUN {} {}` in the Dockerfile", it.command, shown(&it.path)),
        }
    }
}

impl Problem {
    /// Returns a problem.
    pub fn new(at: Place, what: impl Into<String>, fix: impl Into<ProblemFix>) -> Self {
        Self { at, what: what.into(), fix: fix.into(), keys: Vec::new() }
    }

    /// Returns it as one about these keys of its file.
    #[must_use]
    pub fn about(mut self, keys: &[&'static str]) -> Self {
        self.keys = keys.to_vec();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whatever they name: a problem is one line.
        write!(out, "{}: {}; {}", self.at, shown(&self.what), shown(&self.fix.to_string()))
    }
}

/// Every problem of one reading, in the order of their places. Never a list of only the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Returns them as found by a reader of this name.
    #[must_use]
    pub fn read_by(mut self, reader: &str) -> Self {
        for problem in self.0.iter_mut().filter(|problem| problem.fix == ProblemFix::MakeReadable) {
            problem.fix = format!("make it readable for {reader}: chmod a+rX").into();
        }
        self
    }

    /// Returns them with commands for files that are elsewhere for the user.
    #[must_use]
    pub fn files_at(mut self, elsewhere: impl Fn(&Path) -> Option<PathBuf>) -> Self {
        for problem in &mut self.0 {
            match &mut problem.fix {
                ProblemFix::Command(command) => command.path = elsewhere(&command.path).unwrap_or(command.path.clone()),
                ProblemFix::InDockerfile(it) => {
                    if let Some(path) = elsewhere(&it.path) {
                        let command = it.command;
                        problem.fix = FileCommand { before: String::new(), command, path, after: "" }.into();
                    }
                }
                ProblemFix::Words(_) | ProblemFix::MakeReadable => {}
            }
        }
        self
    }

    /// Returns them, each in a better place where one is known.
    #[must_use]
    pub fn placed(mut self, better: impl Fn(&Problem) -> Option<Place>) -> Self {
        for problem in &mut self.0 {
            if let Some(at) = better(problem) {
                problem.at = at;
            }
        }
        self
    }

    /// Adds all of another list.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Returns how many there are, repeats included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns them, sorted by place and without repeats.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort();
        self.0.dedup();
        self.0
    }

    /// Returns `Ok` with the value if nothing is wrong, else every problem.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.clone().into_sorted() {
            writeln!(out, "  {problem}")?;
        }
        Ok(())
    }
}

/// Returns what the kernel answered, in words; the standard library would add a number.
pub fn cause_text(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    match cause.raw_os_error() {
        Some(errno) => text.trim_end_matches(&format!(" (os error {errno})")).to_owned(),
        None => text,
    }
}

/// A step that the kernel refused: what was tried, its error, and the fix where one is known.
#[derive(Debug)]
pub struct Refused {
    /// "cannot" + verb + object.
    pub what: String,
    /// What the kernel answered.
    pub cause: std::io::Error,
    /// Text to paste, if a fix is known.
    pub fix: Option<String>,
}

impl Refused {
    /// Returns a refusal without a known fix.
    pub fn new(what: impl Into<String>, cause: impl Into<std::io::Error>) -> Self {
        Self { what: what.into(), cause: cause.into(), fix: None }
    }

    /// Returns the refusal with the text that would fix it.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>) -> Self {
        self.fix = Some(text.into());
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what, cause_text(&self.cause))?;
        if let Some(fix) = &self.fix {
            write!(out, "\n  fix: {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Why the boot failed before the event loop ran.
#[derive(Debug)]
pub enum Error {
    /// What was given is wrong: exit 100.
    Wrong(Problems),
    /// The system refused: exit 111.
    Refused(Refused),
}

impl Error {
    /// Returns it with commands for files that are elsewhere for the user ([`Problems::files_at`]).
    #[must_use]
    pub fn files_at(self, elsewhere: impl Fn(&Path) -> Option<PathBuf>) -> Self {
        match self {
            Self::Wrong(problems) => Self::Wrong(problems.files_at(elsewhere)),
            Self::Refused(_) => self,
        }
    }

    /// Returns the exit code that DESIGN §8 gives it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Wrong(_) => EXIT_WRONG,
            Self::Refused(_) => EXIT_REFUSED,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(problems) => {
                let all = problems.clone().into_sorted();
                let noun = if all.len() == 1 { "problem" } else { "problems" };
                write!(out, "cannot start, {} {noun}:", all.len())?;
                all.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
            }
            Self::Refused(refused) => refused.fmt(out),
        }
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::Wrong(problems)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn the_kernels_answer_comes_without_a_number() {
        let refused = Refused::new("cannot mount /x", std::io::Error::from_raw_os_error(1)).fix("be root");
        assert_eq!(refused.to_string(), "cannot mount /x: Operation not permitted\n  fix: be root");
        assert_eq!(cause_text(&std::io::Error::other("it is full (os error 1)")), "it is full (os error 1)");
    }

    #[test]
    fn a_files_name_cannot_move_a_cursor_or_forge_a_line() {
        let evil = Path::new(OsStr::from_bytes(b"/t\x1b[2J\nx\xff\xe2\x80\xaey.toml"));
        assert_eq!(Place::line(evil, 3).to_string(), "/t\\u{1b}[2J\\nx\\xff\\u{202e}y.toml:3");
        assert_eq!(Place::file(evil).to_string(), "/t\\u{1b}[2J\\nx\\xff\\u{202e}y.toml");
    }
}
