//! The execline language: from a script's text to the argument vector that execlineb(1) executes, and the substitutions that
//! its words do on such vectors. Pure. Must not know how a word is executed, nor which programs there are.
//!
//! - [`lexer`]: words, quotes, comments, blocks.
//! - [`substitute`]: `${VAR}` in the words of an argument vector.
//! - [`transform`]: how a value becomes the list of values that a variable stands for.
//! - [`block`]: where a block of an argument vector ends.
//! - [`assignments`]: files of variables.
//! - `escape`: the letters of escapes in quotes, which scripts and such files share.
//! - [`positional`]: `#`, `0`, `1` … in the environment, and those of an outer script.
//!
//! All of it is measured against execlineb 2.9.3 (`tests/s6_commands`).

pub mod assignments;
pub mod block;
mod escape;
pub mod lexer;
pub mod positional;
pub mod substitute;
pub mod transform;

pub use lexer::{LexError, lex};
