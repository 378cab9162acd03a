//! File work that stays where it was told to: handles instead of paths, never a followed link, never a second look-up
//! between looking and changing. What all root-phase file work is made of; must not know what it is done for.
//!
//! - [`resolve`]: from `/` to a declared path, with links followed only where nobody but root could have put them.
//! - [`beneath`]: from an open directory to an entry of it, or several levels down.
//! - [`stat`], [`change`], [`listing`]: look at, change and list what a handle holds.
//! - [`attributes`]: what decides whether an open file can be replaced.
//! - [`kernel`]: which of the newer calls can be used here; each has a fallback that is as safe.
//! - [`placed`]: who could have put a file where it stands.
//! - [`pseudo`]: which file systems are the kernel's own.
//! - [`descriptors`]: how many are open.
//! - [`remove`]: unlink a small tree of our own.
//! - [`socket`]: bind a unix socket in an open directory; [`umask`]: the mode of what is made.

pub mod attributes;
pub mod beneath;
pub mod change;
pub mod descriptors;
pub mod kernel;
pub mod listing;
pub mod name;
pub mod owners;
pub mod placed;
pub mod pseudo;
pub mod remove;
pub mod resolve;
pub mod socket;
pub mod stat;
pub mod umask;
pub mod xattr;
