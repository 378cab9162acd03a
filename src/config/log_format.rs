//! [`LogFormat`]: the format of services' lines on the container's output. Must not know how they are written.

/// How services' lines are written (DESIGN §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Inherit with one program, tagged with several.
    Auto,
    /// Unchanged: services inherit the container's stdout and stderr.
    Inherit,
    /// `web | line`.
    Tagged,
    /// One JSON object for each line.
    Json,
}
