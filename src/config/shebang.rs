//! The first line of a program: what the kernel executes (ELF, `#!`), and the argument vector by which it runs a script (execve(2)). Bytes
//! in, arguments out; must not know whether the interpreter exists.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Returns whether a file begins with `#!`.
pub fn is_script(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!")
}

/// Returns whether the kernel executes a file: a script or an ELF program. Anything else is ENOEXEC.
pub fn is_program(bytes: &[u8]) -> bool {
    is_script(bytes) || bytes.starts_with(b"\x7fELF")
}

/// Returns the argument vector by which the kernel runs a script: the interpreter, and the rest of the line as one argument.
pub fn argv(bytes: &[u8]) -> Option<Vec<OsString>> {
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (program, argument) = line.split_at_checked(end)?;
    let argv = [program, argument.trim_ascii()].into_iter().filter(|word| !word.is_empty());
    Some(argv.map(|word| OsStr::from_bytes(word).to_owned()).collect()).filter(|argv: &Vec<_>| !argv.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_line_is_one_argument() {
        let of = |text: &str| argv(text.as_bytes());
        assert_eq!(of("#!/usr/bin/with-contenv bash -e\necho").unwrap(), ["/usr/bin/with-contenv", "bash -e"]);
        assert_eq!(of("#! /bin/sh \n").unwrap(), ["/bin/sh"]);
        assert_eq!([of("#!\n"), of("echo"), of("")], [None, None, None]);
    }
}
