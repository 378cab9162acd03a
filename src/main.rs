//! The entry point that the C library calls: hands argv to the library and returns its exit code.
//!
//! It is not Rust's `fn main`, whose start-up serves programs of many threads: it reads `/proc/self/maps`, makes a stack for
//! signal handlers, handles SIGSEGV and SIGBUS, and ignores SIGPIPE, which programs that are executed in our place would
//! inherit. A helper command is over in less time than that takes, and PID 1 undoes most of it.
#![no_main]
#![allow(unsafe_code)] // the symbol `main`

use std::ffi::{c_char, c_int};
use std::panic::catch_unwind;

/// As Rust's start-up ends a program that panics outside of PID 1's event loop.
const EXIT_PANIC: c_int = 101;

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    catch_unwind(|| {
        stepdown::sys::stdio_at_start::open_missing();
        // SAFETY: the C library passes what the kernel gave: `argc` strings that stay as they are.
        let argv = unsafe { stepdown::sys::arguments::read(argc, argv) };
        c_int::from(stepdown::cli::main(argv))
    })
    .unwrap_or(EXIT_PANIC)
}
