//! Paths as they are declared: absolute, normalised, and for what root will change, not one of the system's own.
//! Text in, path out; must not know whether anything is there.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::quote::quoted;
use super::report::Report;
use super::toml_field::Field;

/// Directories that hold the system: they cannot be declared themselves, what lies below can (DESIGN §3.2).
const SYSTEM: [&str; 12] =
    ["/", "/bin", "/boot", "/dev", "/etc", "/home", "/root", "/run", "/sbin", "/tmp", "/usr", "/var"];

/// Kernel file systems: not at all, neither themselves nor what lies below.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// PATH_MAX: a longer home is not one.
const MAX_FIELD: usize = 4096;

/// Returns an absolute path, normalised.
pub fn absolute(field: &Field<'_>, report: &mut Report<'_>) -> Option<PathBuf> {
    let text = field.string(report)?;
    match normal(text) {
        Ok(path) => Some(PathBuf::from(path)),
        Err(remedy) => {
            field.refuse(remedy, report);
            None
        }
    }
}

/// Returns a path that root may change the owner of, or make: absolute and not one of the system's own.
pub fn declared(field: &Field<'_>, report: &mut Report<'_>) -> Option<PathBuf> {
    let path = absolute(field, report)?;
    let text = path.to_str()?;
    if is_systems(text) {
        field.refuse(format!("{} belongs to the system: declare a path below it", quoted(text)), report);
        return None;
    }
    if KERNEL.iter().any(|kernel| path.starts_with(kernel)) {
        field.refuse("nothing below /proc and /sys can be declared", report);
        return None;
    }
    Some(path)
}

/// Returns whether a normalised path is a directory that holds the system: nobody should be told to give it away.
pub fn is_systems(path: &str) -> bool {
    let library = path.strip_prefix("/lib").is_some_and(|rest| matches!(rest, "" | "32" | "64" | "x32"));
    SYSTEM.contains(&path) || library
}

/// Returns a path relative to a declared one, as `exclude` has them.
pub fn relative(field: &Field<'_>, text: &str, report: &mut Report<'_>) -> Option<PathBuf> {
    match normal(&format!("/{text}")) {
        Ok(path) if path != "/" && !text.starts_with('/') => Some(PathBuf::from(path.trim_start_matches('/'))),
        _ => {
            field.refuse("write a path relative to `path`, without `..`", report);
            None
        }
    }
}

/// Returns a path for an account's line: nothing that would end the field or the line (SECURITY T09).
pub fn for_passwd(field: &Field<'_>, report: &mut Report<'_>) -> Option<PathBuf> {
    let path = absolute(field, report)?;
    if path.to_str().is_none_or(|text| text.contains(':')) {
        field.refuse("an account's line cannot hold a `:`", report);
        return None;
    }
    Some(path)
}

/// Drops empty components and `.`; refuses what is relative, climbs, or cannot be printed.
pub fn normal(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("write an absolute path");
    }
    if !text.starts_with('/') {
        return Err("write an absolute path, beginning with `/`");
    }
    if text.chars().any(char::is_control) {
        return Err("a path here cannot hold control characters");
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("write the path without `..`");
    }
    Ok(format!("/{}", parts.join("/")))
}

/// Returns whether the path can be a field of passwd(5) without becoming a second record (CVE-2011-0721).
pub fn is_passwd_field(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    path.is_absolute() && bytes.len() <= MAX_FIELD && !bytes.iter().any(|byte| *byte == b':' || byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normalised() {
        for (written, meant) in [("/a//b/", "/a/b"), ("/a/./b/.", "/a/b"), ("//", "/"), ("/a..b/..c", "/a..b/..c")] {
            assert_eq!(normal(written).as_deref(), Ok(meant));
        }
    }

    #[test]
    fn a_path_that_climbs_or_is_relative_is_refused() {
        for bad in ["", "a", "./a", "../a", "/a/../etc", "/..", "/a\nb", "/a\u{1b}"] {
            assert!(normal(bad).is_err(), "{bad:?}");
        }
    }
}
