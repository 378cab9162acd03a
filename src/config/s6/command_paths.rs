//! The paths by which scripts call the commands of s6, execline and s6-overlay. Must not know the commands.

use std::path::Path;

/// Where s6-overlay has its commands; in `/usr/bin` only some of them.
const DIRECTORIES: [&str; 2] = ["/command", "/package/admin"];

/// Returns whether a name can only mean a command of s6, execline or s6-overlay.
pub fn is_unmistakable(name: &str) -> bool {
    name.starts_with("s6-") || ["execlineb", "with-contenv", "printcontenv", "logutil-service"].contains(&name)
}

/// Returns whether `install-links` creates a program, as far as its path says.
pub fn is_installed_by_links(program: &Path) -> bool {
    let is_named = || program.file_name().and_then(|name| name.to_str()).is_some_and(is_unmistakable);
    DIRECTORIES.iter().any(|directory| program.starts_with(directory)) || is_named()
}
