//! PATH: where a program whose name has no slash is looked for (execvp(3)). Must not look.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Docker's, and that of a container without one.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the directories of a PATH, in order; empty ones, which mean the working directory, are skipped.
pub fn directories(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    let all = path.as_bytes().split(|byte| *byte == b':').filter(|place| !place.is_empty());
    all.map(|place| PathBuf::from(OsStr::from_bytes(place)))
}
