//! POSIX extended regular expressions (regex(3)), as the C library has them: s6-log's scripts are written in them. Must not
//! know what is searched.
#![allow(unsafe_code)] // regcomp(3), regexec(3), regfree(3): no wrapper in nix

use std::ffi::CStr;
use std::mem::MaybeUninit;

use nix::libc;

/// A compiled expression.
pub struct Regex(libc::regex_t);

impl Regex {
    /// Compiles an extended expression; `None`: it is none. `.` and negated sets do not match a newline.
    pub fn new(pattern: &CStr) -> Option<Self> {
        let mut compiled = MaybeUninit::<libc::regex_t>::zeroed();
        let flags = libc::REG_EXTENDED | libc::REG_NOSUB | libc::REG_NEWLINE;
        // SAFETY: the buffer has the size that the call writes, the pattern ends with a NUL.
        let result = unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), flags) };
        // SAFETY: it was compiled, so the value is whole.
        (result == 0).then(|| Self(unsafe { compiled.assume_init() }))
    }

    /// Returns whether a text contains a match.
    pub fn matches(&self, text: &CStr) -> bool {
        // SAFETY: it was compiled; no places of matches are asked for.
        unsafe { libc::regexec(&raw const self.0, text.as_ptr(), 0, std::ptr::null_mut(), 0) == 0 }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: it was compiled, and nobody uses it any more.
        unsafe { libc::regfree(&raw mut self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_expressions_are_searched_for() {
        let matches = |pattern, text| Regex::new(pattern).map(|regex| regex.matches(text));
        assert_eq!(matches(c"^a(b|c)+$", c"abcb"), Some(true));
        assert_eq!(matches(c"b", c"abc"), Some(true));
        assert_eq!(matches(c"^b", c"abc"), Some(false));
        assert_eq!(matches(c"", c"abc"), Some(true));
        assert_eq!(matches(c"(", c""), None);
    }
}
