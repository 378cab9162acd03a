//! [`LogFormat`]: how a line of a service reaches the container's output. Must not know who writes it.

/// How services' lines are written (DESIGN §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Inherit with one program, tagged with several.
    Auto,
    /// Untouched: services hold the container's own stdout and stderr.
    Inherit,
    /// `web | line`.
    Tagged,
    /// One JSON object a line.
    Json,
}
