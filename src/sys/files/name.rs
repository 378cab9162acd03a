//! Names of entries: which are valid, and the `*` `?` patterns of `clean`. Pure.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Returns whether a name that a directory listing gave can be the name of an entry. A damaged or hostile file system
/// may return anything; a `/` in it would turn one component into several.
pub fn is_entry(name: &CStr) -> bool {
    let bytes = name.to_bytes();
    !bytes.is_empty() && bytes != b"." && bytes != b".." && !bytes.contains(&b'/')
}

/// Returns the components of an absolute path, or what is wrong with it. `..` is not allowed: its
/// meaning depends on links.
pub fn components(path: &Path) -> Result<Vec<CString>, &'static str> {
    if !path.is_absolute() {
        return Err("it is not absolute");
    }
    let split = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
    split
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| match part {
            b".." => Err("it contains `..`"),
            name => CString::new(name).map_err(|_| "it contains a NUL byte"),
        })
        .collect()
}

/// Returns whether `name` is matched by `pattern`: `*` is any run of bytes, `?` any one, everything else itself. A
/// leading dot is not special: `clean = ["*"]` means everything.
///
/// Time is at most `pattern × name`: only the last `*` is retried.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                from += 1;
            }
            Some(_) | None => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    from = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("*.pid", "nginx.pid", true),
            ("*.pid", ".pid", true),
            ("*.pid", "nginx.pid.old", false),
            ("*", "", true),
            ("?", "", false),
            ("?x*", "axe", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("[a]", "a", false),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_exponential_time() {
        let pattern = "*a".repeat(200);
        assert!(!matches(pattern.as_bytes(), "a".repeat(199).as_bytes()));
    }

    #[test]
    fn odd_spellings_of_a_path_are_one_path() {
        let plain = components(Path::new("/etc/x")).unwrap();
        for odd in ["//etc/x", "/etc/./x/.", "/etc//x/"] {
            assert_eq!(components(Path::new(odd)).unwrap(), plain, "{odd}");
        }
    }

    #[test]
    fn paths_that_cannot_be_declared_say_why() {
        assert_eq!(components(Path::new("etc")), Err("it is not absolute"));
        assert_eq!(components(Path::new("")), Err("it is not absolute"));
        assert_eq!(components(Path::new("/a/../etc")), Err("it contains `..`"));
    }
}
