//! System calls of a child between fork and exec, and no others: they leave errno alone. The C library keeps errno in the
//! memory of a thread, and a child that shares PID 1's memory has PID 1's thread: PID 1 would read the child's errors.
//! Must not know what the calls are for.
#![allow(unsafe_code)] // the raw calls

use std::ffi::c_char;

use nix::errno::Errno;

/// Makes the system call of that name, with arguments that a register can hold: numbers and pointers.
///
/// Its value is unsafe to get: the caller says why the pointers are valid.
macro_rules! call {
    ($name:ident $(, $argument:expr)*) => {
        $crate::sys::process::raw::result(syscalls::syscall!(syscalls::Sysno::$name $(, $argument)*))
    };
}
pub(super) use call;

/// The kernel's `struct rlimit64` (prlimit(2)); all ones are no limit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ResourceLimit {
    /// What is enforced.
    pub soft: u64,
    /// How far the soft limit may be raised.
    pub hard: u64,
}

/// Returns the result of a call with the errors that the rest of the program uses.
///
/// # Errors
/// The kernel's.
pub fn result(returned: Result<usize, syscalls::Errno>) -> Result<usize, Errno> {
    returned.map_err(|errno| Errno::from_raw(errno.into_raw()))
}

/// Executes a program. Returns only on an error.
///
/// # Safety
/// `program` and all strings of the two arrays end with NUL, the arrays with a null pointer.
pub unsafe fn execute(program: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> Errno {
    // SAFETY: the caller's promise.
    unsafe { call!(execve, program, argv, env) }.err().unwrap_or(Errno::UnknownErrno)
}

/// Sets a limit of this process, by its number.
///
/// # Errors
/// The kernel's.
pub fn set_limit(resource: u32, value: ResourceLimit) -> Result<(), Errno> {
    // SAFETY: `value` outlives the call, which reads it.
    unsafe { call!(prlimit64, 0, resource, &raw const value, 0) }.map(drop)
}

/// Returns a limit of this process, by its number.
///
/// # Errors
/// The kernel's.
pub fn limit(resource: u32) -> Result<ResourceLimit, Errno> {
    let mut value = ResourceLimit { soft: 0, hard: 0 };
    // SAFETY: `value` outlives the call, which writes it.
    unsafe { call!(prlimit64, 0, resource, 0, &raw mut value) }?;
    Ok(value)
}

/// Ends this process without running what the C library has to do at its end, which is PID 1's.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: takes a number only, and does not return.
        let _never = unsafe { call!(exit_group, code) };
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn errors_are_returned_and_errno_is_not_touched() {
        Errno::set_raw(77);
        // SAFETY: takes a number only.
        assert_eq!(unsafe { call!(close, i32::MAX) }, Err(Errno::EBADF));
        assert_eq!(Errno::last_raw(), 77);
    }

    #[test]
    fn limits_are_those_that_the_c_library_reads() {
        let (soft, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        let there = limit(libc::RLIMIT_NOFILE).unwrap();
        assert_eq!((there.soft, there.hard), (soft, hard));
        assert_eq!(set_limit(libc::RLIMIT_NOFILE, there), Ok(()));
    }
}
