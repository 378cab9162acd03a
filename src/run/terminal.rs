//! The container's terminal: given to the main command, so that job control works in it and Ctrl-C reaches it alone;
//! services never have one (SECURITY T20).
#![allow(unsafe_code)] // ioctl(2) TIOCNOTTY, TIOCGSID

use nix::libc;
use nix::unistd::{Pid, getpid, getsid};

use crate::config::values::Signal;
use crate::sys::process::launch::Session;
use crate::sys::signals::Signals;

/// Gives up the terminal on descriptor 0 and returns how the main command takes it.
pub fn hand_over(signals: &mut Signals) -> Session {
    let session = getsid(None).unwrap_or(Pid::from_raw(0));
    let owner = terminal_session();
    if owner == Some(session) && session != getpid() {
        // The session's leader is another process (docker run --init -t, a shell): we stay in it.
        return Session::ForegroundGroup;
    }
    if owner == Some(session) {
        // SAFETY: takes numbers only.
        unsafe { libc::ioctl(0, libc::TIOCNOTTY) };
        // The kernel sends HUP to the foreground group when its leader gives up the terminal: this one is not a hang-up.
        signals.discard(Signal::HUP);
    }
    Session::OwnWithTerminal
}

/// Returns the session of the controlling terminal on descriptor 0, if it is visible in our PID namespace.
fn terminal_session() -> Option<Pid> {
    let mut session: libc::pid_t = 0;
    // SAFETY: `session` outlives the call.
    let done = unsafe { libc::ioctl(0, libc::TIOCGSID, &raw mut session) };
    (done == 0 && session > 0).then(|| Pid::from_raw(session))
}
