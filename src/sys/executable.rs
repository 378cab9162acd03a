//! Executing a program that a chain goes on with, in this process or in a child. The child shares our memory until its exec,
//! as that of posix_spawn(3): no page is copied, whatever this process holds. PID 1 starts nothing so: its children are
//! `sys/process`'s, and execute such a program themselves.
#![allow(unsafe_code)] // clone(2), execve(2)
#![allow(clippy::disallowed_methods)] // this process is not PID 1

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::SigSet;

use crate::sys::exec_chain::{close_fd, copy_fd, wait};

/// What the child needs of a stack: a few system calls, in an unoptimised build.
const STACK: usize = 64 * 1024;

/// What a child changes in itself before it executes its program.
#[derive(Clone, Copy, Debug)]
pub enum ChildSetup<'a> {
    /// Nothing.
    Unchanged,
    /// One end of a pipe becomes descriptor `to`; neither end stays open elsewhere.
    Pipe {
        /// Where the end is wanted.
        to: i32,
        /// The end.
        from: i32,
        /// The parent's end.
        other: i32,
    },
    /// These signals are blocked, and no others.
    Blocked(&'a SigSet),
}

impl ChildSetup<'_> {
    /// Does it, without an allocation: the memory is the parent's.
    ///
    /// # Errors
    /// The kernel's.
    pub fn apply(self) -> Result<(), Errno> {
        match self {
            Self::Unchanged => Ok(()),
            Self::Pipe { to, from, other } => {
                copy_fd(to, from, true)?;
                if other != to {
                    close_fd(other);
                }
                Ok(())
            }
            Self::Blocked(signals) => signals.thread_set_mask(),
        }
    }
}

/// A program by the files that it may be, with its arguments and environment.
#[derive(Debug)]
pub struct Executable {
    files: Vec<CString>,
    argv: Vec<CString>,
    environment: Vec<CString>,
}

/// What parent and child share.
struct Shared<'a> {
    files: &'a [CString],
    argv: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    setup: ChildSetup<'a>,
    failure: Errno,
}

impl Executable {
    /// Returns the program that is the first of these files that is one.
    ///
    /// # Errors
    /// EINVAL when something of it contains a NUL.
    pub fn new(files: Vec<Vec<u8>>, argv: &[Vec<u8>], environment: &[Vec<u8>]) -> Result<Self, Errno> {
        let strings =
            |words: &[Vec<u8>]| words.iter().map(|word| CString::new(word.as_slice())).collect::<Result<Vec<_>, _>>();
        let made = || -> Result<Self, std::ffi::NulError> {
            let files = files.into_iter().map(CString::new).collect::<Result<_, _>>()?;
            Ok(Self { files, argv: strings(argv)?, environment: strings(environment)? })
        };
        made().map_err(|_| Errno::EINVAL)
    }

    /// Executes it in this process; returns only if that fails.
    pub fn execute(&self) -> Errno {
        execute(&self.files, &pointers(&self.argv), &pointers(&self.environment))
    }

    /// Executes it in a child; returns the child's process id. Only for a process of one thread without signal handlers.
    ///
    /// # Errors
    /// No process can be created, the set-up failed, or none of the files could be executed.
    pub fn start(&self, setup: ChildSetup<'_>) -> Result<i32, Errno> {
        let mut stack: Box<[MaybeUninit<u8>]> = Box::new_uninit_slice(STACK);
        let mut shared = Shared {
            files: &self.files,
            argv: pointers(&self.argv),
            environment: pointers(&self.environment),
            setup,
            failure: Errno::UnknownErrno,
        };
        let top = stack.as_mut_ptr_range().end;
        // The stack of every architecture that we build for is aligned to 16 and grows downwards.
        let top = top.map_addr(|address| address & !15);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let argument = ptr::from_mut(&mut shared).cast::<c_void>();
        // SAFETY: the child has a stack of its own, and this thread, the only one, stands still until it has executed a
        // program or is gone; until then all that it reads and writes outlives it.
        let pid = Errno::result(unsafe { libc::clone(become_program, top.cast(), flags, argument) })?;
        // SAFETY: as above; the child may have written it behind the compiler's back.
        match unsafe { ptr::read_volatile(&raw const shared.failure) } {
            Errno::UnknownErrno => Ok(pid),
            failure => {
                let _gone = wait(pid, true);
                Err(failure)
            }
        }
    }
}

extern "C" fn become_program(shared: *mut c_void) -> c_int {
    // SAFETY: the caller's, which waits.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    shared.failure = match shared.setup.apply() {
        Ok(()) => execute(shared.files, &shared.argv, &shared.environment),
        Err(errno) => errno,
    };
    libc::EXIT_FAILURE
}

/// Pointers to strings, with the null at the end.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// Tries one file after the other, as skalibs' exec_ae(3) does; returns why none was executed.
fn execute(files: &[CString], argv: &[*const c_char], environment: &[*const c_char]) -> Errno {
    let mut failure = Errno::ENOENT;
    for file in files {
        // SAFETY: NUL-terminated strings, and arrays of such with a null at their end.
        unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
        match Errno::last() {
            Errno::ENOENT => {}
            errno @ (Errno::EACCES | Errno::EPERM | Errno::EISDIR | Errno::ENOTDIR) => failure = errno,
            errno => return errno,
        }
    }
    failure
}
