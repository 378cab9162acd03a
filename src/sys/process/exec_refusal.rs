//! Why a program could not be executed, found out by an execution of this program in its place: a child that shares PID 1's
//! memory cannot look it up itself, and PID 1 may not wait for a disk, and has other rights. The same process continues, with
//! the same descriptors, and writes what a forked child would have written.
#![allow(unsafe_code)] // execve(2), fcntl(2) in the child

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::unistd::AccessFlags;

use crate::supervise::SpawnStep;
use crate::sys::access;
use crate::sys::exec_failure;
use crate::sys::process::child;
use crate::sys::process::raw::{self, call};
use crate::sys::process::spawn_record::encode;

/// How this program is called for it.
const NAME: &CStr = c"stepdown-exec-refusal";
/// The program of unit tests is another.
const THIS_PROGRAM: &CStr = if cfg!(test) { c"/nonexistent/stepdown" } else { c"/proc/self/exe" };

/// Executes this program to report through the pipe why `program` could not be executed. Returns if it cannot be executed
/// either. Called by a child that shares PID 1's memory.
pub fn explain(exec_pipe: RawFd, errno: Errno, program: &CStr) {
    let (pipe, errno) = (decimal(exec_pipe), decimal(errno as i32));
    let argv = [NAME.as_ptr(), pipe.as_ptr().cast(), errno.as_ptr().cast(), program.as_ptr(), ptr::null()];
    let env = [ptr::null()];
    // SAFETY: takes numbers only: the pipe stays open at the exec.
    let _kept = unsafe { call!(fcntl, exec_pipe, libc::F_SETFD, 0) };
    // SAFETY: strings that end with NUL, in arrays that end with a null pointer.
    unsafe { raw::execute(THIS_PROGRAM.as_ptr(), argv.as_ptr(), env.as_ptr()) };
}

/// Returns whether a child with the ids of this process can execute this program: there is a `/proc`, and this user may.
pub fn is_possible() -> bool {
    cfg!(test) || access::check(Path::new(OsStr::from_bytes(THIS_PROGRAM.to_bytes())), AccessFlags::X_OK).is_ok()
}

/// If this process is such an execution, writes the report, and returns the exit code.
pub fn called(argv: &[OsString]) -> Option<u8> {
    let [name, pipe, errno, program] = argv else { return None };
    if name.as_bytes() != NAME.to_bytes() {
        return None;
    }
    // The service, whose user we are, has no business in what PID 1 is told.
    let _dumpable = prctl::set_dumpable(false);
    let number = |word: &OsStr| word.to_str().and_then(|word| word.parse::<i32>().ok());
    if let (Some(pipe), Some(errno)) = (number(pipe), number(errno).map(Errno::from_raw)) {
        let program = Path::new(program);
        let why = exec_failure::explain(errno, program).explanation(program);
        child::write_report(pipe, encode((SpawnStep::Exec, errno)), why.as_bytes());
    }
    Some(child::EXIT_REFUSED)
}

/// Returns a number, which is not negative, as text that ends with NUL. Allocates nothing.
fn decimal(number: i32) -> [u8; 11] {
    let mut text = [0; 11];
    let mut rest = number.unsigned_abs();
    for digit in text.iter_mut().rev().skip(1) {
        *digit = b"0123456789".get((rest % 10) as usize).copied().unwrap_or(b'0');
        rest /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_and_a_descriptor_are_written_and_read() {
        let read = |number| {
            let text = decimal(number);
            CStr::from_bytes_with_nul(&text).unwrap().to_str().unwrap().parse::<i32>()
        };
        for errno in [Errno::EPERM, Errno::ENOENT, Errno::E2BIG, Errno::ELIBBAD, Errno::EHWPOISON] {
            assert_eq!(read(errno as i32).map(Errno::from_raw), Ok(errno));
        }
        for descriptor in [3, 10, 1_048_575, i32::MAX] {
            assert_eq!(read(descriptor), Ok(descriptor));
        }
    }

    #[test]
    fn other_calls_are_not_meant() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(called(&words(&["stepdown", "9", "2", "/x"])), None);
        assert_eq!(called(&words(&["stepdown-exec-refusal", "9"])), None);
        assert_eq!(called(&[]), None);
    }
}
