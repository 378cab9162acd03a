//! The container's terminal: given to the main command, so that job control works in it and Ctrl-C reaches it alone;
//! services never have one (SECURITY T20).
#![allow(unsafe_code)] // ioctl(2) TIOCNOTTY, TIOCGSID

use nix::libc;
use nix::unistd::{Pid, getpid, getsid};

use crate::config::values::Signal;
use crate::sys::process::launch::Session;
use crate::sys::signals::Signals;

/// Lets go of the terminal on descriptor 0 and returns how the main command takes it.
pub fn hand_over(signals: &mut Signals) -> Session {
    let session = getsid(None).unwrap_or(Pid::from_raw(0));
    let terminal_of = terminal_session();
    if terminal_of == Some(session) && session != getpid() {
        // Its session belongs to somebody above us (docker run --init -t, a shell): we stay in it.
        return Session::ForegroundGroup;
    }
    if terminal_of == Some(session) {
        // SAFETY: takes numbers only.
        unsafe { libc::ioctl(0, libc::TIOCNOTTY) };
        // The kernel hangs the foreground group up when its leader lets go: that was us, and nobody hung up.
        signals.discard(Signal::HUP);
    }
    Session::OwnWithTerminal
}

/// Returns the session whose controlling terminal descriptor 0 is, if it is any that we can see.
fn terminal_session() -> Option<Pid> {
    let mut session: libc::pid_t = 0;
    // SAFETY: `session` outlives the call.
    let done = unsafe { libc::ioctl(0, libc::TIOCGSID, &raw mut session) };
    (done == 0 && session > 0).then(|| Pid::from_raw(session))
}
