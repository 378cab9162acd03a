//! The account files as bytes: passwd(5), group(5), shadow(5), gshadow(5). Bytes in, bytes out; every line that is not ours
//! stays unchanged, whatever it contains. Must not know where the bytes come from or whether they can be written.
//!
//! What counts as a record follows glibc's `files` service: leading blanks are skipped, `#` opens a comment, the first
//! match wins, missing text fields are empty. Names that start with `+` or `-` are NIS lines, not accounts.
//! A new line ends in a bare newline, also in a CRLF file (a `\r` would become part of the shell's path), and is put
//! before the first NIS line. A newline is added only if it is appended after a last line without one.

pub mod group;
mod line;
pub mod passwd;
pub mod shadow;

/// Lines longer than this are never changed or matched (SECURITY 1.2).
pub const MAX_LINE: usize = 64 * 1024;

/// The wanted contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// All of it; equal to the old bytes if nothing had to change.
    pub contents: Vec<u8>,
    /// The changes, in words; empty if there are none.
    pub changes: Vec<String>,
    /// The first other name with the same id, if there is one.
    pub shared_with: Option<String>,
}

impl Rewrite {
    /// Returns the rewrite that changes nothing.
    pub(in crate::plan) fn nothing(bytes: &[u8]) -> Self {
        Self { contents: bytes.to_vec(), changes: Vec::new(), shared_with: None }
    }
}
