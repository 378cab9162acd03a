//! Why a command ends early: its exit code, and what it prints, in the form of the originals (`NAME: fatal: …`).

use nix::errno::Errno;

use crate::error::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_REFUSED, EXIT_WRONG, cause_text};
use crate::s6_commands::not_provided;
use crate::text::shown_bytes;

/// Why a command ends early.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What is printed behind the name.
    pub text: String,
    /// Another name in front of it: that of a program which the original has in the chain.
    pub by: Option<&'static str>,
}

impl Failure {
    /// An error with this exit code.
    pub fn fatal(code: u8, what: impl AsRef<str>) -> Self {
        Self { code, text: format!("fatal: {}", what.as_ref()), by: None }
    }

    /// Something that the caller wrote is wrong: exit 100.
    pub fn wrong(what: impl AsRef<str>) -> Self {
        Self::fatal(EXIT_WRONG, what)
    }

    /// The arguments are wrong: exit 100.
    pub fn usage(synopsis: &str) -> Self {
        Self { code: EXIT_WRONG, text: format!("usage: {synopsis}"), by: None }
    }

    /// The system refused something: exit 111. `what` follows "unable to".
    pub fn unable(what: impl AsRef<str>, errno: Errno) -> Self {
        Self::fatal(EXIT_REFUSED, format!("unable to {}: {}", what.as_ref(), errno_text(errno)))
    }

    /// A program cannot be executed: exit 127 if there is none, else 126.
    pub fn exec(program: &[u8], errno: Errno) -> Self {
        let code = if errno == Errno::ENOENT { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE };
        let mut failure = Self { code, ..Self::unable(format!("exec {}", shown_bytes(program)), errno) };
        if let Some(instead) = not_provided::instead_of(program).filter(|_| errno == Errno::ENOENT) {
            failure.text += &format!(" (stepdown does not provide it; instead: {instead})");
        }
        failure
    }

    /// Says that another program of the chain failed.
    #[must_use]
    pub fn by(self, name: &'static str) -> Self {
        Self { by: Some(name), ..self }
    }
}

/// Returns the text of an error of the kernel.
pub fn errno_text(errno: Errno) -> String {
    cause_text(&errno.into())
}
