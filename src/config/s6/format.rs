//! [`DirectoryFormat`]: which rules the directory of a service follows. Must not know its files.

use std::time::Duration;

use crate::config::s6_overlay::OverlayVersion;

/// s6-supervise starts a service at most once in this time.
pub const START_INTERVAL: Duration = Duration::from_secs(1);

/// Which of the formats a directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryFormat {
    /// An entry of a services tree (s6's servicedir, and what is usual of s6-rc).
    Servicedir,
    /// The same in an image made for s6-overlay of that version.
    LegacyServicedir(OverlayVersion),
    /// A definition of s6-rc in such an image.
    Definition,
}
