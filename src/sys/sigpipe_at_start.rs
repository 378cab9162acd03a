//! What SIGPIPE did before std ignored it: a program that is executed in our place must find it as it was. Runs before
//! `main`; must not allocate or print.
#![allow(unsafe_code)] // a function of `.init_array`, sigaction(2)

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};

/// Whether our parent ignores it.
static IGNORED: AtomicBool = AtomicBool::new(false);

// SAFETY: the loader calls what stands here once, before `main`, while there is one thread; it calls the kernel only.
#[used]
#[unsafe(link_section = ".init_array")]
static RUN_BEFORE_MAIN: extern "C" fn() = note;

extern "C" fn note() {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the buffer has the size that the call writes; nothing is changed.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), found.as_mut_ptr()) };
    // SAFETY: every field is a number, a set of bits or an optional function, so the zeroed and then written buffer is a
    // value.
    let handler = unsafe { found.assume_init() }.sa_sigaction;
    IGNORED.store(asked == 0 && handler == libc::SIG_IGN, Ordering::Relaxed);
}

/// Makes SIGPIPE do what it did before std's start.
pub fn restore() {
    if !IGNORED.load(Ordering::Relaxed) {
        // SAFETY: SIG_DFL is no code of ours.
        let _set = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    }
}
