//! POSIX regular expressions (regex(3)), as the C library has them: s6-log's scripts and some commands of execline are written
//! in them. Must not know what is searched.
#![allow(unsafe_code)] // regcomp(3), regexec(3), regerror(3), regfree(3): no wrapper in nix

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ops::Range;

use nix::libc;

/// How an expression is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// An extended expression, not a basic one.
    pub is_extended: bool,
    /// Letters stand for their capitals too.
    pub ignores_case: bool,
}

/// A compiled expression.
pub struct Regex {
    compiled: libc::regex_t,
    groups: usize,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    /// In the C library's words.
    pub message: String,
    /// There was no memory for it.
    pub is_out_of_memory: bool,
}

impl Regex {
    /// Compiles an extended expression; `None`: it is none. `.` and negated sets do not match a newline.
    pub fn new(pattern: &CStr) -> Option<Self> {
        Self::compile(pattern, Syntax { is_extended: true, ignores_case: false }).ok()
    }

    /// Compiles an expression. `.` and negated sets do not match a newline.
    ///
    /// # Errors
    /// It is none.
    pub fn compile(pattern: &CStr, syntax: Syntax) -> Result<Self, RegexError> {
        let mut compiled = MaybeUninit::<libc::regex_t>::zeroed();
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = libc::REG_NEWLINE
            | flag(syntax.is_extended, libc::REG_EXTENDED)
            | flag(syntax.ignores_case, libc::REG_ICASE);
        // SAFETY: the buffer has the size that the call writes, the pattern ends with a NUL.
        let code = unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), flags) };
        if code != 0 {
            let mut text = [0_u8; 256];
            // SAFETY: the call writes at most so many bytes and a NUL, and reads nothing of what was not compiled.
            unsafe { libc::regerror(code, compiled.as_ptr(), text.as_mut_ptr().cast::<c_char>(), text.len()) };
            let message = CStr::from_bytes_until_nul(&text).unwrap_or_default().to_string_lossy().into_owned();
            return Err(RegexError { message, is_out_of_memory: code == libc::REG_ESPACE });
        }
        // SAFETY: it was compiled, so the value is whole.
        Ok(Self { compiled: unsafe { compiled.assume_init() }, groups: groups(pattern.to_bytes(), syntax.is_extended) })
    }

    /// Returns whether a text contains a match.
    pub fn matches(&self, text: &CStr) -> bool {
        // SAFETY: it was compiled; no places of matches are asked for.
        unsafe { libc::regexec(&raw const self.compiled, text.as_ptr(), 0, std::ptr::null_mut(), 0) == 0 }
    }

    /// Returns where the first match and its groups are; a group that took no part is empty. `None`: there is no match.
    pub fn captures(&self, text: &CStr) -> Option<Vec<Range<usize>>> {
        let mut found = vec![libc::regmatch_t { rm_so: -1, rm_eo: -1 }; self.groups + 1];
        // SAFETY: it was compiled, and as many places are written as are asked for.
        let code =
            unsafe { libc::regexec(&raw const self.compiled, text.as_ptr(), found.len(), found.as_mut_ptr(), 0) };
        let range = |place: &libc::regmatch_t| {
            let at = |offset| usize::try_from(offset).unwrap_or_default();
            at(place.rm_so)..at(place.rm_eo)
        };
        (code == 0).then(|| found.iter().map(range).collect())
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: it was compiled, and nobody uses it any more.
        unsafe { libc::regfree(&raw mut self.compiled) };
    }
}

/// Returns how many groups a valid expression has; the C library's own count is not the same field everywhere.
fn groups(pattern: &[u8], is_extended: bool) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(byte) = pattern.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                count += usize::from(!is_extended && pattern.get(at) == Some(&b'('));
                at += 1;
            }
            b'(' => count += usize::from(is_extended),
            b'[' => at = end_of_set(pattern, at),
            _ => {}
        }
    }
    count
}

/// Returns where a set ends that begins before `at`: a `]` at its beginning is a letter, and so is one in `[:alpha:]`.
fn end_of_set(pattern: &[u8], mut at: usize) -> usize {
    at += usize::from(pattern.get(at) == Some(&b'^'));
    at += usize::from(pattern.get(at) == Some(&b']'));
    while let Some(byte) = pattern.get(at) {
        at += 1;
        match (byte, pattern.get(at)) {
            (b']', _) => break,
            (b'[', Some(kind @ (b':' | b'.' | b'='))) => {
                let inside = pattern.get(at + 1..).unwrap_or_default();
                at += inside.windows(2).position(|end| end == [*kind, b']']).map_or(0, |length| length + 3);
            }
            _ => {}
        }
    }
    at
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

    #[test]
    fn groups_are_found_in_either_syntax() {
        let captures = |pattern, text, is_extended, ignores_case| {
            Regex::compile(pattern, Syntax { is_extended, ignores_case }).unwrap().captures(text)
        };
        assert_eq!(captures(c"a(b*)(x)?(c)", c"_abbc", true, false), Some(vec![1..5, 2..4, 0..0, 4..5]));
        assert_eq!(captures(c"a\\(b\\)(", c"ab(", false, false), Some(vec![0..3, 1..2]));
        assert_eq!(captures(c"A()", c"a", true, true), Some(vec![0..1, 1..1]));
        assert_eq!(captures(c"A", c"a", true, false), None);
        let none = RegexError { message: "Unmatched ( or \\(".into(), is_out_of_memory: false };
        let syntax = Syntax { is_extended: true, ignores_case: false };
        assert_eq!(Regex::compile(c"a(", syntax).map(drop), Err(none));
    }

    #[test]
    fn parentheses_in_sets_and_behind_backslashes_are_no_groups() {
        for (pattern, count) in
            [("(a)(b)", 2), ("[(]", 0), ("[]()](x)", 1), ("[[:alpha:](](y)", 1), ("\\((z)", 1), ("[^](]", 0)]
        {
            assert_eq!(groups(pattern.as_bytes(), true), count, "{pattern}");
        }
        assert_eq!(groups(b"\\(a\\)(b)[\\(]", false), 1);
    }
}
