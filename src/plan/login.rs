//! [`Login`]: what a service is told of its user. Must not know where it came from.

use std::path::PathBuf;

/// What the environment says of a user, as login(1) sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// HOME.
    pub home: PathBuf,
    /// USER and LOGNAME.
    pub user: String,
}
