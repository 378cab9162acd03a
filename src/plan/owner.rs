//! [`Owner`]: user and group id of a file. Must not know names.

use crate::config::values::{Gid, Uid};

/// An owner and a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: Uid,
    /// Group id.
    pub gid: Gid,
}
