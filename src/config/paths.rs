//! Declared paths: absolute, normalised, and, if root changes them, not a system directory. Text in, path out; must not know
//! whether they exist.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::file_report::FileReport;
use super::quote::quoted;
use super::toml_field::Field;

/// System directories: they cannot be declared themselves, paths below them can (DESIGN §3.2).
const SYSTEM: [&str; 12] =
    ["/", "/bin", "/boot", "/dev", "/etc", "/home", "/root", "/run", "/sbin", "/tmp", "/usr", "/var"];

/// Kernel file systems: neither themselves nor paths below them can be declared.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// PATH_MAX: a longer home is invalid.
const MAX_FIELD: usize = 4096;

/// Returns an absolute path, normalised.
pub fn absolute(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<PathBuf> {
    let text = field.string(report)?;
    match normal(text) {
        Ok(path) => Some(PathBuf::from(path)),
        Err(fix) => {
            field.refuse(fix, report);
            None
        }
    }
}

/// Returns a path whose owner root may change or that it may create: absolute and not a system directory.
pub fn declared(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<PathBuf> {
    let path = absolute(field, report)?;
    let text = path.to_str()?;
    if is_system_directory(text) {
        field.refuse(format!("{} belongs to the system: declare a path below it", quoted(text)), report);
        return None;
    }
    if KERNEL.iter().any(|kernel| path.starts_with(kernel)) {
        field.refuse("nothing below /proc and /sys can be declared", report);
        return None;
    }
    Some(path)
}

/// Returns whether a normalised path is a system directory, whose owner must never be changed.
pub fn is_system_directory(path: &str) -> bool {
    let library = path.strip_prefix("/lib").is_some_and(|rest| matches!(rest, "" | "32" | "64" | "x32"));
    SYSTEM.contains(&path) || library
}

/// Returns a path relative to a declared one, as `exclude` has them.
pub fn relative(field: &Field<'_>, text: &str, report: &mut FileReport<'_>) -> Option<PathBuf> {
    match normal(&format!("/{text}")) {
        Ok(path) if path != "/" && !text.starts_with('/') => Some(PathBuf::from(path.trim_start_matches('/'))),
        _ => {
            field.refuse("write a path relative to `path`, without `..`", report);
            None
        }
    }
}

/// Returns a path for an account's line: without characters that would end the field or the line (SECURITY T09).
pub fn for_passwd(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<PathBuf> {
    let path = absolute(field, report)?;
    if path.to_str().is_none_or(|text| text.contains(':')) {
        field.refuse("an account's line cannot hold a `:`", report);
        return None;
    }
    Some(path)
}

/// Removes empty components and `.`; refuses relative paths, `..`, and unprintable characters.
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
