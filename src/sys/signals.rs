//! Signal handlers, installed before anything else: PID 1 has no default dispositions, so a `docker stop` during a long
//! chown would be ignored without them. Knows which signals came, not what they mean.
#![allow(unsafe_code)] // signal(2)

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::signal::{self, SigSet};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::config::values::Signal;
use crate::error::Refused;

/// Signals that the kernel sends for a fault of our own, and the two that cannot be caught. Faults have no handler: PID 1
/// ignores them from others, and a real fault must end the process. See [`Signals::watch_faults`].
const NOT_HANDLED: [i32; 9] = [
    4,  // ILL
    5,  // TRAP
    7,  // BUS
    8,  // FPE
    9,  // KILL
    11, // SEGV
    13, // PIPE: ignored since the start (std); our own writes raise it
    19, // STOP
    31, // SYS
];

/// The signals of [`Signals::watch_faults`]: the same without the two that cannot be blocked.
const FAULTS: [signal::Signal; 7] =
    [signal::SIGILL, signal::SIGTRAP, signal::SIGBUS, signal::SIGFPE, signal::SIGSEGV, signal::SIGPIPE, signal::SIGSYS];

/// Two signals between the standard ones and SIGRTMIN are used by glibc (nptl(7)).
const GLIBC_OWN: std::ops::Range<i32> = 32..34;

/// The installed handlers.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    stop: Arc<AtomicBool>,
    last_stop: Arc<AtomicUsize>,
    held: Vec<Signal>,
    faults: Option<SignalFd>,
    may_have_more: bool,
}

impl Signals {
    /// Installs a handler for every signal that can be caught and is not a fault, and blocks none.
    ///
    /// # Errors
    /// When no socket pair can be created or no handler installed.
    pub fn install() -> Result<Self, Refused> {
        let refused = |cause: io::Error| Refused::new("cannot install signal handlers", cause);
        // std's handlers for these two run on a small stack of their own, on which a burst of others would pile up and
        // overflow it; as PID 1 the default ignores them from others, and a real fault still ends the process.
        for fault in [signal::SIGSEGV, signal::SIGBUS] {
            // SAFETY: SIG_DFL is no code of ours.
            unsafe { signal::signal(fault, signal::SigHandler::SigDfl) }.map_err(|errno| refused(errno.into()))?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let last_stop = Arc::new(AtomicUsize::new(0));
        for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
            let number = usize::try_from(signal.number()).unwrap_or_default();
            // Actions run in the order of their registration: first which signal, then that one came.
            signal_hook::flag::register_usize(signal.number(), Arc::clone(&last_stop), number).map_err(refused)?;
            signal_hook::flag::register(signal.number(), Arc::clone(&stop)).map_err(refused)?;
        }
        let (read, write) = UnixStream::pair().map_err(refused)?;
        read.set_nonblocking(true).map_err(refused)?;
        let all = (1..=Signal::MAX).filter(|number| !NOT_HANDLED.contains(number) && !GLIBC_OWN.contains(number));
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, all).map_err(refused)?;
        // The mask is inherited through exec (sigprocmask(2)): a caller that had blocked signals would have left us
        // without TERM and CHLD.
        SigSet::empty().thread_set_mask().map_err(|errno| refused(errno.into()))?;
        Ok(Self { delivery, stop, last_stop, held: Vec::new(), faults: None, may_have_more: false })
    }

    /// Returns the stop signal that came since the start, if any. For the steps before the event loop.
    pub fn stop_requested(&self) -> Option<Signal> {
        let asked = self.stop.load(Ordering::SeqCst);
        asked.then(|| i32::try_from(self.last_stop.load(Ordering::SeqCst)).ok().and_then(Signal::from_number)).flatten()
    }

    /// Returns the flag that long root steps check: true when a stop signal has come.
    pub fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Blocks fault signals and PIPE and reads them from a descriptor, so that those sent by others are like any other
    /// signal. A fault of our own still kills us, because the kernel does not allow it to be blocked (sigprocmask(2)).
    /// Children are started with an empty mask.
    ///
    /// # Errors
    /// When no descriptor can be created.
    pub fn watch_faults(&mut self) -> io::Result<()> {
        let faults: SigSet = FAULTS.into_iter().collect();
        let descriptor = SignalFd::with_flags(&faults, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        faults.thread_block()?;
        self.faults = Some(descriptor);
        Ok(())
    }

    /// Returns the descriptor that is readable for fault signals, if they are watched. [`Signals::pending`] reads it.
    pub fn faults(&self) -> Option<BorrowedFd<'_>> {
        self.faults.as_ref().map(AsFd::as_fd)
    }

    /// Returns the signals that came since the last call, each once. Several of one kind coalesce, CHLD above all.
    ///
    /// Reading them does not clear [`Self::stop_requested`].
    pub fn pending(&mut self) -> Vec<Signal> {
        let mut came = std::mem::take(&mut self.held);
        came.extend(self.delivery.pending().filter_map(Signal::from_number));
        let (faults, may_have_more) = self.faults.as_ref().map(read_faults).unwrap_or_default();
        came.extend(faults);
        self.may_have_more = may_have_more;
        came
    }

    /// Returns whether the last call of [`Self::pending`] may have left some: others may send faster than we read.
    pub fn may_have_more(&self) -> bool {
        self.may_have_more
    }

    /// Discards `signal` if it came, because we caused it ourselves. All others stay for [`Self::pending`].
    pub fn discard(&mut self, signal: Signal) {
        self.held = self.pending();
        self.held.retain(|came| *came != signal);
    }
}

impl AsFd for Signals {
    /// Returns the descriptor that is readable when a signal came. [`Signals::pending`] empties it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

/// Returns whether reading gave nothing only because there is nothing now.
pub fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Reads as many as can wait at a time, each kind once, and returns whether there may be more. PIPE of our own is a write's,
/// which says so itself.
fn read_faults(faults: &SignalFd) -> (Vec<Signal>, bool) {
    let mut came = Vec::new();
    for _ in FAULTS {
        let Ok(Some(info)) = faults.read_signal() else { return (came, false) };
        let number = i32::try_from(info.ssi_signo).ok().and_then(Signal::from_number);
        came.extend(number.filter(|_| info.ssi_pid != std::process::id()));
    }
    (came, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_at_a_time_than_can_wait_whoever_goes_on_sending() {
        let set: SigSet = FAULTS.into_iter().collect();
        set.thread_block().unwrap();
        let faults = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).unwrap();
        assert_eq!(read_faults(&faults), (vec![], false));
        FAULTS.into_iter().for_each(|fault| signal::raise(fault).unwrap());
        assert_eq!(read_faults(&faults), (vec![], true), "all of them are our own");
        assert_eq!(read_faults(&faults), (vec![], false));
    }
}
