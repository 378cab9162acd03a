//! The argument vector as C's `main` gets it.
#![allow(unsafe_code)] // pointers from the C library

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

/// Returns the arguments.
///
/// # Safety
/// `argv` points to at least `argc` pointers to strings, which nobody changes meanwhile.
pub unsafe fn read(argc: c_int, argv: *const *const c_char) -> Vec<OsString> {
    let count = usize::try_from(argc).unwrap_or_default();
    let argument = |index| {
        // SAFETY: the caller's.
        let argument = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsString::from_vec(argument.to_bytes().to_vec())
    };
    (0..count).map(argument).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_copied_in_their_order() {
        let given = [c"a".as_ptr(), c"".as_ptr(), c"b\xff".as_ptr(), std::ptr::null()];
        // SAFETY: three strings.
        let read = unsafe { read(3, given.as_ptr()) };
        assert_eq!(read, [b"a".to_vec(), vec![], b"b\xff".to_vec()].map(OsString::from_vec));
        // SAFETY: none is asked for.
        assert!(unsafe { super::read(0, std::ptr::null()) }.is_empty());
    }
}
