//! Patterns of file names (fnmatch(3)), as the C library has them. Must not know what is matched.
#![allow(unsafe_code)] // fnmatch(3): no wrapper in nix

use std::ffi::CStr;

use nix::libc;

/// How a pattern is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// A backslash is a letter.
    pub has_no_escapes: bool,
    /// A dot at the beginning is matched by a dot alone.
    pub hides_dot_files: bool,
    /// A slash is matched by a slash alone.
    pub knows_paths: bool,
}

/// Returns whether a text matches a pattern; `None`: it is no pattern.
pub fn matches(pattern: &CStr, text: &CStr, matching: Matching) -> Option<bool> {
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    let flags = flag(matching.has_no_escapes, libc::FNM_NOESCAPE)
        | flag(matching.hides_dot_files, libc::FNM_PERIOD)
        | flag(matching.knows_paths, libc::FNM_PATHNAME);
    // SAFETY: two strings that end with a NUL.
    match unsafe { libc::fnmatch(pattern.as_ptr(), text.as_ptr(), flags) } {
        0 => Some(true),
        libc::FNM_NOMATCH => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        let plain = Matching::default();
        assert_eq!(matches(c"a*[0-9]?", c"abc1x", plain), Some(true));
        assert_eq!(matches(c"a\\*", c"ab", plain), Some(false));
        assert_eq!(matches(c"a\\*", c"a\\b", Matching { has_no_escapes: true, ..plain }), Some(true));
        assert_eq!(matches(c"*", c".a", plain), Some(true));
        assert_eq!(matches(c"*", c".a", Matching { hides_dot_files: true, ..plain }), Some(false));
        assert_eq!(matches(c"*", c"a/b", Matching { knows_paths: true, ..plain }), Some(false));
    }
}
