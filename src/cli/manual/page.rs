//! A page of the manual, as a value. Must not know how it is written.

/// One page.
#[derive(Debug)]
pub(super) struct ManPage {
    /// `stepdown-status`, `stepdown.toml`.
    pub(super) name: String,
    /// The section of the manual: 1 for commands, 5 for files (man-pages(7)).
    pub(super) section: u8,
    /// Its source, for roff.
    pub(super) source: String,
}
