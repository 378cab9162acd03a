//! The escapes of C that stand for one byte, in the quotes of scripts and of files of variables. Must not know what else is
//! an escape there: numbers and line ends differ.

/// Returns the byte that a backslash and this character stand for in quotes; any character without a meaning is itself.
pub(super) fn byte_of_letter(letter: u8) -> u8 {
    match letter {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        other => other,
    }
}
