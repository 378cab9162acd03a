//! The account files as bytes: passwd(5), group(5), shadow(5), gshadow(5). Bytes in, bytes out; every line that we do not
//! mean to change stays as it is, whatever it holds. Must not know where the bytes come from or whether they can be written.
//!
//! What counts as a record follows glibc's `files` service: leading blanks are skipped, `#` opens a comment, the first
//! match wins, missing text fields are empty. Names that start with `+` or `-` are NIS lines and nobody's account.
//! A new line ends in a bare newline, also in a CRLF file (a `\r` would become part of the shell's path), and is put
//! before the first NIS line. Only where it is appended after a last line without newline is that newline added.

pub mod group;
mod line;
pub mod passwd;
pub mod shadow;

/// Lines longer than this are left alone and never matched (SECURITY 1.2).
pub const MAX_LINE: usize = 64 * 1024;

/// A file as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// All of it; equal to the old bytes if nothing had to change.
    pub contents: Vec<u8>,
    /// What differs, in words; empty if nothing does.
    pub changes: Vec<String>,
    /// The first other name that has the same number, if there is one.
    pub shared_with: Option<String>,
}

impl Rewrite {
    /// Returns the rewrite that changes nothing.
    pub(in crate::plan) fn nothing(bytes: &[u8]) -> Self {
        Self { contents: bytes.to_vec(), changes: Vec::new(), shared_with: None }
    }
}
