//! Safe file operations: handles instead of paths, no link followed, no second look-up of a name between check and change.
//! All file operations of the root phase use them; must not know what they are used for.
//!
//! - [`resolve`]: from `/` to a declared path, following links only where only root could have put them.
//! - [`beneath`]: from an open directory to an entry of it, or several levels down.
//! - [`in_root`]: from the top of an image to a directory of it, following links as they lead in the image.
//! - [`stat`], [`change`], [`listing`]: stat, change and list the file of a handle.
//! - [`attributes`]: what decides whether an open file can be replaced.
//! - [`syscall_support`]: which of the newer system calls can be used; each has a fallback that is as safe.
//! - [`placed_by`]: who could have put a file where it is.
//! - [`pseudo`]: kernel file systems (procfs, sysfs …).
//! - [`descriptors`]: how many are open.
//! - [`remove`]: removes a small tree of our own.
//! - [`socket`]: binds a unix socket in an open directory; [`umask`]: the umask while files are created.

pub mod attributes;
pub mod beneath;
pub mod change;
pub mod descriptors;
pub mod in_root;
pub mod listing;
pub mod name;
pub mod owners;
pub mod placed_by;
pub mod pseudo;
pub mod remove;
pub mod resolve;
pub mod socket;
pub mod stat;
pub mod syscall_support;
pub mod umask;
pub mod xattr;
