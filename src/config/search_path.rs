//! PATH: where a program whose name has no slash is looked for (execvp(3)). Must not look.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Docker's, and that of a container without one.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Which PATH a service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathSource<'a> {
    /// Its own.
    Declared(&'a OsStr),
    /// The container's ([`super::s6_overlay::container_path`]).
    Container,
    /// [`DEFAULT_PATH`].
    Default,
}

impl<'a> PathSource<'a> {
    /// Returns the PATH, in a container with that one.
    pub fn path(self, container: &'a OsStr) -> &'a OsStr {
        match self {
            Self::Declared(path) => path,
            Self::Container => container,
            Self::Default => OsStr::new(DEFAULT_PATH),
        }
    }
}

/// Returns the directories of a PATH, in order; empty ones, which mean the working directory, are skipped.
pub fn directories(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    let all = path.as_bytes().split(|byte| *byte == b':').filter(|place| !place.is_empty());
    all.map(|place| PathBuf::from(OsStr::from_bytes(place)))
}
